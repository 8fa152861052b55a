/** Tests of one value against another one: equality, order and membership, each compiled for the value that is wanted. */
import type { BSONRegExp } from "bson"
import { spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { compareNumbers } from "../numberOrder.ts"
import { regexTest } from "../regex.ts"
import { compareStrings, equals, isA, isDate, isNumeric, keyOf, rank, typeOf } from "../Value.ts"

/** Whether one value, that may be missing, is accepted. */
export type Single = (value: unknown) => boolean

/** The operators that compare. */
export type Ordering = "$gt" | "$gte" | "$lt" | "$lte"

/** A number as a plain one, where that is equal to it: it is compared at once with other plain ones. */
const plain = (wanted: unknown): unknown => {
  if (typeof wanted !== "object" || !isNumeric(wanted)) return wanted
  const nearest = Number(wanted.toString())
  return compareNumbers(nearest, wanted) === 0 ? nearest : wanted
}

/** Equality; null is equal to a missing value too. */
export const equalTo = (value: unknown, { equals, isSimple }: Collation): Single => {
  const wanted = plain(value)
  if (wanted === null) return (value) => value === null || value === undefined
  switch (typeof wanted) {
    case "boolean":
      return (value) => value === wanted
    case "number":
    case "string":
      if (!isSimple && typeof wanted === "string") return (value) => equals(value, wanted)
      // an object may be a number of another type, or a symbol
      if (wanted !== wanted) return (value) => equals(value, wanted)
      return (value) => value === wanted || (typeof value === "object" && value !== null && equals(value, wanted))
  }
  if (isDate(wanted)) {
    const millis = wanted.getTime()
    return (value) => value instanceof Date && value.getTime() === millis
  }
  if (isA(wanted, "ObjectId")) return (value) => isA(value, "ObjectId") && value.equals(wanted)
  if (!isSimple) return (value) => equals(value, wanted)
  return (value) => typeof value !== "string" && equals(value, wanted)
}

const accepts: Readonly<Record<Ordering, (compared: number) => boolean>> = {
  $gt: (compared) => compared > 0,
  $gte: (compared) => compared >= 0,
  $lt: (compared) => compared < 0,
  $lte: (compared) => compared <= 0
}

/**
 * Order, among values of the same rank only: nothing but the smallest and the largest key is compared with a value of
 * another one.
 */
export const ordered = (operator: Ordering, value: unknown, { compare, isSimple }: Collation): Single => {
  const wanted = plain(value)
  const accept = accepts[operator]
  const includes = operator === "$gte" || operator === "$lte"
  if (wanted === null) return includes ? (value) => value === null || value === undefined : () => false
  if (isSimple && typeof wanted === "string") return orderedStrings(operator, wanted)
  if (isNumeric(wanted)) return orderedNumbers(operator, wanted)
  if (isDate(wanted)) {
    const millis = wanted.getTime()
    return (value) => value instanceof Date && accept(value.getTime() - millis)
  }
  const place = rank(wanted)
  const type = typeOf(wanted)
  if (type === "minKey") return (value) => (rank(value) === place ? includes : operator[1] === "g")
  if (type === "maxKey") return (value) => (rank(value) === place ? includes : operator[1] === "l")
  return (value) => rank(value) === place && accept(compare(value, wanted))
}

const orderedStrings = (operator: Ordering, wanted: string): Single => {
  const accept = accepts[operator]
  return (value) =>
    typeof value === "string"
      ? accept(compareStrings(value, wanted))
      : isA(value, "BSONSymbol") && accept(compareStrings(value.value, wanted))
}

/** NaN is equal to itself, and neither less nor greater than any number. */
const orderedNumbers = (operator: Ordering, wanted: Parameters<typeof compareNumbers>[0]): Single => {
  const includes = operator === "$gte" || operator === "$lte"
  if (compareNumbers(wanted, Number.NaN) === 0) return includes ? (value) => equals(value, Number.NaN) : () => false
  const accept = accepts[operator]
  const general: Single = (value) =>
    isNumeric(value) && compareNumbers(value, Number.NaN) !== 0 && accept(compareNumbers(value, wanted))
  if (typeof wanted !== "number") return general
  const wide: Single = (value) => typeof value === "object" && general(value)
  switch (operator) {
    case "$gt":
      return (value) => (typeof value === "number" ? value > wanted : wide(value))
    case "$gte":
      return (value) => (typeof value === "number" ? value >= wanted : wide(value))
    case "$lt":
      return (value) => (typeof value === "number" ? value < wanted : wide(value))
    case "$lte":
      return (value) => (typeof value === "number" ? value <= wanted : wide(value))
  }
}

/** Whether a value is one of many, or matches one of the regular expressions among them. */
export const oneOf = (wanted: ReadonlyArray<unknown>, collation: Collation): Single => {
  const patterns = wanted.filter((value) => isA(value, "BSONRegExp"))
  const values = wanted.filter((value) => !isA(value, "BSONRegExp"))
  const isValue =
    values.length === 1
      ? equalTo(values[0], collation)
      : collation.isSimple
        ? inSet(values)
        : inOrder(values, collation)
  const tests = patterns.map(regexMatch)
  return tests.length === 0 ? isValue : (value) => isValue(value) || tests.some((test) => test(value))
}

const inSet = (wanted: ReadonlyArray<unknown>): Single => {
  const keys = new Set(wanted.map(keyOf))
  const strings = new Set(wanted.filter((value) => typeof value === "string"))
  const symbols = wanted.filter((value) => isA(value, "BSONSymbol")).map(({ value }) => value)
  for (const symbol of symbols) strings.add(symbol)
  const hasNull = wanted.includes(null)
  return (value) => {
    if (typeof value === "string") return strings.has(value)
    return value === undefined ? hasNull : keys.has(keyOf(value))
  }
}

/** As `inSet`; strings that are equal have no key in common. */
const inOrder = (wanted: ReadonlyArray<unknown>, { compare }: Collation): Single => {
  const sorted = wanted.toSorted(compare)
  return (value) => {
    const sought = value === undefined ? null : value
    let from = 0
    let to = sorted.length
    while (from < to) {
      const middle = (from + to) >> 1
      const compared = compare(sought, sorted[middle])
      if (compared === 0) return true
      if (compared < 0) to = middle
      else from = middle + 1
    }
    return false
  }
}

/** Whether a text matches, or a stored regular expression is the same one. */
export const regexMatch = (regex: BSONRegExp): Single => {
  const test = regexTest(regex.pattern, regex.options)
  const search = (text: string): boolean => {
    spend(1 + (text.length >> 4))
    return test(text)
  }
  return (value) => {
    if (typeof value === "string") return search(value)
    if (isA(value, "BSONSymbol")) return search(value.value)
    return isA(value, "BSONRegExp") && equals(value, regex)
  }
}
