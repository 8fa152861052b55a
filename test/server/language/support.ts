import { assert } from "@effect/vitest"
import { Decimal128, Double, Long, ObjectId } from "bson"
import { LanguageError } from "../../../src/server/language/LanguageError.ts"

/** The error with which something is refused. */
export const refusal = (run: () => unknown): LanguageError => {
  try {
    run()
  } catch (error) {
    if (error instanceof LanguageError) return error
    throw error
  }
  return assert.fail("nothing was refused")
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export const chance = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    const mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    const more = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((more ^ (more >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A value of any type, nested no more than so deep. */
export const anyValue = (random: () => number, depth: number): unknown => {
  const pick = Math.floor(random() * (depth === 0 ? 8 : 10))
  const small = Math.floor(random() * 5) - 2
  switch (pick) {
    case 0:
      return small
    case 1:
      return small + 0.5
    case 2:
      return new Double(small)
    case 3:
      return Long.fromNumber(small * 2 ** 52)
    case 4:
      return Decimal128.fromString(`${small}.${small === 0 ? "00" : "5"}`)
    case 5:
      return ["", "a", "ab", "\u{1F600}", "\uFFFD"][small + 2]
    case 6:
      return [null, true, false, undefined, new ObjectId("64b7abdecf2160b649ab6085")][small + 2]
    case 7:
      return new Date(small)
    case 8:
      return Array.from({ length: small + 2 }, () => anyValue(random, depth - 1) ?? null)
    default:
      return Object.fromEntries(
        Array.from({ length: small + 2 }, () => [random() < 0.5 ? "a" : "b", anyValue(random, depth - 1) ?? null])
      )
  }
}
