/**
 * Changes of a user: each document is checked before and after the change, before anything is written.
 *
 * The result of a change is computed here, by the same function as in the embedded database; the database executes the
 * change only if it is allowed for every document. A partly visible document is changed only if the change does not
 * depend on hidden data, which is decided before anything is computed: see `Access.mayChange`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Filter from "../../language/Filter.ts"
import { identical } from "../../language/updates/identical.ts"
import * as Update from "../../language/Update.ts"
import { keyOf } from "../../language/Value.ts"
import { operations as operationsOf, type Operations } from "../Database.ts"
import { DatabaseError, forbiddenCode } from "../DatabaseError.ts"
import type { Run } from "../Driver.ts"
import * as Changes from "../internal/changes.ts"
import * as Evaluate from "../internal/evaluate.ts"
import { asError } from "../internal/failures.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Answer, Change, Document, Evaluation, FindOneAnd, Namespace, Operation } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import { rewrite, visible } from "./rewrite.ts"

export const forbidden = (what: string): DatabaseError =>
  new DatabaseError({ message: `${what} not permitted`, code: forbiddenCode })

/** The context of changes: a transaction, since they take several operations. */
interface Place {
  readonly run: Run
  readonly database: Operations
  readonly access: Access
  readonly namespace: Namespace
}

/** Whether a document is partly visible: hidden fields must not influence its change. */
const isPart = (access: Access, document: Document): boolean => access.partial && !access.showsAll(document)

/** The complete documents of a change, in the order in which the user finds them. */
const targets = Effect.fnUntraced(function* (
  { access, database, namespace, run }: Place,
  options: { readonly filter: Document; readonly sort?: Document | undefined; readonly limit: number } & Evaluation
) {
  const { collation, filter, let: variables, limit, sort } = options
  const find = { _tag: "Find", namespace, filter, sort, limit, collation, let: variables } as const
  const found = yield* run(yield* rewrite.Find(find, access, run))
  if (!access.partial || found.length === 0) return found
  const ids = found.map(({ _id }) => _id)
  const whole = yield* database.find(namespace, { filter: { _id: { $in: ids } } })
  const byId = new Map(whole.map((document) => [keyOf(document["_id"]), document]))
  return ids.map((id) => byId.get(keyOf(id))).filter((it) => it !== undefined)
})

/**
 * One document that was found in the same transaction: no other one may be changed, even if the collation of the operation
 * makes their ids equal. `$` in a path refers to the conditions of the query, and must not refer to those of the rules.
 */
const exactly = (access: Access, { collation, filter, let: variables }: Asked, document: Document) => ({
  collation,
  let: variables,
  only: { _id: document["_id"] },
  filter: isPart(access, document) ? {} : filter
})

/** What determines the documents of a change. */
type Asked = { readonly filter: Document } & Evaluation

/** A compiled change, and the filter that determines the element of `$`. */
interface Compiled {
  readonly change: Change
  readonly update: Update.Update
  readonly filter: Filter.Filter
  readonly regex: boolean
}

/** Evaluates the language within the limits of the operation. */
const evaluated = <A>(regex: boolean, evaluate: () => A): Effect.Effect<A, DatabaseError> =>
  Effect.try({ try: () => Steps.evaluate(regex, evaluate), catch: asError })

const environmentOf = (evaluation: Evaluation) =>
  Effect.flatMap(Effect.zip(Clock.currentTimeMillis, Random.Random), ([now, random]) => {
    // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
    const moment = { now: new Date(now), random: () => random.nextDoubleUnsafe() }
    return evaluated(false, () => Evaluate.environmentOf(moment, Evaluate.saidOf(moment, evaluation)))
  })

const compiled = Effect.fnUntraced(function* (change: Change, { filter: query, ...evaluation }: Asked, many = false) {
  const world = yield* environmentOf(evaluation)
  const regex = Weights.of(change, query).regex
  return yield* evaluated(regex, (): Compiled => ({
    change,
    update: Evaluate.changeOf(change, world, many),
    filter: Evaluate.filterOf(query, world),
    regex
  }))
})

/**
 * The result of changing a partly visible document, and whether it counts as modified: if the visible part differs, or
 * a hidden field is written. Errors are those of the visible part.
 */
const appliedInPart = Effect.fnUntraced(function* (
  access: Access,
  { regex, update }: Compiled,
  before: Document,
  paths: ReadonlyArray<string>
) {
  const shown = access.shown(before) ?? {}
  const becomes = yield* evaluated(regex, () => update.apply(shown))
  const after = yield* Effect.mapError(
    evaluated(regex, () => update.apply(before)),
    () => forbidden("update")
  )
  return { after, modified: access.hides(before, paths) || !identical(shown, becomes) }
})

/** Rejects documents that the schema does not accept. A hidden field is not named. */
const checkSchema = (access: Access, after: Document, before?: Document): Effect.Effect<void, DatabaseError> => {
  if (access.checkSchema === undefined) return Effect.void
  const isPartly = before !== undefined && isPart(access, before)
  return access.checkSchema({ after, before, ...(isPartly && { isHidden: (path) => access.hides(before, [path]) }) })
}

