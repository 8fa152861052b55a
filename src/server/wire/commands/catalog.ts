/** Commands on databases and collections. */
import * as Effect from "effect/Effect"
import { nameOf, type Namespace } from "../../data/Operation.ts"
import { atomic, type Call, collectionsOf, type Command, type Handler, namespaceOf } from "../internal/Call.ts"
import { fail, unsupported } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"
import { answerList, firstBatchSize, exists, filtered } from "./cursors.ts"
import { dropAll } from "./indexes.ts"
import { sizeOf } from "./information.ts"

const databasesOf = ({ server, source }: Call) =>
  Effect.map(server.database.databases(source), (names) => [
    ...new Set([...names, ...server.created.databases(source)])
  ])

const listDatabases: Handler = Effect.fnUntraced(function* (call) {
  const { filter, nameOnly } = yield* Fields.read(call.request, {
    listDatabases: Fields.anything,
    filter: Fields.optional(Fields.document),
    nameOnly: Fields.flag,
    authorizedDatabases: Fields.ignored
  })
  const all = yield* Effect.forEach(yield* databasesOf(call), (name) =>
    nameOnly
      ? Effect.succeed({ name })
      : Effect.map(sizeOfDatabase(call, name), (sizeOnDisk) => ({ name, sizeOnDisk, empty: false }))
  )
  const databases = yield* filtered(call, all, filter)
  if (nameOnly) return { databases, ok: 1 }
  const totalSize = databases.reduce(
    (sum, { sizeOnDisk }) => sum + (typeof sizeOnDisk === "number" ? sizeOnDisk : 0),
    0
  )
  return { databases, totalSize, totalSizeMb: Math.floor(totalSize / 2 ** 20), ok: 1 }
})

const sizeOfDatabase = Effect.fnUntraced(function* (call: Call, database: string) {
  const collections = yield* collectionsOf(call, database)
  const sizes = yield* Effect.forEach(collections, (name) => sizeOf(call, namespaceOf({ ...call, database }, name)))
  return sizes.reduce((sum, { size }) => sum + size, 0)
})

const listCollections: Handler = Effect.fnUntraced(function* (call) {
  const { cursor, filter, nameOnly } = yield* Fields.read(call.request, {
    listCollections: Fields.anything,
    filter: Fields.optional(Fields.document),
    nameOnly: Fields.flag,
    authorizedCollections: Fields.ignored,
    cursor: firstBatchSize
  })
  const names = yield* collectionsOf(call, call.database)
  const all = names.map((name) => {
    const type = "collection"
    if (nameOnly) return { name, type }
    return { name, type, options: {}, info: { readOnly: false }, idIndex: { v: 2, key: { _id: 1 }, name: "_id_" } }
  })
  return yield* answerList(call, "listCollections", yield* filtered(call, all, filter), cursor)
})

const create: Handler = Effect.fnUntraced(function* (call) {
  const { create } = yield* Fields.read(call.request, {
    create: Fields.text,
    autoIndexId: Fields.ignored,
    capped: Fields.refused,
    changeStreamPreAndPostImages: Fields.ignored,
    clusteredIndex: Fields.refused,
    collation: Fields.simpleCollation,
    expireAfterSeconds: Fields.refused,
    indexOptionDefaults: Fields.refused,
    max: Fields.refused,
    pipeline: Fields.refused,
    size: Fields.refused,
    storageEngine: Fields.refused,
    timeseries: Fields.refused,
    validationAction: Fields.refused,
    validationLevel: Fields.refused,
    validator: Fields.refused,
    viewOn: Fields.refused
  })
  if (yield* exists(call, create)) {
    return yield* fail("NamespaceExists", `Collection ${call.database}.${create} already exists.`)
  }
  const namespace = namespaceOf(call, create)
  const add = () => call.server.created.add(namespace)
  if (call.inTransaction) call.session?.transaction?.committed.push(add)
  else add()
  return { ok: 1 }
})

/** Changes keep the documents before and after them in any case. */
const collMod: Handler = Effect.fnUntraced(function* (call) {
  const { collMod, ...asked } = yield* Fields.read(call.request, {
    collMod: Fields.text,
    changeStreamPreAndPostImages: (value, name) =>
      Fields.readAll(Fields.document(value, name), { enabled: Fields.flag }, name).enabled,
    index: Fields.refused,
    validationAction: Fields.refused,
    validationLevel: Fields.refused,
    validator: Fields.refused,
    viewOn: Fields.refused
  })
  if (!asked.changeStreamPreAndPostImages) {
    return yield* unsupported("to switch off changeStreamPreAndPostImages", "changes keep the documents before them")
  }
  if (yield* exists(call, collMod)) return { ok: 1 }
  return yield* fail("NamespaceNotFound", `ns does not exist: ${call.database}.${collMod}`)
})

const drop: Handler = Effect.fnUntraced(function* (call) {
  const { drop } = yield* Fields.read(call.request, { drop: Fields.text })
  const namespace = namespaceOf(call, drop)
  if (!(yield* exists(call, drop))) return { ok: 1 }
  call.server.created.remove(namespace)
  yield* call.operations.delete(namespace, { filter: {}, many: true })
  return { nIndexesWas: yield* dropAll(call, namespace), ns: nameOf(namespace), ok: 1 }
})

const dropDatabase: Handler = Effect.fnUntraced(function* (call) {
  yield* Fields.read(call.request, { dropDatabase: Fields.anything })
  for (const name of yield* collectionsOf(call, call.database)) {
    call.server.created.remove(namespaceOf(call, name))
    yield* call.operations.delete(namespaceOf(call, name), { filter: {}, many: true })
    yield* dropAll(call, namespaceOf(call, name))
  }
  return { dropped: call.database, ok: 1 }
})

const splitName: Fields.Field<readonly [database: string, collection: string]> = (value, name) => {
  const [database = "", ...collection] = Fields.text(value, name).split(".")
  return [database, collection.join(".")]
}

const renameCollection: Handler = Effect.fnUntraced(function* (call) {
  const asked = yield* Fields.read(call.request, {
    renameCollection: splitName,
    to: splitName,
    dropTarget: Fields.flag
  })
  const at = ([database, collection]: readonly [string, string]): Namespace =>
    namespaceOf({ ...call, database }, collection)
  const from = at(asked.renameCollection)
  const to = at(asked.to)
  if (from.collection === "" || to.collection === "") {
    return yield* fail("InvalidNamespace", "renameCollection needs two names of the form database.collection")
  }
  yield* atomic(call, (operations) =>
    Effect.gen(function* () {
      const documents = yield* operations.find(from, { filter: {} })
      if (documents.length === 0 && !call.server.created.collections(from).includes(from.collection)) {
        return yield* fail("NamespaceNotFound", `Source collection ${nameOf(from)} does not exist`)
      }
      const others = yield* operations.find(to, { filter: {}, limit: 1 })
      if (others.length > 0 && !asked.dropTarget) return yield* fail("NamespaceExists", "target namespace exists")
      yield* operations.delete(to, { filter: {}, many: true })
      if (documents.length > 0) yield* operations.insert(to, documents)
      return yield* operations.delete(from, { filter: {}, many: true })
    })
  )
  if (call.server.created.remove(from)) call.server.created.add(to)
  return { ok: 1 }
})

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  listDatabases: { handler: listDatabases },
  listCollections: { handler: listCollections },
  create: { handler: create, inTransaction: true, writes: true },
  collMod: { handler: collMod, writes: true },
  drop: { handler: drop, writes: true },
  dropDatabase: { handler: dropDatabase, writes: true },
  renameCollection: { handler: renameCollection, writes: true }
}
