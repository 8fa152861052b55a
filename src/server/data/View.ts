/**
 * What an operation sees of a collection: a filter and, for each document, which fields are left of it.
 *
 * A view is a value that comes with an operation. It stands before everything that the operation itself says, its filter
 * and its sort order included, as if the collection held nothing else. It says in MongoDB's terms what a database can
 * execute: `filter` is a `$match`, each case another one with the projection of its fields behind it.
 *
 * @since 0.1.0
 */
import * as Bson from "./internal/bson.ts"
import type { Document } from "./internal/bson.ts"
import * as Language from "./internal/mongoLanguage.ts"

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

const matchers = new WeakMap<Document, (document: Document) => boolean>()

/**
 * Whether a condition holds for a document.
 *
 * @internal
 */
export const holds = (condition: Condition, document: Document): boolean => {
  if (typeof condition === "boolean") return condition
  let matches = matchers.get(condition)
  if (matches === undefined) matchers.set(condition, (matches = Language.matcher(condition)))
  return matches(document)
}

/** Whether a mask keeps all of a value, whatever it is. */
const keepsAll = ({ below, read }: Mask): boolean => below === undefined && read === true

const maskOf = (name: string, { fields, others }: NonNullable<Mask["below"]>): Mask => fields.get(name) ?? others

const left = (value: unknown, mask: Mask, root: Document): unknown => {
  const { below, read } = mask
  if (below !== undefined) {
    if (Array.isArray(value)) return value.map((item) => left(item, mask, root)).filter((it) => it !== undefined)
    if (Bson.isDocument(value)) return leftOf(value, below, root)
  }
  return holds(read, root) ? value : undefined
}

const leftOf = (document: Document, below: NonNullable<Mask["below"]>, root: Document): Document => {
  const out: Document = {}
  for (const name of Object.keys(document)) {
    const kept = left(document[name], maskOf(name, below), root)
    if (kept !== undefined) Bson.define(out, name, kept)
  }
  return out
}

/**
 * What masks leave of a document. Their conditions are about the document as it is stored.
 *
 * @internal
 */
export const masked = (document: Document, masks: ReadonlyArray<Mask>): Document => {
  let shown = document
  for (const mask of masks) {
    if (mask.below !== undefined) shown = leftOf(shown, mask.below, document)
    else if (!holds(mask.read, document)) shown = {}
  }
  const { _id } = document
  return shown === document || _id === undefined ? shown : { _id, ...shown }
}

/**
 * What the cases of a view leave of a document that its filter matches.
 *
 * @internal
 */
export const shown = (cases: ReadonlyArray<Case>, document: Document): Document | undefined => {
  for (const { shows, when } of cases) if (holds(when, document)) return masked(document, shows)
  return undefined
}

/**
 * Whether a view leaves all of the documents that it shows.
 *
 * @internal
 */
export const isWhole = (cases: ReadonlyArray<Case>): boolean => cases.every(({ shows }) => shows.every(keepsAll))

/**
 * Whether a field is left in all documents, and all of it, so that what is asked of it has the same answer before and
 * behind the view. The first name of a path decides: nothing below it is hidden then.
 *
 * @internal
 */
export const leavesField = (cases: ReadonlyArray<Case>, path: string): boolean => {
  const [name = ""] = path.split(".")
  return (
    name === "_id" ||
    cases.every(({ shows }) =>
      shows.every((mask) => keepsAll(mask.below === undefined ? mask : maskOf(name, mask.below)))
    )
  )
}
