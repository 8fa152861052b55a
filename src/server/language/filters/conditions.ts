/** What can be known of a filter's documents without looking at them: what an index can find. */
import { type Document, isA, isDocument, rank } from "../Value.ts"
import { isOperators } from "./fields.ts"
import { visitor } from "../paths.ts"
import type { Ordering } from "./comparisons.ts"

/**
 * What one of the values at a path fulfils, where an array has the values of its elements: it is equal to one of
 * `values`, or stands in an order to `value`. Null stands for a missing value too. No value is an array, and an order is
 * one among values of the same type (see `rank`).
 */
export type Condition =
  | { readonly kind: "in"; readonly path: string; readonly values: ReadonlyArray<unknown> }
  | { readonly kind: "order"; readonly path: string; readonly operator: Ordering; readonly value: unknown }

/** The conditions that all documents of a filter fulfil; another filter may be behind them, so none is enough. */
export const conditionsOf = (filter: Document): ReadonlyArray<Condition> =>
  Object.entries(filter).flatMap(([name, condition]) => {
    if (name === "$and") return Array.isArray(condition) ? condition.filter(isDocument).flatMap(conditionsOf) : []
    return name.startsWith("$") ? [] : ofField(name, condition)
  })

/**
 * The values by which an index of a path finds a document: those that filters ask there, with null for a missing one. A
 * document that fulfils a condition of the path fulfils it by one of them.
 */
export const indexedValues = (path: string): ((document: Document) => Array<unknown>) => {
  const visit = visitor(path)
  return (document) => {
    const values: Array<unknown> = []
    const collect = (value: unknown): boolean => {
      values.push(value ?? null)
      return false
    }
    visit(document, collect, -1)
    return values
  }
}

const ofField = (path: string, condition: unknown): ReadonlyArray<Condition> => {
  if (!isOperators(condition)) return isIn(path, [condition])
  return Object.entries(condition).flatMap(([operator, argument]) => {
    switch (operator) {
      case "$eq":
        return isA(argument, "BSONRegExp") ? [] : isIn(path, [argument])
      case "$in":
        return Array.isArray(argument) ? isIn(path, argument) : []
      case "$all":
        return Array.isArray(argument) ? argument.flatMap((value: unknown) => ofField(path, value)) : []
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

const isIn = (path: string, values: ReadonlyArray<unknown>): ReadonlyArray<Condition> =>
  values.some((value) => Array.isArray(value) || isA(value, "BSONRegExp")) ? [] : [{ kind: "in", path, values }]

/** Whether an order leaves something out, and is not one of null, of arrays or of the keys at both ends. */
const isOrdered = (value: unknown): boolean =>
  value !== null && !Array.isArray(value) && rank(value) > rank(null) && !isA(value, "MaxKey")
