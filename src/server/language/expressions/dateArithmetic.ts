/** `$dateAdd`, `$dateSubtract`, `$dateDiff`, `$dateTrunc` and `$dateFromParts`. */
import * as calendar from "../calendar.ts"
import { codes, failed, invalid } from "../LanguageError.ts"
import { isNumber, long, toBigInt } from "../numbers.ts"
import { fromLocal, millisOf, type TimeZone, utc } from "../timeZones.ts"
import { typeOf, type Value } from "../Value.ts"
import { zoneOfValue } from "./dateFields.ts"
import type { Context, Expression, Operators } from "./Frame.ts"
import { dateOf, requireInstant } from "./instants.ts"
import { type Arguments, argumentsOf, isNullish, named } from "./operands.ts"

const unitOf = (value: Value, name: string): calendar.Unit => {
  if (typeof value !== "string")
    return failed(`${name} takes a 'unit' that is a string, and not a value of type ${typeOf(value)}`, 5439013)
  return (
    calendar.units.find((unit) => unit === value) ??
    failed(`${name} has no unit '${value}': it takes ${calendar.units.join(", ")}`, codes.FailedToParse)
  )
}

const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]

const weekdayOf = (value: Value, name: string): number => {
  if (typeof value !== "string")
    return failed(`${name} takes a 'startOfWeek' that is a string, and not a value of type ${typeOf(value)}`, 5439015)
  const text = value.toLowerCase()
  const found = weekdays.findIndex((day) => text === day || text === day.slice(0, 3))
  return found < 0
    ? failed(`${name} has no day '${value}' to start a week with: it takes ${weekdays.join(", ")}`, codes.FailedToParse)
    : found
}

type Has = (key: string) => boolean

const zoneArgument = (values: Arguments, name: string, has: Has): TimeZone =>
  has("timezone") ? zoneOfValue(values["timezone"], name) : utc

const isAnyNullish = (values: Arguments, keys: ReadonlyArray<string>, has: Has): boolean =>
  keys.some((key) => has(key) && isNullish(values[key]))

/** A whole number of 64 bits. */
const integerOf = (value: Value, name: string, argument: string): bigint => {
  const whole = isNumber(value) ? toBigInt(value) : undefined
  return whole ?? failed(`${name} takes an integer for '${argument}', and not ${String(value)}`, 5166405)
}

const adding = (sign: 1 | -1) =>
  named(["startDate", "unit", "amount"], ["timezone"], (values, name, has) => {
    if (isAnyNullish(values, ["startDate", "unit", "amount", "timezone"], has)) return null
    const start = requireInstant(values["startDate"], name, "a 'startDate'")
    const unit = unitOf(values["unit"], name)
    const amount = Number(integerOf(values["amount"], name, "amount"))
    const zone = zoneArgument(values, name, has)
    if (Math.abs(amount) > 2 ** 63 / calendar.widthOf(unit))
      failed(`${name} takes no amount of ${amount} ${unit}s: the date would be out of range`, 5976500)
    return dateOf(calendar.add(start, unit, sign * amount, zone), name)
  })

const dateDiff = named(["startDate", "endDate", "unit"], ["timezone", "startOfWeek"], (values, name, has) => {
  if (isAnyNullish(values, ["startDate", "endDate", "unit", "timezone"], has)) return null
  const unit = unitOf(values["unit"], name)
  const isWeek = unit === "week" && has("startOfWeek")
  if (isWeek && isNullish(values["startOfWeek"])) return null
  const start = requireInstant(values["startDate"], name, "a 'startDate'")
  const end = requireInstant(values["endDate"], name, "an 'endDate'")
  const zone = zoneArgument(values, name, has)
  const first = isWeek ? weekdayOf(values["startOfWeek"], name) : 0
  return long(calendar.difference(start, end, unit, zone, first))
})

const dateTrunc = named(["date", "unit"], ["binSize", "timezone", "startOfWeek"], (values, name, has) => {
  if (isAnyNullish(values, ["date", "unit", "binSize", "timezone"], has)) return null
  const unit = unitOf(values["unit"], name)
  const isWeek = unit === "week" && has("startOfWeek")
  if (isWeek && isNullish(values["startOfWeek"])) return null
  const instant = requireInstant(values["date"], name)
  const size = has("binSize") ? Number(integerOf(values["binSize"], name, "binSize")) : 1
  if (size <= 0) failed(`${name} takes a 'binSize' above 0, and not ${size}`, 5439018)
  if (size * calendar.widthOf(unit) > 2 ** 63) failed(`${name} takes no 'binSize' of ${size} ${unit}s`, 5439019)
  const zone = zoneArgument(values, name, has)
  const first = isWeek ? weekdayOf(values["startOfWeek"], name) : 0
  return dateOf(calendar.truncate(instant, unit, size, zone, first), name)
})

const clock = ["hour", "minute", "second", "millisecond", "timezone"]
const natural = ["year", "month", "day"]
const iso = ["isoWeekYear", "isoWeek", "isoDayOfWeek"]

const dateFromParts = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, [], [...natural, ...iso, ...clock])
  const isNatural = natural.some((key) => Object.hasOwn(specs, key))
  const isIso = iso.some((key) => Object.hasOwn(specs, key))
  if (isNatural && isIso)
    invalid(`${name} takes ${natural.join(", ")} or ${iso.join(", ")}, and not some of both`, 40489)
  if (!Object.hasOwn(specs, isIso ? "isoWeekYear" : "year")) invalid(`${name} requires 'year' or 'isoWeekYear'`, 40516)
  return fromParts(argument, context, name)
}

const fromParts = named([], [...natural, ...iso, ...clock], (values, name, has) => {
  if (isAnyNullish(values, [...natural, ...iso, ...clock], has)) return null
  const part = (key: string, otherwise: number): number => (has(key) ? partOf(values[key], key, name) : otherwise)
  const date = has("isoWeekYear")
    ? calendar.fromIsoWeek(part("isoWeekYear", 1970), part("isoWeek", 1), part("isoDayOfWeek", 1))
    : millisOf(part("year", 1970), part("month", 1), part("day", 1))
  const minutes = part("hour", 0) * 60 + part("minute", 0)
  const local = date + minutes * 60_000 + part("second", 0) * 1000 + part("millisecond", 0)
  return dateOf(fromLocal(zoneArgument(values, name, has), local), name)
})

const partOf = (value: Value, key: string, name: string): number => {
  const whole = Number(integerOf(value, name, key))
  if (key === "year" || key === "isoWeekYear") {
    if (whole < 1 || whole > 9999) failed(`${name} takes a '${key}' from 1 to 9999, and not ${whole}`, 40523)
  } else if (key !== "second" && key !== "millisecond" && (whole < -32768 || whole > 32767))
    failed(`${name} takes a '${key}' from -32768 to 32767, and not ${whole}`, 31034)
  return whole
}

export const dateArithmetic: Operators = {
  $dateAdd: adding(1),
  $dateSubtract: adding(-1),
  $dateDiff: dateDiff,
  $dateTrunc: dateTrunc,
  $dateFromParts: dateFromParts
}
