import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as jose from "jose"
import { createHash, generateKeyPairSync } from "node:crypto"
import { call, result } from "./support.ts"

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })
const curves = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" } as const
const pemOf = (pair: ReturnType<typeof generateKeyPairSync>) => ({
  privatePem: String(pair.privateKey.export({ type: "pkcs8", format: "pem" })),
  publicPem: String(pair.publicKey.export({ type: "spki", format: "pem" }))
})
const rsaPem = pemOf(rsa)

/** The text of the error that these sources answer. */
const problem = (source: string, args: ReadonlyArray<unknown> = []) =>
  Effect.map(call(`exports = (...args) => ${source}`, args), ({ body, status }) => {
    assert.strictEqual(status, 400)
    return body["error"]
  })

describe("utils.crypto", () => {
  it.effect("makes the hashes and signatures that are known of a text", () =>
    Effect.gen(function* () {
      const value = yield* result(`exports = () => [
        utils.crypto.hash("sha256", "hello!").toBase64(),
        utils.crypto.hash("sha1", "abc").toHex(),
        utils.crypto.hash("md5", BSON.Binary.fromText("abc")).toHex(),
        utils.crypto.hmac("hello!", "super-secret", "sha256", "base64"),
        utils.crypto.hmac("what do ya want for nothing?", "Jefe", "sha512", "hex").slice(0, 16),
        utils.crypto.hmac("what do ya want for nothing?", "Jefe", "sha1", "hex")
      ]`)
      assert.deepStrictEqual(value, [
        "zgYJL7lI2f+sfRo3bkBLJrdXW8wR7gWkYV/vT+w6MIs=",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
        "900150983cd24fb0d6963f7d28e17f72",
        "SUXd6PRMaTXXgBGaGsIHzaDWgTSa6C3D44lRGrvRak0=",
        "164b7a7bfcf819e2",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
      ])
    })
  )

  it.effect("returns hashes as binaries", () =>
    Effect.map(result(`exports = () => utils.crypto.hash("sha256", "a")`), (value) =>
      assert.deepStrictEqual(value, {
        $binary: { base64: createHash("sha256").update("a").digest("base64"), subType: "00" }
      })
    )
  )

  it.effect("decrypts what the hosted service encrypted, and what it encrypts itself with keys of each length", () =>
    Effect.gen(function* () {
      const value = yield* result(`exports = () => {
        const key = "603082712271C525E087BD999A4E0738"
        const known = BSON.Binary.fromBase64("WPBuIvJ6Bity43Uh822dW8QlVYVJaFUiDeUjlTiJXzptUuTYIKPlXekBQAJb")
        const again = [16, 24, 32].map((n) => {
          const encrypted = utils.crypto.encrypt("aes", "Grüße", key.slice(0, n))
          return utils.crypto.decrypt("aes", encrypted, key.slice(0, n)).text()
        })
        const [a, b] = [1, 2].map(() => utils.crypto.encrypt("aes", "same", key).toBase64())
        return [utils.crypto.decrypt("aes", known, key).text(), ...again, a === b]
      }`)
      assert.deepStrictEqual(value, ["MongoDB is great!", "Grüße", "Grüße", "Grüße", false])
    })
  )

  it.effect.each(["pss", "pkcs1v15", undefined])("signs and verifies with RSA, %s", (scheme) =>
    Effect.map(
      result(
        `exports = (privateKey, publicKey, scheme) => {
          const signature = utils.crypto.sign("rsa", "message", privateKey, scheme)
          return [
            utils.crypto.verify("rsa", "message", publicKey, signature, scheme),
            utils.crypto.verify("rsa", "massage", publicKey, signature, scheme),
            utils.crypto.verify("rsa", "message", publicKey, BSON.Binary.fromText("none"), scheme),
            utils.crypto.verify("rsa", "message", publicKey, signature, scheme === "pkcs1v15" ? "pss" : "pkcs1v15")
          ]
        }`,
        [
          String(rsa.privateKey.export({ type: "pkcs1", format: "pem" })),
          String(rsa.publicKey.export({ type: "pkcs1", format: "pem" })),
          scheme ?? { $undefined: true }
        ]
      ),
      (value) => assert.deepStrictEqual(value, [true, false, false, false])
    )
  )

  it.effect.each([
    ['utils.crypto.hash("crc", "a")', 'the hash function must be "sha1" or "sha256" or "sha512" or "md5"'],
    ['utils.crypto.hash("md5", {})', "the input must be a string or a BSON.Binary"],
    ['utils.crypto.hmac("a", "hunter2", "sha256", "binary")', 'the output format must be "base64" or "hex"'],
    ['utils.crypto.encrypt("des", "a", "hunter2")', 'the type of encryption must be "aes"'],
    ['utils.crypto.encrypt("aes", "a", "hunter2")', "the key must be 16, 24 or 32 bytes long"],
    ['utils.crypto.decrypt("aes", "a", "hunter2hunter2hu")', "the encrypted message must be a BSON.Binary"],
    [
      'utils.crypto.decrypt("aes", BSON.Binary.fromText("a".repeat(40)), "hunter2hunter2hu")',
      "the message was not encrypted with this key"
    ],
    ['utils.crypto.sign("rsa", "a", "hunter2")', "the private key must be an RSA key in PEM"],
    ['utils.crypto.verify("rsa", "a", "hunter2", BSON.Binary.fromText("a"))', "the public key must be an RSA key"]
  ])("refuses %s in words that hold no key", ([source, text]) =>
    Effect.map(problem(source), (error) => {
      assert.include(error, text)
      assert.notInclude(error, "hunter2")
    })
  )
})

