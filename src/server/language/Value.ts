/**
 * The values of documents: their types, their order, and when two of them are equal.
 *
 * A value is in one canonical form, which `canonical` makes. An int is a `number` that is whole, within 32 bits and not
 * -0; any other `number` is a double, and so is a `Double`, which only holds what a `number` would make an int of. A
 * `Long` is a long and a `Decimal128` a decimal. A document is a plain object, and `undefined` is a missing value.
 *
 * Values are immutable: what changes one makes another that shares what stays the same.
 */
import type { Binary, BSONRegExp, BSONSymbol, Code, MaxKey, MinKey, ObjectId, Timestamp } from "bson"
import { type Decimal128, Double, type Long } from "bson"
import { copy, make, spend } from "./budget.ts"
import { compareNumbers, numberKey, type Numeric } from "./numberOrder.ts"

export { canonical } from "./canonical.ts"

/** A value of a document; `undefined` where it is missing. */
export type Value = unknown

/** A document: the order of its fields counts. */
export type Document = Record<string, unknown>

/** The types by MongoDB's names. */
export type TypeName =
  | "double"
  | "string"
  | "object"
  | "array"
  | "binData"
  | "objectId"
  | "bool"
  | "date"
  | "null"
  | "regex"
  | "javascript"
  | "symbol"
  | "javascriptWithScope"
  | "int"
  | "timestamp"
  | "long"
  | "decimal"
  | "minKey"
  | "maxKey"
  | "missing"

/** The classes of `bson` that values are of. */
type BsonClass =
  | Binary
  | BSONRegExp
  | BSONSymbol
  | Code
  | Decimal128
  | Double
  | Long
  | MaxKey
  | MinKey
  | ObjectId
  | Timestamp

/** MongoDB's numbers of types. */
export const typeNumbers: ReadonlyMap<number, TypeName> = new Map([
  [1, "double"],
  [2, "string"],
  [3, "object"],
  [4, "array"],
  [5, "binData"],
  [7, "objectId"],
  [8, "bool"],
  [9, "date"],
  [10, "null"],
  [11, "regex"],
  [13, "javascript"],
  [14, "symbol"],
  [15, "javascriptWithScope"],
  [16, "int"],
  [17, "timestamp"],
  [18, "long"],
  [19, "decimal"],
  [-1, "minKey"],
  [127, "maxKey"]
])

const names: Readonly<Record<BsonClass["_bsontype"], TypeName>> = {
  Binary: "binData",
  BSONRegExp: "regex",
  BSONSymbol: "symbol",
  Code: "javascript",
  Decimal128: "decimal",
  Double: "double",
  Long: "long",
  MaxKey: "maxKey",
  MinKey: "minKey",
  ObjectId: "objectId",
  Timestamp: "timestamp"
}

/** Values of another rank are in the order of their ranks, whatever they are. */
const ranks: Readonly<Record<TypeName, number>> = {
  minKey: 0,
  missing: 1,
  null: 2,
  int: 3,
  long: 3,
  double: 3,
  decimal: 3,
  symbol: 4,
  string: 4,
  object: 5,
  array: 6,
  binData: 7,
  objectId: 8,
  bool: 9,
  date: 10,
  timestamp: 11,
  regex: 12,
  javascript: 13,
  javascriptWithScope: 14,
  maxKey: 15
}

/** Whether a `number` is an int, and not a double. */
export const isInt = (value: number): boolean => (value | 0) === value && (value !== 0 || 1 / value > 0)

/** A double, whatever the number: a `Double` where a plain `number` would be an int. */
export const double = (value: number): number | Double => (isInt(value) ? new Double(value) : value)

/** Whether a canonical value is a document. */
export const isDocument = (value: unknown): value is Document =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Whether a canonical value is a date. */
export const isDate = (value: unknown): value is Date => value instanceof Date

/** Whether a canonical value that is an object is of a class of `bson`. */
const isBson = (value: object): value is BsonClass => "_bsontype" in value

/** Whether a canonical value is of a class of `bson`, such as `"ObjectId"`. */
export const isA = <Tag extends BsonClass["_bsontype"]>(
  value: unknown,
  tag: Tag
): value is Extract<BsonClass, { readonly _bsontype: Tag }> =>
  typeof value === "object" &&
  value !== null &&
  Object.getPrototypeOf(value) !== Object.prototype &&
  "_bsontype" in value &&
  value._bsontype === tag

/** Whether a value is a number of any of the four types. */
export const isNumeric = (value: unknown): value is Numeric =>
  typeof value === "number" || (typeof value === "object" && value !== null && rankOfObject(value) === ranks.int)

/** The type of a value. */
export const typeOf = (value: unknown): TypeName => {
  switch (typeof value) {
    case "undefined":
      return "missing"
    case "string":
      return "string"
    case "number":
      return isInt(value) ? "int" : "double"
    case "boolean":
      return "bool"
    default:
      return typeof value === "object" && value !== null ? typeOfObject(value) : "null"
  }
}

