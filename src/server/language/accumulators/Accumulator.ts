/** What an accumulator is. */
import type { Frame } from "../Expression.ts"
import type { Value } from "../Value.ts"

/** What gathers the values of one group or window. */
export interface Gathering {
  /** Takes the value of one document; undefined where it has none. */
  readonly add: (value: Value) => void
  /** What was made of the values so far; undefined where nothing was. */
  readonly result: () => Value
}

/** A compiled accumulator. */
export interface Accumulator {
  /** The value of a document. */
  readonly input: (frame: Frame) => Value
  /** Begins to gather; the frame's root is the key of the group, for an `n` that depends on it. */
  readonly start: (frame: Frame) => Gathering
  /** Whether the result does not depend on the order of the values. */
  readonly isUnordered: boolean
}
