/** Documents of any JavaScript realm, as functions pass and receive them. */
import { isDate, isRegExp } from "node:util/types"

/** A document. */
export type Document = Record<string, unknown>

/** Sets a key; a plain assignment to `__proto__` would change the prototype. */
export const define = (document: Document, key: string, value: unknown): void => {
  if (key !== "__proto__") document[key] = value
  else Object.defineProperty(document, key, { value, enumerable: true, configurable: true, writable: true })
}

const isBson = (u: object): boolean => "_bsontype" in u && typeof u._bsontype === "string"

/** Whether a value is a document, and not another value that is a JavaScript object. */
export const isDocument = (u: unknown): u is Document =>
  typeof u === "object" &&
  u !== null &&
  !Array.isArray(u) &&
  !isBson(u) &&
  !isDate(u) &&
  !isRegExp(u) &&
  !ArrayBuffer.isView(u)

/** How values are copied: what becomes of a number, and what is told of the number of values before they are copied. */
interface Copying {
  readonly number: (value: number) => unknown
  readonly count: (values: number) => void
}

const plainly: Copying = { number: (value) => value, count: () => {} }

/** Copies values of another JavaScript realm to plain values of this one; BSON values are shared. */
export const copy = (value: unknown): unknown => copyWith(value, plainly)

export const copyWith = (value: unknown, copying: Copying): unknown => {
  if (typeof value === "number") return copying.number(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) {
    copying.count(value.length)
    return Array.from(value, (item) => copyWith(item, copying))
  }
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  if (isDate(value)) return new Date(value.getTime())
  if (!isDocument(value)) return value
  const out: Document = {}
  const keys = Object.keys(value)
  copying.count(1 + keys.length)
  for (const key of keys) define(out, key, copyWith(value[key], copying))
  return out
}
