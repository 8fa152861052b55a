/**
 * Compiles the expressions of rules to conditions on documents: MongoDB filters in which everything about the caller is
 * a value.
 */
import * as Result from "effect/Result"
import { compile as compileRegex } from "../../language/regex.ts"
import { canonical } from "../../language/Value.ts"
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Views from "../internal/views.ts"
import type { Condition } from "../View.ts"
import {
  before,
  comparable,
  compute,
  expansion,
  field,
  isComputed,
  isOfChange,
  type Known,
  type Operand,
  operand,
  refuse,
  type Scope,
  typed,
  valueOf,
  whole
} from "./operands.ts"

/** An expression as a function of the caller. */
export type Expression = (known: Known) => Condition

export const and = (conditions: ReadonlyArray<Condition>): Condition => {
  if (conditions.includes(false)) return false
  const rest = conditions.filter(Bson.isDocument)
  return rest.length === 0 ? true : rest.length === 1 ? (rest[0] ?? true) : { $and: rest }
}

export const or = (conditions: ReadonlyArray<Condition>): Condition => {
  if (conditions.includes(true)) return true
  const rest = conditions.filter(Bson.isDocument)
  return rest.length === 0 ? false : rest.length === 1 ? (rest[0] ?? false) : { $or: rest }
}

export const not = (condition: Condition): Condition =>
  typeof condition === "boolean" ? !condition : { $nor: [condition] }

/** A condition as a predicate. */
export const holds =
  (condition: Condition): ((document: Document) => boolean) =>
  (document) =>
    Views.holds(condition, document)

/** A condition as a filter. */
export const filterOf = (condition: Condition): Document =>
  condition === true ? {} : condition === false ? { $nor: [{}] } : condition

/** The part of a condition about known paths. It holds wherever the condition holds, and possibly elsewhere. */
export const weakened = (condition: Condition, isUnknown: (path: string) => boolean): Condition => {
  if (typeof condition === "boolean") return condition
  const { $and, $or } = condition
  const all = (list: unknown) => (Array.isArray(list) ? list.filter(Bson.isDocument) : [])
  if ($and !== undefined) return and(all($and).map((it) => weakened(it, isUnknown)))
  if ($or !== undefined) return or(all($or).map((it) => weakened(it, isUnknown)))
  return mentions(condition, isUnknown) ? true : condition
}

/**
 * A condition for a document that is about to be changed. A comparison of a field before and after the change is
 * evaluated as it is; a condition on a field alone must hold before and after the change.
 */
export const ofOld = (condition: Condition): Condition => {
  const told = new Set<string>()
  mentions(condition, (path) => {
    if (path.startsWith(`${before}.`)) told.add(path.slice(before.length + 1))
    return false
  })
  return weakened(condition, (path) => isOfChange(path) || told.has(path))
}

/** A condition for an unchanged document: before is the same as after. */
export const unchanged = (condition: Condition): Condition => {
  if (typeof condition === "boolean") return condition
  return and(
    Object.entries(condition).map(([name, value]): Condition => {
      const all = Array.isArray(value) ? value.filter(Bson.isDocument).map(unchanged) : []
      if (name === "$and") return and(all)
      if (name === "$or") return or(all)
      if (name === "$nor") return not(or(all))
      if (name === before) return Bson.isDocument(value) && value["$exists"] === true
      return { [name.startsWith(`${before}.`) ? name.slice(before.length + 1) : name]: value }
    })
  )
}

/** Whether a condition uses any of these paths. */
export const mentions = (value: unknown, isUnknown: (path: string) => boolean): boolean =>
  Array.isArray(value)
    ? value.some((it) => mentions(it, isUnknown))
    : Bson.isDocument(value) &&
      Object.entries(value).some(([name, inner]) => isUnknown(name) || mentions(inner, isUnknown))

export const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Bson.isDocument(value) && Object.keys(value).length === 0)

type Operator = "$eq" | "$ne" | "$gt" | "$gte" | "$lt" | "$lte" | "$in" | "$nin" | "$all"

