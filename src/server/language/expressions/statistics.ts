/** `$sum`, `$avg`, `$min`, `$max` and their like over operands, or over the elements of the one operand. */
import { make, spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { codes, failed, invalid } from "../LanguageError.ts"
import { double, isNumber, Sum, toDouble } from "../numbers.ts"
import { typeOf, type Value } from "../Value.ts"
import { isList, type List } from "./arrays.ts"
import { constantFrame, type Operator, type Operators } from "./Frame.ts"
import { argumentsOf, comparing, computed, isNullish, operandsOf } from "./operands.ts"

/** Over the operands; where there is one that is an array, over what is in it. */
const over =
  (compute: (values: List) => Value): Operator =>
  (argument, context) => {
    const operands = operandsOf(argument).map((spec) => context.compile(spec))
    const [only] = operands
    if (operands.length === 1 && only !== undefined)
      return computed(operands, (frame) => {
        const value = only.evaluate(frame)
        return compute(isList(value) ? value : [value])
      })
    return computed(operands, (frame) => compute(operands.map(({ evaluate }) => evaluate(frame))))
  }

const summed = (values: List): Sum => {
  spend(values.length)
  const sum = new Sum()
  for (const value of values) sum.add(value)
  return sum
}

const extreme =
  (sign: 1 | -1, { compare }: Collation) =>
  (values: List): Value => {
    spend(values.length)
    let found: Value
    for (const value of values) {
      if (!isNullish(value) && (found === undefined || sign * compare(value, found) < 0)) found = value
    }
    return found ?? null
  }

const deviation =
  (less: 0 | 1) =>
  (values: List): Value => {
    spend(values.length * 2)
    const numbers = values.filter(isNumber).map(toDouble)
    if (numbers.length <= less) return null
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length
    const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0)
    return double(Math.sqrt(squares / (numbers.length - less)))
  }

const probabilityOf = (value: Value, name: string): number => {
  const number = isNumber(value) ? toDouble(value) : Number.NaN
  return number >= 0 && number <= 1 ? number : invalid(`${name} takes numbers from 0 to 1 in 'p'`, 7750303)
}

/** The least number that so large a part of all does not exceed. */
const percentiles = (value: Value, parts: ReadonlyArray<number>): List => {
  const numbers = (isList(value) ? value : [value])
    .filter(isNumber)
    .map(toDouble)
    .filter((it) => !Number.isNaN(it))
  make(numbers.length)
  const sorted = Float64Array.from(numbers).toSorted()
  return parts.map((part) => {
    const found = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]
    return found === undefined ? null : double(found)
  })
}

const ranked =
  (isMedian: boolean): Operator =>
  (argument, context, name) => {
    const specs = argumentsOf(argument, name, isMedian ? ["input", "method"] : ["input", "p", "method"])
    if (specs["method"] !== "approximate")
      failed(`${name} has the 'method' "approximate" only, and not ${String(specs["method"])}`, codes.BadValue)
    const p = context.compile(isMedian ? [0.5] : specs["p"])
    if (!p.isConstant) invalid(`${name} takes numbers in 'p' that are constant`, 7750300)
    const list = p.evaluate(constantFrame)
    if (!isList(list) || list.length === 0)
      return invalid(`${name} takes an array of numbers in 'p', and not ${typeOf(list)}`, 7750301)
    const parts = list.map((part) => probabilityOf(part, name))
    const input = context.compile(specs["input"])
    return computed([input], (frame) => {
      const found = percentiles(input.evaluate(frame), parts)
      return isMedian ? found[0] : found
    })
  }

export const statistics: Operators = {
  $sum: over((values) => summed(values).total()),
  $avg: over((values) => summed(values).average()),
  $min: comparing((collation) => over(extreme(1, collation))),
  $max: comparing((collation) => over(extreme(-1, collation))),
  $stdDevPop: over(deviation(0)),
  $stdDevSamp: over(deviation(1)),
  $median: ranked(true),
  $percentile: ranked(false)
}
