/** `$and`, `$or` and `$not`: null, a missing value, false and 0 are false. */
import { isNumber, isZero } from "../numbers.ts"
import type { Value } from "../Value.ts"
import { type Context, type Expression, type Frame, type Operators } from "./Frame.ts"
import { computed, operandsOf, unary } from "./operands.ts"

/** Whether a value counts as true. */
export const isTrue = (value: Value): boolean => {
  if (typeof value === "boolean") return value
  if (value === undefined || value === null) return false
  return !isNumber(value) || !isZero(value)
}

/** Stops at the first operand that decides. */
const deciding =
  (decisive: boolean) =>
  (argument: unknown, context: Context): Expression => {
    const operands = operandsOf(argument).map((spec) => context.compile(spec))
    const evaluates = operands.map(({ evaluate }) => evaluate)
    const evaluate = (frame: Frame): boolean => {
      for (const operand of evaluates) if (isTrue(operand(frame)) === decisive) return decisive
      return !decisive
    }
    return computed(operands, evaluate)
  }

export const booleans: Operators = {
  $and: deciding(false),
  $or: deciding(true),
  $not: unary((value) => !isTrue(value))
}
