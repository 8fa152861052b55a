import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { ask, loginPath, respelled, root, withApps } from "../support.ts"
import { hs256, rs256, secret, token } from "./tokens.ts"

type Provider = NonNullable<App.ProviderOptions["customToken"]>

const appWith = (customToken: Provider) => App.make({ id: "my-app", providers: { customToken } })
const withSecret = (more: Partial<Omit<Provider, "jwksUrl">> = {}) =>
  appWith({ algorithm: "HS256", keys: [Redacted.make(secret)], ...more })

const pair = () => generateKeyPairSync("rsa", { modulusLength: 2048 })
const issuer = pair()
const stranger = pair()
const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString()

const good = { sub: "external-1", aud: "my-app", exp: 1800 }

const logIn = (jwt: string) => ask("POST", loginPath("my-app", "custom-token"), { body: { token: jwt } })

/** The status of a login that fails, and the reason, which is only in the server's log, without the token. */
const failure = (jwt: string) => {
  const lines: Array<string> = []
  const ids: Array<unknown> = []
  const logger = Logger.make((options) => {
    lines.push(String(options.message))
    ids.push(Logger.formatStructured.log(options).annotations["logId"])
  })
  return logIn(jwt).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
    Effect.map(({ body, link, status }) => {
      assert.strictEqual(link?.split("co_id=")[1], ids[0])
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      if (jwt.length > 8) assert.notInclude(lines[0], jwt)
      const [, reason = ""] = /^custom-token: (?:rejected a login: )?(.*)$/.exec(lines[0] ?? "") ?? []
      return { status, body, reason }
    })
  )
}

/** The reason for rejecting a token. */
const refusal = (jwt: string) =>
  Effect.map(failure(jwt), ({ body, reason, status }) => {
    assert.deepStrictEqual([status, body], [401, { error: "unauthorized", error_code: "AuthError" }])
    return reason
  })

/** The reason for not knowing whether a token is valid. */
const outage = (jwt: string) =>
  Effect.map(failure(jwt), ({ body, reason, status }) => {
    const error = "the identity provider does not respond as expected at the moment: try again later"
    assert.deepStrictEqual([status, body], [503, { error }])
    return reason
  })

const profile = (accessToken: string) =>
  Effect.map(
    ask("GET", `${root}/auth/profile`, { token: accessToken }),
    ({ text }) => JSON.parse(text) as { data: Record<string, unknown>; identities: Array<Record<string, unknown>> }
  )

