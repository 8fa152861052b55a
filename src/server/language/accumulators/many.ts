/** The accumulators that keep several values: `$firstN`, `$maxN`, `$topN` and their like, with `$top` and `$bottom`. */
import type { Accumulator, Gathering } from "./Accumulator.ts"
import { make, spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import * as Expression from "../Expression.ts"
import { constantFrame } from "../expressions/Frame.ts"
import type { Frame, Scope } from "../Expression.ts"
import { exceeded, failed, invalid } from "../LanguageError.ts"
import { isNumber, toWhole } from "../numbers.ts"
import * as Sort from "../Sort.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"

const most = 2 ** 31 - 1

/** How many values are kept. */
const countOf = (name: string, value: Value): number => {
  if (!isNumber(value)) {
    return failed(
      `Value for 'n' must be of integral type, but found ${shown(value)}: ${name} expects a positive integer`,
      5787902
    )
  }
  const count = toWhole(value)
  if (count === undefined && Number.isInteger(Number(value.toString()))) return tooMany(name, value)
  if (count === undefined) {
    return failed(
      `Value for 'n' must be of integral type, but found ${shown(value)}: ${name} expects a positive integer`,
      5787903
    )
  }
  if (count <= 0)
    return failed(`'n' must be greater than 0, found ${shown(value)}: ${name} expects a positive integer`, 5787908)
  return count > most ? tooMany(name, value) : count
}

const tooMany = (name: string, value: Value): never =>
  exceeded(`${name} cannot keep ${shown(value)} values: 'n' is at most ${most}`, 146)

/** Keeps the first values, or the last ones. */
class Ends implements Gathering {
  readonly #values: Array<Value> = []
  readonly #most: number
  readonly #isLast: boolean
  #start = 0
  constructor(count: number, isLast: boolean) {
    this.#most = count
    this.#isLast = isLast
  }
  add(value: Value): void {
    const kept = value === undefined ? null : value
    if (this.#values.length - this.#start < this.#most) {
      make()
      this.#values.push(kept)
    } else if (this.#isLast) {
      this.#values.push(kept)
      this.#start++
      if (this.#start > this.#most) this.#shrink()
    }
  }
  /** Drops what is behind the start; seldom, so that a value costs the same however many there are. */
  #shrink(): void {
    this.#values.splice(0, this.#start)
    this.#start = 0
  }
  result(): Value {
    return this.#values.slice(this.#start)
  }
}

/** Keeps the values that come first in an order; the rest is dropped when there are twice as many. */
class Best<A> {
  #values: Array<A> = []
  readonly #most: number
  readonly #order: (a: A, b: A) => number
  constructor(count: number, order: (a: A, b: A) => number) {
    this.#most = count
    this.#order = order
  }
  add(value: A): void {
    make()
    this.#values.push(value)
    if (this.#values.length >= 2 * this.#most + 16) this.#values = this.sorted()
  }
  sorted(): Array<A> {
    spend(this.#values.length)
    return this.#values.toSorted(this.#order).slice(0, this.#most)
  }
}

class Extremes implements Gathering {
  readonly #best: Best<Value>
  constructor(count: number, sign: 1 | -1, { compare }: Collation) {
    this.#best = new Best<Value>(count, (a, b) => sign * compare(a, b))
  }
  add(value: Value): void {
    if (value !== undefined && value !== null) this.#best.add(value)
  }
  result(): Value {
    return this.#best.sorted()
  }
}

/** What `$top` and its like get of one document: what to compare, and what to keep. */
interface Ranked {
  readonly key: Sort.SortKey
  readonly output: Value
}

/** Of documents that are equal in the order, the ones that came first are kept. */
class Tops implements Gathering {
  readonly #best: Best<Ranked>
  readonly #isBottom: boolean
  readonly #isOne: boolean
  constructor(count: number, order: Sort.Sort, isBottom: boolean, isOne: boolean) {
    // the last ones of an order are the first ones of the opposite order
    this.#best = new Best(count, (a, b) => order.compareKeys(isBottom ? b.key : a.key, isBottom ? a.key : b.key))
    this.#isBottom = isBottom
    this.#isOne = isOne
  }
  add(value: Value): void {
    if (isRanked(value)) this.#best.add(value)
  }
  result(): Value {
    const values = this.#best.sorted().map((it) => (it.output === undefined ? null : it.output))
    if (this.#isOne) return values[0]
    return this.#isBottom ? values.toReversed() : values
  }
}

const isRanked = (value: Value): value is Ranked => isDocument(value) && "key" in value && "output" in value

const known = (name: string, argument: Value, names: ReadonlyArray<string>): Document => {
  if (!isDocument(argument)) {
    return invalid(
      `specification must be an object; found ${name}: ${shown(argument)} of type ${typeOf(argument)}`,
      5787900
    )
  }
  for (const key of Object.keys(argument)) {
    if (!names.includes(key)) invalid(`Unknown argument to ${name}: '${key}': ${names.join(", ")} are known`, 5787901)
  }
  for (const key of names) {
    if (!Object.hasOwn(argument, key)) invalid(`Missing value for '${key}' in ${name}`, 5787907)
  }
  return argument
}

/** `n`: checked at once where it is constant, and with the key of the group otherwise. */
const counting = (name: string, spec: Value, scope: Scope): ((frame: Frame) => number) => {
  const expression = Expression.compile(spec, scope)
  if (!expression.isConstant) return (frame) => countOf(name, expression.evaluate(frame))
  const count = countOf(name, expression.evaluate(constantFrame))
  return () => count
}

/** Compiles `$firstN`, `$lastN`, `$minN`, `$maxN`, `$topN`, `$bottomN`, `$top`, `$bottom`. */
export const compileMany = (name: string, argument: Value, scope: Scope): Accumulator => {
  if (name.startsWith("$top") || name.startsWith("$bottom")) return compileTops(name, argument, scope)
  const spec = known(name, argument, ["n", "input"])
  const input = Expression.compile(spec["input"], scope).evaluate
  const count = counting(name, spec["n"], scope)
  if (name === "$firstN" || name === "$lastN") {
    return { input, start: (frame) => new Ends(count(frame), name === "$lastN"), isUnordered: false }
  }
  return {
    input,
    start: (frame) => new Extremes(count(frame), name === "$maxN" ? -1 : 1, scope.collation),
    isUnordered: true
  }
}

const compileTops = (name: string, argument: Value, scope: Scope): Accumulator => {
  const isOne = !name.endsWith("N")
  const spec = known(name, argument, isOne ? ["output", "sortBy"] : ["n", "output", "sortBy"])
  const sortBy = spec["sortBy"]
  if (!isDocument(sortBy)) {
    return invalid(
      `expected 'sortBy' to already be an object in the arguments to ${name}, found ${typeOf(sortBy)}`,
      5788604
    )
  }
  const order = Sort.compile(sortBy, scope)
  const output = Expression.compile(spec["output"], scope)
  const count = isOne ? () => 1 : counting(name, spec["n"], scope)
  return {
    input: (frame) => ({
      key: isDocument(frame.root) ? order.keyOf(frame.root) : null,
      output: output.evaluate(frame)
    }),
    start: (frame) => new Tops(count(frame), order, name.startsWith("$bottom"), isOne),
    isUnordered: false
  }
}
