/** Values on their way to MongoDB and back: in the one form that they have in all databases. */
import { Double, ObjectId } from "bson"
import { LanguageError } from "../../language/LanguageError.ts"
import { canonical, isDocument } from "../../language/Value.ts"
import type { Document } from "../../data/Operation.ts"

/** How the driver reads BSON: numbers keep their types, and regular expressions are those of MongoDB. */
export const bsonOptions = {
  promoteValues: false,
  promoteLongs: false,
  bsonRegExp: true,
  ignoreUndefined: true
} as const

const documentOf = (value: unknown): Document => {
  if (isDocument(value)) return value
  throw new LanguageError("invalid", 14, "expected a document")
}

/** A document as it is stored, without fields that have no value. */
export const stored = (document: Document): Document => documentOf(canonical(document))

/** A document as it is stored, with an `_id` in front. */
export const identified = (document: Document): Document => {
  const { _id = new ObjectId(), ...rest } = stored(document)
  return { _id, ...rest }
}

/** A filter, a projection or a pipeline: a condition without a value asks for null, and not for everything. */
export const asked = (document: Document): Document => documentOf(canonical(document, "null"))

export const askedAll = (documents: ReadonlyArray<Document>): Array<Document> => documents.map(asked)

/** A whole number beyond 2^53 is a double, and `bson` would take it for a 64-bit integer. */
const plain = (value: unknown): unknown => {
  if (typeof value === "number")
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? new Double(value) : value
  if (Array.isArray(value)) return value.map(plain)
  return isDocument(value) ? plainDocument(value) : value
}

const plainDocument = (document: Document): Document =>
  Object.fromEntries(Object.entries(document).map(([name, value]) => [name, plain(value)]))

/** A value that MongoDB answered with. */
export const received = (value: unknown): unknown => plain(canonical(value))

/** A document that MongoDB answered with. */
export const receivedDocument = (document: Document): Document => plainDocument(documentOf(canonical(document)))
