/** The MongoDB service as clients call it: with one document of arguments, for one typed result. */
import { Long } from "bson"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ErrorCode } from "../../protocol/ErrorCode.ts"
import { BadRequest, body, NotFound, ServiceUnavailable, unavailable } from "../model/ApiErrors.ts"
import type { App } from "../model/App.ts"
import type { Database, Document, Namespace } from "../data/Database.ts"
import {
  DatabaseError,
  forbiddenCode,
  invalidDocumentCode,
  isUnavailable,
  unavailableCode
} from "../data/DatabaseError.ts"
import { isDocument } from "../data/internal/bson.ts"
import * as Changes from "../data/internal/changes.ts"
import { compact } from "../data/internal/compactEvents.ts"

/** The most documents in the result of a query. */
const most = 50_000

/** The errors of a call. */
type CallError = BadRequest | NotFound | ServiceUnavailable

const invalid = (message: string) => new BadRequest(body(message, "InvalidParameter"))

/** MongoDB's code for an exceeded time limit. */
const timeLimitCode = 50

/** The `error_code` for an error of the database. */
export const errorCode = (code: number | undefined): ErrorCode => {
  if (code === forbiddenCode) return "NoMatchingRuleFound"
  if (code === invalidDocumentCode) return "SchemaValidationFailedWrite"
  if (code === unavailableCode) return unavailable.error_code
  return code === timeLimitCode ? "ExecutionTimeLimitExceeded" : "MongoDBError"
}

const failed = (error: DatabaseError) =>
  isUnavailable(error)
    ? new ServiceUnavailable(unavailable)
    : new BadRequest(body(error.message, errorCode(error.code)))

/** The arguments that every operation accepts: the collection, and the name of its schema, which Kotlin sends. */
const everywhere = new Set(["database", "collection", "schema_name"])

/** The document of arguments, whose fields are read with a check of their type. */
class Arguments {
  readonly #values: Document

  constructor(values: Document) {
    this.#values = values
  }

  /** Rejects unknown arguments: a misspelled filter must not count as an empty one. */
  only(operation: string, known: ReadonlyArray<string>): Effect.Effect<void, BadRequest> {
    const unknown = Object.keys(this.#values).find((key) => !known.includes(key) && !everywhere.has(key))
    if (unknown === undefined) return Effect.void
    const names = known.map((name) => `'${name}'`).join(", ")
    return Effect.fail(invalid(`unknown argument '${unknown}' of ${operation}: it takes ${names}`))
  }

  lacks(key: string): boolean {
    return !Object.hasOwn(this.#values, key)
  }

  #read<A>(
    key: string,
    what: string,
    read: (value: unknown) => A | undefined
  ): Effect.Effect<A | undefined, BadRequest> {
    const given = this.#values[key]
    if (given === undefined || given === null) return Effect.undefined
    const value = read(given)
    return value === undefined ? Effect.fail(invalid(`'${key}' must be ${what}`)) : Effect.succeed(value)
  }

  document(key: string): Effect.Effect<Document | undefined, BadRequest> {
    return this.#read(key, "a document", (value) => (isDocument(value) ? value : undefined))
  }

  /** The filter of a change. A missing one matches every document, which .NET relies on; null may be a mistake. */
  target(key: string): Effect.Effect<Document, BadRequest> {
    const value = Object.hasOwn(this.#values, key) ? this.#values[key] : {}
    return isDocument(value) ? Effect.succeed(value) : Effect.fail(invalid(`'${key}' must be a document`))
  }

  documents(key: string): Effect.Effect<ReadonlyArray<Document> | undefined, BadRequest> {
    return this.#read(key, "an array of documents", (value) =>
      Array.isArray(value) && value.every(isDocument) ? value : undefined
    )
  }

  list(key: string): Effect.Effect<ReadonlyArray<unknown> | undefined, BadRequest> {
    return this.#read(key, "an array", (value) => (Array.isArray(value) ? value : undefined))
  }

  text(key: string): Effect.Effect<string | undefined, BadRequest> {
    return this.#read(key, "a string", (value) => (typeof value === "string" ? value : undefined))
  }

  number(key: string): Effect.Effect<number | undefined, BadRequest> {
    return this.#read(key, "a whole number", (value) => {
      const number = typeof value === "number" ? value : Number(String(value))
      return Number.isSafeInteger(number) && number >= 0 ? number : undefined
    })
  }

  flag(key: string): Effect.Effect<boolean | undefined, BadRequest> {
    return this.#read(key, "true or false", (value) => (typeof value === "boolean" ? value : undefined))
  }

  /** An update document, or a pipeline. */
  update(key: string): Effect.Effect<Document | ReadonlyArray<Document>, BadRequest> {
    const value = this.#values[key]
    if (isDocument(value)) return Effect.succeed(value)
    if (Array.isArray(value) && value.every(isDocument)) return Effect.succeed(value)
    return Effect.fail(invalid(`'${key}' must be a document, or an array of documents`))
  }
}

