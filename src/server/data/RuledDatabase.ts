/**
 * A database as one user sees it: documents that the rules hide are not there, and what they forbid is refused.
 *
 * Where documents are shown in part, operations run over copies of what is shown, so that neither a filter nor a sort
 * order tells what is hidden. A change is tried on a copy first: what the document would become has to be allowed too.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import {
  asError,
  atomically,
  type Change,
  Database,
  DatabaseError,
  type Document,
  makeMemory,
  type Namespace,
  type Operations
} from "./Database.ts"
import * as Bson from "./internal/bson.ts"
import * as Changes from "./internal/changes.ts"
import { boundedMatcher } from "./internal/limits.ts"
import * as PipelineReach from "./internal/pipelineReach.ts"
import * as Language from "./internal/mongoLanguage.ts"
import type { Access } from "./Rules.ts"

/**
 * The code of an error that rules made, as MongoDB numbers what is unauthorized.
 *
 * @category constants
 * @since 0.1.0
 */
export const forbiddenCode = 13

const forbidden = (what: string) => new DatabaseError({ message: `${what} not permitted`, code: forbiddenCode })

/**
 * A filter after another one. That comes first, so that nothing is computed from what it hides: whether an expression
 * fails would tell of it. Fields stay where the indexes find them, but names that JavaScript would put first.
 */
const both = (other: Document, filter: Document): Effect.Effect<Document, DatabaseError> => {
  const { $and: given, ...rest } = filter
  if (given !== undefined && !Array.isArray(given)) {
    return Effect.fail(new DatabaseError({ message: "$and must be an array" }))
  }
  const early = Object.keys(rest).filter((name) => /^\d+$/.test(name))
  const fields = Object.entries(rest).filter(([name]) => !early.includes(name))
  const conditions = [other, ...early.map((name) => ({ [name]: rest[name] })), ...(given ?? [])]
  return Effect.succeed({ $and: conditions, ...Object.fromEntries(fields) })
}

/** Which `_id` a filter asks for: all who see any of a document see its `_id`, and indexes find it. */
const ofId = ({ _id }: Document): Document => {
  if (_id === undefined || _id instanceof RegExp) return {}
  const names = Bson.isDocument(_id) ? Object.keys(_id).filter((name) => name.startsWith("$")) : []
  return names.every((name) => name === "$eq" || name === "$in") ? { _id } : {}
}

/** The fields that a change names; nothing where it may compute with any other. */
const pathsOf = (change: Change): ReadonlyArray<string> | undefined => {
  if (change._tag === "Replace") return Object.keys(change.document).filter((name) => name !== "_id")
  const { update } = change
  if (!Bson.isDocument(update)) return undefined
  if (Changes.isReplacement(update)) return Object.keys(update).filter((name) => name !== "_id")
  if ("$rename" in update) return undefined
  return Object.values(update).flatMap((fields) => (Bson.isDocument(fields) ? Object.keys(fields) : []))
}

interface Lock {
  readonly semaphore: Semaphore.Semaphore
  /** How many changes hold it or wait for it. */
  users: number
}

const locks = new WeakMap<Database["Service"], Map<string, Lock>>()

const lockKey = ({ appId, collection, database, service }: Namespace): string =>
  JSON.stringify([appId, service, database, collection])

/**
 * Makes changes of a collection one after the other: one is allowed for what a document is, so no other change of a
 * client may come between. The function of a rule may take its time, so that other collections must not wait for it.
 */
const exclusively =
  (database: Database["Service"]) =>
  <A, E>(effect: Effect.Effect<A, E>, namespace: Namespace) =>
    Effect.suspend(() => {
      const ofDatabase = locks.get(database) ?? new Map<string, Lock>()
      locks.set(database, ofDatabase)
      const key = lockKey(namespace)
      const lock = ofDatabase.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      ofDatabase.set(key, lock)
      lock.users++
      const leave = Effect.sync(() => {
        if (--lock.users === 0) ofDatabase.delete(key)
      })
      return Effect.ensuring(lock.semaphore.withPermit(effect), leave)
    })

/**
 * Whether the user may do everything with a collection, to every document: what the pipelines of another one may join
 * it, and write to it, for.
 *
 * @category models
 * @since 0.1.0
 */
