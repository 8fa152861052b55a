/**
 * The services of a user in the entry point for promises, with the names and shapes of `realm-web` 2.
 *
 * @since 0.1.0
 */
import type { Long, Timestamp } from "bson"

/* oxlint-disable typescript/no-explicit-any -- as in realm-web: code that compiled with it compiles here */

/**
 * A document: fields of any type, BSON values included.
 *
 * @category models
 * @since 0.1.0
 */
export interface Document<IdType = any> {
  _id: IdType
}

/**
 * A document to insert, whose `_id` the host may choose.
 *
 * @category models
 * @since 0.1.0
 */
export type NewDocument<T extends Document> = Omit<T, "_id"> & Partial<Pick<T, "_id">>

/**
 * A filter in MongoDB's query language.
 *
 * @category models
 * @since 0.1.0
 */
export type Filter = Record<string, unknown>

/**
 * An update in MongoDB's update language, or a replacement.
 *
 * @category models
 * @since 0.1.0
 */
export type Update = Record<string, unknown>

/**
 * A stage of an aggregation.
 *
 * @category models
 * @since 0.1.0
 */
export type AggregatePipelineStage = Record<string, unknown>

/**
 * Which documents a read returns, and which of their fields.
 *
 * @category options
 * @since 0.1.0
 */
export interface FindOptions extends FindOneOptions {
  /** How many documents at most. */
  limit?: number
}

/**
 * Which document a read returns, and which of its fields.
 *
 * @category options
 * @since 0.1.0
 */
export interface FindOneOptions {
  projection?: Record<string, unknown>
  sort?: Record<string, unknown>
}

/**
 * How a document is found and changed.
 *
 * @category options
 * @since 0.1.0
 */
export interface FindOneAndModifyOptions extends FindOneOptions {
  /** Inserts a document where none matches. */
  upsert?: boolean
  /** Returns the document as it is after the change. */
  returnNewDocument?: boolean
}

/**
 * How documents are updated.
 *
 * @category options
 * @since 0.1.0
 */
export interface UpdateOptions {
  /** Inserts a document where none matches. */
  upsert?: boolean
  arrayFilters?: Array<Filter>
}

/**
 * What an update did.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpdateResult<IdType> {
  readonly matchedCount: number
  readonly modifiedCount: number
  readonly upsertedId?: IdType
}

/**
 * What an insertion of a document did.
 *
 * @category models
 * @since 0.1.0
 */
export interface InsertOneResult<IdType> {
  readonly insertedId: IdType
}

/**
 * What an insertion of documents did.
 *
 * @category models
 * @since 0.1.0
 */
export interface InsertManyResult<IdType> {
  readonly insertedIds: Array<IdType>
}

/**
 * What a deletion did.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeleteResult {
  readonly deletedCount: number
}

/**
 * How documents are counted.
 *
 * @category options
 * @since 0.1.0
 */
export interface CountOptions {
  /** The count stops here. */
  readonly limit?: number
}

/**
 * Which changes are watched: those of these documents, or those that match a filter; all without either.
 *
 * @category options
 * @since 0.1.0
 */
export interface WatchOptionsFilter<IdType = any> {
  ids?: ReadonlyArray<IdType>
  filter?: Filter
}

/**
 * Where a change happened.
 *
 * @category models
 * @since 0.1.0
 */
export type DocumentNamespace = { db: string; coll: string }

/**
 * Which document changed.
 *
 * @category models
 * @since 0.1.0
 */
export type DocumentKey<IdType> = { _id: IdType } & Record<string, any>

/**
 * What an update changed.
 *
 * @category models
 * @since 0.1.0
 */
export type UpdateDescription = { updatedFields: Record<string, any>; removedFields: Array<string> }

/**
 * What every change has. `_id` is its position in the stream of changes.
 *
 * @category models
 * @since 0.1.0
 */
export type BaseChangeEvent<OperationType extends string> = {
  _id: any
  operationType: OperationType
  clusterTime: Timestamp
  txnNumber?: Long
  lsid?: Record<string, unknown>
}

/**
 * A change of a collection: `operationType` says which fields it has.
 *
 * @category models
 * @since 0.1.0
 */
