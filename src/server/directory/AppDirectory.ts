/**
 * Loads an application from a directory that was exported from App Services.
 *
 * Both layouts are supported: the newer one (`realm_config.json` or `root_config.json`, `auth/providers.json`,
 * `functions/NAME.js`) and the older one (`stitch.json` or `config.json`, `auth_providers/NAME.json`,
 * `functions/NAME/source.js`). Loading fails only if a required file cannot be read. Everything else that is wrong or
 * unsupported is in the application's `report`.
 *
 * An export has no secrets. They are read from `secrets.json` in the directory (an object of values by name), or from
 * environment variables.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { type App, defaults, type Notice } from "../model/App.ts"
import { originOf } from "../model/Origin.ts"
import * as AppDirectoryAuth from "./AppDirectoryAuth.ts"
import * as AppDirectoryData from "./AppDirectoryData.ts"
import * as AppDirectoryDocuments from "./AppDirectoryDocuments.ts"
import * as AppDirectoryEndpoints from "./AppDirectoryEndpoints.ts"
import * as AppDirectoryFunctions from "./AppDirectoryFunctions.ts"
import * as AppDirectoryGraphQl from "./AppDirectoryGraphQl.ts"
import * as AppDirectoryHosting from "./AppDirectoryHosting.ts"
import * as AppDirectoryPackages from "./AppDirectoryPackages.ts"
import * as AppDirectoryTriggers from "./AppDirectoryTriggers.ts"
import * as AppDirectorySecrets from "./AppDirectorySecrets.ts"
import * as AppDirectoryServices from "./AppDirectoryServices.ts"
import { reportReferences } from "./AppDirectoryReferences.ts"
import { reportUnsupported } from "./AppDirectoryUnsupported.ts"
import { AppDirectoryError, type AppFiles, make as listFiles, rootFiles } from "./AppFiles.ts"

export {
  /**
   * A directory that cannot be loaded. The message names the file, and the line and column if there are.
   *
   * @category errors
   * @since 0.1.0
   */
  AppDirectoryError
} from "./AppFiles.ts"

export {
  /** Opens one or all of the collections that are closed to clients. */
  open,
  /** A collection cannot be opened. */
  OpenError
} from "./AppDirectoryOpen.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Any = Schema.optional(Schema.Unknown)

const RootConfig = Schema.Struct({
  app_id: Text,
  name: Text,
  provider_region: Text,
  location: Text,
  deployment_model: Text,
  environment: Text,
  allowed_request_origins: Any,
  security: Any,
  custom_user_data_config: Any
})
type RootConfig = typeof RootConfig.Type

/** Without them, the application has another name, and no environment. */
const harmless = new Set(["app_id", "name", "provider_region", "location", "deployment_model", "environment"])

/** Folders that identify an application without a root file. */
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
 * Settings that override those of the directory.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * The id by which clients name the application.
   *
   * @default the id in the root file, or else the name of the directory
   */
  readonly appId?: string | undefined
  /**
   * The environment, whose values functions and rules see: `"development"`, `"testing"`, `"qa"`, `"production"` or
   * `"no-environment"`. Fails if the application has values of environments, and none of this one.
   *
   * @default the one in the root file
   */
  readonly environment?: string | undefined
  /**
   * How the schemas of collections are enforced on what users write: with the exact types (`"strict"`), or not at all
   * (`"off"`). `"lenient"` takes whole numbers for `long` and `double` too, and null for a field that is not required.
   *
   * @default "strict"
   */
  readonly schemas?: "strict" | "lenient" | "off" | undefined
}

