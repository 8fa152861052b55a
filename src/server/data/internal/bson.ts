/** BSON values as a database sees them: their types, their order, and when two of them are the same. */
import { Binary, BSONRegExp, Double, Int32, Long } from "bson"
import { isDate, isRegExp } from "node:util/types"

/** A document. */
export type Document = Record<string, unknown>

/** Sets a key; a plain assignment to `__proto__` would change the prototype. */
export const define = (document: Document, key: string, value: unknown): void => {
  if (key !== "__proto__") document[key] = value
  else Object.defineProperty(document, key, { value, enumerable: true, configurable: true, writable: true })
}

const bsonType = (u: object): string | undefined =>
  "_bsontype" in u && typeof u._bsontype === "string" ? u._bsontype : undefined

/** Whether a value is an object with fields, and no value of another type that is an object to JavaScript. */
export const isDocument = (u: unknown): u is Document =>
  typeof u === "object" &&
  u !== null &&
  !Array.isArray(u) &&
  bsonType(u) === undefined &&
  !isDate(u) &&
  !isRegExp(u) &&
  !ArrayBuffer.isView(u)

// @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
const date = (millis: number): Date => new Date(millis)

const map = (value: unknown, leaf: (value: object) => unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return Array.from(value, (item) => map(item, leaf))
  if (!isDocument(value)) return leaf(value)
  const out: Document = {}
  for (const key of Object.keys(value)) define(out, key, map(value[key], leaf))
  return out
}

/** As in MongoDB. A document that is nested deeper could be stored, and would then fail whoever looks at it. */
const mostLevels = 200

const sameValue = (value: object): unknown => (isDate(value) ? date(value.getTime()) : value)

/** Copies what may be of another JavaScript realm into plain values of this one; BSON values are shared. */
export const copy = (value: unknown): unknown => map(value, sameValue)

const flagsOf = (options: string): string => {
  const unknown = options.split("").find((flag) => !"ims".includes(flag))
  if (unknown !== undefined) throw new Error(`the option "${unknown}" of a regular expression is not supported`)
  return options
}

/** A value as BSON can hold it: without what is no value to it, and each value in the one class it comes back in. */
export const stored = (value: unknown): unknown => held(value, isNothing)

/** A value in a filter or a pipeline, where a field without a value asks for null: it must not ask for everything. */
const asked = (value: unknown): unknown => held(value, () => false)

const held = (value: unknown, isDropped: (value: unknown) => boolean, levels = mostLevels): unknown => {
  switch (typeof value) {
    case "string":
      return wellFormed(value)
    case "bigint":
      return Long.fromBigInt(BigInt.asIntN(64, value) === value ? value : refuse("an integer beyond 64 bits"))
    case "undefined":
    case "function":
    case "symbol":
      return null
  }
  if (typeof value !== "object" || value === null) return value
  if (levels === 0) throw new Error(`the document is nested more than ${mostLevels} levels deep`)
  if (Array.isArray(value)) return Array.from(value, (item) => held(item, isDropped, levels - 1))
  if (!isDocument(value)) return storedLeaf(value)
  const out: Document = {}
  for (const key of Object.keys(value)) {
    if (isDropped(value[key])) continue
    if (key.includes("\0")) refuse("a name of a field with a NUL")
    define(out, wellFormed(key), held(value[key], isDropped, levels - 1))
  }
  return out
}

/** UTF-8 has no half of a pair. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, "\uFFFD")

/** A property without a value is no property, nor is a method. */
const isNothing = (value: unknown): boolean =>
  value === undefined || typeof value === "function" || typeof value === "symbol"

const refuse = (what: string): never => {
  throw new Error(`${what} cannot be stored`)
}

const storedLeaf = (value: object): unknown => {
  if (isDate(value)) return Number.isNaN(value.getTime()) ? refuse("an invalid date") : date(value.getTime())
  if (isRegExp(value)) return new BSONRegExp(value.source, value.flags.replace(/[^imsx]/g, ""))
  if (value instanceof Uint8Array) return new Binary(Uint8Array.from(value))
  if (value instanceof Binary && value.sub_type === Binary.SUBTYPE_UUID && value.length() === 16) return value.toUUID()
  return value
}

/** A value whose numbers are JavaScript numbers, wherever those hold them exactly: what can be computed with. */
export const narrow = (value: unknown): unknown => map(value, (leaf) => plainNumber(leaf) ?? sameValue(leaf))

