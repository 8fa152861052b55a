import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger, Redacted } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import { createHmac, generateKeyPairSync } from "node:crypto"
import { client, type Issuer, makeIssuer, type Site } from "../../support/issuer.ts"
import { anonymous, ask, claims, loginPath, root, withApps } from "../support.ts"
import { token } from "./tokens.ts"

type Providers = Pick<App.ProviderOptions, Site>

const registered = { clientId: client.id, clientSecret: Redacted.make(client.secret) }
const all: Providers = { google: registered, facebook: registered, apple: registered }

const appWith = (providers: Providers) => App.make({ id: "my-app", providers: { anonymous: true, ...providers } })

/** Runs a test with providers in this process, whose clock is the server's. */
const withIssuer =
  <A, E>(test: (issuer: Issuer) => Effect.Effect<A, E, never>) =>
  (): Effect.Effect<A, E> => {
    const issuer = makeIssuer()
    issuer.now = () => 0
    return Effect.provideService(test(issuer), FetchHttpClient.Fetch, issuer.fetch)
  }

const served = (issuer: Issuer, providers: Providers = all) =>
  withApps(appWith(providers), { oauthIssuers: issuer.urls })

const logIn = (site: Site, payload: object) => ask("POST", loginPath("my-app", `oauth2-${site}`), { body: payload })

const profile = (accessToken: string | undefined) =>
  Effect.map(
    ask("GET", `${root}/auth/profile`, { token: accessToken }),
    ({ text }) => JSON.parse(text) as { data: Record<string, unknown>; identities: Array<Record<string, unknown>> }
  )

/** The answer to a login, and the only line that the log has of it. */
const logged = (site: Site, payload: Readonly<Record<string, string>>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
  return logIn(site, payload).pipe(
    Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
    Effect.map(({ body, status }) => {
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      for (const secret of [...Object.values(payload), client.secret]) {
        if (secret.length > 8) assert.notInclude(`${lines[0]} ${JSON.stringify(body)}`, secret)
      }
      return { status, body, line: lines[0]?.replace(`oauth2-${site}: `, "") }
    })
  )
}

const unauthorized = { error: "unauthorized", error_code: "AuthError" }

/** The reason for rejecting a login, which is only in the server's log. */
const refusal = (site: Site, payload: Readonly<Record<string, string>>) =>
  Effect.map(logged(site, payload), ({ body, line, status }) => {
    assert.deepStrictEqual([status, body], [401, unauthorized])
    return line?.replace("Info rejected a login: ", "")
  })

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

describe("what a provider tells of a user", () => {
  const metadataFields = [{ name: "email", required: true }, { name: "name" }, { name: "first_name" }] as const
  const told = { email: "ada@example.com", email_verified: true, name: "Ada L", given_name: "Ada", family_name: "L" }

  it.effect("is stored as far as the application asks, at each login", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        issuer.claims = told
        const first = yield* logIn("google", { id_token: issuer.idToken("google") })
        assert.deepStrictEqual((yield* profile(first.body["access_token"])).data, {
          email: "ada@example.com",
          name: "Ada L",
          first_name: "Ada"
        })
        issuer.claims = { email: "ada@new.example", name: "x".repeat(4097), given_name: ["Ada"] }
        yield* logIn("google", { id_token: issuer.idToken("google") })
        assert.deepStrictEqual((yield* profile(first.body["access_token"])).data, { email: "ada@new.example" })
        issuer.claims = { name: "Ada" }
        assert.strictEqual(
          yield* refusal("google", { id_token: issuer.idToken("google") }),
          'the provider told no "email" of the user'
        )
      }).pipe(served(issuer, { google: { ...registered, metadataFields } }))
    )()
  )

  it.effect("is the e-mail address by default at Apple, and nothing at Google", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        issuer.claims = told
        const apple = yield* logIn("apple", { id_token: issuer.idToken("apple") })
        assert.deepStrictEqual((yield* profile(apple.body["access_token"])).data, { email: "ada@example.com" })
        const google = yield* logIn("google", { id_token: issuer.idToken("google") })
        assert.deepStrictEqual((yield* profile(google.body["access_token"])).data, {})
      }).pipe(served(issuer))
    )()
  )

  it.effect("decides about a login where domains are restricted", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const answers: Array<unknown> = []
        for (const claims of [
          { email: "ada@example.com", email_verified: true },
          { email: "ada@EXAMPLE.com", email_verified: "true" },
          { email: "ada@example.com", email_verified: false },
          { email: "ada@example.com" },
          { email: "ada@sub.example.com", email_verified: true },
          { email: "ada@example.com@evil.test", email_verified: true },
          { email: "example.com.evil.test", email_verified: true },
          { email_verified: true }
        ]) {
          const id_token = issuer.idToken("google", claims)
          const { body, status } = yield* Effect.provideService(
            logIn("google", { id_token }),
            Logger.CurrentLoggers,
            new Set()
          )
          answers.push(body["error_code"] ?? status)
        }
        const no = "DomainNotAllowed"
        assert.deepStrictEqual(answers, [200, 200, no, no, no, no, no, no])
      }).pipe(served(issuer, { google: { ...registered, domainRestrictions: ["Example.com"] } }))
    )()
  )
})

