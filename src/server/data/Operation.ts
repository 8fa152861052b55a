/**
 * Database operations as values: what is asked of a database, and what it answers with.
 *
 * A database executes them with one function, `run`. What stands between a caller and a database, such as rules, turns
 * one operation into another.
 *
 * @since 0.1.0
 */
import type { View } from "./View.ts"

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
 * The name of a collection in its data source. Names of databases have no dot.
 *
 * @category accessors
 * @since 0.1.0
 */
export const nameOf = ({ collection, database }: Pick<Namespace, "collection" | "database">): string =>
  `${database}.${collection}`

/**
 * How an operation compares and computes.
 *
 * @category models
 * @since 0.2.0
 */
export interface Evaluation {
  /**
   * How strings are compared: a collation document of MongoDB, such as `{ locale: "en", strength: 2 }`. By default they
   * are compared by their bytes.
   */
  readonly collation?: Document | undefined
  /** Variables, which expressions name as `$$name`: values, or expressions without fields, which are computed once. */
  readonly let?: Document | undefined
}

/**
 * What an operation that changes documents may be restricted to: one document, by its `_id`, which is compared by its
 * bytes whatever the collation.
 *
 * @category models
 * @since 0.2.0
 */
export interface Restricted {
  readonly only?: { readonly _id: unknown } | undefined
}

/**
 * Options of a query: filter, projection, sort order, skip and limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Find extends Evaluation {
  readonly filter: Document
  readonly projection?: Document | undefined
  readonly sort?: Document | undefined
  readonly skip?: number | undefined
  /** The most documents to return; `0` means no limit. */
  readonly limit?: number | undefined
}

/**
 * How a document changes: by update operators or a pipeline, or by replacement.
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
 * Options of an update of one document, or of many.
 *
 * @category models
 * @since 0.1.0
 */
export interface Update extends Evaluation, Restricted {
  readonly filter: Document
  readonly change: Change
  readonly many?: boolean | undefined
  /** Inserts a document where none matches. */
  readonly upsert?: boolean | undefined
}

/**
 * The counts of an update. `upsertedId` is present when a document was inserted.
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
 * Options of a deletion of one document, or of many.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delete extends Evaluation, Restricted {
  readonly filter: Document
  readonly many?: boolean | undefined
}

/**
 * Options of an operation that finds the first matching document and changes or deletes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FindOneAnd extends Evaluation, Restricted {
  readonly filter: Document
  readonly change: Change | { readonly _tag: "Delete" }
  readonly projection?: Document | undefined
  readonly sort?: Document | undefined
  readonly upsert?: boolean | undefined
  /** Returns the document as it is after the change, not before. */
  readonly returnNew?: boolean | undefined
}

/**
 * What a change stream is about: a collection, all collections of a database or, without a database, all of a data source.
 *
 * @category models
 * @since 0.2.0
 */
export interface Watched {
  readonly appId: string
  readonly service: string
  readonly database?: string | undefined
  readonly collection?: string | undefined
}

/**
 * Options of a change stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watch {
  /** A filter of change events. */
  readonly filter?: Document | undefined
  /** Starts after the event with this `_id`, not with the next change. */
  readonly resumeAfter?: unknown
  /** As `resumeAfter`. */
  readonly startAfter?: unknown
  /** Whether updates, replacements and deletions come with the document as it was, as `fullDocumentBeforeChange`. */
  readonly before?: boolean | undefined
  /**
   * Whether each update is described. Without it, one by a pipeline is told as in MongoDB: as a replacement if the
   * description takes as many bytes as the document, which would tell the size of what a view hides.
   */
  readonly describeAll?: boolean | undefined
}

/**
 * A part of a change stream.
 *
 * @category models
 * @since 0.2.0
 */
export interface Changes {
  /** The change events, in order. */
  readonly events: ReadonlyArray<Document>
  /** The resume token of the end of this part, which may be later than the last event. */
  readonly token: Document
}

/**
 * What an operation that only reads sees: all of the collection, by default.
 *
 * @category models
 * @since 0.1.0
 */
export interface Viewed {
  readonly view?: View | undefined
}

/**
 * Options of an aggregation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Aggregate extends Viewed, Evaluation {
  readonly pipeline: ReadonlyArray<Document>
  /** What the pipeline sees of the collections that it joins, by {@link nameOf}: all of them, by default. */
  readonly joins?: ReadonlyMap<string, View> | undefined
}

/** What each operation takes, beside its namespace. */
interface Options {
  readonly Insert: { readonly documents: ReadonlyArray<Document> }
  readonly Find: Find & Viewed
  readonly Count: Omit<Find, "projection"> & Viewed
  readonly Distinct: { readonly field: string; readonly filter: Document } & Viewed & Evaluation
  readonly Aggregate: Aggregate
  readonly Update: Update
  readonly Delete: Delete
  readonly FindOneAnd: FindOneAnd
}

/** What each operation answers with. */
interface Answers {
  readonly Insert: ReadonlyArray<unknown>
  readonly Find: ReadonlyArray<Document>
  readonly Count: number
  readonly Distinct: ReadonlyArray<unknown>
  readonly Aggregate: ReadonlyArray<Document>
  readonly Update: UpdateResult
  readonly Delete: number
  readonly FindOneAnd: Document | undefined
}

/**
 * The kinds of operations, by their tags.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = keyof Options

/**
 * What a database is asked to do with the documents of one collection, in one atomic step. Of one kind, or of any.
 *
 * - `Insert` inserts documents in order, up to the first that is refused; those before it stay. It answers with their ids.
 * - `Find` answers with the documents that match.
 * - `Count` answers with their number.
 * - `Distinct` answers with the distinct values of a field, arrays unwound.
 * - `Aggregate` answers with the results of a pipeline. One that ends with `$out` or `$merge` writes them, and answers
 *   with an empty list.
 * - `Update` changes the first document that matches, or all.
 * - `Delete` deletes them, and answers with their number.
 * - `FindOneAnd` changes or deletes the first document that matches, and answers with it: as it was before, by default.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation<K extends Kind = Kind> = {
  readonly [Name in K]: { readonly _tag: Name; readonly namespace: Namespace } & Options[Name]
}[K]

/**
 * What an operation of a kind answers with.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer<K extends Kind = Kind> = Answers[K]
