/**
 * Loads the data sources of an exported application, and the rules of their collections.
 *
 * A collection with an invalid or unsupported rule is closed to clients, and reported.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { AppFiles } from "./AppFiles.ts"
import type { Access, DataSource } from "../data/DataAccess.ts"
import * as Rules from "../data/Rules.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))

const nameIn = (rule: unknown, key: string): string | undefined => {
  const name = Predicate.isObject(rule) ? Reflect.get(rule, key) : undefined
  return typeof name === "string" && name !== "" ? name : undefined
}

const Config = Schema.Struct({ name: Text, type: Text })

/** @internal */
export const load = Effect.fnUntraced(function* (files: AppFiles, functions: ReadonlyMap<string, unknown>) {
  const sources = new Map<string, { open: Access; hasDefault: boolean; collections: Map<string, Access> }>()
  const sourceOf = (name: string) => {
    let source = sources.get(name)
    if (source === undefined) sources.set(name, (source = { open: false, hasDefault: false, collections: new Map() }))
    return source
  }
  /** The names of the data sources by their folders. */
  const folders = new Map<string, string>()
  for (const file of [...files.below("data_sources"), ...files.below("services")]) {
    const folder = /^((?:data_sources|services)\/[^/]+)\/config\.json$/.exec(file)?.[1]
    if (folder === undefined) continue
    const config = yield* files.jsonOrReport(file, Config, "its name and type are not known")
    const isMongo = config?.type?.startsWith("mongodb") === true
    if (!isMongo && !folder.startsWith("data_sources/")) continue
    const name = config?.name ?? folder.split("/")[1] ?? folder
    folders.set(folder, name)
    sourceOf(name)
  }
  for (const file of [...files.below("data_sources"), ...files.below("services")]) {
    const found =
      /^(data_sources\/[^/]+)(?:\/([^/]+)\/([^/]+)\/rules|\/default_rule)\.json$/.exec(file) ??
      // in older exports the file name is DATABASE.COLLECTION
      /^(services\/[^/]+)\/rules\/(?:([^/.]+)\.)?([^/]+)\.json$/.exec(file)
    const folder = found?.[1]
    // rules of other services do not apply to collections
    if (found === null || folder === undefined || (folder.startsWith("services/") && !folders.has(folder))) continue
    const rule = yield* files.jsonOrReport(file, Schema.Unknown, "what it is for is closed to clients")
    const source = sourceOf(folders.get(folder) ?? folder.split("/")[1] ?? folder)
    // a file name without a dot does not name a collection
    const ofFile = found[2] === undefined ? [] : [found[2], found[3]]
    const database = nameIn(rule, "database") ?? ofFile[0]
    const collection = nameIn(rule, "collection") ?? ofFile[1]
    const isDefault = file.endsWith("/default_rule.json") || (database === undefined && collection === undefined)
    if (!isDefault && (database === undefined || collection === undefined)) {
      files.report.push({ file, message: "the rule is ignored: expected both a database and a collection" })
      continue
    }
    if (isDefault && source.hasDefault) {
      files.report.push({ file, message: "the rule is ignored: its data source has another default rule" })
      continue
    }
    const namespace = `${database}.${collection}`
    const compiled = Rules.compile(rule)
    const access = Result.getOrElse(compiled, () => false)
    for (const name of Result.isSuccess(compiled) ? compiled.success.calls : []) {
      if (functions.has(name)) continue
      files.report.push({
        file,
        message: `the rule calls the function "${name}", which does not exist: requests that depend on it are rejected`
      })
    }
    if (isDefault) {
      source.open = access
      source.hasDefault = true
    } else source.collections.set(namespace, access)
    // an empty file is reported already
    if (Result.isFailure(compiled) && rule !== undefined) {
      const { message, place } = compiled.failure
      const closed = isDefault ? "collections without rules of their own are" : `the collection "${namespace}" is`
      const at = place === "" ? "" : ` at ${place}`
      files.report.push({ file, message: `the rule is not understood${at}: ${message}; ${closed} closed to clients` })
    }
  }
  const dataSources: ReadonlyMap<string, DataSource> = sources
  return { dataSources, folders: new Set(folders.keys()) }
})