export type ChangeEvent<T extends Document> =
  | (BaseChangeEvent<"insert" | "replace"> & Changed<T> & { fullDocument: T })
  | (BaseChangeEvent<"update"> & Changed<T> & { updateDescription: UpdateDescription; fullDocument?: T })
  | (BaseChangeEvent<"delete"> & Changed<T>)
  | (BaseChangeEvent<"drop"> & { ns: DocumentNamespace })
  | (BaseChangeEvent<"rename"> & { ns: DocumentNamespace; to: DocumentNamespace })
  | (BaseChangeEvent<"dropDatabase"> & { ns: Omit<DocumentNamespace, "coll"> })
  | BaseChangeEvent<"invalidate">

type Changed<T extends Document> = { ns: DocumentNamespace; documentKey: DocumentKey<T["_id"]> }

/**
 * A collection of a MongoDB database, within what the application's rules allow the user.
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoDBCollection<T extends Document> {
  readonly name: string
  readonly databaseName: string
  readonly serviceName: string
  readonly find: (filter?: Filter, options?: FindOptions) => Promise<Array<T>>
  /** The first document that matches, or `null`. */
  readonly findOne: (filter?: Filter, options?: FindOneOptions) => Promise<T | null>
  readonly findOneAndUpdate: (filter: Filter, update: Update, options?: FindOneAndModifyOptions) => Promise<T | null>
  readonly findOneAndReplace: (
    filter: Filter,
    replacement: NewDocument<T>,
    options?: FindOneAndModifyOptions
  ) => Promise<T | null>
  readonly findOneAndDelete: (filter?: Filter, options?: FindOneOptions) => Promise<T | null>
  readonly aggregate: (pipeline: ReadonlyArray<AggregatePipelineStage>) => Promise<any>
  readonly count: (filter?: Filter, options?: CountOptions) => Promise<number>
  readonly insertOne: (document: NewDocument<T>) => Promise<InsertOneResult<T["_id"]>>
  readonly insertMany: (documents: ReadonlyArray<NewDocument<T>>) => Promise<InsertManyResult<T["_id"]>>
  readonly deleteOne: (filter?: Filter) => Promise<DeleteResult>
  readonly deleteMany: (filter?: Filter) => Promise<DeleteResult>
  readonly updateOne: (filter: Filter, update: Update, options?: UpdateOptions) => Promise<UpdateResult<T["_id"]>>
  readonly updateMany: (filter: Filter, update: Update, options?: UpdateOptions) => Promise<UpdateResult<T["_id"]>>
  /**
   * The changes of the collection from the first step on. The request ends with the loop: `break`, `return` or `throw`. The loop
   * ends when the host stops, and throws where the connection breaks: watch again in both cases.
   */
  readonly watch: (options?: WatchOptionsFilter<T["_id"]>) => Watch<T>
}

/**
 * Changes of a collection, to loop over with `for await`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watch<T extends Document> extends AsyncGenerator<ChangeEvent<T>, void> {
  /**
   * Sends the request before the first step, and resolves once the host has begun to answer: what changes after a read that
   * follows is among the changes. Call it once, before the loop.
   *
   * @example
   * ```ts
   * import type { Services } from "effect-app-services/promise"
   *
   * const follow = async (orders: Services.MongoDBCollection<Services.Document>) => {
   *   const changes = orders.watch()
   *   await changes.open()
   *   console.log(await orders.find())
   *   for await (const change of changes) console.log(change.operationType)
   * }
   * ```
   */
  readonly open: () => Promise<void>
}

/**
 * A database of a data source.
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoDBDatabase {
  readonly collection: <T extends Document = any>(name: string) => MongoDBCollection<T>
}

/**
 * A data source of the application.
 *
 * @category models
 * @since 0.1.0
 */
export interface MongoDB {
  readonly db: (databaseName: string) => MongoDBDatabase
}

/**
 * A push service of the application.
 *
 * @category models
 * @since 0.1.0
 */
export interface Push {
  /** Registers this device. */
  readonly register: (token: string) => Promise<void>
  /** Ends the registration of this device. */
  readonly deregister: () => Promise<void>
}
