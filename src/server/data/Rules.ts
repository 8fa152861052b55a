/**
 * The rules of a collection: which documents who asks may read, write, insert and delete, and which of their fields.
 *
 * Pure but for the functions that rules call: {@link compile} turns a rule document into {@link Rules}, which turn who
 * asks into {@link Access}. The first role whose `apply_when` holds for the user and the document decides. A rule that is
 * not wholly understood is none.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { DatabaseError } from "./Database.ts"
import * as Bson from "./internal/bson.ts"
import * as Fields from "./internal/fieldPermissions.ts"
import * as Conditions from "./internal/ruleConditions.ts"
import * as Operands from "./internal/ruleOperands.ts"
import { refuse } from "./internal/ruleOperands.ts"

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
  /** Calls the functions that the rules ask about documents. What follows must be prepared, and so must {@link shown}. */
  readonly prepare: (asked: Asked) => Effect.Effect<void, DatabaseError>
  /** Forgets what functions said of documents, so that they are asked anew. */
  readonly forget: () => void
  readonly mayInsert: (document: Document) => boolean
  readonly mayDelete: (document: Document) => boolean
  /** `paths` are the fields that the change names, `undefined` where it may compute with any. */
  readonly mayUpdate: (before: Document, after: Document, paths: ReadonlyArray<string> | undefined) => boolean
}

/**
 * What is about to be asked: of documents as they are, of one that is new, or of a change.
 *
 * @category models
 * @since 0.1.0
 */
export type Asked =
  | { readonly _tag: "Stored" | "New"; readonly documents: ReadonlyArray<Document> }
  | { readonly _tag: "Changed"; readonly before: Document; readonly after: Document }

/**
 * Who asks, of which application, in which request, and how the functions of rules are called.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given extends Operands.Given {}

/**
 * The rules of a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rules {
  readonly accessOf: (given: Given) => Effect.Effect<Access, DatabaseError>
  /** The names of the functions that the rules call. */
  readonly calls: ReadonlySet<string>
}

/**
 * A rule about who asks alone, such as who may call a function.
 *
 * @category models
 * @since 0.1.0
 */
export interface Gate {
  readonly allows: (given: Given) => Effect.Effect<boolean, DatabaseError>
  /** The names of the functions that it calls. */
  readonly calls: ReadonlySet<string>
}

/**
 * What of a rule is not understood, and where it stands.
 *
 * @category errors
 * @since 0.1.0
 */
export type NotUnderstood = Operands.NotUnderstood

interface Role {
  readonly applies: Conditions.Expression
  readonly filterRead: Conditions.Expression
  readonly filterWrite: Conditions.Expression
  readonly read: Conditions.Expression
  readonly write: Conditions.Expression
  readonly insert: Conditions.Expression
  readonly delete: Conditions.Expression
  readonly fields: Fields.Permissions
  /** The functions that tell whether the role applies, and those that tell what it allows. */
  readonly callsToApply: ReadonlyArray<Operands.Call>
  readonly calls: ReadonlyArray<Operands.Call>
}

const onlyKeys = (value: Document, known: ReadonlyArray<string>, place: string): void => {
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(place === "" ? unknown : `${place}.${unknown}`, `the key "${unknown}"`)
}

const documentAt = (value: unknown, place: string): Document =>
  Bson.isDocument(value) ? value : refuse(place, "what is no document")

const optional = (
  value: unknown,
  place: string,
  scope: Operands.Scope,
  otherwise: Conditions.Expression
): Conditions.Expression =>
  value === undefined || value === null ? otherwise : Conditions.expression(value, place, scope)

const always: Conditions.Expression = () => true
const never: Conditions.Expression = () => false

