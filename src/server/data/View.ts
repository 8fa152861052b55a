/**
 * What an operation sees of a collection: a filter and, for each document, which fields are left of it.
 *
 * A view is a value that comes with an operation. It stands before everything that the operation itself says, its filter
 * and its sort order included, as if the collection held nothing else. It says in MongoDB's terms what a database can
 * execute: `filter` is a `$match`, each case another one with the projection of its fields behind it.
 *
 * @since 0.1.0
 */
import type { Document } from "./internal/bson.ts"

/**
 * A condition on a document: a constant, or a filter.
 *
 * @category models
 * @since 0.1.0
 */
export type Condition = boolean | Document

/**
 * What is left of a value: a tree, whose leaves decide about all that is below them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mask {
  /** Whether it is kept; where there are masks below, whether a value is that has no fields. */
  readonly read: Condition
  /** What is left of the fields of a document, and of the documents in an array. */
  readonly below: { readonly fields: ReadonlyMap<string, Mask>; readonly others: Mask } | undefined
}

/**
 * What is left of the documents that fulfil a condition. All of the masks have to keep a value; none hides the `_id`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly when: Condition
  readonly shows: ReadonlyArray<Mask>
}

/**
 * A view of a collection: of the documents that match the filter, what the first case leaves that applies. Or documents
 * in place of those of the collection.
 *
 * @category models
 * @since 0.1.0
 */
export type View =
  | { readonly _tag: "Masked"; readonly filter: Document; readonly cases: ReadonlyArray<Case> }
  | { readonly _tag: "Documents"; readonly documents: ReadonlyArray<Document> }
