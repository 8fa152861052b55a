/** Operators of arrays as sets: each value once. Unions and intersections are in the order of their values. */
import { spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { failed } from "../LanguageError.ts"
import { typeOf, type Value } from "../Value.ts"
import { isList, type List, listOf, made } from "./arrays.ts"
import { isTrue } from "./booleans.ts"
import type { Operators } from "./Frame.ts"
import { between, binary, comparing, isNullish, unary, variadic } from "./operands.ts"

const setOf = (list: List, { keyOf }: Collation): Map<string, Value> => {
  spend(list.length)
  const set = new Map<string, Value>()
  for (const item of list) {
    const key = keyOf(item)
    if (!set.has(key)) set.set(key, item)
  }
  return set
}

const union =
  (collation: Collation) =>
  (values: List, name: string): Value => {
    const { keyOf } = collation
    const set = new Map<string, Value>()
    for (const value of values) {
      if (isNullish(value)) return null
      const list = listOf(value, name, 17043)
      spend(list.length)
      for (const item of list) {
        const key = keyOf(item)
        if (!set.has(key)) set.set(key, item)
      }
    }
    return sorted(set, collation)
  }

/** The values of a set, in order. */
const sorted = (set: ReadonlyMap<string, Value>, { compare }: Collation): List => {
  spend(set.size * Math.ceil(Math.log2(set.size + 1)))
  return made([...set.values()].toSorted(compare))
}

const intersection =
  (collation: Collation) =>
  (values: List, name: string): Value => {
    let set: Map<string, Value> | undefined
    for (const value of values) {
      if (isNullish(value)) return null
      const other = setOf(listOf(value, name, 17047), collation)
      set = set === undefined ? other : common(set, other)
    }
    return sorted(set ?? new Map(), collation)
  }

/** What two sets share, as the smaller one has it: numbers may be equal and of other types. */
const common = (a: Map<string, Value>, b: Map<string, Value>): Map<string, Value> => {
  const [smaller, other] = a.size > b.size ? [b, a] : [a, b]
  for (const key of smaller.keys()) if (!other.has(key)) smaller.delete(key)
  return smaller
}

const difference =
  (collation: Collation) =>
  (a: Value, b: Value, name: string): Value => {
    if (isNullish(a) || isNullish(b)) return null
    const set = setOf(listOf(a, name, 17048, "a first operand"), collation)
    for (const key of setOf(listOf(b, name, 17049, "a second operand"), collation).keys()) set.delete(key)
    return made([...set.values()])
  }

const setEquals =
  (collation: Collation) =>
  (values: List, name: string): Value => {
    const [first, ...others] = values.map((value) => setOf(listOf(value, name, 17044), collation))
    return others.every((set) => set.size === first?.size && isWithin(set, first))
  }

const isWithin = (set: Map<string, Value>, other: Map<string, Value>): boolean => {
  for (const key of set.keys()) if (!other.has(key)) return false
  return true
}

const isSubset =
  (collation: Collation) =>
  (a: Value, b: Value, name: string): Value =>
    isWithin(
      setOf(listOf(a, name, 17046, "a first operand"), collation),
      setOf(listOf(b, name, 17042, "a second operand"), collation)
    )

/** What holds of the elements of a list; null and missing ones are false. */
const ofElements = (code: number, holds: (list: List) => boolean) =>
  unary((value, name) => {
    if (!isList(value)) return failed(`${name} takes an array, and not a value of type ${typeOf(value)}`, code)
    spend(value.length)
    return holds(value)
  })

export const sets: Operators = {
  $setUnion: comparing((collation) => variadic(union(collation))),
  $setIntersection: comparing((collation) => variadic(intersection(collation))),
  $setDifference: comparing((collation) => binary(difference(collation))),
  $setEquals: comparing((collation) => between(2, Infinity, setEquals(collation))),
  $setIsSubset: comparing((collation) => binary(isSubset(collation))),
  $anyElementTrue: ofElements(17041, (list) => list.some(isTrue)),
  $allElementsTrue: ofElements(17040, (list) => list.every(isTrue))
}
