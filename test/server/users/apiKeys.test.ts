import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, ask, loginPath, root, withApps } from "../support.ts"
import { app, profile } from "./app.ts"

const logIn = (provider: string, body: unknown) => ask("POST", loginPath("my-app", provider), { body })

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
