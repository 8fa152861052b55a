/** The window functions that fill in missing values: `$locf` and `$linearFill`. */
import * as Expression from "../Expression.ts"
import { failed, invalid } from "../LanguageError.ts"
import { add, divide, isNumber, multiply, subtract } from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { compare, isDate, typeOf } from "../Value.ts"
import type { Value } from "../Value.ts"
import { refuseWindow, valuesOf } from "./WindowFunction.ts"
import type { CompileFunction } from "./WindowFunction.ts"
import type { Rows } from "../windows.ts"

/** The last value that was there. */
export const locf: CompileFunction = (argument, context) => {
  refuseWindow(context)
  const expression = Expression.compile(argument, context.scope)
  return (rows, frame) => {
    let last: Value = null
    return valuesOf(expression, rows, frame).map((value) => {
      if (value !== undefined && value !== null) last = value
      return last
    })
  }
}

const numberOf = (value: Value): NumberValue | undefined => {
  if (value === undefined || value === null) return undefined
  return isNumber(value)
    ? value
    : failed(`Value to be filled must be numeric or nullish, but found ${typeOf(value)}`, 6050201)
}

/** What the rows are sorted by, as numbers: all different, or between two values there is no line. */
const positions = ({ sortValues }: Rows): ReadonlyArray<NumberValue> => {
  const numbers = sortValues.map((value) => {
    if (isDate(value)) return value.getTime()
    return isNumber(value)
      ? value
      : failed(`Only numbers and dates are allowed in the sortBy of $linearFill, but found ${typeOf(value)}`, 6050106)
  })
  numbers.forEach((value, i) => {
    if (i > 0 && compare(value, numbers[i - 1]) === 0)
      failed("There can be no repeated values in the sort field of $linearFill", 6050106)
  })
  return numbers
}

/** The values on the straight line between the ones before and behind. */
export const linearFill: CompileFunction = (argument, context) => {
  refuseWindow(context)
  if (!context.sorting.isSingle)
    invalid("$linearFill must be specified with a top level sortBy expression with exactly one element", 605001)
  const expression = Expression.compile(argument, context.scope)
  return (rows, frame) => {
    const at = positions(rows)
    const values = valuesOf(expression, rows, frame).map(numberOf)
    const filled: Array<Value> = values.map((value) => value ?? null)
    let left = -1
    values.forEach((value, i) => {
      if (value === undefined) return
      if (left >= 0) fillBetween(filled, at, left, i)
      left = i
    })
    return filled
  }
}

const fillBetween = (filled: Array<Value>, at: ReadonlyArray<NumberValue>, left: number, right: number): void => {
  const y1 = filled[left]
  const y2 = filled[right]
  const x1 = at[left]
  const x2 = at[right]
  if (!isNumber(y1) || !isNumber(y2) || x1 === undefined || x2 === undefined) return
  for (let i = left + 1; i < right; i++) {
    const x = at[i]
    if (x === undefined) continue
    filled[i] = add(y1, divide(multiply(subtract(y2, y1), subtract(x, x1)), subtract(x2, x1)))
  }
}
