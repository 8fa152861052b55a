import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import type { Site } from "../../support/issuer.ts"
import { anonymous, ask, claims, loginPath, withApps } from "../support.ts"
import {
  all,
  registered,
  appWith,
  withIssuer,
  served,
  logIn,
  profile,
  logged,
  unauthorized,
  refusal,
  type Providers
} from "./oauthLogins.ts"

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
