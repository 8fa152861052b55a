/**
 * `mongosh`, which has hundreds of packages and is therefore not among the dependencies: it is installed by npm, without
 * scripts, into a cache of the user's when a test needs it for the first time.
 */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"

const version = "2.12.0"

const folder = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "effect-app-services",
  `mongosh-${version}`
)

const program = join("node_modules", "mongosh", "bin", "mongosh.js")

interface Output {
  readonly stdout: string
  readonly stderr: string
}

const run = (file: string, args: ReadonlyArray<string>, options: { readonly cwd: string; readonly home?: string }) =>
  Effect.callback<Output>((resume) => {
    const env =
      options.home === undefined ? process.env : { PATH: process.env["PATH"], HOME: options.home, NO_COLOR: "1" }
    const child = execFile(file, [...args], { cwd: options.cwd, env }, (error, stdout, stderr) =>
      resume(
        error === null
          ? Effect.succeed({ stdout, stderr })
          : Effect.die(new Error(`${stdout}${stderr}`, { cause: error }))
      )
    )
    return Effect.sync(() => child.kill())
  })

const moveUnlessThere = (fresh: string): void => {
  try {
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    if (!existsSync(join(folder, program))) throw error
  }
}

/** Makes the folder in one step, so that tests which need it at the same time do not disturb one another. */
const install = Effect.gen(function* () {
  if (existsSync(join(folder, program))) return
  mkdirSync(dirname(folder), { recursive: true })
  const fresh = mkdtempSync(`${folder}.`)
  writeFileSync(join(fresh, "package.json"), JSON.stringify({ private: true, dependencies: { mongosh: version } }))
  yield* run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: fresh })
  moveUnlessThere(fresh)
})

/** Runs a script of `mongosh` on a server; answers with what it prints, line by line. */
export const mongosh = Effect.fnUntraced(function* (uri: string, script: string) {
  yield* install
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "mongosh-"))),
    (home) => Effect.sync(() => rmSync(home, { recursive: true, force: true }))
  )
  mkdirSync(join(home, ".mongodb", "mongosh"), { recursive: true })
  writeFileSync(join(home, ".mongodb", "mongosh", "config"), JSON.stringify({ enableTelemetry: false }))
  const file = join(home, "script.js")
  writeFileSync(file, script)
  const { stdout } = yield* run(process.execPath, [join(folder, program), uri, "--quiet", "--norc", "--file", file], {
    cwd: home,
    home
  })
  return stdout.trim().split("\n")
})
