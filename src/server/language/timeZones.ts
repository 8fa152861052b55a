/**
 * Time zones: their offsets at an instant, from the platform's own database (`Intl`), and the instant of a local time.
 * Local times are milliseconds too, counted as if the zone was UTC.
 */
import { failed } from "./LanguageError.ts"

/** A zone: an offset in milliseconds, or a place with its history of offsets. */
export interface TimeZone {
  readonly isUtc: boolean
  /** The offset from UTC at an instant, in milliseconds: local time less UTC. */
  readonly offsetAt: (millis: number) => number
}

/** A zone of one offset, in milliseconds. */
export const fixed = (offset: number): TimeZone => ({ isUtc: offset === 0, offsetAt: () => offset })
/** Universal time. */
export const utc: TimeZone = fixed(0)

const minute = 60_000
/** The last instant that a `Date` can hold, and the first one without its sign; BSON could go further. */
export const mostMillis = 8_640_000_000_000_000
const day = 86_400_000
const known = new Map<string, TimeZone>([
  ["UTC", utc],
  ["GMT", utc],
  ["Etc/UTC", utc],
  ["Etc/GMT", utc],
  ["Z", utc]
])
/** A bound on what is remembered, so that it cannot grow with what callers ask for. */
const mostZones = 1000
const mostDays = 20_000

/** The zone of a name such as `Europe/Rome`, or of an offset such as `+02`, `-0330` or `+05:30`. */
export const zoneOf = (text: string): TimeZone => {
  const found = known.get(text)
  if (found !== undefined) return found
  const zone = offsetZone(text) ?? place(text) ?? failed(`unrecognized time zone identifier: "${text}"`, 40485)
  if (known.size < mostZones) known.set(text, zone)
  return zone
}

const offsetZone = (text: string): TimeZone | undefined => {
  const match = /^([+-])(\d\d)(?::?(\d\d))?$/.exec(text)
  if (match === null) return undefined
  const offset = (Number(match[2]) * 60 + Number(match[3] ?? 0)) * minute
  return fixed(match[1] === "-" ? -offset : offset)
}

/** Names are told apart by their case; the platform does not. */
const isName = (text: string): boolean => /^[A-Z][A-Za-z0-9_+-]*(\/[A-Z][A-Za-z0-9_+-]*)*$/.test(text)

const place = (text: string): TimeZone | undefined => {
  if (!isName(text)) return undefined
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: text,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric"
    })
    return remembering((millis) => {
      const known = Math.max(-mostMillis, Math.min(mostMillis, millis))
      return localOf(format, known) - known
    })
  } catch {
    return undefined
  }
}

const localOf = (format: Intl.DateTimeFormat, millis: number): number => {
  const whole = Math.floor(millis / 1000) * 1000
  let year = 0
  let [month, date, hour, minutes, seconds] = [0, 0, 0, 0, 0]
  let isBefore = false
  for (const { type, value } of format.formatToParts(whole)) {
    if (type === "year") year = Number(value)
    else if (type === "month") month = Number(value)
    else if (type === "day") date = Number(value)
    else if (type === "hour") hour = Number(value)
    else if (type === "minute") minutes = Number(value)
    else if (type === "second") seconds = Number(value)
    else if (type === "era") isBefore = value.startsWith("B")
  }
  return (
    millisOf(isBefore ? 1 - year : year, month, date) + ((hour * 60 + minutes) * 60 + seconds) * 1000 + (millis - whole)
  )
}

/** Asking the platform is slow: a day that begins and ends with the same offset has it all day long. */
const remembering = (offsetAt: (millis: number) => number): TimeZone => {
  const days = new Map<number, number>()
  const starts = new Map<number, number>()
  const atStart = (number: number): number => {
    const offset = starts.get(number) ?? offsetAt(number * day)
    starts.set(number, offset)
    return offset
  }
  return {
    isUtc: false,
    offsetAt: (millis) => {
      const number = Math.floor(millis / day)
      const found = days.get(number)
      if (found !== undefined) return Number.isNaN(found) ? offsetAt(millis) : found
      if (days.size > mostDays) {
        days.clear()
        starts.clear()
      }
      const start = atStart(number)
      const offset = start === atStart(number + 1) ? start : Number.NaN
      days.set(number, offset)
      return Number.isNaN(offset) ? offsetAt(millis) : offset
    }
  }
}

/** The local time of an instant. */
export const toLocal = (zone: TimeZone, millis: number): number => millis + zone.offsetAt(millis)

/**
 * The instant of a local time: the first one where clocks are set back, and as much later as is missing where they are set
 * forward.
 */
export const fromLocal = (zone: TimeZone, local: number): number => {
  const before = zone.offsetAt(local - day)
  const after = zone.offsetAt(local + day)
  if (before === after || zone.offsetAt(local - before) === before) return local - before
  return zone.offsetAt(local - after) === after ? local - after : local - before
}

/** The milliseconds of midnight of a day; months and days beyond their range are carried over. */
export const millisOf = (year: number, month: number, date: number): number => {
  const years = year + Math.floor((month - 1) / 12)
  // `Date.UTC` takes the years 0 to 99 for those of the last century, and knows few: 400 years have the same days
  const cycles = Math.floor(years / 400)
  const within = Date.UTC(2000 + years - cycles * 400, (((month - 1) % 12) + 12) % 12, date)
  return within + (cycles - 5) * 146_097 * day
}
