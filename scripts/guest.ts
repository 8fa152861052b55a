/**
 * Makes the script that runs in each realm of functions (`src/server/functions/process/guest/`), with what it imports. A
 * build has it beside the thread's module; tests, which run the sources, have it in `node_modules/.cache`.
 */
import { join, resolve } from "node:path"
import { readFileSync, renameSync } from "node:fs"
import * as esbuild from "esbuild"

const root = resolve(import.meta.dirname, "..")

/** `bson` would take 17 MB for each realm, to write BSON into, which none does. */
const smallBson: esbuild.Plugin = {
  name: "small-bson",
  setup: (build) =>
    build.onLoad({ filter: /[\\/]bson[\\/]lib[\\/]bson\.[a-z.]+$/ }, ({ path }) => {
      const contents = readFileSync(path, "utf8")
      const taken = "const MAXSIZE = 1024 * 1024 * 17;"
      if (!contents.includes(taken)) throw new Error(`${path} takes its memory in another way: look what it takes`)
      return { contents: contents.replace(taken, "const MAXSIZE = 0;") }
    })
}

export const buildGuest = async (outfile: string): Promise<esbuild.Metafile> => {
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: ["src/server/functions/process/guest/main.ts"],
    outfile,
    bundle: true,
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*"],
    format: "cjs",
    target: "node22",
    // what the script does to its realm is a side effect, which no module of the package has otherwise
    ignoreAnnotations: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    plugins: [smallBson]
  })
  return metafile
}

/** For tests: `vitest.config.ts` names this file. */
export const setup = async (): Promise<void> => {
  const file = join(root, "node_modules/.cache/effect-app-services/guest.js")
  // a process that is reading the file keeps the old one
  const made = `${file}.${process.pid}`
  await buildGuest(made)
  renameSync(made, file)
}

if (import.meta.main) await setup()
