/** The scalars of BSON, and the values of clients as those of documents. */
import { Decimal128, Double, Int32, Long, ObjectId, Timestamp, UUID } from "bson"
import * as Option from "effect/Option"
import * as DateTime from "effect/DateTime"
import {
  GraphQLBoolean,
  GraphQLError,
  GraphQLFloat,
  GraphQLInt,
  GraphQLScalarType,
  GraphQLString,
  Kind
} from "./internal/graphqlJs.ts"
import type { ScalarName, ScalarShape, Shape } from "./shapes.ts"

const invalid = (name: ScalarName, value: unknown): never => {
  throw new GraphQLError(`${JSON.stringify(value)} is not a valid ${name}`)
}

/** A literal is read like a variable: as a string or a number. */
const scalar = (
  name: ScalarName,
  description: string,
  write: (value: unknown) => unknown,
  read: (value: string | number) => unknown
): GraphQLScalarType => {
  const parse = (value: unknown): unknown =>
    (typeof value === "string" || typeof value === "number" ? read(value) : undefined) ?? invalid(name, value)
  return new GraphQLScalarType({
    name,
    description,
    coerceOutputValue: write,
    coerceInputValue: parse,
    coerceInputLiteral: (literal) =>
      literal.kind === Kind.STRING
        ? parse(literal.value)
        : literal.kind === Kind.INT
          ? parse(name === "Long" ? literal.value : Number(literal.value))
          : invalid(name, literal.kind)
  })
}

/** RFC 3339, without fractions of zero. */
const instant = (value: unknown): unknown => {
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  const date = value instanceof Timestamp ? new Date(value.getHighBitsUnsigned() * 1000) : value
  return date instanceof Date && !Number.isNaN(date.getTime())
    ? date.toISOString().replace(/\.000Z$/, "Z")
    : typeof value === "string"
      ? value
      : invalid("DateTime", value)
}

const readInstant = (value: string | number): Date | undefined =>
  Option.getOrUndefined(Option.map(DateTime.make(value), DateTime.toDateUtc))

const writeLong = (value: unknown): unknown => {
  const text = value instanceof Long || typeof value === "number" ? String(value) : String(plain(value))
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : text
}

const readLong = (value: string | number): Long | undefined =>
  /^-?\d{1,19}$/.test(String(value)) ? Long.fromString(String(value)) : undefined

const text = (value: unknown): string => (value instanceof ObjectId ? value.toHexString() : String(value))

const own = {
  ObjectId: scalar("ObjectId", "The 24 hexadecimal digits of an ObjectId.", text, (value) =>
    typeof value === "string" && /^[0-9a-f]{24}$/i.test(value) ? new ObjectId(value) : undefined
  ),
  DateTime: scalar("DateTime", "A moment, as text by RFC 3339.", instant, readInstant),
  Long: scalar("Long", "A whole number of 64 bits.", writeLong, readLong),
  UUID: scalar("UUID", "A UUID.", text, (value) =>
    typeof value === "string" && UUID.isValid(value) ? new UUID(value) : undefined
  )
}

export const scalars: Readonly<Record<ScalarName, GraphQLScalarType>> = {
  ...own,
  Int: GraphQLInt,
  Float: GraphQLFloat,
  Boolean: GraphQLBoolean,
  String: GraphQLString
}

/** A number of BSON as one of JavaScript. */
const plain = (value: unknown): unknown =>
  value instanceof Long || value instanceof Double || value instanceof Int32 || value instanceof Decimal128
    ? Number(value.toString())
    : value

/** A value of a document as the scalar is made of. */
export const output = ({ scalar }: ScalarShape, value: unknown): unknown =>
  scalar === "Int" || scalar === "Float" ? plain(value) : value

const scalarInput = ({ bsonType }: ScalarShape, value: unknown): unknown => {
  if (typeof value === "number" && (bsonType === "double" || bsonType === "float")) return new Double(value)
  return typeof value === "number" && bsonType === "decimal" ? Decimal128.fromString(String(value)) : value
}

/** A client's value as a document has it. */
export const input = (shape: Shape, value: unknown): unknown => {
  if (value === null || value === undefined) return value
  if (shape._tag === "List") {
    const items: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
    return items.map((item) => input(shape.of, item))
  }
  if (shape._tag === "Scalar") return scalarInput(shape, value)
  const document: Record<string, unknown> = {}
  for (const { key, name, shape: inner } of shape.fields) {
    const given: unknown = Reflect.get(Object(value), name)
    if (given !== undefined) document[key] = input(inner, given)
  }
  return document
}
