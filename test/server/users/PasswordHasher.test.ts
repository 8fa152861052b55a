import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { costs, noPassword, PasswordHasher, problemOf } from "../../../src/server/users/PasswordHasher.ts"
import { scryptSync } from "node:crypto"
import type { Worker } from "node:worker_threads"

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

  it.live("answers that an empty password is wrong for a hash of another system", () =>
    Effect.gen(function* () {
      const hasher = yield* PasswordHasher
      for (const hash of [
        "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
        `$argon2id$v=19$m=64,t=1,p=1$${"A".repeat(22)}$${"A".repeat(22)}`,
        `pbkdf2_sha256$1$saltsaltsalt$${"A".repeat(43)}`
      ]) {
        assert.isFalse(yield* hasher.verify(Redacted.make(""), Redacted.make(hash)), hash)
      }
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
      const unsupported = /^is a hash by scrypt with parameters that are not supported: expected at most 1 GiB/
      const others = {
        "": /^is not a hash that is known: expected one by/,
        "correct horse": /^is not a hash that is known/,
        "$scrypt$ln=4,r=1,p=1$!$!": /^has a salt that is not of 8 to 128 bytes/,
        "$scrypt$ln=4,r=1,p=1$AAAA$AAAA": /^has a salt that is not of 8 to 128 bytes/,
        [`$scrypt$ln=4,r=1,p=1$${"A".repeat(22)}$AAAA`]: /^has a hash that is not of 16 to 128 bytes/,
        [`$scrypt$ln=30,r=8,p=1$${rest}`]: unsupported,
        [`$scrypt$ln=16,r=1,p=1$${rest}`]: unsupported,
        [`$scrypt$ln=4,r=1,p=99$${rest}`]: unsupported,
        [`$scrypt$v=3$ln=4,r=1,p=1$${rest}`]: /^is not of the form \$scrypt\$ln=17/,
        $2b$10$abcdefghijklmnopqrstuv: /^is not of the form \$2b\$12\$ with 53 characters/,
        [`$2b$15$${"a".repeat(53)}`]: /of cost 15: expected 4 to 14$/,
        [`$2x$10$${"a".repeat(53)}`]: /of the revision \$2x\$/,
        "$argon2id$v=19$m=65536": /^is not of the form \$argon2id/,
        [`$argon2id$v=16$m=64,t=1,p=1$${rest}`]: /of version 16: expected v=19$/,
        [`$argon2id$v=19$m=999999,t=1,p=1$${rest}`]: /expected at most m=262144/,
        [`$argon2id$v=19$m=262144,t=5,p=1$${rest}`]: /expected at most m=262144, m \* t = 1048576/,
        [`$argon2id$v=19$m=64,t=1,p=17$${rest}`]: /and p=16$/,
        [`$argon2x$v=19$m=64,t=1,p=1$${rest}`]: /^is a hash by argon2x/,
        [`pbkdf2_sha256$9000000$salt1234$${"A".repeat(43)}`]: /of 9000000 iterations: expected at most 2000000$/,
        [`pbkdf2_sha224$1000$salt1234$${"A".repeat(43)}`]: /with sha224: expected sha1, sha256 or sha512$/,
        [`$firebase-scrypt$ln=14,r=8$${rest}$${rest}`]: /the signer key/,
        $6$salt$hash: /^is a hash by crypt of Unix/
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

  /** Made by other programs: libxcrypt, OpenSSL, the reference implementations of Argon2 and of Firebase. */
  const foreign: ReadonlyArray<readonly [password: string, hash: string]> = [
    ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
    ["correct horse", "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"],
    [`pässword ${"x".repeat(80)}`, "$2b$05$abcdefghijklmnopqrstuuaomsi8p4ldkJ//vh/Wi84Sb5SuB6UMi"],
    ["correct horse", "$2y$06$......................rpMA2TfAL137D2iU2jq2B.qFn6dPyrW"],
    ["password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"],
    ["password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"],
    ["correct horse", "pbkdf2_sha256$1000$sEasalt8$9JflfHSL20lXwCoZANpgHH6dJCyVrC/om1aB4hlIOag="],
    [
      "correct horse",
      "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa.ks4TP71JiecwuSZCG8iLbnlIEPOMoVX.i2B2wkSxjQ8CRGR9OkNGuIPMQ"
    ],
    ["correct horse", "$pbkdf2$1000$MDEyMzQ1Njc4OWFiY2RlZg$aUfE2vx5Q7zgbb0jx49AaNpXUQQ"],
    [
      "correct horse",
      "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg==$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M="
    ],
    [
      "user1password",
      "$firebase-scrypt$ln=14,r=8$42xEC+ixf3L2lw==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
    ]
  ]

  it.live(
    "verifies hashes by bcrypt, Argon2, PBKDF2 and Firebase that other programs made, and tells them from its own",
    () =>
      Effect.gen(function* () {
        const hasher = yield* PasswordHasher
        for (const [password, hash] of foreign) {
          assert.isUndefined(problemOf(Redacted.make(hash)), hash)
          assert.isTrue(yield* hasher.verify(Redacted.make(password), Redacted.make(hash)), hash)
          assert.isFalse(yield* hasher.verify(Redacted.make(`${password.slice(0, -99)}?`), Redacted.make(hash)), hash)
          assert.isFalse(hasher.isCurrent(Redacted.make(hash)), hash)
        }
        const own = yield* hasher.hash(password)
        assert.isTrue(hasher.isCurrent(own))
        assert.isFalse(
          hasher.isCurrent(Redacted.make(Redacted.value(own).replace("v=2$", ""))),
          "of an earlier version"
        )
        assert.isFalse(hasher.isCurrent(Redacted.make(Redacted.value(own).replace("ln=4", "ln=3"))), "of a lower cost")
      }).pipe(Effect.provide(Testing)),
    120_000
  )

  it.live(
    "stops a thread when the login is interrupted, and computes two hashes at a time",
    () =>
      Effect.gen(function* () {
        const hasher = yield* PasswordHasher
        const slow = Redacted.make(`$2b$14$${"a".repeat(22)}${"b".repeat(31)}`)
        const threads = { started: 0, ended: 0 }
        const onWorker = (worker: Worker) => {
          threads.started++
          worker.once("exit", () => threads.ended++)
        }
        process.on("worker", onWorker)
        const fibers = yield* Effect.forEach(Array.from({ length: 5 }), () =>
          Effect.forkChild(hasher.verify(password, slow), { startImmediately: true })
        )
        // others would start with these
        while (threads.started < 2) yield* Effect.sleep(1)
        yield* Effect.sleep(20)
        yield* Fiber.interruptAll(fibers)
        process.off("worker", onWorker)
        assert.deepStrictEqual(threads, { started: 2, ended: 2 })
        assert.isTrue(yield* hasher.verify(password, yield* hasher.hash(password)), "the slots are free again")
      }).pipe(Effect.provide(Testing)),
    120_000
  )
})
