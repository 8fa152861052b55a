/** The conditions of one field: `5`, `/x/`, `{ $gt: 1, $lt: 5 }`. */
import { BSONRegExp } from "bson"
import { spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { codes, invalid, unsupported } from "../LanguageError.ts"
import { toWhole } from "../numbers.ts"
import { fieldOf } from "../paths.ts"
import { check } from "../regex.ts"
import { type Document, isA, isDocument, isNumeric, type TypeName, typeNumbers, typeOf } from "../Value.ts"
import { equalTo, oneOf, ordered, type Ordering, regexMatch } from "./comparisons.ts"
import { every, type FieldTest, never, not, type Predicate, type Run, someArray, someValue } from "./condition.ts"
import { bits, type BitsOperator, mod } from "./numbers.ts"

/** How a filter is compiled. */
export type CompileFilter = (filter: Document) => Predicate

/** What conditions are compiled with. */
export interface Compiler {
  /** Compiles the filter in `$elemMatch`. */
  readonly filter: CompileFilter
  readonly collation: Collation
}

/** Whether a value is operators, and neither a value to be equal to nor a reference to a document. */
export const isOperators = (value: unknown): value is Document => {
  if (!isDocument(value)) return false
  const [first] = Object.keys(value)
  return first !== undefined && first.startsWith("$") && !isReference(value)
}

const isReference = (value: Document): boolean => Object.hasOwn(value, "$ref") && Object.hasOwn(value, "$id")

/** The names that the fields of references have: no operators, though they look like them. */
export const referenceFields: ReadonlySet<string> = new Set(["$ref", "$id", "$db"])

/** Compiles what stands behind the name of a field. */
export const compileField = (condition: unknown, compiler: Compiler): FieldTest => {
  if (isA(condition, "BSONRegExp")) return someValue(regexMatch(condition))
  return isOperators(condition)
    ? compileOperators(condition, compiler)
    : someValue(equalTo(condition, compiler.collation))
}

const compileOperators = (operators: Document, compiler: Compiler): FieldTest =>
  every(
    Object.entries(operators)
      // it is a part of `$regex`
      .filter(([name]) => name !== "$options" || !Object.hasOwn(operators, "$regex"))
      .map(([name, argument]) => compileOperator(name, argument, operators, compiler))
  )

const unsupportedOperators: Readonly<Record<string, string>> = {
  $near: "there are no geospatial queries",
  $nearSphere: "there are no geospatial queries",
  $geoNear: "there are no geospatial queries",
  $geoWithin: "there are no geospatial queries",
  $geoIntersects: "there are no geospatial queries",
  $within: "there are no geospatial queries",
  $maxDistance: "there are no geospatial queries",
  $minDistance: "there are no geospatial queries",
  $uniqueDocs: "there are no geospatial queries"
}

const compileOperator = (name: string, argument: unknown, beside: Document, compiler: Compiler): FieldTest => {
  switch (name) {
    case "$eq":
      return someValue(equalTo(argument, compiler.collation))
    case "$ne":
      if (isA(argument, "BSONRegExp")) invalid("$ne takes no regular expression: use $not")
      return not(someValue(equalTo(argument, compiler.collation)))
    case "$gt":
    case "$gte":
    case "$lt":
    case "$lte":
      return someValue(ordering(name, argument, compiler.collation))
    case "$in":
      return someValue(oneOf(members(name, argument), compiler.collation))
    case "$nin":
      return not(someValue(oneOf(members(name, argument), compiler.collation)))
    case "$not":
      return negation(argument, compiler)
    case "$exists":
      return isTrue(argument) ? exists : not(exists)
    case "$type":
      return someValue(ofTypes(argument))
    case "$mod":
      return someValue(mod(argument))
    case "$regex":
      return someValue(regexMatch(regexOf(argument, beside)))
    case "$options":
      return invalid("$options needs a $regex beside it")
    case "$size":
      return ofSize(argument)
    case "$all":
      return allOf(argument, compiler)
    case "$elemMatch":
      return elemMatch(argument, compiler)
    case "$bitsAllSet":
    case "$bitsAllClear":
    case "$bitsAnySet":
    case "$bitsAnyClear":
      return someValue(bits(name satisfies BitsOperator, argument))
    case "$comment":
      return always
    case "$where":
      return invalid("$where cannot be applied to a field")
    default:
      return Object.hasOwn(unsupportedOperators, name)
        ? unsupported(name, unsupportedOperators[name])
        : invalid(`unknown operator: ${name}`)
  }
}

const always: FieldTest = { single: () => true, at: () => () => true }

const exists: FieldTest = someValue((value) => value !== undefined)

/** Any value but false, null and the zeros means yes. */
const isTrue = (value: unknown): boolean =>
  value !== false && value !== null && value !== undefined && !(isNumeric(value) && toWhole(value) === 0)

const ordering = (operator: Ordering, argument: unknown, collation: Collation) => {
  if (isA(argument, "BSONRegExp")) invalid(`${operator} takes no regular expression`)
  return ordered(operator, argument, collation)
}

const members = (name: string, argument: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(argument)) return invalid(`${name} needs an array`)
  const nested = argument.find(isOperators)
  if (nested !== undefined) invalid(`${name} takes values, and no operators such as ${Object.keys(nested)[0] ?? ""}`)
  return argument
}