/** Fails if an argument is missing. */
const required = <A>(key: string, value: A | undefined): Effect.Effect<A, BadRequest> =>
  value === undefined
    ? Effect.fail(new BadRequest(body(`'${key}' is required`, "MissingParameter")))
    : Effect.succeed(value)

/** The arguments of a call, and the collection that they name. */
const open = Effect.fnUntraced(function* (app: App, service: string, args: ReadonlyArray<unknown>) {
  if (!app.dataSources.has(service)) {
    return yield* new NotFound(body(`service not found: '${service}'`, "ServiceNotFound"))
  }
  const first = args[0]
  if (!isDocument(first) || args.length > 1) {
    return yield* invalid("expected one document as the argument of a MongoDB service function")
  }
  const given = new Arguments(first)
  const database = yield* Effect.flatMap(given.text("database"), (it) => required("database", it))
  const collection = yield* Effect.flatMap(given.text("collection"), (it) => required("collection", it))
  const namespace: Namespace = { appId: app.id, service, database, collection }
  return { given, namespace }
})

interface Operation {
  /** The names of its arguments, as the official clients send them. */
  readonly takes: ReadonlyArray<string>
  readonly run: (
    database: Database["Service"],
    namespace: Namespace,
    given: Arguments
  ) => Effect.Effect<unknown, BadRequest | DatabaseError>
}

const find: Operation = {
  takes: ["query", "project", "sort", "limit", "skip"],
  run: Effect.fnUntraced(function* (database, namespace, given) {
    const limit = (yield* given.number("limit")) ?? 0
    return yield* database.find(namespace, {
      filter: (yield* given.document("query")) ?? {},
      projection: yield* given.document("project"),
      sort: yield* given.document("sort"),
      skip: yield* given.number("skip"),
      limit: limit === 0 ? most : Math.min(limit, most)
    })
  })
}

const findOne: Operation = {
  // some clients send a limit, which is always one here
  takes: ["query", "project", "sort", "limit"],
  run: Effect.fnUntraced(function* (database, namespace, given) {
    const found = yield* database.find(namespace, {
      filter: (yield* given.document("query")) ?? {},
      projection: yield* given.document("project"),
      sort: yield* given.document("sort"),
      limit: 1
    })
    return found[0] ?? null
  })
}

const findOneAnd = (kind: "Update" | "Replace" | "Delete"): Operation => ({
  takes: [
    "filter",
    ...(kind === "Delete" ? [] : ["update"]),
    "sort",
    "projection",
    "upsert",
    "returnNewDocument",
    ...(kind === "Update" ? ["arrayFilters"] : [])
  ],
  run: Effect.fnUntraced(function* (database, namespace, given) {
    // realm-web sends findOneAndDelete as a replacement without a document
    const deletes = kind === "Delete" || (kind === "Replace" && given.lacks("update"))
    const found = yield* database.findOneAnd(namespace, {
      filter: yield* given.target("filter"),
      change: deletes
        ? { _tag: "Delete" }
        : kind === "Replace"
          ? {
              _tag: "Replace",
              document: yield* Effect.flatMap(given.document("update"), (it) => required("update", it))
            }
          : {
              _tag: "Update",
              update: yield* given.update("update"),
              arrayFilters: yield* given.documents("arrayFilters")
            },
      projection: yield* given.document("projection"),
      sort: yield* given.document("sort"),
      upsert: yield* given.flag("upsert"),
      returnNew: yield* given.flag("returnNewDocument")
    })
    return found ?? null
  })
})

const update = (many: boolean): Operation => ({
  takes: ["query", "update", "upsert", "arrayFilters"],
  run: Effect.fnUntraced(function* (database, namespace, given) {
    const update = yield* given.update("update")
    return yield* database.update(namespace, {
      filter: yield* given.target("query"),
      change: {
        _tag: "Update",
        update: many ? Changes.ofMany(update) : update,
        arrayFilters: yield* given.documents("arrayFilters")
      },
      many,
      upsert: yield* given.flag("upsert")
    })
  })
})

