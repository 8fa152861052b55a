/** Documents as the bytes of a row, and back exactly as they were: the classes of numbers included. */
import { Code, DBRef, deserialize, Double, Int32, serialize } from "bson"
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"

/** What MongoDB takes at most for a document, in bytes. */
const most = 16 * 1024 * 1024

/** BSON does not tell `new Int32(5)` from `5`: which numbers were objects is kept beside the document, as bits. */
class Classes {
  readonly #bits: Array<number>
  #next = 0

  constructor(bits: Iterable<number> = []) {
    this.#bits = [...bits]
  }

  add(isObject: boolean): void {
    const at = this.#next++
    if (isObject) this.#bits[at >> 3] = (this.#bits[at >> 3] ?? 0) | (1 << (at & 7))
  }

  take(): boolean {
    const at = this.#next++
    return ((this.#bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bits, (it) => it ?? 0)
  }
}

type Leaf = (value: unknown) => unknown

/** Walks in one order both ways; `name` is what becomes of a field's name. */
const walk = (value: unknown, leaf: Leaf, name: (key: string) => string): unknown => {
  if (typeof value !== "object" || value === null) return leaf(value)
  if (Array.isArray(value)) {
    const items: Array<unknown> = value
    return items.map((item) => walk(item, leaf, name))
  }
  if (value instanceof DBRef) {
    // its value may be of any type, though the class says ObjectId
    const oid = walk(value.oid, leaf, name)
    const fields = walk(value.fields, leaf, name)
    return Object.assign(new DBRef(value.collection, value.oid, value.db, Bson.isDocument(fields) ? fields : {}), {
      oid
    })
  }
  if (value instanceof Code) {
    const scope = walk(value.scope, leaf, name)
    return new Code(value.code, Bson.isDocument(scope) ? scope : null)
  }
  if (!Bson.isDocument(value)) return leaf(value)
  const out: Document = {}
  for (const key of Object.keys(value)) Bson.define(out, name(key), walk(value[key], leaf, name))
  return out
}

/** A document of the fields of a `DBRef` is read as one; a name that no `DBRef` has keeps it a document. */
const escaped = (key: string): string => (/^\$+ref$/.test(key) ? `$${key}` : key)
const unescaped = (key: string): string => (/^\$\$+ref$/.test(key) ? key.slice(1) : key)

const isNumberObject = (value: unknown): value is Int32 | Double => value instanceof Int32 || value instanceof Double

/** Throws where a document is none that could be kept. */
export const encode = (document: Document): Uint8Array => {
  const classes = new Classes()
  const d = walk(
    document,
    (value) => {
      if (typeof value === "number" || isNumberObject(value)) classes.add(typeof value !== "number")
      return value
    },
    escaped
  )
  const bits = classes.bytes
  const bytes = serialize(bits.length === 0 ? { d } : { d, c: bits })
  if (bytes.length > most) throw new Error("the document is larger than 16 megabytes")
  return bytes
}

/** Throws where the bytes are no row of a document. */
export const decode = (bytes: Uint8Array): Document => {
  const row: Document = deserialize(bytes, { promoteValues: false, promoteLongs: false, bsonRegExp: true })
  const classes = new Classes(bitsOf(row["c"]))
  const document = walk(
    row["d"],
    (value) => (isNumberObject(value) ? (classes.take() ? value : value.valueOf()) : value),
    unescaped
  )
  if (Bson.isDocument(document) && "_id" in document) return document
  throw new Error("the row holds no document")
}

const bitsOf = (value: unknown): Iterable<number> =>
  typeof value === "object" && value !== null && "buffer" in value && value.buffer instanceof Uint8Array
    ? value.buffer
    : []
