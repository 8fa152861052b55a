/**
 * The dialect of document schemas: that of `$jsonSchema`, with more names of types, and `const`. Unknown keywords are
 * ignored, as are those that decide nothing, such as `default`.
 */
import { Binary } from "bson"
import { deciding, type Dialect } from "../../language/JsonSchema.ts"
import { expecting, type Keyword, mismatch, unorderedKey, wrong } from "../../language/schemas/check.ts"
import { objectKeywords, propertiesWith } from "../../language/schemas/objects.ts"
import { canonical, typeNumbers, typeOf } from "../../language/Value.ts"

/** How exact the types of values have to be. */
export type Strictness = "strict" | "lenient"

const isUuid = (value: unknown): boolean => value instanceof Binary && value.sub_type === Binary.SUBTYPE_UUID

const ownNamesOf = (value: unknown): ReadonlyArray<string> => {
  const type = typeOf(value)
  switch (type) {
    case "int":
    case "long":
      return ["integer", type, "number"]
    case "double":
      return [type, "number", "float"]
    case "decimal":
      return [type, "number"]
    case "bool":
      return ["boolean", type]
    case "binData":
      return isUuid(value) ? ["uuid", type] : [type]
    default:
      return [type]
  }
}

/** All names of a value's type. */
export const namesOf = (value: unknown): ReadonlyArray<string> => [...ownNamesOf(value), "mixed"]

/** Further types that a value passes for: clients in JavaScript send a whole number as an int, whatever it is. */
const passesFor = (value: unknown): ReadonlyArray<string> => {
  const type = typeOf(value)
  return type === "int" ? ["long", "double", "float"] : type === "long" ? ["double", "float"] : []
}

const known: ReadonlySet<string> = new Set([
  ...typeNumbers.values(),
  "undefined",
  "dbPointer",
  "number",
  "integer",
  "boolean",
  "float",
  "uuid",
  "mixed"
])

const types =
  (strictness: Strictness): Keyword =>
  (argument, context) => {
    const names: ReadonlyArray<unknown> = Array.isArray(argument) ? argument : [argument]
    if (names.length === 0) wrong(context, "must name at least one type")
    const wanted = new Set<string>()
    for (const name of names) {
      if (typeof name !== "string") return mismatch(context, "a string, or an array of strings")
      wanted.add(known.has(name) ? name : wrong(context, `has an unknown type: '${name}'`))
    }
    const isWanted = (name: string) => wanted.has(name)
    return expecting(
      context,
      `a value of the type ${names.join(" or ")}`,
      (value) => namesOf(value).some(isWanted) || (strictness === "lenient" && passesFor(value).some(isWanted))
    )
  }

const constant: Keyword = (argument, context) => {
  const key = unorderedKey(canonical(argument))
  return expecting(context, "the value that is given", (value) => unorderedKey(value) === key)
}

/** `required`, which exports write with an empty array too, with a name twice, or as a boolean beside a type. */
const required: Keyword = (argument, context) => {
  if (typeof argument === "boolean") return undefined
  const names: unknown = Array.isArray(argument) ? [...new Set(argument)] : argument
  return Array.isArray(names) && names.length === 0 ? undefined : objectKeywords["required"]?.(names, context)
}

const make = (strictness: Strictness): Dialect => ({
  keywords: new Map<string, Keyword>([
    ...deciding,
    ["type", types(strictness)],
    ["bsonType", types(strictness)],
    ["const", constant],
    ["required", required],
    ["properties", propertiesWith(strictness === "lenient")]
  ]),
  unknown: () => undefined,
  allowsBothTypes: true
})

/** The dialects by their strictness. A lenient one takes null for a missing field that is not required, too. */
export const dialects: Readonly<Record<Strictness, Dialect>> = { strict: make("strict"), lenient: make("lenient") }
