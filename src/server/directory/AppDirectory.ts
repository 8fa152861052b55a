/**
 * Loads an application from a directory that was exported from App Services.
 *
 * Both layouts are read: the newer one (`realm_config.json` or `root_config.json`, `auth/providers.json`,
 * `functions/NAME.js`) and the older one (`stitch.json` or `config.json`, `auth_providers/NAME.json`,
 * `functions/NAME/source.js`). Only what cannot be read at all is a failure; whatever else is amiss, or not supported,
 * stands in the application's `report`.
 *
 * An export holds no secrets: they come from `secrets.json` in the directory (name to value), or from the environment.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ejson from "../../protocol/Ejson.ts"
import { type App, type Collection, defaults } from "../App.ts"
import * as AppDirectoryAuth from "./AppDirectoryAuth.ts"
import * as AppDirectoryData from "./AppDirectoryData.ts"
import * as AppDirectoryFunctions from "./AppDirectoryFunctions.ts"
import * as AppDirectorySecrets from "./AppDirectorySecrets.ts"
import { reportUnsupported } from "./AppDirectoryUnsupported.ts"
import { AppDirectoryError, type AppFiles, make as listFiles } from "./AppFiles.ts"

export {
  /**
   * A directory that cannot be served. The message names the file, and the place in it where there is one.
   *
   * @category errors
   * @since 0.1.0
   */
  AppDirectoryError
} from "./AppFiles.ts"

export {
  /** Opens a collection, or all of them, that are closed to clients. */
  open,
  /** Why a collection cannot be opened. */
  OpenError
} from "./AppDirectoryOpen.ts"

const RootConfig = Schema.Struct({
  app_id: Schema.optional(Schema.String),
  location: Schema.optional(Schema.String),
  deployment_model: Schema.optional(Schema.String),
  environment: Schema.optional(Schema.NullOr(Schema.String)),
  custom_user_data_config: Schema.optional(Schema.NullOr(AppDirectoryAuth.CustomUserDataConfig))
})

const rootFiles = ["realm_config.json", "root_config.json", "stitch.json", "config.json"]

/** What makes a directory an application even where a root file is missing. */
const parts = [
  "auth",
  "auth_providers",
  "functions",
  "http_endpoints",
  "https_endpoints",
  "triggers",
  "data_sources",
  "services"
]

