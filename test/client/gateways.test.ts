import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials } from "effect-app-services"
import { type Answer, host, type Seen } from "../support/scripted.ts"
import { failure, sdk } from "../support/sdk.ts"

const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")
const isLogout = (request: Seen) => request.method === "DELETE" && request.path.endsWith("/auth/session")
const isCall = (request: Seen) => request.path.endsWith("/functions/call")
const isKeys = (request: Seen) => request.path.includes("/api_keys")

const named = AuthApi.use((auth) =>
  auth.logIn(Credentials.emailPassword({ email: "ada@example.com", password: "hunter2hunter2" }))
)

/** What stands between a client and its host says, none of it the host's own form with a code of the protocol. */
const gateways: ReadonlyArray<readonly [string, Answer]> = [
  ["a gateway's 403", { status: 403, body: { error: "Forbidden" } }],
  ["a framework's 403", { status: 403, body: { timestamp: 1, status: 403, error: "Forbidden", path: "/x" } }],
  ["a proxy's 401 in the words of a host", { status: 401, body: { error: "unauthorized" } }],
  ["a cloud's 403", { status: 403, body: { message: "Forbidden" } }],
  ["a page with status 403", { status: 403, body: "<html>no</html>", headers: { "content-type": "text/html" } }],
  ["a page with status 401", { status: 401, body: "<html>log in</html>" }],
  ["an empty 401", { status: 401, body: "" }],
  ["a 403 with a code that is not the protocol's", { status: 403, body: { error: "no", error_code: "ACCESS_DENIED" } }],
  ["a proxy that took the token away", { status: 401, body: { error: "no", error_code: "MissingAuthReq" } }],
  ["a 404 of a route that is missing for a moment", { status: 404, body: { message: "no Route matched" } }]
]

