/**
 * A database as one user sees it: documents that the rules hide are not there, and what they forbid is refused.
 *
 * Nothing that is hidden decides what a user is told, since whatever is told is computed from what is shown:
 *
 * - **Filters, sort orders, counts, projections, pipelines** and the errors of their expressions: of collections whose
 *   documents are shown as a whole or not at all, they run behind a filter for what may be read, which is asked first.
 *   Where documents are shown in part, they run over copies of what is shown.
 * - **Pipelines** reach other collections only where the rules of those allow everything.
 * - **Changes** are for documents that a filter finds so. A document that is shown in part is changed only if the change
 *   itself, before anything is computed, is seen to depend on nothing hidden: `$set`, `$unset` and `$currentDate` write
 *   the same whatever a field holds, every other operator and every element that is looked for needs all of its field to
 *   be shown, and `$rename`, pipelines and replacements need the whole document. Errors are those of trying the change
 *   on what is shown. A document counts as modified if that differs then, or if what is hidden was written to.
 * - **Events** are made of what is shown of a document before and after a change, and there is no event if that is the same.
 *
 * What a user is told even so is what rules are there to tell: whether a change is allowed, by conditions on whatever
 * fields they name; that an `_id` is taken; and that a field has no room for one below it that may be written, since it
 * holds no document though the rules speak of its fields.
 *
 * A change is tried on a copy first: what the document would become has to be allowed too.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import {
  atomically,
  Database,
  makeMemory,
  operations as operationsOf,
  type Operations,
  type Service
} from "./Database.ts"
import { DatabaseError, forbiddenCode } from "./DatabaseError.ts"
import type { Driver, DriverTransaction, Run } from "./Driver.ts"
import { asError } from "./internal/failures.ts"
import type { Answer, Change, Document, Kind, Namespace, Operation } from "./Operation.ts"
import * as Bson from "./internal/bson.ts"
import * as Changes from "./internal/changes.ts"
import * as PipelineReach from "./rules/pipelineReach.ts"
import { visible, watching } from "./rules/events.ts"
import * as Updates from "./internal/updates.ts"
import type { Access } from "./Rules.ts"

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

interface Lock {
  readonly semaphore: Semaphore.Semaphore
  /** How many changes hold it or wait for it. */
  users: number
}

const locks = new WeakMap<Pick<Driver, "run">, Map<string, Lock>>()

const lockKey = ({ appId, collection, database, service }: Namespace): string =>
  JSON.stringify([appId, service, database, collection])

/**
 * Makes changes of a collection one after the other: one is allowed for what a document is, so no other change of a
 * client may come between. The function of a rule may take its time, so that other collections must not wait for it.
 */
const exclusively =
  (database: Pick<Driver, "run">) =>
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

/** The kinds of operations that change what is there: they take several steps, which belong together. */
const changes: ReadonlySet<Kind> = new Set<Kind>(["Update", "Delete", "FindOneAnd"])

