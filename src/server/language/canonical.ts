/** What JavaScript gives as the values of the language, each in the one form that it has there. */
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID
} from "bson"
import { make } from "./budget.ts"
import { codes, invalid } from "./LanguageError.ts"

/**
 * What becomes of a field whose value is `undefined`, a function or a symbol: a document that is stored is stored
 * without it, and a filter asks for null instead, since without it a filter would ask for everything.
 */
export type Nothing = "drop" | "null"

/** As in MongoDB. What is nested deeper could be stored, and would then fail for all who read it. */
const mostLevels = 200

/** How a value is on its way: where it stands, and in what. */
interface Walk {
  readonly nothing: Nothing
  readonly path: Array<string | number>
  /** The values around it: one that contains itself would be among them. */
  readonly around: Array<object>
}

/**
 * The canonical form of a value, made of new objects: what is changed later in the value given is not changed in it.
 *
 * Fails with a `LanguageError` that names the path of a value that BSON has no form for.
 */
export const canonical = (value: unknown, nothing: Nothing = "drop"): unknown =>
  canonicalValue(value, { nothing, path: [], around: [] })

const refuse = ({ path }: Walk, what: string, code?: number): never =>
  invalid(`${what}${path.length === 0 ? "" : ` (at '${path.join(".")}')`}`, code)

const noForm = (walk: Walk, what: string): never =>
  refuse(walk, `${what} has no form in BSON: give a value of the types that documents have`)

const canonicalValue = (value: unknown, walk: Walk): unknown => {
  switch (typeof value) {
    case "string":
      return wellFormed(value)
    case "number":
    case "boolean":
      return value
    case "bigint":
      return BigInt.asIntN(64, value) === value
        ? Long.fromBigInt(value)
        : refuse(walk, "an integer beyond 64 bits cannot be stored")
    case "object":
      return value === null ? null : canonicalObject(value, walk)
    case "undefined":
    case "function":
    case "symbol":
      return null
  }
}

/** UTF-8 has no half of a surrogate pair. */
const wellFormed = (text: string): string => (halves.test(text) ? text.replaceAll(halfPairs, "\uFFFD") : text)

// the first sees whole pairs too, and is much faster
const halves = /[\ud800-\udfff]/
const halfPairs = /\p{Surrogate}/gu

const isNothing = (value: unknown): boolean =>
  value === undefined || typeof value === "function" || typeof value === "symbol"

const canonicalObject = (value: object, walk: Walk): unknown => {
  make()
  if (isPlain(value)) return canonicalDocument(value, walk)
  if (Array.isArray(value)) return canonicalList(value, walk)
  // most of what is stored is of these classes
  if (value instanceof ObjectId) return value
  if (value instanceof Date) return canonicalDate(value, walk)
  const tag = get(value, "_bsontype")
  if (typeof tag === "string") return canonicalBson(value, tag, walk)
  const toBson = get(value, "toBSON")
  if (typeof toBson === "function") {
    enter(walk, value)
    const made = canonicalValue(Reflect.apply(toBson, value, []), walk)
    walk.around.pop()
    return made
  }
  return canonicalBuiltin(value, walk)
}

/** Objects of another JavaScript realm have another prototype, and their own is what its objects end in. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** What JavaScript itself says an object is: it is the same in every realm. */
const canonicalBuiltin = (value: object, walk: Walk): unknown => {
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  switch (kind) {
    case "Object":
      return canonicalDocument(value, walk)
    case "Date":
      return canonicalDate(value, walk)
    case "RegExp":
      return canonicalRegex(String(get(value, "source")), String(get(value, "flags")).replaceAll(/[^imsx]/g, ""), walk)
    case "Uint8Array":
      return ArrayBuffer.isView(value) ? new Binary(bytes(value)) : noForm(walk, "an object")
    case "String":
    case "Number":
    case "Boolean":
    case "BigInt":
      return canonicalValue(value.valueOf(), walk)
    default:
      return noForm(walk, `a value of the class ${kind}`)
  }
}

const bytes = ({ buffer, byteLength, byteOffset }: ArrayBufferView): Uint8Array =>
  Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength))

const canonicalDate = (value: object, walk: Walk): Date => {
  const millis = Number(value.valueOf())
  // @effect-diagnostics-next-line globalDate:off -- dates of BSON are dates of JavaScript
  return Number.isNaN(millis) ? refuse(walk, "an invalid date cannot be stored") : new Date(millis)
}

const canonicalRegex = (pattern: string, options: string, walk: Walk): BSONRegExp => {
  if (pattern.includes("\0")) refuse(walk, "a regular expression with a NUL cannot be stored")
  const unknown = /[^ilmsux]/.exec(options)
  if (unknown !== null) refuse(walk, `the option "${unknown[0]}" of a regular expression is unknown`)
  return new BSONRegExp(pattern, [...new Set(options)].toSorted().join(""))
}