const role = (input: unknown, place: string, whole: Operands.Scope): Role => {
  const value = documentAt(input, place)
  onlyKeys(value, roleKeys, place)
  const toApply: Operands.Scope = { ...whole, calls: [] }
  const scope: Operands.Scope = { ...whole, calls: [] }
  const filters = Conditions.isEmpty(value["document_filters"])
    ? undefined
    : documentAt(value["document_filters"], `${place}.document_filters`)
  if (filters !== undefined) onlyKeys(filters, ["read", "write"], `${place}.document_filters`)
  // of a pair of which one is missing, nothing may be written; and what may be written may be read
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

interface Filter {
  readonly applies: Conditions.Expression
  readonly query: Conditions.Expression
  readonly projection: Document | undefined
  readonly callsToApply: ReadonlyArray<Operands.Call>
  readonly calls: ReadonlyArray<Operands.Call>
}

const filter = (input: unknown, place: string, whole: Operands.Scope): Filter => {
  const value = documentAt(input, place)
  onlyKeys(value, ["_id", "id", "name", "apply_when", "query", "projection", "project"], place)
  // a filter applies to a request, before there is any document
  const toApply: Operands.Scope = { ...whole, calls: [], about: "request" }
  const scope: Operands.Scope = { ...whole, calls: [] }
  // documentation and exports name it differently
  const given = value["projection"] ?? value["project"]
  if (given !== (value["project"] ?? given)) refuse(`${place}.project`, "a second projection")
  const projection = Conditions.isEmpty(given) ? undefined : documentAt(given, `${place}.projection`)
  for (const [name, shows] of Object.entries(projection ?? {})) {
    if (shows !== 0 && shows !== 1 && typeof shows !== "boolean") {
      refuse(`${place}.projection.${name}`, "a projection by anything but 0 and 1")
    }
    if (name === "_id" && !shows) refuse(`${place}.projection._id`, "a projection without _id")
  }
  return {
    applies: optional(value["apply_when"], `${place}.apply_when`, toApply, always),
    query: optional(value["query"], `${place}.query`, scope, always),
    projection,
    callsToApply: toApply.calls,
    calls: scope.calls
  }
}

const list = (value: unknown, place: string): ReadonlyArray<unknown> =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : refuse(place, "what is no list")

const ruleKeys = ["_id", "id", "database", "collection", "roles", "filters", "schema", "relationships"]

const understood = <A>(read: () => A): Result.Result<A, NotUnderstood> =>
  Result.try({
    try: read,
    catch: (cause) =>
      cause instanceof Operands.NotUnderstood
        ? cause
        : new Operands.NotUnderstood({ place: "", message: cause instanceof Error ? cause.message : String(cause) })
  })

const scopeOf = (about: Operands.Scope["about"]): Operands.Scope => ({
  calls: [],
  computed: [],
  marks: { change: false },
  about
})

/**
 * Compiles a rule document, or tells the first thing in it that is not understood.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compile = (input: unknown): Result.Result<Rules, NotUnderstood> =>
  understood(() => {
    const rule = documentAt(input, "")
    onlyKeys(rule, ruleKeys, "")
    const scope = scopeOf("document")
    const roles = list(rule["roles"], "roles").map((it, i) => role(it, `roles[${i}]`, scope))
    const filters = list(rule["filters"], "filters").map((it, i) => filter(it, `filters[${i}]`, scope))
    return roles.length === 0 ? refuse("roles", "a rule without a role") : make(roles, filters, scope)
  })

/**
 * Compiles a rule about who may call a function; it may ask for the arguments as `%%args`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compileGate = (input: unknown): Result.Result<Gate, NotUnderstood> =>
  understood(() => {
    const scope = scopeOf("arguments")
    const expression = optional(input, "", scope, always)
    return {
      calls: namesOf(scope.calls),
      allows: Effect.fnUntraced(function* (given) {
        const known: Operands.Known = { ...given, answers: new Map() }
        yield* answer(scope.calls, known)
        return expression(known) === true
      })
    }
  })

const namesOf = (calls: ReadonlyArray<Operands.Call>): ReadonlySet<string> => new Set(calls.map(({ name }) => name))

/** Calls functions, each once for the same arguments. */
const answer = Effect.fnUntraced(function* (
  calls: ReadonlyArray<Operands.Call>,
  known: Operands.Known,
  seen: () => Document = () => ({})
) {
  for (const { args, name } of calls) {
    const given = args(known, seen())
    const key = Operands.keyOf(name, given)
    if (!known.answers.has(key)) known.answers.set(key, yield* known.call(name, given))
  }
})

/** What a role says of documents, as they are seen. */
interface Says {
  readonly applies: (seen: Document) => boolean
  readonly inserts: (seen: Document) => boolean
  readonly deletes: (seen: Document) => boolean
  /** What of the document's fields may be read and written, once its document may be. */
  readonly readsOf: (seen: Document) => Fields.Permission
  readonly writesOf: (seen: Document) => Fields.Permission
}

/** A role as it is for who asks. */
interface Applied extends Says {
  readonly condition: Conditions.Condition
  readonly visible: Conditions.Condition
  readonly isVisible: (seen: Document) => boolean
  readonly partial: boolean
  /** Whether the role allows everything, to every document. */
  readonly everything: boolean
  /** What the role says of a document that a change is for, as far as that does not depend on the change. */
  readonly ofOld: Says
  readonly role: Role
}

const apply = (role: Role, condition: Conditions.Condition, known: Operands.Known, asksOfChanges: boolean): Applied => {
  const [read, write] = [role.read(known), role.write(known)]
  const [filterRead, filterWrite] = [role.filterRead(known), role.filterWrite(known)]
  const [inserts, deletes] = [role.insert(known), role.delete(known)]
  const fields = Fields.bind(role.fields, known)
  const visible = Conditions.and([filterRead, Conditions.or([read, Fields.readsAny(fields)])])
  const saying = (change: (condition: Conditions.Condition) => Conditions.Condition): Says => {
    const holds = (condition: Conditions.Condition) => Conditions.holds(change(condition))
    const [readsWhole, writesWhole, passes] = [holds(read), holds(write), holds(filterWrite)]
    const fieldsOf = Fields.resolver(fields, change)
    return {
      applies: holds(condition),
      inserts: holds(inserts),
      deletes: holds(deletes),
      readsOf: (seen) => (readsWhole(seen) ? Fields.everything : fieldsOf(seen)),
      writesOf: (seen) => (!passes(seen) ? Fields.nothing : writesWhole(seen) ? Fields.everything : fieldsOf(seen))
    }
  }
  const says = saying((it) => it)
  return {
    ...says,
    condition,
    visible,
    isVisible: Conditions.holds(visible),
    partial: visible !== false && read !== true && Fields.readsAny(fields) !== false,
    everything: Conditions.and([condition, read, write, filterRead, filterWrite, inserts, deletes]) === true,
    ofOld: asksOfChanges ? saying(Conditions.ofOld) : says,
    role
  }
}

/** A role decides where none before it does. */
const readableBy = (roles: ReadonlyArray<Applied>): Conditions.Condition =>
  Conditions.or(
    roles.map(({ condition, visible }, i) =>
      Conditions.and([...roles.slice(0, i).map((it) => Conditions.not(it.condition)), condition, visible])
    )
  )

const ofRequest = (calls: ReadonlyArray<Operands.Call>) => calls.filter(({ ofDocument }) => !ofDocument)

const make = (roles: ReadonlyArray<Role>, filters: ReadonlyArray<Filter>, scope: Operands.Scope): Rules => {
  const calls = [...roles, ...filters].flatMap((it) => it.callsToApply.concat(it.calls))
  const asksOfDocuments = calls.some(({ ofDocument }) => ofDocument)
  return {
    calls: namesOf(calls),
    accessOf: Effect.fnUntraced(function* (given) {
      const known: Operands.Known = { ...given, answers: new Map() }
      const considered: Array<Applied> = []
      for (const role of roles) {
        yield* answer(ofRequest(role.callsToApply), known)
        const condition = role.applies(known)
        if (condition === false) continue
        yield* answer(ofRequest(role.calls), known)
        considered.push(apply(role, condition, known, scope.marks.change))
        if (condition === true) break
      }
      const inForce: Array<Filter> = []
      for (const it of filters) {
        yield* answer(it.callsToApply, known)
        if (it.applies(known) !== true) continue
        yield* answer(ofRequest(it.calls), known)
        inForce.push(it)
      }
      return accessBy(considered, inForce, known, scope, asksOfDocuments)
    })
  }
}

const accessBy = (
  considered: ReadonlyArray<Applied>,
  inForce: ReadonlyArray<Filter>,
  known: Operands.Known,
  { computed, marks }: Operands.Scope,
  asksOfDocuments: boolean
): Access => {
  const projections = inForce.flatMap(({ projection }) => (projection === undefined ? [] : [projection]))
  const queries = Conditions.and(inForce.map(({ query }) => query(known)))
  const whole = Conditions.unchanged(Conditions.and([readableBy(considered), queries]))
  // no filter of a database knows what is computed from a document
  const readable = Conditions.weakened(whole, Operands.isComputed)
  const isSeenAsIs = computed.length === 0 && !marks.change
  const seenAs = (document: Document, old: Document | undefined): Document =>
    isSeenAsIs ? document : Operands.subject(document, old, computed, known)
  const stored = (document: Document) => seenAs(document, document)
  const passes = Conditions.holds(queries)
  const roleOf = (seen: Document) => considered.find(({ applies }) => applies(seen))
  const isShown = (seen: Document) => roleOf(seen)?.isVisible(seen) === true
  const first = considered[0]
  const ofRequestAlone = [...known.answers]

  const prepare = Effect.fnUntraced(function* (document: Document, old: Document | undefined, ofOld: boolean) {
    const seen = () => seenAs(document, old)
    const ofDocument = (calls: ReadonlyArray<Operands.Call>) =>
      calls.filter((it) => it.ofDocument && !(ofOld && it.ofChange))
    for (const it of considered) {
      yield* answer(ofDocument(it.role.callsToApply), known, seen)
      if (!(ofOld ? it.ofOld : it).applies(seen())) continue
      yield* answer(ofDocument(it.role.calls), known, seen)
      break
    }
    for (const { calls } of inForce) yield* answer(ofDocument(calls), known, seen)
  })

  return {
    everything: first !== undefined && first.everything && inForce.length === 0,
    readable: Conditions.filterOf(readable),
    readsAll: whole === true,
    partial:
      considered.some(({ partial }) => partial) ||
      projections.length > 0 ||
      Conditions.mentions(whole, Operands.isComputed),
    projections,
    prepare: Effect.fnUntraced(function* (asked) {
      if (!asksOfDocuments) return
      if (asked._tag === "Changed") {
        yield* prepare(asked.before, asked.before, false)
        yield* prepare(asked.before, asked.before, true)
        return yield* prepare(asked.after, asked.before, false)
      }
      for (const document of asked.documents) {
        yield* prepare(document, asked._tag === "New" ? undefined : document, false)
      }
    }),
    forget: () => {
      known.answers.clear()
      for (const [key, value] of ofRequestAlone) known.answers.set(key, value)
    },
    shown: (document) => {
      const seen = stored(document)
      const decides = roleOf(seen)
      if (decides === undefined || !decides.isVisible(seen) || !passes(seen)) return undefined
      const { _id } = document
      const stripped = Fields.strip(document, decides.readsOf(seen))
      // what a document is called by is known wherever any of it is
      return stripped === document || _id === undefined ? stripped : { _id, ...stripped }
    },
    showsPath: (document, path) => {
      const seen = stored(document)
      const decides = roleOf(seen)
      return decides !== undefined && Fields.at(decides.readsOf(seen), path).read
    },
    mayInsert: (document) => {
      const seen = seenAs(document, undefined)
      const decides = roleOf(seen)
      return decides?.inserts(seen) === true && Fields.writesAll(document, decides.writesOf(seen))
    },
    mayDelete: (document) => {
      const seen = stored(document)
      const decides = roleOf(seen)
      return (
        decides?.deletes(seen) === true && decides.isVisible(seen) && Fields.writesAll(document, decides.writesOf(seen))
      )
    },
    mayUpdate: (old, made, paths) => {
      const [was, becomes] = [stored(old), seenAs(made, old)]
      const decides = considered.find(({ ofOld }) => ofOld.applies(was))
      const after = roleOf(becomes)
      if (decides === undefined || after === undefined || !isShown(was)) return false
      // a document must not be given away: the role of what it becomes must let it be written as well
      return [decides.ofOld.writesOf(was), after.writesOf(becomes)].every(
        (allowed) =>
          Fields.writesDifference(old, made, allowed) &&
          (allowed === Fields.everything ||
            (paths !== undefined && paths.length > 0 && paths.every((path) => Fields.at(allowed, path).write)))
      )
    }
  }
}
