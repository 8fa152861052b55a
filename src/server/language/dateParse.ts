/** Reads dates from text: by a format, or in the forms that are understood without one. */
import * as calendar from "./calendar.ts"
import { codes, failed } from "./LanguageError.ts"
import { months, type Piece } from "./dateFormat.ts"
import { fixed, fromLocal, millisOf, type TimeZone, utc, zoneOf } from "./timeZones.ts"

/** What was read of a date; what was not stays undefined. */
export interface Parts {
  year?: number
  month?: number
  day?: number
  dayOfYear?: number
  isoYear?: number
  isoWeek?: number
  isoWeekday?: number
  hour?: number
  minute?: number
  second?: number
  millisecond?: number
  /** The offset or the zone that the text itself names. */
  zone?: TimeZone
}

const problem = (text: string, what: string): never =>
  failed(`Error parsing date string '${text}': ${what}`, codes.ConversionFailure)

/** The milliseconds of what was read; `zone` is the zone that was asked for beside the text. */
export const millisOfParts = (parts: Parts, text: string, zone: TimeZone | undefined): number => {
  if (parts.zone !== undefined && zone !== undefined && !zone.isUtc)
    problem(text, "a text with an offset or a time zone allows no 'timezone' beside it")
  const { hour = 0, minute = 0, second = 0, millisecond = 0 } = parts
  if (hour > 23 || minute > 59 || second > 59) problem(text, "the time is out of range")
  const local = midnightOf(parts, text) + ((hour * 60 + minute) * 60 + second) * 1000 + millisecond
  return fromLocal(parts.zone ?? zone ?? utc, local)
}

const isIso = ({ isoYear, isoWeek, isoWeekday }: Parts): boolean =>
  isoYear !== undefined || isoWeek !== undefined || isoWeekday !== undefined
const isNatural = ({ year, month, day, dayOfYear }: Parts): boolean =>
  year !== undefined || month !== undefined || day !== undefined || dayOfYear !== undefined

const midnightOf = (parts: Parts, text: string): number => {
  if (isIso(parts)) {
    if (isNatural(parts)) problem(text, "fields of ISO weeks do not mix with those of months")
    const { isoYear, isoWeek = 1, isoWeekday = 1 } = parts
    if (isoYear === undefined) return problem(text, "the year of the ISO week is missing")
    if (isoWeek < 1 || isoWeek > 53 || isoWeekday < 1 || isoWeekday > 7) problem(text, "the ISO week is out of range")
    return calendar.fromIsoWeek(isoYear, isoWeek, isoWeekday)
  }
  const { year, month, day, dayOfYear } = parts
  if (year === undefined) return problem(text, "the year is missing")
  if (dayOfYear !== undefined) return millisOf(year, 1, dayOfYear)
  if (month === undefined || day === undefined)
    return problem(text, `the ${month === undefined ? "month" : "day"} is missing`)
  if (month < 1 || month > 12) problem(text, "the month is out of range")
  if (day < 1 || day > calendar.fieldsOf(millisOf(year, month + 1, 0)).day) problem(text, "the month has no such day")
  return millisOf(year, month, day)
}

/** Reads something at a place in the text: its end, or undefined where it does not stand there. */
type Reader = (text: string, at: number, parts: Parts) => number | undefined

const digits =
  (most: number, set: (parts: Parts, value: number, length: number) => void): Reader =>
  (text, at, parts) => {
    let end = at
    while (end < at + most && /\d/.test(text[end] ?? "")) end++
    if (end === at) return undefined
    set(parts, Number(text.slice(at, end)), end - at)
    return end
  }

const name =
  (length: number): Reader =>
  (text, at, parts) => {
    const found = months.findIndex((month) => {
      const wanted = month.slice(0, length)
      return text.slice(at, at + wanted.length).toLowerCase() === wanted.toLowerCase()
    })
    if (found < 0) return undefined
    parts.month = found + 1
    return at + (months[found] ?? "").slice(0, length).length
  }

