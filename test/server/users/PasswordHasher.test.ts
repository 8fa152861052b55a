import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { costs, noPassword, PasswordHasher, problemOf } from "../../../src/server/users/PasswordHasher.ts"
import { scryptSync } from "node:crypto"

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
      assert.match(Redacted.value(hash), /^\$scrypt\$v=2\$ln=5,r=2,p=2\$/)
      assert.isTrue(yield* (yield* PasswordHasher).verify(password, hash))
    }).pipe(Effect.provide(Testing))
  )

  it.effect("rejects an invalid hash", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const rest = `${"A".repeat(22)}$${"A".repeat(43)}`
      const others = {
        "": /expected a hash of the form/,
        "correct horse": /expected a hash of the form/,
        "$scrypt$ln=4,r=1,p=1$!$!": /expected a hash of the form/,
        "$scrypt$ln=4,r=1,p=1$AAAA$AAAA": /expected a hash of the form/,
        [`$scrypt$ln=30,r=8,p=1$${rest}`]: /expected a hash of the form/,
        [`$scrypt$ln=16,r=1,p=1$${rest}`]: /expected a hash of the form/,
        [`$scrypt$ln=4,r=1,p=99$${rest}`]: /expected a hash of the form/,
        [`$scrypt$v=3$ln=4,r=1,p=1$${rest}`]: /expected a hash of the form/,
        $2b$10$abcdefghijklmnopqrstuv: /is a hash by bcrypt/,
        "$argon2id$v=19$m=65536": /is a hash by Argon2/
      }
      for (const [text, problem] of Object.entries(others)) {
        assert.isFalse(yield* hasher.verify(password, Redacted.make(text)), text)
        assert.match(problemOf(Redacted.make(text)) ?? "", problem, text)
      }
      assert.isFalse(yield* hasher.verify(Redacted.make("*"), noPassword))
      assert.isUndefined(problemOf(Redacted.make(`$scrypt$ln=4,r=1,p=1$${rest}`)))
    }).pipe(Effect.provide(Testing))
  )

  it.effect("tells a password from one with zero bytes behind it, and a long one from its digest", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const long = "correct horse battery staple ".repeat(4)
      // scrypt's HMAC fills a key up with zero bytes, and takes the digest of one that is long
      const passwords = [
        "password1",
        "password1\0",
        "password1\0\0",
        "\0\0\0\0\0\0",
        "\0".repeat(7),
        "",
        long,
        long.trim()
      ]
      for (const password of passwords) {
        const hash = yield* hasher.hash(Redacted.make(password))
        for (const other of passwords) {
          assert.strictEqual(
            yield* hasher.verify(Redacted.make(other), hash),
            other === password,
            JSON.stringify(other)
          )
        }
      }
    }).pipe(Effect.provide(Testing))
  )

  it.effect("checks hashes that earlier versions of this server made", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const made = "$scrypt$ln=4,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
      const hash = scryptSync("correct horse", "0123456789abcdef", 32, { N: 16, r: 1, p: 1 }).toString("base64")
      const stored = Redacted.make(`${made}${hash.replace("=", "")}`)
      assert.isTrue(yield* hasher.verify(password, stored))
      assert.isFalse(yield* hasher.verify(Redacted.make("correct horsf"), stored))
    }).pipe(Effect.provide(Testing))
  )

  it.effect("checks what another scrypt made, with padding and without", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      const salt = Buffer.from("0123456789abcdef")
      const hash = scryptSync("correct horse", salt, 32, { N: 1024, r: 4, p: 2 })
      const [paddedSalt, paddedHash] = [salt.toString("base64"), hash.toString("base64")]
      for (const rest of [`${paddedSalt}$${paddedHash}`, `${paddedSalt}$${paddedHash}`.replaceAll("=", "")]) {
        assert.isTrue(yield* hasher.verify(password, Redacted.make(`$scrypt$ln=10,r=4,p=2$${rest}`)))
      }
      assert.match(
        Redacted.value(yield* hasher.hash(password)),
        /^\$scrypt\$v=2\$ln=4,r=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/
      )
    }).pipe(Effect.provide(Testing))
  )

  it.live("hashes with the parameters that OWASP recommends by default", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(costs.standard, { logN: 17, r: 8, p: 1 })
      const hasher = yield* PasswordHasher
      const hash = yield* hasher.hash(password)
      assert.match(Redacted.value(hash), /^\$scrypt\$v=2\$ln=17,r=8,p=1\$/)
      assert.isTrue(yield* hasher.verify(password, hash))
    }).pipe(Effect.provide(PasswordHasher.layer.pipe(Layer.provide(SecureRandom.layerWebCrypto))))
  )
})
