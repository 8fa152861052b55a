/**
 * The view of an operation on a collection: a filter and, for each document, the visible fields.
 *
 * A view is a value of an operation. It applies before everything else of the operation, including its filter and sort
 * order, as if the collection contained nothing else. It is expressed in MongoDB's terms: `filter` is a `$match`, and
 * each case a `$match` with a projection.
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
 * The visible part of a value: a tree whose leaves decide about everything below them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mask {
  /** Whether it is visible; with masks below, whether a value without fields is. */
  readonly read: Condition
  /** The masks of the fields of a document, and of the documents in an array. */
  readonly below: { readonly fields: ReadonlyMap<string, Mask>; readonly others: Mask } | undefined
}

/**
 * The masks of the documents that fulfil a condition. A value is visible if all masks keep it; the `_id` always is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly when: Condition
  readonly shows: ReadonlyArray<Mask>
}

/**
 * A view of a collection: the documents that match the filter, with the masks of the first case that applies. Or
 * documents that replace those of the collection.
 *
 * @category models
 * @since 0.1.0
 */
export type View =
  | { readonly _tag: "Masked"; readonly filter: Document; readonly cases: ReadonlyArray<Case> }
  | { readonly _tag: "Documents"; readonly documents: ReadonlyArray<Document> }
