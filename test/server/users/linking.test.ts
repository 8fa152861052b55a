import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import { anonymous, ask, claims, emailPassword, loginPath, register, root, withApps } from "../support.ts"
import { hs256, secret } from "./tokens.ts"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: {
      confirmationFunction: ({ username }: { username: string }) => ({
        status: username.startsWith("pending") ? "pending" : "success"
      })
    },
    apiKey: true,
    customFunction: ({ card, fail }: { card?: string; fail?: string }) => {
      if (fail !== undefined) throw new Error(fail)
      return card
    },
    customToken: { algorithm: "HS256", keys: [Redacted.make(secret)], metadataFields: [{ name: "name" }] }
  }
})

const logIn = (provider: string, body: unknown) => ask("POST", loginPath("my-app", provider), { body })
const link = (token: string | undefined, provider: string, body: unknown, appId = "my-app") =>
  ask("POST", `${loginPath(appId, provider)}?link=true`, { token, body })
const identities = (token: string) =>
  Effect.map(ask("GET", `${root}/auth/profile`, { token }), ({ text }) =>
    (JSON.parse(text) as { identities: Array<{ id: string; provider_type: string }> }).identities.map(
      ({ provider_type }) => provider_type
    )
  )
const createKey = (token: string, name = "key") =>
  Effect.map(ask("POST", `${root}/auth/api_keys`, { token, body: { name } }), ({ body }) => body)

const ada = { username: "ada@example.com", password: "correct horse" }
const bob = { username: "bob@example.com", password: "correct horse" }
const ofAnother = { error: "unauthorized: the credentials belong to another user", error_code: "AuthError" }

