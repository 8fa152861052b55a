/** What can be known of a filter's documents without looking at them: what an index can find. */
import { type Document, isA, isDocument, rank } from "../Value.ts"
import type { Condition, Conditions } from "../Conditions.ts"
import { isOperators } from "./fields.ts"

/** The conditions that all documents of a filter fulfil; another filter may be behind them, so none is enough. */
export const conditionsOf = (filter: Document): Conditions =>
  Object.entries(filter).flatMap(([name, condition]) => {
    if (name === "$and") return Array.isArray(condition) ? condition.filter(isDocument).flatMap(conditionsOf) : []
    if (name === "$or") return Array.isArray(condition) ? ofBranches(condition) : []
    return name.startsWith("$") ? [] : ofField(name, condition)
  })

/** The conditions that an index can answer, which is ordered by the bytes of strings: those without a string. */
export const withoutStrings = (conditions: Conditions): Conditions =>
  conditions.flatMap((condition): Conditions => {
    switch (condition.kind) {
      case "in":
        return condition.values.some(hasText) ? [] : [condition]
      case "order":
        return hasText(condition.value) ? [] : [condition]
      case "any": {
        const branches = condition.branches.map(withoutStrings)
        return branches.some((branch) => branch.length === 0) ? [] : [{ kind: "any", branches }]
      }
    }
  })

/** Whether a value is a string, or has one in it. */
export const hasText = (value: unknown): boolean => {
  if (typeof value === "string" || isA(value, "BSONSymbol")) return true
  if (Array.isArray(value)) return value.some(hasText)
  return isDocument(value) && Object.values(value).some(hasText)
}

const ofBranches = (filters: ReadonlyArray<unknown>): Conditions => {
  const branches = filters.map((filter) => (isDocument(filter) ? conditionsOf(filter) : []))
  return branches.length === 0 || branches.some((branch) => branch.length === 0) ? [] : [{ kind: "any", branches }]
}

const ofField = (path: string, condition: unknown): Conditions => {
  if (!isOperators(condition)) return isIn(path, [condition])
  return Object.entries(condition).flatMap(([operator, argument]) => {
    switch (operator) {
      case "$eq":
        return isA(argument, "BSONRegExp") ? [] : isIn(path, [argument])
      case "$in":
        return Array.isArray(argument) ? isIn(path, argument) : []
      case "$all":
        return Array.isArray(argument) ? argument.flatMap((value: unknown) => ofField(path, value)) : []
      case "$elemMatch":
        return isDocument(argument) ? ofElement(path, argument) : []
      case "$gt":
      case "$gte":
      case "$lt":
      case "$lte":
        return isOrdered(argument) ? [{ kind: "order", path, operator, value: argument }] : []
      default:
        return []
    }
  })
}

/** An element fulfils a filter by the values below it, or operators by itself: both are values of the path. */
const ofElement = (path: string, argument: Document): Conditions =>
  isOperators(argument) ? ofField(path, argument) : conditionsOf(argument).map((condition) => within(path, condition))

const within = (path: string, condition: Condition): Condition =>
  condition.kind === "any"
    ? { ...condition, branches: condition.branches.map((branch) => branch.map((it) => within(path, it))) }
    : { ...condition, path: `${path}.${condition.path}` }

const isIn = (path: string, values: ReadonlyArray<unknown>): Conditions =>
  values.some((value) => Array.isArray(value) || isA(value, "BSONRegExp")) ? [] : [{ kind: "in", path, values }]

/** Whether an order leaves something out, and is not one of null, of arrays or of the keys at both ends. */
const isOrdered = (value: unknown): boolean =>
  value !== null && !Array.isArray(value) && rank(value) > rank(null) && !isA(value, "MaxKey")
