/**
 * The expressions of rules, compiled to conditions on documents: filters of MongoDB in which what is known of the user
 * stands as values. What is not understood throws `NotUnderstood`, as a guess would open what should be closed.
 */
import { ObjectId } from "bson"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ejson from "../../../protocol/Ejson.ts"
import type { FunctionUser } from "../../functions/FunctionContext.ts"
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import * as Language from "./mongoLanguage.ts"

/** What holds for every document, for none, or for those that match a filter. */
export type Condition = boolean | Document

/** An expression that waits for its user. */
export type Expression = (user: FunctionUser) => Condition

/** What of a rule is not understood, and where it stands. */
export class NotUnderstood extends Schema.TaggedError<NotUnderstood>("effect-app-services/server/data/NotUnderstood")(
  "NotUnderstood",
  { message: Schema.String, place: Schema.String }
) {}

export const refuse = (place: string, message: string): never => {
  throw new NotUnderstood({ place, message })
}

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
export const holds = (condition: Condition): ((document: Document) => boolean) =>
  typeof condition === "boolean" ? () => condition : Language.matcher(condition)

/** A condition as a filter. */
export const filterOf = (condition: Condition): Document =>
  condition === true ? {} : condition === false ? { $nor: [{}] } : condition

export const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Bson.isDocument(value) && Object.keys(value).length === 0)

/** A value of a comparison: of the rule itself, of the user, or a field of the document. */
type Operand =
  | { readonly _tag: "Literal"; readonly value: unknown }
  | { readonly _tag: "User"; readonly get: (user: FunctionUser) => unknown }
  | { readonly _tag: "Field"; readonly path: string }

const scalars = new Set(["string", "bool", "int", "long", "double", "decimal", "objectId", "date", "binData"])

const isScalar = (value: unknown): boolean => scalars.has(Bson.typeName(value))

/** What of a user's values may be compared: not a pattern, which would match more than itself, nor a document. */
const comparable = (value: unknown): unknown =>
  Array.isArray(value) ? value.filter(isScalar) : isScalar(value) ? value : undefined

const walk = (value: unknown, path: ReadonlyArray<string>): unknown => {
  const [name, ...rest] = path
  if (name === undefined) return value
  if (Array.isArray(value)) {
    if (/^\d+$/.test(name)) return walk(value[Number(name)], rest)
    const all: ReadonlyArray<unknown> = value
    return all.flatMap((item) => {
      const found = walk(item, path)
      return found === undefined ? [] : found
    })
  }
  return Bson.isDocument(value) && Object.hasOwn(value, name) ? walk(value[name], rest) : undefined
}

const userValue = (expansion: string, place: string): ((user: FunctionUser) => unknown) => {
  const [, name, ...path] = expansion.split(".")
  if (name === "id" && path.length === 0) return (user) => user.id
  if (name === "type" && path.length === 0) return (user) => user.type
  if (name === "data" && path.length > 0) return (user) => comparable(walk(user.data, path))
  if (name === "custom_data" && path.length > 0) return (user) => comparable(walk(user.customData, path))
  if (name === "identities" && path.length > 0) {
    return (user) =>
      comparable(
        walk(
          user.identities.map(({ id, providerType }) => ({ id, provider_type: providerType })),
          path
        )
      )
  }
  return refuse(place, `the expansion "${expansion}"`)
}

const fieldPath = (name: string, place: string): string =>
  name === "" || name.split(".").some((part) => part === "" || part.startsWith("$"))
    ? refuse(place, `the field name "${name}"`)
    : name

const typed = new Set([
  "$oid",
  "$date",
  "$numberInt",
  "$numberLong",
  "$numberDouble",
  "$numberDecimal",
  "$uuid",
  "$binary"
])

