/** Executes operations with MongoDB's driver. */
import type {
  ClientSession,
  Collection,
  Db,
  FindOneAndDeleteOptions,
  FindOneAndReplaceOptions,
  FindOneAndUpdateOptions,
  MongoClient,
  SortDirection,
  UpdateOptions,
  UpdateResult
} from "mongodb"
import type { Answer, Change, Document, Find, Kind, Namespace, Operation, Viewed } from "../../data/Operation.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import { countOf } from "./errors.ts"
import { asked, askedAll, bsonOptions, identified, received, receivedDocument, stored } from "./values.ts"
import { isOfDocuments, stagesOf } from "./views.ts"

/** Where operations are executed. */
export interface Place {
  readonly client: MongoClient
  readonly session: ClientSession | undefined
}

const inSession = ({ session }: Place): { readonly session?: ClientSession } =>
  session === undefined ? {} : { session }

const databaseOf = ({ client }: Place, { database }: Pick<Namespace, "database">): Db =>
  client.db(database, { ...bsonOptions })

const collectionOf = (place: Place, namespace: Namespace): Collection =>
  databaseOf(place, namespace).collection(namespace.collection)

const whole = (value: number | undefined, name: string): number => {
  if (value === undefined) return 0
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new DatabaseError({ message: `${name} must be a whole number, and not negative`, code: 2 })
}

/** The stages of a query behind its view. */
export const queryStages = (
  { filter, limit, projection, skip, sort, view }: Find & Viewed,
  collection: string
): Array<Document> => [
  ...stagesOf(view, collection),
  { $match: asked(filter) },
  ...(sort === undefined || Object.keys(sort).length === 0 ? [] : [{ $sort: asked(sort) }]),
  ...(whole(skip, "skip") === 0 ? [] : [{ $skip: skip }]),
  ...(whole(limit === undefined ? undefined : Math.abs(limit), "limit") === 0
    ? []
    : [{ $limit: Math.abs(limit ?? 0) }]),
  ...(projection === undefined || Object.keys(projection).length === 0 ? [] : [{ $project: asked(projection) }])
]

/** Runs a pipeline; documents that replace those of the collection need none of it. */
const aggregate = async (
  place: Place,
  namespace: Namespace,
  view: Viewed["view"],
  stages: Array<Document>
): Promise<ReadonlyArray<Document>> => {
  const source = isOfDocuments(view) ? databaseOf(place, namespace) : collectionOf(place, namespace)
  return await source.aggregate(stages, inSession(place)).toArray()
}

const find = async (place: Place, query: Find & Viewed & { readonly namespace: Namespace }) => {
  if (query.view !== undefined)
    return await aggregate(place, query.namespace, query.view, queryStages(query, query.namespace.collection))
  const limit = whole(query.limit === undefined ? undefined : Math.abs(query.limit), "limit")
  return await collectionOf(place, query.namespace)
    .find(asked(query.filter), {
      ...inSession(place),
      skip: whole(query.skip, "skip"),
      ...(limit === 0 ? undefined : { limit }),
      ...(query.sort === undefined ? undefined : { sort: sortOf(query.sort) }),
      ...(query.projection === undefined ? undefined : { projection: asked(query.projection) })
    })
    .toArray()
}

const isList = (update: Document | ReadonlyArray<Document>): update is ReadonlyArray<Document> => Array.isArray(update)

/** The update operators or the pipeline of a change. */
const updateOf = ({ update }: Extract<Change, { readonly _tag: "Update" }>): Document | Array<Document> =>
  isList(update) ? askedAll(update) : asked(update)

/** The document that replaces another one: an update that is a plain document is one, as on App Services. */
const replacementOf = (change: Change): Document | undefined => {
  if (change._tag === "Replace") return change.document
  const { update } = change
  return isList(update) || Object.keys(update).some((name) => name.startsWith("$")) ? undefined : update
}

const directionOf = (path: string, value: unknown): SortDirection => {
  if (isDocument(value) && typeof value["$meta"] === "string") return { $meta: value["$meta"] }
  const direction = Number(value)
  if (direction === 1 || direction === -1) return direction
  throw new DatabaseError({ message: `the direction of '${path}' in a sort order must be 1 or -1`, code: 2 })
}

const sortOf = (sort: Document): Map<string, SortDirection> =>
  new Map(Object.entries(asked(sort)).map(([path, value]) => [path, directionOf(path, value)]))

const arrayFiltersOf = (change: Change): { readonly arrayFilters: Array<Document> } | undefined =>
  change._tag === "Update" && change.arrayFilters !== undefined
    ? { arrayFilters: askedAll(change.arrayFilters) }
    : undefined