describe("linking", () => {
  it.effect("makes any credentials another way in, in the order of linking", () =>
    Effect.gen(function* () {
      yield* register(ada.username, ada.password)
      const user = yield* anonymous()
      const key = yield* createKey(user["refresh_token"])
      const token = hs256({ sub: "external", aud: "my-app", exp: 1800, name: "Ada" })
      const credentials = [
        ["local-userpass", ada],
        ["api-key", { key: key["key"] }],
        ["custom-function", { card: "card-1", options: { device: {} } }],
        ["custom-token", { token, provider: "custom-token" }]
      ] as const
      for (const [provider, body] of credentials) {
        const answer = yield* link(user["access_token"], provider, body)
        assert.strictEqual(answer.status, 200, provider)
        assert.strictEqual(answer.headers["content-type"], "application/json")
        assert.deepStrictEqual(Object.keys(answer.body).toSorted(), [
          "access_token",
          "device_id",
          "refresh_token",
          "user_id"
        ])
        assert.strictEqual(answer.body["user_id"], user["user_id"])
        assert.strictEqual(answer.body["device_id"], user["device_id"])
        // the session goes on, and no other one is left open
        assert.strictEqual(claims(answer.body["access_token"])["iss"], claims(user["access_token"])["iss"])
        assert.strictEqual(answer.body["refresh_token"], user["refresh_token"])
      }
      assert.deepStrictEqual(yield* identities(user["access_token"]), [
        "anon-user",
        "local-userpass",
        "api-key",
        "custom-function",
        "custom-token"
      ])
      for (const [provider, body] of credentials) {
        const { body: again } = yield* logIn(provider, body)
        assert.strictEqual(again["user_id"], user["user_id"], provider)
      }
      const { text } = yield* ask("GET", `${root}/auth/profile`, { token: user["access_token"] })
      assert.deepStrictEqual((JSON.parse(text) as { data: unknown }).data, { email: ada.username, name: "Ada" })
    }).pipe(withApps(app))
  )

  it.effect("again what the user has already changes nothing", () =>
    Effect.gen(function* () {
      yield* register(ada.username, ada.password)
      const { body: user } = yield* logIn("custom-function", { card: "card-1" })
      for (const [provider, body] of [
        ["custom-function", { card: "card-1" }],
        ["local-userpass", ada],
        ["local-userpass", ada]
      ] as const) {
        assert.strictEqual((yield* link(user["access_token"], provider, body)).status, 200)
      }
      assert.deepStrictEqual(yield* identities(user["access_token"]), ["custom-function", "local-userpass"])
    }).pipe(withApps(app))
  )

  it.effect("ends the anonymous lifetime from the next login on", () =>
    Effect.gen(function* () {
      yield* register(ada.username, ada.password)
      const user = yield* anonymous()
      yield* link(user["access_token"], "local-userpass", ada)
      const lifetime = (token: string) => Number(claims(token)["exp"]) - Number(claims(token)["iat"])
      const { body } = yield* logIn("local-userpass", ada)
      assert.strictEqual(lifetime(user["refresh_token"]), 50 * 365 * 24 * 3600)
      assert.strictEqual(lifetime(body["refresh_token"]), 60 * 24 * 3600)
    }).pipe(withApps(app))
  )

  it.effect("is refused, with no 401 that a client could take for an old session", () =>
    Effect.gen(function* () {
      yield* register(ada.username, ada.password)
      yield* register(bob.username, bob.password)
      yield* register("pending@example.com", "correct horse")
      const { body: other } = yield* logIn("local-userpass", ada)
      yield* link(other["access_token"], "custom-function", { card: "hers" })
      const othersKey = yield* createKey(other["refresh_token"])
      const { body: user } = yield* logIn("local-userpass", bob)
      const ownKey = yield* createKey(user["refresh_token"])
      yield* ask("PUT", `${root}/auth/api_keys/${ownKey["_id"]}/disable`, { token: user["refresh_token"] })
      const cases = [
        ["local-userpass", ada, ofAnother],
        ["custom-function", { card: "hers" }, ofAnother],
        [
          "local-userpass",
          { username: "eve@example.com", password: "correct horse" },
          { error: "unauthorized", error_code: "InvalidPassword" }
        ],
        ["local-userpass", { ...ada, password: "wrong" }, { error: "unauthorized", error_code: "InvalidPassword" }],
        [
          "local-userpass",
          { username: "pending@example.com", password: "correct horse" },
          { error: "unauthorized", error_code: "AuthError" }
        ],
        [
          "api-key",
          { key: othersKey["key"] },
          {
            error: "invalid user link request: the API key belongs to another user",
            error_code: "InvalidParameter"
          }
        ],
        ["api-key", { key: ownKey["key"] }, { error: "unauthorized", error_code: "AuthError" }],
        ["api-key", { key: "nonsense" }, { error: "unauthorized", error_code: "AuthError" }],
        ["custom-function", { fail: "no" }, { error: "Error: no", error_code: "AuthError" }],
        ["custom-token", { token: "nonsense" }, { error: "unauthorized", error_code: "AuthError" }],
        [
          "anon-user",
          {},
          {
            error: "invalid user link request: anonymous credentials cannot be added to a user",
            error_code: "InvalidParameter"
          }
        ],
        ["local-userpass", {}, { error: "'username' is a required string", error_code: "MissingParameter" }],
        ["oauth2-google", {}, { error: "authentication via 'oauth2-google' is unsupported" }]
      ] as const
      for (const [provider, body, error] of cases) {
        const answer = yield* link(user["access_token"], provider, body)
        assert.deepStrictEqual([answer.status, answer.body], [400, error])
      }
      assert.deepStrictEqual(yield* identities(user["access_token"]), ["local-userpass"])
      assert.strictEqual((yield* ask("POST", `${root}/auth/session`, { token: user["refresh_token"] })).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("gives a user one e-mail identity, however many come at once", () =>
    Effect.gen(function* () {
      const user = yield* anonymous()
      const emails = ["a@b.c", "b@b.c", "c@b.c"]
      for (const email of emails) yield* register(email, "correct horse")
      const answers = yield* Effect.forEach(
        emails,
        (username) => link(user["access_token"], "local-userpass", { username, password: "correct horse" }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers.map(({ status }) => String(status)).toSorted(), ["200", "400", "400"])
      const refused = answers.find(({ status }) => status === 400)!
      assert.deepStrictEqual(refused.body, {
        error: "unauthorized: the user has an e-mail identity already",
        error_code: "AuthError"
      })
      assert.deepStrictEqual(yield* identities(user["access_token"]), ["anon-user", "local-userpass"])
    }).pipe(withApps(app))
  )

  it.effect("waits for a first login with the same credentials, and then they are its user's", () => {
    const creating = Deferred.makeUnsafe<void>()
    const created = Deferred.makeUnsafe<void>()
    const slow = App.make({
      id: "my-app",
      providers: { anonymous: true, customFunction: ({ card }: { card: string }) => card },
      onUserCreation: "create",
      functions: {
        create: ({ identities }: { identities: ReadonlyArray<{ provider_type: string }> }) =>
          identities[0].provider_type === "anon-user"
            ? Effect.void
            : Effect.andThen(Deferred.succeed(creating, undefined), Deferred.await(created))
      }
    })
    return Effect.gen(function* () {
      const user = yield* anonymous()
      const first = yield* Effect.forkChild(logIn("custom-function", { card: "card-1" }))
      yield* Deferred.await(creating)
      const linking = yield* Effect.forkChild(link(user["access_token"], "custom-function", { card: "card-1" }), {
        startImmediately: true
      })
      yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.yieldNow)
      yield* Deferred.succeed(created, undefined)
      const answer = yield* Fiber.join(linking)
      assert.deepStrictEqual([answer.status, answer.body], [400, ofAnother])
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
    }).pipe(withApps(slow))
  })

  it.effect("needs the access token of a session that goes on", () =>
    Effect.gen(function* () {
      const user = yield* anonymous()
      const other = yield* anonymous("other-app")
      const card = { card: "card-1" }
      const invalid = { error: "invalid session", error_code: "InvalidSession" }
      const cases = [
        [undefined, 401, { error: "must authenticate first" }],
        ["nonsense", 401, { error: "token is malformed", error_code: "InvalidSession" }],
        [
          user["refresh_token"],
          401,
          { error: "invalid access token: incorrect token type", error_code: "InvalidSession" }
        ],
        [
          other["access_token"],
          403,
          { error: "the token belongs to a user of another app", error_code: "UserAppDomainMismatch" }
        ]
      ] as const
      for (const [token, status, error] of cases) {
        const answer = yield* link(token, "custom-function", card)
        assert.deepStrictEqual([answer.status, answer.body], [status, error])
      }
      yield* ask("DELETE", `${root}/auth/session`, { token: user["refresh_token"] })
      const ended = yield* link(user["access_token"], "custom-function", card)
      assert.deepStrictEqual([ended.status, ended.body], [401, invalid])
      const third = yield* anonymous()
      yield* TestClock.adjust("31 minutes")
      const late = yield* link(third["access_token"], "custom-function", card)
      assert.deepStrictEqual([late.status, late.body], [401, invalid])
      assert.strictEqual((yield* logIn("custom-function", card)).status, 200)
    }).pipe(withApps([app, App.make({ id: "other-app", providers: { anonymous: true } })]))
  )

  it.effect("rejects an account that another anonymous user has linked, and keeps it there", () =>
    Effect.gen(function* () {
      yield* register(ada.username, ada.password)
      const [one, two] = [yield* anonymous(), yield* anonymous()]
      assert.strictEqual((yield* link(one["access_token"], "local-userpass", ada)).status, 200)
      const answer = yield* link(two["access_token"], "local-userpass", ada)
      assert.deepStrictEqual([answer.status, answer.body], [400, ofAnother])
      assert.strictEqual((yield* emailPassword(ada.username, ada.password)).body["user_id"], one["user_id"])
    }).pipe(withApps(app))
  )
})
