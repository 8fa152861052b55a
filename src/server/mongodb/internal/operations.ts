/** Executes operations with MongoDB's driver. */
import type {
  ClientSession,
  Collection,
  CollationOptions,
  Db,
  FindOneAndDeleteOptions,
  FindOneAndReplaceOptions,
  FindOneAndUpdateOptions,
  MongoClient,
  SortDirection,
  UpdateOptions,
  UpdateResult
} from "mongodb"
import type {
  Answer,
  Change,
  Document,
  Evaluation,
  Find,
  Kind,
  Namespace,
  Operation,
  Restricted,
  Viewed
} from "../../data/Operation.ts"
import { hasText } from "../../language/filters/conditions.ts"
import { canonical } from "../../language/Value.ts"
import * as Lru from "../../../core/lru.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import { countOf } from "./errors.ts"
import { asked, askedAll, bsonOptions, identified, received, receivedDocument, stored } from "./values.ts"
import { conditionsUnder, isOfDocuments, stagesUnder } from "./views.ts"

/** Where operations are executed. */
export interface Place {
  readonly client: MongoClient
  readonly session: ClientSession | undefined
}

const inSession = ({ session }: Place): { readonly session?: ClientSession } =>
  session === undefined ? {} : { session }

const databaseOf = ({ client }: Place, { database }: Pick<Namespace, "database">): Db =>
  client.db(database, { ...bsonOptions })

/** The most collections of a client that are kept: the driver takes a while to make one, and users choose their names. */
const most = 1_000

const collections = new WeakMap<MongoClient, Map<string, Collection>>()

const collectionOf = (place: Place, namespace: Namespace): Collection => {
  let known = collections.get(place.client)
  if (known === undefined) collections.set(place.client, (known = new Map()))
  // no name of a database has a dot
  const key = `${namespace.database}.${namespace.collection}`
  const collection = known.get(key) ?? databaseOf(place, namespace).collection(namespace.collection)
  Lru.put(known, key, collection, most)
  return collection
}

const whole = (value: number | undefined, name: string): number => {
  if (value === undefined) return 0
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new DatabaseError({ message: `${name} must be a whole number, and not negative`, code: 2 })
}

/** The collation and the variables of an operation. */
export const evaluationOf = ({
  collation,
  let: variables
}: Evaluation): { collation?: CollationOptions; let?: Document } => ({
  ...(collation === undefined || Object.keys(collation).length === 0
    ? undefined
    : { collation: collationOf(collation) }),
  ...(variables === undefined ? undefined : { let: stored(variables) })
})

/** The driver sends a collation as it is, so that MongoDB checks it. */
const collationOf = (collation: Document): CollationOptions => {
  const { locale, ...others } = collation
  if (typeof locale === "string") return { ...others, locale }
  throw new DatabaseError({ message: "a collation needs a 'locale', which is a string", code: 9 })
}

/** The stages of a query behind its view. */
export const queryStages = (
  { collation, filter, limit, projection, skip, sort, view }: Find & Viewed,
  collection: string
): Array<Document> => [
  ...stagesUnder(collation, view, collection),
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
  stages: Array<Document>,
  evaluation: Evaluation
): Promise<ReadonlyArray<Document>> => {
  const source = isOfDocuments(view) ? databaseOf(place, namespace) : collectionOf(place, namespace)
  return await source.aggregate(stages, { ...inSession(place), ...evaluationOf(evaluation) }).toArray()
}

