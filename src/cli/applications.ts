/** The applications that `serve` is told to run: exported ones, or a built-in one where there is no export. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as AppDirectory from "../server/directory/AppDirectory.ts"
import { rootFiles } from "../server/directory/AppFiles.ts"
import * as App from "../server/model/App.ts"
import { problem } from "./connection.ts"

/** An application and where it is from. */
export interface Loaded {
  readonly directory: string
  readonly app: App.App
  /** Whether there is no application in the directory, so that the built-in one is served. */
  readonly builtIn: boolean
}

/** In place of a directory, if none was named and the current one has no application. */
export const nowhere = "built in"

/** How applications are loaded. */
export interface Options extends AppDirectory.Options {
  /** Whether their static files are served. */
  readonly hosting: boolean
}

/** An id for clients out of the name of a folder. */
export const idOf = (folder: string): string =>
  folder
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, "-")
    .replace(/^-+|-+$/g, "") || "my-app"

/** Anonymous and e-mail logins, and a database that is open to every user. */
const builtIn = (id: string): App.App =>
  App.make({ id, providers: { anonymous: true, emailPassword: true }, mongodb: { "mongodb-atlas": "open" } })

const isEmpty = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const names = yield* Effect.orElseSucceed(fs.readDirectory(directory), () => ["unknown"])
  return names.length === 0
})

/** Loads the application in a directory; in an empty one, the built-in application. */
export const load = Effect.fnUntraced(function* (directory: string, { hosting, ...options }: Options) {
  const path = yield* Path.Path
  if (yield* isEmpty(directory)) {
    const id = options.appId ?? idOf(path.basename(path.resolve(directory)))
    return { directory, app: builtIn(id), builtIn: true }
  }
  const app = yield* AppDirectory.load(directory, options)
  return { directory, app: hosting ? app : { ...app, hosting: undefined }, builtIn: false }
})

const hint = "`effect-app-services init DIR` makes a small application"

/** Loads all directories. Without any, the application in the current one, or else the built-in application. */
export const loadAll = Effect.fnUntraced(function* (directories: ReadonlyArray<string>, options: Options) {
  if (options.appId !== undefined && directories.length > 1) {
    return yield* problem("--app-id cannot be combined with several applications: put an id into the root file of each")
  }
  const of = (directory: string) =>
    load(directory, options).pipe(
      Effect.mapError((error) =>
        /does not exist|is not the directory of an application/.test(error.message)
          ? problem(`${error.message}; ${hint}`, error)
          : error
      )
    )
  if (directories.length > 0) return yield* Effect.forEach(directories, of)
  const fs = yield* FileSystem.FileSystem
  const hasRoot = yield* Effect.filter(rootFiles, (file) => Effect.orElseSucceed(fs.exists(file), () => false))
  if (hasRoot.length > 0) return [yield* of(".")]
  return [{ directory: nowhere, app: builtIn(options.appId ?? "my-app"), builtIn: true }]
})

/** Opens each name in the applications that have the collection; at least one has to. */
export const openAll = Effect.fnUntraced(function* (loaded: ReadonlyArray<Loaded>, names: ReadonlyArray<string>) {
  let all = loaded
  for (const name of names) {
    const tried = all.map((it) => ({ ...it, result: AppDirectory.open(it.app, name) }))
    const refused = tried.flatMap(({ result }) => (Result.isFailure(result) ? [result.failure] : []))
    const [first] = refused
    if (first !== undefined && refused.length === tried.length) return yield* first
    all = tried.map(({ app, builtIn, directory, result }) => ({
      directory,
      builtIn,
      app: Result.getOrElse(result, () => app)
    }))
  }
  return all
})

/** What applies to an application that is loaded again: a name may be of another one of the applications. */
export const reopen = (app: App.App, names: ReadonlyArray<string>): App.App =>
  names.reduce((all, name) => Result.getOrElse(AppDirectory.open(all, name), () => all), app)
