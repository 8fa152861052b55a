/** `$dateToString` and `$dateFromString`. */
import { checkFormat, piecesOf, write } from "../dateFormat.ts"
import * as dateParse from "../dateParse.ts"
import { failed, LanguageError } from "../LanguageError.ts"
import { utc } from "../timeZones.ts"
import { typeOf, type Value } from "../Value.ts"
import { zoneOfValue } from "./dateFields.ts"
import { constantFrame, type Context, type Expression, type Operators } from "./Frame.ts"
import { dateOf, requireInstant } from "./instants.ts"
import { argumentsOf, computed, isNullish } from "./operands.ts"

/** With a `Z` where the time is that of UTC: of another zone it would read as another instant. */
const isoFormat = "%Y-%m-%dT%H:%M:%S.%L"

const formatOf = (value: Value, name: string): string =>
  typeof value === "string"
    ? value
    : failed(`${name} takes a 'format' that is a string, and not ${typeOf(value)}`, 18533)

const optional = (specs: Record<string, unknown>, key: string, context: Context): Expression | undefined =>
  Object.hasOwn(specs, key) ? context.compile(specs[key]) : undefined

const dateToString = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["date"], ["format", "timezone", "onNull"])
  const date = context.compile(specs["date"])
  const format = optional(specs, "format", context)
  const timezone = optional(specs, "timezone", context)
  const onNull = optional(specs, "onNull", context)
  if (format?.isConstant === true) checkConstant(format, name)
  return computed([date, format, timezone, onNull], (frame) => {
    const value = date.evaluate(frame)
    const text = format?.evaluate(frame)
    const zoneName = timezone?.evaluate(frame)
    const pieces = isNullish(text) ? undefined : checkFormat(formatOf(text, name), name)
    const zone = timezone === undefined ? utc : isNullish(zoneName) ? undefined : zoneOfValue(zoneName, name)
    if (isNullish(value)) return onNull === undefined ? null : onNull.evaluate(frame)
    if (zone === undefined) return null
    if (format !== undefined && pieces === undefined) return null
    return write(
      requireInstant(value, name),
      pieces ?? checkFormat(zone.isUtc ? `${isoFormat}Z` : isoFormat, name),
      zone
    )
  })
}

const checkConstant = (format: Expression, name: string): void => {
  const text = format.evaluate(constantFrame)
  if (!isNullish(text)) checkFormat(formatOf(text, name), name)
}

const dateFromString = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["dateString"], ["format", "timezone", "onError", "onNull"])
  const dateString = context.compile(specs["dateString"])
  const format = optional(specs, "format", context)
  const timezone = optional(specs, "timezone", context)
  const onError = optional(specs, "onError", context)
  const onNull = optional(specs, "onNull", context)
  return computed([dateString, format, timezone, onError, onNull], (frame) => {
    const text = dateString.evaluate(frame)
    const formatText = format?.evaluate(frame)
    const zoneName = timezone?.evaluate(frame)
    const pieces = isNullish(formatText) ? undefined : piecesOf(formatOf(formatText, name), dateParse.read, name)
    const zone = isNullish(zoneName) ? undefined : zoneOfValue(zoneName, name)
    if (isNullish(text)) return onNull === undefined ? null : onNull.evaluate(frame)
    try {
      if (typeof text !== "string")
        return failed(`${name} takes a 'dateString' that is a string, and not ${typeOf(text)}`, 241)
      if ((format !== undefined && pieces === undefined) || (timezone !== undefined && zone === undefined)) return null
      const parts = pieces === undefined ? dateParse.parseText(text) : dateParse.parseFormat(text, pieces)
      return dateOf(dateParse.millisOfParts(parts, text, zone), name)
    } catch (error) {
      if (onError !== undefined && error instanceof LanguageError && error.kind === "failed")
        return onError.evaluate(frame)
      throw error
    }
  })
}

export const dateText: Operators = { $dateToString: dateToString, $dateFromString: dateFromString }
