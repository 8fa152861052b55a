/** Identifiers that the server creates. They come from the secure generator, so that they cannot be guessed. */
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Hex from "effect/encoding/Hex"
import * as Effect from "effect/Effect"

/** A new object id: 24 hexadecimal digits, of which the first eight are the time in seconds. */
export const objectId: Effect.Effect<string, never, SecureRandom.SecureRandom> = Effect.gen(function* () {
  const random = yield* SecureRandom.SecureRandom
  const seconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  return (seconds >>> 0).toString(16).padStart(8, "0") + Hex.encode(yield* random.randomBytes(8))
})

/** `length` random lower-case letters, the second half of an anonymous identity's id. */
export const letters = (length: number): Effect.Effect<string, never, SecureRandom.SecureRandom> =>
  Effect.gen(function* () {
    const random = yield* SecureRandom.SecureRandom
    const bytes = yield* random.randomBytes(length)
    return Array.from(bytes, (byte) => String.fromCharCode(97 + (byte % 26))).join("")
  })

/** Whether a text is an object id. */
export const isObjectId = (text: string): boolean => /^[0-9a-f]{24}$/i.test(text)
