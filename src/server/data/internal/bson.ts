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

const identity = (value: number): unknown => value

/** Copies values of another JavaScript realm to plain values of this one; BSON values are shared. */
export const copy = (value: unknown, number = identity): unknown => {
  if (typeof value === "number") return number(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return Array.from(value, (item) => copy(item, number))
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  if (isDate(value)) return new Date(value.getTime())
  if (!isDocument(value)) return value
  const out: Document = {}
  for (const key of Object.keys(value)) define(out, key, copy(value[key], number))
  return out
}
