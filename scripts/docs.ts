/**
 * Writes the API reference into `docs/api/` from the declarations in `dist/`: a page for each public module, and an index
 * by room. Reports public exports without a docstring, a category or a version.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { publicModules, publicSymbols } from "./surface.ts"

const root = resolve(import.meta.dirname, "..")
const target = join(root, "docs/api")
const complaints: Array<string> = []

interface Doc {
  readonly text: string
  readonly tags: ReadonlyMap<string, string>
  readonly examples: ReadonlyArray<string>
}

/** A docstring: its text, its examples, and its other tags. */
const docOf = (comment: string): Doc => {
  const lines = comment
    .replace(/^\s*\/\*\*/, "")
    .replace(/\*\/\s*$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
  const [text = "", ...rest] = lines.split(/^@(?=\w)/m)
  const tags = new Map<string, string>()
  const examples: Array<string> = []
  for (const tag of rest) {
    const [, name = "", value = ""] = /^(\w+)\s*([^]*)$/.exec(tag) ?? []
    if (name === "example") examples.push(value.trim())
    else tags.set(name, value.trim())
  }
  return { text: text.trim().replaceAll(/\{@link (\w+)\}/g, "`$1`"), tags, examples }
}

const statement =
  /^(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?((?:export )?(?:declare )?(?:const|class|interface|type|function|namespace) (\w+)(?:(?!^(?:\/\*\*|export |declare |import |\/\/#))[^])*)/gm

interface Entry {
  readonly name: string
  readonly doc: Doc
  readonly code: string
}

const heading = (level: number, text: string) => `${"#".repeat(level)} ${text}`
const fenced = (code: string) => `\`\`\`typescript\n${code.trim()}\n\`\`\``

const entriesOf = (file: string, text: string): ReadonlyArray<Entry> => {
  const names = publicSymbols.get(`src/${file.replace(".d.ts", ".ts")}`)
  const bases = new Map<string, string>()
  const entries: Array<Entry> = []
  for (const [, comment, code = "", name = ""] of text.matchAll(statement)) {
    // the shape of a service is a declaration of its own, with the docstring of the class
    if (name.endsWith("_base")) {
      bases.set(name, code)
      continue
    }
    if (!code.startsWith("export ") || names?.has(name) !== true) continue
    const doc = docOf(comment ?? "")
    if (doc.tags.has("internal")) continue
    const base = bases.get(`${name}_base`)
    for (const problem of [
      ...(doc.text === "" && !entries.some((it) => it.name === name) && !doc.tags.has("category")
        ? ["no docstring"]
        : []),
      ...(doc.tags.has("category") ? [] : ["no @category"]),
      ...(doc.tags.has("since") ? [] : ["no @since"])
    ]) {
      complaints.push(`${file.replace(".d.ts", ".ts")}: ${name} has ${problem}`)
    }
    entries.push({ name, doc, code: base === undefined ? code : `${base.trim()}\n\n${code}` })
  }
  return entries
}

const section = ({ code, doc, name }: Entry): string => {
  const { category, deprecated, since } = Object.fromEntries(doc.tags)
  return [
    heading(2, name),
    category === undefined ? "" : `*${category}, since ${since}*`,
    deprecated === undefined ? "" : `**Deprecated.** ${deprecated}`,
    doc.text,
    fenced(code),
    ...doc.examples
  ]
    .filter((part) => part !== "")
    .join("\n\n")
}

rmSync(target, { recursive: true, force: true })
const pages: Array<{ readonly path: string; readonly summary: string }> = []
let exported = 0
const files = [...publicSymbols.keys()].map((file) => file.replace(/^src\/(.*)\.ts$/, "$1.d.ts"))
for (const file of files.toSorted()) {
  const text = readFileSync(join(root, "dist", file), "utf8")
  const path = file.replace(".d.ts", "")
  // the compiler drops the module's docstring together with an unused import behind it
  const source = readFileSync(join(root, "src", `${path}.ts`), "utf8")
  const module = docOf(/^\/\*\*[^]*?\*\//.exec(source)?.[0] ?? "")
  if (module.text === "") complaints.push(`${path}.ts has no docstring of the module`)
  // a docstring before the first import belongs to the module
  const entries = entriesOf(file, text.replace(/^\/\*\*[^]*?\*\/\n(?=import |export \{)/, ""))
  if (entries.length === 0) continue
  exported += entries.length
  const page = [
    heading(1, path.slice(path.lastIndexOf("/") + 1)),
    ...publicModules
      .filter((module) => module.file === `src/${path}.ts`)
      .map(({ name }) => `\`import * as ${name.slice(name.lastIndexOf("/") + 1)} from "${name}"\``),
    module.text,
    ...module.examples,
    ...entries.map(section)
  ].join("\n\n")
  const output = join(target, `${path}.md`)
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, `${page.replaceAll("```ts\n", "```typescript\n")}\n`)
  pages.push({ path, summary: module.text.split(/\.(?:\s|$)|:\s*$/m)[0] ?? "" })
}

const rooms = [...new Set(pages.map(({ path }) => path.slice(0, path.lastIndexOf("/"))))]
writeFileSync(
  join(target, "README.md"),
  [
    "# API reference",
    ...rooms.flatMap((room) => [
      heading(2, room),
      pages
        .filter(({ path }) => dirname(path) === room)
        .map(({ path, summary }) => `- [${path.slice(room.length + 1)}](${path}.md): ${summary.replaceAll("\n", " ")}`)
        .join("\n")
    ])
  ].join("\n\n") + "\n"
)

console.log(
  complaints.length === 0
    ? `${pages.length} pages about ${exported} exports in ${relative(root, target)}`
    : complaints.join("\n")
)
process.exitCode = complaints.length === 0 && pages.length > 0 ? 0 : 1
