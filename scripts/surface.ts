/**
 * The public surface: the modules that `exports` of package.json names, each with its file, and how many symbols they
 * export. Reports entry points that re-export a module that is not named, and pages, examples and tests that
 * import a module by the package's name that users cannot import.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const read = (file: string) => readFileSync(join(root, file), "utf8")
const manifest: {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
} = JSON.parse(read("package.json"))

export interface PublicModule {
  /** As it is imported: `effect-app-services/client/AuthApi`. */
  readonly name: string
  /** Its source: `src/client/AuthApi.ts`. */
  readonly file: string
}

/** The modules that users import, entry points included. */
export const publicModules: ReadonlyArray<PublicModule> = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === "string"
    ? []
    : [{ name: join(manifest.name, path), file: target.default.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts") }]
)

/** The entry points, which only gather other modules. */
export const isEntryPoint = (file: string): boolean => /^src\/\w+\.ts$/.test(file)

/** The names that a module exports itself; those that are `@internal` are not in the package's declarations. */
export const symbolsOf = (file: string): ReadonlySet<string> =>
  new Set(
    [
      ...read(file).matchAll(
        /^(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?export (?:declare |abstract )?(?:const|class|interface|type|function|namespace) (\w+)/gm
      )
    ].flatMap(([, comment = "", name = ""]) => (comment.includes("@internal") ? [] : [name]))
  )

const reExport = /^export (?:type )?(?:\*(?: as \w+)?|\{([^}]*)\}) from "(\.[^"]+)"/gm
const comment = /\/\*[^]*?\*\/|\/\/.*/g

/** Which symbols of which files users reach: those of public modules, and those that these re-export from elsewhere. */
export const publicSymbols: ReadonlyMap<string, ReadonlySet<string>> = (() => {
  const reached = new Map<string, Set<string>>()
  const reach = (file: string, names: ReadonlySet<string> | undefined): void => {
    if (!existsSync(join(root, file))) return
    const found = reached.get(file) ?? new Set()
    for (const name of symbolsOf(file)) if (names?.has(name) !== false) found.add(name)
    if (found.size > 0) reached.set(file, found)
    for (const [, list, path = ""] of read(file).matchAll(reExport)) {
      const listed = list
        ?.replaceAll(comment, "")
        .split(",")
        .map((name) => name.replace(/^\s*(?:type )?/, "").replace(/(?: as .*)?\s*$/, ""))
      reach(
        normalize(join(dirname(file), path)),
        listed === undefined ? undefined : new Set(listed.filter((name) => names?.has(name) !== false))
      )
    }
  }
  for (const { file } of publicModules) reach(file, undefined)
  return reached
})()

if (import.meta.main) {
  const complaints: Array<string> = []
  const names = new Set(publicModules.map(({ name }) => name))
  const files = new Set(publicModules.map(({ file }) => file))
  for (const { file, name } of publicModules) {
    if (!existsSync(join(root, file))) complaints.push(`package.json exports ${name}, and there is no ${file}`)
    else if (/\/(?:internal|cli)\//.test(file)) complaints.push(`package.json exports ${name}, which is internal`)
    else if (isEntryPoint(file)) {
      for (const [, path = ""] of read(file).matchAll(/^export [^"]* from "\.\/([^"]+)"/gm)) {
        if (!files.has(`src/${path}`))
          complaints.push(`${file} re-exports src/${path}: name it in exports of package.json`)
      }
    }
  }
  const users = [
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "{src,test,examples,bench,conformance}/**/*.ts"
  ]
  for (const file of globSync(users, { cwd: root }).toSorted()) {
    for (const [, name = ""] of read(file).matchAll(/\b(?:from|import) ?\(?"(effect-app-services[^"]*)"/g)) {
      if (!names.has(name)) complaints.push(`${file} imports ${name}, which package.json does not export`)
    }
  }
  const symbols = [...publicSymbols.values()].reduce((sum, { size }) => sum + size, 0)
  console.log(
    complaints.length === 0
      ? `${publicModules.length} public modules with ${symbols} exports, of ${globSync("src/**/*.ts", { cwd: root }).length} files`
      : complaints.join("\n")
  )
  process.exitCode = complaints.length === 0 && symbols > 0 ? 0 : 1
}
