/** `$bitAnd`, `$bitOr`, `$bitXor` and `$bitNot`: of ints and longs. */
import { codes, failed } from "../LanguageError.ts"
import { isInt, isLong, long, longToBigInt } from "../numbers.ts"
import { typeOf, type Value } from "../Value.ts"
import type { Operators } from "./Frame.ts"
import { isNullish, unary, variadic } from "./operands.ts"

const notInteger = (name: string, value: Value): never =>
  failed(`${name} takes ints and longs, and not a value of type ${typeOf(value)}`, codes.TypeMismatch)

interface Bits {
  readonly start: number
  readonly ints: (a: number, b: number) => number
  readonly longs: (a: bigint, b: bigint) => bigint
}

const combine = ({ start, ints, longs }: Bits) =>
  variadic((values, name) => {
    let small = start
    let wide: bigint | undefined
    for (const value of values) {
      if (isNullish(value)) return null
      if (typeof value === "number" && isInt(value)) {
        if (wide === undefined) small = ints(small, value)
        else wide = longs(wide, BigInt(value))
      } else if (isLong(value)) wide = longs(wide ?? BigInt(small), longToBigInt(value))
      else return notInteger(name, value)
    }
    return wide === undefined ? small : long(wide)
  })

const not = (value: Value, name: string): Value => {
  if (isNullish(value)) return null
  if (typeof value === "number" && isInt(value)) return ~value
  return isLong(value) ? long(~longToBigInt(value)) : notInteger(name, value)
}

export const bitwise: Operators = {
  $bitAnd: combine({ start: -1, ints: (a, b) => a & b, longs: (a, b) => a & b }),
  $bitOr: combine({ start: 0, ints: (a, b) => a | b, longs: (a, b) => a | b }),
  $bitXor: combine({ start: 0, ints: (a, b) => a ^ b, longs: (a, b) => a ^ b }),
  $bitNot: unary(not)
}