describe("a custom token", () => {
  it.effect("logs its subject in, the same user each time", () =>
    Effect.gen(function* () {
      const first = yield* logIn(hs256(good))
      assert.strictEqual(first.status, 200)
      const second = yield* logIn(hs256({ ...good, iat: 0, nbf: 0 }))
      assert.strictEqual(second.body["user_id"], first.body["user_id"])
      const other = yield* logIn(hs256({ ...good, sub: "external-2" }))
      assert.notStrictEqual(other.body["user_id"], first.body["user_id"])
      const { data, identities } = yield* profile(first.body["access_token"])
      assert.deepStrictEqual(data, {})
      assert.deepInclude(identities[0], { id: "external-1", provider_type: "custom-token" })
    }).pipe(withApps(withSecret()))
  )

  it.effect("is accepted if one of three keys signed it, and rejected otherwise", () =>
    Effect.gen(function* () {
      const [a, b, c, d] = ["a", "b", "c", "d"].map((letter) => letter.repeat(32))
      for (const key of [a, b, c]) assert.strictEqual((yield* logIn(hs256(good, key))).status, 200)
      assert.strictEqual(yield* refusal(hs256(good, d)), "the token's signature is invalid")
      assert.strictEqual(yield* refusal(hs256({ ...good, exp: -1 }, b)), "the token has expired")
    }).pipe(withApps(appWith({ algorithm: "HS256", keys: ["a".repeat(32), "b".repeat(32), "c".repeat(32)] })))
  )

  it.effect("is good from nbf and iat until exp, by the clock", () =>
    Effect.gen(function* () {
      const jwt = hs256({ ...good, nbf: 60, exp: 120 })
      const issuedLater = hs256({ ...good, iat: 60, exp: 120 })
      assert.strictEqual(yield* refusal(jwt), "the token is not valid yet")
      assert.strictEqual(yield* refusal(issuedLater), "the token is not valid yet")
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual((yield* logIn(jwt)).status, 200)
      assert.strictEqual((yield* logIn(issuedLater)).status, 200)
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(yield* refusal(jwt), "the token has expired")
    }).pipe(withApps(withSecret()))
  )

  it.effect("is rejected if claims are missing or malformed", () =>
    Effect.gen(function* () {
      const claims = 'the token needs a string "sub" and a number "exp"'
      const { exp: _exp, ...noExp } = good
      const { sub: _sub, ...noSub } = good
      for (const bad of [
        noExp,
        noSub,
        { ...good, exp: "1800" },
        { ...good, exp: null },
        { ...good, sub: "" },
        { ...good, sub: 5 },
        { ...good, sub: null },
        { ...good, nbf: "0" },
        { ...good, iat: "0" }
      ]) {
        assert.strictEqual(yield* refusal(hs256(bad)), claims, JSON.stringify(bad))
      }
      for (const bad of ["", "a", "a.b", "a.b.c", "..", hs256(good).replaceAll(".", " "), `${hs256(good)}.x`]) {
        assert.strictEqual(yield* refusal(bad), "the token is malformed", bad)
      }
      const missing = yield* ask("POST", loginPath("my-app", "custom-token"), { body: { token: 5 } })
      assert.deepStrictEqual(
        [missing.status, missing.body],
        [400, { error: "'token' is a required string", error_code: "MissingParameter" }]
      )
    }).pipe(withApps(withSecret()))
  )

  it.effect("is rejected in another spelling", () =>
    Effect.gen(function* () {
      const jwt = hs256(good)
      for (const token of respelled(jwt)) {
        assert.strictEqual(yield* refusal(token), "the token is malformed", JSON.stringify(token))
      }
      assert.strictEqual((yield* logIn(jwt)).status, 200)
    }).pipe(withApps(withSecret()))
  )

  it.effect("larger than a million characters is not even looked at", () =>
    Effect.gen(function* () {
      const jwt = hs256({ ...good, filler: "x".repeat(750_000) })
      assert.isAbove(jwt.length, 1_000_000)
      assert.strictEqual(yield* refusal(jwt), "the token has more than 1000000 characters")
      assert.strictEqual((yield* logIn(hs256({ ...good, filler: "x".repeat(700_000) }))).status, 200)
    }).pipe(withApps(withSecret()))
  )

  it.effect("has no say in how it is checked", () =>
    Effect.gen(function* () {
      const nothing = () => Buffer.alloc(0)
      const algorithm = "the token's algorithm is not the configured one"
      const own = "the token contains a key or the URL of one"
      const jwk = { kty: "oct", k: Buffer.from("own key").toString("base64url") }
      for (const [jwt, why] of [
        [token({ alg: "none" }, good, nothing), algorithm],
        [token({ alg: "None" }, good, nothing), algorithm],
        [token({ alg: "NONE" }, good, nothing), algorithm],
        [token({ typ: "JWT" }, good, nothing), "the token is malformed"],
        [token({ alg: "HS256" }, good, nothing), "the token's signature is invalid"],
        [token({ alg: "HS512" }, good, (signed) => createHmac("sha512", secret).update(signed).digest()), algorithm],
        [rs256(good, stranger.privateKey), algorithm],
        [hs256(good, secret, { jku: "https://evil.test/keys" }), own],
        [hs256(good, secret, { x5u: "https://evil.test/cert" }), own],
        [hs256(good, "own key", { jwk }), own],
        [hs256(good, secret, { crit: ["exp"] }), "the token is malformed"],
        [hs256(good, secret, { b64: false, crit: ["b64"] }), "the token is malformed"],
        [hs256(good, `${secret} `), "the token's signature is invalid"]
      ] as const) {
        assert.strictEqual(yield* refusal(jwt), why, jwt)
      }
      const [head, payload, tag] = hs256(good).split(".")
      const forged = Buffer.from(JSON.stringify({ ...good, sub: "admin" })).toString("base64url")
      assert.strictEqual(yield* refusal(`${head}.${forged}.${tag}`), "the token's signature is invalid")
      assert.strictEqual((yield* logIn(`${head}.${payload}.${tag}`)).status, 200)
    }).pipe(withApps(withSecret()))
  )

  it.effect("is rejected if it is signed with the public key as a secret", () =>
    Effect.gen(function* () {
      const text = pem(issuer.publicKey)
      assert.strictEqual((yield* logIn(rs256(good, issuer.privateKey))).status, 200)
      for (const key of [text, text.trim(), text.replaceAll("\n", "")]) {
        assert.strictEqual(yield* refusal(hs256(good, key)), "the token's algorithm is not the configured one")
      }
      const ps256 = token({ alg: "PS256" }, good, (signed) =>
        sign("sha256", Buffer.from(signed), { key: issuer.privateKey, padding: 6 })
      )
      assert.strictEqual(yield* refusal(ps256), "the token's algorithm is not the configured one")
      assert.strictEqual(yield* refusal(rs256(good, stranger.privateKey)), "the token's signature is invalid")
    }).pipe(withApps(appWith({ algorithm: "RS256", keys: [pem(issuer.publicKey)] })))
  )

  it.effect("requires the application's id as its audience by default", () =>
    Effect.gen(function* () {
      const wrong = "the token is meant for another audience"
      for (const aud of [["my-app"], ["x", "my-app"]]) {
        assert.strictEqual((yield* logIn(hs256({ ...good, aud }))).status, 200)
      }
      const { aud: _aud, ...none } = good
      assert.strictEqual(yield* refusal(hs256(none)), wrong)
      for (const aud of ["other-app", "", [], ["other"], "my-app2", { "my-app": true }, [["my-app"]]]) {
        assert.strictEqual(yield* refusal(hs256({ ...good, aud })), wrong, JSON.stringify(aud))
      }
    }).pipe(withApps(withSecret()))
  )

  it.effect("needs every configured audience, or any where one is enough", () =>
    Effect.gen(function* () {
      const statuses = (audience: string | ReadonlyArray<string>, requireAnyAudience: boolean) =>
        Effect.forEach(["my-app", "a", ["a", "b"], ["b", "c"]], (aud) =>
          Effect.map(logIn(hs256({ ...good, aud })), ({ status }) => status)
        ).pipe(withApps(withSecret({ audience, requireAnyAudience })))
      assert.deepStrictEqual(yield* statuses("a", false), [401, 200, 200, 401])
      assert.deepStrictEqual(yield* statuses(["a", "b"], false), [401, 401, 200, 401])
      assert.deepStrictEqual(yield* statuses(["a", "b"], true), [401, 200, 200, 200])
    })
  )

  it.effect("tells about its user at each login", () =>
    Effect.gen(function* () {
      const claims = { ...good, email: "a@b.c", user: { name: "Ada", "a.b": [1] }, "x.y": true, count: 0 }
      const first = yield* logIn(hs256(claims))
      assert.deepStrictEqual((yield* profile(first.body["access_token"])).data, {
        email: "a@b.c",
        firstName: "Ada",
        list: [1],
        "x.y": true,
        count: 0
      })
      yield* logIn(hs256({ ...claims, email: "new@b.c", count: undefined }))
      assert.deepStrictEqual((yield* profile(first.body["access_token"])).data, {
        email: "new@b.c",
        firstName: "Ada",
        list: [1],
        "x.y": true
      })
      const { email: _email, ...rest } = claims
      assert.strictEqual(yield* refusal(hs256(rest)), 'the token has no claim for "email"')
      assert.strictEqual(yield* refusal(hs256({ ...claims, email: null })), 'the token has no claim for "email"')
      for (const email of ["x".repeat(4097), ["x".repeat(4097)]]) {
        assert.strictEqual(
          yield* refusal(hs256({ ...claims, email })),
          'the token\'s claim for "email" has more than 4096 characters'
        )
      }
      assert.strictEqual((yield* logIn(hs256({ ...claims, user: {} }))).status, 200)
    }).pipe(
      withApps(
        withSecret({
          metadataFields: [
            { name: "email", required: true },
            { name: "user.name", fieldName: "firstName" },
            { name: "user.a\\.b", fieldName: "list" },
            { name: "x\\.y", fieldName: "x.y" },
            { name: "count" },
            { name: "constructor.name", fieldName: "none" }
          ]
        })
      )
    )
  )
})

