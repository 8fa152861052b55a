/**
 * The services of a user in the entry point for promises, with the names and shapes of `realm-web` 2.
 *
 * @since 0.1.0
 */

/**
 * A document: fields of any type, BSON values included.
 *
 * @category models
 * @since 0.1.0
 */
export type Document = Record<string, unknown>

/**
 * A filter in MongoDB's query language.
 *
 * @category models
 * @since 0.1.0
 */
export type Filter = Record<string, unknown>

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
 * Which changes are watched: those of these documents, or those that match a filter; all without either.
 *
 * @category options
 * @since 0.1.0
 */
export interface WatchOptionsFilter {
  ids?: ReadonlyArray<unknown>
  filter?: Filter
}

/**
 * A change of a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface ChangeEvent<T> {
  readonly _id: unknown
  readonly operationType: string
  readonly ns?: { readonly db: string; readonly coll: string }
  readonly documentKey?: Document
  readonly fullDocument?: T | null
  readonly updateDescription?: Document
  readonly [field: string]: unknown
}

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
  readonly findOneAndUpdate: (filter: Filter, update: Document, options?: FindOneAndModifyOptions) => Promise<T | null>
  readonly findOneAndReplace: (
    filter: Filter,
    replacement: Document,
    options?: FindOneAndModifyOptions
  ) => Promise<T | null>
  readonly findOneAndDelete: (filter?: Filter, options?: FindOneOptions) => Promise<T | null>
  readonly aggregate: (pipeline: ReadonlyArray<Document>) => Promise<Array<Document>>
  readonly count: (filter?: Filter, options?: { limit?: number }) => Promise<number>
  readonly insertOne: (document: Document) => Promise<{ readonly insertedId: T["_id"] }>
  readonly insertMany: (documents: ReadonlyArray<Document>) => Promise<{ readonly insertedIds: Array<T["_id"]> }>
  readonly deleteOne: (filter?: Filter) => Promise<{ readonly deletedCount: number }>
  readonly deleteMany: (filter?: Filter) => Promise<{ readonly deletedCount: number }>
  readonly updateOne: (filter: Filter, update: Document, options?: UpdateOptions) => Promise<UpdateResult<T["_id"]>>
  readonly updateMany: (filter: Filter, update: Document, options?: UpdateOptions) => Promise<UpdateResult<T["_id"]>>
  /**
   * The changes of the collection from the first step on. The request ends with the loop: `break`, `return` or `throw`. The loop
   * ends when the host stops, and throws where the connection breaks: watch again in both cases.
   */
  readonly watch: (options?: WatchOptionsFilter) => Watch<T>
}

/**
 * Changes of a collection, to loop over with `for await`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watch<T> extends AsyncGenerator<ChangeEvent<T>, void> {
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
  readonly collection: <T extends Document = Document>(name: string) => MongoDBCollection<T>
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