/**
 * Loads an application. Fails with `AppDirectoryError` if the directory is not one of an application, or if a required file
 * is not valid. Changes of the files take effect when it is loaded again.
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
export const load: (
  directory: string,
  options?: Options
) => Effect.Effect<App, AppDirectoryError, FileSystem.FileSystem | Path.Path> = Effect.fn("AppDirectory.load")(
  function* (directory: string, options?: Options) {
    const files = yield* listFiles(directory)
    const found = rootFiles.filter((file) => files.has(file))
    if (found.length === 0 && !parts.some((part) => files.below(part).length > 0)) {
      return yield* new AppDirectoryError({
        file: files.root,
        message: `${files.root} is not the directory of an application: it has none of ${rootFiles.join(", ")}, and none of the folders of one (${parts
          .slice(0, 3)
          .join(", ")}, ...)`
      })
    }
    // some directories have the root files of both layouts: the second one fills in what the first one leaves out
    const roots = (yield* Effect.forEach(found, (file) => files.json(file, RootConfig, harmless))).filter(
      Predicate.isNotUndefined
    )
    const first = <A>(pick: (root: RootConfig) => A | null | undefined) =>
      roots.map(pick).find((value) => value !== undefined && value !== null && value !== "") ?? undefined
    const functions = yield* AppDirectoryFunctions.load(files)
    const findSecret = yield* AppDirectorySecrets.load(files)
    const providers = yield* AppDirectoryAuth.providers(files, functions, findSecret)
    const custom = yield* AppDirectoryAuth.customUserData(
      files,
      functions,
      found[0],
      first((root) => root.custom_user_data_config)
    )
    const endpoints = yield* AppDirectoryEndpoints.load(files, functions, findSecret)
    const tag = yield* environmentOf(files, options?.environment, first((root) => root.environment) ?? "")
    const services = yield* AppDirectoryServices.load(files, findSecret)
    const { dataSources, folders: names } = yield* AppDirectoryData.load(files, functions, options?.schemas ?? "strict")
    const triggers = yield* AppDirectoryTriggers.load(files, functions, [...dataSources.keys()])
    const { declared, found: constants } = yield* values(files, findSecret)
    const allowedRequestOrigins = originsOf(files, found[0], roots)
    yield* reportUnsupported(files)
    reportReferences(files, functions, {
      values: declared,
      services: dataSources.size === 0 ? undefined : new Set([...dataSources.keys(), ...services.keys()])
    })
    yield* AppDirectoryPackages.report(files, functions)
    const id = appId(
      files,
      options?.appId,
      first((root) => root.app_id)
    )
    return {
      id,
      // an id is the name with a random suffix
      name: first((root) => root.name) ?? id.replace(/-[a-z]{5}$/, ""),
      providers,
      push: new Set([...services.values()].filter(({ type }) => type === "gcm").map(({ name }) => name)),
      services,
      functions,
      endpoints,
      dataApi: yield* AppDirectoryEndpoints.loadDataApi(files, findSecret),
      graphql: yield* AppDirectoryGraphQl.load(files, functions, names),
      triggers,
      hosting: yield* AppDirectoryHosting.load(files),
      dataSources,
      allowedRequestOrigins,
      customUserData: custom.source,
      onUserCreation: custom.onUserCreation,
      values: constants,
      environment: { tag, values: yield* environment(files, tag) },
      tokens: {
        accessTokenLifetime: defaults.accessTokenLifetime,
        refreshTokenLifetime: defaults.refreshTokenLifetime
      },
      deployment: {
        location: first((root) => root.location) ?? defaults.deployment.location,
        model: first((root) => root.deployment_model) === "LOCAL" ? "LOCAL" : "GLOBAL",
        providerRegion: first((root) => root.provider_region) ?? defaults.deployment.providerRegion
      },
      root: files.root,
      ...(yield* AppDirectoryDocuments.load(files, dataSources)),
      report: once(files.report)
    }
  }
)

/** Removes duplicate notices. */
const once = (report: ReadonlyArray<Notice>): ReadonlyArray<Notice> => [
  ...new Map(report.map((notice) => [`${notice.file ?? ""} ${notice.message}`, notice])).values()
]

const appId = (files: AppFiles, given: string | undefined, ofRoot: string | undefined): string => {
  const id = given ?? ofRoot
  if (id !== undefined && id !== "") return id
  const name = folderName(files.root)
  files.report.push({
    file: undefined,
    message:
      `no root file has an "app_id": the application is served as "${name}", the name of its directory; set another id ` +
      `when it is loaded (--app-id), or in realm_config.json`
  })
  return name
}

/** The allowed origins in the form of the header. One that is invalid is reported, and matches no page. */
const originsOf = (
  files: AppFiles,
  file: string | undefined,
  roots: ReadonlyArray<RootConfig>
): ReadonlySet<string> => {
  const written = roots
    .flatMap((root) => [
      root.allowed_request_origins ?? [],
      (Predicate.hasProperty(root.security, "allowed_request_origins") && root.security.allowed_request_origins) || []
    ])
    .flat()
  return new Set(
    written.map((text) => {
      const origin = typeof text === "string" ? originOf(text) : undefined
      if (origin !== undefined) return origin
      files.mistake(
        file,
        `invalid origin ${JSON.stringify(text)} in "allowed_request_origins": expected "https://app.example.com", for example; no page matches it`
      )
      return typeof text === "string" ? text : JSON.stringify(text)
    })
  )
}

const folderName = (root: string): string => root.split(/[/\\]/).findLast((name) => name !== "") ?? "app"

const Value = Schema.Struct({
  name: Schema.String,
  value: Schema.optional(Schema.Unknown),
  from_secret: Schema.optional(Schema.Boolean)
})

const values = Effect.fnUntraced(function* (files: AppFiles, findSecret: AppDirectorySecrets.Find) {
  const found = new Map<string, unknown>()
  const declared = new Set<string>()
  for (const file of files.below("values")) {
    if (!file.endsWith(".json")) continue
    const value = yield* files.jsonOrReport(file, Value, "functions do not find this value")
    if (value === undefined) continue
    declared.add(value.name)
    if (value.from_secret !== true) {
      found.set(value.name, value.value)
      continue
    }
    const name = typeof value.value === "string" ? value.value : value.name
    const secret = yield* findSecret(name, file, `the value "${value.name}"`)
    if (secret !== undefined) found.set(value.name, secret)
  }
  return { found, declared }
})

const Environment = Schema.Struct({
  values: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

/** The environment that was chosen, or else the one in the root file. */
const environmentOf = (files: AppFiles, chosen: string | undefined, ofRoot: string) => {
  if (chosen === undefined) return Effect.succeed(ofRoot)
  if (chosen === "" || chosen === "no-environment") return Effect.succeed("")
  const names = files.below("environments").map((file) => file.slice("environments/".length).replace(/\.json$/, ""))
  return names.length === 0 || names.includes(chosen)
    ? Effect.succeed(chosen)
    : Effect.fail(
        new AppDirectoryError({
          file: files.root,
          message: `unknown environment "${chosen}" of ${files.root}: its folder "environments" has ${names.join(", ")}`
        })
      )
}

/** The values of one environment, independent of the other environments. */
const environment = Effect.fnUntraced(function* (files: AppFiles, tag: string) {
  const file = `environments/${tag === "" ? "no-environment" : tag}.json`
  if (tag !== "" && !files.has(file)) {
    files.mistake(file, `the file is missing: the environment "${tag}" has no values`)
  }
  const found = yield* files.jsonOrReport(file, Environment, "the environment has no values")
  return new Map(Object.entries(found?.values ?? {}))
})
