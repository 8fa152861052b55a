/**
 * What Node compiled of the sources, kept for the processes that tests start: most of the time that a command or a process of
 * functions takes to start is for removing types and compiling.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")

export const folder = join(root, "node_modules/.cache/effect-app-services/compiled")

/** For tests: `vitest.config.ts` names this file. */
export const setup = async (): Promise<void> => {
  // Node writes the cache when a process exits, which one of functions never does by itself: it is killed
  const child = spawn(process.execPath, ["src/server/functions/process/program.ts"], {
    cwd: root,
    env: { ...process.env, NODE_COMPILE_CACHE: folder },
    stdio: ["ignore", "ignore", "inherit", "pipe", "pipe", "pipe", "pipe"]
  })
  for (const pipe of child.stdio.slice(3)) pipe?.destroy()
  await once(child, "close")
}
