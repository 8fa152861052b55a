/** Trigonometry, of doubles and of decimals. */
import * as decimals from "../decimals.ts"
import type { Decimal } from "../decimals.ts"
import { codes, failed } from "../LanguageError.ts"
import * as numbers from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { typeOf, type Value } from "../Value.ts"
import * as functions from "./decimalFunctions.ts"
import type { Operators } from "./Frame.ts"
import { binary, isNullish, unary } from "./operands.ts"

/** A result has all its digits: it is hardly ever exact. */
const full = (value: Decimal): Decimal =>
  value.kind !== "finite" || decimals.isZero(value)
    ? value
    : decimals.add(value, decimals.finite(value.negative, 0n, -6176))

interface Bounds {
  readonly least: number
  readonly most: number
  readonly isOpen?: boolean
}
const everywhere: Bounds = { least: -Infinity, most: Infinity }
const finite: Bounds = { ...everywhere, isOpen: true }
const unit: Bounds = { least: -1, most: 1 }

const check = (value: NumberValue, { least, most, isOpen = false }: Bounds, name: string): void => {
  const number = numbers.toDouble(value)
  if (Number.isNaN(number) || (isOpen ? number > least && number < most : number >= least && number <= most)) return
  const brackets = isOpen ? `(${least}, ${most})` : `[${least}, ${most}]`
  failed(`cannot apply ${name} to ${String(value)}: the value must be in ${brackets}`, 50989)
}

const functionOf = (doubles: (value: number) => number, ofDecimal: (value: Decimal) => Decimal, bounds = everywhere) =>
  unary((value, name) => {
    if (isNullish(value)) return null
    if (!numbers.isNumber(value))
      return failed(`${name} takes a number, and not a value of type ${typeOf(value)}`, 28765)
    check(value, bounds, name)
    return numbers.numberType(value) === "decimal"
      ? numbers.decimal(full(ofDecimal(numbers.toDecimal(value))))
      : numbers.double(doubles(numbers.toDouble(value)))
  })

const atan2 = (y: Value, x: Value, name: string): Value => {
  if (isNullish(y) || isNullish(x)) return null
  if (!numbers.isNumber(y) || !numbers.isNumber(x))
    return failed(`${name} takes numbers, and not values of types ${typeOf(y)} and ${typeOf(x)}`, codes.TypeMismatch)
  return numbers.numberType(y) === "decimal" || numbers.numberType(x) === "decimal"
    ? numbers.decimal(full(functions.atan2(numbers.toDecimal(y), numbers.toDecimal(x))))
    : numbers.double(Math.atan2(numbers.toDouble(y), numbers.toDouble(x)))
}

const halfTurn = decimals.ofInteger(180n)

export const trigonometry: Operators = {
  $sin: functionOf(Math.sin, functions.sin, finite),
  $cos: functionOf(Math.cos, functions.cos, finite),
  $tan: functionOf(Math.tan, functions.tan, finite),
  $asin: functionOf(Math.asin, functions.asin, unit),
  $acos: functionOf(Math.acos, functions.acos, unit),
  $atan: functionOf(Math.atan, functions.atan),
  $atan2: binary(atan2),
  $sinh: functionOf(Math.sinh, functions.sinh),
  $cosh: functionOf(Math.cosh, functions.cosh),
  $tanh: functionOf(Math.tanh, functions.tanh),
  $asinh: functionOf(Math.asinh, functions.asinh),
  $acosh: functionOf(Math.acosh, functions.acosh, { least: 1, most: Infinity }),
  $atanh: functionOf(Math.atanh, functions.atanh, unit),
  $degreesToRadians: functionOf(
    (value) => value * (Math.PI / 180),
    (value) => decimals.multiply(value, decimals.divide(functions.pi, halfTurn))
  ),
  $radiansToDegrees: functionOf(
    (value) => value * (180 / Math.PI),
    (value) => decimals.multiply(value, decimals.divide(halfTurn, functions.pi))
  )
}
