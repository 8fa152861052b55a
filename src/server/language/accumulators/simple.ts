/** The accumulators that take one value of each document. */
import { make, spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { failed } from "../LanguageError.ts"
import { shown } from "../messages.ts"
import { double, isNumber, Sum, toDouble } from "../numbers.ts"
import { define, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"

/** `$sum` */
export class Total {
  readonly #sum = new Sum()
  add(value: Value): void {
    this.#sum.add(value)
  }
  result(): Value {
    return this.#sum.total()
  }
}

/** `$avg` */
export class Average {
  readonly #sum = new Sum()
  add(value: Value): void {
    this.#sum.add(value)
  }
  result(): Value {
    return this.#sum.average()
  }
}

/** `$count` */
export class Count {
  readonly #sum = new Sum()
  add(): void {
    this.#sum.add(1)
  }
  result(): Value {
    return this.#sum.total()
  }
}

/** `$min` and `$max`; null and missing values are passed over. */
export class Extreme {
  readonly #sign: 1 | -1
  readonly #compare: Collation["compare"]
  #best: Value
  constructor(sign: 1 | -1, { compare }: Collation) {
    this.#sign = sign
    this.#compare = compare
  }
  add(value: Value): void {
    if (value === undefined || value === null) return
    if (this.#best === undefined || this.#compare(value, this.#best) * this.#sign > 0) this.#best = value
  }
  result(): Value {
    return this.#best
  }
}

/** `$first` */
export class First {
  #isSet = false
  #value: Value
  add(value: Value): void {
    if (this.#isSet) return
    this.#isSet = true
    this.#value = value
  }
  result(): Value {
    return this.#value
  }
}

/** `$last` */
export class Last {
  #value: Value
  add(value: Value): void {
    this.#value = value
  }
  result(): Value {
    return this.#value
  }
}

/** `$push`; missing values are passed over. */
export class Push {
  readonly #values: Array<Value> = []
  add(value: Value): void {
    if (value === undefined) return
    make()
    this.#values.push(value)
  }
  result(): Value {
    make(this.#values.length)
    return [...this.#values]
  }
}

/** `$addToSet`; missing values are passed over. */
export class ToSet {
  readonly #values = new Map<string, Value>()
  readonly #keyOf: Collation["keyOf"]
  constructor({ keyOf }: Collation) {
    this.#keyOf = keyOf
  }
  add(value: Value): void {
    if (value === undefined) return
    const key = this.#keyOf(value)
    if (this.#values.has(key)) return
    make()
    this.#values.set(key, value)
  }
  result(): Value {
    return [...this.#values.values()]
  }
}

/** `$mergeObjects` */
export class Merge {
  #merged: Document = {}
  add(value: Value): void {
    if (value === undefined || value === null) return
    if (!isDocument(value)) {
      failed(`$mergeObjects requires object inputs, but input ${shown(value)} is of type ${typeOf(value)}`, 40400)
      return
    }
    for (const name of Object.keys(value)) {
      spend()
      define(this.#merged, name, value[name])
    }
  }
  result(): Value {
    return { ...this.#merged }
  }
}

/** `$stdDevPop` and `$stdDevSamp`: the standard deviation, by Welford's method. */
export class Spread {
  readonly #lost: number
  #count = 0
  #mean = 0
  #squares = 0
  /** @param lost how many values the sample takes from the count */
  constructor(lost: 0 | 1) {
    this.#lost = lost
  }
  add(value: Value): void {
    if (!isNumber(value)) return
    const number = toDouble(value)
    this.#count++
    const delta = number - this.#mean
    if (delta !== 0 || !Number.isFinite(number)) {
      this.#mean += delta / this.#count
      this.#squares += delta * (number - this.#mean)
    }
  }
  result(): Value {
    const count = this.#count - this.#lost
    return count <= 0 ? null : double(Math.sqrt(this.#squares / count))
  }
}
