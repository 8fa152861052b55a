/** Writes the snippets of the documentation as files: the `ts` blocks of a page as one, each example of a docstring as one. */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const read = (file: string) => readFileSync(join(root, file), "utf8")

/** The blocks of a text, without the prefix of each line in a comment or a list. */
const blocks = (text: string, prefix: RegExp): ReadonlyArray<string> =>
  [...text.matchAll(/^[ *]*```ts\n([^]*?)\n[ *]*```$/gm)].map(([, block = ""]) =>
    block
      .split("\n")
      .map((line) => line.replace(prefix, ""))
      .join("\n")
  )

/** The `ts` blocks of a page, in their order, as one program. */
export const programOf = (page: string): string => `${blocks(page, /^ {2}(?=\S|$)/).join("\n")}\nexport {}\n`

/** What a program says it prints: the comments after `// =>`. */
export const expectedOf = (program: string): ReadonlyArray<string> =>
  [...program.matchAll(/\/\/ => (.*)$/gm)].map(([, text = ""]) => text)

/** Writes them into a folder, which is emptied first; returns how many there are. */
export const writeSnippets = (folder: string): { readonly pages: number; readonly examples: number } => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const write = (name: string, code: string) => writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {}\n`)
  let pages = 0
  for (const file of ["README.md", "CONTRIBUTING.md", ...globSync("docs/**/*.md", { cwd: root })].toSorted()) {
    const found = blocks(read(file), /^ {2}(?=\S|$)/)
    if (found.length === 0) continue
    pages += found.length
    write(basename(file, ".md"), found.join("\n"))
  }
  let examples = 0
  for (const file of globSync("src/**/*.ts", { cwd: root }).toSorted()) {
    for (const code of blocks(read(file), /^ *\* ?/)) write(`${basename(file, ".ts")}-${++examples}`, code)
  }
  return { pages, examples }
}
