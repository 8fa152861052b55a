/** The window function `$expMovingAvg`. */
import { Decimal128 } from "bson"
import * as Expression from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import { add, decimal, divide, double, isNumber, multiply, subtract, toDecimal, toDouble, toWhole } from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { refuseWindow, valuesOf } from "./WindowFunction.ts"
import type { CompileFunction } from "./WindowFunction.ts"

const expected =
  "$expMovingAvg sub object must have exactly two fields: An 'input' field, and either an 'N' field or an 'alpha' field"

/** How much the newest value weighs, as a decimal: it may have no double. */
const alphaOf = (argument: Document): NumberValue => {
  const { N: count, alpha } = argument
  if (alpha !== undefined) {
    const number = isNumber(alpha) ? toDouble(alpha) : Number.NaN
    if (isNumber(alpha) && number > 0 && number < 1) return decimal(toDecimal(alpha))
    return invalid(`'alpha' must be between 0 and 1 (exclusive), found alpha: ${shown(alpha)}`, 9)
  }
  const whole = isNumber(count) ? toWhole(count) : undefined
  if (whole === undefined)
    return invalid(
      `'N' field must be an integer, but found N: ${shown(count)}. To use a non-integer, use the 'alpha' argument instead`,
      9
    )
  if (whole <= 0) invalid(`'N' must be greater than zero. Got ${whole}`, 9)
  return divide(new Decimal128("2"), whole + 1)
}

/** The average in which a value weighs less the longer ago it was; a value of another kind changes nothing. */
export const movingAverage: CompileFunction = (argument, context) => {
  refuseWindow(context)
  if (!context.sorting.isSorted) invalid("$expMovingAvg requires an explicit 'sortBy'", 9)
  if (!isDocument(argument) || Object.keys(argument).length !== 2 || !Object.hasOwn(argument, "input"))
    return invalid(expected, 9)
  if (!Object.hasOwn(argument, "N") && !Object.hasOwn(argument, "alpha")) return invalid(expected, 9)
  const alpha = alphaOf(argument)
  const rest = subtract(1, alpha)
  const input = Expression.compile(argument["input"], context.scope)
  return (rows, frame) => {
    let average: NumberValue | undefined
    let isDecimal = false
    return valuesOf(input, rows, frame).map((value): Value => {
      if (isNumber(value)) {
        isDecimal ||= value instanceof Decimal128
        const exact = decimal(toDecimal(value))
        average = average === undefined ? exact : add(multiply(exact, alpha), multiply(average, rest))
      }
      if (average === undefined) return null
      return isDecimal ? average : double(toDouble(average))
    })
  }
}
