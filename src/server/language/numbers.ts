/**
 * The four types of numbers and their arithmetic. A whole JavaScript number within 32 bits, without −0, is an int and any
 * other one a double; `Double` is a double that would be taken for an int; `Long` is 64 bits; `Decimal128` is decimal.
 * A result has the wider type of its operands; an int that overflows is a long, and a long that overflows a double.
 */
import { Decimal128, Double, Long, Timestamp } from "bson"
import * as decimals from "./decimals.ts"
import type { Decimal } from "./decimals.ts"
import type { Numeric } from "./numberOrder.ts"
import { double, isInt } from "./Value.ts"

export { double, isInt }

/** A BSON number in its canonical form. */
export type NumberValue = Numeric

/** The name of a number's type. */
export type NumberType = "int" | "long" | "double" | "decimal"

/** Whether a value is a long, and not a timestamp, which has the same base class. */
export const isLong = (value: unknown): value is Long => value instanceof Long && !(value instanceof Timestamp)

/** The type of a number; undefined for a value of another kind. */
export const numberType = (value: unknown): NumberType | undefined => {
  if (typeof value === "number") return isInt(value) ? "int" : "double"
  if (typeof value !== "object" || value === null) return undefined
  if (value instanceof Double) return "double"
  if (isLong(value)) return "long"
  return value instanceof Decimal128 ? "decimal" : undefined
}

/** Whether a value is a number of any type. */
export const isNumber = (value: unknown): value is NumberValue =>
  typeof value === "number" ||
  (typeof value === "object" &&
    value !== null &&
    (value instanceof Double || isLong(value) || value instanceof Decimal128))

const leastLong = -(2n ** 63n)
const mostLong = 2n ** 63n - 1n
/** Whether an integer fits in 64 bits. */
export const fitsLong = (value: bigint): boolean => value >= leastLong && value <= mostLong
/** A long; the integer has to fit in 64 bits. */
export const long = (value: bigint | number): Long =>
  typeof value === "number"
    ? Long.fromNumber(value)
    : new Long(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))
/** An int, or a long where 32 bits are too few. */
export const intOrLong = (value: number): number | Long => (isInt(value) ? value : Long.fromNumber(value))
/** An integer as an int, a long, or a double where 64 bits are too few. */
export const integer = (value: bigint, isLong = false): NumberValue => {
  if (!isLong && value >= -2147483648n && value <= 2147483647n) return Number(value)
  return fitsLong(value) ? long(value) : double(Number(value))
}
/** A decimal. */
export const decimal = (value: Decimal): Decimal128 => decimals.write(value)

const two32 = 4294967296
/** A long as an exact JavaScript number, or undefined beyond 2^53. */
const safeLong = (value: Long): number | undefined => {
  const number = value.high * two32 + (value.low >>> 0)
  return Number.isSafeInteger(number) ? number : undefined
}
/** A long as a big integer. */
export const longToBigInt = (value: Long): bigint => (BigInt(value.high) << 32n) | BigInt(value.low >>> 0)

/** A number of any type as the nearest double. */
export const toDouble = (value: NumberValue): number => {
  if (typeof value === "number") return value
  if (value instanceof Double) return value.value
  if (value instanceof Decimal128) return decimals.toDouble(decimals.read(value))
  return value.high * two32 + (value.low >>> 0)
}

/** A number of any type as a decimal; a double is rounded to 15 digits, as MongoDB does. */
export const toDecimal = (value: NumberValue): Decimal => {
  if (typeof value === "number") return isInt(value) ? decimals.ofInteger(BigInt(value)) : decimals.ofDouble(value)
  if (value instanceof Double) return decimals.ofDouble(value.value)
  if (value instanceof Decimal128) return decimals.read(value)
  return decimals.ofInteger(longToBigInt(value))
}

/** A number that is whole, of any type, as a big integer; undefined for one that is not whole or not finite. */
export const toBigInt = (value: NumberValue): bigint | undefined => {
  if (value instanceof Long) return longToBigInt(value)
  if (value instanceof Decimal128) {
    const read = decimals.read(value)
    const whole = decimals.toInteger(read, "trunc")
    return whole === undefined ||
      whole !== decimals.toInteger(read, "ceil") ||
      whole !== decimals.toInteger(read, "floor")
      ? undefined
      : whole
  }
  const number = toDouble(value)
  return Number.isInteger(number) ? BigInt(number) : undefined
}

/** A number of any type that is whole and within 2^53, as a JavaScript number; undefined otherwise, as for other values. */
export const toWhole = (value: unknown): number | undefined => {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value + 0 : undefined
  if (!isNumber(value)) return undefined
  const whole = toBigInt(value)
  if (whole === undefined) return undefined
  const number = Number(whole)
  return Number.isSafeInteger(number) ? number : undefined
}

