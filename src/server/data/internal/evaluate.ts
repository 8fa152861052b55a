/** What the store and the rules evaluate of MongoDB's language: pure functions of documents, which throw what they refuse. */
import type { Change, Document } from "../Operation.ts"
import * as Bson from "./bson.ts"
import * as Changes from "./changes.ts"
import * as Language from "./mongoLanguage.ts"
import * as Projections from "./projections.ts"
import * as Updates from "./updates.ts"

/** What expressions may ask for besides the document. */
export interface Environment {
  readonly now: Date
  /** A number from 0 to 1, without 1. */
  readonly random: () => number
  /** Whether a document holds a number that no JavaScript number is. */
  readonly wide: boolean
}

export const documentOf = (value: unknown, what: string): Document => {
  if (Bson.isDocument(value)) return value
  throw new Error(`${what} must be a document`)
}

export const criteria = (value: unknown, what: string): Document => documentOf(Bson.criteria(value), what)

/** A copy that is the caller's own. */
const own = (document: Document): Document => documentOf(Bson.copy(document), "a result")

export const plain = (document: Document): Document => documentOf(Bson.narrow(document), "a result")

/** A document as it is stored. */
export const stored = (value: unknown, what: string): Document => documentOf(Bson.stored(value), what)

const isEmpty = (document: Document | undefined): document is undefined =>
  document === undefined || Object.keys(document).length === 0

/** Documents in the order that is asked for. */
export const sorted = (documents: ReadonlyArray<Document>, sort: Document | undefined): ReadonlyArray<Document> =>
  isEmpty(sort) ? documents : Language.sort(documents, plain(criteria(sort, "a sort order")))

/** What a projection makes of documents; the filter tells the element that `$` stands for. */
export const project = (
  documents: ReadonlyArray<Document>,
  projection: Document | undefined,
  filter: Document,
  environment: Environment
): ReadonlyArray<Document> => {
  const copies = documents.map(own)
  if (isEmpty(projection)) return copies
  const fields: Document = {}
  for (const [field, value] of Object.entries(criteria(projection, "a projection"))) {
    if (field.endsWith(".$")) Projections.positional(copies, field.slice(0, -2), criteria(filter, "a filter"))
    Bson.define(fields, field.endsWith(".$") ? field.slice(0, -2) : field, value)
  }
  return Language.aggregate(copies, Projections.stagesOf(plain(fields)), environment)
}

/** Refuses a change that no document could be changed by. */
export const checkChange = (change: Change, many = false): void => {
  Updates.check(change)
  if (many && change._tag === "Update" && Changes.isReplacement(change.update)) {
    throw new Error("multi update is not supported for replacement-style update")
  }
}

const updated = (
  document: Document,
  { arrayFilters = [], update }: Extract<Change, { readonly _tag: "Update" }>,
  options: { readonly filter: Document; readonly now: Date; readonly inserting: boolean }
): Document => {
  const operators = Bson.isDocument(update)
    ? Bson.criteria(update, Bson.stored)
    : Bson.narrow(Bson.criteria(update, Bson.stored))
  const changed = Updates.apply(
    own(document),
    Array.isArray(operators)
      ? operators.map((stage) => documentOf(stage, "a stage"))
      : documentOf(operators, "an update"),
    { ...options, arrayFilters: arrayFilters.map((it) => criteria(it, "an array filter")) }
  )
  return stored(changed, "what an update makes")
}

const replaced = (document: Document, by: Document): Document => {
  const replacement = stored(by, "a replacement")
  const id = document["_id"]
  if (id !== undefined && "_id" in replacement && !Bson.equals(replacement["_id"], id)) {
    throw new Error("the (immutable) field '_id' was found to have been altered")
  }
  return id === undefined ? replacement : { ...replacement, _id: id }
}

/** A document after a change; the filter that found it tells the element that `$` stands for. */
export const applyChange = (document: Document, change: Change, filter: Document, now: Date): Document => {
  const by = Changes.replacementOf(change)
  if (by !== undefined) return replaced(document, by)
  return change._tag === "Update" ? updated(document, change, { filter, now, inserting: false }) : document
}

/** The document that an upsert inserts; without an `_id` where nothing tells one. */
export const upsertOf = (filter: Document, change: Change, now: Date): Document => {
  const seed = Updates.seedOf(criteria(filter, "a filter"))
  const by = Changes.replacementOf(change)
  if (by !== undefined) return replaced("_id" in seed ? { _id: seed["_id"] } : {}, by)
  return change._tag === "Update" ? updated(seed, change, { filter: {}, now, inserting: true }) : seed
}
