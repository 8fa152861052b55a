/** `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte` and `$cmp`, in the order of all values; no value is less than null. */
import type { Operators } from "./Frame.ts"
import { binary, comparing } from "./operands.ts"

export const comparison: Operators = {
  $cmp: comparing(({ compare }) => binary((a, b) => compare(a, b))),
  $eq: comparing(({ equals }) => binary(equals)),
  $ne: comparing(({ equals }) => binary((a, b) => !equals(a, b))),
  $gt: comparing(({ compare }) => binary((a, b) => compare(a, b) > 0)),
  $gte: comparing(({ compare }) => binary((a, b) => compare(a, b) >= 0)),
  $lt: comparing(({ compare }) => binary((a, b) => compare(a, b) < 0)),
  $lte: comparing(({ compare }) => binary((a, b) => compare(a, b) <= 0))
}
