/** The `_id` of a document that is written: first, of a kind that an `_id` may be, and never another one. */
import type { Environment } from "../Environment.ts"
import { codes, invalid } from "../LanguageError.ts"
import { compare, define, isA, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { immutableId } from "./context.ts"

const invalidIdField = 53

/** Throws for a value that no `_id` may have. */
const checkId = (id: Value): void => {
  if (Array.isArray(id) || isA(id, "BSONRegExp")) {
    invalid(`The '_id' value cannot be of type ${typeOf(id)}`, invalidIdField)
  }
  if (!isDocument(id)) return
  const name = Object.keys(id).find((key) => key.startsWith("$"))
  if (name !== undefined) {
    invalid(
      `_id fields may not contain '$'-prefixed fields: ${name} is not valid for storage.`,
      codes.DollarPrefixedFieldName
    )
  }
}

/** A document with an `_id` as its first field. */
export const withIdFirst = (document: Document, id: Value): Document => {
  if (Object.keys(document)[0] === "_id" && document["_id"] === id) return document
  const made: Document = { _id: id }
  for (const name of Object.keys(document)) if (name !== "_id") define(made, name, document[name])
  return made
}

/** A document to insert: with an `_id`, a new one where it has none, as its first field. */
export const withId = (document: Document, environment: Environment): Document => {
  const id = Object.hasOwn(document, "_id") ? document["_id"] : environment.objectId()
  checkId(id)
  return withIdFirst(document, id)
}

/** A document after a change, with the `_id` it had. Throws where the change was of the `_id`. */
export const keepingId = (before: Document, after: Document, mayMiss: boolean): Document => {
  if (!Object.hasOwn(before, "_id")) return after
  if (!Object.hasOwn(after, "_id")) return mayMiss ? withIdFirst(after, before["_id"]) : immutableId()
  if (compare(before["_id"], after["_id"]) !== 0) return immutableId()
  return withIdFirst(after, before["_id"])
}
