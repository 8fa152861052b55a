/**
 * `context.services` of exported functions: MongoDB collections with cursors that can be returned, and client
 * sessions whose transactions end with the call at the latest. It runs in the process of the functions; the
 * database is a port.
 */
import type * as Effect from "effect/Effect"
import type { Change, Database, Document, Evaluation, Find, Namespace, Operations } from "../../data/Database.ts"
import type { BulkResult, Write } from "../shared/bulkWrites.ts"
import * as ClientSessions from "./ClientSessions.ts"
import { cursor } from "./cursors.ts"
import { isDocument } from "../../data/internal/bson.ts"
import * as Changes from "../../data/internal/changes.ts"

/** The operations of the server as promises. */
type Asked<A> = A extends (...args: infer Args) => Effect.Effect<infer B, unknown>
  ? (...args: Args) => PromiseLike<B>
  : never

/** Operations on documents, inside or outside of a transaction; each is a host call. */
export type OperationsPort = { readonly [Name in keyof Operations]: Asked<Operations[Name]> } & {
  readonly bulkWrite: (namespace: Namespace, writes: ReadonlyArray<Write>, ordered: boolean) => PromiseLike<BulkResult>
}

/** The database as functions use it. */
export interface DatabasePort {
  readonly operations: (transactionId: string | undefined) => OperationsPort
  readonly commit: (transactionId: string) => PromiseLike<void>
  readonly abort: (transactionId: string) => PromiseLike<void>
  readonly collections: Asked<Database["Service"]["collections"]>
  /** Names, for the members that are not asynchronous: the process waits for the server. */
  readonly namesNow: (
    method: "collections" | "databases",
    given: Omit<Namespace, "database" | "collection"> & { readonly database?: string }
  ) => unknown
}

/** The dependencies of collections. */
export interface Host {
  readonly database: DatabasePort
}

interface Call extends Host {
  readonly sessions: ClientSessions.ClientSessions
}

/** The operations in the transaction of the `session` option, or outside of transactions. */
const operationsOf = ({ database, sessions }: Call, { session }: { readonly session?: unknown }): OperationsPort =>
  database.operations(sessions.transactionOf(session))

/** The option names of a query; an object with other keys is a projection. */
const optionNames = new Set(["projection", "sort", "limit", "skip", "session", "collation", "let"])

const queryOptions = ["projection", "sort", "limit", "skip", "session", "collation", "let"]

const isOptions = (document: Document): boolean => {
  const entries = Object.entries(document)
  return (
    entries.every(([key]) => optionNames.has(key)) &&
    // `{ limit: 1 }` alone is a projection
    entries.some(([key, value]) => (key === "limit" || key === "skip" ? Number(value) > 1 : isDocument(value)))
  )
}

type Query = { -readonly [Name in keyof Find]: Find[Name] } & { session?: unknown }

/** The arguments of `find` and `findOne`: a filter, then a projection, options, or both. */
const queryOf = (name: string, args: ReadonlyArray<unknown>): Query => {
  const [filter, second, third] = args
  const query: Query = { filter: documentOf(filter ?? {}, "a filter") }
  if (second !== undefined && second !== null) {
    const document = documentOf(second, "a projection")
    if (third === undefined && isOptions(document)) Object.assign(query, options(name, document, queryOptions))
    else query.projection = document
  }
  if (third !== undefined && third !== null) Object.assign(query, options(name, third, queryOptions))
  return query
}

const documentOf = (value: unknown, what: string): Document => {
  if (isDocument(value)) return value
  throw new Error(`${what} must be a document`)
}

const documentsOf = (value: unknown, what: string): ReadonlyArray<Document> => {
  if (Array.isArray(value) && value.every(isDocument)) return value
  throw new Error(`${what} must be an array of documents`)
}

/** Options that would change the result, and are refused where an operation does not have them. */
const unsupported = new Set(["collation", "let"])

