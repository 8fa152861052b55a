/**
 * Values of other major versions of `bson`: a program may have several, such as that of a driver. Each class of the
 * versions 4 to 6 writes itself as Extended JSON, which all versions write in the same way.
 */
import { EJSON } from "bson"

/** With the types of numbers. */
const exact = { relaxed: false }

type Fields = Readonly<Record<string, unknown>>

const isObject = (u: unknown): u is Fields => typeof u === "object" && u !== null

const own = (value: unknown): unknown => {
  if (!isObject(value) || value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(own)
  if (!("_bsontype" in value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, own(inner)]))
  }
  const { toExtendedJSON } = value
  if (typeof toExtendedJSON !== "function") return value
  const read: Fields = EJSON.deserialize({ value: Reflect.apply(toExtendedJSON, value, [exact]) }, exact)
  return read["value"]
}

/** Writes a value by `bson`, and once more with its own classes in the place of another version's. */
export const written = <A>(value: unknown, write: (value: unknown) => A): A => {
  try {
    return write(value)
  } catch (cause) {
    if (!(cause instanceof Error && cause.name === "BSONVersionError")) throw cause
    return write(own(value))
  }
}