describe("a provider that is away", () => {
  const unavailable = {
    error: "the identity provider does not respond as expected at the moment: try again later"
  }

  const outage = (site: Site, payload: Readonly<Record<string, string>>) =>
    Effect.map(logged(site, payload), ({ body, line, status }) => {
      assert.deepStrictEqual([status, body], [503, unavailable])
      return line?.replace("Warn ", "")
    })

  it.effect("makes logins fail for now, and works again when it is back", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const { facebook, google } = issuer.urls
        const id = { id_token: issuer.idToken("google") }
        const code = { authCode: issuer.code("postmessage") }
        const access = { accessToken: issuer.accessToken({ id: "f-1" }) }
        const discovery = "/google/.well-known/openid-configuration"
        const html = "<html>"
        const form = "the answer has not the documented form"
        const failed = (path: string, fault: { status: number; body?: string }, payload: Record<string, string>) =>
          Effect.suspend(() => {
            issuer.faults.clear()
            issuer.faults.set(path, fault)
            return outage(path.startsWith("/google") ? "google" : "facebook", payload)
          })
        assert.strictEqual(
          yield* failed(discovery, { status: 503 }, id),
          `${google}/.well-known/openid-configuration: status 503`
        )
        assert.strictEqual(
          yield* failed(discovery, { status: 200, body: html }, id),
          `${google}/.well-known/openid-configuration: the answer is not JSON`
        )
        assert.strictEqual(
          yield* failed(discovery, { status: 200, body: "{}" }, id),
          `${google}/.well-known/openid-configuration: ${form}`
        )
        // secrets are not sent to where a redirect leads
        assert.strictEqual(
          yield* failed(discovery, { status: 302 }, id),
          `${google}/.well-known/openid-configuration: status 302`
        )
        assert.strictEqual(
          yield* failed("/google/keys", { status: 200, body: '{"keys":5}' }, id),
          "the issuer's keys cannot be fetched: the answer is not a JSON Web Key Set"
        )
        assert.strictEqual(yield* failed("/google/token", { status: 429 }, code), `${google}/token: status 429`)
        assert.strictEqual(
          yield* failed("/google/token", { status: 200, body: html }, code),
          `${google}/token: the answer is not JSON`
        )
        assert.strictEqual(
          yield* failed("/google/token", { status: 200, body: '{"error":"x"}' }, code),
          `${google}/token: the answer has no access token`
        )
        assert.strictEqual(
          yield* failed("/facebook/debug_token", { status: 500 }, access),
          `${facebook}/debug_token: status 500`
        )
        assert.strictEqual(
          yield* failed("/facebook/debug_token", { status: 200, body: "[]" }, access),
          "Facebook told nothing about the token"
        )
        assert.strictEqual(
          yield* failed("/facebook/me", { status: 200, body: '{"id":"f-2"}' }, access),
          "Facebook told two users of one token"
        )
        assert.notInclude(issuer.requests, "GET /elsewhere")
        issuer.faults.clear()
        for (const [site, payload] of [
          ["google", id],
          ["google", code],
          ["facebook", access]
        ] as const) {
          assert.strictEqual((yield* logIn(site, payload)).status, 200)
        }
      }).pipe(served(issuer))
    )()
  )

  it.effect("is waited for ten seconds", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const asked = Deferred.makeUnsafe<void>()
        const hanging: typeof globalThis.fetch = () => {
          Deferred.doneUnsafe(asked, Effect.void)
          return new Promise(() => {})
        }
        const fiber = yield* Effect.forkChild(outage("google", { id_token: issuer.idToken("google") })).pipe(
          Effect.provideService(FetchHttpClient.Fetch, hanging)
        )
        yield* Deferred.await(asked)
        yield* TestClock.adjust("10 seconds")
        assert.include(yield* Fiber.join(fiber), "/.well-known/openid-configuration: no answer")
      }).pipe(served(issuer))
    )()
  )

  it.effect("is not believed about another issuer, or about endpoints without TLS", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const path = "/google/.well-known/openid-configuration"
        const { google } = issuer.urls
        const endpoints = { authorization_endpoint: google, token_endpoint: google, jwks_uri: google }
        for (const body of [
          { issuer: "https://accounts.google.com", ...endpoints },
          { issuer: google, ...endpoints, token_endpoint: "http://provider.test/token" },
          { issuer: google, ...endpoints, jwks_uri: "ftp://127.0.0.1/keys" }
        ]) {
          issuer.faults.set(path, { status: 200, body: JSON.stringify(body) })
          assert.strictEqual(
            yield* outage("google", { id_token: issuer.idToken("google") }),
            `the configuration of ${google} is of another issuer, or has insecure endpoints`
          )
        }
      }).pipe(served(issuer))
    )()
  )
})

