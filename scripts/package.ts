/**
 * Looks at the package as a stranger gets it: packs `dist/`, lints the tarball, installs it beside `effect` alone in an
 * empty folder, and uses it there from JavaScript, from TypeScript and from the command line.
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { own, weigh } from "./bundles.ts"

const root = resolve(import.meta.dirname, "..")
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const folder = mkdtempSync(join(tmpdir(), `${manifest.name}-`))
const modules = join(folder, "node_modules")

// npm tells its scripts about the project it runs in: the folder is none of it
const env = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => !/^npm_(package|lifecycle|config_local_prefix)/.test(key))
)

const check = (condition: boolean, message: string) => {
  if (!condition) throw new Error(message)
}

const run = (command: string, args: ReadonlyArray<string>, cwd = folder): string => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, env, encoding: "utf8" })
  check(status === 0, `${error ?? ""}${[command, ...args].join(" ")}\n${stdout}${stderr}`)
  return stdout.trim()
}
const tool = (name: string, ...args: ReadonlyArray<string>) => run(join(root, "node_modules/.bin", name), args)
const npm = (...args: ReadonlyArray<string>) =>
  run("npm", [...args, "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"])
const node = (code: string) => run(process.execPath, ["--input-type=module", "--eval", code])

const installed = () =>
  readdirSync(modules)
    .flatMap((name) => (name.startsWith("@") ? readdirSync(join(modules, name)).map((it) => `${name}/${it}`) : [name]))
    .filter((name) => !name.startsWith("."))
    .toSorted()
const weight = (path: string): number =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + weight(join(path, name)), 0)
    : statSync(path).size
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

try {
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root))
  const tarball = join(folder, packed.filename)
  tool("publint", "run", tarball, "--strict")
  tool("attw", tarball, "--profile", "esm-only", "--no-definitely-typed", "--no-emoji", "--no-color")

  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  npm("install", tarball, `effect@${manifest.devDependencies.effect}`)
  const alone = ["bson", "effect", manifest.name]
  check(installed().join() === alone.join(), `npm installed ${installed().join()} instead of ${alone.join()}`)
  const weights = alone.map((name) => `${name} ${megabytes(weight(join(modules, name)))}`)
  console.log(`tarball ${megabytes(packed.size)}, installed: ${weights.join(", ")}`)

  for (const door of [".", "./server", "./testing"]) {
    node(`if (Object.keys(await import("${join(manifest.name, door)}")).length === 0) throw new Error("empty")`)
  }
  const built = globSync("**/*.js", { cwd: join(root, "dist") }).map((file) => file.slice(0, -3))
  const hidden = built.filter((path) => /^cli\/|^bin$|\/internal\//.test(path))
  const publicModules = built
    .filter((path) => path.includes("/") && !hidden.includes(path))
    .map((path) => `${manifest.name}/${path}`)
  node(
    publicModules
      .filter((path) => !path.startsWith(`${manifest.name}/node/`))
      .map((path) => `await import("${path}")`)
      .join("\n")
  )
  node(`for (const path of ${JSON.stringify(hidden)}) await import("${manifest.name}/" + path).then(
    () => { throw new Error(path + " can be imported") },
    (error) => { if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error }
  )`)

  // the declarations in a browser's program: no types of Node, nothing skipped
  const isomorphic = publicModules.filter((path) => /\/(client|protocol)\//.test(path))
  writeFileSync(
    join(folder, "browser.ts"),
    [manifest.name, ...isomorphic].map((path, index) => `export * as m${index} from "${path}"\n`).join("")
  )
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
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["browser.ts"] }))
  tool("tsc")

  // nothing of Node in a browser's bundle, and no more of anything than there was
  for (const { bytes, limit = Infinity, name } of await weigh(folder, own)) {
    const kilobytes = `${(bytes / 1000).toFixed(1)} kB gzip`
    console.log(`${name}: ${kilobytes}`)
    check(
      bytes <= limit,
      `${name}: ${kilobytes} in a browser, over its limit of ${limit / 1000} kB; see scripts/bundles.ts`
    )
  }

  const version = run(join(modules, ".bin", manifest.name), ["--version"])
  check(version.includes(manifest.version), `the command says ${version}, not ${manifest.version}`)

  npm("install", `@effect/platform-node@${manifest.devDependencies["@effect/platform-node"]}`)
  node(`if (Object.keys(await import("${manifest.name}/node")).length === 0) throw new Error("empty")`)

  // all declarations in a program of Node's, nothing skipped of ours
  npm("install", "--save-dev", `@types/node@${manifest.devDependencies["@types/node"]}`)
  writeFileSync(
    join(folder, "everything.ts"),
    publicModules.map((path, index) => `export * as m${index} from "${path}"\n`).join("")
  )
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { ...compilerOptions, types: ["node"] },
      files: ["everything.ts"]
    })
  )
  tool("tsc")
  console.log(`with the node door's peer: ${megabytes(weight(modules))}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
