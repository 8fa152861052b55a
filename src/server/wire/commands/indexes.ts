/** Commands on indexes. */
import * as Effect from "effect/Effect"
import { DatabaseError } from "../../data/DatabaseError.ts"
import * as Index from "../../data/Index.ts"
import { isDocument } from "../../data/internal/bson.ts"
import { asError } from "../../data/internal/failures.ts"
import { type Document, nameOf, type Namespace } from "../../data/Operation.ts"
import { type Call, type Command, type Handler, namespaceOf } from "../internal/Call.ts"
import { fail, failure } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"
import { answerList, firstBatchSize, exists } from "./cursors.ts"

const described = ({ key, name, sparse, unique }: Index.Index): Document => {
  const index: Document = { v: 2, key, name }
  if (unique && name !== Index.ofId.name) index["unique"] = true
  if (sparse) index["sparse"] = true
  return index
}

const listIndexes: Handler = Effect.fnUntraced(function* (call) {
  const { cursor, listIndexes } = yield* Fields.read(call.request, { listIndexes: Fields.text, cursor: firstBatchSize })
  const namespace = namespaceOf(call, listIndexes)
  const indexes = yield* call.server.database.indexes(namespace)
  if (indexes.length <= 1 && !(yield* exists(call, listIndexes))) {
    return yield* fail("NamespaceNotFound", `ns does not exist: ${nameOf(namespace)}`)
  }
  return yield* answerList(call, `listIndexes.${listIndexes}`, indexes.map(described), cursor)
})

const createIndexes: Handler = Effect.fnUntraced(function* (call) {
  const asked = yield* Fields.read(call.request, {
    createIndexes: Fields.text,
    indexes: Fields.documents,
    commitQuorum: Fields.ignored
  })
  const namespace = namespaceOf(call, asked.createIndexes)
  const { database } = call.server
  // all of them are understood before the first is made
  const indexes = yield* Effect.try({ try: () => asked.indexes.map(Index.parseOptions), catch: asError })
  const before = yield* database.indexes(namespace)
  for (const index of indexes) yield* database.index(namespace, index)
  const after = yield* database.indexes(namespace)
  return {
    numIndexesBefore: before.length,
    numIndexesAfter: after.length,
    createdCollectionAutomatically: false,
    ...(after.length === before.length ? { note: "all indexes already exist" } : undefined),
    ok: 1
  }
})

/** Drops all indexes but that of the `_id`; answers with how many there were. */
export const dropAll = Effect.fnUntraced(function* ({ server: { database } }: Call, namespace: Namespace) {
  const indexes = yield* database.indexes(namespace)
  for (const { name } of indexes.slice(1)) yield* database.dropIndex(namespace, name)
  return indexes.length
})

/** The names of the indexes to drop. */
const chosen = (indexes: ReadonlyArray<Index.Index>, asked: unknown): ReadonlyArray<string> => {
  if (asked === "*") return indexes.flatMap(({ name }) => (name === Index.ofId.name ? [] : [name]))
  if (typeof asked === "string") return [asked]
  if (Array.isArray(asked) && asked.every((name) => typeof name === "string")) return asked
  if (!isDocument(asked))
    throw failure("TypeMismatch", "dropIndexes.index must be a name, names, or the key of an index")
  const wanted = Index.parseOptions({ key: asked })
  const found = indexes.find((index) => Index.hasSameKey(index, wanted))
  if (found === undefined) throw failure("IndexNotFound", `can't find index with key: ${JSON.stringify(wanted.key)}`)
  return [found.name]
}

const dropIndexes: Handler = Effect.fnUntraced(function* (call) {
  const asked = yield* Fields.read(call.request, {
    [Fields.nameOf(call.request)]: Fields.text,
    index: Fields.anything
  })
  const collection = String(call.request[Fields.nameOf(call.request)])
  const namespace = namespaceOf(call, collection)
  const { database } = call.server
  const indexes = yield* database.indexes(namespace)
  const names = yield* Effect.try({
    try: () => chosen(indexes, asked.index),
    catch: (cause) => (cause instanceof DatabaseError ? cause : asError(cause))
  })
  for (const name of names) yield* database.dropIndex(namespace, name)
  return { nIndexesWas: indexes.length, ok: 1 }
})

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  listIndexes: { handler: listIndexes },
  createIndexes: { handler: createIndexes, writes: true },
  dropIndexes: { handler: dropIndexes, writes: true },
  deleteIndexes: { handler: dropIndexes, writes: true }
}
