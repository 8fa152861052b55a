/**
 * Checks the package as users get it: packs it, lints the tarball, installs it with `effect` alone in an empty folder, and
 * uses it there from JavaScript, from TypeScript and from the command line, and as the guides say.
 */
import { execFileSync } from "node:child_process"
import { existsSync, globSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { own, weigh } from "./bundles.ts"
import { followGuides } from "./guides.ts"
import {
  asHere,
  check,
  env,
  everythingOf,
  manifest,
  modules,
  npmIn,
  root,
  run,
  withShop,
  withTarball
} from "./stranger.ts"

const installedIn = (modules: string) =>
  readdirSync(modules)
    .flatMap((name) => (name.startsWith("@") ? readdirSync(join(modules, name)).map((it) => `${name}/${it}`) : [name]))
    .filter((name) => !name.startsWith("."))
    .toSorted()
const weight = (path: string): number =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + weight(join(path, name)), 0)
    : statSync(path).size
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

/** Checks that links of packed pages lead to packed files. */
const checkLinks = (folder: string) => {
  const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: folder })
  check(pages.includes("README.md"), "the package has no README.md")
  for (const page of pages) {
    for (const [, target = ""] of readFileSync(join(folder, page), "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      const path = join(folder, dirname(page), decodeURIComponent(target))
      check(/^[a-z]+:/.test(target) || existsSync(path), `${page} links to ${target}, which is not in the package`)
    }
  }
}

/** A user with a password hash of another system, which a thread of the packed command verifies. */
const moved = {
  id: "665f1f77bcf86cd799439011",
  type: "normal",
  createdAt: "2026-01-31T12:00:00.000Z",
  identities: [{ id: "665f1f77bcf86cd799439012", providerType: "local-userpass" }],
  account: {
    email: "ada@example.com",
    confirmed: true,
    passwordHash: "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
  }
}

/** Imports that user into a data directory of the packed sample application. */
const importUser = (command: string, cwd: string) =>
  execFileSync(command, ["users", "import", "data", "--app", "shop-abcde"], { cwd, env, input: JSON.stringify(moved) })

/** Calls a function of the packed sample application as a user of it, and logs the imported user in. */
const callShop = async (baseUrl: string) => {
  const post = async (path: string, body: unknown, headers = {}): Promise<unknown> => {
    const url = `${baseUrl}/api/client/v2.0/app/shop-abcde/${path}`
    return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json()
  }
  const ada = { username: moved.account.email, password: "correct horse" }
  const login = JSON.stringify(await post("auth/providers/local-userpass/login", ada))
  check(login.includes(moved.id), `the login of an imported user answered ${login}`)
  const session = await post("auth/providers/anon-user/login", {})
  const token = String(Reflect.get(Object(session), "access_token"))
  const call = { name: "sum", arguments: [20, 22] }
  const answer = JSON.stringify(await post("functions/call", call, { authorization: `Bearer ${token}` }))
  check(/42/.test(answer), `the shop answered ${answer}, expected 42`)
  await post("functions/call", { name: "fail", arguments: ["no stock"] }, { authorization: `Bearer ${token}` })
}

/** Checks the log of the packed sample application: a failure is told with lines of the application only. */
const checkLog = (log: string) => {
  const failure = log.split("\n").find((line) => line.includes("at exports (functions/fail.js:2:9)")) ?? ""
  check(failure !== "", `the log does not tell where a function failed: ${log}`)
  check(
    !/dist\/|node_modules|node:|guest\.js/.test(failure),
    `the log of a failure has lines of the server: ${failure}`
  )
}

await withTarball(async (folder, { bytes, tarball }) => {
  const inModules = join(folder, "node_modules")
  const npm = npmIn(folder)
  const tool = (name: string, ...args: ReadonlyArray<string>) =>
    run(join(root, "node_modules/.bin", name), args, folder)
  const node = (code: string) => run(process.execPath, ["--input-type=module", "--eval", code], folder)

  tool("publint", "run", tarball, "--strict")
  tool("attw", tarball, "--profile", "esm-only", "--no-definitely-typed", "--no-emoji", "--no-color")

  npm("install", tarball, ...asHere("effect"))
  const alone = ["bson", "effect", manifest.name]
  const installed = installedIn(inModules).join()
  check(installed === alone.join(), `npm installed ${installed}, expected ${alone.join()}`)
  const weights = alone.map((name) => `${name} ${megabytes(weight(join(inModules, name)))}`)
  console.log(`tarball ${megabytes(bytes)}, installed: ${weights.join(", ")}`)

  for (const entry of [".", "./server", "./testing"]) {
    node(`if (Object.keys(await import("${join(manifest.name, entry)}")).length === 0) throw new Error("empty")`)
  }
  const { hidden, visible } = modules()
  node(
    visible
      .filter((path) => !path.startsWith(`${manifest.name}/node/`))
      .map((path) => `await import("${path}")`)
      .join("\n")
  )
  node(`for (const path of ${JSON.stringify(hidden)}) await import("${manifest.name}/" + path).then(
    () => { throw new Error(path + " can be imported") },
    (error) => { if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error }
  )`)

  // the declarations in a browser's program, without Node's types and with skipLibCheck off
  const isomorphic = visible.filter((path) => /\/(client|protocol)\//.test(path))
  writeFileSync(join(folder, "declarations.ts"), everythingOf([manifest.name, ...isomorphic]))
  const compilerOptions = {
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    module: "ESNext",
    moduleResolution: "Bundler",
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    types: []
  }
  writeFileSync(join(folder, "declarations.json"), JSON.stringify({ compilerOptions, files: ["declarations.ts"] }))
  tool("tsc", "-p", "declarations.json")

  // browser bundles contain no module of Node and stay within their limits
  for (const { bytes, limit = Infinity, name } of await weigh(folder, own)) {
    const kilobytes = `${(bytes / 1000).toFixed(1)} kB gzip`
    console.log(`${name}: ${kilobytes}`)
    check(
      bytes <= limit,
      `${name}: ${kilobytes} in a browser, over its limit of ${limit / 1000} kB; see scripts/bundles.ts`
    )
  }

  checkLinks(join(inModules, manifest.name))
  importUser(join(inModules, ".bin", manifest.name), folder)
  checkLog(await withShop(folder, callShop, ["--data", "data"]))

  const version = run(join(inModules, ".bin", manifest.name), ["--version"], folder)
  check(version.includes(manifest.version), `the command has version ${version}, expected ${manifest.version}`)

  npm("install", ...asHere("@effect/platform-node"))
  node(`if (Object.keys(await import("${manifest.name}/node")).length === 0) throw new Error("empty")`)

  console.log(`with the peer dependency of /node: ${megabytes(weight(inModules))}`)

  await followGuides(folder)
})