/** What was computed from a narrowed value, with the classes of the numbers it was computed from. */
export const widened = (before: unknown, after: unknown): unknown => {
  if (typeof after === "number" && typeof before === "object" && before !== null) {
    switch (bsonType(before)) {
      case "Long":
        if (Number.isInteger(after) && !Number.isSafeInteger(after))
          throw new Error("an integer beyond 2^53 was computed, which this server cannot do exactly")
        return Number.isInteger(after) ? Long.fromNumber(after) : after
      case "Int32":
        return Number.isInteger(after) && Math.abs(after) < 2 ** 31 ? new Int32(after) : after
      case "Double":
        return new Double(after)
    }
    return after
  }
  if (Array.isArray(before) && Array.isArray(after)) return after.map((item, i) => widened(before[i], item))
  if (!isDocument(before) || !isDocument(after)) return after
  for (const name of Object.keys(after)) {
    if (Object.hasOwn(before, name)) define(after, name, widened(before[name], after[name]))
  }
  return after
}

/** A filter, an update or a pipeline: its regular expressions can be run. */
export const criteria = (value: unknown, hold = asked): unknown =>
  map(hold(value), (leaf) =>
    bsonType(leaf) === "BSONRegExp" && "pattern" in leaf && "options" in leaf
      ? new RegExp(String(leaf.pattern), flagsOf(String(leaf.options)))
      : leaf
  )

/** The text that a BSON value makes of itself. */
const textOf = (value: unknown): string => String(value)

const plainNumber = (leaf: object): number | undefined => {
  const type = bsonType(leaf)
  if (type !== "Int32" && type !== "Double" && type !== "Long") return undefined
  const number = Number(leaf.valueOf())
  if (type !== "Long") return number
  const exact = Number(textOf(leaf))
  return Number.isSafeInteger(exact) ? exact : undefined
}

/** Whether a value is a number that no JavaScript number holds exactly. */
export const isWide = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return false
  const type = bsonType(value)
  return type === "Decimal128" || (type === "Long" && plainNumber(value) === undefined)
}

/** Whether there is a wide number anywhere in a value. */
export const hasWide = (value: unknown): boolean =>
  isWide(value) ||
  (Array.isArray(value) && value.some(hasWide)) ||
  (isDocument(value) && Object.values(value).some(hasWide))

/**
 * The type of a value as `$type` names it.
 *
 * @internal
 */
export const typeName = (value: unknown): string => {
  switch (typeof value) {
    case "undefined":
      return "missing"
    case "string":
      return "string"
    case "boolean":
      return "bool"
    case "number":
      return Number.isInteger(value) && !Object.is(value, -0)
        ? value >= -(2 ** 31) && value < 2 ** 31
          ? "int"
          : Number.isSafeInteger(value)
            ? "long"
            : "double"
        : "double"
  }
  if (typeof value !== "object" || value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (isDate(value)) return "date"
  if (isRegExp(value)) return "regex"
  if (ArrayBuffer.isView(value)) return "binData"
  return bsonNames[bsonType(value) ?? ""] ?? "object"
}

const bsonNames: Readonly<Record<string, string>> = {
  ObjectId: "objectId",
  Long: "long",
  Decimal128: "decimal",
  Int32: "int",
  Double: "double",
  Binary: "binData",
  BSONRegExp: "regex",
  Timestamp: "timestamp",
  BSONSymbol: "symbol",
  Code: "javascript",
  DBRef: "object",
  MinKey: "minKey",
  MaxKey: "maxKey"
}

/** The number that `$type` may use in place of a name. */
export const typeNumbers: Readonly<Record<number, string>> = {
  1: "double",
  2: "string",
  3: "object",
  4: "array",
  5: "binData",
  7: "objectId",
  8: "bool",
  9: "date",
  10: "null",
  11: "regex",
  13: "javascript",
  14: "symbol",
  16: "int",
  17: "timestamp",
  18: "long",
  19: "decimal",
  [-1]: "minKey",
  127: "maxKey"
}

const numeric = new Set(["int", "long", "double", "decimal"])

/** Values are compared within a rank; between ranks, the rank decides. */
const ranks: Readonly<Record<string, number>> = {
  minKey: 0,
  missing: 1,
  null: 1,
  int: 2,
  long: 2,
  double: 2,
  decimal: 2,
  symbol: 3,
  string: 3,
  object: 4,
  array: 5,
  binData: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  timestamp: 10,
  regex: 11,
  javascript: 12,
  maxKey: 13
}

/** @internal */
export const rank = (value: unknown): number => ranks[typeName(value)] ?? 4

/** A number as a fraction, exactly; `undefined` for NaN and the infinities. */
const fraction = (value: unknown): readonly [numerator: bigint, denominator: bigint] | undefined => {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return undefined
    let n = value
    let power = 0n
    while (!Number.isInteger(n)) {
      n *= 2
      power++
    }
    return [BigInt(n), 1n << power]
  }
  const [, sign, whole = "", part = "", exponent = "0"] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:E([+-]?\d+))?$/i.exec(String(value)) ?? []
  if (sign === undefined) return undefined
  const digits = BigInt(`${whole}${part}`) * (sign === "-" ? -1n : 1n)
  const scale = Number(exponent) - part.length
  return scale >= 0 ? [digits * 10n ** BigInt(scale), 1n] : [digits, 10n ** BigInt(-scale)]
}

