/** `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte` and `$cmp`, in the order of all values; no value is less than null. */
import { compare, equals } from "../Value.ts"
import type { Operators } from "./Frame.ts"
import { binary } from "./operands.ts"

export const comparison: Operators = {
  $cmp: binary((a, b) => compare(a, b)),
  $eq: binary(equals),
  $ne: binary((a, b) => !equals(a, b)),
  $gt: binary((a, b) => compare(a, b) > 0),
  $gte: binary((a, b) => compare(a, b) >= 0),
  $lt: binary((a, b) => compare(a, b) < 0),
  $lte: binary((a, b) => compare(a, b) <= 0)
}