/** The wider of two types of numbers. */
export const widest = (a: NumberType, b: NumberType): NumberType => (rank(a) >= rank(b) ? a : b)
const rank = (type: NumberType): number => (type === "int" ? 0 : type === "long" ? 1 : type === "double" ? 2 : 3)

const typeOf = (value: NumberValue): NumberType => {
  if (typeof value === "number") return isInt(value) ? "int" : "double"
  if (value instanceof Double) return "double"
  return value instanceof Decimal128 ? "decimal" : "long"
}

const exact = (value: NumberValue): bigint =>
  value instanceof Long ? longToBigInt(value) : BigInt(Math.trunc(toDouble(value)))

interface Binary {
  readonly doubles: (a: number, b: number) => number
  readonly integers: (a: bigint, b: bigint) => bigint
  readonly decimals: (a: Decimal, b: Decimal) => Decimal
}

const binary =
  ({ doubles, integers, decimals }: Binary) =>
  (a: NumberValue, b: NumberValue): NumberValue => {
    if (typeof a === "number" && typeof b === "number") {
      const result = doubles(a, b)
      if (!isInt(a) || !isInt(b)) return isInt(result) ? new Double(result) : result
      // -0 is not an integer result
      if (Number.isSafeInteger(result)) return intOrLong(result + 0)
      return integer(integers(BigInt(a), BigInt(b)))
    }
    switch (widest(typeOf(a), typeOf(b))) {
      case "decimal":
        return decimal(decimals(toDecimal(a), toDecimal(b)))
      case "double":
        return double(doubles(toDouble(a), toDouble(b)))
    }
    const result = doubles(toDouble(a), toDouble(b))
    return Number.isSafeInteger(result) && Math.abs(result) < 2 ** 52 && isSafe(a) && isSafe(b)
      ? Long.fromNumber(result + 0)
      : integer(integers(exact(a), exact(b)), true)
  }
const isSafe = (value: NumberValue): boolean => !(value instanceof Long) || safeLong(value) !== undefined

/** a + b. */
export const add = binary({ doubles: (a, b) => a + b, integers: (a, b) => a + b, decimals: decimals.add })
/** a − b. */
export const subtract = binary({
  doubles: (a, b) => a - b,
  integers: (a, b) => a - b,
  decimals: (a, b) => decimals.add(a, decimals.negated(b))
})
/** a × b. */
export const multiply = binary({ doubles: (a, b) => a * b, integers: (a, b) => a * b, decimals: decimals.multiply })
/** What is left of a after whole multiples of b, with the sign of a; b is not 0. */
export const remainder = binary({ doubles: (a, b) => a % b, integers: (a, b) => a % b, decimals: decimals.remainder })

/** a ÷ b, a double or a decimal; b is not 0. */
export const divide = (a: NumberValue, b: NumberValue): NumberValue =>
  a instanceof Decimal128 || b instanceof Decimal128
    ? decimal(decimals.divide(toDecimal(a), toDecimal(b)))
    : double(toDouble(a) / toDouble(b))

/** Whether a number is 0, of either sign. */
export const isZero = (value: NumberValue): boolean =>
  value instanceof Decimal128 ? decimals.isZero(decimals.read(value)) : toDouble(value) === 0

/** Whether a number is NaN. */
export const isNaN = (value: NumberValue): boolean =>
  value instanceof Decimal128 ? decimals.read(value).kind === "nan" : Number.isNaN(toDouble(value))

/** The number without its sign; the least long has no opposite: undefined. */
export const absolute = (value: NumberValue): NumberValue | undefined => {
  if (typeof value === "number") return isInt(value) ? intOrLong(Math.abs(value)) : double(Math.abs(value))
  if (value instanceof Double) return double(Math.abs(value.value))
  if (value instanceof Decimal128) return decimal({ ...decimals.read(value), negative: false })
  const whole = longToBigInt(value)
  if (whole === leastLong) return undefined
  return whole < 0n ? long(-whole) : value
}

/** Rounds to a multiple of 10^−`place`: to the nearest (a tie to the even one), towards 0, down or up. */
export const round = (value: NumberValue, place: number, rounding: decimals.Rounding): NumberValue | undefined => {
  if (value instanceof Decimal128) return decimal(decimals.quantize(decimals.read(value), -place, rounding))
  if (value instanceof Double || (typeof value === "number" && !isInt(value)))
    return double(roundDouble(toDouble(value), place, rounding))
  if (place >= 0) return value
  const rounded = decimals.toInteger(decimals.quantize(toDecimal(value), -place, rounding), "trunc")
  if (rounded === undefined || !fitsLong(rounded)) return undefined
  return integer(rounded, value instanceof Long)
}

