import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
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
  root,
  withApps
} from "../support.ts"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: true,
    apiKey: true,
    customFunction: ({ name, fail }: { name?: unknown; fail?: string }) => {
      if (fail !== undefined) throw new Error(fail)
      return name
    }
  }
})
const closed = App.make({ id: "closed-app" })

const profile = (token: string | undefined) => ask("GET", `${root}/auth/profile`, { token })
const refresh = (token: string | undefined) => ask("POST", `${root}/auth/session`, { token })
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

describe("a session", () => {
  it.effect("is renewed with the refresh token, which stays the same", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      yield* TestClock.adjust("1 minute")
      const { body, status } = yield* refresh(refresh_token)
      assert.strictEqual(status, 201)
      assert.notStrictEqual(body["access_token"], access_token)
      assert.strictEqual(claims(body["access_token"])["iss"], claims(refresh_token)["baas_id"])
      assert.strictEqual((yield* refresh(refresh_token)).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("ends at logging out; its access token lives on until it expires", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      const out = yield* ask("DELETE", `${root}/auth/session`, { token: refresh_token })
      assert.strictEqual(out.status, 204)
      assert.strictEqual(out.text, "")
      assert.isUndefined(out.headers["content-type"])
      for (const method of ["POST", "DELETE"] as const) {
        const { body, status } = yield* ask(method, `${root}/auth/session`, { token: refresh_token })
        assert.strictEqual(status, 401)
        assert.deepStrictEqual(body, {
          error: "invalid session: failed to find refresh token",
          error_code: "InvalidSession"
        })
      }
      assert.strictEqual((yield* profile(access_token)).status, 200)
    }).pipe(withApps(app))
  )

  it.effect("goes on when another session of the user ends", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const [a, b] = [
        (yield* emailPassword("a@b.c", "correct horse")).body,
        (yield* emailPassword("a@b.c", "correct horse")).body
      ]
      yield* ask("DELETE", `${root}/auth/session`, { token: a["refresh_token"] })
      assert.strictEqual((yield* refresh(b["refresh_token"])).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("ends with its user", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const { access_token, refresh_token } = (yield* emailPassword("a@b.c", "correct horse")).body
      const deleted = yield* ask("DELETE", `${root}/auth/delete`, { token: access_token })
      assert.strictEqual(deleted.status, 204)
      assert.deepStrictEqual((yield* refresh(refresh_token)).body, {
        error: "invalid session: failed to find refresh token",
        error_code: "InvalidSession"
      })
      assert.strictEqual((yield* profile(access_token)).body["error_code"], "InvalidSession")
      assert.strictEqual((yield* emailPassword("a@b.c", "correct horse")).body["error_code"], "InvalidPassword")
      assert.strictEqual((yield* register("a@b.c", "correct horse")).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("is told apart from none, an empty one and no bearer", () =>
    Effect.gen(function* () {
      const header = (authorization: string) => ({ headers: { authorization } })
      const session = (asked: Asked) => ask("POST", `${root}/auth/session`, asked)
      const user = (asked: Asked) => ask("GET", `${root}/auth/profile`, asked)
      assert.deepStrictEqual((yield* session({})).body, { error: "must authenticate first" })
      assert.deepStrictEqual((yield* session(header("Bearer "))).body, {
        error: "expected Authorization header with JWT (Bearer schema)"
      })
      assert.deepStrictEqual((yield* session(header("Basic abc"))).body, {
        error: "expected Authorization header with JWT (Bearer schema)"
      })
      assert.deepStrictEqual((yield* user({})).body, { error: "must authenticate first" })
      assert.deepStrictEqual((yield* user(header("Bearer "))).body, { error: "unauthorized" })
    }).pipe(withApps(app))
  )

  it.effect("is found by an access token in the query, header first", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const name of ["baas_at", "stitch_at"]) {
        assert.strictEqual((yield* ask("GET", `${root}/auth/profile?${name}=${access_token}`)).status, 200)
      }
      assert.strictEqual(
        (yield* ask("GET", `${root}/auth/profile?baas_at=${access_token}`, { token: "x.y.z" })).status,
        401
      )
    }).pipe(withApps(app))
  )
})

describe("custom user data", () => {
  const fresh = (options: Partial<App.Options<{}>>) =>
    App.make({ id: "my-app", providers: { anonymous: true }, ...options })

  it.effect("is in the access token as canonical Extended JSON, updated at each refresh", () => {
    let visits = 0
    const app = fresh({
      customUserData: (user) => ({ owner: user.id, visits: ++visits, since: new Date(5), none: undefined })
    })
    return Effect.gen(function* () {
      const { access_token, refresh_token, user_id } = yield* anonymous()
      const data = (visits: string) => ({
        owner: user_id,
        visits: { $numberInt: visits },
        since: { $date: { $numberLong: "5" } }
      })
      assert.deepStrictEqual(claims(access_token)["user_data"], data("1"))
      assert.deepStrictEqual(claims((yield* refresh(refresh_token)).body["access_token"])["user_data"], data("2"))
    }).pipe(withApps(app))
  })

  it.effect("is left out of the token if there is no document", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      assert.notProperty(claims(access_token), "user_data")
    }).pipe(withApps(fresh({ customUserData: () => undefined })))
  )
})