const negation = (argument: unknown, compiler: Compiler): FieldTest => {
  if (isA(argument, "BSONRegExp")) return not(someValue(regexMatch(argument)))
  if (!isDocument(argument)) return invalid("$not needs a regular expression or a document of operators")
  if (Object.keys(argument).length === 0) invalid("$not cannot be empty")
  return not(compileOperators(argument, compiler))
}

const aliases: ReadonlySet<string> = new Set([...typeNumbers.values(), "undefined", "dbPointer"])
const numbers: ReadonlySet<TypeName> = new Set<TypeName>(["int", "long", "double", "decimal"])

const ofTypes = (argument: unknown) => {
  const wanted = new Set((Array.isArray(argument) ? argument : [argument]).map(typeNamed))
  if (wanted.size === 0) invalid("$type must match at least one type", codes.FailedToParse)
  const anyNumber = wanted.has("number")
  return (value: unknown): boolean => {
    const type = typeOf(value)
    return wanted.has(type) || (anyNumber && numbers.has(type))
  }
}

const typeNamed = (type: unknown): string => {
  if (typeof type === "string") {
    return aliases.has(type) || type === "number" ? type : invalid(`unknown type name alias: ${type}`)
  }
  if (!isNumeric(type)) return invalid("$type takes names or numbers of types", codes.TypeMismatch)
  const number = toWhole(type)
  if (number === 0) invalid("there is no type 0: use { $exists: false }")
  const name = number === 6 ? "undefined" : number === 12 ? "dbPointer" : typeNumbers.get(number ?? 0)
  return name ?? invalid(`unknown type number: ${String(type)}`)
}

const regexOf = (argument: unknown, beside: Document): BSONRegExp => {
  const options = fieldOf(beside, "$options")
  if (options !== undefined && typeof options !== "string") invalid("$options has to be a string")
  const given = typeof options === "string" ? options : ""
  if (typeof argument === "string") {
    check(argument, given)
    return new BSONRegExp(argument, given)
  }
  if (!isA(argument, "BSONRegExp")) return invalid("$regex has to be a string or a regular expression")
  if (typeof options !== "string") return argument
  if (argument.options !== "") invalid("options are set both in $regex and in $options", 51075)
  check(argument.pattern, options)
  return new BSONRegExp(argument.pattern, options)
}

const ofSize = (argument: unknown): FieldTest => {
  const size = isNumeric(argument) ? toWhole(argument) : undefined
  if (size === undefined) return invalid("$size needs a whole number", codes.FailedToParse)
  if (size < 0) invalid("$size may not be negative", codes.FailedToParse)
  return someArray((values) => (values.length === size ? -1 : undefined))
}

const allOf = (argument: unknown, compiler: Compiler): FieldTest => {
  if (!Array.isArray(argument)) return invalid("$all needs an array")
  if (argument.length === 0) return never
  const isElemMatch = (value: unknown) => isDocument(value) && Object.keys(value)[0] === "$elemMatch"
  if (isElemMatch(argument[0])) {
    if (!argument.every(isElemMatch)) invalid("$all takes either values or $elemMatch alone")
  } else if (argument.some(isOperators)) invalid("$all takes values, or $elemMatch in each of its elements")
  return every(argument.map((value: unknown) => compileField(value, compiler)))
}

const treeOperators = new Set([
  "$and",
  "$or",
  "$nor",
  "$expr",
  "$where",
  "$text",
  "$comment",
  "$jsonSchema",
  "$sampleRate",
  "$alwaysTrue",
  "$alwaysFalse"
])

const elemMatch = (argument: unknown, compiler: Compiler): FieldTest => {
  if (!isDocument(argument)) return invalid("$elemMatch needs an object")
  const [first] = Object.keys(argument)
  if (isOperators(argument) && first !== undefined && !treeOperators.has(first) && !referenceFields.has(first)) {
    const { single } = compileOperators(argument, compiler)
    return someArray((values) => {
      spend(values.length)
      return found(values.findIndex(single))
    })
  }
  const matches = compiler.filter(argument)
  return someArray((values) => {
    spend(values.length)
    const run: Run = { frame: undefined, isRecording: false, index: -1 }
    return found(
      values.findIndex((value) => {
        if (isDocument(value)) return matches(value, run)
        // to an array, its indexes are the names of its fields
        return Array.isArray(value) && matches(Object.fromEntries(value.entries()), run)
      })
    )
  })
}

const found = (index: number): number | undefined => (index < 0 ? undefined : index)
