import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { App } from "effect-app-services/server"
import {
  anonymous,
  ask,
  type Asked,
  callFunction,
  claims,
  emailPassword,
  loginPath,
  path,
  register,
  withApps
} from "../support.ts"
import { app, profile } from "./app.ts"

const closed = App.make({ id: "closed-app" })
const logIn = (provider: string, body: unknown, asked: Asked = {}) =>
  ask("POST", loginPath("my-app", provider), { ...asked, body })

describe("logging in", () => {
  it.effect("anonymously makes a new user each time", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* anonymous(), yield* anonymous()]
      assert.notStrictEqual(a["user_id"], b["user_id"])
      assert.match(a["user_id"], /^[0-9a-f]{24}$/)
      assert.match(a["device_id"], /^[0-9a-f]{24}$/)
      const { text } = yield* profile(a["access_token"])
      const { domain_id, identities, ...rest } = JSON.parse(text) as {
        domain_id: string
        identities: Array<Record<string, unknown>>
      }
      assert.deepStrictEqual(rest, { user_id: a["user_id"], data: {}, type: "normal" })
      assert.match(domain_id, /^[0-9a-f]{24}$/)
      assert.strictEqual(identities.length, 1)
      assert.match(String(identities[0]["id"]), /^[0-9a-f]{24}-[a-z]{24}$/)
      assert.strictEqual(identities[0]["provider_type"], "anon-user")
    }).pipe(withApps(app))
  )

  it.effect("creates the user at the first login by e-mail and password", () =>
    Effect.gen(function* () {
      const registered = yield* register("ada@example.com", "correct horse")
      assert.strictEqual(registered.status, 201)
      assert.strictEqual(registered.headers["content-type"], "application/json")
      const [first, second] = [
        yield* emailPassword("ada@example.com", "correct horse"),
        yield* emailPassword("ada@example.com", "correct horse")
      ]
      assert.strictEqual(first.status, 200)
      assert.strictEqual(first.body["user_id"], second.body["user_id"])
      assert.notStrictEqual(claims(first.body["access_token"])["iss"], claims(second.body["access_token"])["iss"])
      const { data, identities } = JSON.parse((yield* profile(first.body["access_token"])).text) as {
        data: unknown
        identities: Array<Record<string, unknown>>
      }
      assert.deepStrictEqual(data, { email: "ada@example.com" })
      assert.deepInclude(identities[0], {
        provider_type: "local-userpass",
        provider_data: { email: "ada@example.com" }
      })
      assert.match(String(identities[0]["id"]), /^[0-9a-f]{24}$/)
    }).pipe(withApps(app))
  )

  it.effect("answers a wrong password, an unknown address and another case alike", () =>
    Effect.gen(function* () {
      yield* register("ada@example.com", "correct horse")
      for (const [email, password] of [
        ["ada@example.com", "wrong"],
        ["eve@example.com", "correct horse"],
        ["Ada@example.com", "correct horse"]
      ] as const) {
        const { body, status } = yield* emailPassword(email, password)
        assert.strictEqual(status, 401)
        assert.deepStrictEqual(body, { error: "unauthorized", error_code: "InvalidPassword" })
      }
    }).pipe(withApps(app))
  )

  it.effect("before the address is confirmed is refused", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* register("ada@example.com", "correct horse")).status, 201)
      const { body, status } = yield* emailPassword("ada@example.com", "correct horse")
      assert.strictEqual(status, 401)
      assert.deepStrictEqual(body, { error: "unauthorized", error_code: "AuthError" })
      assert.strictEqual((yield* emailPassword("ada@example.com", "wrong")).body["error_code"], "InvalidPassword")
    }).pipe(withApps(App.make({ id: "my-app", providers: { emailPassword: { autoConfirm: false } } })))
  )

  it.effect("names what is missing in the credentials", () =>
    Effect.gen(function* () {
      for (const [provider, body, error] of [
        ["local-userpass", {}, "'username' is a required string"],
        ["local-userpass", { username: "a" }, "'password' is a required string"],
        ["local-userpass", { username: "a", password: 5 }, "'password' is a required string"],
        ["api-key", { key: null }, "'key' is a required string"]
      ] as const) {
        const answer = yield* logIn(provider, body)
        assert.strictEqual(answer.status, 400)
        assert.deepStrictEqual(answer.body, { error, error_code: "MissingParameter" })
      }
    }).pipe(withApps(app))
  )

  it.effect("through a function gives one user for one id", () =>
    Effect.gen(function* () {
      const [a, b] = yield* Effect.all(
        [logIn("custom-function", { name: "ada" }), logIn("custom-function", { name: "ada" })],
        { concurrency: 2 }
      )
      assert.strictEqual(a.status, 200)
      assert.strictEqual(a.body["user_id"], b.body["user_id"])
      const c = yield* logIn("custom-function", { name: { id: "bob", name: "Bob" } })
      const { data, identities } = JSON.parse((yield* profile(c.body["access_token"])).text) as {
        data: unknown
        identities: Array<{ id: string }>
      }
      assert.deepStrictEqual(data, { name: "Bob" })
      assert.strictEqual(identities[0].id, "bob")
    }).pipe(withApps(app))
  )

  it.effect("through a function that throws, or returns no id, is refused", () =>
    Effect.gen(function* () {
      const thrown = yield* logIn("custom-function", { fail: "Authentication failed" })
      assert.strictEqual(thrown.status, 401)
      assert.deepStrictEqual(thrown.body, { error: "Error: Authentication failed", error_code: "AuthError" })
      for (const name of [5, null, {}, { id: 5 }, ""]) {
        const { body, status } = yield* logIn("custom-function", { name })
        assert.strictEqual(status, 401)
        assert.strictEqual(body["error_code"], "AuthError")
      }
    }).pipe(withApps(app))
  )

  it.effect("rejects a disabled or unknown provider, also for registration", () =>
    Effect.gen(function* () {
      for (const provider of [
        "anon-user",
        "local-userpass",
        "api-key",
        "custom-function",
        "custom-token",
        "oauth2-google",
        "nonsense"
      ]) {
        const { body, status } = yield* ask("POST", loginPath("closed-app", provider), { body: {} })
        assert.strictEqual(status, 400)
        assert.deepStrictEqual(body, { error: `authentication via '${provider}' is unsupported` })
      }
      // where browsers begin to log in by redirect, and to link
      for (const query of ["", "?state=abc&redirect=http%3A%2F%2Flocalhost&device=e30%3D", "?link=true"]) {
        const { body, status } = yield* ask("GET", loginPath("closed-app", "oauth2-google") + query)
        assert.strictEqual(status, 400)
        assert.deepStrictEqual(body, { error: "authentication via 'oauth2-google' is unsupported" })
      }
      const { body, status } = yield* register("a@b.c", "correct horse", "closed-app")
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { error: "authentication via 'local-userpass' is unsupported" })
    }).pipe(withApps(closed))
  )

  it.effect("rejects an unknown application on every route that names it", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const answers = [
        yield* ask("GET", path("no-app", "location")),
        yield* ask("GET", loginPath("no-app", "oauth2-google")),
        yield* anonymousAnswer("no-app"),
        yield* register("a@b.c", "correct horse", "no-app"),
        yield* callFunction(access_token, "f", [], "no-app")
      ]
      for (const { body, status } of answers) {
        assert.strictEqual(status, 404)
        assert.deepStrictEqual(body, { error: "cannot find app using Client App ID 'no-app'" })
      }
    }).pipe(withApps(app))
  )

  it.effect("is never an answer to a request to link", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const link of ["link=true", "link=1", "link=", "link=true&link=true"]) {
        const { body, status } = yield* ask("POST", `${loginPath("my-app", "anon-user")}?${link}`, {
          token: access_token,
          body: {}
        })
        assert.strictEqual(status, 400, link)
        assert.isUndefined(body["access_token"], link)
      }
      assert.strictEqual((yield* ask("POST", `${loginPath("my-app", "anon-user")}?func=x`, { body: {} })).status, 200)
    }).pipe(withApps(app))
  )

  it.effect("keeps the id a device tells, as text or as Extended JSON, and gives one to a device without", () =>
    Effect.gen(function* () {
      const deviceId = "5f1d7f3e9c1b2a0012345678"
      const device = (deviceId: unknown) =>
        logIn("anon-user", { provider: "anon-user", options: { device: { deviceId, sdk: 5, unknown: [] } } })
      assert.strictEqual((yield* logIn("anon-user", { options: { device: { deviceId } } })).body["device_id"], deviceId)
      const { access_token, device_id } = (yield* logIn("anon-user", {
        options: { device: { deviceId: { $oid: deviceId } } }
      })).body
      assert.strictEqual(device_id, deviceId)
      assert.strictEqual(claims(access_token)["baas_device_id"], deviceId)
      for (const unusable of ["000000000000000000000000", "x", 5, { $oid: 5 }, null]) {
        const { body, status } = yield* device(unusable)
        assert.strictEqual(status, 200)
        assert.match(body["device_id"], /^(?!0{24})[0-9a-f]{24}$/)
      }
    }).pipe(withApps(app))
  )
})