/** The milliseconds of a fraction of a second. */
const fraction = (text: string): number => Number(text.padEnd(3, "0").slice(0, 3))

const offset: Reader = (text, at, parts) => {
  const match = /^(?:(?:GMT|UTC)?([+-])(\d\d?):?(\d\d)?|(GMT|UTC|Z))/.exec(text.slice(at))
  if (match === null) return undefined
  const sign = match[1] ?? "+"
  parts.zone = zoneOf(`${sign}${(match[2] ?? "0").padStart(2, "0")}${match[3] ?? "00"}`)
  return at + match[0].length
}

const minutesOffset: Reader = (text, at, parts) => {
  const match = /^([+-])(\d{1,4})/.exec(text.slice(at))
  if (match === null) return undefined
  const shift = Number(match[2]) * 60_000 * (match[1] === "-" ? -1 : 1)
  parts.zone = fixed(shift)
  return at + match[0].length
}

const readers: Readonly<Record<string, Reader>> = {
  b: name(3),
  B: name(9),
  d: digits(2, (parts, value) => (parts.day = value)),
  G: digits(4, (parts, value) => (parts.isoYear = value)),
  H: digits(2, (parts, value) => (parts.hour = value)),
  j: digits(3, (parts, value) => (parts.dayOfYear = value)),
  L: digits(3, (parts, value, length) => (parts.millisecond = value * 10 ** (3 - length))),
  m: digits(2, (parts, value) => (parts.month = value)),
  M: digits(2, (parts, value) => (parts.minute = value)),
  S: digits(2, (parts, value) => (parts.second = value)),
  u: digits(1, (parts, value) => (parts.isoWeekday = value)),
  V: digits(2, (parts, value) => (parts.isoWeek = value)),
  Y: digits(4, (parts, value) => (parts.year = value)),
  z: offset,
  Z: minutesOffset
}

/** The specifiers that text is read by. */
export const read = Object.keys(readers).join("")

/** Reads text by a format: all of it. */
export const parseFormat = (text: string, pieces: ReadonlyArray<Piece>): Parts => {
  const parts: Parts = {}
  let at = 0
  for (const piece of pieces) {
    if ("text" in piece) {
      if (!text.startsWith(piece.text, at)) problem(text, `'${piece.text}' is expected at character ${at}`)
      at += piece.text.length
    } else
      at =
        readers[piece.specifier]?.(text, at, parts) ??
        problem(text, `%${piece.specifier} is expected at character ${at}`)
  }
  if (at < text.length) problem(text, `there is text after the format: '${text.slice(at)}'`)
  return parts
}

