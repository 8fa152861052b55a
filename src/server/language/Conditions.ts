/** What is known of documents before they are looked at: what an index can find. */
import type { Ordering } from "./filters/comparisons.ts"

/**
 * What one of the values at a path fulfils, where an array has the values of its elements: it is equal to one of
 * `values`, or stands in an order to `value`. Null stands for a missing value too. No value is an array, and an order is
 * one among values of the same type (see `rank`). Or `any`: one of the branches holds, with all of its conditions.
 */
export type Condition = FieldCondition | { readonly kind: "any"; readonly branches: ReadonlyArray<Conditions> }

/** A condition of one field. */
export type FieldCondition =
  | { readonly kind: "in"; readonly path: string; readonly values: ReadonlyArray<unknown> }
  | { readonly kind: "order"; readonly path: string; readonly operator: Ordering; readonly value: unknown }

/** Conditions that hold together. */
export type Conditions = ReadonlyArray<Condition>
