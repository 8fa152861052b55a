/** The order of numbers across their four types, exactly: no value is rounded in order to be compared. */
import type { Decimal128, Double, Long } from "bson"

/** A number as the language holds it. */
export type Numeric = number | Double | Long | Decimal128

/** A decimal number that is finite: `digits * 10 ** exponent`. */
interface Scaled {
  readonly digits: bigint
  readonly exponent: number
}

const order = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** NaN is less than every other number, and equal to itself. */
const compareDoubles = (a: number, b: number): number =>
  a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.isNaN(a) ? (Number.isNaN(b) ? 0 : -1) : 1

/** The number as a double, where it is one exactly or is as much to every comparison with doubles. */
const asDouble = (value: Numeric): number | undefined => {
  if (typeof value === "number") return value
  switch (value._bsontype) {
    case "Double":
      return value.value
    case "Long": {
      const nearest = value.toNumber()
      return Number.isSafeInteger(nearest) ? nearest : undefined
    }
    case "Decimal128":
      return special(value)
  }
}

/** NaN and the infinities of decimals. */
const special = (value: Decimal128): number | undefined => {
  // the five bits behind the sign say which
  const bits = ((value.bytes[15] ?? 0) >> 2) & 0b11111
  if (bits === 0b11111) return Number.NaN
  return bits === 0b11110 ? ((value.bytes[15] ?? 0) >= 128 ? -Infinity : Infinity) : undefined
}

/** Compares two numbers of any types: below zero, zero or above it. */
export const compareNumbers = (a: Numeric, b: Numeric): number => {
  if (typeof a === "number" && typeof b === "number") return compareDoubles(a, b)
  const left = asDouble(a)
  const right = asDouble(b)
  if (left !== undefined && right !== undefined) return compareDoubles(left, right)
  // one of them is wide: NaN and the infinities of the other stand before or behind it
  if (left !== undefined && !Number.isFinite(left)) return left > 0 ? 1 : -1
  if (right !== undefined && !Number.isFinite(right)) return right > 0 ? -1 : 1
  if (isLong(a) && isLong(b)) return a.compare(b)
  return compareScaled(scaled(a), scaled(b))
}

const isLong = (value: Numeric): value is Long => typeof value !== "number" && value._bsontype === "Long"

const scaled = (value: Numeric): Scaled => {
  if (typeof value === "number") return scaledDouble(value)
  switch (value._bsontype) {
    case "Double":
      return scaledDouble(value.value)
    case "Long":
      return { digits: value.toBigInt(), exponent: 0 }
    case "Decimal128":
      return scaledText(value.toString())
  }
}

/** Every double is a whole number divided by a power of two, and so a decimal of finitely many digits. */
const scaledDouble = (value: number): Scaled => {
  let whole = value
  let halvings = 0
  while (!Number.isInteger(whole)) {
    whole *= 2
    halvings++
  }
  return { digits: BigInt(whole) * 5n ** BigInt(halvings), exponent: -halvings }
}

const scaledText = (text: string): Scaled => {
  const [mantissa = "0", exponent = "0"] = text.toUpperCase().split("E")
  const [whole = "", fraction = ""] = mantissa.split(".")
  return { digits: BigInt(`${whole}${fraction}`), exponent: Number(exponent) - fraction.length }
}

const magnitude = ({ digits, exponent }: Scaled): number =>
  (digits < 0n ? -digits : digits).toString().length + exponent

const compareScaled = (a: Scaled, b: Scaled): number => {
  const sign = Math.sign(order(a.digits, 0n))
  const bySign = sign - Math.sign(order(b.digits, 0n))
  if (bySign !== 0) return Math.sign(bySign)
  if (sign === 0) return 0
  const byMagnitude = order(magnitude(a), magnitude(b))
  if (byMagnitude !== 0) return sign * byMagnitude
  const least = Math.min(a.exponent, b.exponent)
  return order(a.digits * 10n ** BigInt(a.exponent - least), b.digits * 10n ** BigInt(b.exponent - least))
}

/** A text that two numbers share exactly when they are equal, whatever their types. */
export const numberKey = (value: Numeric): string => {
  const double = asDouble(value)
  if (double !== undefined) return `n${double === 0 ? 0 : double}`
  const nearest = Number(String(value))
  if (compareNumbers(nearest, value) === 0) return `n${nearest === 0 ? 0 : nearest}`
  const { digits, exponent } = scaled(value)
  const text = digits.toString()
  const shortest = text.replace(/0+$/, "")
  return `w${shortest}e${exponent + text.length - shortest.length}`
}
