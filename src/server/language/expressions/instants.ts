/** Dates as points in time: arithmetic in milliseconds, and the values that stand for a date. */
import type { ObjectId, Timestamp } from "bson"
import * as decimals from "../decimals.ts"
import { codes, failed, unsupported } from "../LanguageError.ts"
import { longToBigInt, type NumberValue, toDecimal, toDouble } from "../numbers.ts"
import { mostMillis } from "../timeZones.ts"
import { isA, isDate, typeOf, type Value } from "../Value.ts"

/** A date, refused beyond what a JavaScript `Date` can hold. */
export const dateOf = (millis: number, name: string): Date =>
  Math.abs(millis) <= mostMillis
    ? // @effect-diagnostics-next-line globalDate:off -- a value of BSON
      new Date(millis)
    : unsupported(`a date beyond the year 275760 in ${name}`)

/** A number of milliseconds as an integer; a fraction is rounded. */
const millisOf = (value: NumberValue, name: string): number => {
  if (isA(value, "Long")) return checked(longToBigInt(value), name)
  if (isA(value, "Decimal128")) {
    const whole = decimals.toInteger(toDecimal(value), "even", 20)
    return whole === undefined ? failed(`date overflow in ${name}`, codes.Overflow) : checked(whole, name)
  }
  const number = toDouble(value)
  if (!(Math.abs(number) < 2 ** 63)) failed(`date overflow in ${name}`, codes.Overflow)
  return Math.sign(number) * Math.round(Math.abs(number))
}

const checked = (value: bigint, name: string): number =>
  value >= -(2n ** 63n) && value < 2n ** 63n ? Number(value) : failed(`date overflow in ${name}`, codes.Overflow)

/** A date some milliseconds later. */
export const shifted = (date: Date, by: NumberValue, name: string): Date =>
  dateOf(date.getTime() + millisOf(by, name), name)

/** The milliseconds of a value that stands for a date: a date, a timestamp or an id, which has its time of making. */
export const instantOf = (value: Value): number | undefined => {
  if (isDate(value)) return value.getTime()
  if (isA(value, "Timestamp")) return timestampMillis(value)
  return isA(value, "ObjectId") ? objectIdMillis(value) : undefined
}

/** The milliseconds of a timestamp: its seconds. */
const timestampMillis = (value: Timestamp): number => value.t * 1000
/** The milliseconds of an id: the seconds it was made at. */
const objectIdMillis = (value: ObjectId): number => parseInt(value.toHexString().slice(0, 8), 16) * 1000

/** The milliseconds of a value that has to stand for a date. */
export const requireInstant = (value: Value, name: string, argument = "a date"): number =>
  instantOf(value) ??
  failed(`${name} takes ${argument} that is a date, and not a value of type ${typeOf(value)}`, 16006)