const operators: Readonly<Record<string, Operator>> = Object.fromEntries(
  (["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "all"] as const).flatMap((name) => [
    [`$${name}`, `$${name}`] as const,
    [`%${name}`, `$${name}`] as const
  ])
)

const needsList = (operator: Operator): boolean => operator === "$in" || operator === "$nin" || operator === "$all"

/** Comparison with a missing value: it equals nothing, and differs from everything. */
const ofMissing = (operator: Operator): boolean => operator === "$ne" || operator === "$nin"

const compared = (path: string, operator: Operator, value: unknown): Condition =>
  value === undefined || needsList(operator) !== Array.isArray(value)
    ? ofMissing(operator)
    : { [path]: { [operator]: value } }

const turnedOperators: ReadonlyMap<Operator, Operator> = new Map([
  ["$eq", "$eq"],
  ["$ne", "$ne"],
  ["$in", "$eq"],
  ["$nin", "$ne"]
])

const slot = "value"

/** A comparison with a known value, or with a field. */
const decides = (found: unknown, condition: Condition): boolean =>
  holds(condition)({ [slot]: canonical(found ?? null) })

/** A condition on an operand, by its path. */
const on = (left: Operand, place: string, test: (path: string, known: Known) => Condition): Expression => {
  switch (left._tag) {
    case "Field": {
      const { path } = left
      return path === "" ? refuse(place, "a comparison of a whole document") : (known) => test(path, known)
    }
    case "Known":
      if (left.isWhole) return refuse(place, "a comparison of more than a value")
      return (known) => decides(left.get(known), test(slot, known))
    case "Literal":
      return (known) => decides(left.value, test(slot, known))
  }
}

const knownValue = (right: Operand, place: string): ((known: Known) => unknown) => {
  if (right._tag === "Literal") return () => right.value
  if (right._tag === "Field" || right.isWhole) return refuse(place, "a comparison with more than a value")
  return (known) => comparable(right.get(known))
}

/** Two fields are compared if both exist. */
const ofFields = (left: Operand, operator: Operator, right: Operand, place: string, scope: Scope): Expression => {
  if ([left, right].some((it) => it._tag === "Field" && it.path === "")) {
    return refuse(place, "a comparison of a whole document")
  }
  const both = compute(scope, [left, right], (known, seen) => {
    const found = valueOf(left, known, seen)
    const wanted = comparable(valueOf(right, known, seen))
    if (found === undefined || found === null) return ofMissing(operator)
    return decides(found, compared(slot, operator, wanted))
  })
  return on(both, place, (path) => ({ [path]: { $eq: true } }))
}

const compare = (left: Operand, operator: Operator, right: Operand, place: string, scope: Scope): Expression => {
  if (right._tag === "Field") {
    // with swapped sides: an array that contains the known value equals it
    const turned = turnedOperators.get(operator)
    if (left._tag === "Field" || turned === undefined) return ofFields(left, operator, right, place, scope)
    const value = knownValue(left, place)
    return on(right, place, (path, known) => compared(path, turned, value(known)))
  }
  const value = knownValue(right, place)
  return on(left, place, (path, known) => compared(path, operator, value(known)))
}

/** The right side of `$in`, `$nin` and `$all`: an array, without missing values, or an operand that is one. */
const listOperand = (value: unknown, place: string, scope: Scope): Operand => {
  if (!Array.isArray(value)) {
    const found = operand(value, place, scope)
    return found._tag === "Literal" ? refuse(place, "a value other than an array") : found
  }
  const items = value.map((item: unknown, i) => knownValue(operand(item, `${place}[${i}]`, scope), `${place}[${i}]`))
  return {
    _tag: "Known",
    get: (known) => items.map((it) => it(known)).filter((it) => it !== undefined),
    isWhole: false
  }
}

const exists = (left: Operand, value: unknown, place: string): Expression => {
  const asked =
    typeof value === "boolean"
      ? value
      : value === 1 || value === "%%true"
        ? true
        : value === 0 || value === "%%false"
          ? false
          : refuse(place, "a value other than a boolean")
  if (left._tag === "Field") {
    // the document exists
    return left.path === "" ? () => asked : () => ({ [left.path]: { $exists: asked } })
  }
  return (known) => {
    const found = left._tag === "Known" ? left.get(known) : left.value
    return (found !== undefined && found !== null) === asked
  }
}

