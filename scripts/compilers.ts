/**
 * Compiles the packed package as its users' compilers do: each supported TypeScript, with `strict` alone and with
 * `exactOptionalPropertyTypes`, with the module resolution of a bundler and of Node. Every snippet of the documentation and
 * every type test has to compile, and misuse has to be an error whose message says what to do.
 */
import { spawn } from "node:child_process"
import { copyFileSync, globSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { writeSnippets } from "./snippetFiles.ts"
import { asHere, check, env, everythingOf, manifest, modules, npmIn, root, withTarball } from "./stranger.ts"

/** The supported versions, as README states them; the last one is the project's own. */
const versions = { "5.9": "5.9.3", "6.0": "6.0.3", "7.0": manifest.devDependencies["typescript"] }

/** A program that must not compile, and the line and a part of the expected message. */
const misuse = `import { Clock, Context, Effect } from "effect"
import { App } from "effect-app-services/server"
class Stock extends Context.Service<Stock, { readonly left: number }>()("Stock") {}
App.make({
  id: "a",
  functions: {
    now: () => Clock.currentTimeMillis,
    left: () => Stock
  }
})
`
const refusal = { line: 8, says: /"a function may only require FunctionContext, provide the rest", Stock/ }

interface Program {
  readonly version: keyof typeof versions
  readonly exact: boolean
  readonly resolution: "Bundler" | "NodeNext"
}

/** Compiles a program; returns every error that is not expected, and every expected one that is missing. */
const compile = async (folder: string, program: Program): Promise<ReadonlyArray<string>> => {
  const { exact, resolution, version } = program
  const name = [version, exact ? "exact" : "strict", resolution].join("-")
  const options = {
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: exact,
    // once per version the declarations themselves are checked, with all that they use
    skipLibCheck: !(exact && resolution === "NodeNext"),
    module: resolution === "NodeNext" ? "NodeNext" : "ESNext",
    moduleResolution: resolution,
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    types: ["node"]
  }
  const config = join(folder, `${name}.json`)
  const exclude = [
    "node_modules",
    ...(options.skipLibCheck ? ["everything.ts"] : []),
    // only exactOptionalPropertyTypes distinguishes optional from undefined
    ...(exact ? [] : ["options.test-d.ts"])
  ]
  writeFileSync(config, JSON.stringify({ compilerOptions: options, include: ["**/*.ts"], exclude }))
  const compiler = join(folder, `node_modules/typescript-${version}/bin/tsc`)
  const child = spawn(process.execPath, [compiler, "--pretty", "false", "-p", config], { cwd: folder, env })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (printed += chunk.toString()))
  await new Promise<void>((resolve, reject) => child.once("error", reject).once("close", () => resolve()))
  const refusals = printed.split(/\n(?! )/).filter((text) => text.startsWith(`misuse.ts(${refusal.line},`))
  const others = printed.split(/\n(?! )/).filter((text) => text !== "" && !refusals.includes(text))
  return [
    ...others,
    ...(refusals.length === 1 && refusals.every((text) => refusal.says.test(text))
      ? []
      : [`misuse.ts does not fail as expected:\n${refusals.join("\n")}`])
  ].map((text) => `${name}: ${text}`)
}

await withTarball(async (folder, { tarball }) => {
  npmIn(folder)(
    "install",
    tarball,
    ...asHere(
      "effect",
      "@effect/platform-node",
      "@effect/sql-pg",
      "@effect/vitest",
      "@types/node",
      "mongodb",
      "redis",
      "vitest"
    ),
    ...Object.entries(versions).map(([version, exact]) => `typescript-${version}@npm:typescript@${exact}`)
  )
  const { examples, pages } = writeSnippets(join(folder, "snippets"))
  const tests = globSync("test/**/*.test-d.ts", { cwd: root })
  check(tests.length > 0 && pages > 0 && examples > 0, "nothing to compile was found")
  for (const file of tests) copyFileSync(join(root, file), join(folder, basename(file)))
  writeFileSync(join(folder, "everything.ts"), everythingOf(modules().visible))
  writeFileSync(join(folder, "misuse.ts"), misuse)

  const programs = (["5.9", "6.0", "7.0"] as const).flatMap((version) =>
    [false, true].flatMap((exact) =>
      (["Bundler", "NodeNext"] as const).map((resolution): Program => ({ version, exact, resolution }))
    )
  )
  const wrong: Array<string> = []
  const worker = async () => {
    for (let next = programs.shift(); next !== undefined; next = programs.shift()) {
      wrong.push(...(await compile(folder, next)))
    }
  }
  await Promise.all([worker(), worker()])
  check(wrong.length === 0, wrong.join("\n"))
  const named = Object.values(versions).join(", ")
  console.log(`TypeScript ${named}: ${pages} blocks, ${examples} examples and ${tests.length} type tests compile`)
})
