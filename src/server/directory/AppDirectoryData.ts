/**
 * Loads the data sources of an exported application, and the rules and schemas of their collections.
 *
 * What is invalid or unsupported is closed to clients, and reported: a role, or a collection whose rule is not understood at
 * all, and writes to one whose schema is not.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { AppFiles } from "./AppFiles.ts"
import type { Access, DataSource } from "../data/DataAccess.ts"
import * as DocumentSchema from "../data/DocumentSchema.ts"
import * as Rules from "../data/Rules.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))

const nameIn = (rule: unknown, key: string): string | undefined => {
  const name = Predicate.isObject(rule) ? Reflect.get(rule, key) : undefined
  return typeof name === "string" && name !== "" ? name : undefined
}

const Config = Schema.Struct({ name: Text, type: Text })

/** How document schemas are enforced. */
export type Schemas = DocumentSchema.Strictness | "off"

interface Source {
  open: Access
  hasDefault: boolean
  defaultRule?: unknown
  readonly collections: Map<string, Access>
  readonly schemas: Map<string, DocumentSchema.DocumentSchema>
}

/** The data sources by name, and their names by folder. */
interface Sources {
  readonly found: Map<string, Source>
  readonly folders: ReadonlyMap<string, string>
  readonly of: (folder: string) => Source
}

/** What a rule or schema is read with. */
interface Place {
  readonly files: AppFiles
  readonly functions: ReadonlyMap<string, unknown>
  readonly sources: Sources
  readonly schemas: Schemas
}

const filesOf = (files: AppFiles) => [...files.below("data_sources"), ...files.below("services")]

const loadSources = Effect.fnUntraced(function* (files: AppFiles): Effect.fn.Return<Sources> {
  const found = new Map<string, Source>()
  const folders = new Map<string, string>()
  const of = (folder: string): Source => {
    const name = folders.get(folder) ?? folder.split("/")[1] ?? folder
    let source = found.get(name)
    if (source === undefined) {
      source = { open: false, hasDefault: false, collections: new Map(), schemas: new Map() }
      found.set(name, source)
    }
    return source
  }
  for (const file of filesOf(files)) {
    const folder = /^((?:data_sources|services)\/[^/]+)\/config\.json$/.exec(file)?.[1]
    if (folder === undefined) continue
    const config = yield* files.jsonOrReport(file, Config, "its name and type are not known")
    const isMongo = config?.type?.startsWith("mongodb") === true
    if (!isMongo && !folder.startsWith("data_sources/")) continue
    folders.set(folder, config?.name ?? folder.split("/")[1] ?? folder)
    of(folder)
  }
  return { found, folders, of }
})

const reportCalls = ({ files, functions }: Place, file: string, what: string, calls: Iterable<string>) => {
  for (const name of calls) {
    if (functions.has(name)) continue
    files.mistake(
      file,
      `the ${what} calls the function "${name}", which does not exist: requests that depend on it are rejected`
    )
  }
}

/** Compiles a rule. What is not understood of it is closed. */
const accessOf = (place: Place, file: string, rule: unknown, closed: string): Access => {
  const compiled = Rules.compile(rule)
  if (Result.isSuccess(compiled)) {
    reportCalls(place, file, "rule", compiled.success.calls)
    for (const { consequence, problem } of compiled.success.closed) {
      const at = problem.place === "" ? "" : ` at ${problem.place}`
      place.files.mistake(file, `the rule is not understood${at}: ${problem.message}; ${consequence}`, problem.place)
    }
    return compiled.success
  }
  // an empty file is reported already
  if (rule !== undefined) {
    const { message, place: where } = compiled.failure
    const at = where === "" ? "" : ` at ${where}`
    place.files.mistake(file, `the rule is not understood${at}: ${message}; ${closed} closed to clients`, where)
  }
  return false
}

const loadSchema = (place: Place, file: string, source: Source, namespace: string, input: unknown): void => {
  if (place.schemas === "off") return
  const compiled = DocumentSchema.compile(input, place.schemas)
  if (Result.isSuccess(compiled)) {
    if (compiled.success === undefined) return
    reportCalls(place, file, "schema", compiled.success.calls)
    source.schemas.set(namespace, compiled.success)
    return
  }
  const { message, place: where } = compiled.failure
  const why = `${where === "" ? "" : `at ${where}: `}${message}`
  source.schemas.set(namespace, DocumentSchema.refusing(why))
  place.files.mistake(
    file,
    `the schema is not understood: ${why}; clients cannot write to the collection "${namespace}"`,
    where
  )
}