describe("a claim that every object has", () => {
  it.effect("is not one that the token makes", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(hs256(good)), 'the token has no claim for "toString"')
      assert.strictEqual((yield* logIn(hs256({ ...good, toString: "mine" }))).status, 200)
    }).pipe(withApps(withSecret({ metadataFields: [{ name: "toString", required: true }] })))
  )
})

describe("published keys", () => {
  const url = "https://issuer.test/keys"
  const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" })

  /** An issuer that publishes what `answer` says, and counts how often it is asked. */
  const issuing = (answer: () => Response | Promise<Response>) => {
    const asked: Array<string> = []
    const fetch: typeof globalThis.fetch = (input) => {
      asked.push(input instanceof Request ? input.url : String(input))
      return Promise.resolve(answer())
    }
    return { asked, published: Effect.provideService(FetchHttpClient.Fetch, fetch) }
  }
  const keys = (...keys: ReadonlyArray<object>) => Response.json({ keys })
  const app = appWith({ jwksUrl: url })
  const known = (kid: string) => rs256(good, issuer.privateKey, { kid })

  it.effect("fetches them once for concurrent logins, and again after ten minutes", () => {
    const { asked, published } = issuing(() => keys(jwk(issuer.publicKey, "k1"), jwk(stranger.publicKey, "k2")))
    return Effect.gen(function* () {
      const answers = yield* Effect.forEach([1, 2, 3, 4], () => logIn(known("k1")), { concurrency: 4 })
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200]
      )
      assert.deepStrictEqual(asked, [url])
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual((yield* logIn(known("k1"))).status, 200)
      assert.strictEqual(asked.length, 1)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* logIn(known("k1"))).status, 200)
      assert.strictEqual(asked.length, 2)
    }).pipe(published, withApps(app))
  })

  it.effect("fetches them again when a token names an unknown key, but not for every such token", () => {
    const set = [jwk(stranger.publicKey, "old")]
    const { asked, published } = issuing(() => keys(...set))
    return Effect.gen(function* () {
      assert.strictEqual(yield* refusal(known("new")), "the token's key is not one of the issuer's keys")
      for (let i = 0; i < 5; i++) yield* refusal(known(`guess-${i}`))
      assert.strictEqual(asked.length, 1)
      set.push(jwk(issuer.publicKey, "new"))
      yield* refusal(known("new"))
      assert.strictEqual(asked.length, 1)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* logIn(known("new"))).status, 200)
      assert.strictEqual(asked.length, 2)
    }).pipe(published, withApps(app))
  })

  it.effect("check the token that names them, by RS256 alone", () => {
    const text = pem(issuer.publicKey)
    const { published } = issuing(() =>
      keys(
        jwk(issuer.publicKey, "k1"),
        jwk(stranger.publicKey, "k2"),
        { ...jwk(issuer.publicKey, "enc"), use: "enc" },
        { kty: "oct", k: Buffer.from(secret).toString("base64url"), kid: "oct" },
        issuer.privateKey.export({ format: "jwk" })
      )
    )
    return Effect.gen(function* () {
      const algorithm = "the token's algorithm is not the configured one"
      const none = "the token's key is not one of the issuer's keys"
      for (const [jwt, why] of [
        [rs256(good, issuer.privateKey, { kid: "k2" }), "the token's signature is invalid"],
        [rs256(good, stranger.privateKey, { kid: "k1" }), "the token's signature is invalid"],
        [rs256(good, issuer.privateKey), none],
        [rs256(good, issuer.privateKey, { kid: "enc" }), none],
        [hs256(good, secret, { kid: "oct" }), algorithm],
        [hs256(good, text, { kid: "k1" }), algorithm],
        [token({ alg: "none", kid: "k1" }, good, () => Buffer.alloc(0)), algorithm],
        [rs256(good, stranger.privateKey, { kid: "k1", jku: url }), "the token contains a key or the URL of one"],
        [
          rs256(good, stranger.privateKey, { kid: "k1", jwk: jwk(stranger.publicKey, "k1") }),
          "the token contains a key or the URL of one"
        ]
      ] as const) {
        assert.strictEqual(yield* refusal(jwt), why)
      }
      assert.strictEqual((yield* logIn(known("k1"))).status, 200)
    }).pipe(published, withApps(app))
  })

  it.effect("requires a token to name the key even if there is only one", () => {
    const { published } = issuing(() => keys(jwk(issuer.publicKey, "k1")))
    return Effect.gen(function* () {
      assert.strictEqual(
        yield* refusal(rs256(good, issuer.privateKey)),
        "the token's key is not one of the issuer's keys"
      )
      assert.strictEqual((yield* logIn(known("k1"))).status, 200)
    }).pipe(published, withApps(app))
  })

  it.effect("fails every login for now while they cannot be fetched", () => {
    let answer: () => Response | Promise<Response> = () => new Response("no", { status: 503 })
    const { published } = issuing(() => answer())
    return Effect.gen(function* () {
      assert.strictEqual(yield* outage(known("k1")), "the issuer's keys cannot be fetched: status 503")
      answer = () => Promise.reject(new TypeError("fetch failed"))
      assert.strictEqual(yield* outage(known("k1")), "the issuer's keys cannot be fetched: TransportError")
      answer = () => new Response("<html>")
      assert.strictEqual(yield* outage(known("k1")), "the issuer's keys cannot be fetched: the answer is not JSON")
      for (const body of [{}, [], { keys: {} }, { keys: [5] }, null]) {
        answer = () => Response.json(body)
        assert.strictEqual(
          yield* outage(known("k1")),
          "the issuer's keys cannot be fetched: the answer is not a JSON Web Key Set"
        )
      }
      answer = () => keys(jwk(issuer.publicKey, "k1"))
      assert.strictEqual((yield* logIn(known("k1"))).status, 200)
    }).pipe(published, withApps(app))
  })

  it.effect("asks a host that is away once for concurrent logins", () => {
    const { asked, published } = issuing(() => Promise.reject(new TypeError("fetch failed")))
    return Effect.gen(function* () {
      const refused = yield* Effect.forEach([1, 2, 3, 4], () => logIn(known("k1")), { concurrency: 4 })
      assert.deepStrictEqual(
        refused.map(({ status }) => status),
        [503, 503, 503, 503]
      )
      assert.strictEqual(asked.length, 1)
    }).pipe(Effect.provideService(Logger.CurrentLoggers, new Set()), published, withApps(app))
  })

  it.effect("reads at most a mebibyte of an answer", () => {
    const { published } = issuing(() => Response.json({ keys: [], filler: "x".repeat(2 ** 20) }))
    return Effect.gen(function* () {
      assert.strictEqual(
        yield* outage(known("k1")),
        "the issuer's keys cannot be fetched: the answer is larger than 1 MiB"
      )
    }).pipe(published, withApps(app))
  })

  it.effect("waits for them for ten seconds", () => {
    const asked = Deferred.makeUnsafe<void>()
    const { published } = issuing(() => {
      Deferred.doneUnsafe(asked, Effect.void)
      return new Promise(() => {})
    })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(outage(known("k1")))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "the issuer's keys cannot be fetched: no answer")
    }).pipe(published, withApps(app))
  })
})

