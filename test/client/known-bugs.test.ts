/**
 * Bugs that other session libraries had, or have: each is a test here, named after what happened there.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Redacted, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { KeyValueStore } from "effect/persistence"
import { AppServices, AuthApi, Credentials, TokenStore, type UserEvent } from "effect-app-services"
import { inspect } from "node:util"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { withJumps } from "../support/clock.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")
const isCall = (request: Seen) => request.path.endsWith("/functions/call")
const count = (seen: ReadonlyArray<Seen>, what: (request: Seen) => boolean) => seen.filter(what).length
const revoked: Answer = {
  status: 401,
  body: { error: "invalid session: failed to find refresh token", error_code: "InvalidSession" }
}
const named = AuthApi.use((auth) => auth.logIn(Credentials.apiKey("0123456789")))

/** A process of its own over a store that outlives it. */
const process = (transport: ReturnType<typeof host>["layer"]) =>
  AppServices.layerNoDeps({ appId: "my-app", baseUrl: "http://base.test", retrySchedule: Schedule.recurs(0) }).pipe(
    Layer.provide([TokenStore.layerKeyValueStore, transport])
  )
const inProcess =
  (transport: ReturnType<typeof host>["layer"]) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, process(transport), { local: true })

it.effect("supabase auth-js #762: work inside a state callback deadlocks every tab", () => {
  const { layer } = host()
  return Effect.gen(function* () {
    const auth = yield* AuthApi
    const context = yield* Effect.context<never>()
    const inside: Array<Promise<unknown>> = []
    auth.addListener(({ _tag, userId }: UserEvent) => {
      if (_tag !== "TokenRefreshed") return
      inside.push(Effect.runPromiseWith(context)(Effect.flatMap(auth.user(userId), (user) => user.functions.sum(1, 2))))
    })
    const user = yield* logIn
    yield* TestClock.adjust("1 hour")
    yield* user.functions.sum(1, 2)
    assert.deepStrictEqual(yield* Effect.promise(() => Promise.all(inside)), [42])
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("supabase-js #2344: a listener registered at start-up with a token near expiry deadlocks", () => {
  const { layer, seen } = host()
  return Effect.gen(function* () {
    const { id } = yield* inProcess(layer)(logIn)
    yield* TestClock.adjust("1750 seconds")
    yield* Effect.gen(function* () {
      const user = yield* (yield* AuthApi).user(id)
      const heard: Array<string> = []
      user.addListener(({ _tag }) => heard.push(_tag))
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, ["RefreshStarted", "TokenRefreshed"])
    }).pipe(inProcess(layer))
    assert.strictEqual(count(seen, isRefresh), 1)
  }).pipe(Effect.provide(KeyValueStore.layerMemory))
})

it.effect("supabase-js #2145: one bad refresh becomes tens of thousands of requests an hour", () => {
  const { layer, seen } = host((request) => (isRefresh(request) ? revoked : undefined))
  return Effect.gen(function* () {
    const user = yield* named
    yield* user.keepAlive
    yield* TestClock.adjust("1 hour")
    for (let i = 0; i < 100; i++) yield* failure(user.functions.sum(1, 2))
    yield* TestClock.adjust("1 day")
    assert.strictEqual(count(seen, isRefresh), 1)
  }).pipe(Effect.provide(sdk(layer)), Effect.scoped)
})

it.effect("supabase-js #2436: an error of the refresh destroys a session whose access token is still valid", () => {
  const { layer } = host((request) =>
    isRefresh(request) ? { status: 400, body: { error: "odd", error_code: "BadRequest" } } : undefined
  )
  return Effect.gen(function* () {
    const user = yield* named
    yield* TestClock.adjust("1770 seconds")
    assert.strictEqual(yield* user.functions.sum(1, 2), 42)
    yield* TestClock.adjust("5 seconds")
    assert.strictEqual(yield* user.functions.sum(1, 2), 42)
    assert.isTrue(yield* user.isLoggedIn)
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("supabase-flutter #828: status 429 is taken for a dead session", () => {
  const { layer } = host((request) =>
    isRefresh(request) ? { status: 429, body: { message: "Too many requests" } } : undefined
  )
  return Effect.gen(function* () {
    const user = yield* named
    yield* TestClock.adjust("1 hour")
    assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "RateLimited")
    assert.strictEqual((yield* user.state)._tag, "Stale")
    assert.isTrue(Option.isSome(yield* user.refreshToken))
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("auth-js #926, firebase-js-sdk #6032: a fast device clock makes every fresh token look expired", () => {
  const iat = 1_700_000_000
  const fresh = token({ iat, exp: iat + 1_800 })
  const { layer, seen } = host((request) =>
    request.path.endsWith("/login")
      ? { body: { access_token: fresh, refresh_token: token(), user_id: "u" } }
      : undefined
  )
  return Effect.gen(function* () {
    yield* TestClock.setTime((iat + 2 * 3_600) * 1_000)
    const user = yield* logIn
    for (let i = 0; i < 20; i++) yield* user.accessToken
    assert.strictEqual(count(seen, isRefresh), 0)
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("auth0-spa-js #973, nhost-js-sdk #65: callers that wake up together all refresh", () => {
  const { layer, seen } = host((request) =>
    isRefresh(request) ? { status: 201, body: { access_token: token() }, after: "1 second" } : undefined
  )
  return Effect.gen(function* () {
    const user = yield* named
    yield* TestClock.adjust("1 hour")
    const calls = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: 100 }), () => Effect.delay(user.functions.sum(1, 2), "1 minute"), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("2 minutes")
    yield* Fiber.join(calls)
    assert.strictEqual(count(seen, isRefresh), 1)
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("auth0-spa-js #343: after the laptop slept an expired token is served", () => {
  const { layer, seen } = host((request) =>
    isCall(request) && count(seen, isRefresh) === 0
      ? { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }
      : undefined
  )
  return withJumps((jump) =>
    Effect.gen(function* () {
      const user = yield* named
      jump({ wall: 8 * 3_600_000, monotonic: 0 })
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
      assert.deepStrictEqual([count(seen, isRefresh), count(seen, isCall)], [1, 2])
    }).pipe(Effect.provide(sdk(layer)))
  )
})

it.effect("realm-core #6837: logging out during a refresh brings the user back", () => {
  const { layer } = host((request) =>
    isRefresh(request) ? { status: 201, body: { access_token: token() }, after: "5 seconds" } : undefined
  )
  return Effect.gen(function* () {
    const user = yield* named
    const refresh = yield* Effect.forkChild(Effect.exit(user.refreshCustomData))
    yield* TestClock.adjust("1 second")
    yield* user.logOut
    yield* TestClock.adjust("1 minute")
    assert.isTrue(Exit.isFailure(yield* Fiber.join(refresh)))
    assert.deepStrictEqual(yield* user.state, { _tag: "LoggedOut", cause: "LoggedOut" })
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("realm-core #4745, #4882: a revoked session is refreshed without end, or never noticed", () => {
  const { layer, seen } = host((request) =>
    isRefresh(request)
      ? revoked
      : isCall(request)
        ? { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }
        : undefined
  )
  return Effect.gen(function* () {
    const user = yield* named
    assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "SessionExpired")
    assert.deepStrictEqual([count(seen, isRefresh), count(seen, isCall)], [1, 1])
    assert.deepStrictEqual(yield* user.state, { _tag: "LoggedOut", cause: "SessionExpired" })
  }).pipe(Effect.provide(sdk(layer)))
})

const badStarts: ReadonlyArray<readonly [string, Answer]> = [
  ["unreachable", "unreachable"],
  ["broken", { status: 500, body: { error: "boom" } }],
  ["odd", { status: 400, body: { error: "odd", error_code: "BadRequest" } }],
  ["behind a portal", { body: "<html>please sign in</html>" }]
]
it.effect.each(badStarts)(
  "realm-js #6554, flowerbase-client, firebase: starting with a stored user while the host is %s logs out",
  ([, answer]) => {
    const well = host()
    const ill = host(() => answer)
    return Effect.gen(function* () {
      const { id } = yield* inProcess(well.layer)(named)
      yield* TestClock.adjust("1 day")
      yield* Effect.gen(function* () {
        const user = yield* (yield* AuthApi).user(id)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(user.functions.sum(1, 2))))
        assert.isTrue(yield* user.isLoggedIn)
      }).pipe(inProcess(ill.layer))
      const found = yield* inProcess(well.layer)(
        Effect.flatMap(AuthApi, (auth) => Effect.flatMap(auth.user(id), (user) => user.functions.sum(1, 2)))
      )
      assert.strictEqual(found, 42)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  }
)

it.effect("amplify-js #13387: one request gets another user's tokens", () => {
  const { layer, seen } = host((request) =>
    isRefresh(request)
      ? { status: 201, body: { access_token: token({ of: request.headers["authorization"] }) } }
      : undefined
  )
  return Effect.gen(function* () {
    const users = yield* Effect.all(Array.from({ length: 20 }, () => logIn))
    yield* TestClock.adjust("1 hour")
    yield* Effect.forEach(users, (user) => user.functions.whoAmI(user.id), { concurrency: "unbounded" })
    for (const user of users) {
      const mine = Redacted.value(Option.getOrThrow(yield* user.refreshToken))
      const call = seen.find((request) => isCall(request) && request.body.includes(`"${user.id}"`))
      assert.strictEqual(call?.headers["authorization"], `Bearer ${token({ of: `Bearer ${mine}` })}`)
    }
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("auth-js #529: several refreshes in each cycle", () => {
  const { layer, seen } = host()
  return Effect.gen(function* () {
    const user = yield* named
    for (let i = 0; i < 5; i++) yield* user.keepAlive
    yield* TestClock.adjust("29 minutes")
    assert.strictEqual(count(seen, isRefresh), 1)
    yield* TestClock.adjust("29 minutes")
    assert.strictEqual(count(seen, isRefresh), 2)
  }).pipe(Effect.provide(sdk(layer)), Effect.scoped)
})

it.effect("auth-js #1036: retries cannot be stopped by the caller", () => {
  const { layer } = host((request) => (isRefresh(request) ? "unreachable" : undefined))
  return Effect.gen(function* () {
    const user = yield* named
    yield* TestClock.adjust("1 hour")
    const call = yield* Effect.forkChild(user.functions.sum(1, 2))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.interrupt(call)
    assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(call)))
  }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.spaced("1 hour") })))
})

it.effect("realm-web: an endless loop at a lasting 401", () => {
  const { layer, seen } = host((request) =>
    isCall(request) ? { status: 401, body: { error: "unauthorized" } } : undefined
  )
  return Effect.gen(function* () {
    const user = yield* logIn
    assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "Unauthorized")
    assert.deepStrictEqual([count(seen, isRefresh), count(seen, isCall)], [1, 2])
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("realm-web, firebase: JSON.stringify(user) and inspect print tokens, and throw after logging out", () => {
  const { layer } = host()
  return Effect.gen(function* () {
    const user = yield* named
    const secret = Redacted.value(Option.getOrThrow(yield* user.refreshToken))
    yield* user.logOut
    for (const text of [JSON.stringify(user), inspect(user, { depth: 10, showHidden: true })]) {
      assert.include(text, user.id)
      assert.notInclude(text, secret)
    }
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("realm-web: an anonymous login after an anonymous logout returns the logged-out user", () => {
  const { layer } = host()
  return Effect.gen(function* () {
    const first = yield* logIn
    yield* first.logOut
    const second = yield* logIn
    assert.notStrictEqual(second.id, first.id)
    assert.strictEqual(yield* second.functions.sum(1, 2), 42)
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("realm-web: the caller's argument object is changed by a call", () => {
  const { layer } = host()
  return Effect.gen(function* () {
    const argument = { gone: undefined, kept: { also: undefined } }
    yield* (yield* logIn).functions.f(argument)
    assert.deepStrictEqual(Object.keys(argument), ["gone", "kept"])
  }).pipe(Effect.provide(sdk(layer)))
})
