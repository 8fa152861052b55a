/** What belongs to values that are equal. */
import { isNumber, toWhole } from "../numbers.ts"
import { keyOf } from "../Value.ts"
import type { Value } from "../Value.ts"

/** Finds what was kept for a value that is equal. */
export class Groups<A> {
  readonly #plain = new Map<unknown, A>()
  readonly #others = new Map<string, A>()

  get(value: Value): A | undefined {
    const plain = plainKey(value)
    return plain === undefined ? this.#others.get(keyOf(value)) : this.#plain.get(plain)
  }

  set(value: Value, group: A): void {
    const plain = plainKey(value)
    if (plain === undefined) this.#others.set(keyOf(value), group)
    else this.#plain.set(plain, group)
  }
}

/** A value that JavaScript itself compares as MongoDB does: whole numbers of all types, strings, booleans and null. */
const plainKey = (value: Value): unknown => {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value
  return isNumber(value) ? toWhole(value) : undefined
}