const remove = (many: boolean): Operation => ({
  takes: ["query"],
  run: Effect.fnUntraced(function* (database, namespace, given) {
    return { deletedCount: yield* database.delete(namespace, { filter: yield* given.target("query"), many }) }
  })
})

const operations: Readonly<Record<string, Operation>> = {
  find,
  findOne,
  findOneAndUpdate: findOneAnd("Update"),
  findOneAndReplace: findOneAnd("Replace"),
  findOneAndDelete: findOneAnd("Delete"),
  updateOne: update(false),
  updateMany: update(true),
  deleteOne: remove(false),
  deleteMany: remove(true),
  insertOne: {
    takes: ["document"],
    run: Effect.fnUntraced(function* (database, namespace, given) {
      const document = yield* Effect.flatMap(given.document("document"), (it) => required("document", it))
      return { insertedId: (yield* database.insert(namespace, [document]))[0] }
    })
  },
  insertMany: {
    takes: ["documents"],
    run: Effect.fnUntraced(function* (database, namespace, given) {
      const documents = yield* Effect.flatMap(given.documents("documents"), (it) => required("documents", it))
      if (documents.length === 0) return yield* new DatabaseError({ message: "must provide at least one element" })
      return { insertedIds: yield* database.insert(namespace, documents) }
    })
  },
  aggregate: {
    takes: ["pipeline"],
    run: Effect.fnUntraced(function* (database, namespace, given) {
      const pipeline = yield* Effect.flatMap(given.documents("pipeline"), (it) => required("pipeline", it))
      return (yield* database.aggregate(namespace, pipeline)).slice(0, most)
    })
  },
  count: {
    takes: ["query", "limit"],
    run: Effect.fnUntraced(function* (database, namespace, given) {
      const filter = (yield* given.document("query")) ?? {}
      return Long.fromNumber(yield* database.count(namespace, { filter, limit: yield* given.number("limit") }))
    })
  },
  distinct: {
    takes: ["field", "query"],
    run: Effect.fnUntraced(function* (database, namespace, given) {
      const field = yield* Effect.flatMap(given.text("field"), (it) => required("field", it))
      return yield* database.distinct(namespace, field, (yield* given.document("query")) ?? {})
    })
  }
}

/** Runs an operation on the caller's database. Counts have the types that clients demand: 32 bits, and 64 bits for `count`. */
export const call = Effect.fn("MongoService.call")(function* (
  database: Database["Service"],
  app: App,
  service: string,
  name: string,
  args: ReadonlyArray<unknown>
): Effect.fn.Return<unknown, CallError> {
  const { given, namespace } = yield* open(app, service, args)
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined
  if (operation === undefined) {
    return yield* new NotFound(body(`unknown command '${name}' of the service '${service}'`, "ServiceCommandNotFound"))
  }
  yield* given.only(name, operation.takes)
  return yield* Effect.catchTag(operation.run(database, namespace, given), "DatabaseError", (error) =>
    Effect.fail(failed(error))
  )
})

/**
 * Opens a change stream on the caller's database. With `useCompactEvents` events have the compact form of Stitch; a filter
 * always matches the ordinary form.
 */
export const watch = Effect.fn("MongoService.watch")(function* (
  database: Database["Service"],
  app: App,
  service: string,
  name: string,
  args: ReadonlyArray<unknown>
): Effect.fn.Return<Stream.Stream<Document, DatabaseError>, CallError> {
  const { given, namespace } = yield* open(app, service, args)
  if (name !== "watch") {
    return yield* new NotFound(body(`unknown command '${name}' of the service '${service}'`, "ServiceCommandNotFound"))
  }
  yield* given.only(name, ["ids", "filter", "useCompactEvents", "resumeAfter", "startAfter"])
  const ids = yield* given.list("ids")
  const filter = yield* given.document("filter")
  if (ids !== undefined && filter !== undefined) return yield* invalid("'ids' and 'filter' cannot be given together")
  const isCompact = (yield* given.flag("useCompactEvents")) === true
  const events = yield* Effect.mapError(
    database.watch(namespace, {
      filter: ids === undefined ? filter : { "documentKey._id": { $in: ids } },
      resumeAfter: yield* given.document("resumeAfter"),
      startAfter: yield* given.document("startAfter")
    }),
    failed
  )
  return isCompact ? Stream.map(events, compact) : events
})
