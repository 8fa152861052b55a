/**
 * Collections, filters, updates and results of MongoDB, typed by their documents.
 *
 * Filters and updates describe documents as they are stored: of a field that a schema transforms, the encoded side.
 *
 * @since 0.1.0
 */
import type { BSONRegExp, Decimal128, Double, Int32, Long } from "bson"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { AppServicesError } from "./AppServicesError.ts"

/**
 * A document without a schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlainDocument {
  readonly [field: string]: unknown
}

/** Paths into fields, such as `address.city`; their values are not checked. */
interface Paths {
  readonly [path: `${string}.${string}`]: unknown
}

type Element<T> = T extends ReadonlyArray<infer E> ? E : never
type Numeric = number | Long | Int32 | Double | Decimal128

/**
 * The condition of a filter on a field: a value, or operators. An operator that is `undefined` is left out. A condition that
 * is `undefined`, or whose operators all are, is refused with `InvalidArguments`: the filter would match too much. The same
 * holds within `$and`, `$or` and `$nor`.
 *
 * @category models
 * @since 0.1.0
 */
export type Condition<T> = T | Element<T> | BSONRegExp | null | Operators<T>

interface Operators<T> {
  readonly $eq?: T | Element<T> | null | undefined
  readonly $ne?: T | Element<T> | null | undefined
  readonly $gt?: T | Element<T> | undefined
  readonly $gte?: T | Element<T> | undefined
  readonly $lt?: T | Element<T> | undefined
  readonly $lte?: T | Element<T> | undefined
  readonly $in?: ReadonlyArray<T | Element<T> | BSONRegExp | null> | undefined
  readonly $nin?: ReadonlyArray<T | Element<T> | BSONRegExp | null> | undefined
  readonly $exists?: boolean | undefined
  readonly $type?: string | number | ReadonlyArray<string | number> | undefined
  readonly $not?: Operators<T> | BSONRegExp | undefined
  readonly $regex?: string | BSONRegExp | undefined
  readonly $options?: string | undefined
  readonly $mod?: readonly [divisor: number, remainder: number] | undefined
  readonly $size?: number | undefined
  readonly $all?: ReadonlyArray<unknown> | undefined
  readonly $elemMatch?: PlainDocument | undefined
}

interface Combinations<I> {
  readonly $and?: ReadonlyArray<Filter<I>> | undefined
  readonly $or?: ReadonlyArray<Filter<I>> | undefined
  readonly $nor?: ReadonlyArray<Filter<I>> | undefined
  readonly $expr?: unknown
  readonly $text?: PlainDocument | undefined
  /** Every document has an `_id`, whether or not its schema mentions it. */
  readonly _id?: unknown
}

/**
 * Which documents an operation is about: conditions on fields, all of which must hold, and `$and`, `$or`, `$nor`.
 *
 * @category models
 * @since 0.1.0
 */
export type Filter<I> = { readonly [Field in keyof I]?: Condition<Required<I>[Field]> } & Omit<
  Combinations<I>,
  keyof I
> &
  Paths

type Fields<I, Value> = { readonly [Field in keyof I]?: Value } & Paths
type Values<I> = { readonly [Field in keyof I]?: Required<I>[Field] } & Paths
type Items<I> = {
  readonly [Field in keyof I]?:
    | Element<Required<I>[Field]>
    | {
        readonly $each: ReadonlyArray<Element<Required<I>[Field]>>
        readonly $position?: number | undefined
        readonly $slice?: number | undefined
        readonly $sort?: 1 | -1 | { readonly [field: string]: 1 | -1 } | undefined
      }
} & Paths

interface UpdateOperators<I> {
  readonly $set?: Values<I> | undefined
  readonly $setOnInsert?: Values<I> | undefined
  readonly $unset?: Fields<I, unknown> | undefined
  readonly $inc?: Fields<I, Numeric> | undefined
  readonly $mul?: Fields<I, Numeric> | undefined
  readonly $min?: Values<I> | undefined
  readonly $max?: Values<I> | undefined
  readonly $rename?: Fields<I, string> | undefined
  readonly $currentDate?: Fields<I, true | { readonly $type: "date" | "timestamp" }> | undefined
  readonly $push?: Items<I> | undefined
  readonly $addToSet?: Items<I> | undefined
  readonly $pull?: Fields<I, unknown> | undefined
  readonly $pullAll?: Fields<I, ReadonlyArray<unknown>> | undefined
  readonly $pop?: Fields<I, 1 | -1> | undefined
  readonly $bit?:
    | Fields<
        I,
        { readonly and?: number | undefined; readonly or?: number | undefined; readonly xor?: number | undefined }
      >
    | undefined
}

/**
 * How documents are changed: update operators, or the stages of an aggregation pipeline.
 *
 * @category models
 * @since 0.1.0
 */
export type Update<I> = UpdateOperators<I> | ReadonlyArray<PlainDocument>

/**
 * The order of documents: `1` ascending, `-1` descending; the first field counts first.
 *
 * @category models
 * @since 0.1.0
 */