describe("the provider custom-token", () => {
  it("refuses keys that no token could be checked with, and does not repeat a key", () => {
    const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey
    for (const [options, message] of [
      [{ algorithm: "HS256", keys: [] }, /one to three signing keys/],
      [{ algorithm: "HS256", keys: Array.from({ length: 4 }, () => secret) }, /one to three signing keys/],
      [{ algorithm: "HS256", keys: ["k".repeat(31)] }, /signing key 1 is invalid: expected 32 to 512 characters/],
      [
        { algorithm: "HS256", keys: [secret, "k".repeat(513)] },
        /signing key 2 is invalid: expected 32 to 512 characters/
      ],
      [{ algorithm: "RS256", keys: ["kkkkkkkkkkkk"] }, /signing key 1 is not an RSA public key/],
      [{ algorithm: "RS256", keys: [pem(small)] }, /signing key 1 is not an RSA public key/],
      [{ algorithm: "RS256", keys: [pem(curve)] }, /signing key 1 is not an RSA public key/],
      [{ jwksUrl: "issuer.test/keys" }, /expected an http or https URL/],
      [{ jwksUrl: "file:///etc/passwd" }, /expected an http or https URL/],
      [{ jwksUrl: "https://x.test", metadataFields: [{ name: "" }] }, /metadata field ""/],
      [{ jwksUrl: "https://x.test", metadataFields: [{ name: "x".repeat(64) }] }, /1 to 63 characters/]
    ] as ReadonlyArray<[Provider, RegExp]>) {
      assert.throws(() => appWith(options), message)
      assert.throws(() => appWith(options), /^(?!.*kkkkkkkk)/)
    }
  })
})