const monthNames = months.map((month) => `${month.slice(0, 3)}(?:${month.slice(3)})?`).join("|")
const dates: ReadonlyArray<RegExp> = [
  /(?<year>\d{4})-(?<month>\d{1,2})-(?<day>\d{1,2})/,
  /(?<year>\d{4})\/(?<month>\d{1,2})\/(?<day>\d{1,2})/,
  /(?<month>\d{1,2})\/(?<day>\d{1,2})\/(?<year>\d{4})/,
  /(?<day>\d{1,2})[.-](?<month>\d{1,2})[.-](?<year>\d{4})/,
  /(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})/,
  /(?<year>\d{4})-?W(?<isoWeek>\d{2})(?:-?(?<isoWeekday>\d))?/,
  /(?<year>\d{4})-(?<dayOfYear>\d{3})/,
  new RegExp(`(?<year>\\d{4})-(?<name>${monthNames})-(?<day>\\d{1,2})`),
  new RegExp(`(?:[a-z]{3,9},?[ ]+)?(?<day>\\d{1,2})(?:st|nd|rd|th)?[ -](?<name>${monthNames})[ ,-]+(?<year>\\d{4})`),
  new RegExp(
    `(?:[a-z]{3,9},?[ ]+)?(?<name>${monthNames})\\.?[ ]+(?<day>\\d{1,2})(?:st|nd|rd|th)?(?:,[ ]*|[ ]+)(?<year>\\d{4})`
  ),
  /(?<year>\d{4})-(?<month>\d{2})/
]
const times: ReadonlyArray<RegExp> = [
  /(?:T|t|[ ]+)(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?(?:[ ]?(?<half>[ap])\.?m\.?)?/,
  /(?:T|t)(?<hour>\d{2})(?<minute>\d{2})(?:(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?/,
  /[ ]+(?<hour>\d{1,2})[ ]?(?<half>[ap])\.?m\.?/,
  /[ ]+(?<word>noon|midnight)/
]
/** Names of zones that stand for an offset in hours. */
const abbreviations: Readonly<Record<string, number>> = {
  Z: 0,
  UTC: 0,
  GMT: 0,
  WET: 0,
  BST: 1,
  CET: 1,
  WEST: 1,
  CEST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7
}
const zonePattern = /(?:[ ]*(?<offset>(?:GMT|UTC)?[+-]\d\d?(?::?\d\d)?)|[ ]*(?<abbreviation>[A-Z]{1,4}))/

const patterns: ReadonlyArray<RegExp> = dates.flatMap((date) =>
  [...times.map(({ source }) => source), ""].map(
    (time) => new RegExp(`^${date.source}${time}(?:${zonePattern.source})?$`, "i")
  )
)

type Groups = Readonly<Record<string, string | undefined>>

const zoneOfGroups = ({ offset, abbreviation }: Groups): TimeZone | undefined => {
  if (offset !== undefined) {
    const [, sign = "+", hours = "0", minutes = "00"] = /([+-])(\d\d?):?(\d\d)?$/.exec(offset) ?? []
    return zoneOf(`${sign}${hours.padStart(2, "0")}${minutes}`)
  }
  if (abbreviation === undefined) return undefined
  const name = abbreviation.toUpperCase()
  const hours = Object.hasOwn(abbreviations, name) ? abbreviations[name] : undefined
  return hours === undefined ? problem(abbreviation, "it names no time zone that is known") : fixed(hours * 3_600_000)
}

const hourOf = ({ hour, half, word }: Groups): number => {
  if (word !== undefined) return word.toLowerCase() === "noon" ? 12 : 0
  const number = Number(hour)
  if (half === undefined) return number
  return (number % 12) + (half.toLowerCase() === "p" ? 12 : 0)
}

const partsOfGroups = (groups: Groups): Parts => {
  const parts: Parts = {}
  const { year, month, day, dayOfYear, isoWeek, isoWeekday, hour, minute, second, fraction: rest, name, word } = groups
  if (isoWeek === undefined) parts.year = Number(year)
  else Object.assign(parts, { isoYear: Number(year), isoWeek: Number(isoWeek), isoWeekday: Number(isoWeekday ?? 1) })
  if (name !== undefined)
    parts.month = months.findIndex((it) => it.slice(0, 3).toLowerCase() === name.slice(0, 3).toLowerCase()) + 1
  if (month !== undefined) parts.month = Number(month)
  if (day !== undefined) parts.day = Number(day)
  else if (month !== undefined) parts.day = 1
  if (dayOfYear !== undefined) parts.dayOfYear = Number(dayOfYear)
  if ((hour ?? word) !== undefined) parts.hour = hourOf(groups)
  if (minute !== undefined) parts.minute = Number(minute)
  if (second !== undefined) parts.second = Number(second)
  if (rest !== undefined) parts.millisecond = fraction(rest)
  const zone = zoneOfGroups(groups)
  if (zone !== undefined) parts.zone = zone
  return parts
}

/** Reads text in one of the forms that are understood without a format. */
export const parseText = (text: string): Parts => {
  const trimmed = text.trim()
  for (const pattern of patterns) {
    const groups = pattern.exec(trimmed)?.groups
    if (groups !== undefined) return partsOfGroups(groups)
  }
  return problem(text, "it is in no form that is known without a 'format'")
}