export type Sort<I> = { readonly [Field in keyof I | "_id" | `${string}.${string}`]?: 1 | -1 | undefined }

/**
 * The order and the number of the documents that a query returns.
 *
 * @category options
 * @since 0.1.0
 */
export interface FindOptions<I> {
  /**
   * The order of the documents.
   *
   * @default the order in which the database finds them
   */
  readonly sort?: Sort<I> | undefined
  /**
   * The largest number of documents.
   *
   * @default all that match
   */
  readonly limit?: number | undefined
}

/**
 * The fields that a query returns.
 *
 * @category options
 * @since 0.1.0
 */
export interface ProjectionOptions {
  /** A projection, such as `{ name: 1 }`. Projected documents do not match the collection's schema and are not decoded. */
  readonly projection: PlainDocument
}

/**
 * How documents are updated.
 *
 * @category options
 * @since 0.1.0
 */
export interface UpdateOptions {
  /**
   * Insert a document if none matches.
   *
   * @default false
   */
  readonly upsert?: boolean | undefined
  /** Filters of the array elements that a path with `$[name]` updates. */
  readonly arrayFilters?: ReadonlyArray<PlainDocument> | undefined
}

/**
 * Which document is changed, and which state of it is returned.
 *
 * @category options
 * @since 0.1.0
 */
export interface FindOneAndOptions<I> {
  /** Which of several matching documents is the first. */
  readonly sort?: Sort<I> | undefined
  /**
   * Insert a document if none matches.
   *
   * @default false
   */
  readonly upsert?: boolean | undefined
  /**
   * Return the document after the change instead of before it.
   *
   * @default false
   */
  readonly returnNewDocument?: boolean | undefined
}

/**
 * How many documents an update matched and modified. `upsertedId` is present if it inserted one.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpdateResult {
  readonly matchedCount: number
  /** Matched documents that the update changed: one that had the new values already is not counted. */
  readonly modifiedCount: number
  /** The `_id` of the inserted document. */
  readonly upsertedId?: unknown
}

/**
 * A change of a collection, as MongoDB's change streams describe it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChangeEvent<A> {
  /** The resume token: pass it as `resumeAfter` to continue after this change. */
  readonly _id: unknown
  /** What happened to the document or the collection. */
  readonly operationType:
    | "insert"
    | "update"
    | "replace"
    | "delete"
    | "drop"
    | "rename"
    | "dropDatabase"
    | "invalidate"
    | (string & {})
  /** The database and the collection. */
  readonly ns?: { readonly db?: string; readonly coll?: string }
  /** The `_id` of the document; absent for changes of the collection. */
  readonly documentKey?: { readonly _id: unknown }
  /** The document after the change; absent after its deletion. */
  readonly fullDocument?: A
  /** For an update: the new values by path, and the paths that were removed. */
  readonly updateDescription?: {
    readonly updatedFields: PlainDocument
    readonly removedFields: ReadonlyArray<string>
  }
  /** When the change was made, as a BSON `Timestamp`, if the host says so. */
  readonly clusterTime?: unknown
}

/**
 * Which changes are watched, and what happens when the connection breaks.
 *
 * @category options
 * @since 0.1.0
 */
export interface WatchOptions {
  /**
   * Only the changes of documents with these ids. Not together with `filter`.
   *
   * @default the changes of all documents
   */
  readonly ids?: ReadonlyArray<unknown> | undefined
  /** Only the changes whose event matches, such as `{ "fullDocument.color": "red" }`. */
  readonly filter?: PlainDocument | undefined
  /**
   * The `_id` of the event to continue after. A host that does not support it may ignore it.
   *
   * @default the changes from now on
   */
  readonly resumeAfter?: unknown
  /**
   * When to reconnect after the connection broke or ended; the access token is renewed if need be. The schedule restarts
   * with each event.
   *
   * @default never
   */
  readonly reconnect?: Schedule.Schedule<unknown, AppServicesError> | undefined
  /**
   * Whether a new connection resumes after the last event that arrived. With the embedded server each change is then emitted
   * exactly once as long as its history reaches back. A host without support ignores it, so that changes in between are
   * missed, or refuses it: set this to `false` there.
   *
   * @default true
   */
  readonly resume?: boolean | undefined
}

/**
 * A data source of the application, as a user reaches it.
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoClient {
  readonly serviceName: string
  /** A database of the data source. Sends nothing by itself. */
  readonly db: (name: string) => MongoDatabase
}

/**
 * A database of a data source.
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoDatabase {
  readonly name: string
  readonly collection: {
    /** A collection without a schema: documents are sent and returned unchecked. */
    (name: string): MongoCollection<PlainDocument, PlainDocument>
    /** A collection with a schema, which encodes the documents that are sent and decodes those that are returned. */
    <A, I>(name: string, schema: Schema.Codec<A, I>): MongoCollection<A, I>
  }
}

