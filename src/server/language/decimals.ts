/**
 * Decimal128 as a sign, a coefficient of at most 34 digits and an exponent: exact arithmetic on big integers, rounded once
 * to the nearest even. Exponents are kept as IEEE 754-2008 prefers them, so that `1.10 + 2` is `3.10`.
 */
import { Decimal128 } from "bson"
import { make, spend } from "./budget.ts"

/** A decimal number taken apart. */
export interface Decimal {
  readonly kind: "finite" | "infinity" | "nan"
  readonly negative: boolean
  /** The coefficient, without its sign. */
  readonly digits: bigint
  readonly exponent: number
}

const precision = 34
const leastExponent = -6176
const mostExponent = 6111
const bias = 6176
const mostDigits = 10n ** 34n - 1n
const mask49 = (1n << 49n) - 1n

export const nan: Decimal = { kind: "nan", negative: false, digits: 0n, exponent: 0 }
export const infinity = (negative: boolean): Decimal => ({ kind: "infinity", negative, digits: 0n, exponent: 0 })
export const finite = (negative: boolean, digits: bigint, exponent: number): Decimal => ({
  kind: "finite",
  negative,
  digits,
  exponent
})
/** A whole number. */
export const ofInteger = (value: bigint): Decimal => finite(value < 0n, value < 0n ? -value : value, 0)

const powers: Array<bigint> = []
/** 10 to the power of `n`. */
const powerOfTen = (n: number): bigint => {
  if (n > 200) return 10n ** BigInt(n)
  return (powers[n] ??= 10n ** BigInt(n))
}

/** How many digits a coefficient has; 0 has one. */
export const length = (digits: bigint): number => {
  if (digits <= 9007199254740991n) return String(Number(digits)).length
  return digits.toString().length
}

/** Reads the 16 bytes of a Decimal128. */
export const read = (value: Decimal128): Decimal => {
  const { bytes } = value
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  const low = view.getBigUint64(0, true)
  const high = view.getBigUint64(8, true)
  const negative = high >> 63n === 1n
  if (((high >> 61n) & 3n) === 3n) {
    const special = (high >> 58n) & 31n
    if (special === 30n) return infinity(negative)
    if (special === 31n) return nan
    // a coefficient of more than 34 digits is read as 0
    return finite(negative, 0n, Number((high >> 47n) & 0x3fffn) - bias)
  }
  const digits = ((high & mask49) << 64n) | low
  return finite(negative, digits > mostDigits ? 0n : digits, Number((high >> 49n) & 0x3fffn) - bias)
}

/** Drops the last `count` digits and rounds what is left to the nearest, a tie to the even one. */
const dropped = (digits: bigint, count: number, isExact = true): bigint => {
  if (count <= 0) return digits
  const unit = powerOfTen(count)
  const kept = digits / unit
  const rest = (digits % unit) * 2n
  if (rest < unit || (rest === unit && isExact && kept % 2n === 0n)) return kept
  return kept + 1n
}

/** Rounds to 34 digits and to the exponents that there are. `isExact` false: the true value is a little greater. */
export const rounded = (value: Decimal, isExact = true): Decimal => {
  if (value.kind !== "finite") return value
  let { digits, exponent } = value
  const excess = digits > mostDigits ? length(digits) - precision : 0
  const drop = Math.max(excess, leastExponent - exponent)
  if (drop > 0) {
    digits = drop > length(digits) + 1 ? 0n : dropped(digits, drop, isExact)
    exponent += drop
    if (digits > mostDigits) {
      digits /= 10n
      exponent++
    }
  }
  if (exponent > mostExponent) {
    if (digits === 0n) return finite(value.negative, 0n, mostExponent)
    if (length(digits) + exponent - mostExponent > precision) return infinity(value.negative)
    digits *= powerOfTen(exponent - mostExponent)
    exponent = mostExponent
  }
  return digits === value.digits && exponent === value.exponent ? value : finite(value.negative, digits, exponent)
}

/** Its bytes are objects of their own, so that it takes as much memory as several documents. */
const weightOfDecimal = 8

