/** What belongs to values that are equal. */
import type { Collation } from "../Collation.ts"
import { isNumber, toWhole } from "../numbers.ts"
import type { Value } from "../Value.ts"

/** Finds what was kept for a value that is equal. */
export class Groups<A> {
  readonly #plain = new Map<unknown, A>()
  readonly #others = new Map<string, A>()
  readonly #collation: Collation

  constructor(collation: Collation) {
    this.#collation = collation
  }

  get(value: Value): A | undefined {
    const plain = this.#plainKey(value)
    return plain === undefined ? this.#others.get(this.#collation.keyOf(value)) : this.#plain.get(plain)
  }

  set(value: Value, group: A): void {
    const plain = this.#plainKey(value)
    if (plain === undefined) this.#others.set(this.#collation.keyOf(value), group)
    else this.#plain.set(plain, group)
  }

  /** A value that JavaScript itself compares as MongoDB does: whole numbers of all types, strings, booleans and null. */
  #plainKey(value: Value): unknown {
    if (typeof value === "string") return this.#collation.isSimple ? value : undefined
    if (typeof value === "boolean" || value === null) return value
    return isNumber(value) ? toWhole(value) : undefined
  }
}
