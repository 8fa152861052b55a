/** Parses rule documents: their keys and the defaults of missing ones. */
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Fields from "./fieldPermissions.ts"
import * as Masks from "./projectionMasks.ts"
import * as Conditions from "./conditions.ts"
import { type Call, refuse, type Scope } from "./operands.ts"

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

const role = (input: unknown, place: string, whole: Scope): Role => {
  const value = documentAt(input, place)
  onlyKeys(value, roleKeys, place)
  const toApply: Scope = { ...whole, calls: [] }
  const scope: Scope = { ...whole, calls: [] }
  const filters = Conditions.isEmpty(value["document_filters"])
    ? undefined
    : documentAt(value["document_filters"], `${place}.document_filters`)
  if (filters !== undefined) onlyKeys(filters, ["read", "write"], `${place}.document_filters`)
  // if one of a pair is missing, nothing is writable; permission to write implies permission to read
  const filterWrite =
    filters === undefined ? always : optional(filters["write"], `${place}.document_filters.write`, scope, never)
  const filterRead =
    filters === undefined ? always : optional(filters["read"], `${place}.document_filters.read`, scope, filterWrite)
  const write = optional(value["write"], `${place}.write`, scope, never)
  optional(value["search"], `${place}.search`, { ...scope, calls: [] }, always)
  return {
    applies: optional(value["apply_when"], `${place}.apply_when`, toApply, always),
    filterRead,
    filterWrite,
    read: optional(value["read"], `${place}.read`, scope, write),
    write,
    insert: optional(value["insert"], `${place}.insert`, scope, always),
    delete: optional(value["delete"], `${place}.delete`, scope, always),
    fields: Fields.compile(value["fields"], value["additional_fields"], place, scope),
    callsToApply: toApply.calls,
    calls: scope.calls
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

/** Parses a rule document; throws for its first unsupported part. */
export const rule = (input: unknown, scope: Scope): RuleDocument => {
  const value = documentAt(input, "")
  onlyKeys(value, ruleKeys, "")
  const roles = list(value["roles"], "roles").map((it, i) => role(it, `roles[${i}]`, scope))
  const filters = list(value["filters"], "filters").map((it, i) => filter(it, `filters[${i}]`, scope))
  return roles.length === 0 ? refuse("roles", "a rule without a role") : { roles, filters }
}
