/** The keywords `type`, with the names of JSON, and `bsonType`, with those of BSON. */
import { unsupported } from "../LanguageError.ts"
import { type TypeName, typeNumbers, typeOf } from "../Value.ts"
import { type Context, expecting, type Keyword, mismatch, wrong } from "./check.ts"

const numbers: ReadonlyArray<TypeName> = ["int", "long", "double", "decimal"]

const jsonTypes: ReadonlyMap<string, ReadonlyArray<string>> = new Map<string, ReadonlyArray<string>>([
  ["array", ["array"]],
  ["boolean", ["bool"]],
  ["null", ["null"]],
  ["number", numbers],
  ["object", ["object"]],
  ["string", ["string"]]
])

const bsonTypes: ReadonlyMap<string, ReadonlyArray<string>> = new Map<string, ReadonlyArray<string>>([
  ...[...typeNumbers.values()].map((name): [string, ReadonlyArray<string>] => [name, [name]]),
  // BSON has them, and documents do not
  ["undefined", []],
  ["dbPointer", []],
  ["number", numbers]
])

const named =
  (types: ReadonlyMap<string, ReadonlyArray<string>>): Keyword =>
  (argument, context) => {
    const names: ReadonlyArray<unknown> = Array.isArray(argument) ? argument : [argument]
    if (names.length === 0) wrong(context, "must name at least one type")
    const wanted = new Set(names.flatMap((name) => typesOf(name, types, context)))
    return expecting(context, `a value of the type ${names.join(" or ")}`, (value) => wanted.has(typeOf(value)))
  }

const typesOf = (
  name: unknown,
  types: ReadonlyMap<string, ReadonlyArray<string>>,
  context: Context
): ReadonlyArray<string> => {
  if (typeof name !== "string") return mismatch(context, "a string, or an array of strings")
  if (name === "integer" && context.name === "type") unsupported("the type 'integer' in a schema", "use bsonType")
  return types.get(name) ?? wrong(context, `has an unknown type: '${name}'`)
}

export const typeKeywords: Readonly<Record<string, Keyword>> = { type: named(jsonTypes), bsonType: named(bsonTypes) }