/** Conditions on the elements of an array, as documents or as values. */
const elements = (left: Operand, value: unknown, place: string, scope: Scope): Expression => {
  if (!Bson.isDocument(value) || isEmpty(value)) return refuse(place, "a value other than a document of conditions")
  const inner: Scope = { ...scope, about: "element" }
  if (!Object.keys(value).some((name) => Object.hasOwn(operators, name))) {
    const test = expression(value, place, inner)
    return on(left, place, (path, known) => {
      const asked = test(known)
      return asked !== false && { [path]: { $elemMatch: asked === true ? {} : asked } }
    })
  }
  const tests = Object.entries(value).map(([name, wanted]) => {
    const at = `${place}.${name}`
    const operator = operators[name] ?? refuse(at, `the operator "${name}"`)
    const right = needsList(operator) ? listOperand(wanted, at, inner) : operand(wanted, at, inner)
    return [operator, knownValue(right, at)] as const
  })
  return on(left, place, (path, known) => {
    const asked: Document = {}
    for (const [operator, read] of tests) {
      const wanted = read(known)
      if (compared(path, operator, wanted) === false) return false
      if (wanted !== undefined) asked[operator] = wanted
    }
    return { [path]: { $elemMatch: asked } }
  })
}

const pattern = (left: Operand, { $options = "", $regex }: Document, place: string): Expression => {
  if (typeof $regex !== "string" || typeof $options !== "string" || !/^[ims]*$/.test($options)) {
    return refuse(`${place}.$regex`, "a pattern that is not written as a text with the options i, m and s")
  }
  const valid = Result.try(() => compileRegex($regex, $options))
  if (Result.isFailure(valid)) return refuse(`${place}.$regex`, "a pattern that cannot be read")
  return on(left, place, (path) => ({ [path]: { $regex, $options } }))
}

/** The condition of an operator on an operand; `undefined` if the key is not an operator. */
const operation = (
  left: Operand,
  name: string,
  value: unknown,
  whole: Document,
  place: string,
  scope: Scope
): Expression | undefined => {
  const at = `${place}.${name}`
  const each = () =>
    Array.isArray(value) && value.length > 0
      ? value.map((inner: unknown, i) => condition(left, inner, `${at}[${i}]`, scope))
      : refuse(at, "a value other than an array of conditions")
  switch (name) {
    case "$exists":
    case "%exists":
      return exists(left, value, at)
    case "$size":
      return typeof value === "number" && Number.isInteger(value)
        ? on(left, at, (path) => ({ [path]: { $size: value } }))
        : refuse(at, "a size that is not a whole number")
    case "$elemMatch":
      return elements(left, value, at, scope)
    case "$regex":
      return pattern(left, whole, place)
    case "$options":
      return Object.hasOwn(whole, "$regex") ? () => true : refuse(at, 'the operator "$options" without a pattern')
    case "$not":
    case "%not": {
      const inner = condition(left, value, at, scope)
      return (known) => not(inner(known))
    }
    case "%and":
    case "%or":
    case "%nor": {
      const all = each()
      return (known) => joined(name, all, known)
    }
  }
  const operator = Object.hasOwn(operators, name) ? operators[name] : undefined
  if (operator === undefined) return undefined
  const right = needsList(operator) ? listOperand(value, at, scope) : operand(value, at, scope)
  return compare(left, operator, right, at, scope)
}

const joined = (name: string, all: ReadonlyArray<Expression>, known: Known): Condition => {
  const conditions = all.map((it) => it(known))
  return name.endsWith("and") ? and(conditions) : name.endsWith("nor") ? not(or(conditions)) : or(conditions)
}

