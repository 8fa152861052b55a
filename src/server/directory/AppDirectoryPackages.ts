/** Finds the packages that an exported application's functions require, and those of them that are not installed. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { createRequire, isBuiltin } from "node:module"
import type { AppFunction } from "../model/AppFunction.ts"
import { type AppFiles, make as listFiles } from "./AppFiles.ts"
import * as AppDirectoryFunctions from "./AppDirectoryFunctions.ts"
import { packages as awsPackages } from "../functions/shared/awsPackages.ts"
import { byName, literal, sourcesOf, usesOf } from "./internal/sourceText.ts"

/** A package that is not installed. */
export interface MissingPackage {
  readonly name: string
  /** The functions that require it. */
  readonly functions: ReadonlyArray<string>
  /** Where the first of them does. */
  readonly place: string
}

/** How to get the packages of an application. */
export interface Packages {
  /** The folder in which to install, relative to the application's. */
  readonly folder: string
  /** Whether the folder has a `package.json`. */
  readonly hasManifest: boolean
  /** The exported archive of packages, and the folder that it is unpacked into. */
  readonly archive: { readonly file: string; readonly target: string } | undefined
  readonly missing: ReadonlyArray<MissingPackage>
}

const requires = new RegExp(String.raw`(?<![.\w])require\s*${literal}`, "g")
const archivePattern = /^(?:functions\/)?node_modules\.(?:tar|tar\.gz|tgz|zip)$/

/** The package of a module's name: `a` of `a/b`, `@a/b` of `@a/b/c`. */
const packageOf = (module: string): string => module.split("/", module.startsWith("@") ? 2 : 1).join("/")

const isRelative = (module: string): boolean => /^\.{0,2}\//.test(module)

/**
 * The packages of an application, and how to get those that are missing.
 */
const find = Effect.fnUntraced(function* (files: AppFiles, functions: ReadonlyMap<string, AppFunction>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const installed = new Map<string, boolean>()
  /** Looks where `require` does, without its cache of folders that do not exist. */
  const isInstalled = Effect.fnUntraced(function* (name: string) {
    const known = installed.get(name)
    if (known !== undefined) return known
    let folder = files.path("functions")
    let found = false
    while (!found) {
      found = yield* Effect.orElseSucceed(fs.exists(path.join(folder, "node_modules", name)), () => false)
      const above = path.dirname(folder)
      if (above === folder) break
      folder = above
    }
    installed.set(name, found)
    return found
  })
  const missing: Array<MissingPackage> = []
  const sources = sourcesOf(functions)
  const required = usesOf(sources, requires)
    .filter(({ name }) => !isRelative(name) && !isBuiltin(name))
    .map(({ function: fn, name, place }) => ({ name: packageOf(name), function: fn, place }))
  const uses = [...required, ...(yield* usesOfAws(files, sources))]
  for (const [name, [first, ...others]] of byName(uses)) {
    if (yield* isInstalled(name)) continue
    missing.push({ name, place: first.place, functions: [...new Set([first, ...others].map((use) => use.function))] })
  }
  const archive = files.all.find((file) => archivePattern.test(file))
  const manifest = ["functions", ""].find((folder) => files.has(path.join(folder, "package.json")))
  const packages: Packages = {
    // npm removes what its package.json does not name, so it does not install beside what was unpacked
    folder: archive === undefined ? (manifest ?? "functions") : "",
    hasManifest: manifest !== undefined && (archive === undefined || manifest === ""),
    archive:
      archive === undefined ? undefined : { file: archive, target: archive.replace(/\.(?:tar|tar\.gz|tgz|zip)$/, "") },
    missing
  }
  return packages
})

/** The packages of the AWS SDK for the services that functions use, if the application declares AWS. */
const usesOfAws = Effect.fnUntraced(function* (files: AppFiles, sources: ReturnType<typeof sourcesOf>) {
  const configs = files.below("services").filter((file) => /^services\/[^/]+\/config\.json$/.test(file))
  const types = yield* Effect.forEach(configs, (file) =>
    Effect.map(Effect.option(files.text(file)), (text) => Option.flatMap(text, decodeService))
  )
  if (!types.some((it) => Option.isSome(it) && it.value.type === "aws")) return []
  return usesOf(sources, awsCalls).flatMap(({ function: fn, name, place }) => {
    const needed = name === "PresignURL" ? presigner : awsPackages.get(name)?.name
    return needed === undefined || resolves(ours, needed) ? [] : [{ name: needed, function: fn, place }]
  })
})

const decodeService = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ type: Schema.String })))

/** The server looks beside its own package too. */
const ours = createRequire(import.meta.url)

/** `.s3(` and `.PresignURL(`; the second group is the name. */
const awsCalls = new RegExp(String.raw`(\.)\s*(${[...awsPackages.keys(), "PresignURL"].join("|")})\s*\(`, "g")

const presigner = "@aws-sdk/s3-request-presigner"

/**
 * Reads an application's directory for its packages only.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (directory: string) {
  const files = yield* listFiles(directory)
  return yield* find(files, yield* AppDirectoryFunctions.load(files))
})

const Manifest = Schema.Struct({
  dependencies: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

/**
 * Reports missing packages and modules, each with the functions that need it and what to do.
 *
 * @internal
 */
export const report = Effect.fnUntraced(function* (files: AppFiles, functions: ReadonlyMap<string, AppFunction>) {
  yield* files.jsonOrReport("functions/package.json", Manifest, "it is not known which packages functions need")
  const { missing } = yield* find(files, functions)
  for (const { functions, name, place } of missing) {
    files.report.push({
      file: place,
      message: `the package "${name}" is not installed, which ${listOf(functions)}: run "npx effect-app-services install ${files.directory}"`
    })
  }
  const resolver = createRequire(files.path("functions/index.js"))
  for (const [name, [first]] of byName(usesOf(sourcesOf(functions), requires))) {
    if (!isRelative(name) || resolves(resolver, name)) continue
    files.report.push({ file: first.place, message: `the module "${name}" does not exist: requiring it fails` })
  }
})

const listOf = (names: ReadonlyArray<string>): string => {
  const shown = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5} others`] : names
  return `the function${names.length === 1 ? "" : "s"} ${shown.join(", ")} require${names.length === 1 ? "s" : ""}`
}

const resolves = (resolver: NodeJS.Require, name: string): boolean => {
  try {
    resolver.resolve(name)
    return true
  } catch (cause) {
    return !(cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND")
  }
}
