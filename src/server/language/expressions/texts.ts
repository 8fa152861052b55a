/** Values as text, as string operators and conversions write them. */
import { checkFormat, months, write } from "../dateFormat.ts"
import { failed } from "../LanguageError.ts"
import { longToBigInt } from "../numbers.ts"
import { utc } from "../timeZones.ts"
import { isA, isDate, typeOf, type Value } from "../Value.ts"
import { isNullish } from "./operands.ts"

/** A date in ISO format, in UTC. */
export const dateText = (value: Date): string =>
  write(value.getTime(), checkFormat("%Y-%m-%dT%H:%M:%S.%LZ", "$toString"), utc)

/** A double, with the digits that tell it from its neighbours, and an exponent from 1e16 on and below 1e-4. */
const doubleText = (value: number): string => {
  if (Object.is(value, -0)) return "-0"
  const magnitude = Math.abs(value)
  if (!Number.isFinite(value) || value === 0 || (magnitude >= 1e-4 && magnitude < 1e16)) return String(value)
  // an exponent has at least two digits
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2")
}

/** A number as text; undefined for a value of another kind. */
export const numberText = (value: Value): string | undefined => {
  if (typeof value === "number") return doubleText(value)
  if (isA(value, "Double")) return doubleText(value.value)
  if (isA(value, "Long")) return longToBigInt(value).toString()
  return isA(value, "Decimal128") ? value.toString() : undefined
}

const timestampText = (seconds: number, increment: number): string => {
  const [, month = "1", rest = ""] =
    /^\d+-(\d+)-(.*)$/.exec(write(seconds * 1000, checkFormat("%Y-%m-%d %H:%M:%S", "$toString"), utc)) ?? []
  return `${(months[Number(month) - 1] ?? "").slice(0, 3)} ${rest}:${String(increment).padStart(3, "0")}`
}

/** A value that string operators take as text; nothing and null are empty. */
export const textOf = (value: Value, name: string): string => {
  if (typeof value === "string") return value
  if (isNullish(value)) return ""
  const number = numberText(value)
  if (number !== undefined) return number
  if (isDate(value)) return dateText(value)
  if (isA(value, "Timestamp")) return timestampText(value.t, value.i)
  if (isA(value, "BSONSymbol")) return value.value
  if (isA(value, "Code") && value.scope === null) return value.code
  return failed(`${name} takes a string, and not a value of type ${typeOf(value)}`, 16007)
}
