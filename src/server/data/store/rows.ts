/** Encodes documents as rows, losslessly. */
import { deserialize, serialize } from "bson"
import { canonical, define, isDocument } from "../../language/Value.ts"
import type { Document } from "../Operation.ts"

/** `bson` decodes a document with a field `$ref` as a `DBRef`, in another order of fields, so these names are escaped. */
const escaped = (key: string): string => (/^\$+ref$/.test(key) ? `$${key}` : key)
const unescaped = (key: string): string => (/^\$\$+ref$/.test(key) ? key.slice(1) : key)

const renamed = (value: unknown, name: (key: string) => string): unknown => {
  if (Array.isArray(value)) return value.map((item) => renamed(item, name))
  if (!isDocument(value)) return value
  const out: Document = {}
  for (const key of Object.keys(value)) define(out, name(key), renamed(value[key], name))
  return out
}

/** Whether a document contains a field to escape. */
const hasReference = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(hasReference)
    : isDocument(value) && Object.keys(value).some((key) => key.endsWith("$ref") || hasReference(value[key]))

export const encode = (document: Document): Uint8Array =>
  serialize({ d: hasReference(document) ? renamed(document, escaped) : document })

/** Decodes any document; throws if the bytes are not one. */
export const decodeAny = (bytes: Uint8Array): Document => {
  const row: Document = deserialize(bytes, { promoteValues: false, promoteLongs: false, bsonRegExp: true })
  const document = canonical(row["d"])
  const read = hasReference(document) ? renamed(document, unescaped) : document
  if (isDocument(read)) return read
  throw new Error("the row is not a document")
}

/** Decodes a document of a collection; throws if the bytes are not one. */
export const decode = (bytes: Uint8Array): Document => {
  const document = decodeAny(bytes)
  if ("_id" in document) return document
  throw new Error("the row has no _id")
}
