import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { costs, PasswordHasher } from "../../../src/server/users/PasswordHasher.ts"

const password = Redacted.make("correct horse")
const Testing = PasswordHasher.layerTesting.pipe(Layer.provide(SecureRandom.layerWebCrypto))

describe("PasswordHasher", () => {
  it.effect("tells the right password from a wrong one, and from none", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const hash = yield* hasher.hash(password)
      assert.isTrue(yield* hasher.verify(password, hash))
      assert.isFalse(yield* hasher.verify(Redacted.make("correct horsE"), hash))
      assert.isFalse(yield* hasher.verify(password, undefined))
    }).pipe(Effect.provide(Testing))
  )

  it.effect("gives one password another hash each time, and shows none of them", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const [a, b] = [yield* hasher.hash(password), yield* hasher.hash(password)]
      assert.notStrictEqual(Redacted.value(a), Redacted.value(b))
      assert.notInclude(Redacted.value(a), "horse")
      assert.notInclude(JSON.stringify({ a }), "scrypt")
    }).pipe(Effect.provide(Testing))
  )

  it.effect("checks a hash by the figures it names, whatever new ones cost", () =>
    Effect.gen(function* () {
      const hash = yield* Effect.flatMap(PasswordHasher, (hasher) => hasher.hash(password)).pipe(
        Effect.provide(
          PasswordHasher.layerCost({ logN: 5, r: 2, p: 2 }).pipe(Layer.provide(SecureRandom.layerWebCrypto))
        )
      )
      assert.match(Redacted.value(hash), /^\$scrypt\$ln=5,r=2,p=2\$/)
      assert.isTrue(yield* (yield* PasswordHasher).verify(password, hash))
    }).pipe(Effect.provide(Testing))
  )

  it.effect("refuses a hash that is none", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      for (const text of ["", "correct horse", "$scrypt$ln=4,r=1,p=1$!$!", "$2b$10$abcdefghijklmnopqrstuv"]) {
        assert.isFalse(yield* hasher.verify(password, Redacted.make(text)))
      }
    }).pipe(Effect.provide(Testing))
  )

  it.live("hashes by the figures that OWASP recommends unless told otherwise", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(costs.standard, { logN: 17, r: 8, p: 1 })
      const hasher = yield* PasswordHasher
      const hash = yield* hasher.hash(password)
      assert.match(Redacted.value(hash), /^\$scrypt\$ln=17,r=8,p=1\$/)
      assert.isTrue(yield* hasher.verify(password, hash))
    }).pipe(Effect.provide(PasswordHasher.layer.pipe(Layer.provide(SecureRandom.layerWebCrypto))))
  )
})
