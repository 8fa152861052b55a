/** The queries and mutations of collections. */
import * as Effect from "effect/Effect"
import { atomically, type DatabaseError, type Document } from "../data/Database.ts"
import type { Context, Place } from "./Context.ts"
import { filterOf } from "./filters.ts"
import { type GraphQLFieldConfigArgumentMap, GraphQLInt, GraphQLList, GraphQLNonNull } from "./internal/graphqlJs.ts"
import * as Names from "./names.ts"
import type { CollectionShape } from "./shapes.ts"
import type { OutputField, Types } from "./types.ts"
import * as Writes from "./writes.ts"

type Fields = Map<string, OutputField>
type Args = Readonly<Record<string, unknown>>

/** The documents of a list without a limit, and the most of one with a limit. */
const defaultLimit = 100
const mostDocuments = 50_000

const isOrder = (u: unknown): u is Document => typeof u === "object" && u !== null

/** Reads and writes in the database, or in a transaction if an input creates related documents. */
const placed = <A>(
  context: Context,
  isAtomic: boolean,
  use: (place: Place) => Effect.Effect<A, DatabaseError>
): Effect.Effect<A, DatabaseError> => {
  const { database, namespaceOf } = context
  return isAtomic
    ? atomically(database, (transaction) => use({ database: transaction, namespaceOf }))
    : use({ database, namespaceOf })
}

interface Root {
  readonly collection: CollectionShape
  readonly types: Types
  readonly args: GraphQLFieldConfigArgumentMap
}

const queries = ({ args, collection, types }: Root): Fields => {
  const { plural, relations, type } = collection
  const object = types.object(type, relations)
  const find = (context: Context, given: Args, limit: number) =>
    placed(
      context,
      false,
      Effect.fnUntraced(function* (place) {
        const filter = yield* filterOf(place, collection, given["query"])
        const sort = isOrder(given["sortBy"]) ? given["sortBy"] : undefined
        return yield* place.database.find(place.namespaceOf(collection), { filter, sort, limit })
      })
    )
  return new Map<string, OutputField>([
    [
      Names.queryName(type.name),
      {
        type: object,
        args,
        resolve: async (_, given: Args, context): Promise<unknown> =>
          (await context.run("read", find(context, given, 1)))[0] ?? null
      }
    ],
    [
      Names.queryName(plural),
      {
        type: new GraphQLNonNull(new GraphQLList(object)),
        args: {
          ...args,
          limit: { type: GraphQLInt, default: { value: defaultLimit } },
          sortBy: { type: types.sortOrder(collection) }
        },
        resolve: async (_, given: Args, context, info): Promise<unknown> => {
          const { limit } = given
          const most = typeof limit === "number" && limit > 0 ? Math.min(limit, mostDocuments) : mostDocuments
          const found = await context.run("read", find(context, given, most))
          context.charge(found.length, info)
          return found
        }
      }
    ]
  ])
}

/** The document behind an insertion or a change, as the user may see it. */
const seen = (place: Place, collection: CollectionShape, _id: unknown) =>
  Effect.map(
    place.database.find(place.namespaceOf(collection), { filter: { _id: { $eq: _id } }, limit: 1 }),
    ([document]) => document ?? null
  )

type Write = (place: Place, given: Args) => Effect.Effect<unknown, DatabaseError>