/** The condition of one key on one operand. */
const condition = (left: Operand, value: unknown, place: string, scope: Scope): Expression => {
  if (!Bson.isDocument(value)) return compare(left, "$eq", operand(value, place, scope), place, scope)
  const names = Object.keys(value)
  if (names.length === 0) return refuse(place, "an empty document as value")
  const all: Array<Expression> = []
  for (const name of names) {
    const found = operation(left, name, value[name], value, place, scope)
    if (found !== undefined) all.push(found)
    else if (all.length > 0 || (name.startsWith("$") && !typed.has(name))) {
      return refuse(`${place}.${name}`, `the operator "${name}"`)
    } else if (names.length > 1 && names.some((it) => it.startsWith("$") || it.startsWith("%"))) {
      return refuse(`${place}.${name}`, `the operator "${name}"`)
    } else return compare(left, "$eq", operand(value, place, scope), place, scope)
  }
  return (known) => and(all.map((it) => it(known)))
}

/** The condition of a key of an expression: an array, or a document without operators, is compared as a whole. */
const valued = (left: Operand, value: unknown, place: string, scope: Scope): Expression => {
  const isWhole = Array.isArray(value) || (Bson.isDocument(value) && !Object.keys(value).some((it) => /^[$%]/.test(it)))
  if (!isWhole) return condition(left, value, place, scope)
  const read = whole(value, place, scope)
  return on(left, place, (path, known) => {
    const wanted = read(known)
    return wanted !== undefined && { [path]: { $eq: wanted } }
  })
}

/** Whether a value is a boolean; an array that contains `true` is not. */
const isExactly = (asked: boolean, value: unknown, place: string, scope: Scope): Expression => {
  const found = operand(value, place, scope)
  if (found._tag === "Field" && !isComputed(found.path)) return condition(found, asked, place, scope)
  if (found._tag !== "Field") {
    return (known) => (found._tag === "Literal" ? found.value : found.get(known)) === asked
  }
  const exact = compute(scope, [found], (known, seen) => valueOf(found, known, seen) === asked)
  return on(exact, place, (path) => ({ [path]: { $eq: true } }))
}

const keyed = (name: string, value: unknown, place: string, scope: Scope): Expression => {
  switch (name) {
    case "$or":
    case "%or":
    case "$and":
    case "%and":
    case "$nor":
    case "%nor": {
      if (!Array.isArray(value) || value.length === 0)
        return refuse(place, "a value other than an array of expressions")
      const all = value.map((inner: unknown, i) => expression(inner, `${place}[${i}]`, scope))
      return (known) => joined(name, all, known)
    }
    case "%not": {
      const inner = expression(value, place, scope)
      return (known) => not(inner(known))
    }
    case "%function":
      return isExactly(true, { [name]: value }, place.slice(0, -name.length - 1), scope)
    case "%%true":
    case "%%false": {
      if (isEmpty(value)) return refuse(place, "an empty document as value")
      // a value is compared, anything else is a nested expression
      const isValue =
        (typeof value === "string" && value !== "%%true" && value !== "%%false") ||
        (Bson.isDocument(value) && Object.keys(value).length === 1 && Object.hasOwn(value, "%function"))
      if (isValue) return isExactly(name === "%%true", value, place, scope)
      const inner = expression(value, place, scope)
      return name === "%%true" ? inner : (known) => not(inner(known))
    }
  }
  if (name.startsWith("%%")) return valued(expansion(name, place, scope), value, place, scope)
  if (name.startsWith("%") || name.startsWith("$")) return refuse(place, `the operator "${name}"`)
  return valued(field(name, place, scope), value, place, scope)
}

/** Compiles an expression: true or false, or a document whose keys must all hold. */
export const expression = (value: unknown, place: string, scope: Scope): Expression => {
  if (typeof value === "boolean") return () => value
  if (value === "%%true" || value === "%%false") return () => value === "%%true"
  if (!Bson.isDocument(value)) return refuse(place, "a value other than true, false or a document")
  const all = Object.entries(value).map(([name, inner]) =>
    keyed(name, inner, place === "" ? name : `${place}.${name}`, scope)
  )
  return (known) => and(all.map((it) => it(known)))
}