/**
 * Executes operations under the rules of their one collection; `isOpen` tells of others.
 *
 * A change is checked and made in one transaction, one change after the other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (database: Pick<Driver, "run" | "transaction">, access: Access, isOpen: IsOpen): Run => {
  const alone = exclusively(database)
  const outside = runIn(database.run, access, isOpen)
  return <K extends Kind>(operation: Operation<K>): Effect.Effect<Answer<K>, DatabaseError> =>
    access.everything || !changes.has(operation._tag)
      ? outside(operation)
      : alone(
          atomically(database, (transaction: DriverTransaction) => runIn(transaction.run, access, isOpen)(operation)),
          operation.namespace
        )
}

/**
 * A database whose one collection obeys rules.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Driver, access: Access, isOpen: IsOpen): Service =>
  Database.make({
    ...database,
    run: run(database, access, isOpen),
    transaction: Effect.map(database.transaction, (transaction) => ({
      ...transaction,
      run: runIn(transaction.run, access, isOpen)
    })),
    collections: () => Effect.fail(forbidden("listCollections")),
    databases: () => Effect.fail(forbidden("listDatabases")),
    watch: watching(database.watch, access)
  })

/**
 * Executes operations under rules in a transaction. A change takes several of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runIn = (source: Run, access: Access, isOpen: IsOpen): Run => {
  const database: Operations = operationsOf(source)
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
  /** A database to read from, by a filter or by any, and what its filters become. */
  const view = Effect.fnUntraced(function* (namespace: Namespace, filter: Document = {}) {
    if (!access.partial) return { from: database, narrowed: (filter: Document) => both(access.readable, filter) }
    const found = yield* database.find(namespace, { filter: yield* both(access.readable, ofId(filter)) })
    return {
      from: yield* copyOf(namespace, yield* visible(access, found)),
      narrowed: (filter: Document) => Effect.succeed(filter)
    }
  })

  const find: Operations["find"] = Effect.fnUntraced(function* (namespace, options) {
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

  /** Whether a document is shown in part: nothing else of it may decide what its change comes to, or tells. */
  const isPart = (document: Document) => access.partial && !access.showsAll(document)

  /** A filter for one document, as long as it may be read. The fields of the query are what `$` in a path refers to. */
  const exactly = (filter: Document, document: Document) => {
    const { _id: asked, ...rest } = isPart(document) ? {} : filter
    const conditions = asked === undefined ? access.readable : { $and: [{ _id: asked }, access.readable] }
    return both(conditions, { ...rest, _id: { $eq: document["_id"] } })
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

  /**
   * What a document that is shown in part becomes, and whether the user is told that it was modified: if its change makes
   * a difference to what is shown, or writes what is not. What is wrong with a change is told of what is shown.
   */
  const triedInPart = Effect.fnUntraced(function* (
    namespace: Namespace,
    change: Change,
    before: Document,
    changes: ReadonlyArray<string>
  ) {
    const filter = { _id: { $eq: before["_id"] } }
    const shown = access.shown(before)
    const becomes = yield* tried(namespace, filter, change, shown)
    const after = yield* Effect.mapError(tried(namespace, filter, change, before), () => forbidden("update"))
    return { after, modified: access.hides(before, changes) || !Bson.equals(shown, becomes) }
  })

  /** Refuses a change, or says whether the user is told that it modified the document. */
  const allowUpdate = Effect.fnUntraced(function* (
    namespace: Namespace,
    filter: Document,
    change: Change,
    before: Document
  ) {
    const footprint = Changes.footprint(change)
    yield* access.prepare({ _tag: "Changing", documents: [before] })
    if (!access.mayChange(before, footprint)) return yield* forbidden("update")
    const { after, modified } = isPart(before)
      ? yield* triedInPart(namespace, change, before, footprint.changes)
      : { after: yield* tried(namespace, filter, change, before), modified: undefined }
    yield* access.prepare({ _tag: "Changed", before, after })
    if (!access.mayUpdate(before, after, footprint)) return yield* forbidden("update")
    return modified ?? !Bson.equals(before, after)
  })

  const insert: Operations["insert"] = Effect.fnUntraced(function* (namespace, documents) {
    yield* access.prepare({ _tag: "New", documents })
    return documents.every(access.mayInsert) ? yield* database.insert(namespace, documents) : yield* forbidden("insert")
  })

  /** Inserts what an upsert makes; a document of the same `_id` that is hidden makes it fail, and stays as it is. */
  const upserted = Effect.fnUntraced(function* (namespace: Namespace, filter: Document, change: Change) {
    const made = yield* tried(namespace, filter, change)
    yield* insert(namespace, [made])
    return made
  })

  const update: Operations["update"] = Effect.fnUntraced(function* (namespace, { change, filter, many, upsert }) {
    yield* Effect.try({ try: () => Updates.check(change), catch: asError })
    if (many === true && change._tag === "Update" && Changes.isReplacement(change.update)) {
      return yield* new DatabaseError({ message: "multi update is not supported for replacement-style update" })
    }
    const found = yield* targets(namespace, { filter, limit: many === true ? 0 : 1 })
    if (found.length === 0 && upsert === true) {
      return { matchedCount: 0, modifiedCount: 0, upsertedId: (yield* upserted(namespace, filter, change))["_id"] }
    }
    let modifiedCount = 0
    for (const before of found) if (yield* allowUpdate(namespace, filter, change, before)) modifiedCount++
    for (const before of found) yield* database.update(namespace, { filter: yield* exactly(filter, before), change })
    return { matchedCount: found.length, modifiedCount }
  })

  const remove: Operations["delete"] = Effect.fnUntraced(function* (namespace, { filter, many }) {
    const found = yield* targets(namespace, { filter, limit: many === true ? 0 : 1 })
    yield* access.prepare({ _tag: "Stored", documents: found })
    if (!found.every(access.mayDelete)) return yield* forbidden("delete")
    let deleted = 0
    for (const before of found) {
      deleted += yield* database.delete(namespace, { filter: yield* exactly(filter, before) })
    }
    return deleted
  })

  const findOneAnd: Operations["findOneAnd"] = Effect.fnUntraced(function* (
    namespace,
    { change, filter, projection, returnNew, sort, upsert }
  ) {
    const answer = Effect.fnUntraced(function* (document: Document | undefined) {
      if (document === undefined) return undefined
      const copy = yield* copyOf(namespace, yield* visible(access, [document]))
      return (yield* copy.find(namespace, { filter: {}, projection }))[0]
    })
    if (change._tag !== "Delete") yield* Effect.try({ try: () => Updates.check(change), catch: asError })
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

  const handlers: { readonly [K in Kind]: (operation: Operation<K>) => Effect.Effect<Answer<K>, DatabaseError> } = {
    Insert: ({ documents, namespace }) => insert(namespace, documents),
    Find: ({ namespace, ...options }) => find(namespace, options),
    Update: ({ namespace, ...options }) => update(namespace, options),
    Delete: ({ namespace, ...options }) => remove(namespace, options),
    FindOneAnd: ({ namespace, ...options }) => findOneAnd(namespace, options),
    Aggregate: Effect.fnUntraced(function* ({ namespace, pipeline }) {
      yield* checked(namespace, pipeline)
      if (access.everything) return yield* database.aggregate(namespace, pipeline)
      const { from } = yield* view(namespace)
      return yield* from.aggregate(namespace, access.partial ? pipeline : [{ $match: access.readable }, ...pipeline])
    }),
    Count: Effect.fnUntraced(function* ({ namespace, ...options }) {
      const { from, narrowed } = yield* view(namespace, options.filter)
      return yield* from.count(namespace, { ...options, filter: yield* narrowed(options.filter) })
    }),
    Distinct: Effect.fnUntraced(function* ({ field, filter, namespace }) {
      const { from, narrowed } = yield* view(namespace, filter)
      return yield* from.distinct(namespace, field, yield* narrowed(filter))
    })
  }
  return (operation) =>
    access.everything && operation._tag !== "Aggregate" ? source(operation) : handlers[operation._tag](operation)
}

const copyOf = Effect.fnUntraced(function* (namespace: Namespace, documents: ReadonlyArray<Document>) {
  const copy = makeMemory()
  yield* copy.insert(namespace, documents)
  return copy
})
