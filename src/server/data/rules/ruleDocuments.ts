/** Parses rule documents: their keys and the defaults of missing ones. */
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Fields from "./fieldPermissions.ts"
import * as Masks from "./projectionMasks.ts"
import * as Conditions from "./conditions.ts"
import { type Call, orClosed, refuse, type Scope } from "./operands.ts"

/** A parsed rule document. */
export interface RuleDocument {
  readonly roles: ReadonlyArray<Role>
  readonly filters: ReadonlyArray<Filter>
}

/** A role as a function of the caller. */
export interface Role {
  readonly applies: Conditions.Expression
  readonly filterRead: Conditions.Expression
  readonly filterWrite: Conditions.Expression
  readonly read: Conditions.Expression
  readonly write: Conditions.Expression
  readonly insert: Conditions.Expression
  readonly delete: Conditions.Expression
  readonly fields: Fields.Permissions
  /** The functions that decide whether the role applies, and those that decide what it allows. */
  readonly callsToApply: ReadonlyArray<Call>
  readonly calls: ReadonlyArray<Call>
  /** Whether it is not understood as a whole: it allows nothing. */
  readonly isClosed: boolean
}

const onlyKeys = (value: Document, known: ReadonlyArray<string>, place: string): void => {
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(place === "" ? unknown : `${place}.${unknown}`, `the key "${unknown}"`)
}

const documentAt = (value: unknown, place: string): Document =>
  Bson.isDocument(value) ? value : refuse(place, "a value other than a document")

export const optional = (
  value: unknown,
  place: string,
  scope: Scope,
  otherwise: Conditions.Expression
): Conditions.Expression =>
  value === undefined || value === null ? otherwise : Conditions.expression(value, place, scope)

const always: Conditions.Expression = () => true
const never: Conditions.Expression = () => false

/** A role that allows nothing. */
const closedRole = (applies: Conditions.Expression, callsToApply: ReadonlyArray<Call>): Role => ({
  applies,
  filterRead: never,
  filterWrite: never,
  read: never,
  write: never,
  insert: never,
  delete: never,
  fields: Fields.none,
  callsToApply,
  calls: [],
  isClosed: true
})

/** Parses a role. What is not understood of it is closed, and leaves other roles as they are. */
const role = (input: unknown, place: string, whole: Scope): Role => {
  const toApply: Scope = { ...whole, calls: [] }
  return orClosed(
    toApply,
    () => {
      const value = documentAt(input, place)
      const applies = optional(value["apply_when"], `${place}.apply_when`, toApply, always)
      const scope: Scope = { ...whole, calls: [] }
      return orClosed(
        scope,
        () => ({ ...permissions(value, place, scope), applies, callsToApply: toApply.calls, calls: scope.calls }),
        () => [closedRole(applies, toApply.calls), "the role allows nothing"]
      )
    },
    // which documents it is for is not known, and none of them must be left to a role behind it
    () => [closedRole(always, []), "the role allows nothing, and neither do those behind it"]
  )
}

/** What a role allows. */
const permissions = (
  value: Document,
  place: string,
  scope: Scope
): Omit<Role, "applies" | "callsToApply" | "calls"> => {
  onlyKeys(value, roleKeys, place)
  const permission = (within: Document, at: string, name: string, otherwise: Conditions.Expression) =>
    orClosed(
      scope,
      () => optional(within[name], `${at}.${name}`, scope, otherwise),
      () => [never, "it does not hold"]
    )
  const own = (name: string, otherwise: Conditions.Expression) => permission(value, place, name, otherwise)
  const given = value["document_filters"]
  const at = `${place}.document_filters`
  const filters = Conditions.isEmpty(given) ? undefined : documentAt(given, at)
  if (filters !== undefined) onlyKeys(filters, ["read", "write"], at)
  // if one of a pair is missing, nothing is writable; permission to write implies permission to read
  const filterWrite = filters === undefined ? always : permission(filters, at, "write", never)
  const filterRead = filters === undefined ? always : permission(filters, at, "read", filterWrite)
  const write = own("write", never)
  return {
    filterRead,
    filterWrite,
    read: own("read", write),
    write,
    insert: own("insert", always),
    delete: own("delete", always),
    fields: Fields.compile(value["fields"], value["additional_fields"], place, scope),
    isClosed: false
  }
}

const roleKeys = [
  "_id",
  "id",
  "name",
  "apply_when",
  "document_filters",
  "read",
  "write",
  "insert",
  "delete",
  "search",
  "fields",
  "additional_fields"
]

/** A filter: restricts the documents that are found, and their fields. */
export interface Filter {
  readonly applies: Conditions.Expression
  readonly query: Conditions.Expression
  readonly mask: Fields.Permission | undefined
  readonly callsToApply: ReadonlyArray<Call>
  readonly calls: ReadonlyArray<Call>
}

const filter = (input: unknown, place: string, whole: Scope): Filter => {
  const value = documentAt(input, place)
  onlyKeys(value, ["_id", "id", "name", "apply_when", "query", "projection", "project"], place)
  // a filter applies to a request, without a document
  const toApply: Scope = { ...whole, calls: [], about: "request" }
  const scope: Scope = { ...whole, calls: [] }
  // documentation and exports name it differently
  const given = value["projection"] ?? value["project"]
  if (given !== (value["project"] ?? given)) refuse(`${place}.project`, "a second projection")
  const mask = Conditions.isEmpty(given)
    ? undefined
    : Masks.of(documentAt(given, `${place}.projection`), `${place}.projection`)
  return {
    applies: optional(value["apply_when"], `${place}.apply_when`, toApply, always),
    query: optional(value["query"], `${place}.query`, scope, always),
    mask,
    callsToApply: toApply.calls,
    calls: scope.calls
  }
}

const list = (value: unknown, place: string): ReadonlyArray<unknown> =>
  value === undefined || value === null
    ? []
    : Array.isArray(value)
      ? value
      : refuse(place, "a value other than an array")

const ruleKeys = ["_id", "id", "database", "collection", "roles", "filters", "schema", "relationships"]

/**
 * Parses a rule document. Throws for its first unsupported part, except in a role, which closes the role; if none is left,
 * it throws for the first one.
 */
export const rule = (input: unknown, scope: Scope): RuleDocument => {
  const value = documentAt(input, "")
  onlyKeys(value, ruleKeys, "")
  const roles = list(value["roles"], "roles").map((it, i) => role(it, `roles[${i}]`, scope))
  const filters = list(value["filters"], "filters").map((it, i) => filter(it, `filters[${i}]`, scope))
  if (roles.length === 0) return refuse("roles", "a rule without a role")
  const [first] = scope.closed
  if (first !== undefined && roles.every(({ isClosed }) => isClosed)) throw first.problem
  return { roles, filters }
}
