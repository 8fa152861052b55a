/** The modifiers of arrays: what each may be given, and how it changes the array at its path. */
import { make, spend } from "../budget.ts"
import { type Collation, simple } from "../Collation.ts"
import type { Environment } from "../Environment.ts"
import * as Filter from "../Filter.ts"
import { codes, failed, invalid, unsupported } from "../LanguageError.ts"
import { isNumber, toWhole } from "../numbers.ts"
import { isA, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { idShown } from "./context.ts"
import { shown } from "../messages.ts"
import type { Context } from "./tree.ts"
import { creating, existing } from "./modifiers.ts"
import type { Modifier } from "./modifiers.ts"
import { isIndex } from "./tree.ts"

const whole = (value: Value, what: string): number => {
  const number = isNumber(value) ? toWhole(value) : undefined
  if (number !== undefined) return number
  return invalid(`The value for ${what} must be an integer value but was given type: ${typeOf(value)}`)
}

const eachOf = (operator: string, each: Value): ReadonlyArray<Value> =>
  Array.isArray(each)
    ? each
    : invalid(
        `The argument to $each in ${operator} must be an array but it was of type: ${typeOf(each)}`,
        codes.TypeMismatch
      )

const push: Modifier = (argument, _, { collation = simple }) => {
  if (!isDocument(argument) || !Object.hasOwn(argument, "$each")) {
    return {
      ...creating((value, context) => [...arrayOf(value, context), argument]),
      appends: ({ length }) => length > 0
    }
  }
  const clauses = clausesOf(argument, collation)
  const change = creating((value, context) => {
    const before = arrayOf(value, context)
    if (clauses.each.length === 0 && clauses.order === undefined && clauses.slice === undefined) return value ?? []
    const after = pushed(before, clauses)
    return value !== undefined && sameElements(before, after) ? value : after
  })
  return { ...change, appends: (before, after) => isAppended(before, after, clauses) }
}

/** As in MongoDB, an array that was empty or is sorted is told as a whole. */
const isAppended = (
  { length }: ReadonlyArray<Value>,
  after: ReadonlyArray<Value>,
  { each, order, position = Infinity }: Clauses
): boolean => order === undefined && length > 0 && position > length && after.length === length + each.length

const sameElements = (a: ReadonlyArray<Value>, b: ReadonlyArray<Value>): boolean =>
  a.length === b.length && a.every((value, i) => Object.is(value, b[i]))

const arrayOf = (value: Value, context: Context): ReadonlyArray<Value> => {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    return failed(
      `The field '${context.path.join(".")}' must be an array but is of type ${typeOf(value)} in document ${idShown(context)}`
    )
  }
  make(value.length)
  return value
}

interface Clauses {
  readonly each: ReadonlyArray<Value>
  readonly position: number | undefined
  readonly slice: number | undefined
  readonly order: ((a: Value, b: Value) => number) | undefined
}

const clausesOf = (argument: Document, collation: Collation): Clauses => {
  for (const name of Object.keys(argument)) {
    if (!["$each", "$position", "$slice", "$sort"].includes(name)) {
      invalid(`Unrecognized clause in $push: ${name}: $each, $position, $slice and $sort are known`)
    }
  }
  return {
    each: eachOf("$push", argument["$each"]),
    position: "$position" in argument ? whole(argument["$position"], "$position") : undefined,
    slice: "$slice" in argument ? whole(argument["$slice"], "$slice") : undefined,
    order: "$sort" in argument ? orderOf(argument["$sort"], collation) : undefined
  }
}

const pushed = (before: ReadonlyArray<Value>, { each, position, slice, order }: Clauses): ReadonlyArray<Value> => {
  make(each.length)
  let after = [...before]
  if (position === undefined) after.push(...each)
  else after.splice(position < 0 ? Math.max(0, after.length + position) : position, 0, ...each)
  if (order !== undefined) after.sort(order)
  if (slice !== undefined) after = slice < 0 ? after.slice(slice) : after.slice(0, slice)
  return after
}

const direction = (value: Value): 1 | -1 => {
  const number = isNumber(value) ? toWhole(value) : undefined
  if (number === 1 || number === -1) return number
  return invalid(`The $sort element value must be either 1 or -1, not ${shown(value)}`)
}

