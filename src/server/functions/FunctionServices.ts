/**
 * `context.services` of a function of an exported application: MongoDB's collections as such functions use them, with
 * cursors that may be awaited or returned as they are. It runs in the thread of the functions; the database is a port.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Change, Database, Document, Find, Namespace } from "../data/Database.ts"
import * as FunctionRealm from "./FunctionRealm.ts"
import type { DatabaseMethod } from "./internal/messages.ts"
import { isDocument } from "../data/internal/bson.ts"

/**
 * The database as functions reach it: each method asks the server, and answers with a promise of the realm whose value
 * is the realm's too.
 *
 * @category models
 * @since 0.1.0
 */
export type DatabasePort = {
  readonly [Method in DatabaseMethod]: (
    ...args: Parameters<Database["Service"][Method]>
  ) => PromiseLike<Effect.Success<ReturnType<Database["Service"][Method]>>>
}

/**
 * What the collections that functions see are built on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly realm: FunctionRealm.FunctionRealm
  readonly database: DatabasePort
}

/** The names that options of a query go by; anything else in their place is a projection. */
const optionNames = new Set(["projection", "sort", "limit", "skip"])

const isOptions = (document: Document): boolean => {
  const entries = Object.entries(document)
  return (
    entries.every(([key]) => optionNames.has(key)) &&
    // `{ limit: 1 }` alone is a projection
    entries.some(([key, value]) => (key === "limit" || key === "skip" ? Number(value) > 1 : isDocument(value)))
  )
}

type Query = { -readonly [Name in keyof Find]: Find[Name] }

/** The arguments of `find` and `findOne`: a filter, then a projection, options, or both. */
const queryOf = (host: Host, name: string, args: ReadonlyArray<unknown>): Query => {
  const [filter, second, third] = args
  const query: Query = { filter: documentOf(host, filter ?? {}, "a filter") }
  if (second !== undefined && second !== null) {
    const document = documentOf(host, second, "a projection")
    if (third === undefined && isOptions(document)) Object.assign(query, document)
    else query.projection = document
  }
  if (third !== undefined && third !== null) Object.assign(query, options(host, name, third, [...optionNames]))
  return query
}

const documentOf = (host: Host, value: unknown, what: string): Document => {
  if (isDocument(value)) return value
  throw host.realm.error(`${what} must be a document`)
}

const documentsOf = (host: Host, value: unknown, what: string): ReadonlyArray<Document> => {
  if (Array.isArray(value) && value.every(isDocument)) return value
  throw host.realm.error(`${what} must be an array of documents`)
}

/** Options by name; one that is not supported must not seem to work. */
const options = (host: Host, name: string, value: unknown, known: ReadonlyArray<string>): Document => {
  if (value === undefined || value === null) return {}
  const given = documentOf(host, value, "options")
  const unknown = Object.keys(given).find((key) => given[key] !== undefined && !known.includes(key))
  if (unknown === undefined) return given
  throw host.realm.error(`the option "${unknown}" of ${name} is not supported by this server`)
}

const updateOf = (host: Host, update: unknown, given: Document): Change => ({
  _tag: "Update",
  update: Array.isArray(update) ? documentsOf(host, update, "a pipeline") : documentOf(host, update, "an update"),
  arrayFilters:
    given["arrayFilters"] === undefined ? undefined : documentsOf(host, given["arrayFilters"], "arrayFilters")
})