const typeOfObject = (value: object): TypeName => {
  if (Array.isArray(value)) return "array"
  if (isDocument(value)) return "object"
  if (value instanceof Date) return "date"
  if (!isBson(value)) return "object"
  return value._bsontype === "Code" && value.scope !== null ? "javascriptWithScope" : names[value._bsontype]
}

const rankOfObject = (value: object): number => ranks[typeOfObject(value)]

/** Where the type of a value stands in the order of types; the four types of numbers share one place. */
export const rank = (value: unknown): number => {
  switch (typeof value) {
    case "undefined":
      return ranks.missing
    case "string":
      return ranks.string
    case "number":
      return ranks.int
    case "boolean":
      return ranks.bool
    default:
      return typeof value === "object" && value !== null ? rankOfObject(value) : ranks.null
  }
}

/** Sets a field of a document that is being made: a plain assignment to `__proto__` would set no field. */
export const define = (document: Document, key: string, value: unknown): void => {
  if (key !== "__proto__") document[key] = value
  else Object.defineProperty(document, key, { value, enumerable: true, configurable: true, writable: true })
}

const order = <A>(a: A, b: A): -1 | 0 | 1 => (a < b ? -1 : a > b ? 1 : 0)

/** The order of strings is that of their UTF-8, in which surrogate pairs stand behind everything else. */
export const compareStrings = (a: string, b: string): -1 | 0 | 1 => {
  if (a === b) return 0
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) {
      if (i > 64) spend(i >> 4)
      const areHigh = left >= 0xd800 && right >= 0xd800
      return areHigh ? order(behindAll(left), behindAll(right)) : left < right ? -1 : 1
    }
  }
  return order(a.length, b.length)
}

const behindAll = (unit: number): number => (unit <= 0xdfff ? unit + 0x2000 : unit - 0x800)

/** The order of all values, as MongoDB sorts them: -1, 0 or 1. */
export const compare = (a: unknown, b: unknown): -1 | 0 | 1 => {
  if (typeof a === "number" && typeof b === "number") return order(compareNumbers(a, b), 0)
  if (a === b) return 0
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b)
  const left = rank(a)
  const right = rank(b)
  if (left !== right) return left < right ? -1 : 1
  if (isNumeric(a) && isNumeric(b)) return order(compareNumbers(a, b), 0)
  if (typeof a === "object" && a !== null && typeof b === "object" && b !== null) return compareObjects(a, b)
  if (typeof a === "boolean" && typeof b === "boolean") return order(a, b)
  // a string and a symbol
  return left === ranks.string ? compareStrings(textOf(a), textOf(b)) : 0
}

/** The text of a string or a symbol. */
const textOf = (value: unknown): string =>
  typeof value === "string" ? value : isA(value, "BSONSymbol") ? value.value : ""

const compareObjects = (a: object, b: object): -1 | 0 | 1 => {
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b)
  if (isDocument(a) && isDocument(b)) return compareDocuments(a, b)
  if (a instanceof Date && b instanceof Date) return order(a.getTime(), b.getTime())
  return isBson(a) && isBson(b) ? compareBson(a, b) : 0
}

type Compare = (a: unknown, b: unknown) => -1 | 0 | 1

/** Element by element, by an order of values. */
export const compareLists = (
  a: ReadonlyArray<unknown>,
  b: ReadonlyArray<unknown>,
  compareItems: Compare = compare
): -1 | 0 | 1 => {
  const shorter = Math.min(a.length, b.length)
  spend(shorter)
  for (let i = 0; i < shorter; i++) {
    const compared = compareItems(a[i], b[i])
    if (compared !== 0) return compared
  }
  return order(a.length, b.length)
}

/** Field by field: by the ranks of the values, then by the names, then by the values. */
export const compareDocuments = (a: Document, b: Document, compareItems: Compare = compare): -1 | 0 | 1 => {
  const left = Object.keys(a)
  const right = Object.keys(b)
  spend(left.length)
  for (const [i, name] of left.entries()) {
    const other = right[i]
    if (other === undefined) return 1
    const value = a[name]
    const compared = order(rank(value), rank(b[other])) || compareStrings(name, other) || compareItems(value, b[other])
    if (compared !== 0) return compared
  }
  return order(left.length, right.length)
}

const compareBson = (a: BsonClass, b: BsonClass): -1 | 0 | 1 => {
  if (a._bsontype === "ObjectId" && b._bsontype === "ObjectId") return order(a.toHexString(), b.toHexString())
  if (a._bsontype === "Binary" && b._bsontype === "Binary") {
    return (
      order(a.position, b.position) || order(a.sub_type, b.sub_type) || order(Buffer.compare(bytesOf(a), bytesOf(b)), 0)
    )
  }
  if (a._bsontype === "Timestamp" && b._bsontype === "Timestamp") return order(a.t, b.t) || order(a.i, b.i)
  if (a._bsontype === "BSONRegExp" && b._bsontype === "BSONRegExp") {
    return compareStrings(a.pattern, b.pattern) || compareStrings(a.options, b.options)
  }
  if (a._bsontype === "Code" && b._bsontype === "Code") {
    return compareStrings(a.code, b.code) || compare(a.scope, b.scope)
  }
  if (a._bsontype === "BSONSymbol" && b._bsontype === "BSONSymbol") return compareStrings(a.value, b.value)
  return 0
}