const operand = (value: unknown, place: string): Operand => {
  if (value === null || typeof value === "number" || typeof value === "boolean") return { _tag: "Literal", value }
  if (typeof value === "string") {
    if (!value.startsWith("%%")) return { _tag: "Literal", value }
    if (value === "%%true" || value === "%%false") return { _tag: "Literal", value: value === "%%true" }
    if (value.startsWith("%%user.")) return { _tag: "User", get: userValue(value, place) }
    if (value.startsWith("%%root.")) return { _tag: "Field", path: fieldPath(value.slice(7), place) }
    return refuse(place, `the expansion "${value}"`)
  }
  if (!Bson.isDocument(value)) return refuse(place, "an array as the value of a comparison")
  const [name = "", ...others] = Object.keys(value)
  if (others.length === 0 && typed.has(name)) {
    const literal = Result.getOrUndefined(Ejson.fromJson(value))
    return isScalar(literal) ? { _tag: "Literal", value: literal } : refuse(place, `the value of "${name}"`)
  }
  const convert = others.length === 0 && Object.hasOwn(conversions, name) ? conversions[name] : undefined
  if (convert === undefined)
    return refuse(place, name.startsWith("%") ? `the operator "${name}"` : "a document as value")
  const inner = operand(value[name], `${place}.${name}`)
  switch (inner._tag) {
    case "Literal":
      return { _tag: "Literal", value: convert(inner.value) ?? refuse(place, `the value of "${name}"`) }
    case "User":
      return { _tag: "User", get: (user) => convert(inner.get(user)) }
    case "Field":
      return refuse(place, `"${name}" of a field of the document`)
  }
}

const conversions: Readonly<Record<string, (value: unknown) => unknown>> = {
  "%stringToOid": (value) =>
    typeof value === "string" && /^[0-9a-f]{24}$/i.test(value) ? new ObjectId(value) : undefined,
  "%oidToString": (value) => (value instanceof ObjectId ? value.toHexString() : undefined)
}

type Operator = "$eq" | "$ne" | "$gt" | "$gte" | "$lt" | "$lte" | "$in" | "$nin"

const operators: Readonly<Record<string, Operator>> = Object.fromEntries(
  (["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"] as const).flatMap((name) => [
    [`$${name}`, `$${name}`] as const,
    [`%${name}`, `$${name}`] as const
  ])
)

/** What compares with a value that is not there: it equals nothing, and differs from everything. */
const ofMissing = (operator: Operator): boolean => operator === "$ne" || operator === "$nin"

const compared = (path: string, operator: Operator, value: unknown): Condition => {
  const isList = operator === "$in" || operator === "$nin"
  return value === undefined || isList !== Array.isArray(value)
    ? ofMissing(operator)
    : { [path]: { [operator]: value } }
}

/** A comparison of what a user has: the document does not count. */
const ofUser = (found: unknown, operator: Operator, value: unknown): boolean => {
  const condition = compared("value", operator, value)
  return holds(condition)({ value: found ?? null })
}

const turnedOperators: ReadonlyMap<Operator, Operator> = new Map([
  ["$eq", "$eq"],
  ["$ne", "$ne"],
  ["$in", "$eq"],
  ["$nin", "$ne"]
])

const compare = (left: Operand, operator: Operator, right: Operand, place: string): Expression => {
  if (right._tag === "Field") {
    if (left._tag !== "User") return refuse(place, "a comparison of two fields of the document")
    const { path } = right
    // the other way round: what a field holds compares with what the user has, and a list that holds it equals it
    const turned = turnedOperators.get(operator)
    if (turned === undefined) return refuse(place, `the operator "${operator}" with a field of the document`)
    return (user) => compared(path, turned, left.get(user))
  }
  const valueFor = (user: FunctionUser) => (right._tag === "User" ? right.get(user) : right.value)
  if (left._tag === "Field") return (user) => compared(left.path, operator, valueFor(user))
  return (user) => ofUser(left._tag === "User" ? left.get(user) : left.value, operator, valueFor(user))
}

/** The right side of `$in` and `$nin`: a list, whose missing values are left out, or something that is one. */
const listOperand = (value: unknown, place: string): Operand => {
  if (!Array.isArray(value)) {
    const found = operand(value, place)
    return found._tag === "Literal" ? refuse(place, "a list that is none") : found
  }
  const items = value.map((item: unknown, i) => {
    const found = operand(item, `${place}[${i}]`)
    return found._tag === "Field" ? refuse(`${place}[${i}]`, "a field of the document in a list") : found
  })
  return {
    _tag: "User",
    get: (user) => items.map((it) => (it._tag === "User" ? it.get(user) : it.value)).filter((it) => it !== undefined)
  }
}