describe("API keys", () => {
  const keys = (method: "GET" | "POST" | "PUT" | "DELETE", rest: string, token: string | undefined, body?: unknown) =>
    ask(method, `${root}/auth/api_keys${rest}`, { token, ...(body === undefined ? {} : { body }) })

  it.effect("creates, lists, disables, enables and deletes keys, which log their user in", () =>
    Effect.gen(function* () {
      const { refresh_token, user_id } = yield* anonymous()
      const created = yield* keys("POST", "", refresh_token, { name: "ci-1_A" })
      assert.strictEqual(created.status, 201)
      const { _id, key, ...rest } = created.body
      assert.match(_id, /^[0-9a-f]{24}$/)
      assert.deepStrictEqual<unknown>(rest, { name: "ci-1_A", disabled: false })
      assert.isAtLeast(key.length, 40)
      assert.deepStrictEqual(JSON.parse((yield* keys("GET", "", refresh_token)).text), [
        { _id, name: "ci-1_A", disabled: false }
      ])
      assert.deepStrictEqual<unknown>((yield* keys("GET", `/${_id}`, refresh_token)).body, {
        _id,
        name: "ci-1_A",
        disabled: false
      })

      const login = yield* logIn("api-key", { key })
      assert.strictEqual(login.body["user_id"], user_id)
      yield* logIn("api-key", { key })
      const { identities } = JSON.parse((yield* profile(login.body["access_token"])).text) as {
        identities: Array<{ provider_type: string }>
      }
      assert.deepStrictEqual(
        identities.map(({ provider_type }) => provider_type),
        ["anon-user", "api-key"]
      )
      assert.strictEqual((yield* keys("DELETE", `/${_id}`, login.body["refresh_token"])).status, 403)

      const disabled = yield* keys("PUT", `/${_id}/disable`, refresh_token)
      assert.strictEqual(disabled.status, 204)
      assert.deepStrictEqual((yield* logIn("api-key", { key })).body, {
        error: "unauthorized",
        error_code: "AuthError"
      })
      assert.strictEqual((yield* keys("PUT", `/${_id}/enable`, refresh_token)).status, 204)
      assert.strictEqual((yield* keys("PUT", `/${_id}/enable`, refresh_token)).status, 204)
      assert.strictEqual((yield* logIn("api-key", { key })).status, 200)
      assert.strictEqual((yield* keys("DELETE", `/${_id}`, refresh_token)).status, 204)
      assert.strictEqual((yield* logIn("api-key", { key })).status, 401)
      assert.deepStrictEqual(JSON.parse((yield* keys("GET", "", refresh_token)).text), [])
    }).pipe(withApps(app))
  )

  it.effect.each(["disabled", "deleted"])("end the sessions that began with them when they are %s", (how) =>
    Effect.gen(function* () {
      const { refresh_token } = yield* anonymous()
      const refresh = (token: string | undefined) => ask("POST", `${root}/auth/session`, { token })
      const [mine, other] = yield* Effect.forEach(["mine", "other"], (name) =>
        Effect.map(keys("POST", "", refresh_token, { name }), ({ body }) => body)
      )
      const [first, second, third] = yield* Effect.forEach([mine, mine, other], (made) =>
        Effect.map(logIn("api-key", { key: made?.["key"] }), ({ body }) => body)
      )
      assert.strictEqual((yield* refresh(first?.["refresh_token"])).status, 201)
      const path = `/${mine?.["_id"]}`
      yield* how === "disabled" ? keys("PUT", `${path}/disable`, refresh_token) : keys("DELETE", path, refresh_token)
      for (const session of [first, second]) {
        const { body, status } = yield* refresh(session?.["refresh_token"])
        assert.deepStrictEqual([status, body["error_code"]], [401, "InvalidSession"])
        // as after a logout: an access token lives on until it expires
        assert.strictEqual((yield* profile(session?.["access_token"])).status, 200)
      }
      if (how === "disabled") {
        yield* keys("PUT", `${path}/enable`, refresh_token)
        assert.strictEqual((yield* refresh(first?.["refresh_token"])).status, 401)
        assert.strictEqual((yield* logIn("api-key", { key: mine?.["key"] })).status, 200)
      }
      assert.strictEqual((yield* refresh(third?.["refresh_token"])).status, 201)
      assert.strictEqual((yield* refresh(refresh_token)).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("lets a session enable the key again that it began with and disabled, or ends it at its refresh", () =>
    Effect.gen(function* () {
      const { refresh_token } = yield* anonymous()
      const { _id, key } = (yield* keys("POST", "", refresh_token, { name: "ci" })).body
      const [own, another] = yield* Effect.forEach([1, 2], () =>
        Effect.map(logIn("api-key", { key }), ({ body }) => body)
      )
      const refresh = (token: string | undefined) => ask("POST", `${root}/auth/session`, { token })
      assert.strictEqual((yield* keys("PUT", `/${_id}/disable`, own?.["refresh_token"])).status, 204)
      assert.strictEqual((yield* refresh(another?.["refresh_token"])).status, 401)
      assert.strictEqual((yield* keys("PUT", `/${_id}/enable`, own?.["refresh_token"])).status, 204)
      assert.strictEqual((yield* refresh(own?.["refresh_token"])).status, 201)
      assert.strictEqual((yield* keys("PUT", `/${_id}/disable`, own?.["refresh_token"])).status, 204)
      const { body, status } = yield* refresh(own?.["refresh_token"])
      assert.deepStrictEqual([status, body["error_code"]], [401, "InvalidSession"])
      assert.strictEqual((yield* keys("PUT", `/${_id}/enable`, own?.["refresh_token"])).status, 401)
    }).pipe(withApps(app))
  )

  it.effect("rejects invalid requests with a reason", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      const other = yield* anonymous()
      const { _id } = (yield* keys("POST", "", refresh_token, { name: "mine" })).body
      const notFound = { error: "API key not found", error_code: "APIKeyNotFound" }
      const cases = [
        [yield* keys("POST", "", refresh_token, { name: "" }), 400, { error: "'name' is a required string" }],
        [yield* keys("POST", "", refresh_token), 400, { error: "'name' is a required string" }],
        [
          yield* keys("POST", "", refresh_token, { name: "a b" }),
          400,
          {
            error: "can only contain ASCII letters, numbers, underscores, and hyphens",
            error_code: "InvalidParameter"
          }
        ],
        [
          yield* keys("POST", "", refresh_token, { name: "mine" }),
          409,
          {
            error: "API key with name already exists",
            error_code: "APIKeyAlreadyExists"
          }
        ],
        [yield* keys("GET", "/5f1d7f3e9c1b2a0012345678", refresh_token), 404, notFound],
        [yield* keys("GET", `/${_id}`, other["refresh_token"]), 404, notFound],
        [yield* keys("PUT", `/${_id}/disable`, other["refresh_token"]), 404, notFound],
        [yield* keys("DELETE", `/${_id}`, other["refresh_token"]), 404, notFound],
        [yield* keys("GET", "", undefined), 401, { error: "must authenticate first" }],
        [
          yield* keys("GET", "", access_token),
          401,
          { error: "invalid refresh token: incorrect token type", error_code: "InvalidSession" }
        ]
      ] as const
      for (const [{ body, status }, expected, error] of cases) {
        assert.strictEqual(status, expected)
        assert.deepStrictEqual(body, error)
      }
    }).pipe(withApps(app))
  )
})
