/** `effect-app-services install`: gets the packages that the functions of exported applications require. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as AppDirectoryPackages from "../server/directory/AppDirectoryPackages.ts"
import { problem } from "./connection.ts"
import * as archives from "./internal/archives.ts"
import { list } from "./terminal.ts"

type Archive = NonNullable<AppDirectoryPackages.Packages["archive"]>

/** The limits of an archive: far more than the hosted service accepted. */
const limits: archives.Limits = { files: 100_000, bytes: 1024 ** 3 }

/** The command. */
export const install = Command.make(
  "install",
  {
    directories: Argument.String("directory").pipe(
      Argument.withDescription("The directory of an exported application"),
      Argument.variadic({ min: 1 })
    )
  },
  ({ directories }) => Effect.forEach(directories, installPackages, { discard: true })
).pipe(
  Command.withDescription(
    "Install the packages that functions require: unpack the exported archive, or run npm without scripts of packages"
  ),
  Command.withExamples([
    { command: "effect-app-services install ./exported-app", description: "What the start report asks for" }
  ])
)

const installPackages = Effect.fnUntraced(function* (directory: string) {
  const path = yield* Path.Path
  const { archive, folder, hasManifest } = yield* packagesOf(directory)
  if (archive !== undefined) yield* unpack(directory, archive)
  const into = path.join(directory, folder)
  if (hasManifest) yield* npm(into, [])
  const undeclared = (yield* packagesOf(directory)).missing
    .map(({ name }) => name)
    .filter((name) => packageName.test(name))
  if (undeclared.length > 0) {
    yield* Console.log(`${directory}: no package.json has ${list(undeclared)}: the newest version is installed`)
    if (!hasManifest) yield* writeManifest(into)
    yield* npm(into, undeclared)
  }
  const { missing } = yield* packagesOf(directory)
  if (missing.length > 0) {
    const names = missing.map(({ name, place }) => `"${name}", which ${place} requires`)
    return yield* problem(`${directory}: not installed: ${names.join("; ")}`)
  }
  yield* Console.log(`${directory}: every package that its functions require is installed`)
})

const packagesOf = (directory: string) =>
  Effect.mapError(AppDirectoryPackages.load(directory), (error) => problem(error.message, error))

/** A name in a registry, and nothing that npm takes for an option, an address or a file. */
const packageName = /^(?:@[a-z0-9~][\w.~-]*\/)?[a-z0-9~][\w.~-]*$/i

const writeManifest = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(folder, "package.json")
  yield* Effect.mapError(fs.writeFileString(file, '{ "private": true }\n', { flag: "wx" }), (error) =>
    problem(`${file} cannot be written: ${error.reason._tag}`, error)
  )
})

/** Runs `npm install`. Scripts of packages are not run, since they could do anything on this machine. */
const npm = Effect.fnUntraced(function* (folder: string, names: ReadonlyArray<string>) {
  const args = ["install", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--", ...names]
  yield* Console.log(`npm ${args.filter((arg) => arg !== "--").join(" ")}  (in ${folder})`)
  const spawner = yield* ChildProcessSpawner
  const code = yield* spawner
    .exitCode(ChildProcess.make("npm", args, { cwd: folder, stdin: "ignore", stdout: "inherit", stderr: "inherit" }))
    .pipe(
      Effect.mapError((error) => problem(`npm cannot be started (${error.reason._tag}): it comes with Node.js`, error))
    )
  if (code !== 0) return yield* problem(`npm failed in ${folder} with exit code ${code}: its output has the reason`)
})

/** Unpacks beside the target, which appears when it is complete. */
const unpack = Effect.fnUntraced(function* (directory: string, { file, target }: Archive) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const [from, to] = [path.join(directory, file), path.join(directory, target)]
  if (yield* Effect.orElseSucceed(fs.exists(to), () => false)) {
    return yield* Console.log(`${to} exists: ${from} is not unpacked again`)
  }
  const failed = (why: string, cause: unknown) => problem(`${from} cannot be unpacked: ${why}`, cause)
  yield* Effect.gen(function* () {
    const temporary = yield* fs.makeTempDirectoryScoped({ directory: path.dirname(to), prefix: ".unpacking-" })
    const complete = path.join(temporary, "node_modules")
    const { files, links } = yield* Effect.tryPromise({
      try: () => archives.unpack(from, complete, limits),
      catch: (cause) => failed(cause instanceof Error ? cause.message : String(cause), cause)
    })
    yield* fs.rename(complete, to)
    yield* Console.log(`${to}: ${files} files of ${from}${links === 0 ? "" : `, without its ${links} links`}`)
  }).pipe(
    Effect.scoped,
    Effect.catchTag("PlatformError", (error) => Effect.fail(failed(error.reason._tag, error)))
  )
})