export type IsOpen = (namespace: Namespace) => Effect.Effect<boolean, DatabaseError>

/**
 * A database that obeys rules. They hold for the one collection that `access` is of; `isOpen` tells of others.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Database["Service"], access: Access, isOpen: IsOpen): Database["Service"] => {
  const ruled = (source: Operations) => operations(source, access, isOpen)
  const alone = exclusively(database)
  /** The check and the change see the same documents, and all of a change is made or nothing. */
  const atOnce = <A>(namespace: Namespace, use: (source: Operations) => Effect.Effect<A, DatabaseError>) =>
    alone(atomically(database, use), namespace)
  const changing: Pick<Operations, "update" | "delete" | "findOneAnd"> = access.everything
    ? ruled(database)
    : {
        update: (namespace, options) => atOnce(namespace, (source) => ruled(source).update(namespace, options)),
        delete: (namespace, options) => atOnce(namespace, (source) => ruled(source).delete(namespace, options)),
        findOneAnd: (namespace, options) => atOnce(namespace, (source) => ruled(source).findOneAnd(namespace, options))
      }
  return Database.of({
    ...ruled(database),
    ...changing,
    transaction: Effect.map(database.transaction, (transaction) => ({
      ...ruled(transaction),
      commit: transaction.commit,
      abort: transaction.abort
    })),
    collections: () => Effect.fail(forbidden("listCollections")),
    index: database.index,
    watch: watching(database, access)
  })
}

