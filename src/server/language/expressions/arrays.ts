/** Operators of arrays. */
import type { Collation } from "../Collation.ts"
import { make, spend } from "../budget.ts"
import { exceeded, codes, failed } from "../LanguageError.ts"
import { fitsLong, isNumber, toBigInt, toWhole } from "../numbers.ts"
import { typeOf, type Value } from "../Value.ts"
import { isTrue } from "./booleans.ts"
import type { Context, Expression, Operators } from "./Frame.ts"
import { argumentsOf, between, binary, comparing, computed, isNullish, named, unary, variadic } from "./operands.ts"

export type List = ReadonlyArray<Value>

/** Whether a value is an array. */
export const isList = (value: Value): value is List => Array.isArray(value)

/** An array; anything else fails. */
export const listOf = (value: Value, name: string, code: number, what = "an operand"): List =>
  isList(value)
    ? value
    : failed(`${name} takes ${what} that is an array, and not a value of type ${typeOf(value)}`, code)

/** A new array, counted against the budget. */
export const made = (list: List): List => {
  make(list.length + 1)
  return list
}

/** An integer of 32 bits; anything else fails. */
const intOf = (value: Value, name: string, what: string, code: number): number => {
  const whole = toWhole(value)
  return whole !== undefined && whole >= -2147483648 && whole <= 2147483647
    ? whole
    : failed(`${name} takes ${what} that is an integer of 32 bits, and not ${shown(value)}`, code)
}
const shown = (value: Value): string => (isNumber(value) ? String(value) : `a value of type ${typeOf(value)}`)

const elementAt = (value: Value, index: Value, name: string): Value => {
  if (isNullish(value) || isNullish(index)) return null
  const list = listOf(value, name, 28689, "a first operand")
  const at = intOf(index, name, "a second operand", 28691)
  return list[at < 0 ? list.length + at : at]
}

const ofList = (compute: (list: List) => Value, code: number) =>
  unary((value, name) => (isNullish(value) ? null : compute(listOf(value, name, code))))

const slice = (values: List, name: string): Value => {
  const [value, second, third] = values
  if (isNullish(value) || isNullish(second) || (values.length > 2 && isNullish(third))) return null
  const list = listOf(value, name, 28724, "a first operand")
  const place = intOf(second, name, "a second operand", 28726)
  if (values.length === 2) return made(place < 0 ? list.slice(place) : list.slice(0, place))
  const count = intOf(third, name, "a third operand", 28728)
  if (count <= 0) failed(`${name} takes a third operand above 0, and not ${count}`, 28729)
  const start = place < 0 ? Math.max(0, list.length + place) : place
  return made(list.slice(start, start + count))
}

const concatArrays = (values: List, name: string): Value => {
  const lists: Array<List> = []
  for (const value of values) {
    if (isNullish(value)) return null
    lists.push(listOf(value, name, 28664))
  }
  make(lists.reduce((length, list) => length + list.length, 1))
  return lists.flat()
}

const indexOfArray =
  ({ equals }: Collation) =>
  (values: List, name: string): Value => {
    const [value, wanted, start, end] = values
    if (isNullish(value)) return null
    const list = listOf(value, name, 40090, "a first operand")
    const place = (of: Value, what: string): number => {
      const index = intOf(of, name, what, 40096)
      return index < 0 ? failed(`${name} takes ${what} that is not negative, and not ${index}`, 40097) : index
    }
    const from = values.length > 2 ? place(start, "a start") : 0
    const to = values.length > 3 ? Math.min(place(end, "an end"), list.length) : list.length
    spend(Math.max(0, to - from))
    for (let i = from; i < to; i++) if (equals(list[i], wanted)) return i
    return -1
  }

/** What a list of this many elements would take in memory is refused from here on: 64 MB. */
const mostElements = 67_108_864 / 16

const range = (values: List, name: string): Value => {
  const start = intOf(values[0], name, "a start", 34444)
  const end = intOf(values[1], name, "an end", 34446)
  const step = values.length > 2 ? intOf(values[2], name, "a step", 34448) : 1
  if (step === 0) failed(`${name} takes a step that is not 0`, 34449)
  const count = Math.max(0, Math.ceil((end - start) / step))
  if (count > mostElements) exceeded(`${name} would make an array of ${count} elements`, codes.ExceededMemoryLimit)
  make(count + 1)
  return Array.from({ length: count }, (_, i) => start + i * step)
}

const zip = named(["inputs"], ["useLongestLength", "defaults"], ({ inputs, useLongestLength, defaults }, name, has) => {
  if (isNullish(inputs)) return null
  const lists = listOf(inputs, name, 34461, "'inputs'")
  if (lists.length === 0) failed(`${name} takes at least one array in 'inputs'`, 34465)
  const isLongest = useLongestLength === true
  if (has("useLongestLength") && typeof useLongestLength !== "boolean")
    failed(`${name} takes a 'useLongestLength' that is true or false, and not ${typeOf(useLongestLength)}`, 34463)
  const fill = has("defaults") && !isNullish(defaults) ? listOf(defaults, name, 34462, "'defaults'") : undefined
  if (fill !== undefined && !isLongest) failed(`${name} takes 'defaults' only where 'useLongestLength' is true`, 34466)
  if (fill !== undefined && fill.length !== lists.length)
    failed(`${name} takes as many 'defaults' as there are 'inputs'`, 34467)
  if (lists.some(isNullish)) return null
  const columns = lists.map((list) => listOf(list, name, 34468, "'inputs'"))
  const pick = isLongest ? Math.max : Math.min
  const length = columns.reduce((size, column) => pick(size, column.length), isLongest ? 0 : Infinity)
  make(length * (columns.length + 1))
  return Array.from({ length }, (_, i) =>
    columns.map((column, j) => (i < column.length ? column[i] : (fill?.[j] ?? null)))
  )
})