describe("linking", () => {
  it.effect("adds the account to a user, and does not log another one in", () =>
    withIssuer((issuer) =>
      Effect.gen(function* () {
        const guest = yield* anonymous()
        const link = (site: Site, payload: object, token = guest["access_token"]) =>
          ask("POST", `${loginPath("my-app", `oauth2-${site}`)}?link=true`, { token, body: payload })
        const linked = yield* link("google", { id_token: issuer.idToken("google") })
        assert.deepStrictEqual([linked.status, linked.body["user_id"]], [200, guest["user_id"]])
        yield* link("facebook", { accessToken: issuer.accessToken({ id: "f-1" }) })
        const { identities } = yield* profile(guest["access_token"])
        assert.deepStrictEqual(
          identities.map((it) => it["provider_type"]),
          ["anon-user", "oauth2-google", "oauth2-facebook"]
        )
        const again = yield* logIn("google", { id_token: issuer.idToken("google") })
        assert.strictEqual(again.body["user_id"], guest["user_id"])
        assert.strictEqual(claims(again.body["access_token"])["sub"], guest["user_id"])
        const other = yield* anonymous()
        const refused = yield* link("google", { id_token: issuer.idToken("google") }, other["access_token"])
        assert.deepStrictEqual(
          [refused.status, refused.body],
          [400, { error: "unauthorized: the credentials belong to another user", error_code: "AuthError" }]
        )
        // not a 401, at which realm-web would try again without end
        const wrong = yield* Effect.provideService(
          link("google", { id_token: "a.b.c" }),
          Logger.CurrentLoggers,
          new Set()
        )
        assert.deepStrictEqual([wrong.status, wrong.body], [400, unauthorized])
      }).pipe(served(issuer))
    )()
  )
})

describe("the options", () => {
  it("refuse what no login could work with", () => {
    const options = (google: Providers["google"]) => () => appWith({ google })
    assert.throws(options({ clientId: "" }), 'oauth2-google: invalid client id ""')
    for (const [uri, why] of [
      ["/relative", "expected an absolute URL"],
      ["https://app.test/#/signed-in", "expected a URL without a fragment"],
      ["javascript:alert(1)", 'a page cannot be at "javascript:"']
    ]) {
      assert.throws(options({ clientId: "c", redirectUris: [uri ?? ""] }), why)
    }
    assert.deepStrictEqual(App.providerTypes(appWith(all)), [
      "anon-user",
      "oauth2-google",
      "oauth2-facebook",
      "oauth2-apple"
    ])
  })

  it.effect("refuse an issuer without TLS that is not on this machine", () =>
    Effect.gen(function* () {
      for (const google of ["http://issuer.test", "http://127.0.0.1.evil.test", "issuer.test", "ftp://localhost"]) {
        const exit = yield* Effect.exit(Effect.void.pipe(withApps(appWith(all), { oauthIssuers: { google } })))
        assert.include(String(exit), `invalid issuer "${google}" of google`)
      }
      yield* Effect.void.pipe(
        withApps(appWith(all), { oauthIssuers: { google: "http://localhost:1/", apple: undefined } })
      )
    })
  )
})
