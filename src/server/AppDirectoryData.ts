/**
 * Loads the data sources of an exported application, and what clients may reach of them.
 *
 * A collection is open where its rules let everybody do everything. Any other rule is not understood here, so its
 * collection is closed to clients, and the report says so.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AppFiles } from "./AppFiles.ts"
import type { DataSource } from "./DataAccess.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Any = Schema.optional(Schema.Unknown)
const Role = Schema.Struct({
  apply_when: Any,
  document_filters: Any,
  fields: Any,
  additional_fields: Any,
  read: Any,
  write: Any,
  insert: Any,
  delete: Any
})
const Rule = Schema.Struct({
  database: Text,
  collection: Text,
  roles: Schema.optional(Schema.NullOr(Schema.Array(Role))),
  filters: Any
})
type Rule = typeof Rule.Type

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)

/** What is not given is decided by `write`, as `read` is. */
const opens = (role: typeof Role.Type): boolean =>
  isEmpty(role.apply_when) &&
  isEmpty(role.fields) &&
  isEmptyOrOpen(role.additional_fields) &&
  isOpenFilter(role.document_filters) &&
  role.write === true &&
  (role.read === true || role.read === undefined) &&
  (role.insert === true || role.insert === undefined) &&
  (role.delete === true || role.delete === undefined)

const isEmptyOrOpen = (value: unknown): boolean => isEmpty(value) || everyIs(value, (it) => it === true)
const isOpenFilter = (value: unknown): boolean => isEmpty(value) || everyIs(value, (it) => it === true || isEmpty(it))
const everyIs = (value: unknown, accepts: (inner: unknown) => boolean): boolean =>
  typeof value === "object" && value !== null && Object.values(value).every(accepts)

const why = (rule: Rule): string | undefined => {
  const role = rule.roles?.[0]
  if (role === undefined) return "it has no role"
  if (!isEmpty(rule.filters)) return "it has filters"
  return opens(role) ? undefined : "its first role does not let everybody do everything"
}

const Config = Schema.Struct({ name: Text, type: Text })

/** @internal */
export const load = Effect.fnUntraced(function* (files: AppFiles) {
  const sources = new Map<string, { open: boolean; collections: Map<string, boolean> }>()
  const sourceOf = (name: string) => {
    let source = sources.get(name)
    if (source === undefined) sources.set(name, (source = { open: false, collections: new Map() }))
    return source
  }
  const names = new Map<string, string>()
  for (const file of [...files.below("data_sources"), ...files.below("services")]) {
    const folder = /^((?:data_sources|services)\/[^/]+)\/config\.json$/.exec(file)?.[1]
    if (folder === undefined) continue
    const config = yield* files.json(file, Config)
    const isMongo = config?.type?.startsWith("mongodb") === true
    if (!isMongo && !folder.startsWith("data_sources/")) continue
    const name = config?.name ?? folder.split("/")[1] ?? folder
    names.set(folder, name)
    sourceOf(name)
  }
  for (const file of [...files.below("data_sources"), ...files.below("services")]) {
    const found =
      /^(data_sources\/[^/]+)(?:\/([^/]+)\/([^/]+)\/rules|\/default_rule)\.json$/.exec(file) ??
      /^(services\/[^/]+)\/rules\/.+\.json$/.exec(file)
    const folder = found?.[1]
    if (folder === undefined) continue
    const rule = yield* files.json(file, Rule)
    if (rule === undefined) continue
    const source = sourceOf(names.get(folder) ?? folder.split("/")[1] ?? folder)
    const problem = why(rule)
    const isDefault = file.endsWith("/default_rule.json")
    const namespace = `${rule.database ?? found?.[2] ?? ""}.${rule.collection ?? found?.[3] ?? ""}`
    if (isDefault) source.open = problem === undefined
    else source.collections.set(namespace, problem === undefined)
    if (problem !== undefined) {
      files.report.push({
        file,
        message: isDefault
          ? `the rule is not supported, since ${problem}: collections without rules of their own are closed to clients`
          : `the rule is not supported, since ${problem}: the collection "${namespace}" is closed to clients`
      })
    }
  }
  return sources satisfies ReadonlyMap<string, DataSource>
})