const roundDouble = (value: number, place: number, rounding: decimals.Rounding): number => {
  if (!Number.isFinite(value)) return value
  if (place === 0) return roundWhole(value, rounding)
  if (rounding === "even" && place > 0 && Math.abs(value) < 1e15) {
    const isTie = Number.isInteger(value * 2 * 10 ** place)
    if (!isTie) return Number(value.toFixed(place))
  }
  return decimals.toDouble(decimals.quantize(exactDouble(value), -place, rounding))
}

const roundWhole = (value: number, rounding: decimals.Rounding): number => {
  if (rounding === "trunc") return Math.trunc(value)
  if (rounding === "floor") return Math.floor(value)
  if (rounding === "ceil") return Math.ceil(value)
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1 === 0 ? -0 : below + 1
}

const bits = new DataView(new ArrayBuffer(8))
/** A finite double as the decimal it is, digit by digit. */
const exactDouble = (value: number): Decimal => {
  bits.setFloat64(0, value)
  const raw = bits.getBigUint64(0)
  const power = Number((raw >> 52n) & 0x7ffn)
  let mantissa = (raw & 0xfffffffffffffn) | (power === 0 ? 0n : 1n << 52n)
  let exponent = (power === 0 ? 1 : power) - 1075
  // only the needed digits: a sum of decimals only would get the digits of a zero, too
  while (exponent < 0 && (mantissa & 1n) === 0n) {
    mantissa >>= 1n
    exponent = mantissa === 0n ? 0 : exponent + 1
  }
  const negative = raw >> 63n === 1n
  return exponent >= 0
    ? decimals.finite(negative, mantissa << BigInt(exponent), 0)
    : decimals.finite(negative, mantissa * 5n ** BigInt(-exponent), exponent)
}

/**
 * A running sum with the type of the widest number in it. Doubles are added with twice their precision, as MongoDB does, so
 * that the order hardly matters.
 */
export class Sum {
  #type: NumberType = "int"
  #sum = 0
  #rest = 0
  #plain = 0
  #decimal: Decimal | undefined
  #count = 0

  /** How many numbers were added. */
  get count(): number {
    return this.#count
  }

  /** Adds a number; a value of another kind is passed over. */
  add(value: unknown): void {
    if (!isNumber(value)) return
    this.#count++
    const type = typeOf(value)
    if (type !== this.#type) this.#type = widest(type, this.#type)
    if (value instanceof Decimal128)
      this.#decimal =
        this.#decimal === undefined ? decimals.read(value) : decimals.add(this.#decimal, decimals.read(value))
    else if (value instanceof Long && safeLong(value) === undefined) {
      this.#double(value.high * two32)
      this.#double(value.low >>> 0)
    } else this.#double(toDouble(value))
  }

  #double(value: number): void {
    this.#plain += value
    const sum = this.#sum + value
    const rest = this.#rest + twoSumError(this.#sum, value, sum)
    this.#sum = sum + rest
    this.#rest = rest - (this.#sum - sum)
  }

  #toDouble(): number {
    return Number.isNaN(this.#sum) ? this.#plain : this.#sum
  }

  #toDecimal(): Decimal {
    const sum = this.#toDouble()
    const others = Number.isFinite(sum)
      ? decimals.add(decimals.rounded(exactDouble(sum)), decimals.rounded(exactDouble(this.#rest)))
      : decimals.ofDouble(sum)
    return this.#decimal === undefined ? others : decimals.add(this.#decimal, others)
  }

  /** The sum; 0 of nothing. */
  total(): NumberValue {
    switch (this.#type) {
      case "decimal":
        return decimal(this.#toDecimal())
      case "double":
        return double(this.#toDouble())
    }
    if (this.#rest === 0 && Number.isSafeInteger(this.#sum))
      return this.#type === "int" ? intOrLong(this.#sum + 0) : Long.fromNumber(this.#sum)
    return integer(BigInt(this.#sum) + BigInt(this.#rest), this.#type === "long")
  }

  /** The arithmetic mean; null of nothing. */
  average(): NumberValue | null {
    if (this.#count === 0) return null
    return this.#type === "decimal"
      ? decimal(decimals.divide(this.#toDecimal(), decimals.ofInteger(BigInt(this.#count))))
      : double(this.#toDouble() / this.#count)
  }
}

const twoSumError = (a: number, b: number, sum: number): number => {
  const virtual = sum - a
  return a - (sum - virtual) + (b - virtual)
}
