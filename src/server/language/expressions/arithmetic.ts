/** `$add`, `$subtract`, `$multiply`, `$divide`, `$mod`, roots, powers, logarithms and rounding. */
import type { Decimal } from "../decimals.ts"
import type * as decimals from "../decimals.ts"
import { codes, failed } from "../LanguageError.ts"
import * as numbers from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { typeOf, type Value } from "../Value.ts"
import * as functions from "./decimalFunctions.ts"
import type { Operators } from "./Frame.ts"
import { between, binary, isNullish, unary, variadic } from "./operands.ts"
import { shifted } from "./instants.ts"

const notNumeric = (name: string, value: Value, code: number): never =>
  failed(`${name} takes numbers, and not a value of type ${typeOf(value)}`, code)

const notDate = (name: string, value: Value): never =>
  failed(`${name} takes numbers or a date, and not a value of type ${typeOf(value)}`, codes.TypeMismatch)

const add = (values: ReadonlyArray<Value>, name: string): Value => {
  let total: NumberValue = 0
  let date: Date | undefined
  for (const value of values) {
    if (numbers.isNumber(value)) {
      if (date === undefined) total = numbers.add(total, value)
      else date = shifted(date, value, name)
    } else if (isNullish(value)) return null
    else if (!(value instanceof Date)) return notDate(name, value)
    else if (date !== undefined) return failed(`${name} takes only one date`, 16612)
    else date = shifted(value, total, name)
  }
  return date ?? total
}

const subtract = (a: Value, b: Value, name: string): Value => {
  if (isNullish(a) || isNullish(b)) return null
  if (numbers.isNumber(b)) {
    if (numbers.isNumber(a)) return numbers.subtract(a, b)
    if (a instanceof Date) return shifted(a, numbers.subtract(0, b), name)
  }
  if (a instanceof Date && b instanceof Date) return numbers.long(a.getTime() - b.getTime())
  return failed(`can't ${name} ${typeOf(b)} from ${typeOf(a)}`, codes.TypeMismatch)
}

const multiply = (values: ReadonlyArray<Value>, name: string): Value => {
  let product: NumberValue = 1
  for (const value of values) {
    if (numbers.isNumber(value)) product = numbers.multiply(product, value)
    else return isNullish(value) ? null : notNumeric(name, value, codes.TypeMismatch)
  }
  return product
}

const divide = (a: Value, b: Value, name: string): Value => {
  if (numbers.isNumber(a) && numbers.isNumber(b))
    return numbers.isZero(b) ? failed(`can't ${name} by zero`, codes.BadValue) : numbers.divide(a, b)
  if (isNullish(a) || isNullish(b)) return null
  return notNumeric(name, numbers.isNumber(a) ? b : a, codes.TypeMismatch)
}

const mod = (a: Value, b: Value, name: string): Value => {
  if (numbers.isNumber(a) && numbers.isNumber(b))
    return numbers.isZero(b) ? failed(`can't ${name} by zero`, 16610) : numbers.remainder(a, b)
  if (isNullish(a) || isNullish(b)) return null
  return notNumeric(name, numbers.isNumber(a) ? b : a, 16611)
}

const abs = (value: Value, name: string): Value => {
  if (isNullish(value)) return null
  if (!numbers.isNumber(value)) return notNumeric(name, value, 28765)
  return numbers.absolute(value) ?? failed(`${name} of the least long has no long as its result`, 28680)
}

/** A number rounded to a whole one. */
const whole = (rounding: decimals.Rounding) =>
  unary((value, name) => {
    if (isNullish(value)) return null
    return numbers.isNumber(value) ? numbers.round(value, 0, rounding) : notNumeric(name, value, 28765)
  })

const rounded = (rounding: decimals.Rounding) =>
  between(1, 2, (values, name) => {
    const [value, place] = values
    if (isNullish(value) || (values.length === 2 && isNullish(place))) return null
    if (!numbers.isNumber(value)) return notNumeric(name, value, 51081)
    const places = values.length === 2 ? placeOf(place, name) : 0
    return numbers.round(value, places, rounding) ?? failed(`the result of ${name} is beyond 64 bits`, 51080)
  })

const placeOf = (value: Value, name: string): number => {
  const place = numbers.toWhole(value)
  if (place === undefined) return failed(`the place of ${name} is a whole number, and not ${typeOf(value)}`, 51082)
  if (place < -20 || place > 100)
    failed(`cannot apply ${name} with a place of ${place}: it is between -20 and 100`, 51083)
  return place
}

interface OfNumber {
  readonly doubles: (value: number) => number
  readonly decimals: (value: Decimal) => Decimal
  /** Refuses a number that the function is not defined for. */
  readonly check?: (value: NumberValue, name: string) => void
}

