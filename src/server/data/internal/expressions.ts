/** Expressions that `mingo` gets wrong, or takes what MongoDB refuses. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import { accumulators, evalExpr, expressions, OpType, type Options } from "./mingo.ts"

export type ExpressionOperator = (document: Document, expression: unknown, options: Options) => unknown

const evaluate = (document: Document, expression: unknown, options: Options): unknown => {
  const value: unknown = evalExpr(document, expression, options)
  return value
}

const isOperator = (u: unknown): u is ExpressionOperator => typeof u === "function"

const ours = (name: string): ExpressionOperator => {
  const operator: unknown = Reflect.get(expressions, name)
  if (isOperator(operator)) return operator
  throw new Error(`there is no ${name}`)
}

/** Dates are taken from an `ObjectId` too. */
const dateOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "getTimestamp" in value && typeof value.getTimestamp === "function"
    ? Reflect.apply(value.getTimestamp, value, [])
    : value

const dated =
  (name: string, field: "date" | "startDate"): ExpressionOperator =>
  (document, expression, options) => {
    const named = Bson.isDocument(expression) && field in expression
    const date = dateOf(evaluate(document, named ? expression[field] : expression, options))
    return ours(name)(document, named ? { ...expression, [field]: date } : date, options)
  }

/** Of one value in place of two, the other is 0. */
const places =
  (name: string): ExpressionOperator =>
  (document, expression, options) => {
    const list: ReadonlyArray<unknown> = Array.isArray(expression) ? expression : [expression]
    return ours(name)(document, list.length === 1 ? [list[0], 0] : list, options)
  }

/** Over the documents of a group, over an array, or over one value. */
const accumulating =
  (name: string): ExpressionOperator =>
  (document, expression, options) => {
    const accumulate: unknown = options.context.getOperator(OpType.ACCUMULATOR, name)
    if (!isOperator(accumulate)) throw new Error(`there is no ${name}`)
    if (Array.isArray(document)) return accumulate(document, expression, options)
    const value = evaluate(document, expression, options)
    return Reflect.apply(accumulate, undefined, [Array.isArray(value) ? value : [value], null, options])
  }

const $switch: ExpressionOperator = (document, expression, options) => {
  const { branches, default: otherwise } = Bson.isDocument(expression) ? expression : {}
  if (!Array.isArray(branches)) throw new Error("$switch needs an array of branches")
  for (const branch of branches.filter(Bson.isDocument)) {
    if (evaluate(document, { $cond: [branch["case"], true, false] }, options) === true) {
      return evaluate(document, branch["then"], options)
    }
  }
  if (otherwise !== undefined) return evaluate(document, otherwise, options)
  throw new Error("$switch could not find a matching branch for an input, and no default was specified")
}

const $size: ExpressionOperator = (document, expression, options) => {
  const value = evaluate(document, expression, options)
  const list: unknown = Array.isArray(expression) && Array.isArray(value) && value.length === 1 ? value[0] : value
  if (Array.isArray(list)) return list.length
  throw new Error(`The argument to $size must be an array, but was of type: ${Bson.typeName(list)}`)
}

const numbers = new Set(["int", "long", "double", "decimal"])

/** What named arguments an expression knows. */
const known: Readonly<Record<string, string>> = {
  $cond: "if then else",
  $convert: "input to onError onNull",
  $dateAdd: "startDate unit amount timezone",
  $dateDiff: "startDate endDate unit timezone startOfWeek",
  $dateFromString: "dateString format timezone onError onNull",
  $dateSubtract: "startDate unit amount timezone",
  $dateToParts: "date timezone iso8601",
  $dateToString: "date format timezone onNull",
  $dateTrunc: "date unit binSize timezone startOfWeek",
  $filter: "input as cond limit",
  $let: "vars in",
  $ltrim: "input chars",
  $map: "input as in",
  $reduce: "input initialValue in",
  $regexFind: "input regex options",
  $regexFindAll: "input regex options",
  $regexMatch: "input regex options",
  $replaceAll: "input find replacement",
  $replaceOne: "input find replacement",
  $rtrim: "input chars",
  $sortArray: "input sortBy",
  $switch: "branches default",
  $trim: "input chars",
  $zip: "inputs useLongestLength defaults"
}

const checking = (name: string, names: string, operator: ExpressionOperator): ExpressionOperator => {
  const allowed = names.split(" ")
  return (document, expression, options) => {
    const unknown = Bson.isDocument(expression) && Object.keys(expression).find((it) => !allowed.includes(it))
    if (typeof unknown === "string" && !unknown.startsWith("$")) throw new Error(`${name} has no argument "${unknown}"`)
    return operator(document, expression, options)
  }
}

const overrides: Readonly<Record<string, ExpressionOperator>> = {
  ...Object.fromEntries(
    `$year $month $dayOfMonth $dayOfWeek $dayOfYear $hour $minute $second $millisecond $week $isoWeek $isoDayOfWeek
    $isoWeekYear $dateToString $dateToParts $dateTrunc`
      .split(/\s+/)
      .map((name) => [name, dated(name, "date")])
  ),
  $dateAdd: dated("$dateAdd", "startDate"),
  $dateSubtract: dated("$dateSubtract", "startDate"),
  $round: places("$round"),
  $trunc: places("$trunc"),
  $sum: accumulating("$sum"),
  $avg: accumulating("$avg"),
  $min: accumulating("$min"),
  $max: accumulating("$max"),
  $switch,
  $size,
  $isNumber: (document, expression, options) => numbers.has(Bson.typeName(evaluate(document, expression, options))),
  $meta: () => {
    throw new Error("$meta is not supported by this server: it has no search index")
  }
}

/** The expressions as they should be; others are as in `mingo`. */
export const corrected = (others: Readonly<Record<string, ExpressionOperator>>): Record<string, ExpressionOperator> => {
  const all: Record<string, ExpressionOperator> = { ...overrides, ...others }
  for (const [name, names] of Object.entries(known)) all[name] = checking(name, names, all[name] ?? ours(name))
  return all
}

/** The smallest or largest value of what is not null, by the order of BSON. */
const extreme =
  (sign: 1 | -1) =>
  (documents: ReadonlyArray<unknown>, expression: unknown, options: Options): unknown => {
    const values: unknown = Reflect.apply(accumulators.$push, undefined, [documents, expression, options])
    const some = Array.isArray(values) ? values.filter((it) => it !== null && it !== undefined) : []
    return some.reduce<unknown>(
      (best, value) => (best === null || Bson.compare(value, best) * sign > 0 ? value : best),
      null
    )
  }

export const extremes = { $max: extreme(1), $min: extreme(-1) }