/** A result that is fetched when it is asked for: by `toArray`, by `next`, by `for await`, or by awaiting it. */
const cursor = (host: Host, name: string, fetch: () => PromiseLike<unknown>, more: object = {}): object => {
  let fetched: PromiseLike<ReadonlyArray<unknown>> | undefined
  let position = 0
  const all = () => (fetched ??= fetch().then((found) => (Array.isArray(found) ? found : [])))
  const next = () => all().then((found) => (position < found.length ? found[position++] : null))
  const self: object = FunctionRealm.unsupported(name, host.realm.error, {
    ...more,
    toArray: fetch,
    next,
    hasNext: () => all().then((found) => position < found.length),
    forEach: (each: (document: unknown) => void) => all().then((found) => found.forEach((it) => each(it))),
    // oxlint-disable-next-line unicorn/no-thenable -- functions await a cursor, or return it, in place of its documents
    then: (resolve: (value: unknown) => unknown, reject: (error: unknown) => unknown) => fetch().then(resolve, reject),
    [Symbol.asyncIterator]: () => ({
      next: () =>
        all().then((found) =>
          position < found.length ? { done: false, value: found[position++] } : { done: true, value: undefined }
        )
    })
  })
  return self
}

const findCursor = (host: Host, namespace: Namespace, query: Query): object => {
  const change = (key: "sort" | "limit" | "skip" | "projection") => (value: unknown) =>
    findCursor(host, namespace, { ...query, [key]: value })
  return cursor(host, "cursor", () => host.database.find(namespace, query), {
    sort: change("sort"),
    limit: change("limit"),
    skip: change("skip"),
    project: change("projection"),
    projection: change("projection"),
    count: () => host.database.count(namespace, query)
  })
}

const bulkNames = ["insertOne", "updateOne", "updateMany", "replaceOne", "deleteOne", "deleteMany"]

/* oxlint-disable eslint/no-await-in-loop -- each write sees what those before it did */
const bulkWrite = async (host: Host, namespace: Namespace, writes: ReadonlyArray<Document>) => {
  const { database } = host
  const result = { insertedCount: 0, matchedCount: 0, modifiedCount: 0, deletedCount: 0, upsertedCount: 0 }
  const insertedIds: Document = {}
  const upsertedIds: Document = {}
  for (const [i, write] of writes.entries()) {
    const name = bulkNames.find((name) => name in write)
    const given = write[name ?? ""]
    if (name === undefined || !isDocument(given)) {
      throw host.realm.error(`bulkWrite supports ${bulkNames.join(", ")}`)
    }
    const filter = documentOf(host, given["filter"] ?? {}, "a filter")
    if (name === "insertOne") {
      const [id] = await database.insert(namespace, [documentOf(host, given["document"], "document")])
      insertedIds[i] = id
      result.insertedCount++
    } else if (name === "deleteOne" || name === "deleteMany") {
      result.deletedCount += await database.delete(namespace, { filter, many: name === "deleteMany" })
    } else {
      const change: Change =
        name === "replaceOne"
          ? { _tag: "Replace", document: documentOf(host, given["replacement"], "replacement") }
          : updateOf(host, given["update"], given)
      const upsert = given["upsert"] === true
      const updated = await database.update(namespace, { filter, change, many: name === "updateMany", upsert })
      result.matchedCount += updated.matchedCount
      result.modifiedCount += updated.modifiedCount
      if ("upsertedId" in updated) {
        upsertedIds[i] = updated.upsertedId
        result.upsertedCount++
      }
    }
  }
  return { ...result, insertedIds, upsertedIds }
}
/* oxlint-enable eslint/no-await-in-loop */