/**
 * Operations that obey rules, of a transaction for instance. A change takes several of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const operations = (database: Operations, access: Access, isOpen: IsOpen): Operations => {
  /** Refuses a pipeline that reaches documents which no filter of ours stands before. */
  const checked = Effect.fnUntraced(function* (namespace: Namespace, pipeline: ReadonlyArray<Document>) {
    const { targets, unlisted } = yield* Effect.try({ try: () => PipelineReach.of(pipeline), catch: asError })
    const refuse = (why: string) =>
      Effect.fail(new DatabaseError({ message: `aggregate not permitted: ${why}`, code: forbiddenCode }))
    if (unlisted !== undefined && !access.everything) return yield* refuse(unlisted)
    for (const { collection, database, stage } of targets) {
      if (access.partial) return yield* refuse(`${stage}, since some fields are hidden`)
      const other = { ...namespace, database: database ?? namespace.database, collection }
      if (!(yield* isOpen(other))) return yield* refuse(`${stage} of "${collection}", which is not open to the user`)
    }
  })
  if (access.everything) {
    return {
      ...database,
      aggregate: (namespace, pipeline) =>
        Effect.andThen(checked(namespace, pipeline), database.aggregate(namespace, pipeline))
    }
  }

  const shown = showing(access)

  /** A database to read from, by a filter or by any, and what its filters become. */
  const view = Effect.fnUntraced(function* (namespace: Namespace, filter: Document = {}) {
    if (!access.partial) return { from: database, narrowed: (filter: Document) => both(access.readable, filter) }
    const found = yield* database.find(namespace, { filter: yield* both(access.readable, ofId(filter)) })
    const visible = yield* shown(namespace, found)
    return { from: yield* copyOf(namespace, visible), narrowed: (filter: Document) => Effect.succeed(filter) }
  })

  const find: Database["Service"]["find"] = Effect.fnUntraced(function* (namespace, options) {
    const { from, narrowed } = yield* view(namespace, options.filter)
    return yield* from.find(namespace, { ...options, filter: yield* narrowed(options.filter) })
  })

  /** The documents that a change is for, whole. */
  const targets = Effect.fnUntraced(function* (
    namespace: Namespace,
    options: { readonly filter: Document; readonly sort?: Document | undefined; readonly limit: number }
  ) {
    const found = yield* find(namespace, options)
    if (!access.partial) return found
    const whole: Array<Document> = []
    for (const { _id } of found) whole.push(...(yield* database.find(namespace, { filter: { _id: { $eq: _id } } })))
    return whole
  })

  /** A filter for one document, as long as it may be read. The fields of the query are what `$` in a path refers to. */
  const exactly = (filter: Document, { _id }: Document) => {
    const { _id: asked, ...rest } = access.partial ? {} : filter
    const conditions = asked === undefined ? access.readable : { $and: [{ _id: asked }, access.readable] }
    return both(conditions, { ...rest, _id: { $eq: _id } })
  }

  const tried = Effect.fnUntraced(function* (
    namespace: Namespace,
    filter: Document,
    change: Change,
    before?: Document
  ) {
    const copy = yield* copyOf(namespace, before === undefined ? [] : [before])
    yield* copy.update(namespace, { filter, change, upsert: before === undefined })
    const [after] = yield* copy.find(namespace, { filter: {} })
    return after === undefined ? yield* forbidden(before === undefined ? "insert" : "update") : after
  })

  const allowUpdate = Effect.fnUntraced(function* (
    namespace: Namespace,
    filter: Document,
    change: Change,
    before: Document
  ) {
    const paths = pathsOf(change)
    const asked = access.partial ? { _id: { $eq: before["_id"] } } : filter
    if (paths === undefined && access.projections.length > 0) return yield* forbidden("update")
    const after = yield* tried(namespace, asked, change, before)
    yield* access.prepare({ _tag: "Changed", before, after })
    if (!access.mayUpdate(before, after, paths)) return yield* forbidden("update")
  })

  const insert: Database["Service"]["insert"] = Effect.fnUntraced(function* (namespace, documents) {
    yield* access.prepare({ _tag: "New", documents })
    return documents.every(access.mayInsert) ? yield* database.insert(namespace, documents) : yield* forbidden("insert")
  })

  /** Inserts what an upsert makes; a document of the same `_id` that is hidden makes it fail, and stays as it is. */
  const upserted = Effect.fnUntraced(function* (namespace: Namespace, filter: Document, change: Change) {
    const made = yield* tried(namespace, filter, change)
    yield* insert(namespace, [made])
    return made
  })

  const update: Database["Service"]["update"] = Effect.fnUntraced(function* (
    namespace,
    { change, filter, many, upsert }
  ) {
    if (many === true && change._tag === "Update" && Changes.isReplacement(change.update)) {
      return yield* new DatabaseError({ message: "multi update is not supported for replacement-style update" })
    }
    const found = yield* targets(namespace, { filter, limit: many === true ? 0 : 1 })
    if (found.length === 0 && upsert === true) {
      return { matchedCount: 0, modifiedCount: 0, upsertedId: (yield* upserted(namespace, filter, change))["_id"] }
    }
    for (const before of found) yield* allowUpdate(namespace, filter, change, before)
    let modifiedCount = 0
    for (const before of found) {
      const result = yield* database.update(namespace, { filter: yield* exactly(filter, before), change })
      modifiedCount += result.modifiedCount
    }
    return { matchedCount: found.length, modifiedCount }
  })

  const remove: Database["Service"]["delete"] = Effect.fnUntraced(function* (namespace, { filter, many }) {
    const found = yield* targets(namespace, { filter, limit: many === true ? 0 : 1 })
    yield* access.prepare({ _tag: "Stored", documents: found })
    if (!found.every(access.mayDelete)) return yield* forbidden("delete")
    let deleted = 0
    for (const before of found) {
      deleted += yield* database.delete(namespace, { filter: yield* exactly(filter, before) })
    }
    return deleted
  })

  const findOneAnd: Database["Service"]["findOneAnd"] = Effect.fnUntraced(function* (
    namespace,
    { change, filter, projection, returnNew, sort, upsert }
  ) {
    const answer = Effect.fnUntraced(function* (document: Document | undefined) {
      if (document === undefined) return undefined
      const copy = yield* copyOf(namespace, yield* shown(namespace, [document]))
      return (yield* copy.find(namespace, { filter: {}, projection }))[0]
    })
    const [before] = yield* targets(namespace, { filter, sort, limit: 1 })
    if (before === undefined) {
      if (upsert !== true || change._tag === "Delete") return undefined
      const made = yield* upserted(namespace, filter, change)
      return returnNew === true ? yield* answer(made) : undefined
    }
    // a projection that cannot be must not leave a change behind
    const old = yield* answer(before)
    if (change._tag === "Delete") {
      yield* access.prepare({ _tag: "Stored", documents: [before] })
      if (!access.mayDelete(before)) return yield* forbidden("delete")
    } else yield* allowUpdate(namespace, filter, change, before)
    const asked = { filter: yield* exactly(filter, before), change, returnNew }
    const changed = yield* database.findOneAnd(namespace, asked)
    return returnNew === true && change._tag !== "Delete" ? yield* answer(changed) : old
  })

  return {
    find,
    insert,
    update,
    delete: remove,
    findOneAnd,
    aggregate: Effect.fnUntraced(function* (namespace, pipeline) {
      yield* checked(namespace, pipeline)
      const { from } = yield* view(namespace)
      return yield* from.aggregate(namespace, access.partial ? pipeline : [{ $match: access.readable }, ...pipeline])
    }),
    count: Effect.fnUntraced(function* (namespace, options) {
      const { from, narrowed } = yield* view(namespace, options.filter)
      return yield* from.count(namespace, { ...options, filter: yield* narrowed(options.filter) })
    }),
    distinct: Effect.fnUntraced(function* (namespace, field, filter) {
      const { from, narrowed } = yield* view(namespace, filter)
      return yield* from.distinct(namespace, field, yield* narrowed(filter))
    })
  }
}