/** How an operation compares and computes. */
const evaluationOf = (given: Document): Evaluation => {
  const part = (name: string) => (given[name] === undefined ? undefined : documentOf(given[name], name))
  const collation = part("collation")
  const variables = part("let")
  return { ...(collation && { collation }), ...(variables && { let: variables }) }
}

/** Reads options. As in the original service, options that an operation does not have are ignored. */
const options = (name: string, value: unknown, known: ReadonlyArray<string>): Document => {
  if (value === undefined || value === null) return {}
  const given = documentOf(value, "options")
  const isGiven = (key: string) => given[key] !== undefined
  const refused = Object.keys(given).find((key) => unsupported.has(key) && !known.includes(key) && isGiven(key))
  if (refused !== undefined) throw new Error(`the option "${refused}" of ${name} is not supported by this server`)
  return Object.fromEntries(known.filter(isGiven).map((key) => [key, given[key]]))
}

const updateOf = (given: unknown, { arrayFilters }: Document, many = false): Change => {
  const update = Array.isArray(given) ? documentsOf(given, "a pipeline") : documentOf(given, "an update")
  return {
    _tag: "Update",
    update: many ? Changes.ofMany(update) : update,
    arrayFilters: arrayFilters === undefined ? undefined : documentsOf(arrayFilters, "arrayFilters")
  }
}

/** Removes the session, which cannot be sent to the server. */
const withoutSession = ({ session: _, ...find }: Query): Find => find

const findCursor = (host: Call, namespace: Namespace, query: Query): object => {
  const change = (key: "sort" | "limit" | "skip" | "projection") => (value: unknown) =>
    findCursor(host, namespace, { ...query, [key]: value })
  const find = withoutSession(query)
  return cursor(() => operationsOf(host, query).find(namespace, find), {
    sort: change("sort"),
    limit: change("limit"),
    skip: change("skip"),
    project: change("projection"),
    projection: change("projection"),
    count: () => operationsOf(host, query).count(namespace, find)
  })
}

const bulkNames = ["insertOne", "updateOne", "updateMany", "replaceOne", "deleteOne", "deleteMany"]

const writeOf = (write: Document, variables: Document | undefined): Write => {
  const name = bulkNames.find((name) => name in write)
  const given = write[name ?? ""]
  if (name === undefined || !isDocument(given)) throw new Error(`bulkWrite supports ${bulkNames.join(", ")}`)
  const known =
    name === "insertOne" ? ["document"] : ["filter", "update", "replacement", "upsert", "arrayFilters", "collation"]
  const taken = options(name, given, known)
  const { document, filter = {}, replacement, update, upsert } = taken
  const evaluation = { ...evaluationOf(taken), ...(variables && { let: variables }) }
  if (name === "insertOne") return { _tag: "Insert", document: documentOf(document, "document") }
  const many = name.endsWith("Many")
  const wanted = documentOf(filter, "a filter")
  if (name.startsWith("delete")) return { ...evaluation, _tag: "Delete", filter: wanted, many }
  const change: Change =
    name === "replaceOne"
      ? { _tag: "Replace", document: documentOf(replacement, "replacement") }
      : updateOf(update, given, many)
  return { ...evaluation, _tag: "Update", filter: wanted, change, many, upsert: upsert === true }
}

/** The result of `initializeOrderedBulkOp` and `initializeUnorderedBulkOp`: collects writes until they are executed. */
const bulkOperation = (host: Call, namespace: Namespace, ordered: boolean): object => {
  const writes: Array<Write> = []
  const find = (filter: unknown, upsert: boolean, arrayFilters: unknown): object => {
    const wanted = documentOf(filter, "a filter")
    const add = (write: Write): object => {
      writes.push(write)
      return self
    }
    const update = (many: boolean) => (change: unknown) =>
      add({ _tag: "Update", filter: wanted, change: updateOf(change, { arrayFilters }, many), many, upsert })
    const remove = (many: boolean) => () => add({ _tag: "Delete", filter: wanted, many })
    return {
      upsert: () => find(filter, true, arrayFilters),
      arrayFilters: (filters: unknown) => find(filter, upsert, filters),
      update: update(true),
      updateOne: update(false),
      replaceOne: (document: unknown) =>
        add({
          _tag: "Update",
          filter: wanted,
          change: { _tag: "Replace", document: documentOf(document, "a replacement") },
          many: false,
          upsert
        }),
      delete: remove(true),
      remove: remove(true),
      deleteOne: remove(false),
      removeOne: remove(false)
    }
  }
  const self: object = {
    insert: (document: unknown) => {
      writes.push({ _tag: "Insert", document: documentOf(document, "a document") })
      return self
    },
    find: (filter: unknown) => find(filter, false, undefined),
    execute: (settings: unknown) =>
      operationsOf(host, options("execute", settings, ["session"])).bulkWrite(namespace, writes.splice(0), ordered)
  }
  return self
}

