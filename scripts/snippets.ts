/**
 * Type-checks every snippet that a reader might copy: the `ts` blocks of the README (one program, as they are read) and
 * the examples in the docstrings (a program each).
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const folder = join(root, ".snippets")
const read = (file: string) => readFileSync(join(root, file), "utf8")

/** The blocks of a text, without what stands in front of each line of a comment or a list. */
const blocks = (text: string, prefix: RegExp): ReadonlyArray<string> =>
  [...text.matchAll(/^[ *]*```ts\n([^]*?)\n[ *]*```$/gm)].map(([, block = ""]) =>
    block
      .split("\n")
      .map((line) => line.replace(prefix, ""))
      .join("\n")
  )

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
const write = (name: string, code: string) => writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {}\n`)

const readme = blocks(read("README.md"), /^ {2}(?=\S|$)/)
write("README", readme.join("\n"))
let examples = 0
for (const file of globSync("src/**/*.ts", { cwd: root }).toSorted()) {
  for (const code of blocks(read(file), /^ *\* ?/)) write(`${basename(file, ".ts")}-${++examples}`, code)
}
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

const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" })
rmSync(folder, { recursive: true, force: true })
console.log(status === 0 ? `${readme.length} blocks of the README and ${examples} examples compile` : stdout)
process.exitCode = status === 0 && readme.length > 0 && examples > 0 ? 0 : 1