describe("utils.jwt", () => {
  const claims = { sub: "1234567890", name: "Joe Schmoe", iat: 1565721223187 }
  const hosted =
    "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvZSBTY2htb2UiLCJpYXQiOjE1NjU3MjEyMjMxODd9.-QL15ldu2BYuJokNWT6YRiwZQIiIpvq6Kyv-C6qslNdNiUVxo8zqLJZ1iEkNf2yZKMIrQuMCtIC1tzd2H31AxA"

  it.effect("writes and reads the very tokens of the hosted service", () =>
    Effect.gen(function* () {
      const source = `exports = (token, claims) => [
        utils.jwt.encode("HS512", claims, "SuperSecret") === token,
        JSON.stringify(utils.jwt.decode(token, "SuperSecret", false, ["HS512"])),
        JSON.stringify(utils.jwt.decode(token, "SuperSecret", true)),
        utils.jwt.decode(token, "SuperSecret") instanceof Object
      ]`
      const header = { alg: "HS512", typ: "JWT" }
      assert.deepStrictEqual(yield* result(source, [hosted, claims]), [
        true,
        JSON.stringify(claims),
        JSON.stringify({ header, payload: claims }),
        true
      ])
    })
  )

  it.effect.each(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"] as const)(
    "signs and verifies %s as others do",
    (method) =>
      Effect.gen(function* () {
        const { privatePem, publicPem } =
          method in curves
            ? pemOf(generateKeyPairSync("ec", { namedCurve: curves[method as keyof typeof curves] }))
            : rsaPem
        const theirs = yield* Effect.promise(async () =>
          new jose.SignJWT({ sub: "them" })
            .setProtectedHeader({ alg: method })
            .sign(await jose.importPKCS8(privatePem, method))
        )
        const [ours, sub] = (yield* result(
          `exports = (method, privateKey, publicKey, theirs) => [
            utils.jwt.encode(method, { sub: "us" }, privateKey, { kid: "k" }),
            utils.jwt.decode(theirs, publicKey, false, [method]).sub
          ]`,
          [method, privatePem, publicPem, theirs]
        )) as [string, string]
        assert.strictEqual(sub, "them")
        const { payload, protectedHeader } = yield* Effect.promise(async () =>
          jose.jwtVerify(ours, await jose.importSPKI(publicPem, method))
        )
        assert.strictEqual(payload.sub, "us")
        assert.strictEqual(protectedHeader.kid, "k")
      })
  )

  it.effect("signs HMAC with 256 and 384 bits too", () =>
    Effect.gen(function* () {
      for (const method of ["HS256", "HS384"]) {
        const token = (yield* result(`exports = (m) => utils.jwt.encode(m, { a: 1 }, "hush".repeat(20))`, [
          method
        ])) as string
        const key = new TextEncoder().encode("hush".repeat(20))
        const { payload } = yield* Effect.promise(() => jose.jwtVerify(token, key, { algorithms: [method] }))
        assert.strictEqual(payload["a"], 1)
      }
    })
  )

  const sign = (claims: object, secret = "SuperSecret") =>
    Effect.promise(() =>
      new jose.SignJWT({ ...claims }).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret))
    )

  it.effect("refuses what is forged, expired, not valid yet, or signed in another way than accepted", () =>
    Effect.gen(function* () {
      const token = yield* sign({})
      const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`
      const cases = [
        [token, "hunter2", [], /the signature is invalid/],
        [`${token}x`, "SuperSecret", [], /the signature is invalid/],
        [yield* sign({ exp: 1 }), "SuperSecret", [], /the token is expired/],
        [yield* sign({ nbf: 4_000_000_000 }), "SuperSecret", [], /not valid yet/],
        [token, "SuperSecret", [false, ["HS512"]], /signing method of the token is not accepted/],
        [none, "SuperSecret", [], /the signing method of the token is not one of HS256/],
        // signed with the public key, as if that were a secret
        [yield* sign({}, rsaPem.publicPem), rsaPem.publicPem, [], /the key is not one for the signing method/],
        ["a.b", "SuperSecret", [], /malformed/],
        ["e30.!.e30", "SuperSecret", [], /malformed/]
      ] as const
      for (const [given, key, more, text] of cases) {
        const error = yield* problem("utils.jwt.decode(...args)", [given, key, ...more])
        assert.match(error, text)
        assert.notInclude(error, key)
      }
    })
  )

  it.effect("rejects signing with a key of another kind", () =>
    Effect.gen(function* () {
      const encode = (...args: ReadonlyArray<unknown>) => problem("utils.jwt.encode(...args)", args)
      assert.match(yield* encode("none", {}, "hunter2"), /must be one of HS256, HS384/)
      assert.match(yield* encode("HS256", "text", "hunter2"), /the payload must be an object/)
      assert.match(yield* encode("HS256", {}, ""), /the secret must be a string/)
      assert.match(yield* encode("RS256", {}, "hunter2"), /RS256 needs an RSA private key in PEM$/)
      assert.match(yield* encode("ES256", {}, rsaPem.privatePem), /ES256 needs a private key of the curve prime256v1/)
    })
  )
})