const findAndChange = async (
  collection: Collection,
  filter: Document,
  change: Change | { readonly _tag: "Delete" },
  options: FindOneAndDeleteOptions,
  changing: FindOneAndUpdateOptions & FindOneAndReplaceOptions
): Promise<Document | null> => {
  if (change._tag === "Delete") return await collection.findOneAndDelete(filter, options)
  if (change._tag === "Replace") return await collection.findOneAndReplace(filter, stored(change.document), changing)
  const replacement = replacementOf(change)
  return replacement === undefined
    ? await collection.findOneAndUpdate(filter, updateOf(change), { ...changing, ...arrayFiltersOf(change) })
    : await collection.findOneAndReplace(filter, stored(replacement), changing)
}

const findOneAnd = async (
  place: Place,
  { change, filter, namespace, projection, returnNew = false, sort, upsert = false }: Operation<"FindOneAnd">
): Promise<Document | undefined> => {
  const collection = collectionOf(place, namespace)
  const options = {
    ...inSession(place),
    ...(sort === undefined ? undefined : { sort: sortOf(sort) }),
    ...(projection === undefined ? undefined : { projection: asked(projection) })
  }
  const found = await findAndChange(collection, asked(filter), change, options, {
    ...options,
    upsert,
    returnDocument: returnNew ? "after" : "before"
  })
  return found === null ? undefined : receivedDocument(found)
}

const updating = async (
  collection: Collection,
  filter: Document,
  change: Change,
  many: boolean,
  options: UpdateOptions
): Promise<UpdateResult> => {
  if (change._tag === "Replace") {
    throw new DatabaseError({ message: "multi update is not supported for replacement-style update", code: 9 })
  }
  return many
    ? await collection.updateMany(filter, updateOf(change), options)
    : await collection.updateOne(filter, updateOf(change), options)
}

type Handlers = { readonly [K in Kind]: (place: Place, operation: Operation<K>) => Promise<Answer<K>> }

const handlers: Handlers = {
  Insert: async (place, { documents, namespace }) => {
    if (documents.length === 0) return []
    const all = documents.map(identified)
    await collectionOf(place, namespace).insertMany(all, inSession(place))
    return all.map(({ _id }) => received(_id))
  },
  Find: async (place, operation) => (await find(place, operation)).map(receivedDocument),
  Count: async (place, { namespace, ...query }) => {
    const stages = [...queryStages(query, namespace.collection), { $count: "n" }]
    const [counted] = await aggregate(place, namespace, query.view, stages)
    return Number(received(counted?.["n"]) ?? 0)
  },
  Distinct: async (place, { field, filter, namespace, view }) => {
    if (view === undefined) {
      const values: ReadonlyArray<unknown> = await collectionOf(place, namespace).distinct(
        field,
        asked(filter),
        inSession(place)
      )
      return values.map(received)
    }
    const stages = [
      ...queryStages({ filter, view }, namespace.collection),
      { $unwind: { path: `$${field}`, preserveNullAndEmptyArrays: false } },
      { $group: { _id: `$${field}` } }
    ]
    return (await aggregate(place, namespace, view, stages)).map(({ _id }) => received(_id))
  },
  Aggregate: async (place, { joins, namespace, pipeline, view }) => {
    if (joins !== undefined && joins.size > 0) {
      throw new DatabaseError({
        message: "pipelines that join collections under rules are not supported on MongoDB yet",
        code: 115
      })
    }
    return (
      await aggregate(place, namespace, view, [...stagesOf(view, namespace.collection), ...askedAll(pipeline)])
    ).map(receivedDocument)
  },
  Update: async (place, { change, filter, many = false, namespace, upsert = false }) => {
    const collection = collectionOf(place, namespace)
    const options = { ...inSession(place), upsert }
    const replacement = many ? undefined : replacementOf(change)
    const result =
      replacement !== undefined
        ? await collection.replaceOne(asked(filter), stored(replacement), options)
        : await updating(collection, asked(filter), change, many, { ...options, ...arrayFiltersOf(change) })
    const { matchedCount, modifiedCount, upsertedCount, upsertedId } = result
    const counts = { matchedCount: countOf(matchedCount), modifiedCount: countOf(modifiedCount) }
    return countOf(upsertedCount) > 0 ? { ...counts, upsertedId: received(upsertedId) } : counts
  },
  Delete: async (place, { filter, many = false, namespace }) => {
    const collection = collectionOf(place, namespace)
    const options = inSession(place)
    const { deletedCount } = many
      ? await collection.deleteMany(asked(filter), options)
      : await collection.deleteOne(asked(filter), options)
    return countOf(deletedCount)
  },
  FindOneAnd: findOneAnd
}

/** Executes an operation; rejects with whatever error there is. */
export const execute = <K extends Kind>(place: Place, operation: Operation<K>): Promise<Answer<K>> =>
  handlers[operation._tag](place, operation)
