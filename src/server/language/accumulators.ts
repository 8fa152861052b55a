/** What `$group`, `$bucket`, `$bucketAuto` and windows make of many values: sums, lists, first and last ones. */
import type { Collation } from "./Collation.ts"
import { invalid, unsupported } from "./LanguageError.ts"
import * as Expression from "./Expression.ts"
import type { Scope } from "./Expression.ts"
import { Average, Count, Extreme, First, Last, Merge, Push, Spread, ToSet, Total } from "./accumulators/simple.ts"
import { compileMany } from "./accumulators/many.ts"
import { compilePercentile } from "./accumulators/percentiles.ts"
import type { Accumulator, Gathering } from "./accumulators/Accumulator.ts"
import { isDocument } from "./Value.ts"
import type { Value } from "./Value.ts"

const simple: Readonly<Record<string, (collation: Collation) => Gathering>> = {
  $sum: () => new Total(),
  $avg: () => new Average(),
  $min: (collation) => new Extreme(-1, collation),
  $max: (collation) => new Extreme(1, collation),
  $first: () => new First(),
  $last: () => new Last(),
  $push: () => new Push(),
  $addToSet: (collation) => new ToSet(collation),
  $mergeObjects: () => new Merge(),
  $stdDevPop: () => new Spread(0),
  $stdDevSamp: () => new Spread(1)
}

/** Whether a name is one of an accumulator. */
export const isAccumulator = (name: string): boolean =>
  Object.hasOwn(simple, name) ||
  /^\$(?:count|percentile|median|(?:first|last|min|max|top|bottom)N|top|bottom)$/.test(name)

/** What depends on the order of the values. */
const ordered = new Set(["$first", "$last", "$push", "$mergeObjects"])

const compileSimple = (start: () => Gathering, argument: Value, scope: Scope, isUnordered: boolean): Accumulator => {
  const expression = Expression.compile(argument, scope)
  return { input: expression.evaluate, start, isUnordered }
}

/** Compiles an accumulator by its name. */
export const compileNamed = (name: string, argument: Value, scope: Scope): Accumulator => {
  const start = Object.hasOwn(simple, name) ? simple[name] : undefined
  if (start !== undefined) return compileSimple(() => start(scope.collation), argument, scope, !ordered.has(name))
  if (name === "$count") {
    if (isDocument(argument) && Object.keys(argument).length === 0)
      return { input: () => 1, start: () => new Count(), isUnordered: true }
    return invalid("$count takes no arguments, i.e. $count:{}", 40235)
  }
  if (name === "$percentile" || name === "$median") return compilePercentile(name, argument, scope)
  if (isAccumulator(name)) return compileMany(name, argument, scope)
  if (name === "$accumulator")
    return unsupported("$accumulator", "it runs code of the caller; use the other accumulators")
  return invalid(`unknown group operator '${name}'`, 15952)
}

/** Compiles one output field of `$group` and its like: `{ <accumulator>: <argument> }`. */
export const compileField = (field: string, spec: Value, scope: Scope): Accumulator => {
  if (field.includes(".")) invalid(`The field name '${field}' cannot contain '.'`, 40235)
  if (field.startsWith("$")) invalid(`The field name '${field}' cannot be an operator name`, 40236)
  if (field === "") invalid("The field name cannot be empty", 40236)
  const [name, other] = isDocument(spec) ? Object.keys(spec) : []
  if (!isDocument(spec) || name === undefined || !name.startsWith("$")) {
    return invalid(`The field '${field}' must be an accumulator object`, 40234)
  }
  if (other !== undefined) invalid(`The field '${field}' must specify one accumulator`, 40238)
  const argument = spec[name]
  if (Array.isArray(argument)) invalid(`The ${name} accumulator is a unary operator`, 40237)
  return compileNamed(name, argument, scope)
}