const exists = (left: Operand, value: unknown, place: string): Expression => {
  const wanted = operand(value, place)
  if (wanted._tag !== "Literal" || typeof wanted.value !== "boolean")
    return refuse(place, "a value other than a boolean")
  const asked = wanted.value
  if (left._tag === "Field") return () => ({ [left.path]: { $exists: asked } })
  return (user) => (left._tag === "User" && left.get(user) !== undefined) === asked
}

/** What one key asks of one operand. */
const condition = (left: Operand, value: unknown, place: string): Expression => {
  const names = Bson.isDocument(value) ? Object.keys(value) : []
  const isOperator = (name: string) => name === "$exists" || name === "%exists" || Object.hasOwn(operators, name)
  if (!Bson.isDocument(value) || !names.some(isOperator)) {
    if (names.length === 0 && Bson.isDocument(value)) return refuse(place, "an empty document as value")
    const unknown = names.find((name) => name.startsWith("$") && !typed.has(name))
    if (unknown !== undefined) return refuse(`${place}.${unknown}`, `the operator "${unknown}"`)
    return compare(left, "$eq", operand(value, place), place)
  }
  const all = names.map((name): Expression => {
    const at = `${place}.${name}`
    if (name === "$exists" || name === "%exists") return exists(left, value[name], at)
    const operator = Object.hasOwn(operators, name) ? operators[name] : undefined
    if (operator === undefined) return refuse(at, `the operator "${name}"`)
    const isList = operator === "$in" || operator === "$nin"
    return compare(left, operator, isList ? listOperand(value[name], at) : operand(value[name], at), at)
  })
  return (user) => and(all.map((it) => it(user)))
}

const each = (value: unknown, place: string): ReadonlyArray<Expression> =>
  Array.isArray(value) && value.length > 0
    ? value.map((inner: unknown, i) => expression(inner, `${place}[${i}]`))
    : refuse(place, "what is no list of expressions")

const keyed = (name: string, value: unknown, place: string): Expression => {
  switch (name) {
    case "$or":
    case "%or": {
      const all = each(value, place)
      return (user) => or(all.map((it) => it(user)))
    }
    case "$and":
    case "%and": {
      const all = each(value, place)
      return (user) => and(all.map((it) => it(user)))
    }
    case "$nor":
    case "%nor": {
      const all = each(value, place)
      return (user) => not(or(all.map((it) => it(user))))
    }
    case "%not": {
      const inner = expression(value, place)
      return (user) => not(inner(user))
    }
    case "%%true":
    case "%%false": {
      if (isEmpty(value)) return refuse(place, "an empty document as value")
      // a value of the user or of the document is compared, anything else is an expression of its own
      if (typeof value === "string" && value !== "%%true" && value !== "%%false") {
        return compare(operand(value, place), "$eq", { _tag: "Literal", value: name === "%%true" }, place)
      }
      const inner = expression(value, place)
      return name === "%%true" ? inner : (user) => not(inner(user))
    }
  }
  if (name.startsWith("%%root.")) {
    return condition({ _tag: "Field", path: fieldPath(name.slice(7), place) }, value, place)
  }
  if (name.startsWith("%%user.")) return condition({ _tag: "User", get: userValue(name, place) }, value, place)
  if (name.startsWith("%%")) return refuse(place, `the expansion "${name}"`)
  if (name.startsWith("%") || name.startsWith("$")) return refuse(place, `the operator "${name}"`)
  return condition({ _tag: "Field", path: fieldPath(name, place) }, value, place)
}

/** Compiles an expression: true or false, or a document whose keys must all hold. */
export const expression = (value: unknown, place: string): Expression => {
  if (typeof value === "boolean") return () => value
  if (value === "%%true" || value === "%%false") return () => value === "%%true"
  if (!Bson.isDocument(value)) return refuse(place, "what is neither true, false nor a document")
  const all = Object.entries(value).map(([name, inner]) => keyed(name, inner, place === "" ? name : `${place}.${name}`))
  return (user) => and(all.map((it) => it(user)))
}
