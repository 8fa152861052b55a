/** The windows of `$setWindowFields`: which rows of a partition a value of one row is made of. */
import { spend } from "./budget.ts"
import { add as addUnits, units } from "./calendar.ts"
import type { Unit } from "./calendar.ts"
import * as decimals from "./decimals.ts"
import { dateOf } from "./expressions/instants.ts"
import { failed, invalid } from "./LanguageError.ts"
import { add, decimal, isNumber, toDecimal, toDouble, toWhole } from "./numbers.ts"
import type { NumberValue } from "./numbers.ts"
import { utc } from "./timeZones.ts"
import { compare, isDate, isDocument, typeOf } from "./Value.ts"
import type { Document, Value } from "./Value.ts"
import { shown } from "./messages.ts"

/** The rows of a partition in their order. */
export interface Rows {
  readonly documents: ReadonlyArray<Document>
  /** What each row is sorted by; none where it is not sorted by one field. */
  readonly sortValues: ReadonlyArray<Value>
}

/** The rows of one window: from the first to before the last. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** The window of each row. */
export type Window = (rows: Rows) => ReadonlyArray<Span>

/** How a stage sorts, as far as windows depend on it. */
export interface Sorting {
  readonly isSorted: boolean
  /** The path it sorts by, where it is a single ascending one. */
  readonly ascending: boolean
  readonly isSingle: boolean
}

type Bound = "unbounded" | "current" | NumberValue

/** All rows of the partition. */
const whole: Window = ({ documents }) => {
  const span = { from: 0, to: documents.length }
  return documents.map(() => span)
}

const boundOf = (value: Value, expected: string): Bound =>
  value === "unbounded" || value === "current" || isNumber(value)
    ? value
    : invalid(`Window bounds must be 'unbounded', 'current', or ${expected}, not ${shown(value)}`, 5339902)

const boundsOf = (value: Value, name: string, expected: string): readonly [Bound, Bound] => {
  if (!Array.isArray(value) || value.length !== 2) {
    return invalid(`Window bounds must be a 2-element array: ${name}: ${shown(value)}`, 5339902)
  }
  const lower = boundOf(value[0], expected)
  const upper = boundOf(value[1], expected)
  if (distance(lower, -Infinity) > distance(upper, Infinity)) {
    invalid(`Lower bound must not exceed upper bound: ${shown(value)}`, 5339900)
  }
  return [lower, upper]
}

const distance = (bound: Bound, unbounded: number): number =>
  bound === "unbounded" ? unbounded : bound === "current" ? 0 : toDouble(bound)

/** Compiles the `window` of a function; all rows where it has none. */
export const compileWindow = (spec: Value, sorting: Sorting): Window => {
  if (spec === undefined) return whole
  if (!isDocument(spec)) return invalid(`'window' field must be an object, not ${typeOf(spec)}`, 9)
  for (const name of Object.keys(spec)) {
    if (!["documents", "range", "unit"].includes(name)) {
      invalid(`'window' field that is not 'documents', 'range' or 'unit': ${name}`, 9)
    }
  }
  const { documents, range, unit } = spec
  if (documents !== undefined && range !== undefined) {
    invalid("Window bounds can specify either 'documents' or 'unit', not both.", 9)
  }
  if (range !== undefined) return rangeWindow(range, unit, sorting)
  if (unit !== undefined) invalid("Window bounds can only specify 'unit' with range-based bounds.", 9)
  return documents === undefined ? whole : documentWindow(documents, sorting)
}

// by rows

const whole32 = (bound: Bound): Bound => {
  if (typeof bound === "string") return bound
  return toWhole(bound) ?? invalid(`Numeric document-based bounds must be an integer, not ${shown(bound)}`, 5339904)
}

const documentWindow = (spec: Value, sorting: Sorting): Window => {
  const [lower, upper] = boundsOf(spec, "documents", "an integer").map(whole32)
  if (
    !sorting.isSorted &&
    !(lower === "unbounded" && upper === "unbounded") &&
    !(lower === "current" && upper === "current")
  ) {
    invalid("Document-based bounds require a sortBy", 5339901)
  }
  const before = lower === undefined ? 0 : distance(lower, -Infinity)
  const behind = upper === undefined ? 0 : distance(upper, Infinity)
  return ({ documents }) =>
    documents.map((_, i) => {
      const from = Math.max(0, i + before)
      return { from, to: Math.max(from, Math.min(documents.length, i + behind + 1)) }
    })
}

// by what the rows are sorted by

const unitOf = (unit: Value): Unit | undefined => {
  if (unit === undefined) return undefined
  return (
    units.find((it) => it === unit) ??
    invalid(`unknown time unit value: ${shown(unit)}: ${units.join(", ")} are known`, 9)
  )
}

const rangeWindow = (spec: Value, unitSpec: Value, sorting: Sorting): Window => {
  const unit = unitOf(unitSpec)
  const [lower, upper] = boundsOf(spec, "range", "a number")
  if (!sorting.isSingle) invalid("Range-based window require sortBy a single field", 5339902)
  if (!sorting.ascending) invalid("Range-based bounds require an ascending sortBy", 8947401)
  if (unit !== undefined) {
    for (const bound of [lower, upper]) {
      if (typeof bound !== "string" && toWhole(bound) === undefined) {
        invalid(`With 'unit', range-based bounds must be an integer, not ${shown(bound)}`, 5339903)
      }
    }
  }
  return (rows) => rangeSpans(rows, lower, upper, unit)
}

const checkSortValue = (value: Value, unit: Unit | undefined): void => {
  if (unit !== undefined) {
    if (!isDate(value))
      failed(`Invalid range: Expected the sortBy field to be a Date, but it was ${typeOf(value)}`, 5429513)
    return
  }
  if (isDate(value))
    failed("Invalid range: For windows that involve date or time ranges, a unit must be provided.", 5429513)
  if (!isNumber(value))
    failed(`Invalid range: Expected the sortBy field to be a number, but it was ${typeOf(value)}`, 5429414)
}

const moved = (value: Value, bound: NumberValue, unit: Unit | undefined): Value => {
  if (isDate(value) && unit !== undefined)
    return dateOf(addUnits(value.getTime(), unit, toDouble(bound), utc), "a window")
  if (!isNumber(value)) return value
  // as decimals, so that 0.1 and 0.2 are as far as 0.3
  const isWhole = toWhole(value) !== undefined && toWhole(bound) !== undefined
  return isWhole ? add(value, bound) : decimal(decimals.add(toDecimal(value), toDecimal(bound)))
}

/** Both ends only ever move on, so that each row is passed twice at most. `current` is the row itself, without equals. */
const rangeSpans = ({ sortValues }: Rows, lower: Bound, upper: Bound, unit: Unit | undefined): ReadonlyArray<Span> => {
  let from = 0
  let to = 0
  return sortValues.map((value, i) => {
    spend()
    checkSortValue(value, unit)
    if (lower === "current") from = i
    else if (lower !== "unbounded") {
      const least = moved(value, lower, unit)
      while (from < sortValues.length && compare(sortValues[from], least) < 0) from++
    }
    if (upper === "unbounded") to = sortValues.length
    else if (upper === "current") to = i + 1
    else {
      const greatest = moved(value, upper, unit)
      while (to < sortValues.length && compare(sortValues[to], greatest) <= 0) to++
    }
    return { from, to: Math.max(from, to) }
  })
}