/** How many elements: a positive integer of 64 bits. */
const countOf = (value: Value, name: string): number => {
  const count = isNumber(value) ? toBigInt(value) : undefined
  if (count === undefined || !fitsLong(count))
    return failed(`${name} takes an 'n' that is an integer, and not ${shown(value)}`, 5787903)
  return count > 0n ? Number(count) : failed(`${name} takes an 'n' above 0, and not ${count}`, 5787908)
}

const someOf = (pick: (list: List, count: number) => List) =>
  named(["n", "input"], [], ({ n, input }, name) => {
    const count = countOf(n, name)
    return made(pick(listOf(input, name, 5788200, "an 'input'"), count))
  })

const sorted = (list: List, order: (a: Value, b: Value) => number): List => {
  spend(list.length * Math.ceil(Math.log2(list.length + 1)))
  return list.toSorted(order)
}

const extremes =
  (sign: 1 | -1) =>
  ({ compare }: Collation) =>
    someOf((list, count) =>
      sorted(
        list.filter((item) => !isNullish(item)),
        (a, b) => sign * compare(a, b)
      ).slice(0, count)
    )

const filter = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["input", "cond"], ["as", "limit"])
  const input = context.compile(specs["input"])
  const { slot, scope } = context.bind(Object.hasOwn(specs, "as") ? specs["as"] : "this", name)
  const cond = context.compile(specs["cond"], scope)
  const limit = Object.hasOwn(specs, "limit") ? context.compile(specs["limit"]) : undefined
  return computed([input, cond, limit], (frame) => {
    const value = input.evaluate(frame)
    const most = limit?.evaluate(frame)
    if (isNullish(value)) return null
    const list = listOf(value, name, 28651, "an 'input'")
    const count = isNullish(most) ? Infinity : intOf(most, name, "a 'limit'", 327391)
    if (count <= 0) failed(`${name} takes a 'limit' above 0, and not ${count}`, 327392)
    spend(list.length)
    const kept: Array<Value> = []
    for (const item of list) {
      frame.slots[slot] = item
      if (isTrue(cond.evaluate(frame))) kept.push(item)
      if (kept.length >= count) break
    }
    return made(kept)
  })
}

const map = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["input", "in"], ["as"])
  const input = context.compile(specs["input"])
  const { slot, scope } = context.bind(Object.hasOwn(specs, "as") ? specs["as"] : "this", name)
  const each = context.compile(specs["in"], scope)
  return computed([input, each], (frame) => {
    const value = input.evaluate(frame)
    if (isNullish(value)) return null
    const list = listOf(value, name, 16883, "an 'input'")
    make(list.length + 1)
    const { evaluate } = each
    const { slots } = frame
    return list.map((item): Value => {
      slots[slot] = item
      return evaluate(frame) ?? null
    })
  })
}

const reduce = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["input", "initialValue", "in"])
  const input = context.compile(specs["input"])
  const initial = context.compile(specs["initialValue"])
  const item = context.bind("this", name)
  const total = context.bind("value", name, item.scope)
  const each = context.compile(specs["in"], total.scope)
  return computed([input, initial, each], (frame) => {
    const value = input.evaluate(frame)
    if (isNullish(value)) return null
    const list = listOf(value, name, 40080, "an 'input'")
    spend(list.length)
    const { slots } = frame
    let result = initial.evaluate(frame)
    for (const element of list) {
      slots[item.slot] = element
      slots[total.slot] = result
      result = each.evaluate(frame)
    }
    return result
  })
}

export const arrays: Operators = {
  $isArray: unary((value) => isList(value)),
  $size: unary((value, name) => listOf(value, name, 17124).length),
  $arrayElemAt: binary(elementAt),
  $first: ofList((list) => list[0], 28689),
  $last: ofList((list) => list.at(-1), 28689),
  $reverseArray: ofList((list) => made(list.toReversed()), 34435),
  $slice: between(2, 3, slice),
  $concatArrays: variadic(concatArrays),
  $in: comparing(({ equals }) =>
    binary((value, list, name) => {
      const within = listOf(list, name, 40081, "a second operand")
      spend(within.length)
      return within.some((item) => equals(item, value))
    })
  ),
  $indexOfArray: comparing((collation) => between(2, 4, indexOfArray(collation))),
  $range: between(2, 3, range),
  $zip: zip,
  $firstN: someOf((list, count) => list.slice(0, count)),
  $lastN: someOf((list, count) => list.slice(Math.max(0, list.length - count))),
  $minN: comparing(extremes(1)),
  $maxN: comparing(extremes(-1)),
  $filter: filter,
  $map: map,
  $reduce: reduce
}
