/** What a session does while a refresh of it is under way and something else ends or replaces it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Metric, Option, Redacted, Scope, Layer } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials } from "effect-app-services"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")
const bearer = (request: Seen) => request.headers["authorization"] ?? ""
const revoked: Answer = {
  status: 401,
  body: { error: "invalid session: failed to find refresh token", error_code: "InvalidSession" }
}

describe("a refresh under way writes nothing", () => {
  const slow = () =>
    host((request) =>
      isRefresh(request) ? { status: 201, body: { access_token: token() }, after: "3 seconds" } : undefined
    )

  it.effect("does not write after the user logged out", () => {
    const { layer } = slow()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      yield* TestClock.adjust("1 hour")
      const call = yield* Effect.forkChild(failure(user.functions.sum(1, 2)))
      yield* TestClock.adjust("1 second")
      yield* user.logOut
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(call)).reason._tag, "NotLoggedIn")
      assert.strictEqual((yield* user.state)._tag, "LoggedOut")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("does not write after an anonymous user was removed", () => {
    const { layer } = slow()
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      const call = yield* Effect.forkChild(failure(user.functions.sum(1, 2)))
      yield* TestClock.adjust("1 second")
      yield* user.logOut
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      assert.strictEqual((yield* user.state)._tag, "Removed")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("does not write after the layer was closed, and is interrupted", () => {
    let finished = false
    const { layer } = host((request) =>
      isRefresh(request)
        ? Effect.onExit(
            Effect.delay(Effect.succeed({ status: 201, body: { access_token: token() } }), "3 seconds"),
            (exit) =>
              Effect.sync(() => {
                finished = Exit.isSuccess(exit)
              })
          )
        : undefined
    )
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(sdk(layer), scope)
      const user = yield* Effect.provideContext(logIn, context)
      yield* TestClock.adjust("1 hour")
      const call = yield* Effect.forkChild(Effect.exit(user.functions.sum(1, 2)))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(call)))
      yield* TestClock.adjust("10 seconds")
      assert.isFalse(finished)
      const expired = yield* user.refreshToken
      assert.isTrue(Option.isSome(expired))
    })
  })

  it.effect("over the session of a later login", () => {
    let login = 0
    const { layer } = host((request) => {
      if (isRefresh(request)) return { status: 201, body: { access_token: token({ n: "late" }) }, after: "3 seconds" }
      if (!request.path.endsWith("/login")) return undefined
      login++
      return { body: { access_token: token({ n: login }), refresh_token: token({ refresh: login }), user_id: "u" } }
    })
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      const call = yield* Effect.forkChild(user.functions.sum(1, 2))
      yield* TestClock.adjust("1 second")
      yield* logIn
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      assert.strictEqual(Redacted.value(Option.getOrThrow(yield* user.accessToken)), token({ n: 2 }))
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("the host's verdict on a refresh token that was replaced meanwhile", () => {
  const verdictAfterLogin = (isRefused: (request: Seen) => boolean) => {
    let login = 0
    return host((request) => {
      if (isRefused(request) && bearer(request) === `Bearer ${token({ refresh: 1 })}`) {
        return { ...revoked, after: "3 seconds" }
      }
      if (request.path.endsWith("/auth/api_keys")) return { body: [] }
      if (!request.path.endsWith("/login")) return undefined
      login++
      return { body: { access_token: token({ n: login }), refresh_token: token({ refresh: login }), user_id: "u" } }
    })
  }
  const liveSessions = Effect.map(Metric.snapshot, (all) => all.find(({ id }) => id === "app_services_sessions")?.state)

  it.effect("does not end the session of the later login, which the caller gets", () => {
    const { layer } = verdictAfterLogin(isRefresh)
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      const call = yield* Effect.forkChild(user.functions.sum(1, 2))
      yield* TestClock.adjust("1 second")
      yield* logIn
      const before = yield* liveSessions
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      assert.strictEqual((yield* user.state)._tag, "Active")
      assert.isDefined(before)
      assert.deepStrictEqual(yield* liveSessions, before)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("repeats a call of the API key routes with the later one", () => {
    const { layer, seen } = verdictAfterLogin((request) => request.path.endsWith("/auth/api_keys"))
    return Effect.gen(function* () {
      const user = yield* logIn
      const call = yield* Effect.forkChild(user.apiKeys.fetchAll)
      yield* TestClock.adjust("1 second")
      yield* logIn
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(call), [])
      assert.strictEqual(bearer(seen.at(-1)!), `Bearer ${token({ refresh: 2 })}`)
      assert.strictEqual((yield* user.state)._tag, "Active")
    }).pipe(Effect.provide(sdk(layer)))
  })
})