const copyOf = Effect.fnUntraced(function* (namespace: Namespace, documents: ReadonlyArray<Document>) {
  const copy = makeMemory()
  yield* copy.insert(namespace, documents)
  return copy
})

/** What is shown of documents. */
const showing = (access: Access) =>
  Effect.fnUntraced(function* (namespace: Namespace, documents: ReadonlyArray<Document>) {
    yield* access.prepare({ _tag: "Stored", documents })
    let visible: ReadonlyArray<Document> = documents.map(access.shown).filter((it) => it !== undefined)
    for (const projection of access.projections) {
      visible = yield* (yield* copyOf(namespace, visible)).find(namespace, { filter: {}, projection })
    }
    return visible
  })

/** The changes of a collection, as far as they are shown. */
const watching = (database: Database["Service"], access: Access): Database["Service"]["watch"] => {
  if (access.everything) return database.watch
  const shown = showing(access)

  /** A change as far as its document is shown; that of a document that is gone only where all may be read. */
  const visibleEvent = Effect.fnUntraced(function* (namespace: Namespace, event: Document) {
    const document = event["fullDocument"]
    if (!Bson.isDocument(document)) return access.readsAll ? [event] : []
    access.forget()
    const [visible] = yield* shown(namespace, [document])
    if (visible === undefined) return []
    if (!access.partial) return [event]
    // an update tells of fields that only the rules of the document can place, and a projection may hide any of them
    const { updateDescription, ...rest } = event
    const description = Bson.isDocument(updateDescription) ? updateDescription : {}
    const { removedFields, updatedFields } = description
    const shows = (path: unknown) =>
      typeof path === "string" && access.projections.length === 0 && access.showsPath(document, path)
    const updated = Bson.isDocument(updatedFields)
      ? Object.fromEntries(Object.entries(updatedFields).filter(([path]) => shows(path)))
      : {}
    return [
      {
        ...rest,
        fullDocument: visible,
        ...(updateDescription !== undefined && {
          updateDescription: {
            updatedFields: updated,
            removedFields: Array.isArray(removedFields) ? removedFields.filter(shows) : []
          }
        })
      }
    ]
  })

  return Effect.fnUntraced(function* (namespace, { filter, resumeAfter }) {
    // the filter sees what is shown
    const wanted = yield* Effect.try({
      try: () => {
        const criteria = Bson.criteria(filter ?? {})
        return boundedMatcher(criteria, Language.matcher(Bson.isDocument(criteria) ? criteria : {}))
      },
      catch: asError
    })
    const events = yield* database.watch(namespace, { resumeAfter })
    return events.pipe(
      Stream.mapEffect((event) => visibleEvent(namespace, event)),
      Stream.flatMap(Stream.fromIterable),
      Stream.filterEffect((event) => Effect.mapError(wanted(event), asError))
    )
  })
}
