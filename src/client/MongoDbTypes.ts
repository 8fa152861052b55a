/**
 * Filters, updates and results of MongoDB collections, typed by the documents they speak of.
 *
 * They describe documents as they are stored: of a field that a schema transforms, its encoded side.
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
 * A document of which nothing is known.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlainDocument {
  readonly [field: string]: unknown
}

/** Fields inside of other fields, which no type checks. */
interface Paths {
  readonly [path: `${string}.${string}`]: unknown
}

type Element<T> = T extends ReadonlyArray<infer E> ? E : never
type Numeric = number | Long | Int32 | Double | Decimal128

/**
 * What a filter may ask of a field. An operator that is `undefined` is left out; where all of a field's are, the filter is
 * refused with `InvalidArguments`, as it is for a field that is `undefined`.
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
  /** Every document has one, whether or not a schema speaks of it. */
  readonly _id?: unknown
}

/**
 * Which documents are meant.
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
 * What happens to documents: operators, or the stages of a pipeline.
 *
 * @category models
 * @since 0.1.0
 */
export type Update<I> = UpdateOperators<I> | ReadonlyArray<PlainDocument>

/**
 * In which order documents come: `1` ascending, `-1` descending, the first field first.
 *
 * @category models
 * @since 0.1.0
 */
export type Sort<I> = { readonly [Field in keyof I | "_id" | `${string}.${string}`]?: 1 | -1 | undefined }

/**
 * @category options
 * @since 0.1.0
 */
export interface FindOptions<I> {
  readonly sort?: Sort<I> | undefined
  readonly limit?: number | undefined
}

/**
 * @category options
 * @since 0.1.0
 */
export interface ProjectionOptions {
  /** Which fields come back. Such documents are no longer what the collection's schema says, so they come as they are. */
  readonly projection: PlainDocument
}

/**
 * @category options
 * @since 0.1.0
 */
export interface UpdateOptions {
  /** Insert a document where none matches. Default: `false`. */
  readonly upsert?: boolean | undefined
  /** Which elements the paths with `$[name]` speak of. */
  readonly arrayFilters?: ReadonlyArray<PlainDocument> | undefined
}

/**
 * @category options
 * @since 0.1.0
 */
export interface FindOneAndOptions<I> {
  readonly sort?: Sort<I> | undefined
  /** Insert a document where none matches. Default: `false`. */
  readonly upsert?: boolean | undefined
  /** Yield the document as it is afterwards. Default: `false`, as it was before. */
  readonly returnNewDocument?: boolean | undefined
}

/**
 * What an update did. `upsertedId` is there when a document was inserted.
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
 * A change of a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChangeEvent<A> {
  /** Where in the history of the collection the change stands. */
  readonly _id: unknown
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
  readonly ns?: { readonly db?: string; readonly coll?: string }
  readonly documentKey?: { readonly _id: unknown }
  /** The document after the change; absent after its deletion. */
  readonly fullDocument?: A
  readonly updateDescription?: {
    readonly updatedFields: PlainDocument
    readonly removedFields: ReadonlyArray<string>
  }
  readonly clusterTime?: unknown
}

/**
 * Which changes are told, and what happens when the connection breaks.
 *
 * @category options
 * @since 0.1.0
 */
export interface WatchOptions {
  /** The changes of documents with these ids alone. Not together with `filter`. */
  readonly ids?: ReadonlyArray<unknown> | undefined
  /** The changes that match: it speaks of the event, as in `{ "fullDocument.color": "red" }`. */
  readonly filter?: PlainDocument | undefined
  /** Where to begin: the `_id` of an event. A host that does not know it may ignore it. Default: now. */
  readonly resumeAfter?: unknown
  /**
   * When to connect again after the connection broke or ended, with a token that is good then. The schedule starts anew
   * with each event. Default: never.
   */
  readonly reconnect?: Schedule.Schedule<unknown, AppServicesError> | undefined
  /**
   * Whether a new connection asks for the changes after the last one that arrived. The embedded server then leaves none
   * out. A host that does not know the question ignores it, and what changed in between is not told, or refuses it: set
   * this to `false` there. Default: `true`.
   */
  readonly resume?: boolean | undefined
}

