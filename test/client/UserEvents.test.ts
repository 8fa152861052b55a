import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Option, Schedule, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, type UserEvent } from "effect-app-services"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { withJumps } from "../support/clock.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")
const revoked: Answer = {
  status: 401,
  body: { error: "invalid session: failed to find refresh token", error_code: "InvalidSession" }
}
const tags = (events: ReadonlyArray<UserEvent>) => events.map(({ _tag }) => _tag)

/** Collects what a stream emits, from now on. */
const collect = Effect.fnUntraced(function* <A, E>(stream: Stream.Stream<A, E>) {
  const seen: Array<A> = []
  yield* Effect.forkScoped(
    Stream.runForEach(stream, (value) => Effect.sync(() => seen.push(value))),
    { startImmediately: true }
  )
  yield* Effect.yieldNow
  return seen
})

describe("events", () => {
  it.effect("say nothing of a refresh that fails after the user logged out", () => {
    const { layer } = host((request) =>
      isRefresh(request) ? { status: 400, body: { error: "not now" }, after: "3 seconds" } : undefined
    )
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      const mine = yield* collect(user.events)
      yield* TestClock.adjust("1 hour")
      const call = yield* Effect.forkChild(failure(user.functions.sum(1, 2)))
      yield* TestClock.adjust("1 second")
      yield* user.logOut
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual(tags(mine), ["RefreshStarted", "LoggedOut"])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("tell a session's story, in order, with sequence and time", () => {
    let data = 1
    const { layer } = host((request) =>
      isRefresh(request)
        ? { status: 201, body: { access_token: token({ user_data: { visits: ++data } }) } }
        : request.path.endsWith("/profile")
          ? { body: { identities: [], data: { email: "a@b.c" }, type: "normal" } }
          : undefined
    )
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const all = yield* collect(auth.events)
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      const mine = yield* collect(user.events)
      yield* TestClock.adjust("1 hour")
      yield* user.functions.sum(1, 2)
      yield* user.profile
      yield* user.refreshProfile
      yield* auth.switchUser(user.id)
      yield* user.logOut
      yield* logIn
      yield* Effect.yieldNow
      const story = ["RefreshStarted", "TokenRefreshed", "CustomDataChanged", "ProfileChanged", "Switched", "LoggedOut"]
      assert.deepStrictEqual(tags(mine), story)
      assert.deepStrictEqual(tags(all), ["LoggedIn", ...story, "LoggedIn"])
      assert.deepStrictEqual(
        all.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 5, 6, 7, 8]
      )
      assert.strictEqual(all[2].at, 3_600_000)
      assert.isTrue(mine.every(({ userId }) => userId === user.id))
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("tell that an anonymous user is removed, and that a host ended a session", () => {
    const { layer } = host((request) => (isRefresh(request) ? revoked : undefined))
    return Effect.gen(function* () {
      const seen = yield* collect((yield* AuthApi).events)
      const anonymous = yield* logIn
      yield* anonymous.logOut
      const user = yield* logIn
      yield* failure(user.refreshCustomData)
      yield* Effect.yieldNow
      assert.deepStrictEqual(tags(seen), [
        "LoggedIn",
        "LoggedOut",
        "Removed",
        "LoggedIn",
        "RefreshStarted",
        "SessionExpired"
      ])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("come after the store was written", () => {
    const { layer } = host((request) => (isRefresh(request) ? revoked : undefined))
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const context = yield* Effect.context<never>()
      const found: Array<string> = []
      auth.addListener(({ _tag, userId }) => {
        const state = Effect.runSyncWith(context)(
          Effect.flatMap(auth.user(userId), (user) => user.state).pipe(Effect.option)
        )
        found.push(`${_tag} ${Option.match(state, { onNone: () => "Removed", onSome: ({ _tag }) => _tag })}`)
      })
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      yield* failure(user.refreshCustomData)
      assert.deepStrictEqual(
        found.filter((line) => !line.startsWith("Refresh")),
        ["LoggedIn Active", "SessionExpired Refreshing"].map((line) =>
          line.replace("SessionExpired Refreshing", "SessionExpired LoggedOut")
        )
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a slow subscriber neither holds anything back nor grows: it misses the oldest", () => {
    const { layer } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const seen: Array<number> = []
      const slow = Stream.runForEach(auth.events, ({ sequence }) => {
        seen.push(sequence)
        return Effect.sleep("1 minute")
      })
      yield* Effect.forkScoped(slow, { startImmediately: true })
      yield* Effect.yieldNow
      yield* Effect.forEach(Array.from({ length: 1000 }), () => logIn, { discard: true })
      yield* TestClock.adjust("20 hours")
      assert.isBelow(seen.length, 600)
      assert.strictEqual(seen.at(-1), 1000)
      assert.deepStrictEqual(
        seen,
        seen.toSorted((a, b) => a - b)
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("end when the layer closes", () => {
    const { layer } = host()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(sdk(layer), scope)
      const auth = yield* Effect.provideContext(AuthApi, context)
      const reader = yield* Effect.forkChild(Effect.exit(Stream.runDrain(auth.events)), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(reader)
    })
  })
})

describe("listeners, as Realm has them", () => {
  it.effect("hear the events of their user, through whichever handle they were added", () => {
    const { layer } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* logIn
      const heard: Array<string> = []
      const listener = ({ _tag }: UserEvent) => heard.push(_tag)
      user.addListener(listener)
      user.addListener(listener)
      yield* logIn
      yield* user.refreshCustomData
      assert.deepStrictEqual(heard, ["RefreshStarted", "TokenRefreshed"])
      const same = yield* auth.user(user.id)
      same.removeListener(listener)
      same.removeListener(listener)
      yield* user.refreshCustomData
      assert.strictEqual(heard.length, 2)
      user.addListener(listener)
      user.removeAllListeners()
      yield* user.refreshCustomData
      assert.strictEqual(heard.length, 2)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a listener that throws, rejects or removes another does not affect the others", () => {
    const { layer } = host()
    const logged: Array<string> = []
    const Logs = Logger.layer([Logger.make((entry) => void logged.push(JSON.stringify(entry.message)))])
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const heard: Array<string> = []
      const last = () => heard.push("last")
      const removed = () => heard.push("removed")
      auth.addListener(() => {
        throw new Error("thrown")
      })
      auth.addListener(() => Promise.reject(new Error("rejected")))
      auth.addListener(() => auth.removeListener(removed))
      auth.addListener(removed)
      auth.addListener(last)
      yield* logIn
      const failed = () => logged.filter((line) => line.includes("a listener of user events failed")).length
      while (failed() < 2) yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      assert.deepStrictEqual(heard, ["last"])
      assert.strictEqual(failed(), 2)
    }).pipe(Effect.provide(Layer.merge(sdk(layer), Logs)))
  })

  it.effect("delivers events that a listener causes after the event it received", () => {
    const { layer } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const context = yield* Effect.context<never>()
      const heard: Array<string> = []
      let done: Promise<unknown> = Promise.resolve()
      auth.addListener(({ _tag, userId }) => {
        if (_tag !== "TokenRefreshed") return
        done = Effect.runPromiseWith(context)(
          Effect.gen(function* () {
            const user = yield* auth.user(userId)
            yield* user.accessToken
            yield* user.logOut
          })
        )
      })
      auth.addListener(({ _tag }) => heard.push(_tag))
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      yield* user.refreshCustomData
      yield* Effect.promise(() => done)
      assert.deepStrictEqual(heard, ["LoggedIn", "RefreshStarted", "TokenRefreshed", "LoggedOut"])
      assert.strictEqual((yield* user.state)._tag, "LoggedOut")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("the state of a user", () => {
  it.effect("is a value and a stream, and says why", () => {
    let answer: Answer | undefined = { status: 503, body: { error: "later" } }
    const { layer } = host((request) => (isRefresh(request) ? answer : undefined))
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.apiKey("0123456789"))
      const seen = yield* collect(user.states)
      yield* TestClock.adjust("1 hour")
      yield* failure(user.functions.sum(1, 2))
      const stale = yield* user.state
      assert.strictEqual(stale._tag, "Stale")
      if (stale._tag === "Stale") {
        assert.strictEqual(stale.since, 3_600_000)
        assert.strictEqual(stale.error.reason._tag, "ServerUnavailable")
      }
      yield* TestClock.adjust("1 hour")
      yield* failure(user.functions.sum(1, 2))
      const still = yield* user.state
      assert.strictEqual(still._tag === "Stale" && still.since, 3_600_000)
      answer = undefined
      yield* user.functions.sum(1, 2)
      answer = revoked
      yield* failure(user.refreshCustomData)
      assert.deepStrictEqual(yield* user.state, { _tag: "LoggedOut", cause: "SessionExpired" })
      yield* Effect.yieldNow
      const story = seen.map(({ _tag }) => _tag)
      assert.deepStrictEqual([story[0], story.at(-1)], ["Active", "LoggedOut"])
      assert.includeMembers(story, ["Stale"])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is Refreshing while a new token is fetched", () => {
    const { layer } = host((request) =>
      isRefresh(request) ? { status: 201, body: { access_token: token() }, after: "3 seconds" } : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      const refresh = yield* Effect.forkChild(user.refreshCustomData, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([(yield* user.state)._tag, yield* user.isLoggedIn], ["Refreshing", true])
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(refresh)
      assert.strictEqual((yield* user.state)._tag, "Active")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("a session that is kept alive", () => {
  const refreshes = (seen: ReadonlyArray<Seen>) => seen.filter(isRefresh).length

  it.effect("is refreshed ahead of expiry, until the scope closes", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      const scope = yield* Scope.make()
      yield* Scope.provide(user.keepAlive, scope)
      yield* TestClock.adjust("27 minutes")
      assert.strictEqual(refreshes(seen), 0)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(refreshes(seen), 1)
      yield* TestClock.adjust("10 hours")
      assert.isAtLeast(refreshes(seen), 20)
      const before = refreshes(seen)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("10 hours")
      assert.strictEqual(refreshes(seen), before)
    }).pipe(Effect.provide(sdk(layer)))
  })

  const week = 7 * 24 * 3_600_000
  it.effect.each([
    ["stands still", 0],
    ["goes on", week]
  ] as const)("costs one refresh after a week's sleep of a machine whose monotonic clock %s", ([, monotonic]) => {
    const { layer, seen } = host()
    return withJumps((jump) =>
      Effect.gen(function* () {
        const user = yield* logIn
        yield* user.keepAlive
        yield* user.keepAlive
        yield* user.keepAlive
        yield* TestClock.adjust("10 minutes")
        jump({ wall: week, monotonic })
        yield* TestClock.adjust("19 minutes")
        assert.strictEqual(refreshes(seen), 1)
      }).pipe(Effect.provide(sdk(layer)), Effect.scoped)
    )
  })

  it.effect("survives a week offline: tries follow the schedule, and the first one after it succeeds", () => {
    let offline = false
    const { layer, seen } = host((request) => (isRefresh(request) && offline ? "unreachable" : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      const events = yield* collect(user.events)
      yield* user.keepAlive
      offline = true
      yield* TestClock.adjust("7 days")
      const tried = refreshes(seen)
      // a try each hour, give or take the first half hour
      assert.isAtLeast(tried, 166)
      assert.isAtMost(tried, 169)
      assert.strictEqual((yield* user.state)._tag, "Stale")
      offline = false
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* user.state)._tag, "Active")
      assert.isAtMost(refreshes(seen), tried + 3)
      assert.strictEqual(tags(events).filter((tag) => tag === "SessionExpired" || tag === "LoggedOut").length, 0)
    }).pipe(Effect.provide(sdk(layer, { keepAliveSchedule: Schedule.spaced("1 hour") })), Effect.scoped)
  })

  it.effect("ends with the session", () => {
    const { layer, seen } = host((request) => (isRefresh(request) ? revoked : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* user.keepAlive
      yield* TestClock.adjust("10 days")
      assert.strictEqual(refreshes(seen), 1)
      assert.strictEqual((yield* user.state)._tag, "LoggedOut")
      assert.strictEqual((yield* failure(user.keepAlive)).reason._tag, "NotLoggedIn")
    }).pipe(Effect.provide(sdk(layer)), Effect.scoped)
  })

  it.effect("can be every session of an application", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const [first] = yield* Effect.all([logIn, logIn, logIn])
      yield* TestClock.adjust("29 minutes")
      assert.strictEqual(refreshes(seen), 3)
      yield* first.logOut
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual(refreshes(seen), 5)
    }).pipe(Effect.provide(sdk(layer, { keepAlive: true })))
  })

  it.effect("is not hurried by a host whose tokens hardly live", () => {
    const dead = token({ iat: 1_000, exp: 1_000 })
    const { layer, seen } = host((request) =>
      isRefresh(request) ? { status: 201, body: { access_token: dead } } : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* user.refreshCustomData
      yield* user.keepAlive
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(refreshes(seen), 61)
    }).pipe(Effect.provide(sdk(layer)), Effect.scoped)
  })
})
