/**
 * The rules of a collection: which documents a client may read, write, insert and delete, and which of their fields.
 *
 * Pure: {@link compile} turns a rule document into {@link Rules}, which turn a user into {@link Access}. The first role
 * whose `apply_when` holds for the user and the document decides. A rule that is not wholly understood is none.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { FunctionUser } from "../functions/FunctionContext.ts"
import * as Bson from "./internal/bson.ts"
import * as Fields from "./internal/fieldPermissions.ts"
import * as Conditions from "./internal/ruleConditions.ts"
import { refuse } from "./internal/ruleConditions.ts"

type Document = Record<string, unknown>

/**
 * What one user may do with the documents of one collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Access {
  /** Whether the user may do everything, to every document. */
  readonly everything: boolean
  /** Matches the documents that may be read. */
  readonly readable: Document
  /** Whether the user may read every document. */
  readonly readsAll: boolean
  /** Whether some of the documents are shown in part. */
  readonly partial: boolean
  /** What a filter's projections leave of every document. */
  readonly projections: ReadonlyArray<Document>
  /** What of a document may be read; `undefined` when nothing may. */
  readonly shown: (document: Document) => Document | undefined
  /** Whether a path of a document may be read. */
  readonly showsPath: (document: Document, path: string) => boolean
  readonly mayInsert: (document: Document) => boolean
  readonly mayDelete: (document: Document) => boolean
  /** `paths` are the fields that the change names, `undefined` where it may compute with any. */
  readonly mayUpdate: (before: Document, after: Document, paths: ReadonlyArray<string> | undefined) => boolean
}

/**
 * The rules of a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rules {
  readonly accessOf: (user: FunctionUser) => Access
}

/**
 * What of a rule is not understood, and where it stands.
 *
 * @category errors
 * @since 0.1.0
 */
export type NotUnderstood = Conditions.NotUnderstood

interface Role {
  readonly applies: Conditions.Expression
  readonly filterRead: Conditions.Expression
  readonly filterWrite: Conditions.Expression
  readonly read: Conditions.Expression
  readonly write: Conditions.Expression
  readonly insert: boolean
  readonly delete: boolean
  readonly fields: Fields.Permission
}

const onlyKeys = (value: Document, known: ReadonlyArray<string>, place: string): void => {
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(place === "" ? unknown : `${place}.${unknown}`, `the key "${unknown}"`)
}

const documentAt = (value: unknown, place: string): Document =>
  Bson.isDocument(value) ? value : refuse(place, "what is no document")

const optional = (value: unknown, place: string, otherwise: Conditions.Expression): Conditions.Expression =>
  value === undefined || value === null ? otherwise : Conditions.expression(value, place)

const always: Conditions.Expression = () => true
const never: Conditions.Expression = () => false

const flag = (value: unknown, place: string): boolean =>
  Conditions.isEmpty(value) || (typeof value === "boolean" ? value : refuse(place, "what is neither true nor false"))

