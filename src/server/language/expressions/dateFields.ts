/** The operators that read fields of a date: `$year`, `$month`, `$isoWeek`, `$dateToParts` and their like. */
import * as calendar from "../calendar.ts"
import { failed, invalid } from "../LanguageError.ts"
import { long } from "../numbers.ts"
import { type TimeZone, toLocal, utc, zoneOf } from "../timeZones.ts"
import { isDocument, typeOf, type Value } from "../Value.ts"
import type { Context, Expression, Operators } from "./Frame.ts"
import { requireInstant } from "./instants.ts"
import { argumentsOf, computed, isNullish, named, operandsOf } from "./operands.ts"

/** The zone that a value names. */
export const zoneOfValue = (value: Value, name: string): TimeZone =>
  typeof value === "string"
    ? zoneOf(value)
    : failed(`${name} takes a 'timezone' that is a string, and not a value of type ${typeOf(value)}`, 40533)

/** Whether an argument is `{date, timezone}`, and not an expression or a document. */
const isArguments = (argument: unknown): argument is Record<string, unknown> =>
  isDocument(argument) && !(Object.keys(argument)[0] ?? "").startsWith("$")

/** An operator of a date, or of `{date, timezone}`, that reads something of the local time. */
const reading =
  (read: (local: number) => Value) =>
  (argument: unknown, context: Context, name: string): Expression => {
    const specs = isArguments(argument)
      ? argumentsOf(argument, name, ["date"], ["timezone"])
      : { date: only(argument, name) }
    const date = context.compile(specs["date"])
    if (!Object.hasOwn(specs, "timezone"))
      return computed([date], (frame) => {
        const value = date.evaluate(frame)
        return isNullish(value) ? null : read(requireInstant(value, name))
      })
    const timezone = context.compile(specs["timezone"])
    return computed([date, timezone], (frame) => {
      const value = date.evaluate(frame)
      const zone = timezone.evaluate(frame)
      if (isNullish(value) || isNullish(zone)) return null
      return read(toLocal(zoneOfValue(zone, name), requireInstant(value, name)))
    })
  }

const only = (argument: unknown, name: string): unknown => {
  const operands = operandsOf(argument)
  if (operands.length !== 1) invalid(`${name} takes one date, but ${operands.length} operands were given`, 40536)
  return operands[0]
}

const partsOf = (local: number): Value => {
  const { year, month, day, hour, minute, second, millisecond } = calendar.fieldsOf(local)
  return { year, month, day, hour, minute, second, millisecond }
}

const isoPartsOf = (local: number): Value => {
  const { hour, minute, second, millisecond } = calendar.fieldsOf(local)
  const { year, week } = calendar.isoWeek(local)
  return {
    isoWeekYear: year,
    isoWeek: week,
    isoDayOfWeek: calendar.isoWeekday(local),
    hour,
    minute,
    second,
    millisecond
  }
}

const dateToParts = named(["date"], ["timezone", "iso8601"], ({ date, timezone, iso8601 }, name, has) => {
  if (has("timezone") && isNullish(timezone)) return null
  const zone = has("timezone") ? zoneOfValue(timezone, name) : utc
  if (has("iso8601") && isNullish(iso8601)) return null
  if (has("iso8601") && typeof iso8601 !== "boolean")
    return failed(`${name} takes an 'iso8601' that is true or false, and not a value of type ${typeOf(iso8601)}`, 40521)
  if (isNullish(date)) return null
  const local = toLocal(zone, requireInstant(date, name))
  return iso8601 === true ? isoPartsOf(local) : partsOf(local)
})

export const dateFields: Operators = {
  $year: reading((local) => calendar.fieldsOf(local).year),
  $month: reading((local) => calendar.fieldsOf(local).month),
  $dayOfMonth: reading((local) => calendar.fieldsOf(local).day),
  $hour: reading((local) => calendar.fieldsOf(local).hour),
  $minute: reading((local) => calendar.fieldsOf(local).minute),
  $second: reading((local) => calendar.fieldsOf(local).second),
  $millisecond: reading((local) => calendar.fieldsOf(local).millisecond),
  $dayOfWeek: reading((local) => calendar.fieldsOf(local).weekday + 1),
  $dayOfYear: reading(calendar.dayOfYear),
  $week: reading(calendar.weekOfYear),
  $isoDayOfWeek: reading(calendar.isoWeekday),
  $isoWeek: reading((local) => calendar.isoWeek(local).week),
  $isoWeekYear: reading((local) => long(calendar.isoWeek(local).year)),
  $dateToParts: dateToParts
}
