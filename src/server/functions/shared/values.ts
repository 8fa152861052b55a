/**
 * Lossless encoding of values: BSON classes, `undefined`, `NaN`, `-0`. Extended JSON would decode a `Long`, an `Int32`
 * or a `Double` as a plain number.
 */
import { EJSON, ObjectId } from "bson"
import * as ejson from "../../../protocol/internal/ejson.ts"
import { isDate, isRegExp } from "node:util/types"
import { define, type Document } from "../../data/internal/bson.ts"

/** The only key of an encoded special value; a document with this key is encoded as a list. */
const mark = "$"

/** Encodes BSON classes, keeping the class of numbers. */
const exact = { relaxed: false }

const marked = (...parts: ReadonlyArray<unknown>): object => ({ [mark]: parts })

const pack = (value: unknown): unknown => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : marked("number", Object.is(value, -0) ? "-0" : String(value))
    case "bigint":
      return marked("bigint", String(value))
    case "object":
      return value === null ? null : packObject(value)
    default:
      // a function or a symbol
      return marked("undefined")
  }
}

const packObject = (value: object): unknown => {
  if (Array.isArray(value)) return Array.from(value, pack)
  if (value instanceof ObjectId) return marked("id", value.toHexString())
  if ("_bsontype" in value) return marked("bson", JSON.parse(ejson.stringify(value)))
  if (isDate(value)) return marked("date", value.getTime())
  if (isRegExp(value)) return marked("regexp", value.source, value.flags)
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return marked(Buffer.isBuffer(value) ? "buffer" : "bytes", bytes.toString("base64"))
  }
  const fields = Object.entries(value)
  if (Object.hasOwn(value, mark)) {
    return marked(
      "fields",
      fields.map(([key, inner]) => [key, pack(inner)])
    )
  }
  const document: Document = {}
  for (const [key, inner] of fields) define(document, key, pack(inner))
  return document
}

const isObject = (u: unknown): u is Document => typeof u === "object" && u !== null

const unpack = (value: unknown): unknown => {
  if (!isObject(value)) return value
  if (Array.isArray(value)) {
    const items: Array<unknown> = value
    for (const [i, item] of items.entries()) if (isObject(item)) items[i] = unpack(item)
    return items
  }
  const parts = value[mark]
  if (Array.isArray(parts)) return unmark(parts)
  for (const key of Object.keys(value)) {
    const inner = value[key]
    if (isObject(inner)) define(value, key, unpack(inner))
  }
  return value
}

const unmark = ([type, first, second]: ReadonlyArray<unknown>): unknown => {
  switch (type) {
    case "number":
      return Number(first)
    case "bigint":
      return BigInt(String(first))
    case "id":
      return new ObjectId(String(first))
    case "bson":
      return isObject(first) ? EJSON.deserialize(first, exact) : undefined
    case "date":
      // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
      return new Date(typeof first === "number" ? first : NaN)
    case "regexp":
      return new RegExp(String(first), String(second))
    case "buffer":
      return Buffer.from(String(first), "base64")
    case "bytes":
      return new Uint8Array(Buffer.from(String(first), "base64"))
    case "fields": {
      const document: Document = {}
      const fields: ReadonlyArray<unknown> = Array.isArray(first) ? first : []
      for (const field of fields) {
        if (Array.isArray(field)) define(document, String(field[0]), unpack(field[1]))
      }
      return document
    }
    default:
      return undefined
  }
}

/** Encodes a value. Throws if it is cyclic or nested too deeply. */
export const write = (value: unknown): string => JSON.stringify(pack(value))

/** Decodes what {@link write} encoded, as values of this realm. */
export const read = (text: string): unknown => unpack(JSON.parse(text))

/** Decodes an array; anything else is an empty one. */
export const readList = (text: string): ReadonlyArray<unknown> => {
  const value = read(text)
  return Array.isArray(value) ? value : []
}
