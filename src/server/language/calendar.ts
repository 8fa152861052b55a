/** The calendar: fields of a local time, ISO weeks, and arithmetic in days, weeks, months and years. */
import { fromLocal, millisOf, mostMillis, type TimeZone, toLocal } from "./timeZones.ts"

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const week = 7 * day

/** The fields of a local time; months and days begin with 1, and `weekday` is 0 on a Sunday. */
export interface Fields {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
  readonly weekday: number
}

const floorMod = (a: number, b: number): number => ((a % b) + b) % b
const dayNumber = (local: number): number => Math.floor(local / day)
const weekdayOf = (local: number): number => floorMod(dayNumber(local) + 4, 7)

/** 400 years, after which the calendar begins again. */
const cycle = 146_097 * day

/** The fields of a local time, also of one a little beyond what a `Date` can hold. */
export const fieldsOf = (local: number): Fields => {
  if (Math.abs(local) > mostMillis) {
    const cycles = Math.floor(local / cycle)
    const fields = fieldsOf(local - cycles * cycle)
    return { ...fields, year: fields.year + cycles * 400 }
  }
  // @effect-diagnostics-next-line globalDate:off -- no clock: the calendar of a given time
  const date = new Date(local)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: date.getUTCMilliseconds(),
    weekday: date.getUTCDay()
  }
}

/** The day of the year: 1 to 366. */
export const dayOfYear = (local: number): number => {
  const { year } = fieldsOf(local)
  return dayNumber(local) - dayNumber(millisOf(year, 1, 1)) + 1
}

/** The week of the year: weeks begin on Sunday, and the days before the first Sunday are in week 0. */
export const weekOfYear = (local: number): number => Math.floor((dayOfYear(local) + 6 - weekdayOf(local)) / 7)

/** The day of an ISO week: 1 on Monday to 7 on Sunday. */
export const isoWeekday = (local: number): number => weekdayOf(local) || 7

/** The year and the week of ISO 8601: a week is of the year that its Thursday is in. */
export const isoWeek = (local: number): { readonly year: number; readonly week: number } => {
  const thursday = local + (4 - isoWeekday(local)) * day
  return { year: fieldsOf(thursday).year, week: Math.floor((dayOfYear(thursday) - 1) / 7) + 1 }
}

/** The midnight of a day of an ISO week; weeks and days beyond their range are carried over. */
export const fromIsoWeek = (year: number, weekNumber: number, weekday: number): number => {
  const fourth = millisOf(year, 1, 4)
  return fourth + ((weekNumber - 1) * 7 + weekday - isoWeekday(fourth)) * day
}

/** The units of time, by MongoDB's names. */
export const units = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"] as const
export type Unit = (typeof units)[number]

const widths: Readonly<Record<"week" | "day" | "hour" | "minute" | "second" | "millisecond", number>> = {
  week,
  day,
  hour,
  minute,
  second,
  millisecond: 1
}
const monthsOf: Readonly<Record<"year" | "quarter" | "month", number>> = { year: 12, quarter: 3, month: 1 }

const isMonths = (unit: Unit): unit is "year" | "quarter" | "month" =>
  unit === "year" || unit === "quarter" || unit === "month"

/** How many milliseconds a unit has at most: a bound for amounts. */
export const widthOf = (unit: Unit): number => (isMonths(unit) ? monthsOf[unit] * 30.436875 * day : widths[unit])

/** A time some units later: from days on the clock on the wall stays, and a day that a month has not is its last one. */
export const add = (millis: number, unit: Unit, amount: number, zone: TimeZone): number => {
  if (isMonths(unit)) return fromLocal(zone, addMonths(toLocal(zone, millis), amount * monthsOf[unit]))
  if (unit === "day" || unit === "week") return fromLocal(zone, toLocal(zone, millis) + amount * widths[unit])
  return millis + amount * widths[unit]
}

const addMonths = (local: number, months: number): number => {
  const { year, month, day: date } = fieldsOf(local)
  const last = fieldsOf(millisOf(year, month + months + 1, 0)).day
  return millisOf(year, month + months, Math.min(date, last)) + floorMod(local, day)
}

const monthNumber = (local: number): number => {
  const { year, month } = fieldsOf(local)
  return year * 12 + month - 1
}

/** How many boundaries of a unit lie between two times. `firstWeekday` is 0 for Sunday. */
export const difference = (start: number, end: number, unit: Unit, zone: TimeZone, firstWeekday: number): number => {
  if (unit === "millisecond") return end - start
  const from = toLocal(zone, start)
  const to = toLocal(zone, end)
  if (isMonths(unit)) {
    const per = monthsOf[unit]
    return Math.floor(monthNumber(to) / per) - Math.floor(monthNumber(from) / per)
  }
  if (unit === "week") {
    const weekNumber = (local: number): number => Math.floor((dayNumber(local) + 4 - firstWeekday) / 7)
    return weekNumber(to) - weekNumber(from)
  }
  if (unit === "day") return dayNumber(to) - dayNumber(from)
  const width = widths[unit]
  // an hour that was repeated counts, and one that was left out does not
  const moved = Math.trunc((to - end - (from - start)) / width)
  return Math.floor(to / width) - Math.floor(from / width) - moved
}

/** The start of the bin that a time is in: bins are counted from the beginning of the year 2000. */
export const truncate = (millis: number, unit: Unit, size: number, zone: TimeZone, firstWeekday: number): number => {
  const origin = millisOf(2000, 1, 1)
  if (isMonths(unit)) {
    const months = size * monthsOf[unit]
    const number = Math.floor((monthNumber(toLocal(zone, millis)) - 24000) / months) * months
    return fromLocal(zone, millisOf(2000, 1 + number, 1))
  }
  const width = size * widths[unit]
  if (unit === "day" || unit === "week") {
    const start = unit === "day" ? origin : origin + floorMod(firstWeekday - weekdayOf(origin), 7) * day
    return fromLocal(zone, start + Math.floor((toLocal(zone, millis) - start) / width) * width)
  }
  const start = fromLocal(zone, origin)
  return start + Math.floor((millis - start) / width) * width
}