/**
 * A data source, as a user reaches it.
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoClient {
  readonly serviceName: string
  db(name: string): MongoDatabase
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MongoDatabase {
  readonly name: string
  /** A collection of documents of which nothing is known. */
  collection(name: string): MongoCollection<PlainDocument, PlainDocument>
  /** A collection whose documents a schema describes: they are encoded by it when they go, and decoded when they come. */
  collection<A, I>(name: string, schema: Schema.Codec<A, I>): MongoCollection<A, I>
}

/**
 * A collection. Filters and updates speak of documents as they are stored, so of the encoded side of its schema.
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
  /** The documents that match; all of them without a filter. */
  find(filter: Filter<I> | undefined, options: FindOptions<I> & ProjectionOptions): Documents<PlainDocument>
  find(filter?: Filter<I>, options?: FindOptions<I>): Documents<A>
  /** The first document that matches. */
  findOne(
    filter: Filter<I> | undefined,
    options: Omit<FindOptions<I>, "limit"> & ProjectionOptions
  ): Found<PlainDocument>
  findOne(filter?: Filter<I>, options?: Omit<FindOptions<I>, "limit">): Found<A>
  /** Updates the first document that matches, and yields it. */
  findOneAndUpdate(filter: Filter<I>, update: Update<I>, options?: FindOneAndOptions<I>): Found<A>
  /** Puts another document in the place of the first that matches, and yields it. */
  findOneAndReplace(filter: Filter<I>, replacement: A, options?: FindOneAndOptions<I>): Found<A>
  /** Deletes the first document that matches, and yields it. */
  findOneAndDelete(filter?: Filter<I>, options?: Pick<FindOneAndOptions<I>, "sort">): Found<A>
  /** Runs a pipeline. Its results are described by a schema of their own, or by none. */
  aggregate(pipeline: ReadonlyArray<PlainDocument>): Documents<PlainDocument>
  aggregate<B, J>(pipeline: ReadonlyArray<PlainDocument>, schema: Schema.Codec<B, J>): Documents<B>
  count(filter?: Filter<I>, options?: { readonly limit?: number | undefined }): Effect.Effect<number, AppServicesError>
  /** The values that a field has, each once; of an array, its elements. */
  distinct(field: string, filter?: Filter<I>): Effect.Effect<ReadonlyArray<unknown>, AppServicesError>
  /** Inserts a document. Its id is the `_id` it brings, or one that the host makes. */
  insertOne(document: A): Effect.Effect<{ readonly insertedId: unknown }, AppServicesError>
  insertMany(
    documents: ReadonlyArray<A>
  ): Effect.Effect<{ readonly insertedIds: ReadonlyArray<unknown> }, AppServicesError>
  updateOne(
    filter: Filter<I>,
    update: Update<I>,
    options?: UpdateOptions
  ): Effect.Effect<UpdateResult, AppServicesError>
  updateMany(
    filter: Filter<I>,
    update: Update<I>,
    options?: UpdateOptions
  ): Effect.Effect<UpdateResult, AppServicesError>
  /** Deletes the first document that matches. */
  deleteOne(filter?: Filter<I>): Deletion
  deleteMany(filter?: Filter<I>): Deletion
  /** The changes of the collection, from the moment the stream runs. */
  watch(options?: WatchOptions): Stream.Stream<ChangeEvent<A>, AppServicesError>
}

type Documents<A> = Effect.Effect<ReadonlyArray<A>, AppServicesError>
type Found<A> = Effect.Effect<Option.Option<A>, AppServicesError>
type Deletion = Effect.Effect<{ readonly deletedCount: number }, AppServicesError>