/** A function of one number: a double, or a decimal for a decimal. */
const functionOf = ({ doubles, decimals: ofDecimal, check }: OfNumber) =>
  unary((value, name) => {
    if (isNullish(value)) return null
    if (!numbers.isNumber(value)) return notNumeric(name, value, 28765)
    check?.(value, name)
    return isDecimal(value)
      ? numbers.decimal(ofDecimal(numbers.toDecimal(value)))
      : numbers.double(doubles(numbers.toDouble(value)))
  })

const isAboveZero = (value: NumberValue): boolean => numbers.isNaN(value) || numbers.toDouble(value) > 0

const positive =
  (code: number) =>
  (value: NumberValue, name: string): void => {
    if (!isAboveZero(value)) failed(`${name} takes a positive number, and not ${String(value)}`, code)
  }

/** A logarithm: of a decimal that is NaN it is a double. */
const logarithm = (doubles: (value: number) => number, ofDecimal: (value: Decimal) => Decimal, code: number) =>
  unary((value, name) => {
    if (isNullish(value)) return null
    if (!numbers.isNumber(value)) return notNumeric(name, value, 28765)
    positive(code)(value, name)
    return isDecimal(value) && !numbers.isNaN(value)
      ? numbers.decimal(ofDecimal(numbers.toDecimal(value)))
      : numbers.double(doubles(numbers.toDouble(value)))
  })

const log = (value: Value, base: Value, name: string): Value => {
  if (isNullish(value) || isNullish(base)) return null
  if (!numbers.isNumber(value)) return notNumeric(name, value, 28756)
  if (!numbers.isNumber(base)) return notNumeric(name, base, 28757)
  positive(28758)(value, name)
  if (!isAboveZero(base) || numbers.toDouble(base) === 1)
    failed(`the base of ${name} is positive and not 1, and not ${String(base)}`, 28759)
  return (isDecimal(value) || isDecimal(base)) && !numbers.isNaN(value) && !numbers.isNaN(base)
    ? numbers.decimal(functions.log(numbers.toDecimal(value), numbers.toDecimal(base)))
    : numbers.double(Math.log(numbers.toDouble(value)) / Math.log(numbers.toDouble(base)))
}

const isDecimal = (value: NumberValue): boolean => numbers.numberType(value) === "decimal"

const pow = (base: Value, exponent: Value, name: string): Value => {
  if (isNullish(base) || isNullish(exponent)) return null
  if (!numbers.isNumber(base)) return notNumeric(name, base, 28762)
  if (!numbers.isNumber(exponent)) return notNumeric(name, exponent, 28763)
  if (numbers.isZero(base) && numbers.toDouble(exponent) < 0)
    failed(`${name} cannot take a base of 0 and a negative exponent`, 28764)
  if (isDecimal(base) || isDecimal(exponent))
    return numbers.decimal(functions.pow(numbers.toDecimal(base), numbers.toDecimal(exponent)))
  const result = Math.pow(numbers.toDouble(base), numbers.toDouble(exponent))
  const type = numbers.widest(typeOfNumber(base), typeOfNumber(exponent))
  if (type === "double")
    return numbers.double(numbers.toDouble(exponent) === 0 || numbers.toDouble(base) === 1 ? 1 : result)
  return (
    wholePower(numbers.toBigInt(base) ?? 0n, numbers.toBigInt(exponent) ?? 0n, type === "long") ??
    numbers.double(result)
  )
}

const typeOfNumber = (value: NumberValue): numbers.NumberType => numbers.numberType(value) ?? "double"

/** The power of integers where it is one: an int or a long. */
const wholePower = (base: bigint, exponent: bigint, isLong: boolean): Value => {
  const magnitude = base < 0n ? -base : base
  if (exponent < 0n && magnitude !== 1n) return undefined
  const sign = base < 0n && exponent % 2n !== 0n ? -1n : 1n
  if (magnitude <= 1n) return numbers.integer(exponent === 0n ? 1n : magnitude * sign, isLong)
  if (exponent > 63n) return undefined
  const power = base ** exponent
  return numbers.fitsLong(power) ? numbers.integer(power, isLong) : undefined
}

export const arithmetic: Operators = {
  $add: variadic(add),
  $subtract: binary(subtract),
  $multiply: variadic(multiply),
  $divide: binary(divide),
  $mod: binary(mod),
  $abs: unary(abs),
  $ceil: whole("ceil"),
  $floor: whole("floor"),
  $round: rounded("even"),
  $trunc: rounded("trunc"),
  $exp: functionOf({ doubles: Math.exp, decimals: functions.exp }),
  $ln: logarithm(Math.log, functions.ln, 28766),
  $log10: logarithm(Math.log10, functions.log10, 28761),
  $log: binary(log),
  $pow: binary(pow),
  $sqrt: functionOf({
    doubles: Math.sqrt,
    decimals: functions.sqrt,
    check: (value, name) => {
      if (numbers.toDouble(value) < 0)
        failed(`${name} takes a number that is not negative, and not ${String(value)}`, 28714)
    }
  })
}
