/** Reads the fields of a command. Fields that are not known are refused, as MongoDB does. */
import { Double, Int32, Long } from "bson"
import * as Effect from "effect/Effect"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Document } from "../../data/Operation.ts"
import { failure, unsupported } from "./errors.ts"

/** Reads a field, or throws a `DatabaseError`. The value is `undefined` where the command does not have the field. */
export type Field<A> = (value: unknown, name: string) => A

type Fields = Readonly<Record<string, Field<unknown>>>

type Values<F extends Fields> = { readonly [Name in keyof F]: ReturnType<F[Name]> }

/** Fields that every command may have. */
const general = new Set([
  "$db",
  "$readPreference",
  "$clusterTime",
  "apiVersion",
  "apiStrict",
  "apiDeprecationErrors",
  "autocommit",
  "comment",
  "lsid",
  "maxTimeMS",
  "readConcern",
  "startTransaction",
  "stmtId",
  "stmtIds",
  "txnNumber",
  "writeConcern"
])

/** The name of a command: that of its first field. */
export const nameOf = (command: Document): string => Object.keys(command)[0] ?? ""

/** Reads the fields of a command. */
export const read = <const F extends Fields>(command: Document, fields: F): Effect.Effect<Values<F>, DatabaseError> =>
  Effect.try({
    try: () => readAll(command, fields, nameOf(command), general),
    catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
  })

/** Reads the fields of a document, or throws. */
export const readAll = <const F extends Fields>(
  document: Document,
  fields: F,
  where: string,
  others: ReadonlySet<string> = new Set()
): Values<F> => {
  for (const name of Object.keys(document)) {
    if (!Object.hasOwn(fields, name) && !others.has(name)) {
      throw failure("IDLUnknownField", `BSON field '${where}.${name}' is an unknown field.`)
    }
  }
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    values[name] = field(Object.hasOwn(document, name) ? document[name] : undefined, `${where}.${name}`)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value is what its field made of it
  return values as Values<F>
}

/** The number that a value of any of MongoDB's types of numbers is. */
export const numberOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return value
  if (value instanceof Int32 || value instanceof Double) return value.value
  return value instanceof Long ? value.toNumber() : undefined
}

const wrongType = (name: string, value: unknown, expected: string) =>
  failure("TypeMismatch", `BSON field '${name}' is the wrong type '${typeName(value)}', expected type '${expected}'`)

const typeName = (value: unknown): string => {
  if (value === null) return "null"
  if (typeof value === "boolean") return "bool"
  if (typeof value === "string") return "string"
  if (Array.isArray(value)) return "array"
  return typeof value === "object" && "_bsontype" in value ? String(value._bsontype) : "object"
}

const missing = (name: string) => failure("IDLFailedToParse", `BSON field '${name}' is missing but a required field`)

export const optional =
  <A>(field: Field<A>): Field<A | undefined> =>
  (value, name) =>
    value === undefined || value === null ? undefined : field(value, name)

const required =
  <A>(expected: string, is: (value: unknown) => A | undefined): Field<A> =>
  (value, name) => {
    if (value === undefined) throw missing(name)
    const found = is(value)
    if (found === undefined) throw wrongType(name, value, expected)
    return found
  }

export const text = required("string", (value) => (typeof value === "string" ? value : undefined))

export const document = required("object", (value) => (isDocument(value) ? value : undefined))

export const number = required("number", numberOf)

/** A boolean, or a number in place of it. */
export const flag: Field<boolean> = (value, name) => {
  if (value === undefined || value === null) return false
  if (typeof value === "boolean") return value
  const found = numberOf(value)
  if (found === undefined) throw wrongType(name, value, "bool")
  return found !== 0
}

export const documents = required("array", (value) =>
  Array.isArray(value) && value.every(isDocument) ? value : undefined
)

/** A whole number that is not negative. */
export const count: Field<number> = (value, name) => {
  const found = number(value, name)
  if (Number.isSafeInteger(found) && found >= 0) return found
  throw failure("BadValue", `BSON field '${name}' value must be a whole number >= 0, actual value '${found}'`)
}

/** Any value, as it is. */
export const anything: Field<unknown> = (value) => value

/** A field that has no effect here, whatever its value: a hint how to do what is done anyway. */
export const ignored: Field<undefined> = () => undefined

/** A field whose effect is not supported: only values without an effect are accepted. */
const without =
  (hasEffect: (value: unknown) => boolean): Field<undefined> =>
  (value, name) => {
    if (hasEffect(value)) throw unsupported(`the option ${name}`)
    return undefined
  }

const isEmpty = (value: unknown): boolean => isDocument(value) && Object.keys(value).length === 0

export const refused = without((value) => value !== undefined && value !== null && value !== false && !isEmpty(value))

/** How strings are compared. */
export const collation = optional(document)

/** Only the simple collation, which compares bytes: where another one would be that of a collection. */
export const simpleCollation = without(
  (value) =>
    value !== undefined && value !== null && !isEmpty(value) && !(isDocument(value) && value["locale"] === "simple")
)
