/**
 * What a user changes: each document is checked as it is and as it becomes, before anything is written.
 *
 * What a change makes of a document is computed here, by the function that the embedded database uses itself; the database
 * is asked for the change only when every document is allowed it. A document that is shown in part is changed only where
 * the change itself, before anything is computed, is seen to depend on nothing hidden: see `Access.mayChange`.
 */
import { ObjectId } from "bson"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { operations as operationsOf, type Operations } from "../Database.ts"
import { DatabaseError, forbiddenCode } from "../DatabaseError.ts"
import type { Run } from "../Driver.ts"
import * as Bson from "../internal/bson.ts"
import * as Changes from "../internal/changes.ts"
import * as Evaluate from "../internal/evaluate.ts"
import { asError } from "../internal/failures.ts"
import type { Answer, Change, Document, Namespace, Operation } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import { rewrite, visible } from "./rewrite.ts"

export const forbidden = (what: string): DatabaseError =>
  new DatabaseError({ message: `${what} not permitted`, code: forbiddenCode })

/** Where a user changes documents: in a transaction, since that takes several operations. */
interface Place {
  readonly run: Run
  readonly database: Operations
  readonly access: Access
  readonly namespace: Namespace
}

/** Whether a document is shown in part: nothing else of it may decide what its change comes to, or tells. */
const isPart = (access: Access, document: Document): boolean => access.partial && !access.showsAll(document)

/** The documents that a change is for, whole, in the order in which the user finds them. */
const targets = Effect.fnUntraced(function* (
  { access, database, namespace, run }: Place,
  options: { readonly filter: Document; readonly sort?: Document | undefined; readonly limit: number }
) {
  const found = yield* run(yield* rewrite.Find({ ...options, _tag: "Find", namespace }, access, run))
  if (!access.partial || found.length === 0) return found
  const ids = found.map(({ _id }) => _id)
  const whole = yield* database.find(namespace, { filter: { _id: { $in: ids } } })
  const byId = new Map(whole.map((document) => [Bson.key(document["_id"]), document]))
  return ids.map((id) => byId.get(Bson.key(id))).filter((it) => it !== undefined)
})

/** A filter for one document, as long as it may be read. The fields of the query are what `$` in a path refers to. */
const exactly = (access: Access, filter: Document, document: Document): Document => {
  const { $and: given, _id: asked, ...rest } = isPart(access, document) ? {} : filter
  const conditions = [
    ...(asked === undefined ? [] : [{ _id: asked }]),
    access.view.filter,
    ...(Array.isArray(given) ? given.filter(Bson.isDocument) : [])
  ]
  return { $and: conditions, ...rest, _id: { $eq: document["_id"] } }
}

const evaluated = <A>(evaluate: () => A): Effect.Effect<A, DatabaseError> =>
  Effect.try({ try: evaluate, catch: asError })

// @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
const currentDate = Effect.map(Clock.currentTimeMillis, (now) => new Date(now))

/** What a change makes of a document. */
const applied = (document: Document, filter: Document, change: Change): Effect.Effect<Document, DatabaseError> =>
  Effect.flatMap(currentDate, (now) => evaluated(() => Evaluate.applyChange(document, change, filter, now)))

/**
 * What a document that is shown in part becomes, and whether the user is told that it was modified: if its change makes
 * a difference to what is shown, or writes what is not. What is wrong with a change is told of what is shown.
 */
const appliedInPart = Effect.fnUntraced(function* (
  access: Access,
  change: Change,
  before: Document,
  paths: ReadonlyArray<string>
) {
  const shown = access.shown(before) ?? {}
  const becomes = yield* applied(shown, {}, change)
  const after = yield* Effect.mapError(applied(before, {}, change), () => forbidden("update"))
  return { after, modified: access.hides(before, paths) || !Bson.equals(shown, becomes) }
})

/** Refuses a change, or says whether the user is told that it modified the document. */
const allowUpdate = Effect.fnUntraced(function* (access: Access, filter: Document, change: Change, before: Document) {
  const footprint = Changes.footprint(change)
  yield* access.prepare({ _tag: "Changing", documents: [before] })
  if (!access.mayChange(before, footprint)) return yield* forbidden("update")
  const { after, modified } = isPart(access, before)
    ? yield* appliedInPart(access, change, before, footprint.changes)
    : { after: yield* applied(before, filter, change), modified: undefined }
  yield* access.prepare({ _tag: "Changed", before, after })
  if (!access.mayUpdate(before, after, footprint)) return yield* forbidden("update")
  return modified ?? !Bson.equals(before, after)
})