const anonymousAnswer = (appId: string) => ask("POST", loginPath(appId, "anon-user"))

describe("registering", () => {
  it.effect.each([
    ["", "correct horse", 400, { error: "email invalid", error_code: "BadRequest" }],
    [`${"x".repeat(316)}@b.cc`, "correct horse", 400, { error: "email invalid", error_code: "BadRequest" }],
    ["a@b.c", "short", 400, { error: "password must be between 6 and 128 characters", error_code: "BadRequest" }],
    [
      "a@b.c",
      "x".repeat(129),
      400,
      { error: "password must be between 6 and 128 characters", error_code: "BadRequest" }
    ],
    ["taken@b.c", "correct horse", 409, { error: "name already in use", error_code: "AccountNameInUse" }]
  ] as const)("%j with %j is refused", ([email, password, status, body]) =>
    Effect.gen(function* () {
      yield* register("taken@b.c", "correct horse")
      const answer = yield* register(email, password)
      assert.strictEqual(answer.status, status)
      assert.deepStrictEqual(answer.body, body)
    }).pipe(withApps(app))
  )

  it.effect("takes passwords of 6 and of 128 characters", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* register("a@b.c", "x".repeat(6))).status, 201)
      assert.strictEqual((yield* register("b@b.c", "x".repeat(128))).status, 201)
      assert.strictEqual((yield* emailPassword("b@b.c", "x".repeat(128))).status, 200)
    }).pipe(withApps(app))
  )
})