const collection = (host: Host, namespace: Namespace): object => {
  const { database, realm } = host
  const filterOf = (value: unknown) => documentOf(host, value ?? {}, "a filter")
  const answer = <A>(promise: PromiseLike<A>, result: (value: A) => object) =>
    promise.then((value) => realm.copyIn(result(value)))
  const update = (name: string, many: boolean) => (filter: unknown, change: unknown, settings?: unknown) => {
    const given = options(host, name, settings, ["upsert", "arrayFilters"])
    return database.update(namespace, {
      filter: filterOf(filter),
      change: updateOf(host, change, given),
      many,
      upsert: given["upsert"] === true
    })
  }
  const remove = (many: boolean) => (filter: unknown) =>
    answer(database.delete(namespace, { filter: filterOf(filter), many }), (deletedCount) => ({ deletedCount }))
  const findOneAnd =
    (name: string, change: (value: unknown, given: Document) => Change | { _tag: "Delete" }) =>
    (filter: unknown, value: unknown, settings: unknown) => {
      const known = ["upsert", "arrayFilters", "projection", "sort", "returnNewDocument", "new", "returnDocument"]
      const given = options(host, name, settings, known)
      const part = (key: string) => (given[key] === undefined ? undefined : documentOf(host, given[key], key))
      return database
        .findOneAnd(namespace, {
          filter: filterOf(filter),
          change: change(value, given),
          projection: part("projection"),
          sort: part("sort"),
          upsert: given["upsert"] === true,
          returnNew: given["returnNewDocument"] === true || given["new"] === true || given["returnDocument"] === "after"
        })
        .then((found) => found ?? null)
    }
  const findOneAndDelete = findOneAnd("findOneAndDelete", () => ({ _tag: "Delete" }))
  const count = (filter?: unknown, settings?: unknown) => {
    const { limit, skip } = options(host, "count", settings, ["limit", "skip"])
    const whole = (value: unknown) => (value === undefined ? undefined : Number(value))
    return database.count(namespace, { filter: filterOf(filter), limit: whole(limit), skip: whole(skip) })
  }
  return FunctionRealm.unsupported("collection", realm.error, {
    find: (...args: ReadonlyArray<unknown>) => findCursor(host, namespace, queryOf(host, "find", args)),
    findOne: (...args: ReadonlyArray<unknown>) =>
      database.find(namespace, { ...queryOf(host, "findOne", args), limit: 1 }).then(([found]) => found ?? null),
    findOneAndUpdate: findOneAnd("findOneAndUpdate", (change, given) => updateOf(host, change, given)),
    findOneAndReplace: findOneAnd("findOneAndReplace", (document) => ({
      _tag: "Replace",
      document: documentOf(host, document, "a replacement")
    })),
    findOneAndDelete: (filter: unknown, settings: unknown) => findOneAndDelete(filter, undefined, settings),
    aggregate: (pipeline: unknown) => {
      const stages = documentsOf(host, pipeline, "a pipeline")
      return cursor(host, "cursor", () => database.aggregate(namespace, stages))
    },
    count,
    countDocuments: count,
    distinct: (field: unknown, filter?: unknown) => database.distinct(namespace, String(field), filterOf(filter)),
    insertOne: (document: unknown) =>
      answer(database.insert(namespace, [documentOf(host, document, "a document")]), ([insertedId]) => ({
        insertedId
      })),
    insertMany: (documents: unknown) =>
      answer(database.insert(namespace, documentsOf(host, documents, "documents")), (insertedIds) => ({ insertedIds })),
    updateOne: update("updateOne", false),
    updateMany: update("updateMany", true),
    replaceOne: (filter: unknown, document: unknown, settings: unknown) => {
      const { upsert } = options(host, "replaceOne", settings, ["upsert"])
      return database.update(namespace, {
        filter: filterOf(filter),
        change: { _tag: "Replace", document: documentOf(host, document, "a replacement") },
        upsert: upsert === true
      })
    },
    deleteOne: remove(false),
    deleteMany: remove(true),
    bulkWrite: (writes: unknown, settings: unknown) => {
      options(host, "bulkWrite", settings, ["ordered"])
      const result = bulkWrite(host, namespace, documentsOf(host, writes, "bulkWrite"))
      return answer(
        realm.promise<object>((resolve, reject) => result.then(resolve, reject)),
        (value) => value
      )
    }
  })
}

/**
 * The object that functions find at `context.services`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (host: Host, appId: string): { readonly get: (service: string) => object } => ({
  get: (service: string) =>
    FunctionRealm.unsupported(`services.get("${service}")`, host.realm.error, {
      db: (database: string) =>
        FunctionRealm.unsupported("db", host.realm.error, {
          collection: (name: string) => collection(host, { appId, service, database, collection: name })
        })
    })
})