const allowDelete = Effect.fnUntraced(function* (access: Access, documents: ReadonlyArray<Document>) {
  yield* access.prepare({ _tag: "Stored", documents })
  if (!documents.every(access.mayDelete)) return yield* forbidden("delete")
})

const inserted = Effect.fnUntraced(function* (
  { access, database, namespace }: Place,
  documents: ReadonlyArray<Document>
) {
  yield* access.prepare({ _tag: "New", documents })
  return documents.every(access.mayInsert) ? yield* database.insert(namespace, documents) : yield* forbidden("insert")
})

/** Inserts what an upsert makes; a document of the same `_id` that is hidden makes it fail, and stays as it is. */
const upserted = Effect.fnUntraced(function* (place: Place, filter: Document, change: Change) {
  const now = yield* currentDate
  const made = yield* evaluated(() => Evaluate.upsertOf(filter, change, now))
  const document = made["_id"] === undefined ? { _id: new ObjectId(), ...made } : made
  yield* inserted(place, [document])
  return document
})

const updated = Effect.fnUntraced(function* (
  place: Place,
  { change, filter, many, upsert }: Operation<"Update">
): Effect.fn.Return<Answer<"Update">, DatabaseError> {
  const { access, database, namespace } = place
  yield* evaluated(() => Evaluate.checkChange(change, many))
  const found = yield* targets(place, { filter, limit: many === true ? 0 : 1 })
  if (found.length === 0 && upsert === true) {
    return { matchedCount: 0, modifiedCount: 0, upsertedId: (yield* upserted(place, filter, change))["_id"] }
  }
  let modifiedCount = 0
  for (const before of found) if (yield* allowUpdate(access, filter, change, before)) modifiedCount++
  for (const before of found) yield* database.update(namespace, { filter: exactly(access, filter, before), change })
  return { matchedCount: found.length, modifiedCount }
})

const deleted = Effect.fnUntraced(function* (place: Place, { filter, many }: Operation<"Delete">) {
  const { access, database, namespace } = place
  const found = yield* targets(place, { filter, limit: many === true ? 0 : 1 })
  yield* allowDelete(access, found)
  let count = 0
  for (const before of found) count += yield* database.delete(namespace, { filter: exactly(access, filter, before) })
  return count
})

/** What a user is told of a document that an operation found or changed. */
const redacted = Effect.fnUntraced(function* (access: Access, document: Document, projection: Document | undefined) {
  const shown = yield* visible(access, [document])
  const [now, random] = [yield* currentDate, yield* Random.Random]
  const environment = { now, random: () => random.nextDoubleUnsafe(), wide: Bson.hasWide(document) }
  return (yield* evaluated(() => Evaluate.project(shown, projection, {}, environment)))[0]
})

const foundAnd = Effect.fnUntraced(function* (
  place: Place,
  { change, filter, projection, returnNew = false, sort, upsert }: Operation<"FindOneAnd">
) {
  const { access, database, namespace } = place
  if (change._tag !== "Delete") yield* evaluated(() => Evaluate.checkChange(change))
  const [before] = yield* targets(place, { filter, sort, limit: 1 })
  if (before === undefined) {
    if (upsert !== true || change._tag === "Delete") return undefined
    const made = yield* upserted(place, filter, change)
    return returnNew ? yield* redacted(access, made, projection) : undefined
  }
  // a projection that is refused must not leave a change behind
  const old = yield* redacted(access, before, projection)
  if (change._tag === "Delete") yield* allowDelete(access, [before])
  else yield* allowUpdate(access, filter, change, before)
  const asked = { filter: exactly(access, filter, before), change, returnNew }
  const after = yield* database.findOneAnd(namespace, asked)
  return !returnNew || change._tag === "Delete" || after === undefined
    ? old
    : yield* redacted(access, after, projection)
})

/** The kinds of operations that change documents. */
export type Writing = "Insert" | "Update" | "Delete" | "FindOneAnd"

type Write<K extends Writing> = (operation: Operation<K>) => Effect.Effect<Answer<K>, DatabaseError>

/** Executes changes as the rules allow. */
export const writes = (run: Run, access: Access): { readonly [K in Writing]: Write<K> } => {
  const database = operationsOf(run)
  const at = ({ namespace }: Operation): Place => ({ run, database, access, namespace })
  return {
    Insert: (operation) => inserted(at(operation), operation.documents),
    Update: (operation) => updated(at(operation), operation),
    Delete: (operation) => deleted(at(operation), operation),
    FindOneAnd: (operation) => foundAnd(at(operation), operation)
  }
}
