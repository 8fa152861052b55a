import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, Sessions } from "effect-app-services"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { withJumps } from "../support/clock.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")
const isCall = (request: Seen) => request.path.endsWith("/functions/call")
const refreshes = (seen: ReadonlyArray<Seen>) => seen.filter(isRefresh).length
const calls = (seen: ReadonlyArray<Seen>) => seen.filter(isCall).length
const bearer = (request: Seen) => request.headers["authorization"] ?? ""
const invalidSession: Answer = { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }
const revoked: Answer = {
  status: 401,
  body: { error: "invalid session: failed to find refresh token", error_code: "InvalidSession" }
}

describe("an access token", () => {
  it.effect("is answered without a request while it is far from expiry", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("28 minutes")
      yield* user.functions.sum(1, 2)
      assert.strictEqual(refreshes(seen), 0)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is renewed behind the answer when it is near expiry", () => {
    const { layer, seen } = host((request) =>
      isRefresh(request)
        ? Effect.delay(Effect.succeed({ status: 201, body: { access_token: token({ n: "new" }) } }), "5 seconds")
        : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      const old = yield* user.accessToken
      yield* TestClock.adjust("1770 seconds")
      assert.deepStrictEqual(yield* user.accessToken, old)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(refreshes(seen), 1)
      assert.strictEqual(
        Option.map(yield* user.accessToken, Redacted.value).pipe(Option.getOrThrow),
        token({ n: "new" })
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is renewed before the answer when it has expired", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("30 minutes")
      yield* user.functions.sum(1, 2)
      assert.deepStrictEqual(
        seen.slice(-2).map(({ path }) => path.split("/").at(-1)),
        ["session", "call"]
      )
      assert.strictEqual(calls(seen), 1)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each([-24, 24])("lives as long with a device clock that is off by %d hours", (hours) => {
    const now = 1_700_000_000
    const { layer, seen } = host((request) =>
      request.path.endsWith("/login")
        ? { body: { access_token: token({ iat: now, exp: now + 1800 }), refresh_token: token(), user_id: "u" } }
        : undefined
    )
    return Effect.gen(function* () {
      yield* TestClock.setTime((now + hours * 3600) * 1000)
      const user = yield* logIn
      for (let i = 0; i < 20; i++) yield* user.functions.sum(1, 2)
      assert.strictEqual(refreshes(seen), 0)
      yield* TestClock.adjust("31 minutes")
      yield* user.functions.sum(1, 2)
      assert.strictEqual(refreshes(seen), 1)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each([-24, 24])("costs no refresh when the wall clock is set by %d hours while it is in use", (hours) => {
    const { layer, seen } = host((request) => (isCall(request) ? { body: "1", after: "1 second" } : undefined))
    return withJumps((jump) =>
      Effect.gen(function* () {
        const user = yield* logIn
        for (let i = 0; i < 10; i++) {
          const call = yield* Effect.forkChild(user.functions.sum(1, 2), { startImmediately: true })
          yield* Effect.yieldNow
          jump({ wall: hours * 3_600_000, monotonic: 0 })
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(call)
        }
        assert.deepStrictEqual([refreshes(seen), calls(seen)], [0, 10])
        yield* TestClock.adjust("31 minutes")
        const last = yield* Effect.forkChild(user.functions.sum(1, 2))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(last)
        assert.strictEqual(refreshes(seen), 1)
      }).pipe(Effect.provide(sdk(layer)))
    )
  })

  it.effect("refreshes and repeats once after it expired while the machine slept", () => {
    let stale = false
    const { layer, seen } = host((request) => {
      if (isRefresh(request)) stale = false
      return isCall(request) && stale ? invalidSession : undefined
    })
    return withJumps((jump) =>
      Effect.gen(function* () {
        const user = yield* logIn
        jump({ wall: 3_600_000, monotonic: 0 })
        stale = true
        assert.strictEqual(yield* user.functions.sum(1, 2), 42)
        assert.deepStrictEqual([refreshes(seen), calls(seen)], [1, 2])
      }).pipe(Effect.provide(sdk(layer)))
    )
  })
})

describe("a refresh that fails", () => {
  it.effect("is not tried again before the host's Retry-After is over, and callers are told at once", () => {
    let limited = true
    const { layer, seen } = host((request) =>
      isRefresh(request) && limited
        ? { status: 429, body: { error: "slow down" }, headers: { "retry-after": "120" } }
        : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      for (let i = 0; i < 5; i++) {
        assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "RateLimited")
        yield* TestClock.adjust("20 seconds")
      }
      assert.strictEqual(refreshes(seen), 1)
      limited = false
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
      assert.strictEqual(refreshes(seen), 2)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("pauses between attempts while the token is still valid", () => {
    const { layer, seen } = host((request) =>
      isRefresh(request) ? { status: 503, body: { error: "later" } } : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1770 seconds")
      for (let i = 0; i < 29; i++) {
        yield* user.functions.sum(1, 2)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(calls(seen), 29)
      assert.isAtMost(refreshes(seen), 3)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("a refresh", () => {
  it.effect("is one for a thousand concurrent calls with an expired token", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      const answers = yield* Effect.forEach(Array.from({ length: 1000 }), () => user.functions.sum(1, 2), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([answers.length, refreshes(seen), calls(seen)], [1000, 1, 1000])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is one for a hundred concurrent calls that are all refused", () => {
    const { layer, seen } = host((request) =>
      isCall(request) && bearer(request).includes(".stale") ? invalidSession : undefined
    )
    const stale = token().replace(/signature$/, "stale")
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const user = yield* logIn
      yield* sessions.begin(
        "test",
        {
          user_id: user.id,
          access_token: Redacted.make(stale),
          refresh_token: Redacted.make(token({ typ: "refresh" }))
        },
        "anon-user"
      )
      yield* Effect.forEach(Array.from({ length: 100 }), () => user.functions.sum(1, 2), { concurrency: "unbounded" })
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [1, 200])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is not asked for by a call whose refused token is not the stored one any more", () => {
    let first = true
    const held = Deferred.makeUnsafe<void>()
    const { layer, seen } = host((request) => {
      if (!isCall(request) || !first) return undefined
      first = false
      return Effect.as(Deferred.await(held), invalidSession)
    })
    return Effect.gen(function* () {
      const user = yield* logIn
      const slow = yield* Effect.forkChild(user.functions.sum(1, 2), { startImmediately: true })
      yield* Effect.yieldNow
      yield* user.refreshCustomData
      yield* Deferred.succeed(held, undefined)
      assert.strictEqual(yield* Fiber.join(slow), 42)
      assert.strictEqual(refreshes(seen), 1)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("goes on for the others when the caller who began it is interrupted", () => {
    const { layer, seen } = host((request) =>
      isRefresh(request) ? { status: 201, body: { access_token: token() }, after: "3 seconds" } : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      const began = yield* Effect.forkChild(user.functions.sum(1, 2))
      const waits = yield* Effect.forkChild(user.functions.sum(1, 2))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(began)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(waits), 42)
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [1, 1])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("never affects another user", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const users = yield* Effect.all(Array.from({ length: 50 }, () => logIn))
      yield* TestClock.adjust("1 hour")
      yield* Effect.forEach(
        users.flatMap((user) => [user, user, user]),
        (user) => user.functions.whoAmI(user.id),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [50, 150])
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("a server that always answers 401", () => {
  it.effect("sees two calls and one refresh, then SessionExpired", () => {
    const { layer, seen } = host((request) => (isCall(request) ? invalidSession : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      const error = yield* failure(user.functions.sum(1, 2))
      assert.strictEqual(error.reason._tag, "SessionExpired")
      assert.include(error.message, "log in again")
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [1, 2])
      assert.isTrue(yield* user.isLoggedIn)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("gets the same number of requests without a code, and does not end the session", () => {
    const { layer, seen } = host((request) =>
      isCall(request) ? { status: 401, body: { error: "unauthorized" } } : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "Unauthorized")
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [1, 2])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("for another reason sees one call and no refresh", () => {
    const { layer, seen } = host((request) =>
      isCall(request) ? { status: 401, body: { error: "signature is invalid" } } : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "Unauthorized")
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [0, 1])
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("the end of a session", () => {
  it.effect("comes with the host's verdict on the refresh token, for every caller", () => {
    const { layer, seen } = host((request) => (isRefresh(request) ? revoked : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      const errors = yield* Effect.forEach(Array.from({ length: 20 }), () => failure(user.functions.sum(1, 2)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(errors.map(({ reason }) => reason._tag)), new Set(["SessionExpired"]))
      assert.strictEqual(errors[0].code, "InvalidSession")
      assert.deepStrictEqual([refreshes(seen), calls(seen)], [1, 0])
      assert.deepStrictEqual(
        [(yield* user.state)._tag, yield* user.accessToken, yield* user.refreshToken],
        ["LoggedOut", Option.none(), Option.none()]
      )
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "NotLoggedIn")
    }).pipe(Effect.provide(sdk(layer)))
  })

  const passing: ReadonlyArray<readonly [string, Answer, string]> = [
    ["a network failure", "unreachable", "TransportError"],
    ["a broken connection", "dies mid-answer", "TransportError"],
    ["a 503", { status: 503, body: { error: "later" } }, "ServerUnavailable"],
    ["a 429", { status: 429, body: { error: "slow down" } }, "RateLimited"],
    ["a proxy's 401 page", { status: 401, body: "<html>proxy login</html>" }, "ServerUnavailable"],
    ["a portal's page with status 200", { body: "<html>welcome</html>" }, "InvalidResponse"]
  ]
  it.effect.each(passing)("does not come with %s", ([, answer, tag]) => {
    let broken = true
    const { layer } = host((request) => (isRefresh(request) && broken ? answer : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, tag)
      assert.strictEqual((yield* user.state)._tag, "Stale")
      broken = false
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("logging out", () => {
  it.effect("forgets the tokens and ends the session at the host", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      const refreshToken = Redacted.value(Option.getOrThrow(yield* user.refreshToken))
      yield* user.logOut
      assert.deepStrictEqual([seen.at(-1)!.method, seen.at(-1)!.path], ["DELETE", "/api/client/v2.0/auth/session"])
      assert.strictEqual(seen.at(-1)!.headers["authorization"], `Bearer ${refreshToken}`)
      assert.deepStrictEqual([(yield* user.state)._tag, yield* user.accessToken], ["LoggedOut", Option.none()])
      yield* user.logOut
      assert.strictEqual(seen.filter(({ method }) => method === "DELETE").length, 1)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("succeeds when the host has forgotten the session already", () => {
    const { layer } = host((request) => (request.method === "DELETE" ? revoked : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* user.logOut
      assert.strictEqual((yield* user.state)._tag, "Removed")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("removes the session while offline and fails because the host was not told", () => {
    const { layer } = host((request) => (request.method === "DELETE" ? "unreachable" : undefined))
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      assert.strictEqual((yield* failure(user.logOut)).reason._tag, "TransportError")
      assert.strictEqual((yield* user.state)._tag, "LoggedOut")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

it.effect("custom data is that of the token, decoded, and renewed on request", () => {
  const { layer } = host((request) =>
    isRefresh(request)
      ? { status: 201, body: { access_token: token({ user_data: { visits: { $numberInt: "2" } } }) } }
      : request.path.endsWith("/login")
        ? {
            body: {
              access_token: token({
                user_data: { visits: { $numberInt: "1" }, since: { $date: { $numberLong: "5" } } }
              }),
              refresh_token: token(),
              user_id: "u"
            }
          }
        : undefined
  )
  return Effect.gen(function* () {
    const user = yield* logIn
    assert.deepStrictEqual(yield* user.customData, { visits: 1, since: new Date(5) })
    assert.deepStrictEqual(yield* user.refreshCustomData, { visits: 2 })
    assert.deepStrictEqual(yield* user.customData, { visits: 2 })
  }).pipe(Effect.provide(sdk(layer)))
})