const order = <A>(a: A, b: A): number => (a < b ? -1 : a > b ? 1 : 0)

const compareNumbers = (a: unknown, b: unknown): number => {
  if (typeof a === "number" && typeof b === "number") {
    return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : Number.isNaN(b) ? 1 : order(a, b)
  }
  const [left, right] = [fraction(a), fraction(b)]
  if (left === undefined || right === undefined) return compareNumbers(Number(String(a)), Number(String(b)))
  return order(left[0] * right[1], right[0] * left[1])
}

/** @internal */
export const bytes = (value: unknown): Uint8Array => {
  if (typeof value === "object" && value !== null && "buffer" in value && value.buffer instanceof Uint8Array) {
    return value.buffer.subarray(0, "position" in value ? Number(value.position) : undefined)
  }
  return value instanceof Uint8Array ? value : new Uint8Array()
}

const compareLists = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): number => {
  for (const [i, item] of a.entries()) {
    if (i >= b.length) return 1
    const compared = compare(item, b[i])
    if (compared !== 0) return compared
  }
  return a.length - b.length
}

/**
 * The order of BSON values, types included.
 *
 * @internal
 */
export const compare = (a: unknown, b: unknown): number => {
  const [left, right] = [rank(a), rank(b)]
  if (left !== right) return left - right
  const type = typeName(a)
  if (numeric.has(type)) return compareNumbers(a, b)
  if (typeof a === "string" && typeof b === "string") return order(a, b)
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b)
  if (isDate(a) && isDate(b)) return order(a.getTime(), b.getTime())
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b)
  if (isDocument(a) && isDocument(b)) {
    return compareLists(
      Object.entries(a).flatMap(([key, value]) => [rank(value), key, value]),
      Object.entries(b).flatMap(([key, value]) => [rank(value), key, value])
    )
  }
  if (type === "binData") {
    const [x, y] = [bytes(a), bytes(b)]
    return x.length - y.length || compareLists([subType(a), ...x], [subType(b), ...y])
  }
  if (type === "timestamp") return order(BigInt(String(a)), BigInt(String(b)))
  if (left === 1 || type === "minKey" || type === "maxKey") return 0
  return order(key(a), key(b))
}

const subType = (value: unknown): number =>
  typeof value === "object" && value !== null && "sub_type" in value ? Number(value.sub_type) : 0

/** A text that two values share exactly when they are equal. */
export const key = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "number") return `n${value === 0 ? 0 : value}`
  if (typeof value === "boolean") return String(value)
  if (typeof value !== "object" || value === null) return "null"
  if (Array.isArray(value)) return `[${value.map(key).join()}]`
  if (isDate(value)) return `t${value.getTime()}`
  if (isDocument(value)) {
    return `{${Object.entries(value)
      .map(([name, inner]) => `${JSON.stringify(name)}:${key(inner)}`)
      .join()}}`
  }
  const type = typeName(value)
  switch (type) {
    case "long":
    case "decimal":
    case "int":
    case "double":
      return numberKey(value)
    case "binData":
      return `b${subType(value)}:${Buffer.from(bytes(value)).toString("base64")}`
    case "regex":
      return `r${isRegExp(value) ? `${value.source}/${value.flags}` : "pattern" in value && "options" in value ? `${String(value.pattern)}/${String(value.options)}` : ""}`
    case "object":
    case "javascript":
      return `${type}${JSON.stringify(value)}`
    default:
      return `${type}:${textOf(value)}`
  }
}

const numberKey = (value: object): string => {
  const nearest = Number(textOf(value))
  if (compareNumbers(nearest, value) === 0) return key(nearest)
  const [numerator, denominator] = fraction(value) ?? [0n, 1n]
  const divisor = greatestCommonDivisor(numerator < 0n ? -numerator : numerator, denominator)
  return `n${numerator / divisor}/${denominator / divisor}`
}

const greatestCommonDivisor = (a: bigint, b: bigint): bigint => {
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

/** @internal */
export const equals = (a: unknown, b: unknown): boolean => a === b || key(a) === key(b)