describe.each(gateways)("%s", (_, answer) => {
  it.effect("does not end the session when it answers a refresh", () => {
    let blocked = true
    const { layer } = host((request) => (blocked && isRefresh(request) ? answer : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      yield* TestClock.adjust("1 hour")
      const error = yield* failure(user.functions.sum(1, 2))
      assert.strictEqual(error.reason._tag, "ServerUnavailable")
      assert.isTrue(error.retryable)
      assert.strictEqual((yield* user.state)._tag, "Stale")
      assert.strictEqual(
        (yield* failure(AuthApi.use((auth) => auth.loggedInUser(user.id)))).reason._tag,
        "ServerUnavailable"
      )
      blocked = false
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("near expiry disturbs no caller", () => {
    const { layer, seen } = host((request) => (isRefresh(request) ? answer : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      yield* TestClock.adjust("1770 seconds")
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* user.functions.sum(1, 2), 42)
        yield* TestClock.adjust("5 seconds")
      }
      assert.isTrue(seen.some(isRefresh))
      assert.isTrue(yield* user.isLoggedIn)
      assert.isTrue(Option.isSome(yield* user.refreshToken))
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("does not end the session when it answers the routes of API keys, which take the refresh token", () => {
    const { layer } = host((request) => (isKeys(request) ? answer : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      const error = yield* failure(user.apiKeys.fetchAll)
      assert.notStrictEqual(error.reason._tag, "SessionExpired")
      assert.isTrue(yield* user.isLoggedIn)
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("does not end the session when it answers a call", () => {
    const { layer } = host((request) => (isCall(request) ? answer : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      assert.notStrictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "SessionExpired")
      assert.isTrue(yield* user.isLoggedIn)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("makes a logout fail, after which the user is logged out locally", () => {
    const { layer } = host((request) => (isLogout(request) ? answer : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      assert.strictEqual((yield* failure(user.logOut)).reason._tag, "ServerUnavailable")
      assert.isFalse(yield* user.isLoggedIn)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

const verdicts: ReadonlyArray<readonly [string, number, string]> = [
  ["InvalidSession", 401, "SessionExpired"],
  ["AuthError", 401, "SessionExpired"],
  ["UserAppDomainMismatch", 403, "SessionExpired"],
  ["UserNotFound", 404, "SessionExpired"],
  ["UserDisabled", 401, "UserDisabled"],
  ["UserDisabled", 403, "UserDisabled"]
]

it.effect.each(verdicts)("the host's verdict %s with status %d ends a session: %s", ([code, status, tag]) => {
  const { layer, seen } = host((request) =>
    isRefresh(request) ? { status, body: { error: "no", error_code: code } } : undefined
  )
  return Effect.gen(function* () {
    const user = yield* named
    yield* TestClock.adjust("1 hour")
    const error = yield* failure(user.functions.sum(1, 2))
    assert.deepStrictEqual([error.reason._tag, error.code, error.operation], [tag, code, "FunctionsApi.call(sum)"])
    assert.deepStrictEqual(yield* user.state, { _tag: "LoggedOut", cause: "SessionExpired" })
    assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "NotLoggedIn")
    assert.strictEqual(seen.filter(isRefresh).length, 1)
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("other codes of the protocol and a broken host do not end the session", () =>
  Effect.gen(function* () {
    for (const [status, code] of [
      [400, "BadRequest"],
      [500, "InvalidSession"],
      [429, "InvalidSession"]
    ] as const) {
      const { layer } = host((request) =>
        isRefresh(request) ? { status, body: { error: "no", error_code: code } } : undefined
      )
      yield* Effect.gen(function* () {
        const user = yield* named
        yield* TestClock.adjust("1 hour")
        yield* failure(user.functions.sum(1, 2))
        assert.isTrue(yield* user.isLoggedIn)
      }).pipe(Effect.provide(sdk(layer), { local: true }))
    }
  })
)

const disabled: Answer = { status: 403, body: { error: "user disabled", error_code: "UserDisabled" } }

describe("a disabled user", () => {
  it.effect("is UserDisabled to a call, which ends the session, and has to log in again", () => {
    let on = true
    const { layer } = host((request) => (on && isCall(request) ? disabled : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      yield* TestClock.adjust("1 minute")
      const error = yield* failure(user.functions.sum(1, 2))
      assert.deepStrictEqual([error.reason._tag, error.status], ["UserDisabled", 403])
      assert.include(error.message, "have an operator of the application enable it")
      assert.isFalse(yield* user.isLoggedIn)
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "NotLoggedIn")
      on = false
      assert.strictEqual(yield* (yield* named).functions.sum(1, 2), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect(
    "is UserDisabled to whatever is asked with the refresh token, and to a login with the right password",
    () => {
      const { layer } = host((request) =>
        isKeys(request) || request.body.includes("hunter2hunter2") ? disabled : undefined
      )
      return Effect.gen(function* () {
        const auth = yield* AuthApi
        const user = yield* auth.logIn(Credentials.apiKey("a key"))
        assert.strictEqual((yield* failure(user.apiKeys.fetchAll)).reason._tag, "UserDisabled")
        assert.isFalse(yield* user.isLoggedIn)
        assert.strictEqual((yield* failure(named)).reason._tag, "UserDisabled")
      }).pipe(Effect.provide(sdk(layer)))
    }
  )

  it.effect("is UserDisabled to a stream that ends with it", () => {
    const data = JSON.stringify({ error: "user disabled", error_code: "UserDisabled" })
    const { layer } = host((request) =>
      isCall(request)
        ? { body: `data: 1\n\nevent: error\ndata: ${data}\n\n`, headers: { "content-type": "text/event-stream" } }
        : undefined
    )
    return Effect.gen(function* () {
      const user = yield* named
      const error = yield* failure(Stream.runDrain(user.callFunctionStreaming("ticks")))
      assert.deepStrictEqual([error.reason._tag, error.code], ["UserDisabled", "UserDisabled"])
    }).pipe(Effect.provide(sdk(layer)))
  })
})