/**
 * Loads an application.
 *
 * @example
 * ```ts
 * import { AppDirectory, AppServicesServer } from "effect-app-services/server"
 * import { NodeFileSystem, NodePath } from "@effect/platform-node"
 * import { Effect, Layer } from "effect"
 *
 * const InProcess = Layer.unwrap(
 *   Effect.map(AppDirectory.load("./exported-app"), (app) => AppServicesServer.layerHttpClient(app))
 * ).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const load: (directory: string) => Effect.Effect<App, AppDirectoryError, FileSystem.FileSystem | Path.Path> =
  Effect.fn("AppDirectory.load")(function* (directory: string) {
    const files = yield* listFiles(directory)
    const rootFile = rootFiles.find((file) => files.has(file))
    if (rootFile === undefined && !parts.some((part) => files.below(part).length > 0)) {
      return yield* new AppDirectoryError({
        file: files.root,
        message: `${files.root} holds no application: none of ${rootFiles.join(", ")}, and no folder of one (${parts
          .slice(0, 3)
          .join(", ")}, ...)`
      })
    }
    const root = rootFile === undefined ? undefined : yield* files.json(rootFile, RootConfig)
    const functions = yield* AppDirectoryFunctions.load(files)
    const findSecret = yield* AppDirectorySecrets.load(files)
    const providers = yield* AppDirectoryAuth.providers(files, functions, findSecret)
    const custom = yield* AppDirectoryAuth.customUserData(files, functions, root?.custom_user_data_config ?? undefined)
    const tag = root?.environment ?? ""
    const dataSources = yield* AppDirectoryData.load(files)
    yield* reportUnsupported(files)
    return {
      id: root?.app_id === undefined || root.app_id === "" ? folderName(files.root) : root.app_id,
      providers,
      push: yield* push(files),
      functions,
      dataSources,
      customUserData: custom.source,
      onUserCreation: custom.onUserCreation,
      values: yield* values(files, findSecret),
      environment: { tag, values: yield* environment(files, tag) },
      tokens: {
        accessTokenLifetime: defaults.accessTokenLifetime,
        refreshTokenLifetime: defaults.refreshTokenLifetime
      },
      deployment: {
        location: root?.location ?? defaults.deployment.location,
        model: root?.deployment_model === "LOCAL" ? "LOCAL" : "GLOBAL"
      },
      root: files.root,
      data: yield* data(files),
      report: files.report
    }
  })

const folderName = (root: string): string => root.split(/[/\\]/).findLast((name) => name !== "") ?? "app"

const Value = Schema.Struct({
  name: Schema.String,
  value: Schema.optional(Schema.Unknown),
  from_secret: Schema.optional(Schema.Boolean)
})

const values = Effect.fnUntraced(function* (files: AppFiles, findSecret: AppDirectorySecrets.Find) {
  const found = new Map<string, unknown>()
  for (const file of files.below("values")) {
    if (!file.endsWith(".json")) continue
    const value = yield* files.json(file, Value)
    if (value === undefined) continue
    if (value.from_secret !== true) {
      found.set(value.name, value.value)
      continue
    }
    const name = typeof value.value === "string" ? value.value : value.name
    const secret = yield* findSecret(name, file, `the value "${value.name}"`)
    if (secret !== undefined) found.set(value.name, secret)
  }
  return found
})

const Service = Schema.Struct({ name: Schema.optional(Schema.String), type: Schema.optional(Schema.String) })

/** The services that push messages went through. */
const push = Effect.fnUntraced(function* (files: AppFiles) {
  const names = new Set<string>()
  for (const file of files.below("services")) {
    const folder = /^services\/([^/]+)\/config\.json$/.exec(file)?.[1]
    const service = folder === undefined ? undefined : yield* files.json(file, Service)
    if (folder !== undefined && service?.type === "gcm") names.add(service.name ?? folder)
  }
  return names
})

const Environment = Schema.Struct({
  values: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

const environment = Effect.fnUntraced(function* (files: AppFiles, tag: string) {
  const file = `environments/${tag === "" ? "no-environment" : tag}.json`
  const found = yield* files.json(file, Environment)
  return new Map(Object.entries(found?.values ?? {}))
})

/** Documents of `data/DATABASE/COLLECTION.json`, as `mongoexport` writes them: an array, or one a line. */
const data = Effect.fnUntraced(function* (files: AppFiles) {
  const collections: Array<Collection> = []
  for (const file of files.below("data")) {
    const [, database, name] = /^data\/([^/]+)\/([^/]+)\.json$/.exec(file) ?? []
    if (database === undefined || name === undefined) continue
    const text = (yield* files.text(file)).replace(/^\uFEFF/, "").trim()
    const documents: Array<Record<string, unknown>> = []
    const chunks = text.startsWith("[")
      ? [{ text, line: 1 }]
      : text.split("\n").map((text, i) => ({ text, line: i + 1 }))
    for (const chunk of chunks) {
      if (chunk.text.trim() === "") continue
      const parsed = Ejson.parse(chunk.text)
      if (Result.isFailure(parsed)) {
        const path = files.path(file)
        return yield* new AppDirectoryError({
          file: path,
          message: `${path}:${chunk.line} holds no documents: ${parsed.failure.message}`
        })
      }
      const items: ReadonlyArray<unknown> = Array.isArray(parsed.success) ? parsed.success : [parsed.success]
      documents.push(
        ...items.filter((item): item is Record<string, unknown> => typeof item === "object" && item !== null)
      )
    }
    collections.push({ database, collection: name, documents })
  }
  return collections
})