const findOneAndOptions = [
  "upsert",
  "arrayFilters",
  "projection",
  "sort",
  "session",
  "returnNewDocument",
  "new",
  "returnDocument",
  "collation",
  "let"
]

const collection = (host: Call, namespace: Namespace): object => {
  const answer = <A>(promise: PromiseLike<A>, result: (value: A) => object) => promise.then(result)
  const filterOf = (value: unknown) => documentOf(value ?? {}, "a filter")
  const updating = (
    filter: unknown,
    given: Document,
    change: Change,
    { many, upsert }: { readonly many: boolean; readonly upsert: unknown }
  ) =>
    operationsOf(host, given).update(namespace, {
      ...evaluationOf(given),
      filter: filterOf(filter),
      change,
      many,
      upsert: upsert === true
    })
  const update = (name: string, many: boolean) => (filter: unknown, change: unknown, settings?: unknown) => {
    const given = options(name, settings, ["upsert", "arrayFilters", "session", "collation", "let"])
    return updating(filter, given, updateOf(change, given, many), { many, upsert: given["upsert"] })
  }
  const remove = (name: string, many: boolean) => (filter: unknown, settings?: unknown) => {
    const given = options(name, settings, ["session", "collation", "let"])
    const deletion = { ...evaluationOf(given), filter: filterOf(filter), many }
    return answer(operationsOf(host, given).delete(namespace, deletion), (deletedCount) => ({ deletedCount }))
  }
  const findOneAnd =
    (name: string, change: (value: unknown, given: Document) => Change | { _tag: "Delete" }) =>
    (filter: unknown, value: unknown, settings: unknown) => {
      const given = options(name, settings, findOneAndOptions)
      const part = (key: string) => (given[key] === undefined ? undefined : documentOf(given[key], key))
      const returnNew =
        given["returnNewDocument"] === true || given["new"] === true || given["returnDocument"] === "after"
      return operationsOf(host, given)
        .findOneAnd(namespace, {
          ...evaluationOf(given),
          filter: filterOf(filter),
          change: change(value, given),
          projection: part("projection"),
          sort: part("sort"),
          upsert: given["upsert"] === true,
          returnNew
        })
        .then((found) => found ?? null)
    }
  const findOneAndDelete = findOneAnd("findOneAndDelete", () => ({ _tag: "Delete" }))
  const count = (filter?: unknown, settings?: unknown) => {
    const given = options("count", settings, ["limit", "skip", "session", "collation"])
    const whole = (value: unknown) => (value === undefined ? undefined : Number(value))
    const { limit, skip } = given
    return operationsOf(host, given).count(namespace, {
      ...evaluationOf(given),
      filter: filterOf(filter),
      limit: whole(limit),
      skip: whole(skip)
    })
  }
  return {
    find: (...args: ReadonlyArray<unknown>) => findCursor(host, namespace, queryOf("find", args)),
    findOne: (...args: ReadonlyArray<unknown>) => {
      const query = queryOf("findOne", args)
      return operationsOf(host, query)
        .find(namespace, { ...withoutSession(query), limit: 1 })
        .then(([found]) => found ?? null)
    },
    findOneAndUpdate: findOneAnd("findOneAndUpdate", (change, given) => updateOf(change, given)),
    findOneAndReplace: findOneAnd("findOneAndReplace", (document) => ({
      _tag: "Replace",
      document: documentOf(document, "a replacement")
    })),
    findOneAndDelete: (filter: unknown, settings: unknown) => findOneAndDelete(filter, undefined, settings),
    aggregate: (pipeline: unknown, settings: unknown) => {
      const stages = documentsOf(pipeline, "a pipeline")
      const given = options("aggregate", settings, ["session", "allowDiskUse", "collation", "let"])
      return cursor(() => operationsOf(host, given).aggregate(namespace, stages, evaluationOf(given)))
    },
    count,
    countDocuments: count,
    distinct: (field: unknown, filter?: unknown, settings?: unknown) => {
      const given = options("distinct", settings, ["session", "collation"])
      const evaluation = evaluationOf(given)
      return operationsOf(host, given).distinct(namespace, String(field), filterOf(filter), evaluation)
    },
    insertOne: (document: unknown, settings?: unknown) =>
      answer(
        operationsOf(host, options("insertOne", settings, ["session"])).insert(namespace, [
          documentOf(document, "a document")
        ]),
        ([insertedId]) => ({ insertedId })
      ),
    insertMany: (input: unknown, settings?: unknown) => {
      const given = options("insertMany", settings, ["ordered", "session"])
      const documents = documentsOf(input, "documents")
      const operations = operationsOf(host, given)
      if (given["ordered"] !== false) {
        return answer(operations.insert(namespace, documents), (insertedIds) => ({ insertedIds }))
      }
      const writes = documents.map((document): Write => ({ _tag: "Insert", document }))
      return answer(operations.bulkWrite(namespace, writes, false), ({ insertedIds }) => ({
        insertedIds: Object.values(insertedIds)
      }))
    },
    updateOne: update("updateOne", false),
    updateMany: update("updateMany", true),
    update: (filter: unknown, change: unknown, settings: unknown) => {
      const given = options("update", settings, ["upsert", "multi", "arrayFilters", "session", "collation", "let"])
      const many = given["multi"] === true
      return updating(filter, given, updateOf(change, given, many), { many, upsert: given["upsert"] })
    },
    replaceOne: (filter: unknown, document: unknown, settings: unknown) => {
      const given = options("replaceOne", settings, ["upsert", "session", "collation", "let"])
      const change: Change = { _tag: "Replace", document: documentOf(document, "a replacement") }
      return updating(filter, given, change, { many: false, upsert: given["upsert"] })
    },
    deleteOne: remove("deleteOne", false),
    deleteMany: remove("deleteMany", true),
    bulkWrite: (input: unknown, settings: unknown) => {
      const given = options("bulkWrite", settings, ["ordered", "session", "let"])
      const { let: variables } = evaluationOf(given)
      const writes = documentsOf(input, "bulkWrite").map((write) => writeOf(write, variables))
      return operationsOf(host, given).bulkWrite(namespace, writes, given["ordered"] !== false)
    },
    initializeOrderedBulkOp: () => bulkOperation(host, namespace, true),
    initializeUnorderedBulkOp: () => bulkOperation(host, namespace, false)
  }
}

/** The object `context.services`. */
export const make = (given: Host, appId: string): { readonly get: (service: string) => object } => {
  const host: Call = { ...given, sessions: ClientSessions.make(given) }
  const database = (service: string, database: string): object => {
    const names = () => host.database.collections({ appId, service, database })
    return {
      collection: (name: string) => collection(host, { appId, service, database, collection: name }),
      getCollectionNames: () => host.database.namesNow("collections", { appId, service, database }),
      listCollections: () => cursor(() => names().then((all) => all.map((name) => ({ name, type: "collection" }))))
    }
  }
  return {
    get: (service: string) => ({
      db: (name: string) => database(service, name),
      admin: () => ({ getDBNames: () => host.database.namesNow("databases", { appId, service }) }),
      startSession: host.sessions.start
    })
  }
}