/** A rule document, and what it is for: a collection, or those without rules of their own. */
interface RuleFile {
  readonly file: string
  readonly source: Source
  readonly rule: unknown
  readonly database: string | undefined
  readonly collection: string | undefined
  readonly isDefault: boolean
}

const readRule = Effect.fnUntraced(function* ({ files, sources }: Place, file: string) {
  const found =
    /^(data_sources\/[^/]+)(?:\/([^/]+)\/([^/]+)\/rules|\/default_rule)\.json$/.exec(file) ??
    // in older exports the file name is DATABASE.COLLECTION
    /^(services\/[^/]+)\/rules\/(?:([^/.]+)\.)?([^/]+)\.json$/.exec(file)
  const folder = found?.[1]
  // rules of other services do not apply to collections
  if (found === null || folder === undefined || (folder.startsWith("services/") && !sources.folders.has(folder))) {
    return []
  }
  const rule = yield* files.jsonOrReport(file, Schema.Unknown, "what it is for is closed to clients")
  // a file name without a dot does not name a collection
  const ofFile = found[2] === undefined ? [] : [found[2], found[3]]
  const database = nameIn(rule, "database") ?? ofFile[0]
  const collection = nameIn(rule, "collection") ?? ofFile[1]
  const isDefault = file.endsWith("/default_rule.json") || (database === undefined && collection === undefined)
  const read: RuleFile = { file, source: sources.of(folder), rule, database, collection, isDefault }
  return [read]
})

const loadDefaultRule = (place: Place, { file, rule, source }: RuleFile): void => {
  if (source.hasDefault) {
    place.files.mistake(file, "the rule is ignored: its data source has another default rule")
    return
  }
  source.open = accessOf(place, file, rule, "collections without rules of their own are")
  source.hasDefault = true
  source.defaultRule = rule
}

/** Whether a rule is a document without roles, so that the roles of the default rule apply. */
const hasNoRoles = (rule: unknown): rule is Readonly<Record<string, unknown>> => {
  if (!Predicate.isObject(rule)) return false
  const roles: unknown = Reflect.get(rule, "roles")
  return roles === undefined || roles === null || (Array.isArray(roles) && roles.length === 0)
}

/** A rule with the roles of the default rule, and with its filters if the rule has none of its own. */
const completed = (rule: Readonly<Record<string, unknown>>, { defaultRule }: Source): unknown => {
  if (!Predicate.isObject(defaultRule)) return rule
  const { filters, roles } = { filters: undefined, roles: undefined, ...defaultRule }
  return { ...rule, roles, filters: rule["filters"] ?? filters }
}

const loadRule = (place: Place, { collection, database, file, rule, source }: RuleFile): void => {
  if (database === undefined || collection === undefined) {
    place.files.mistake(file, "the rule is ignored: expected both a database and a collection")
    return
  }
  const namespace = `${database}.${collection}`
  // without a default rule, or with one that is not understood, the collection is closed
  if (hasNoRoles(rule) && source.open === false) source.collections.set(namespace, false)
  else {
    const whole = hasNoRoles(rule) ? completed(rule, source) : rule
    source.collections.set(namespace, accessOf(place, file, whole, `the collection "${namespace}" is`))
  }
  // older exports have the schema in the rule
  if (Predicate.isObject(rule)) loadSchema(place, file, source, namespace, Reflect.get(rule, "schema"))
}

const loadSchemaFile = Effect.fnUntraced(function* (place: Place, file: string) {
  const [, folder, database, collection] = /^(data_sources\/[^/]+)\/([^/]+)\/([^/]+)\/schema\.json$/.exec(file) ?? []
  if (folder === undefined) return
  const input = yield* place.files.jsonOrReport(file, Schema.Unknown, "documents are not validated")
  loadSchema(place, file, place.sources.of(folder), `${database}.${collection}`, input)
})

/** @internal */
export const load = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, unknown>,
  schemas: Schemas
) {
  const sources = yield* loadSources(files)
  const place: Place = { files, functions, sources, schemas }
  const rules = (yield* Effect.forEach(filesOf(files), (file) => readRule(place, file))).flat()
  for (const it of rules) if (it.isDefault) loadDefaultRule(place, it)
  for (const it of rules) if (!it.isDefault) loadRule(place, it)
  for (const file of files.below("data_sources")) yield* loadSchemaFile(place, file)
  const dataSources: ReadonlyMap<string, DataSource> = sources.found
  return { dataSources, folders: sources.folders }
})