/** The order of `$sort` in `$push`: of whole elements, or of fields in them, without a look into arrays. */
const orderOf = (spec: Value, { compare }: Collation): ((a: Value, b: Value) => number) => {
  const compared = (a: Value, b: Value): number => {
    spend()
    return compare(a, b)
  }
  if (!isDocument(spec)) {
    if (!isNumber(spec)) {
      invalid("The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
    }
    const sign = direction(spec)
    return (a, b) => sign * compared(a, b)
  }
  const keys = Object.entries(spec).map(([path, value]) => ({ parts: sortParts(path), sign: direction(value) }))
  if (keys.length === 0) invalid("The $sort pattern is empty when it should be a set of fields.")
  return (a, b) => {
    for (const { parts, sign } of keys) {
      const order = compared(valueAt(a, parts), valueAt(b, parts))
      if (order !== 0) return sign * order
    }
    return 0
  }
}

const sortParts = (path: string): ReadonlyArray<string> => {
  const parts = path.split(".")
  if (path === "") invalid("The $sort field cannot be empty")
  if (parts.includes("")) invalid(`The $sort field is a dotted field but has an empty part: ${path}`)
  return parts
}

const valueAt = (element: Value, parts: ReadonlyArray<string>): Value => {
  let value = element
  for (const part of parts) {
    if (Array.isArray(value)) value = isIndex(part) ? value[Number(part)] : undefined
    else value = isDocument(value) && Object.hasOwn(value, part) ? value[part] : undefined
  }
  return value ?? null
}

const addToSet: Modifier = (argument, _, { collation = simple }) => {
  const values = setValues(argument)
  const { keyOf } = collation
  return creating((value, context) => {
    if (value !== undefined && !Array.isArray(value)) {
      failed(
        `Cannot apply $addToSet to non-array field. Field named '${context.path.at(-1) ?? ""}' has non-array type ${typeOf(value)}`
      )
    }
    const before: ReadonlyArray<Value> = value ?? []
    make(before.length + values.length)
    const known = new Set(before.map(keyOf))
    const added = values.filter((it) => {
      const key = keyOf(it)
      return !known.has(key) && known.add(key)
    })
    return added.length === 0 && value !== undefined ? value : [...before, ...added]
  })
}

const setValues = (argument: Value): ReadonlyArray<Value> => {
  if (!isDocument(argument) || Object.keys(argument)[0] !== "$each") return [argument]
  const other = Object.keys(argument)[1]
  if (other !== undefined) invalid(`Found unexpected fields after $each in $addToSet: ${other}`)
  return eachOf("$addToSet", argument["$each"])
}

const pop: Modifier = (argument, path) => {
  const side = isNumber(argument)
    ? toWhole(argument)
    : invalid(`Expected a number in: ${path}: ${shown(argument)}`, codes.FailedToParse)
  if (side !== 1 && side !== -1) invalid(`$pop expects 1 or -1, found: ${shown(argument)}`, codes.FailedToParse)
  return existing((value, context) => {
    if (value === undefined) return undefined
    if (!Array.isArray(value)) {
      return failed(
        `Path '${context.path.join(".")}' contains an element of non-array type '${typeOf(value)}'`,
        codes.TypeMismatch
      )
    }
    make(value.length)
    if (value.length === 0) return value
    return side === 1 ? value.slice(0, -1) : value.slice(1)
  })
}

/** Removes elements from the array at the path. */
const removing = (operator: string, isRemoved: (element: Value) => boolean) =>
  existing((value) => {
    if (value === undefined) return undefined
    if (!Array.isArray(value)) return failed(`Cannot apply ${operator} to a non-array value of type ${typeOf(value)}`)
    make(value.length)
    const after = value.filter((element) => !isRemoved(element))
    return after.length === value.length ? value : after
  })

const pullAll: Modifier = (argument, _, { collation = simple }) => {
  const { keyOf } = collation
  if (!Array.isArray(argument)) {
    return invalid(`$pullAll requires an array argument but was given a ${typeOf(argument)}`)
  }
  const keys = new Set(argument.map(keyOf))
  return removing("$pullAll", (element) => keys.has(keyOf(element)))
}

/** Operators that say something of an element itself, and not of its fields. */
const ofElements = new Set(
  `$eq $ne $gt $gte $lt $lte $in $nin $not $all $elemMatch $size $exists $type $mod $regex $options $bitsAllClear
  $bitsAllSet $bitsAnyClear $bitsAnySet $geoWithin $geoIntersects $near $nearSphere`.split(/\s+/)
)

/** Removes the elements that a condition selects. */
const pull: Modifier = (argument, _, environment) => {
  if (isA(argument, "BSONRegExp")) return pullWhere({ element: argument }, environment)
  if (!isDocument(argument))
    return removing("$pull", (element) => (environment.collation ?? simple).equals(element, argument))
  const first = Object.keys(argument)[0]
  if (first !== undefined && ofElements.has(first)) return pullWhere({ element: argument }, environment)
  refuseWhole(argument)
  const filter = Filter.compile(argument, { environment })
  return removing("$pull", (element) => isDocument(element) && filter.matches(element))
}

const pullWhere = (condition: Document, environment: Environment) => {
  const filter = Filter.compile(condition, { environment })
  return removing("$pull", (element) => filter.matches({ element }))
}

/** Refuses conditions that are of a whole document of the collection, and of no element. */
const refuseWhole = (condition: Document): void => {
  for (const [name, value] of Object.entries(condition)) {
    if (name === "$expr")
      invalid("$expr can only be applied to the top-level document: $pull selects elements", codes.BadValue)
    if (name === "$where" || name === "$text") unsupported(`${name} in $pull`)
    if (name.startsWith("$") && Array.isArray(value)) value.filter(isDocument).forEach(refuseWhole)
  }
}

/** The modifiers of arrays, by name. */
export const arrayModifiers: Readonly<Record<string, Modifier>> = {
  $push: push,
  $addToSet: addToSet,
  $pop: pop,
  $pull: pull,
  $pullAll: pullAll
}
