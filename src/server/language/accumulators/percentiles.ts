/** The accumulators `$percentile` and `$median`. */
import type { Accumulator, Gathering } from "./Accumulator.ts"
import { make } from "../budget.ts"
import * as Expression from "../Expression.ts"
import type { Scope } from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import { double, isNumber, toDouble } from "../numbers.ts"
import { isDocument, typeOf } from "../Value.ts"
import type { Value } from "../Value.ts"

/** Keeps the numbers as doubles; each percentile is the least number that so large a part of all does not exceed. */
class Percentiles implements Gathering {
  readonly #numbers: Array<number> = []
  readonly #parts: ReadonlyArray<number>
  readonly #isMedian: boolean
  constructor(parts: ReadonlyArray<number>, isMedian: boolean) {
    this.#parts = parts
    this.#isMedian = isMedian
  }
  add(value: Value): void {
    if (!isNumber(value)) return
    const number = toDouble(value)
    if (Number.isNaN(number)) return
    make()
    this.#numbers.push(number)
  }
  result(): Value {
    make(this.#numbers.length)
    const sorted = Float64Array.from(this.#numbers).toSorted()
    const at = (part: number): Value => {
      const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]
      return value === undefined ? null : double(value)
    }
    const values = this.#parts.map(at)
    return this.#isMedian ? values[0] : values
  }
}

const partsOf = (value: Value): ReadonlyArray<number> => {
  const expected = "The $percentile 'p' field must be an array of numbers from [0.0, 1.0]"
  if (!Array.isArray(value) || value.length === 0) return invalid(`${expected}, but found ${typeOf(value)}`, 7750301)
  return value.map((part) => {
    const number = isNumber(part) ? toDouble(part) : Number.NaN
    return number >= 0 && number <= 1 ? number : invalid(expected, 7750303)
  })
}

/** Reads the arguments of `$percentile` and `$median`, and gives the parts. */
export const compilePercentile = (name: string, argument: Value, scope: Scope): Accumulator => {
  if (!isDocument(argument))
    return invalid(`${name} specification must be an object; found ${typeOf(argument)}`, 7429703)
  const names = name === "$median" ? ["input", "method"] : ["input", "p", "method"]
  for (const key of Object.keys(argument)) {
    if (!names.includes(key)) invalid(`BSON field '${name}.${key}' is an unknown field.`, 40415)
  }
  for (const key of names) {
    if (!Object.hasOwn(argument, key)) invalid(`BSON field '${name}.${key}' is missing but a required field`, 40414)
  }
  if (argument["method"] !== "approximate") {
    invalid("Currently only 'approximate' can be used as percentile 'method'", 2)
  }
  const parts = name === "$median" ? [0.5] : partsOf(argument["p"])
  return {
    input: Expression.compile(argument["input"], scope).evaluate,
    start: () => new Percentiles(parts, name === "$median"),
    isUnordered: true
  }
}
