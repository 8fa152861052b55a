/** `$mod` and the operators of bits: tests of numbers as integers of 64 bits. */
import type { Binary } from "bson"
import * as decimals from "../decimals.ts"
import { codes, invalid } from "../LanguageError.ts"
import { toBigInt, toDouble } from "../numbers.ts"
import type { Numeric } from "../numberOrder.ts"
import { bytesOf, isA, isNumeric } from "../Value.ts"
import type { Single } from "./comparisons.ts"

const fits = (value: bigint): boolean => BigInt.asIntN(64, value) === value

/** A number without its fraction, as 64 bits hold it; `undefined` for NaN, the infinities and what is larger. */
const truncated = (value: Numeric): bigint | undefined => {
  const whole = isA(value, "Decimal128")
    ? decimals.toInteger(decimals.read(value), "trunc")
    : isA(value, "Long")
      ? toBigInt(value)
      : truncatedDouble(toDouble(value))
  return whole !== undefined && fits(whole) ? whole : undefined
}

const truncatedDouble = (value: number): bigint | undefined =>
  Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined

/** `$mod: [divisor, remainder]`. */
export const mod = (argument: unknown): Single => {
  if (!Array.isArray(argument)) return invalid("$mod needs an array of a divisor and a remainder")
  if (argument.length < 2) invalid("$mod has not enough elements: a divisor and a remainder are expected")
  if (argument.length > 2) invalid("$mod has too many elements: a divisor and a remainder are expected")
  const [divisor, remainder] = argument.map((value: unknown, i) => {
    const name = i === 0 ? "divisor" : "remainder"
    if (!isNumeric(value)) return invalid(`the ${name} of $mod must be a number`)
    return truncated(value) ?? invalid(`the ${name} of $mod must be an integer of 64 bits`)
  })
  if (divisor === undefined || remainder === undefined || divisor === 0n)
    return invalid("the divisor of $mod cannot be 0")
  const small = Number(divisor)
  const rest = Number(remainder)
  return (value) => {
    if (typeof value === "number" && Math.abs(value) < 2 ** 53) return Math.trunc(value) % small === rest
    const whole = isNumeric(value) ? truncated(value) : undefined
    return whole !== undefined && whole % divisor === remainder
  }
}

/** The operators of bits. */
export type BitsOperator = "$bitsAllSet" | "$bitsAllClear" | "$bitsAnySet" | "$bitsAnyClear"

/** Asks for bits at positions, of an integer or of bytes. */
export const bits = (operator: BitsOperator, argument: unknown): Single => {
  const positions = positionsOf(operator, argument)
  const wantsSet = operator === "$bitsAllSet" || operator === "$bitsAnySet"
  const wantsAll = operator === "$bitsAllSet" || operator === "$bitsAllClear"
  return (value) => {
    const isSet = bitReader(value)
    if (isSet === undefined) return false
    const isWanted = (position: number) => isSet(position) === wantsSet
    return wantsAll ? positions.every(isWanted) : positions.some(isWanted)
  }
}

type IsSet = (position: number) => boolean

const bitReader = (value: unknown): IsSet | undefined => {
  if (isA(value, "Binary")) return ofBytes(value)
  const whole = isNumeric(value) ? toBigInt(value) : undefined
  if (whole === undefined || !fits(whole)) return undefined
  // behind the 64th bit stands the sign
  return (position) => ((whole >> BigInt(position)) & 1n) === 1n
}

const ofBytes = (value: Binary): IsSet => {
  const bytes = bytesOf(value)
  return (position) => (((bytes[position >> 3] ?? 0) >> (position & 7)) & 1) === 1
}

const positionsOf = (operator: string, argument: unknown): ReadonlyArray<number> => {
  if (Array.isArray(argument)) return argument.map((value: unknown) => positionOf(operator, value))
  if (isA(argument, "Binary")) {
    const isSet = ofBytes(argument)
    return Array.from({ length: argument.position * 8 }, (_, i) => i).filter(isSet)
  }
  if (!isNumeric(argument)) {
    return invalid(`${operator} takes an array of positions, a number or bytes as its mask`)
  }
  const mask = toBigInt(argument)
  if (mask === undefined || !fits(mask))
    return invalid(`the mask of ${operator} must be an integer of 64 bits`, codes.FailedToParse)
  if (mask < 0n) return invalid(`the mask of ${operator} must not be negative`, codes.FailedToParse)
  return Array.from({ length: 64 }, (_, i) => i).filter((i) => ((mask >> BigInt(i)) & 1n) === 1n)
}

const positionOf = (operator: string, value: unknown): number => {
  const position = isNumeric(value) ? toBigInt(value) : undefined
  if (position === undefined) return invalid(`the positions of ${operator} must be integers`)
  return position >= 0n && position < 2n ** 31n
    ? Number(position)
    : invalid(`the positions of ${operator} must be from 0 to 2147483647`)
}