const role = (input: unknown, place: string): Role => {
  const value = documentAt(input, place)
  onlyKeys(value, roleKeys, place)
  const filters = Conditions.isEmpty(value["document_filters"])
    ? undefined
    : documentAt(value["document_filters"], `${place}.document_filters`)
  if (filters !== undefined) onlyKeys(filters, ["read", "write"], `${place}.document_filters`)
  // of a pair of which one is missing, nothing may be written; and what may be written may be read
  const filterWrite =
    filters === undefined ? always : optional(filters["write"], `${place}.document_filters.write`, never)
  const filterRead =
    filters === undefined ? always : optional(filters["read"], `${place}.document_filters.read`, filterWrite)
  const write = optional(value["write"], `${place}.write`, never)
  flag(value["search"], `${place}.search`)
  return {
    applies: optional(value["apply_when"], `${place}.apply_when`, always),
    filterRead,
    filterWrite,
    read: optional(value["read"], `${place}.read`, write),
    write,
    insert: flag(value["insert"], `${place}.insert`),
    delete: flag(value["delete"], `${place}.delete`),
    fields: Fields.compile(value["fields"], value["additional_fields"], place)
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

interface Filter {
  readonly applies: (user: FunctionUser) => boolean
  readonly query: Conditions.Expression
  readonly projection: Document | undefined
}

const filter = (input: unknown, place: string): Filter => {
  const value = documentAt(input, place)
  onlyKeys(value, ["_id", "id", "name", "apply_when", "query", "projection"], place)
  const applies = optional(value["apply_when"], `${place}.apply_when`, always)
  if (dependsOnDocument(value["apply_when"])) {
    refuse(`${place}.apply_when`, "a filter that applies by what a document holds")
  }
  const projection = Conditions.isEmpty(value["projection"])
    ? undefined
    : documentAt(value["projection"], `${place}.projection`)
  for (const [name, shows] of Object.entries(projection ?? {})) {
    if (shows !== 0 && shows !== 1 && typeof shows !== "boolean") {
      refuse(`${place}.projection.${name}`, "a projection by anything but 0 and 1")
    }
    if (name === "_id" && !shows) refuse(`${place}.projection._id`, "a projection without _id")
  }
  return {
    applies: (user) => applies(user) === true,
    query: optional(value["query"], `${place}.query`, always),
    projection
  }
}

/** Whether any key names a field of the document, which for nobody is known before one is there. */
const dependsOnDocument = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(dependsOnDocument)
  if (typeof value === "string") return value.startsWith("%%root")
  if (!Bson.isDocument(value)) return false
  return Object.entries(value).some(
    ([name, inner]) =>
      name.startsWith("%%root") || (!name.startsWith("%") && !name.startsWith("$")) || dependsOnDocument(inner)
  )
}

const list = (value: unknown, place: string): ReadonlyArray<unknown> =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : refuse(place, "what is no list")

const ruleKeys = ["_id", "id", "database", "collection", "roles", "filters", "schema", "relationships"]

/**
 * Compiles a rule document, or tells the first thing in it that is not understood.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compile = (input: unknown): Result.Result<Rules, NotUnderstood> =>
  Result.try({
    try: () => {
      const rule = documentAt(input, "")
      onlyKeys(rule, ruleKeys, "")
      const roles = list(rule["roles"], "roles").map((it, i) => role(it, `roles[${i}]`))
      const filters = list(rule["filters"], "filters").map((it, i) => filter(it, `filters[${i}]`))
      return roles.length === 0 ? refuse("roles", "a rule without a role") : make(roles, filters)
    },
    catch: (cause) =>
      cause instanceof Conditions.NotUnderstood
        ? cause
        : new Conditions.NotUnderstood({ place: "", message: cause instanceof Error ? cause.message : String(cause) })
  })

/** A role as it is for one user. */
interface Applied {
  readonly applies: Conditions.Condition
  readonly visible: Conditions.Condition
  readonly whole: Conditions.Condition
  readonly role: Role
  readonly matches: (document: Document) => boolean
  readonly isVisible: (document: Document) => boolean
  /** What of the document's fields may be read and written, once its document may be. */
  readonly readsOf: (document: Document) => Fields.Permission
  readonly writesOf: (document: Document) => Fields.Permission
}

const apply = (of: Role, user: FunctionUser): Applied => {
  const applies = of.applies(user)
  const [read, write] = [of.read(user), of.write(user)]
  const [filterRead, filterWrite] = [of.filterRead(user), of.filterWrite(user)]
  const visible = Conditions.and([filterRead, Conditions.or([read, Fields.readsAny(of.fields)])])
  const readsWhole = Conditions.holds(read)
  const writesWhole = Conditions.holds(write)
  const passes = Conditions.holds(filterWrite)
  return {
    applies,
    visible,
    whole: Conditions.and([applies, read, write, filterRead, filterWrite]),
    role: of,
    matches: Conditions.holds(applies),
    isVisible: Conditions.holds(visible),
    readsOf: (document) => (readsWhole(document) ? Fields.everything : of.fields),
    writesOf: (document) => (!passes(document) ? Fields.nothing : writesWhole(document) ? Fields.everything : of.fields)
  }
}

const make = (roles: ReadonlyArray<Role>, filters: ReadonlyArray<Filter>): Rules => ({
  accessOf: (user) => {
    const considered: Array<Applied> = []
    const readable: Array<Conditions.Condition> = []
    let partial = false
    // a role decides where none before it does
    const before: Array<Conditions.Condition> = []
    for (const it of roles.map((role) => apply(role, user))) {
      if (it.applies === false) continue
      considered.push(it)
      readable.push(Conditions.and([...before, it.applies, it.visible]))
      if (it.visible !== false && it.role.read(user) !== true && Fields.readsAny(it.role.fields)) partial = true
      before.push(Conditions.not(it.applies))
      if (it.applies === true) break
    }
    const inForce = filters.filter((it) => it.applies(user))
    const projections = inForce.flatMap(({ projection }) => (projection === undefined ? [] : [projection]))
    const condition = Conditions.and([Conditions.or(readable), ...inForce.map(({ query }) => query(user))])
    const isReadable = Conditions.holds(condition)
    const roleOf = (document: Document) => considered.find(({ matches }) => matches(document))
    const first = considered[0]
    return {
      everything: first?.whole === true && first.role.insert && first.role.delete && inForce.length === 0,
      readable: Conditions.filterOf(condition),
      readsAll: condition === true,
      partial: partial || projections.length > 0,
      projections,
      shown: (document) => {
        if (!isReadable(document)) return undefined
        const decides = roleOf(document)
        if (decides === undefined) return undefined
        const { _id } = document
        const stripped = Fields.strip(document, decides.readsOf(document))
        // what a document is called by is known wherever any of it is
        return stripped === document || _id === undefined ? stripped : { _id, ...stripped }
      },
      showsPath: (document, path) => {
        const decides = roleOf(document)
        return decides !== undefined && Fields.at(decides.readsOf(document), path).read
      },
      mayInsert: (document) => {
        const decides = roleOf(document)
        return decides?.role.insert === true && Fields.writesAll(document, decides.writesOf(document))
      },
      mayDelete: (document) => {
        const decides = roleOf(document)
        return (
          decides?.role.delete === true &&
          decides.isVisible(document) &&
          Fields.writesAll(document, decides.writesOf(document))
        )
      },
      mayUpdate: (old, made, paths) => {
        const [decides, after] = [roleOf(old), roleOf(made)]
        if (decides === undefined || after === undefined || !decides.isVisible(old)) return false
        // a document must not be given away: the role of what it becomes must let it be written as well
        return [decides.writesOf(old), after.writesOf(made)].every(
          (allowed) =>
            Fields.writesDifference(old, made, allowed) &&
            (allowed === Fields.everything ||
              (paths !== undefined && paths.length > 0 && paths.every((path) => Fields.at(allowed, path).write)))
        )
      }
    }
  }
})
