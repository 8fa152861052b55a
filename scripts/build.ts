/**
 * Builds `dist/`: one module of JavaScript and types for each module of `src/`, and `dist/bin.js`, the command with
 * its dependencies bundled, so that `npx effect-app-services` needs no peer dependency.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { build, type Metafile } from "esbuild"
import { buildCommand } from "./command.ts"
import { buildGuest } from "./guest.ts"
import { buildPage } from "./page.ts"

const root = resolve(import.meta.dirname, "..")
process.chdir(root)
rmSync("dist", { recursive: true, force: true })
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" })

// jsonc-parser's CommonJS files cannot be bundled
const mainFields = ["module", "main"]

const command = await buildCommand("dist/bin.js")
chmodSync("dist/bin.js", 0o755)
writeLicenses("dist/bin.js", { metafile: command })

/**
 * Modules around a package that only the server needs: the package is bundled into them, so that users do not install it.
 * The program of the process that functions run in is bundled with all its dependencies: it starts faster, and works where
 * only the command is installed.
 */
for (const [module, platform] of [
  ["server/model/internal/jose", "neutral"],
  ["server/directory/internal/jsonText", "neutral"],
  ["server/directory/internal/acorn", "neutral"],
  ["server/language/internal/decimalJs", "neutral"],
  ["server/data/store/internal/btree", "neutral"],
  ["server/graphql/internal/graphqlJs", "neutral"],
  ["server/users/hashes/wasm", "node"],
  ["server/functions/process/program", "node"]
] as const) {
  const file = `dist/${module}.js`
  const bundle = await build({
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    platform,
    mainFields,
    external: ["node:*"],
    format: "esm",
    target: "node22",
    legalComments: "none",
    metafile: true,
    logLevel: "warning"
  })
  // the source map covers the module without its dependencies
  rmSync(`${file}.map`)
  writeLicenses(file, bundle)
}

/** What runs in each realm of that process, beside it. */
const guest = "dist/server/functions/process/guest.js"
writeLicenses(guest, { metafile: await buildGuest(guest) })

/** The page for people. */
writeLicenses("dist/page/page.js", { metafile: await buildPage("dist/page") })

function writeLicenses(file: string, { metafile }: { readonly metafile: Metafile }) {
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((input) => input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? [])
  )
  const licenses = [...packages].toSorted().map((directory) => {
    const { name, version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
    const license = readdirSync(directory).find((it) => /^licen[cs]e/i.test(it))
    if (license === undefined) throw new Error(`${name} is bundled into ${file} and has no license file`)
    return `${name} ${version}\n\n${readFileSync(join(directory, license), "utf8").trim()}\n`
  })
  writeFileSync(
    file.replace(/\.js$/, ".LICENSES.txt"),
    [`${file} contains these packages:\n`, ...licenses].join(`\n${"-".repeat(80)}\n\n`)
  )
}