/**
 * A collection, within what the application's rules allow the user.
 *
 * Filters and updates describe documents as they are stored, so the encoded side of the schema. Every operation fails with
 * `NotLoggedIn` or `SessionExpired` without a session, `RequestRejected` if the rules or the database refuse it,
 * `InvalidArguments` if a document does not match the schema or has no Extended JSON form, and `UnexpectedValue` if a stored
 * document does not match the schema. Reads are retried by the options of the layer; writes are sent once.
 *
 * @example
 * ```ts
 * import { AuthApi, Bson } from "effect-app-services"
 * import { Effect, Schema } from "effect"
 *
 * const Widget = Schema.Struct({ _id: Schema.optionalKey(Bson.ObjectId), name: Schema.String, color: Schema.String })
 *
 * const repaint = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   const user = yield* auth.user("5f1d7f3e9c1b2a0012345678")
 *   const widgets = user.mongoClient("mongodb-atlas").db("shop").collection("widgets", Widget)
 *   yield* widgets.insertOne({ name: "gear", color: "blue" })
 *   yield* widgets.updateMany({ color: "blue" }, { $set: { color: "red" } })
 *   const red = yield* widgets.find({ color: "red" }, { sort: { name: 1 }, limit: 10 })
 *   return red.map((widget) => widget.name)
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoCollection<A, I> {
  readonly name: string
  readonly databaseName: string
  readonly serviceName: string
  /** The documents that match; all documents without a filter. */
  readonly find: {
    (filter: Filter<I> | undefined, options: FindOptions<I> & ProjectionOptions): Documents<PlainDocument>
    (filter?: Filter<I>, options?: FindOptions<I>): Documents<A>
  }
  /** The first document that matches; `none` if no document matches. */
  readonly findOne: {
    (filter: Filter<I> | undefined, options: Omit<FindOptions<I>, "limit"> & ProjectionOptions): Found<PlainDocument>
    (filter?: Filter<I>, options?: Omit<FindOptions<I>, "limit">): Found<A>
  }
  /** Updates the first document that matches and returns it; `none` if no document matches. */
  readonly findOneAndUpdate: (filter: Filter<I>, update: Update<I>, options?: FindOneAndOptions<I>) => Found<A>
  /** Replaces the first document that matches and returns it; `none` if no document matches. */
  readonly findOneAndReplace: (filter: Filter<I>, replacement: A, options?: FindOneAndOptions<I>) => Found<A>
  /** Deletes the first document that matches and returns it; `none` if no document matches. */
  readonly findOneAndDelete: (filter?: Filter<I>, options?: Pick<FindOneAndOptions<I>, "sort">) => Found<A>
  /** Runs an aggregation pipeline; its results are decoded by `schema`, if given. Sent once, since a stage may write. */
  readonly aggregate: {
    (pipeline: ReadonlyArray<PlainDocument>): Documents<PlainDocument>
    <B, J>(pipeline: ReadonlyArray<PlainDocument>, schema: Schema.Codec<B, J>): Documents<B>
  }
  /** The number of documents that match, at most `limit`. */
  readonly count: (
    filter?: Filter<I>,
    options?: { readonly limit?: number | undefined }
  ) => Effect.Effect<number, AppServicesError>
  /** The distinct values of a field; of an array, its elements. */
  readonly distinct: (field: string, filter?: Filter<I>) => Effect.Effect<ReadonlyArray<unknown>, AppServicesError>
  /** Inserts a document. The host makes an `_id` if it has none. Fails with `DuplicateKey`. */
  readonly insertOne: (document: A) => Effect.Effect<{ readonly insertedId: unknown }, AppServicesError>
  /** Inserts documents in order. Fails with `DuplicateKey`; documents before the failed one may be inserted. */
  readonly insertMany: (
    documents: ReadonlyArray<A>
  ) => Effect.Effect<{ readonly insertedIds: ReadonlyArray<unknown> }, AppServicesError>
  /** Updates the first document that matches. */
  readonly updateOne: (
    filter: Filter<I>,
    update: Update<I>,
    options?: UpdateOptions
  ) => Effect.Effect<UpdateResult, AppServicesError>
  /** Updates all documents that match. */
  readonly updateMany: (
    filter: Filter<I>,
    update: Update<I>,
    options?: UpdateOptions
  ) => Effect.Effect<UpdateResult, AppServicesError>
  /** Deletes the first document that matches. */
  readonly deleteOne: (filter?: Filter<I>) => Deletion
  /** Deletes all documents that match; all documents of the collection without a filter. */
  readonly deleteMany: (filter?: Filter<I>) => Deletion
  /** The changes of the collection, from the moment the stream runs; see `WatchOptions.resume` for what may be missed. */
  readonly watch: (options?: WatchOptions) => Stream.Stream<ChangeEvent<A>, AppServicesError>
}

type Documents<A> = Effect.Effect<ReadonlyArray<A>, AppServicesError>
type Found<A> = Effect.Effect<Option.Option<A>, AppServicesError>
type Deletion = Effect.Effect<{ readonly deletedCount: number }, AppServicesError>
