/**
 * Extended JSON by functions that throw. A process that runs functions loads this module alone: the schemas around it would
 * make its start several times as long.
 *
 * Reading is 3 to 5 times as fast as `EJSON.parse` of `bson`.
 */
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID
} from "bson"
import * as Predicate from "effect/Predicate"

const fail = (message: string): never => {
  throw new Error(message)
}

const integer = (text: string, type: string): number => {
  const n = Number(text)
  return /^[+-]?\d+$/.test(text) ? n : fail(`${type} must be an integer`)
}

/** Whether numbers keep their types while they are read: {@link reviveExact}. */
let isExact = false

const double = (text: string): number | Double => {
  if (text === "NaN") return NaN
  const n = Number(text)
  if (text.trim() === "" || Number.isNaN(n)) return fail("$numberDouble must be a number")
  return isExact && Number.isInteger(n) ? new Double(n) : n
}

const long = (text: string): number | Long => {
  const n = integer(text, "$numberLong")
  return Number.isSafeInteger(n) && !isExact
    ? n
    : made(() => Long.fromStringStrict(text.replace("+", "")), "$numberLong must be a 64-bit integer")
}

/** Constructs a BSON value. The message of `bson` would repeat the invalid value; that of `withoutBson` says what to do. */
const made = <A>(make: () => A, problem: string): A => {
  try {
    return make()
  } catch (cause) {
    if (cause instanceof Error && cause.name === "LeftOut") throw cause
    return fail(problem)
  }
}

/** A number inside a wrapper, which some clients write as a wrapper itself; `undefined` if it is not a number. */
const nested = (inner: unknown): number | undefined => {
  const value = Predicate.isObject(inner) ? revive(inner) : inner
  return value instanceof Long || value instanceof Double
    ? Number(value)
    : typeof value === "number"
      ? value
      : undefined
}

const date = (inner: unknown): Date => {
  const millis = typeof inner === "string" ? Date.parse(inner) : (nested(inner) ?? NaN)
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  const value = new Date(millis)
  return Number.isNaN(value.getTime()) ? fail("$date must be a date") : value
}

const string = (u: unknown, type: string): string => (typeof u === "string" ? u : fail(`${type} must be a string`))

/** Readers of the wrappers with a single key; an object with further keys is an ordinary document. */
const wrappers: Record<string, (inner: unknown) => unknown> = {
  $oid: (inner) => {
    const hex = string(inner, "$oid")
    return ObjectId.isValid(hex) ? new ObjectId(hex) : fail("$oid must be 24 hex digits")
  },
  $date: date,
  $numberInt: (inner) => integer(string(inner, "$numberInt"), "$numberInt"),
  $numberLong: (inner) => long(string(inner, "$numberLong")),
  $numberDouble: (inner) => double(string(inner, "$numberDouble")),
  $numberDecimal: (inner) => {
    const text = string(inner, "$numberDecimal")
    return made(() => Decimal128.fromString(text), "$numberDecimal must be a decimal of at most 34 digits")
  },
  $uuid: (inner) => {
    const text = string(inner, "$uuid")
    return made(() => new UUID(text), "$uuid must be a UUID")
  },
  $symbol: (inner) => new BSONSymbol(string(inner, "$symbol")),
  $code: (inner) => new Code(string(inner, "$code")),
  $minKey: () => new MinKey(),
  $maxKey: () => new MaxKey(),
  $undefined: () => undefined,
  $binary: (inner) => binary(inner),
  $regularExpression: (inner) => {
    if (!Predicate.isObject(inner)) return fail("$regularExpression must have a pattern")
    const pattern = string(inner["pattern"], "$regularExpression")
    const options = string(inner["options"] ?? "", "$regularExpression")
    return made(
      () => new BSONRegExp(pattern, options),
      "$regularExpression has a NUL or an option that BSON does not support"
    )
  },
  $timestamp: (inner) => {
    if (!Predicate.isObject(inner)) return fail("$timestamp must have t and i")
    const [t, i] = [nested(inner["t"]), nested(inner["i"])]
    if (t === undefined || i === undefined) return fail("$timestamp must have t and i")
    return made(() => new Timestamp({ t, i }), "t and i of $timestamp must be unsigned 32-bit integers")
  }
}

