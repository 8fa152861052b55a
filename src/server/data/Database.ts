/**
 * The documents of the hosted applications: what functions, clients and custom user data read and write.
 *
 * One small interface in MongoDB's terms, so that other databases can stand behind it. Documents go in and come out as
 * copies. The embedded one keeps everything in memory. The BSON type of a JavaScript number in it follows from its value;
 * one that came as `Long`, `Int32` or `Double` stays of that class, but what a pipeline yields does not.
 *
 * @since 0.1.0
 */
import { ObjectId } from "bson"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Bson from "./internal/bson.ts"
import * as Memory from "./internal/memory.ts"

/**
 * A document.
 *
 * @category models
 * @since 0.1.0
 */
export type Document = Record<string, unknown>

/**
 * Names a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Namespace {
  readonly appId: string
  readonly service: string
  readonly database: string
  readonly collection: string
}

/**
 * Which documents, in which order, and what of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Find {
  readonly filter: Document
  readonly projection?: Document | undefined
  readonly sort?: Document | undefined
  readonly skip?: number | undefined
  readonly limit?: number | undefined
}

/**
 * What happens to a document: operators or a pipeline are applied to it, or another one takes its place.
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  | {
      readonly _tag: "Update"
      readonly update: Document | ReadonlyArray<Document>
      readonly arrayFilters?: ReadonlyArray<Document> | undefined
    }
  | { readonly _tag: "Replace"; readonly document: Document }

/**
 * What an update did. `upsertedId` is present when a document was inserted.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpdateResult {
  readonly matchedCount: number
  readonly modifiedCount: number
  readonly upsertedId?: unknown
}

/**
 * Why the database refused: `message` in the words of MongoDB where it has any, `code` its number.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatabaseError extends Schema.TaggedError<DatabaseError>("effect-app-services/server/data/DatabaseError")(
  "DatabaseError",
  { message: Schema.String, code: Schema.optionalKey(Schema.Int) }
) {}

/**
 * Documents by collection, each with an `_id` that no other has.
 *
 * @category services
 * @since 0.1.0
 */
export class Database extends Context.Service<
  Database,
  {
    /** Inserts documents in order, up to the first that cannot be; answers with their ids. */
    readonly insert: (
      namespace: Namespace,
      documents: ReadonlyArray<Document>
    ) => Effect.Effect<ReadonlyArray<unknown>, DatabaseError>
    readonly find: (namespace: Namespace, find: Find) => Effect.Effect<ReadonlyArray<Document>, DatabaseError>
    readonly update: (
      namespace: Namespace,
      update: {
        readonly filter: Document
        readonly change: Change
        readonly many?: boolean | undefined
        readonly upsert?: boolean | undefined
      }
    ) => Effect.Effect<UpdateResult, DatabaseError>
    /** Answers with how many documents there were. */
    readonly delete: (
      namespace: Namespace,
      deletion: { readonly filter: Document; readonly many?: boolean | undefined }
    ) => Effect.Effect<number, DatabaseError>
    /** Finds the first document, changes or deletes it, and answers with it, before the change unless told otherwise. */
    readonly findOneAnd: (
      namespace: Namespace,
      find: {
        readonly filter: Document
        readonly change: Change | { readonly _tag: "Delete" }
        readonly projection?: Document | undefined
        readonly sort?: Document | undefined
        readonly upsert?: boolean | undefined
        readonly returnNew?: boolean | undefined
      }
    ) => Effect.Effect<Document | undefined, DatabaseError>
    readonly aggregate: (
      namespace: Namespace,
      pipeline: ReadonlyArray<Document>
    ) => Effect.Effect<ReadonlyArray<Document>, DatabaseError>
    readonly count: (namespace: Namespace, find: Omit<Find, "projection">) => Effect.Effect<number, DatabaseError>
    readonly distinct: (
      namespace: Namespace,
      field: string,
      filter: Document
    ) => Effect.Effect<ReadonlyArray<unknown>, DatabaseError>
    /** Keeps searches for a value of a field as quick among many documents as among few. */
    readonly index: (namespace: Namespace, field: string) => Effect.Effect<void, DatabaseError>
    /** Opens the changes of a collection that match, from now on or after the one whose `_id` is given, without end. */
    readonly watch: (
      namespace: Namespace,
      watch: { readonly filter?: Document | undefined; readonly resumeAfter?: unknown }
    ) => Effect.Effect<Stream.Stream<Document, DatabaseError>, DatabaseError>
  }
>()("effect-app-services/server/data/Database") {
  /** Keeps everything in memory, for the life of the layer. */
  static readonly layerMemory: Layer.Layer<Database> = Layer.sync(Database, () => makeMemory())
}

const asError = (cause: unknown): DatabaseError =>
  cause instanceof RangeError
    ? new DatabaseError({ message: "the document is nested too deeply" })
    : new DatabaseError({
        message: cause instanceof Error ? cause.message : String(cause),
        ...(cause instanceof Memory.DuplicateKey && { code: 11_000 })
      })

/**
 * A database in memory that nobody else knows.
 *
 * @internal
 */
export const makeMemory = (): Database["Service"] => {
  const life = new ObjectId().toHexString()
  const stores = new Map<string, Memory.Store>()
  const open = ({ appId, collection, database, service }: Namespace) => {
    const key = JSON.stringify([appId, service, database])
    let store = stores.get(key)
    if (store === undefined) stores.set(key, (store = new Memory.Store(database, life)))
    return { store, collection }
  }
  const run = <A>(namespace: Namespace, use: (store: Memory.Store, collection: string, now: Date) => A) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.try({
        try: () => {
          const { collection, store } = open(namespace)
          // @effect-diagnostics-next-line globalDateInEffect:off -- BSON dates are JavaScript dates
          return use(store, collection, new Date(now))
        },
        catch: asError
      })
    )

  return Database.of({
    insert: (namespace, documents) =>
      run(namespace, (store, name, now) => documents.map((document) => Bson.copy(store.insert(name, document, now)))),
    find: (namespace, find) => run(namespace, (store, name, now) => store.find(name, find, now)),
    update: (namespace, update) => run(namespace, (store, name, now) => store.update(name, update, now)),
    delete: (namespace, deletion) => run(namespace, (store, name, now) => store.delete(name, deletion, now)),
    findOneAnd: (namespace, find) => run(namespace, (store, name, now) => store.findOneAnd(name, find, now)),
    aggregate: (namespace, pipeline) => run(namespace, (store, name, now) => store.aggregate(name, pipeline, now)),
    count: (namespace, find) => run(namespace, (store, name) => store.matching(name, find).length),
    distinct: (namespace, field, filter) => run(namespace, (store, name) => store.distinct(name, field, filter)),
    index: (namespace, field) => run(namespace, (store, name) => store.collection(name).index(field)),
    watch: (namespace, watch) => run(namespace, (store, name) => Stream.mapError(store.watch(name, watch), asError))
  })
}
