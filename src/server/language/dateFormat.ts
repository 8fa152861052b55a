/** Writes dates by a format such as `%Y-%m-%d`, and reads such formats. */
import * as calendar from "./calendar.ts"
import { failed, invalid } from "./LanguageError.ts"
import { type TimeZone, toLocal } from "./timeZones.ts"

/** A piece of a format: text as it stands, or a specifier such as `Y`. */
export type Piece = { readonly text: string } | { readonly specifier: string }

/** The names of the months. */
export const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December"
]

const known = new Map<string, ReadonlyArray<Piece>>()
const mostFormats = 1000

/** Splits a format; fails for a specifier that is not among those given. */
export const piecesOf = (format: string, specifiers: string, name: string): ReadonlyArray<Piece> => {
  const key = `${specifiers}:${format}`
  const found = known.get(key)
  if (found !== undefined) return found
  const pieces = split(format, specifiers, name)
  if (known.size < mostFormats) known.set(key, pieces)
  return pieces
}

const split = (format: string, specifiers: string, name: string): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  for (const match of format.matchAll(/%([\s\S]?)|[^%]+/g)) {
    const specifier = match[1]
    if (specifier === undefined) pieces.push({ text: match[0] })
    else if (specifier === "") invalid(`the format of ${name} ends with a '%' that nothing follows`, 18535)
    else if (specifier === "%") pieces.push({ text: "%" })
    else if (specifiers.includes(specifier)) pieces.push({ specifier })
    else
      invalid(`the format of ${name} has no '%${specifier}': it takes %${specifiers.split("").join(", %")}, %%`, 18536)
  }
  return pieces
}

const pad = (value: number, width: number): string => String(value).padStart(width, "0")

const year = (value: number): string =>
  value >= 0 && value <= 9999 ? pad(value, 4) : failed("a date is written for the years 0 to 9999 only", 18537)

const offsetText = (minutes: number): string => {
  const magnitude = Math.abs(minutes)
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(magnitude / 60), 2)}${pad(magnitude % 60, 2)}`
}

const writers: Readonly<Record<string, (fields: calendar.Fields, local: number, offset: number) => string>> = {
  b: ({ month }) => (months[month - 1] ?? "").slice(0, 3),
  B: ({ month }) => months[month - 1] ?? "",
  d: ({ day }) => pad(day, 2),
  G: (_, local) => year(calendar.isoWeek(local).year),
  H: ({ hour }) => pad(hour, 2),
  j: (_, local) => pad(calendar.dayOfYear(local), 3),
  L: ({ millisecond }) => pad(millisecond, 3),
  m: ({ month }) => pad(month, 2),
  M: ({ minute }) => pad(minute, 2),
  S: ({ second }) => pad(second, 2),
  u: (_, local) => String(calendar.isoWeekday(local)),
  U: (_, local) => pad(calendar.weekOfYear(local), 2),
  V: (_, local) => pad(calendar.isoWeek(local).week, 2),
  w: ({ weekday }) => String(weekday + 1),
  Y: (fields) => year(fields.year),
  z: (_fields, _local, offset) => offsetText(offset),
  Z: (_fields, _local, offset) => String(offset)
}

const written = Object.keys(writers).join("")

/** Checks a format that dates are written by. */
export const checkFormat = (format: string, name: string): ReadonlyArray<Piece> => piecesOf(format, written, name)

/** Writes a date by a format. */
export const write = (millis: number, pieces: ReadonlyArray<Piece>, zone: TimeZone): string => {
  const local = toLocal(zone, millis)
  const fields = calendar.fieldsOf(local)
  year(fields.year)
  const offset = Math.trunc((local - millis) / 60_000)
  let text = ""
  for (const piece of pieces)
    text += "text" in piece ? piece.text : (writers[piece.specifier]?.(fields, local, offset) ?? "")
  return text
}
