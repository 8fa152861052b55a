/**
 * Compiles and runs every snippet of the documentation: the `ts` blocks of a page as one program, and each example of a
 * docstring as a program of its own.
 *
 * A snippet finds `examples/shop` at http://127.0.0.1:9090, where the pages say it is, and a browser's `localStorage`. It has
 * to print what its comments say after `// =>`, in that order.
 */
import { spawnSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { writeSnippets } from "./snippetFiles.ts"

const root = resolve(import.meta.dirname, "..")
const folder = join(root, ".snippets")
const { examples, pages } = writeSnippets(folder)
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: "../tsconfig.json",
    compilerOptions: {
      noUnusedLocals: false,
      paths: { "effect-app-services": ["../src/index.ts"], "effect-app-services/*": ["../src/*.ts"] }
    },
    include: ["*.ts"]
  })
)

const run = (command: string, ...args: ReadonlyArray<string>): boolean => {
  const { status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8", cwd: root })
  if (status !== 0) console.log(`${stdout}${stderr}`)
  return status === 0
}
const ok =
  run(join(root, "node_modules/.bin/tsc"), "-p", folder) &&
  run(
    process.execPath,
    "--no-warnings",
    "--experimental-webstorage",
    `--localstorage-file=${join(folder, "localStorage")}`,
    join(root, "scripts/runSnippets.ts"),
    folder
  )
rmSync(folder, { recursive: true, force: true })
if (ok) console.log(`${pages} blocks of the documentation and ${examples} examples compile and run`)
process.exitCode = ok && pages > 0 && examples > 0 ? 0 : 1
