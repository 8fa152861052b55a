import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import { createHmac, generateKeyPairSync } from "node:crypto"
import { client } from "../../support/issuer.ts"
import { logged, logIn, profile, refusal, registered, served, withIssuer } from "./oauthLogins.ts"
import { token } from "./tokens.ts"

const pair = () => generateKeyPairSync("rsa", { modulusLength: 2048 })

describe("an id token", () => {
  for (const site of ["google", "apple"] as const) {
    it.effect(`logs the subject of ${site} in, the same user each time`, () =>
      withIssuer((issuer) =>
        Effect.gen(function* () {
          const first = yield* logIn(site, { id_token: issuer.idToken(site) })
          assert.strictEqual(first.status, 200, first.text)
          const second = yield* logIn(site, { id_token: issuer.idToken(site), provider: `oauth2-${site}` })
          assert.strictEqual(second.body["user_id"], first.body["user_id"])
          issuer.person = { id: "person-2" }
          const other = yield* logIn(site, { id_token: issuer.idToken(site) })
          assert.notStrictEqual(other.body["user_id"], first.body["user_id"])
          const { identities } = yield* profile(first.body["access_token"])
          assert.deepInclude(identities[0], { id: "person-1", provider_type: `oauth2-${site}` })
          // the configuration and the keys of the issuer are fetched once
          assert.deepStrictEqual(issuer.requests, [
            `GET /${site}/.well-known/openid-configuration`,
            `GET /${site}/keys`
          ])
        }).pipe(served(issuer))
      )()
    )

    it.effect(`rejects one of ${site} unless the issuer signed it for this application`, () =>
      withIssuer((issuer) =>
        Effect.gen(function* () {
          const other = site === "google" ? "apple" : "google"
          const pem = issuer.publicKey.export({ type: "spki", format: "pem" }).toString()
          const { privateKey, publicKey } = pair()
          const good = { iss: issuer.urls[site], aud: client.id, sub: "person-1", exp: 3600 }
          const none = () => Buffer.alloc(0)
          const algorithm = "the token's algorithm is not the configured one"
          const audience = "the token is meant for another application"
          const own = "the token contains a key or the URL of one"
          const cases: ReadonlyArray<readonly [jwt: string, why: string]> = [
            [issuer.idToken(site, { aud: "client-2" }), audience],
            [issuer.idToken(site, { aud: [client.id, "client-2"] }), audience],
            [issuer.idToken(site, { aud: [] }), audience],
            [issuer.idToken(site, { aud: undefined }), audience],
            [issuer.idToken(site, { aud: { [client.id]: true } }), audience],
            [issuer.idToken(site, { iss: issuer.urls[other] }), "the token is of another issuer"],
            [issuer.idToken(site, { iss: undefined }), "the token is of another issuer"],
            [issuer.idToken(other), "the token is of another issuer"],
            [issuer.idToken(site, { exp: -61 }), "the token has expired"],
            [issuer.idToken(site, { exp: undefined }), 'the token needs a string "sub" and a number "exp"'],
            [issuer.idToken(site, { sub: "" }), 'the token needs a string "sub" and a number "exp"'],
            [issuer.idToken(site, { iat: 61 }), "the token is not valid yet"],
            [issuer.idToken(site, { nbf: 61 }), "the token is not valid yet"],
            [token({ alg: "none", kid: "key-1" }, good, none), algorithm],
            [token({ alg: "None", kid: "key-1" }, good, none), algorithm],
            [
              token({ alg: "HS256", kid: "key-1" }, good, (signed) =>
                createHmac("sha256", pem).update(signed).digest()
              ),
              algorithm
            ],
            [issuer.idToken(site, {}, {}, privateKey), "the token's signature is invalid"],
            [issuer.idToken(site, {}, { jwk: publicKey.export({ format: "jwk" }) }, privateKey), own],
            [issuer.idToken(site, {}, { jku: "https://evil.test/keys" }, privateKey), own],
            [issuer.idToken(site, {}, { kid: "key-2" }, privateKey), "the token's key is not one of the issuer's keys"],
            ["a.b", "the token is malformed"],
            [`${issuer.idToken(site)}=`, "the token is malformed"]
          ]
          for (const [jwt, why] of cases) assert.strictEqual(yield* refusal(site, { id_token: jwt }), why, jwt)
          assert.strictEqual((yield* logIn(site, { id_token: issuer.idToken(site) })).status, 200)
        }).pipe(served(issuer))
      )()
    )
  }

  it.effect("is accepted of an issuer whose clock is a minute off", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        for (const claims of [{ iat: 60 }, { nbf: 60 }, { exp: -59 }]) {
          assert.strictEqual((yield* logIn("google", { id_token: issuer.idToken("google", claims) })).status, 200)
        }
      }).pipe(served(issuer))
    )()
  )

  it.effect("is accepted for the other client ids that are listed", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const aud = (aud: unknown) => logIn("apple", { id_token: issuer.idToken("apple", { aud }) })
        for (const accepted of [client.id, "com.example.app", ["com.example.app"]]) {
          assert.strictEqual((yield* aud(accepted)).status, 200)
        }
        const rejected = yield* Effect.provideService(aud("com.example.other"), Logger.CurrentLoggers, new Set())
        assert.strictEqual(rejected.status, 401)
      }).pipe(served(issuer, { apple: { clientId: client.id, otherClientIds: ["com.example.app"] } }))
    )()
  )

  it.effect("is verified with a new key of the issuer, which is fetched at most once in half a minute", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const keys = () => issuer.requests.filter((it) => it === "GET /google/keys").length
        yield* logIn("google", { id_token: issuer.idToken("google") })
        issuer.rotate()
        const unknown = "the token's key is not one of the issuer's keys"
        for (let i = 0; i < 3; i++) {
          assert.strictEqual(yield* refusal("google", { id_token: issuer.idToken("google") }), unknown)
        }
        assert.strictEqual(keys(), 1)
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual((yield* logIn("google", { id_token: issuer.idToken("google") })).status, 200)
        assert.strictEqual(keys(), 2)
      }).pipe(served(issuer))
    )()
  )

  it.effect("needs no client secret, where a code does", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* logIn("google", { id_token: issuer.idToken("google") })).status, 200)
        const code = yield* logged("google", { authCode: issuer.code("") })
        assert.deepStrictEqual(
          [code.status, code.line],
          [401, "Info rejected a login: oauth2-google has no client secret"]
        )
      }).pipe(served(issuer, { google: { clientId: client.id } }))
    )()
  )
})

