/** The keywords for numbers and for strings; values of other types pass. */
import { simple } from "../Collation.ts"
import * as decimals from "../decimals.ts"
import { ordered, type Ordering } from "../filters/comparisons.ts"
import { isZero, toDecimal } from "../numbers.ts"
import { regexTest } from "../regex.ts"
import { isNumeric } from "../Value.ts"
import { countIn, expecting, type Keyword, mismatch, wrong } from "./check.ts"

/** `minimum` or `maximum`, which another keyword makes exclusive. */
const bound =
  (inclusive: Ordering, exclusive: Ordering, exclusiveName: string): Keyword =>
  (argument, context) => {
    if (!isNumeric(argument)) return mismatch(context, "a number")
    const isExclusive = context.schema[exclusiveName]
    const operator = isExclusive === true ? exclusive : inclusive
    const accepts = ordered(operator, argument, simple)
    return expecting(context, `a number that is ${words[operator]} ${String(argument)}`, (value) =>
      isNumeric(value) ? accepts(value) : true
    )
  }

const words: Readonly<Record<Ordering, string>> = {
  $gt: "greater than",
  $gte: "at least",
  $lt: "less than",
  $lte: "at most"
}

/** Means nothing without the bound that it makes exclusive. */
const exclusive =
  (boundName: string): Keyword =>
  (argument, context) => {
    if (typeof argument !== "boolean") mismatch(context, "a boolean")
    if (!(boundName in context.schema)) wrong(context, `needs '${boundName}' beside it`)
    return undefined
  }

const multipleOf: Keyword = (argument, context) => {
  if (!isNumeric(argument)) return mismatch(context, "a number")
  const divisor = toDecimal(argument)
  if (divisor.negative || divisor.kind === "nan" || isZero(argument)) wrong(context, "must be greater than 0")
  return expecting(context, `a multiple of ${String(argument)}`, (value) =>
    isNumeric(value) ? decimals.isZero(decimals.remainder(toDecimal(value), divisor)) : true
  )
}

/** In characters, and not in UTF-16 units. */
const lengthOf = (text: string): number => Array.from(text).length

const length =
  (words: string, accepts: (length: number, bound: number) => boolean): Keyword =>
  (argument, context) => {
    const count = countIn(argument, context)
    return expecting(context, `a string of ${words} ${count} characters`, (value) =>
      typeof value === "string" ? accepts(lengthOf(value), count) : true
    )
  }

const pattern: Keyword = (argument, context) => {
  if (typeof argument !== "string") return mismatch(context, "a string")
  const test = regexTest(argument)
  return expecting(context, `a string that matches ${argument}`, (value) =>
    typeof value === "string" ? test(value) : true
  )
}

export const scalarKeywords: Readonly<Record<string, Keyword>> = {
  minimum: bound("$gte", "$gt", "exclusiveMinimum"),
  maximum: bound("$lte", "$lt", "exclusiveMaximum"),
  exclusiveMinimum: exclusive("minimum"),
  exclusiveMaximum: exclusive("maximum"),
  multipleOf,
  minLength: length("at least", (length, bound) => length >= bound),
  maxLength: length("at most", (length, bound) => length <= bound),
  pattern
}