const find = async (place: Place, query: Find & Viewed & { readonly namespace: Namespace }) => {
  const conditions = conditionsUnder(query.collation, query.view, query.namespace.collection)
  if (conditions === undefined)
    return await aggregate(place, query.namespace, query.view, queryStages(query, query.namespace.collection), query)
  const filter = asked(query.filter)
  const limit = whole(query.limit === undefined ? undefined : Math.abs(query.limit), "limit")
  return await collectionOf(place, query.namespace)
    .find(conditions.length === 0 ? filter : { $and: [...conditions, filter] }, {
      ...inSession(place),
      ...evaluationOf(query),
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

/**
 * The filter of an operation that may be restricted to one document. Regular expressions are not compared under a
 * collation, so that one of a whole text tells apart what the collation makes equal.
 */
const filterOf = ({ collation, filter, only }: { readonly filter: Document } & Evaluation & Restricted): Document => {
  if (only === undefined) return asked(filter)
  const same = { _id: { $eq: only._id } }
  if (collation === undefined || !hasText(canonical(only._id))) return asked({ $and: [same, filter] })
  if (typeof only._id !== "string" || only._id.includes("\0")) {
    throw new DatabaseError({
      message: "a collation cannot be used to change a document under rules whose _id has a string in it",
      code: 115
    })
  }
  const pattern = `^${only._id.replaceAll(/[^\p{L}\p{N}_\s]/gu, String.raw`\$&`)}\\z`
  return asked({ $and: [same, { _id: { $regex: pattern } }, filter] })
}

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
  { change, namespace, projection, returnNew = false, sort, upsert = false, ...query }: Operation<"FindOneAnd">
): Promise<Document | undefined> => {
  const collection = collectionOf(place, namespace)
  const options = {
    ...inSession(place),
    ...evaluationOf(query),
    ...(sort === undefined ? undefined : { sort: sortOf(sort) }),
    ...(projection === undefined ? undefined : { projection: asked(projection) })
  }
  const found = await findAndChange(collection, filterOf(query), change, options, {
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
    const [counted] = await aggregate(place, namespace, query.view, stages, query)
    return Number(received(counted?.["n"]) ?? 0)
  },
  Distinct: async (place, { field, filter, namespace, view, ...evaluation }) => {
    if (view === undefined) {
      const values: ReadonlyArray<unknown> = await collectionOf(place, namespace).distinct(field, asked(filter), {
        ...inSession(place),
        ...evaluationOf({ collation: evaluation.collation })
      })
      return values.map(received)
    }
    const stages = [
      ...queryStages({ ...evaluation, filter, view }, namespace.collection),
      { $unwind: { path: `$${field}`, preserveNullAndEmptyArrays: false } },
      { $group: { _id: `$${field}` } }
    ]
    return (await aggregate(place, namespace, view, stages, evaluation)).map(({ _id }) => received(_id))
  },
  Aggregate: async (place, { joins, namespace, pipeline, view, ...evaluation }) => {
    if (joins !== undefined && joins.size > 0) {
      throw new DatabaseError({
        message: "pipelines that join collections under rules are not supported on MongoDB yet",
        code: 115
      })
    }
    return (
      await aggregate(
        place,
        namespace,
        view,
        [...stagesUnder(evaluation.collation, view, namespace.collection), ...askedAll(pipeline)],
        evaluation
      )
    ).map(receivedDocument)
  },
  Update: async (place, { change, many = false, namespace, upsert = false, ...query }) => {
    const collection = collectionOf(place, namespace)
    const options = { ...inSession(place), ...evaluationOf(query), upsert }
    const filter = filterOf(query)
    const replacement = many ? undefined : replacementOf(change)
    const result =
      replacement !== undefined
        ? await collection.replaceOne(filter, stored(replacement), options)
        : await updating(collection, filter, change, many, { ...options, ...arrayFiltersOf(change) })
    const { matchedCount, modifiedCount, upsertedCount, upsertedId } = result
    const counts = { matchedCount: countOf(matchedCount), modifiedCount: countOf(modifiedCount) }
    return countOf(upsertedCount) > 0 ? { ...counts, upsertedId: received(upsertedId) } : counts
  },
  Delete: async (place, { many = false, namespace, ...query }) => {
    const collection = collectionOf(place, namespace)
    const options = { ...inSession(place), ...evaluationOf(query) }
    const filter = filterOf(query)
    const { deletedCount } = many
      ? await collection.deleteMany(filter, options)
      : await collection.deleteOne(filter, options)
    return countOf(deletedCount)
  },
  FindOneAnd: findOneAnd
}

/** Executes an operation; rejects with whatever error there is. */
export const execute = <K extends Kind>(place: Place, operation: Operation<K>): Promise<Answer<K>> =>
  handlers[operation._tag](place, operation)