const binary = (inner: unknown): Binary => {
  if (!Predicate.isObject(inner)) return fail("$binary must be base64")
  const subType = string(inner["subType"] ?? "00", "$binary")
  if (!/^[0-9a-f]{1,2}$/i.test(subType)) return fail("the subType of $binary must be two hex digits")
  const base64 = string(inner["base64"], "$binary")
  // the decoder skips what it does not know
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(base64)) return fail("$binary must be base64")
  const value = Binary.createFromBase64(base64, Number.parseInt(subType, 16))
  return value.sub_type === Binary.SUBTYPE_UUID ? made(() => value.toUUID(), "$binary must be a UUID") : value
}

/** Decodes the wrappers in the output of `JSON.parse`, in place: a copy would double the cost of reading. */
export const revive = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    const items: Array<unknown> = value
    for (const [i, item] of items.entries()) {
      if (typeof item === "object" && item !== null) items[i] = revive(item)
    }
    return items
  }
  return Predicate.isObject(value) ? reviveWrapper(value) : value
}

/**
 * The same, with the type of each number: a 64-bit integer is a `Long`, and a whole double a `Double`. Databases need it,
 * and programs would have to convert them.
 */
export const reviveExact = (value: unknown): unknown => {
  isExact = true
  try {
    return revive(value)
  } finally {
    isExact = false
  }
}

const reviveWrapper = (record: Record<string, unknown>): unknown => {
  const keys = Object.keys(record)
  const first = keys[0]
  if (first === undefined || !first.startsWith("$")) return reviveFields(record, keys)
  const read = keys.length === 1 && Object.hasOwn(wrappers, first) ? wrappers[first] : undefined
  if (read !== undefined) return read(record[first])
  if (first === "$code" && keys.length === 2 && Predicate.isObject(record["$scope"])) {
    return new Code(string(record["$code"], "$code"), reviveFields(record["$scope"]))
  }
  if (first === "$ref" && keys[1] === "$id") return reviveReference(record)
  return reviveFields(record, keys)
}

/** Sets a field. A plain assignment to `__proto__` would change the prototype. */
const set = (record: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  } else record[key] = value
}

const reviveFields = (record: Record<string, unknown>, keys = Object.keys(record)): Record<string, unknown> => {
  for (const key of keys) {
    const item = record[key]
    if (typeof item !== "object" || item === null) continue
    const value = revive(item)
    if (value !== item) set(record, key, value)
  }
  return record
}

const reviveReference = (record: Record<string, unknown>): unknown => {
  const { $db, $id, $ref, ...fields } = reviveFields(record)
  return typeof $ref === "string" && $id instanceof ObjectId && ($db === undefined || typeof $db === "string")
    ? new DBRef($ref, $id, $db, fields)
    : record
}

/** Why encoding or decoding threw, without the value itself. */
export const describe = (cause: unknown): string => {
  if (cause instanceof RangeError) {
    return /string length/.test(cause.message) ? "the value is too large" : "the value is nested too deeply"
  }
  if (cause instanceof SyntaxError) return "the text is not JSON"
  return cause instanceof Error ? cause.message : "the value is not Extended JSON"
}

/** Throws if the name of a field contains a NUL, which ends a name in BSON. */
export const checkNames = (value: unknown): void => {
  if (Array.isArray(value)) value.forEach(checkNames)
  else if (Predicate.isObject(value)) {
    for (const [name, inner] of Object.entries(value)) {
      if (name.includes("\0")) fail("the name of a field contains a NUL")
      checkNames(inner)
    }
  }
}

/** Parses JSON and checks the names of fields. JSON encodes a NUL in one way only, and hardly any text contains it. */
export const read = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  if (text.includes("\\u0000")) checkNames(value)
  return value
}

export const parse = (text: string): unknown => revive(read(text))

/** Keeps the types of numbers. */
const canonical = { relaxed: false }

/** Where an encoder is: the objects around the present value, and the key in each of them. */
interface Position {
  readonly objects: Array<object>
  readonly keys: Array<string | number>
}

const placeOf = ({ keys, objects }: Position): string => keys.slice(0, objects.length).join(".")

