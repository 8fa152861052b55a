/** Commands that change documents: `insert`, `update`, `delete`, `findAndModify`. */
import * as Effect from "effect/Effect"
import type { Operations } from "../../data/Database.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import type { Document, FindOneAnd, Namespace } from "../../data/Operation.ts"
import { atomic, type Command, type Handler, namespaceOf } from "../internal/Call.ts"
import { fail, failure } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"
import * as Writes from "../internal/writes.ts"

const common = {
  ordered: (value: unknown, name: string) => value === undefined || Fields.flag(value, name),
  bypassDocumentValidation: Fields.ignored
} as const

/** Reads a statement of a command. */
const statement = <A>(read: () => A): Effect.Effect<A, DatabaseError> =>
  Effect.try({
    try: read,
    catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
  })

const insert: Handler = Effect.fnUntraced(function* (call) {
  const { documents, insert, ordered } = yield* Fields.read(call.request, {
    insert: Fields.text,
    documents: Fields.documents,
    ...common
  })
  yield* Writes.checkLength(documents)
  const namespace = namespaceOf(call, insert)
  const { failed, inserted } = yield* Writes.insert(call, namespace, documents, ordered)
  return { n: inserted, ...(yield* Writes.errorsOf(call, namespace, failed)), ok: 1 }
})

const updateStatement = (update: Document): Writes.UpdateStatement => {
  const { q, u, ...rest } = Fields.readAll(
    update,
    { q: Fields.document, u: Fields.anything, c: Fields.refused, ...Writes.updateFields },
    "update.updates"
  )
  return { ...rest, filter: q, change: Writes.changeOf(u, "update.updates.u", rest.arrayFilters) }
}

const update: Handler = Effect.fnUntraced(function* (call) {
  const asked = yield* Fields.read(call.request, {
    update: Fields.text,
    updates: Fields.documents,
    let: Fields.optional(Fields.document),
    ...common
  })
  yield* Writes.checkLength(asked.updates)
  const namespace = namespaceOf(call, asked.update)
  const statements = yield* Effect.forEach(asked.updates, (update) => statement(() => updateStatement(update)))
  const upserted: Array<Document> = []
  let matched = 0
  let modified = 0
  const failed = yield* Writes.each(call, statements, asked.ordered, (it, index) =>
    Effect.map(Writes.update(call, namespace, { ...it, let: asked.let }), (result) => {
      matched += result.matchedCount
      modified += result.modifiedCount
      if ("upsertedId" in result) upserted.push({ index, _id: result.upsertedId })
    })
  )
  return {
    n: matched + upserted.length,
    nModified: modified,
    ...(upserted.length === 0 ? undefined : { upserted }),
    ...(yield* Writes.errorsOf(call, namespace, failed)),
    ok: 1
  }
})

const deleteFields = {
  q: Fields.document,
  limit: Writes.isLimit,
  collation: Fields.collation,
  hint: Fields.ignored
} as const

const remove: Handler = Effect.fnUntraced(function* (call) {
  const asked = yield* Fields.read(call.request, {
    delete: Fields.text,
    deletes: Fields.documents,
    let: Fields.optional(Fields.document),
    ...common
  })
  yield* Writes.checkLength(asked.deletes)
  const namespace = namespaceOf(call, asked.delete)
  const statements = yield* Effect.forEach(asked.deletes, (deletion) =>
    statement(() => Fields.readAll(deletion, deleteFields, "delete.deletes"))
  )
  let n = 0
  const failed = yield* Writes.each(call, statements, asked.ordered, ({ collation, limit: many, q }) =>
    Effect.map(call.operations.delete(namespace, { filter: q, many, collation, let: asked.let }), (deleted) => {
      n += deleted
    })
  )
  return { n, ...(yield* Writes.errorsOf(call, namespace, failed)), ok: 1 }
})

const findAndModify: Handler = Effect.fnUntraced(function* (call) {
  const asked = yield* Fields.read(call.request, {
    [Fields.nameOf(call.request)]: Fields.anything,
    query: Fields.optional(Fields.document),
    sort: Fields.optional(Fields.document),
    remove: Fields.flag,
    update: Fields.optional(Fields.anything),
    new: Fields.flag,
    fields: Fields.optional(Fields.document),
    upsert: Fields.flag,
    arrayFilters: Fields.optional(Fields.documents),
    bypassDocumentValidation: Fields.ignored,
    collation: Fields.collation,
    hint: Fields.ignored,
    let: Fields.optional(Fields.document)
  })
  const collection = call.request[Fields.nameOf(call.request)]
  if (typeof collection !== "string") return yield* fail("TypeMismatch", "findAndModify must name a collection")
  if (asked.remove === (asked.update !== undefined)) {
    return yield* fail("FailedToParse", "Either an update or remove=true must be specified")
  }
  if (asked.remove && (asked.upsert || asked.new)) {
    return yield* fail("FailedToParse", "Cannot specify both upsert=true or new=true and remove=true")
  }
  const change = asked.remove
    ? ({ _tag: "Delete" } as const)
    : yield* statement(() => Writes.changeOf(asked.update, "findAndModify.update", asked.arrayFilters))
  const namespace = namespaceOf(call, collection)
  const query = {
    filter: asked.query ?? {},
    change,
    sort: asked.sort,
    projection: asked.fields,
    upsert: asked.upsert,
    returnNew: asked.new,
    collation: asked.collation,
    let: asked.let
  }
  if (!asked.upsert) {
    const value = yield* call.operations.findOneAnd(namespace, query)
    const found = value !== undefined
    return {
      lastErrorObject: { n: found ? 1 : 0, ...(asked.remove ? undefined : { updatedExisting: found }) },
      value: value ?? null,
      ok: 1
    }
  }
  const { id, value } = yield* atomic(call, (operations) => upserting(operations, namespace, query))
  return {
    lastErrorObject: { n: 1, updatedExisting: id === undefined, ...(id === undefined ? undefined : { upserted: id }) },
    value: value ?? null,
    ok: 1
  }
})

/** Changes a document or inserts one; `id` is that of the inserted one. */
const upserting = Effect.fnUntraced(function* (operations: Operations, namespace: Namespace, query: FindOneAnd) {
  const { change, filter, returnNew, sort: _, projection, ...evaluation } = query
  const [present] = yield* operations.find(namespace, { ...evaluation, filter, limit: 1, projection: { _id: 1 } })
  if (present !== undefined) return { id: undefined, value: yield* operations.findOneAnd(namespace, query) }
  const inserted = yield* operations.findOneAnd(namespace, {
    ...evaluation,
    filter,
    change,
    upsert: true,
    returnNew: true,
    projection: { _id: 1 }
  })
  const id = inserted?.["_id"]
  if (returnNew !== true) return { id, value: undefined }
  const [value] = yield* operations.find(namespace, {
    filter: { _id: { $eq: id } },
    projection,
    let: evaluation.let
  })
  return { id, value }
})

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  insert: { handler: insert, inTransaction: true, writes: true },
  update: { handler: update, inTransaction: true, writes: true },
  delete: { handler: remove, inTransaction: true, writes: true },
  findAndModify: { handler: findAndModify, inTransaction: true, writes: true },
  findandmodify: { handler: findAndModify, inTransaction: true, writes: true }
}
