/**
 * Sorts rows by columns of values: each value is replaced by its place among the different ones of its column, and rows
 * are then put to their places, column by column, without being compared.
 */
import type { Collation } from "../Collation.ts"
import { compareStrings, isA, isDate, keyOf } from "../Value.ts"

/** Values in the order of the rows, and whether small ones come first. */
export interface Column {
  readonly values: ReadonlyArray<unknown>
  readonly direction: 1 | -1
}

/** The indexes of rows in order; those that are equal stay in the order they had. */
export const orderOf = (columns: ReadonlyArray<Column>, count: number, collation: Collation): Uint32Array => {
  let order: Uint32Array = Uint32Array.from({ length: count }, (_, i) => i)
  // the first column decides, so that it comes last
  for (const column of columns.toReversed()) order = putByPlaces(order, placesIn(column, collation))
  return order
}

/** The place of the value of each row among the different ones. */
interface Places {
  readonly of: Uint32Array
  /** How many there are. */
  readonly count: number
}

/** A counting sort: it leaves rows of the same place in their order. */
const putByPlaces = (order: Uint32Array, { count, of }: Places): Uint32Array => {
  const next = new Uint32Array(count + 1)
  for (const place of of) next[place + 1] = (next[place + 1] ?? 0) + 1
  for (let place = 1; place <= count; place++) next[place] = (next[place] ?? 0) + (next[place - 1] ?? 0)
  const out = new Uint32Array(order.length)
  for (const row of order) {
    const place = of[row] ?? 0
    const at = next[place] ?? 0
    out[at] = row
    next[place] = at + 1
  }
  return out
}

const placesIn = ({ direction, values }: Column, collation: Collation): Places => {
  const places = ascending(values, collation)
  return direction === 1 ? places : { ...places, of: places.of.map((place) => places.count - 1 - place) }
}

/** Columns of one type need no comparison of types, and mostly no call for each comparison. */
const ascending = (values: ReadonlyArray<unknown>, { compare, isSimple }: Collation): Places => {
  if (values.every(isUsual)) return numberPlaces(values)
  if (isSimple && values.every(isString)) return places(values, sortedStrings)
  if (values.every(isDate)) return numberPlaces(values.map((date) => date.getTime()))
  if (values.every((value) => isA(value, "ObjectId"))) {
    return places(
      values.map((id) => id.toHexString()),
      sortedStrings
    )
  }
  const keys = values.map(keyOf)
  const valueOf = new Map(keys.map((key, i) => [key, values[i]]))
  const order = (a: string, b: string) => compare(valueOf.get(a), valueOf.get(b))
  const sorted = (different: Array<string>) => different.toSorted(order)
  return isSimple ? places(keys, sorted) : places(keys, sorted, (a, b) => order(a, b) === 0)
}

const isString = (value: unknown): value is string => typeof value === "string"

/** Whether a value is a number that is equal to itself: NaN is not, and stands before all others. */
const isUsual = (value: unknown): value is number => typeof value === "number" && !Number.isNaN(value)

const numberPlaces = (values: ReadonlyArray<number>): Places =>
  places(values, (different) => Float64Array.from(different).toSorted())

/** The order of UTF-16 is that of UTF-8 but for surrogate pairs. */
const sortedStrings = (different: Array<string>): Array<string> =>
  different.some((text) => /[\ud800-\udfff]/.test(text)) ? different.toSorted(compareStrings) : different.toSorted()

const places = <Key extends string | number>(
  keys: ReadonlyArray<Key>,
  sorted: (different: Array<Key>) => Iterable<Key>,
  isSame: (a: Key, b: Key) => boolean = () => false
): Places => {
  const place = new Map<Key, number>()
  let last: Key | undefined
  let count = 0
  for (const key of sorted([...new Set(keys)])) {
    place.set(key, last !== undefined && isSame(last, key) ? count - 1 : count++)
    last = key
  }
  const of = new Uint32Array(keys.length)
  for (const [i, key] of keys.entries()) of[i] = place.get(key) ?? 0
  return { of, count }
}