describe("an authorization code", () => {
  it.effect("exchanges one of Google, as its libraries for mobile devices and for pop-ups get it", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        for (const redirect of ["", "postmessage"] as const) {
          const code = issuer.code(redirect)
          assert.strictEqual((yield* logIn("google", { authCode: code })).status, 200)
          const { body, status } = yield* logged("google", { authCode: code })
          assert.deepStrictEqual(
            [status, body],
            [401, { error: "error exchanging access code with OAuth2 provider", error_code: "AuthError" }]
          )
        }
        // an answer without an id token has an access token to ask with
        issuer.person = { id: "person-3", noIdToken: true }
        const answer = yield* logIn("google", { authCode: issuer.code("postmessage") })
        const { identities } = yield* profile(answer.body["access_token"])
        assert.strictEqual(identities[0]?.["id"], "person-3")
      }).pipe(served(issuer))
    )()
  )

  it.effect("logs a rejected one by the provider's error code, and does not repeat it", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const unknown = yield* logged("google", { authCode: "code-of-someone-else" })
        assert.strictEqual(
          unknown.line,
          "Info rejected a login: oauth2-google rejected a code with status 400: invalid_grant"
        )
        const body = JSON.stringify({ error: "code-of-someone-else" })
        issuer.faults.set("/google/token", { status: 400, body })
        const echoed = yield* logged("google", { authCode: "code-of-someone-else" })
        assert.strictEqual(echoed.line, "Info rejected a login: oauth2-google rejected a code with status 400: unknown")
      }).pipe(served(issuer))
    )()
  )

  it.effect("has to be the only credential, and a string", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const required = { error: "'authCode' or 'id_token' is a required string", error_code: "MissingParameter" }
        for (const payload of [{}, { authCode: 5 }, { id_token: null }, { authCode: null, id_token: {} }]) {
          const { body, status } = yield* logIn("google", payload)
          assert.deepStrictEqual([status, body], [400, required])
        }
        const both = yield* logIn("google", { authCode: issuer.code(""), id_token: issuer.idToken("google") })
        assert.deepStrictEqual([both.status, both.body["error_code"]], [400, "InvalidParameter"])
        // Apple's codes come by redirect only
        const apple = yield* logIn("apple", { authCode: "code" })
        assert.strictEqual(apple.body["error"], "'id_token' is a required string")
        assert.deepStrictEqual(issuer.requests, [])
      }).pipe(served(issuer))
    )()
  )
})

describe("an access token of Facebook", () => {
  it.effect("logs the user in for whom this application got it", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const ada = { id: "f-1", email: "ada@example.com", name: "Ada", age_range: { min: 21 } }
        const picture = { data: { url: "https://facebook.test/ada.png" } }
        const answer = yield* logIn("facebook", { accessToken: issuer.accessToken({ ...ada, picture }) })
        assert.strictEqual(answer.status, 200, answer.text)
        const { data, identities } = yield* profile(answer.body["access_token"])
        assert.deepStrictEqual(data, { email: "ada@example.com", picture: picture.data.url, min_age: 21 })
        assert.deepInclude(identities[0], { id: "f-1", provider_type: "oauth2-facebook" })
        assert.strictEqual(issuer.last.get("/facebook/me")?.get("fields"), "id,email,picture,age_range")
      }).pipe(
        served(issuer, {
          facebook: {
            ...registered,
            metadataFields: [{ name: "email" }, { name: "picture" }, { name: "min_age" }, { name: "max_age" }]
          }
        })
      )
    )()
  )

  it.effect("is rejected if another application got it, or Facebook does not know it", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const stolen = issuer.accessToken({ id: "f-1" }, "client-2")
        assert.strictEqual(yield* refusal("facebook", { accessToken: stolen }), "the token is of another application")
        assert.strictEqual(
          yield* refusal("facebook", { accessToken: "no-such-token" }),
          "the token is not valid, or has expired"
        )
        assert.deepStrictEqual(
          issuer.requests.filter((it) => it.includes("/me")),
          []
        )
      }).pipe(served(issuer))
    )()
  )

  it.effect("is rejected while the client secret is wrong or missing", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const payload = { accessToken: issuer.accessToken({ id: "f-1" }) }
        const wrong = { clientId: client.id, clientSecret: "wrong" }
        assert.strictEqual(
          yield* refusal("facebook", payload).pipe(served(issuer, { facebook: wrong })),
          "Facebook refused to inspect the token with status 400"
        )
        const without = yield* logged("facebook", payload).pipe(served(issuer, { facebook: { clientId: client.id } }))
        assert.strictEqual(without.line, "Info rejected a login: oauth2-facebook has no client secret")
      })
    )()
  )
})