/** What the mutations of a collection do, by the beginnings of their names. */
const writesOf = (collection: CollectionShape) => {
  const namespace = (place: Place) => place.namespaceOf(collection)
  const filter = (place: Place, given: Args) => filterOf(place, collection, given["query"])
  const insertOne: Write = Effect.fnUntraced(function* (place, given) {
    const document = yield* Writes.documentOf(place, collection, given["data"])
    const [id] = yield* place.database.insert(namespace(place), [document])
    return yield* seen(place, collection, id)
  })
  const insertMany: Write = Effect.fnUntraced(function* (place, given) {
    const data: ReadonlyArray<unknown> = Array.isArray(given["data"]) ? given["data"] : []
    const documents = yield* Effect.forEach(data, (it) => Writes.documentOf(place, collection, it))
    const insertedIds = documents.length === 0 ? [] : yield* place.database.insert(namespace(place), documents)
    return { insertedIds }
  })
  const updateOne: Write = Effect.fnUntraced(function* (place, given) {
    const found = { filter: yield* filter(place, given) }
    const update = yield* Writes.updateOf(place, collection, given["set"])
    if (Object.keys(update).length === 0) {
      return (yield* place.database.find(namespace(place), { ...found, limit: 1 }))[0] ?? null
    }
    return yield* place.database.findOneAnd(namespace(place), {
      ...found,
      change: { _tag: "Update", update },
      returnNew: true
    })
  })
  const updateMany: Write = Effect.fnUntraced(function* (place, given) {
    const found = { filter: yield* filter(place, given) }
    const update = yield* Writes.updateOf(place, collection, given["set"])
    if (Object.keys(update).length === 0) {
      return { matchedCount: yield* place.database.count(namespace(place), found), modifiedCount: 0 }
    }
    return yield* place.database.update(namespace(place), { ...found, change: { _tag: "Update", update }, many: true })
  })
  const upsertOne: Write = Effect.fnUntraced(function* (place, given) {
    const { _id, ...document } = yield* Writes.documentOf(place, collection, given["data"])
    const update = {
      ...(Object.keys(document).length > 0 && { $set: document }),
      ...(_id !== undefined && { $setOnInsert: { _id } })
    }
    return yield* place.database.findOneAnd(namespace(place), {
      filter: yield* filter(place, given),
      change: { _tag: "Update", update },
      upsert: true,
      returnNew: true
    })
  })
  const replaceOne: Write = Effect.fnUntraced(function* (place, given) {
    const found = yield* filter(place, given)
    const document = yield* Writes.documentOf(place, collection, given["data"])
    return yield* place.database.findOneAnd(namespace(place), {
      filter: found,
      change: { _tag: "Replace", document },
      returnNew: true
    })
  })
  const deleteOne: Write = Effect.fnUntraced(function* (place, given) {
    const found = yield* filter(place, given)
    return yield* place.database.findOneAnd(namespace(place), { filter: found, change: { _tag: "Delete" } })
  })
  const deleteMany: Write = Effect.fnUntraced(function* (place, given) {
    const found = yield* filter(place, given)
    return { deletedCount: yield* place.database.delete(namespace(place), { filter: found, many: true }) }
  })
  return { insertOne, insertMany, updateOne, updateMany, upsertOne, replaceOne, deleteOne, deleteMany }
}

const mutations = ({ args, collection, types }: Root): Fields => {
  const { plural, relations, type } = collection
  const object = types.object(type, relations)
  const insert = types.insert(type, relations)
  const data = { data: { type: new GraphQLNonNull(insert) } }
  const set = { set: { type: new GraphQLNonNull(types.update(type, relations)) } }
  const { payloads } = types
  const query = { query: { type: new GraphQLNonNull(types.query(type, relations)) } }
  const many = { data: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(insert))) } }
  const writes = writesOf(collection)
  const field = (what: string, write: Write, made: Pick<OutputField, "type" | "args">): OutputField => ({
    ...made,
    resolve: (_, given: Args, context) => {
      const inputs: ReadonlyArray<unknown> = Array.isArray(given["data"])
        ? given["data"]
        : [given["data"] ?? given["set"]]
      const isAtomic = inputs.some((it) => Writes.creates(collection, it))
      return context.run(
        what,
        placed(context, isAtomic, (place) => write(place, given))
      )
    }
  })
  return new Map<string, OutputField>([
    [`insertOne${type.name}`, field("insert", writes.insertOne, { type: object, args: data })],
    [`insertMany${plural}`, field("insert", writes.insertMany, { type: payloads.insertMany, args: many })],
    [`updateOne${type.name}`, field("update", writes.updateOne, { type: object, args: { ...args, ...set } })],
    [
      `updateMany${plural}`,
      field("update", writes.updateMany, { type: payloads.updateMany, args: { ...args, ...set } })
    ],
    [`upsertOne${type.name}`, field("update", writes.upsertOne, { type: object, args: { ...args, ...data } })],
    [`replaceOne${type.name}`, field("update", writes.replaceOne, { type: object, args: { ...args, ...data } })],
    [`deleteOne${type.name}`, field("delete", writes.deleteOne, { type: object, args: query })],
    [`deleteMany${plural}`, field("delete", writes.deleteMany, { type: payloads.deleteMany, args })]
  ])
}

/** The fields of a collection in `Query` and in `Mutation`. */
export const rootFields = (
  collection: CollectionShape,
  types: Types
): { readonly query: Fields; readonly mutation: Fields } => {
  const args = { query: { type: types.query(collection.type, collection.relations) } }
  const root = { collection, types, args }
  return { query: queries(root), mutation: mutations(root) }
}