/** Writes the 16 bytes of a Decimal128, rounded to what it can hold. */
export const write = (value: Decimal, isExact = true): Decimal128 => {
  make(weightOfDecimal)
  const { kind, negative, digits, exponent } = rounded(value, isExact)
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  const sign = negative && kind !== "nan" ? 1n << 63n : 0n
  if (kind === "nan") view.setBigUint64(8, 31n << 58n, true)
  else if (kind === "infinity") view.setBigUint64(8, sign | (30n << 58n), true)
  else {
    view.setBigUint64(0, digits & 0xffffffffffffffffn, true)
    view.setBigUint64(8, sign | (BigInt(exponent + bias) << 49n) | (digits >> 64n), true)
  }
  return new Decimal128(bytes)
}

const signed = (value: Decimal): bigint => (value.negative ? -value.digits : value.digits)
/** The opposite number. */
export const negated = (value: Decimal): Decimal =>
  value.kind === "nan" ? value : { ...value, negative: !value.negative }

/** Beyond this distance the smaller number only decides how the greater one is rounded. */
const farApart = 110

/** a + b. */
export const add = (a: Decimal, b: Decimal): Decimal => {
  if (a.kind !== "finite" || b.kind !== "finite") {
    if (a.kind === "nan" || b.kind === "nan") return nan
    if (a.kind === b.kind) return a.negative === b.negative ? a : nan
    return a.kind === "infinity" ? a : b
  }
  if (a.exponent < b.exponent) return add(b, a)
  const gap = a.exponent - b.exponent
  if (gap > farApart) {
    if (a.digits === 0n) return rounded(b)
    const shift = b.digits === 0n ? precision - length(a.digits) : farApart
    const rest = b.digits === 0n ? 0n : b.negative === a.negative ? 1n : -1n
    return rounded(finite(a.negative, a.digits * powerOfTen(shift) + rest, a.exponent - shift))
  }
  const sum = signed(a) * powerOfTen(gap) + signed(b)
  if (sum === 0n) return finite(a.negative && b.negative, 0n, b.exponent)
  return rounded(finite(sum < 0n, sum < 0n ? -sum : sum, b.exponent))
}

/** a × b. */
export const multiply = (a: Decimal, b: Decimal): Decimal => {
  const negative = a.negative !== b.negative
  if (a.kind !== "finite" || b.kind !== "finite") {
    if (a.kind === "nan" || b.kind === "nan" || isZero(a) || isZero(b)) return nan
    return infinity(negative)
  }
  return rounded(finite(negative, a.digits * b.digits, a.exponent + b.exponent))
}

/** a ÷ b; by zero is infinite, or no number. */
export const divide = (a: Decimal, b: Decimal): Decimal => {
  const negative = a.negative !== b.negative
  if (a.kind === "nan" || b.kind === "nan") return nan
  if (a.kind === "infinity") return b.kind === "infinity" ? nan : infinity(negative)
  const ideal = a.exponent - b.exponent
  if (b.kind === "infinity") return finite(negative, 0n, leastExponent)
  if (b.digits === 0n) return a.digits === 0n ? nan : infinity(negative)
  if (a.digits === 0n) return rounded(finite(negative, 0n, ideal))
  const shift = Math.max(0, precision + 2 + length(b.digits) - length(a.digits))
  const numerator = a.digits * powerOfTen(shift)
  let digits = numerator / b.digits
  let exponent = ideal - shift
  const isExact = numerator % b.digits === 0n
  if (!isExact) return rounded(finite(negative, digits, exponent), false)
  while (exponent < ideal && digits % 10n === 0n) {
    digits /= 10n
    exponent++
  }
  return rounded(finite(negative, digits, exponent))
}

/** What is left of a after whole multiples of b, with the sign of a. */
export const remainder = (a: Decimal, b: Decimal): Decimal => {
  if (a.kind !== "finite" || b.kind === "nan" || isZero(b)) return nan
  if (b.kind === "infinity") return a
  const exponent = Math.min(a.exponent, b.exponent)
  spend(Math.abs(a.exponent - b.exponent) >> 2)
  const divisor = b.digits * powerOfTen(b.exponent - exponent)
  return rounded(finite(a.negative, (a.digits * powerOfTen(a.exponent - exponent)) % divisor, exponent))
}