const enter = (walk: Walk, value: object): void => {
  if (walk.around.includes(value)) refuse(walk, "a value that contains itself cannot be stored")
  if (walk.around.length >= mostLevels) {
    refuse(walk, `nothing may be nested more than ${mostLevels} levels deep`, codes.Overflow)
  }
  walk.around.push(value)
}

const canonicalList = (values: ReadonlyArray<unknown>, walk: Walk): Array<unknown> => {
  make(values.length)
  enter(walk, values)
  // a list may have holes
  const out = Array.from(values, (item, i) => at(walk, i, item))
  walk.around.pop()
  return out
}

const at = (walk: Walk, key: string | number, value: unknown): unknown => {
  if (typeof value !== "object" && typeof value !== "bigint") return canonicalValue(value, walk)
  walk.path.push(key)
  const made = canonicalValue(value, walk)
  walk.path.pop()
  return made
}

const canonicalDocument = (value: object, walk: Walk): unknown => {
  enter(walk, value)
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const item: unknown = Reflect.get(value, key)
    if (walk.nothing === "drop" && isNothing(item)) continue
    checkName(key, walk)
    const made = at(walk, key, item)
    if (key === "__proto__") {
      Object.defineProperty(out, key, { value: made, enumerable: true, configurable: true, writable: true })
    } else out[wellFormed(key)] = made
  }
  walk.around.pop()
  return out
}

const checkName = (key: string, walk: Walk): void => {
  if (key.includes("\0")) refuse(walk, "a name of a field with a NUL cannot be stored")
  if (key === "_bsontype") refuse(walk, `a field of the name "_bsontype" cannot be stored: it marks a value of bson`)
}

const get = (value: object, key: string): unknown => Reflect.get(value, key)

/** A member of a value that may be of any version of `bson`: older ones end some of their names in a low line. */
const int32 = (value: object, name: string): number => Number(get(value, name) ?? get(value, `${name}_`)) | 0

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

const signed = (value: object): Long => new Long(int32(value, "low"), int32(value, "high"))

const canonicalBson = (value: object, tag: string, walk: Walk): unknown => {
  switch (tag) {
    case "Int32":
      return int32(value, "value")
    case "Double":
      return canonicalDouble(Number(get(value, "value")))
    case "Long":
      return signed(value)
    case "Timestamp":
      return new Timestamp(new Long(int32(value, "low"), int32(value, "high"), true))
    case "ObjectId":
    case "ObjectID":
      return value instanceof ObjectId ? value : new ObjectId(text(value, "toHexString"))
    case "Decimal128":
      return value instanceof Decimal128 ? value : new Decimal128(view(get(value, "bytes"), walk))
    case "UUID":
      return new UUID(text(value, "toHexString"))
    case "Binary":
      return canonicalBinary(value, walk)
    case "BSONRegExp":
      return canonicalRegex(String(get(value, "pattern")), textOf(get(value, "options")), walk)
    case "BSONSymbol":
    case "Symbol":
      return new BSONSymbol(wellFormed(String(get(value, "value"))))
    case "Code":
      return canonicalCode(value, walk)
    case "DBRef":
      return canonicalReference(value, walk)
    case "MinKey":
      return new MinKey()
    case "MaxKey":
      return new MaxKey()
    default:
      return noForm(walk, `a value of the type ${tag}`)
  }
}

/** A `Double` is needed only where a plain number would be an int. */
const canonicalDouble = (value: number): unknown =>
  (value | 0) === value && !Object.is(value, -0) ? new Double(value) : value

const text = (value: object, method: string): string => {
  const call = get(value, method)
  return typeof call === "function" ? String(Reflect.apply(call, value, [])) : ""
}

const view = (value: unknown, walk: Walk): Uint8Array =>
  ArrayBuffer.isView(value) ? bytes(value) : noForm(walk, "a value of bson without bytes")

const canonicalBinary = (value: object, walk: Walk): Binary => {
  const all = view(get(value, "buffer") ?? get(value, "id"), walk)
  const position = get(value, "position")
  const used = typeof position === "number" ? all.slice(0, position) : all
  const subType = Number(get(value, "sub_type") ?? 0)
  return subType === Binary.SUBTYPE_UUID && used.length === 16 ? new UUID(used) : new Binary(used, subType)
}

const canonicalCode = (value: object, walk: Walk): Code => {
  const scope = get(value, "scope")
  const code = wellFormed(String(get(value, "code")))
  return typeof scope === "object" && scope !== null
    ? new Code(code, { ...Object(at(walk, "scope", scope)) })
    : new Code(code)
}

/** A reference is a document of three fields and what else it has. */
const canonicalReference = (value: object, walk: Walk): unknown => {
  const name = get(value, "collection") ?? get(value, "namespace")
  const database = get(value, "db")
  const fields = get(value, "fields")
  return canonicalDocument(
    {
      $ref: name,
      $id: get(value, "oid"),
      ...(typeof database === "string" && database !== "" ? { $db: database } : undefined),
      ...(typeof fields === "object" ? fields : undefined)
    },
    walk
  )
}
