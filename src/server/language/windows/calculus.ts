/** The window functions `$derivative` and `$integral`. */
import { spend } from "../budget.ts"
import { units, widthOf } from "../calendar.ts"
import * as Expression from "../Expression.ts"
import { failed, invalid } from "../LanguageError.ts"
import { add, divide, double, isNumber, multiply, subtract } from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { compare, isDate, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { compileWindow } from "../windows.ts"
import type { Span } from "../windows.ts"
import { valuesOf } from "./WindowFunction.ts"
import type { CompileFunction } from "./WindowFunction.ts"

/** A value and where it is, both as numbers. */
interface Point {
  readonly x: NumberValue
  readonly y: NumberValue
}

/** The milliseconds of the unit that a change is told in; undefined without a unit. */
const unitOf = (argument: Document): number | undefined => {
  const { unit } = argument
  if (unit === undefined) return undefined
  const found = units.find((it) => it === unit)
  if (found === undefined)
    return invalid(
      `unknown time unit value: ${shown(unit)}: week, day, hour, minute, second and millisecond are known`,
      5490704
    )
  if (["year", "quarter", "month"].includes(found)) invalid("unit must be 'week' or smaller", 5490704)
  return widthOf(found)
}

const pointOf = (name: string, sortValue: Value, value: Value, unit: number | undefined): Point => {
  if (unit !== undefined && !isDate(sortValue))
    return failed(`${name} with 'unit' expects the sortBy field to be a Date, but found ${typeOf(sortValue)}`, 5624900)
  if (unit === undefined && isDate(sortValue))
    return failed(`${name} where the sortBy is a Date requires an 'unit'`, 5624901)
  const x = isDate(sortValue) ? sortValue.getTime() : sortValue
  if (!isNumber(x))
    return failed(
      `${name} (with no 'unit') expects the sortBy field to be numeric, but found ${typeOf(sortValue)}`,
      5624902
    )
  const y = isDate(value) && name === "$derivative" ? value.getTime() : value
  if (!isNumber(y)) return failed(`The input value of ${name} must be numeric, but found ${typeOf(value)}`, 5624903)
  return { x, y }
}

/** Dates are in milliseconds, and `unit` says how many of them are one unit. */
type Compute = (span: Span, point: (i: number) => Point, unit: number) => Value

/** The change from the first row of the window to its last, by how far they are apart. */
const slope: Compute = ({ from, to }, point, unit) => {
  if (to <= from) return null
  const first = point(from)
  const last = point(to - 1)
  const run = subtract(last.x, first.x)
  if (compare(run, 0) === 0) return null
  return divide(subtract(last.y, first.y), unit === 1 ? run : divide(run, unit))
}

/** The area below the straight lines from row to row. */
const area: Compute = ({ from, to }, point, unit) => {
  if (to <= from) return null
  let sum: NumberValue = double(0)
  let before = point(from)
  for (let i = from + 1; i < to; i++) {
    spend()
    const next = point(i)
    const area = divide(multiply(subtract(next.x, before.x), add(next.y, before.y)), 2)
    sum = add(sum, unit === 1 ? area : divide(area, unit))
    before = next
  }
  return sum
}

export const calculus: CompileFunction = (argument, { name, scope, sorting, window }) => {
  if (!isDocument(argument)) return invalid(`${name} expects an object as its argument, found ${typeOf(argument)}`, 9)
  const unknown = Object.keys(argument).find((key) => key !== "input" && key !== "unit")
  if (unknown !== undefined) invalid(`${name} got unexpected argument: ${unknown}`, 9)
  if (!Object.hasOwn(argument, "input")) invalid(`${name} requires an 'input' expression`, 9)
  const unit = unitOf(argument)
  if (!sorting.isSingle) invalid(`${name} requires a sortBy of one field`, 9)
  if (name === "$derivative" && window === undefined) invalid("$derivative requires explicit window bounds", 9)
  const input = Expression.compile(argument["input"], scope)
  const spansOf = compileWindow(window, sorting)
  const compute = name === "$derivative" ? slope : area
  return (rows, frame) => {
    const values = valuesOf(input, rows, frame)
    const point = (i: number) => pointOf(name, rows.sortValues[i], values[i], unit)
    return spansOf(rows).map((span) => compute(span, point, unit ?? 1))
  }
}
