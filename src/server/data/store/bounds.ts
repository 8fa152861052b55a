/** Bounds of a search in an index: intervals of the values of one field, from the conditions of a filter. */
import type { FieldCondition } from "../../language/Filter.ts"
import { compare, keyOf, rank } from "../../language/Value.ts"

/** All values of one type, where a value stands. */
class OfRank {
  readonly rank: number

  constructor(rank: number) {
    this.rank = rank
  }
}

/** An end of an interval: a value, or the end of all values of a type. */
export interface Edge {
  readonly value: unknown
  readonly isIncluded: boolean
}

/** The values from one edge to the other, in ascending order. */
export interface Interval {
  readonly low: Edge
  readonly high: Edge
}

/** Compares values of which one may be all values of a type. */
export const compareEdges = (a: unknown, b: unknown): number => {
  if (a instanceof OfRank) return a.rank - (b instanceof OfRank ? b.rank : rank(b))
  return b instanceof OfRank ? rank(a) - b.rank : compare(a, b)
}

/** Whether an interval is one value: its edges are one then. */
export const isPoint = ({ high, low }: Interval): boolean => low === high

const point = (value: unknown): Interval => {
  const edge = { value, isIncluded: true }
  return { low: edge, high: edge }
}

const intervalsOf = (condition: FieldCondition): ReadonlyArray<Interval> => {
  if (condition.kind === "in") {
    const different = new Map(condition.values.map((value) => [keyOf(value), value]))
    return [...different.values()].toSorted(compare).map(point)
  }
  const { operator, value } = condition
  const edge = { value, isIncluded: operator.endsWith("e") }
  const end = { value: new OfRank(rank(value)), isIncluded: true }
  return operator.startsWith("$g") ? [{ low: edge, high: end }] : [{ low: end, high: edge }]
}

/** The edge that leaves more out; `side` is 1 for the lower end, -1 for the upper one. */
const narrower = (a: Edge, b: Edge, side: 1 | -1): Edge => {
  const compared = compareEdges(a.value, b.value) * side
  if (compared !== 0) return compared > 0 ? a : b
  // all values of a type are wider than any of them
  return a.value instanceof OfRank || (a.isIncluded && !(b.value instanceof OfRank)) ? b : a
}

const isEmpty = ({ high, low }: Interval): boolean => {
  const compared = compareEdges(low.value, high.value)
  if (compared !== 0) return compared > 0
  const isOpen = low.value instanceof OfRank || high.value instanceof OfRank
  return !isOpen && !(low.isIncluded && high.isIncluded)
}

const intersection = (a: Interval, b: Interval): ReadonlyArray<Interval> => {
  const both = { low: narrower(a.low, b.low, 1), high: narrower(a.high, b.high, -1) }
  return isEmpty(both) ? [] : [isPoint(a) ? a : isPoint(b) ? b : both]
}

const intersections = (some: ReadonlyArray<Interval>, others: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  // points of both are looked up, so that long lists do not multiply
  if (some.every(isPoint) && others.every(isPoint)) {
    const keys = new Set(others.map(({ low }) => keyOf(low.value)))
    return some.filter(({ low }) => keys.has(keyOf(low.value)))
  }
  return some.flatMap((one) => others.flatMap((other) => intersection(one, other)))
}

/**
 * The intervals of a field that fulfils conditions, apart and in ascending order; `undefined` without a condition. If
 * documents can have several values, each condition may be fulfilled by another one: only one of them is a bound.
 */
export const ofField = (
  conditions: ReadonlyArray<FieldCondition>,
  hasArrays: boolean
): ReadonlyArray<Interval> | undefined => {
  const [first, ...others] = conditions.map(intervalsOf)
  if (first === undefined) return undefined
  if (!hasArrays) return others.reduce(intersections, first)
  const lists = [first, ...others].filter((intervals) => intervals.every(isPoint))
  return lists.length === 0 ? first : lists.reduce((best, list) => (list.length < best.length ? list : best))
}