/** The bytes of a binary value. */
export const bytesOf = (value: Binary): Uint8Array => value.buffer.subarray(0, value.position)

/** Whether two values are equal: `1` and `1.0` are, null and a missing value are not. */
export const equals = (a: unknown, b: unknown): boolean => compare(a, b) === 0

/** Text of this length counts as one value more in a key. */
const keyUnit = 64

/** A text that two values share exactly when they are equal. */
export const keyOf = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      if (value.length > keyUnit) copy(Math.floor(value.length / keyUnit))
      return `s${value.length}:${value}`
    case "number":
      return `n${value === 0 ? 0 : value}`
    case "boolean":
      return value ? "t" : "f"
    case "undefined":
      return "u"
    default:
      return typeof value === "object" && value !== null ? keyOfObject(value) : "z"
  }
}

const keyOfObject = (value: object): string => {
  if (Array.isArray(value)) return keyOfList(value)
  if (isDocument(value)) return keyOfDocument(value)
  if (value instanceof Date) return `d${value.getTime()}`
  return isBson(value) ? keyOfBson(value) : "?"
}

/** Of keys of its elements. */
export const keyOfList = (values: ReadonlyArray<unknown>, keyOfItem: (value: unknown) => string = keyOf): string => {
  copy(values.length)
  let key = "["
  for (const item of values) key += `${keyOfItem(item)},`
  return `${key}]`
}

/** Of its names, and keys of its values. */
export const keyOfDocument = (document: Document, keyOfItem: (value: unknown) => string = keyOf): string => {
  let key = "{"
  for (const name of Object.keys(document)) {
    copy()
    key += `${name.length}:${name}=${keyOfItem(document[name])},`
  }
  return `${key}}`
}

const keyOfBson = (value: BsonClass): string => {
  switch (value._bsontype) {
    case "Double":
    case "Long":
    case "Decimal128":
      return numberKey(value)
    case "ObjectId":
      return `o${value.toHexString()}`
    case "Binary":
      return `b${value.sub_type}:${Buffer.from(bytesOf(value)).toString("base64")}`
    case "Timestamp":
      return `T${value.t}:${value.i}`
    case "BSONRegExp":
      return `r${value.pattern.length}:${value.pattern}/${value.options}`
    case "BSONSymbol":
      return keyOf(value.value)
    case "Code":
      return `c${value.code.length}:${value.code}${value.scope === null ? "" : keyOf(value.scope)}`
    case "MinKey":
      return "-"
    case "MaxKey":
      return "+"
  }
}

/** How many bytes a value takes in BSON, without its name: a missing one takes none. */
export const sizeOf = (value: unknown): number => {
  switch (typeof value) {
    case "string":
      return 5 + Buffer.byteLength(value)
    case "number":
      return isInt(value) ? 4 : 8
    case "boolean":
      return 1
    default:
      return typeof value === "object" && value !== null ? sizeOfObject(value) : 0
  }
}

const sizeOfObject = (value: object): number => {
  if (Array.isArray(value)) {
    spend(value.length)
    // the name of an element is its index
    return value.reduce<number>((size, item, i) => size + 2 + digitsOf(i) + sizeOf(item ?? null), 5)
  }
  if (isDocument(value)) {
    let size = 5
    for (const name of Object.keys(value)) {
      spend()
      if (value[name] !== undefined) size += 2 + Buffer.byteLength(name) + sizeOf(value[name])
    }
    return size
  }
  if (value instanceof Date) return 8
  return isBson(value) ? sizeOfBson(value) : 0
}

const digitsOf = (index: number): number => (index < 10 ? 1 : index < 100 ? 2 : String(index).length)

const sizeOfBson = (value: BsonClass): number => {
  switch (value._bsontype) {
    case "Double":
    case "Long":
    case "Timestamp":
      return 8
    case "Decimal128":
      return 16
    case "ObjectId":
      return 12
    case "Binary":
      return 5 + value.position + (value.sub_type === 2 ? 4 : 0)
    case "BSONRegExp":
      return 2 + Buffer.byteLength(value.pattern) + value.options.length
    case "BSONSymbol":
      return sizeOf(value.value)
    case "Code":
      return sizeOf(value.code) + (value.scope === null ? 0 : 4 + sizeOf(value.scope))
    case "MinKey":
    case "MaxKey":
      return 0
  }
}

/** A document with a field set: in its place where it is there, and behind all others where it is new. */
export const withField = (document: Document, name: string, value: unknown): Document => {
  const out = copyOf(document)
  define(out, name, value)
  return out
}

/** A document without a field; the same one where the field is not there. */
export const withoutField = (document: Document, name: string): Document => {
  if (!Object.hasOwn(document, name)) return document
  const out: Document = {}
  make()
  for (const key of Object.keys(document)) if (key !== name) define(out, key, document[key])
  return out
}

/** A copy of a document that shares its values: to be changed before it is a value. */
export const copyOf = (document: Document): Document => {
  make()
  // a spread copies `__proto__` as the field that it is
  return { ...document }
}