/** Rejects a change, or returns whether it counts as a modification. */
const allowUpdate = Effect.fnUntraced(function* (access: Access, compiled: Compiled, before: Document) {
  const footprint = Changes.footprint(compiled.change)
  yield* access.prepare({ _tag: "Changing", documents: [before] })
  if (!access.mayChange(before, footprint)) return yield* forbidden("update")
  const { filter, regex, update } = compiled
  const { after, modified } = isPart(access, before)
    ? yield* appliedInPart(access, compiled, before, footprint.changes)
    : { after: yield* evaluated(regex, () => update.apply(before, filter)), modified: undefined }
  yield* access.prepare({ _tag: "Changed", before, after })
  if (!access.mayUpdate(before, after, footprint)) return yield* forbidden("update")
  yield* checkSchema(access, after, before)
  return modified ?? !identical(before, after)
})

const allowDelete = Effect.fnUntraced(function* (access: Access, documents: ReadonlyArray<Document>) {
  yield* access.prepare({ _tag: "Stored", documents })
  if (!documents.every(access.mayDelete)) return yield* forbidden("delete")
})

/** Inserts documents in their stored form, to which the rules apply. */
const inserted = Effect.fnUntraced(function* ({ access, database, namespace }: Place, given: ReadonlyArray<Document>) {
  const world = yield* environmentOf({})
  const documents = yield* evaluated(false, () =>
    given.map((document) => Update.withId(Evaluate.stored(document), world))
  )
  yield* access.prepare({ _tag: "New", documents })
  if (!documents.every(access.mayInsert)) return yield* forbidden("insert")
  for (const document of documents) yield* checkSchema(access, document)
  return yield* database.insert(namespace, documents)
})

/** Inserts the document of an upsert. Fails if a hidden document has the same `_id`, which stays unchanged. */
const upserted = Effect.fnUntraced(function* (place: Place, query: Document, { regex, update }: Compiled) {
  const document = yield* evaluated(regex, () => Evaluate.upsertOf(update, query))
  yield* inserted(place, [document])
  return document
})

const updated = Effect.fnUntraced(function* (
  place: Place,
  { change, many = false, upsert, ...asked }: Operation<"Update">
): Effect.fn.Return<Answer<"Update">, DatabaseError> {
  const { access, database, namespace } = place
  const { filter } = asked
  const update = yield* compiled(change, asked, many)
  const found = yield* targets(place, { ...asked, limit: many ? 0 : 1 })
  if (found.length === 0 && upsert === true) {
    return { matchedCount: 0, modifiedCount: 0, upsertedId: (yield* upserted(place, filter, update))["_id"] }
  }
  let modifiedCount = 0
  for (const before of found) if (yield* allowUpdate(access, update, before)) modifiedCount++
  for (const before of found) yield* database.update(namespace, { ...exactly(access, asked, before), change })
  return { matchedCount: found.length, modifiedCount }
})

const deleted = Effect.fnUntraced(function* (place: Place, { many = false, ...asked }: Operation<"Delete">) {
  const { access, database, namespace } = place
  const found = yield* targets(place, { ...asked, limit: many ? 0 : 1 })
  yield* allowDelete(access, found)
  let count = 0
  for (const before of found) count += yield* database.delete(namespace, exactly(access, asked, before))
  return count
})

/** The visible part of a document that an operation found or changed. */
const redacted = Effect.fnUntraced(function* (
  access: Access,
  document: Document,
  { projection, ...evaluation }: Evaluation & Pick<FindOneAnd, "projection">
) {
  const [shown] = yield* visible(access, [document])
  const world = yield* environmentOf(evaluation)
  return yield* evaluated(Weights.of(projection).regex, () => {
    const project = Evaluate.projectionOf(projection, Evaluate.filterOf({}), world)
    return shown && project(shown)
  })
})

const foundAnd = Effect.fnUntraced(function* (
  place: Place,
  { change, returnNew = false, upsert, ...asked }: Operation<"FindOneAnd">
) {
  const { access, database, namespace } = place
  const { collation, filter, let: variables, projection } = asked
  const shape = { collation, let: variables, projection }
  const update = change._tag === "Delete" ? undefined : yield* compiled(change, asked)
  const [before] = yield* targets(place, { ...asked, limit: 1 })
  if (before === undefined) {
    if (upsert !== true || update === undefined) return undefined
    const made = yield* upserted(place, filter, update)
    return returnNew ? yield* redacted(access, made, shape) : undefined
  }
  // an invalid projection must not leave a change behind
  const old = yield* redacted(access, before, shape)
  if (update === undefined) yield* allowDelete(access, [before])
  else yield* allowUpdate(access, update, before)
  const after = yield* database.findOneAnd(namespace, { ...exactly(access, asked, before), change, returnNew })
  return !returnNew || update === undefined || after === undefined ? old : yield* redacted(access, after, shape)
})

/** The kinds of operations that change documents. */
export type Writing = "Insert" | "Update" | "Delete" | "FindOneAnd"

type Write<K extends Writing> = (operation: Operation<K>) => Effect.Effect<Answer<K>, DatabaseError>

/** Executes changes under the rules. */
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