/** Whether a number is 0, of either sign. */
export const isZero = (value: Decimal): boolean => value.kind === "finite" && value.digits === 0n

/** How a number is rounded to a digit: to the even one of two, towards 0, down or up. */
export type Rounding = "even" | "trunc" | "floor" | "ceil"

/** Rounds to a multiple of 10 to the power of `exponent`; as many digits are written as there is room for. */
export const quantize = (value: Decimal, exponent: number, rounding: Rounding): Decimal => {
  if (value.kind !== "finite") return value
  if (value.exponent >= exponent) {
    const gap = value.exponent - exponent
    const room = value.digits === 0n ? gap : Math.max(0, Math.min(gap, precision - length(value.digits)))
    return room === 0 ? value : finite(value.negative, value.digits * powerOfTen(room), value.exponent - room)
  }
  return finite(value.negative, wholeDigits(value, exponent - value.exponent, rounding), exponent)
}

const wholeDigits = ({ digits, negative }: Decimal, drop: number, rounding: Rounding): bigint => {
  if (rounding === "even") return drop > length(digits) + 1 ? 0n : dropped(digits, drop)
  const kept = drop > length(digits) ? 0n : digits / powerOfTen(drop)
  const isAway = rounding === "ceil" ? !negative : rounding === "floor" ? negative : false
  return isAway && (drop > length(digits) ? digits > 0n : digits % powerOfTen(drop) !== 0n) ? kept + 1n : kept
}

/** The whole part as an integer, for a finite number whose magnitude is below 10^`mostLength`; undefined otherwise. */
export const toInteger = (value: Decimal, rounding: Rounding, mostLength = 40): bigint | undefined => {
  if (value.kind !== "finite") return undefined
  if (value.digits !== 0n && length(value.digits) + value.exponent > mostLength) return undefined
  if (value.digits === 0n) return 0n
  const digits =
    value.exponent >= 0 ? value.digits * powerOfTen(value.exponent) : wholeDigits(value, -value.exponent, rounding)
  return value.negative ? -digits : digits
}

/** Decimal text: `12.5`, `1E+3`, `NaN`, `-Infinity`. */
export const toText = (value: Decimal): string => write(value).toString()

const pattern = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:[eE]([+-]?\d+))?$/

/** Parses a decimal, rounded to 34 digits; undefined for text that is not a number. */
export const parse = (text: string): Decimal | undefined => {
  const special = /^([+-]?)(inf(?:inity)?|nan)$/i.exec(text)
  if (special !== null) return special[2]?.toLowerCase() === "nan" ? nan : infinity(special[1] === "-")
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, sign, whole = "", fraction = match[4] ?? "", , power = "0"] = match
  const exponent = Number(power) - (whole === "" ? (match[4] ?? "") : fraction).length
  const digits = BigInt(whole === "" ? (match[4] ?? "") : whole + fraction)
  const limited = Math.max(-40000, Math.min(40000, exponent))
  return rounded(finite(sign === "-", digits, limited))
}

/** A double as a decimal of 15 significant digits, as MongoDB converts it. */
export const ofDouble = (value: number): Decimal => {
  if (Number.isNaN(value)) return nan
  if (!Number.isFinite(value)) return infinity(value < 0)
  const negative = value < 0 || Object.is(value, -0)
  if (value === 0) return finite(negative, 0n, 0)
  const [digits = "0", power = "0"] = Math.abs(value).toExponential(14).split("e")
  return finite(negative, BigInt(digits.replace(".", "")), Number(power) - 14)
}

/** The double that is nearest to a decimal. */
export const toDouble = (value: Decimal): number => {
  if (value.kind === "nan") return Number.NaN
  const magnitude = value.kind === "infinity" ? Infinity : Number(`${value.digits}e${value.exponent}`)
  return value.negative ? -magnitude : magnitude
}