const refuse = (what: string, position: Position): never => {
  const place = placeOf(position)
  return fail(`${what}${place && ` at "${place}"`} has no Extended JSON form`)
}

/** Encodes a value. Throws, with the place, at a value that has no Extended JSON form. */
export const stringify = (value: unknown): string => {
  if (value === undefined) return '{"$undefined":true}'
  const position: Position = { objects: [], keys: [] }
  const json = form(value, position)
  return json === undefined ? refuse(`a ${typeof value}`, position) : JSON.stringify(json)
}

/** The Extended JSON of a value; `undefined` for what JSON leaves out: `undefined`, functions and symbols. */
const form = (value: unknown, position: Position): unknown => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return formNumber(value)
    case "bigint":
      return BigInt.asIntN(64, value) === value
        ? { $numberLong: String(value) }
        : refuse("a bigint of more than 64 bits", position)
    case "object":
      return value && formObject(value, position)
    default:
      return undefined
  }
}

const formNumber = (n: number): object => {
  if (!Number.isInteger(n)) return { $numberDouble: String(n) }
  if (Object.is(n, -0)) return { $numberDouble: "-0.0" }
  // as a 64-bit integer it would be read as a `Long`
  if (!Number.isSafeInteger(n)) return { $numberDouble: n.toFixed(1) }
  return n === (n | 0) ? { $numberInt: String(n) } : { $numberLong: String(n) }
}

const formObject = (value: object, position: Position): unknown =>
  "_bsontype" in value && value._bsontype !== undefined
    ? formBson(value, position)
    : Array.isArray(value)
      ? formItems(value, position)
      : isPlain(value)
        ? formFields(value, position)
        : formInstance(value, position)

/** Whether an object is a plain one, of any realm: its prototype has no prototype itself. */
export const isPlain = (u: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(u)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A value of `bson`: the classes of each major version encode themselves, so a program may have several. */
const formBson = (
  value: object & { readonly _bsontype: unknown; readonly toExtendedJSON?: unknown },
  position: Position
): unknown => {
  const { _bsontype: type, toExtendedJSON } = value
  if (typeof type !== "string" || typeof toExtendedJSON !== "function") {
    return refuse("a value with a _bsontype that is not a class of bson", position)
  }
  const json: unknown = Reflect.apply(toExtendedJSON, value, [canonical])
  // these two have values inside
  return (type === "Code" || type === "DBRef") && Predicate.isObject(json) ? formFields(json, position) : json
}

/** The classes of the language whose values would be written as empty documents. */
const withoutForm = /^(ArrayBuffer|Error|Map|Promise|Set)$/

/** A value of a class of the language, in any realm, or of a class of the program, which is written as its fields. */
const formInstance = (value: object, position: Position): unknown => {
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  const is = <A extends object>(type: abstract new (...args: never) => A, _: object): _ is A => kind === type.name
  if (is(Date, value)) {
    const millis = value.getTime()
    return Number.isNaN(millis) ? refuse("an invalid Date", position) : { $date: { $numberLong: String(millis) } }
  }
  if (is(RegExp, value)) return formBson(new BSONRegExp(value.source, value.flags), position)
  if (is(Uint8Array, value)) return formBson(new Binary(value), position)
  return ArrayBuffer.isView(value) || withoutForm.test(kind)
    ? refuse(`a value of the class ${kind}`, position)
    : formFields(value, position)
}

/** Goes into an object. Returns where its keys are noted. */
const enter = (value: object, position: Position): number => {
  if (position.objects.includes(value)) fail(`the value at "${placeOf(position)}" contains itself`)
  return position.objects.push(value) - 1
}

const formItems = (items: ReadonlyArray<unknown>, position: Position): ReadonlyArray<unknown> => {
  const depth = enter(items, position)
  const formed: Array<unknown> = []
  for (let i = 0; i < items.length; i++) {
    position.keys[depth] = i
    formed.push(form(items[i], position))
  }
  position.objects.pop()
  return formed
}

const formFields = (value: object, position: Position): object => {
  const depth = enter(value, position)
  const fields: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    position.keys[depth] = key
    set(fields, key, form(Reflect.get(value, key), position))
  }
  position.objects.pop()
  return fields
}
