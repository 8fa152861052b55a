/**
 * Sessions under random interleavings of calls, refreshes, logins, logouts, interrupts, failures and time: whatever the
 * order, no caller waits without end, no session is written that should not be, and store and events agree.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { AppServices, AuthApi, Credentials, TokenStore, type User, type UserEvent } from "effect-app-services"
import { type Answer, scripted, token } from "../support/scripted.ts"

const Command = Schema.Literals([
  "call",
  "call",
  "refresh",
  "logIn",
  "logOut",
  "interrupt",
  "keepAlive",
  "second",
  "half a second",
  "half an hour",
  "works",
  "works",
  "is down",
  "is slow",
  "revokes",
  "refuses calls"
])
type Command = typeof Command.Type

/** A host with one user, whose sessions die by logout and revocation. */
const makeHost = () => {
  let mode: Command = "works"
  let serial = 0
  let refreshing = 0
  const most = { refreshing: 0 }
  const live = new Set<string>()
  const invalid: Answer = { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }
  const { layer, seen } = scripted((request) =>
    Effect.gen(function* () {
      yield* Effect.sleep(mode === "is slow" ? "7 seconds" : "300 millis")
      if (mode === "is down") return "unreachable"
      const bearer = request.headers["authorization"]?.slice("Bearer ".length) ?? ""
      if (request.path.endsWith("/location")) return { body: { hostname: "" } }
      if (request.path.endsWith("/login")) {
        const refreshToken = token({ n: ++serial, typ: "refresh" })
        live.add(refreshToken)
        return { body: { access_token: token({ n: ++serial }), refresh_token: refreshToken, user_id: "u" } }
      }
      if (request.path.endsWith("/session") && request.method === "DELETE") {
        live.delete(bearer)
        return { status: 204 }
      }
      if (request.path.endsWith("/session")) {
        most.refreshing = Math.max(most.refreshing, ++refreshing)
        yield* Effect.sleep("300 millis")
        refreshing--
        if (mode === "revokes") live.clear()
        return live.has(bearer) ? { status: 201, body: { access_token: token({ n: ++serial }) } } : invalid
      }
      return mode === "refuses calls" ? invalid : { body: "1" }
    }).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          refreshing = 0
        })
      )
    )
  )
  return {
    layer,
    seen,
    most,
    set: (next: Command) => {
      mode = next
    }
  }
}

/** A store that takes its time, as one behind a disk or a network does. */
const Slow = Layer.effect(
  KeyValueStore.KeyValueStore,
  Effect.map(KeyValueStore.KeyValueStore, (values) => ({
    ...values,
    get: (key: string) => Effect.delay(values.get(key), "40 millis"),
    set: (key: string, value: string | Uint8Array) => Effect.delay(values.set(key, value), "130 millis"),
    remove: (key: string) => Effect.delay(values.remove(key), "130 millis")
  }))
).pipe(Layer.provide(KeyValueStore.layerMemory))

/** A store that writes at once and tells so later, now and then after what it was asked next. */
const Late = Layer.effect(
  TokenStore,
  Effect.map(TokenStore, (store) => ({
    forApp: (appId: string) => {
      const tokens = store.forApp(appId)
      let nth = 0
      return {
        ...tokens,
        modify: <A>(...args: Parameters<typeof tokens.modify<A>>) =>
          Effect.tap(tokens.modify(...args), () => Effect.sleep(++nth % 2 === 0 ? 20 : 1_200))
      }
    }
  }))
).pipe(Layer.provide(TokenStore.layerMemory))

const stores = {
  memory: TokenStore.layerMemory,
  "slow records": TokenStore.layerKeyValueStore.pipe(Layer.provide(Slow)),
  "late answers": Late
}

/** What the events say of a user. */
const replay = (events: ReadonlyArray<UserEvent>): string => {
  let state = "LoggedOut"
  for (const { _tag } of events) {
    if (_tag === "LoggedIn") state = "LoggedIn"
    if (_tag === "LoggedOut" || _tag === "SessionExpired") state = "LoggedOut"
    if (_tag === "TokenRefreshed")
      assert.strictEqual(state, "LoggedIn", "a token was refreshed for a user who is logged out")
  }
  return state
}

/** The user as the store has it, on a clock that moves. */
const found = Effect.fnUntraced(function* (store: TokenStore["Service"]) {
  const user = yield* Effect.forkChild(store.forApp("my-app").get("u"))
  yield* TestClock.adjust("1 second")
  return yield* Fiber.join(user)
})

const stored = (store: TokenStore["Service"]) =>
  Effect.map(found(store), (user) =>
    Option.isSome(user) && user.value.session !== undefined ? "LoggedIn" : "LoggedOut"
  )

const run = Effect.fnUntraced(function* (commands: ReadonlyArray<Command>, storeLayer: Layer.Layer<TokenStore>) {
  const host = makeHost()
  const storeScope = yield* Scope.make()
  const store = yield* Layer.buildWithScope(storeLayer, storeScope)
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(
    AppServices.layerNoDeps({ appId: "my-app", baseUrl: "http://base.test" }).pipe(
      Layer.provide(host.layer),
      Layer.provide(Layer.succeedContext(store))
    ),
    scope
  )
  const auth = yield* Effect.provideContext(AuthApi, context)
  const events: Array<UserEvent> = []
  auth.addListener((event) => events.push(event))
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  const start = (effect: Effect.Effect<unknown, unknown>) =>
    Effect.map(Effect.forkDetach(effect, { startImmediately: true }), (fiber) => {
      fibers.push(fiber)
    })
  const asUser = (use: (user: User) => Effect.Effect<unknown, unknown>) => start(Effect.flatMap(auth.user("u"), use))

  for (const command of commands) {
    switch (command) {
      case "logIn":
        yield* start(auth.logIn(Credentials.apiKey("0123456789")))
        break
      case "call":
        yield* asUser((user) => user.functions.f())
        break
      case "refresh":
        yield* asUser((user) => user.refreshCustomData)
        break
      case "logOut":
        yield* asUser((user) => user.logOut)
        break
      case "keepAlive":
        yield* asUser((user) => Effect.scoped(Effect.andThen(user.keepAlive, Effect.sleep("1 hour"))))
        break
      case "interrupt": {
        const fiber = fibers.shift()
        if (fiber !== undefined) yield* Effect.forkDetach(Fiber.interrupt(fiber))
        break
      }
      case "second":
      case "half a second":
      case "half an hour":
        yield* TestClock.adjust(command === "second" ? 1_000 : command === "half a second" ? 500 : 1_800_000)
        break
      default:
        host.set(command)
    }
    yield* Effect.yieldNow
  }
  return { host, fibers, events, store: yield* Effect.provideContext(TokenStore, store), scope }
})

for (const [name, layer] of Object.entries(stores)) {
  it.effect.prop(
    `every caller gets an answer afterwards (${name})`,
    { commands: Schema.Array(Command).check(Schema.isMaxLength(40)) },
    ({ commands }) =>
      Effect.gen(function* () {
        const { events, fibers, host, scope, store } = yield* run(["logIn", "second", ...commands], layer)
        host.set("works")
        const all = yield* Effect.forkChild(Effect.forEach(fibers, Fiber.await, { concurrency: "unbounded" }))
        yield* TestClock.adjust("3 hours")
        const exits = yield* Effect.timeoutOption(Fiber.join(all), "1 second").pipe(
          Effect.raceFirst(Effect.andThen(TestClock.adjust("2 seconds"), Effect.never))
        )
        assert.isTrue(Option.isSome(exits), "a caller waits without end")
        for (const exit of Option.getOrThrow(exits)) {
          if (Exit.isFailure(exit))
            assert.deepStrictEqual(
              exit.cause.reasons.filter(({ _tag }) => _tag === "Die"),
              []
            )
        }
        assert.strictEqual(replay(events), yield* stored(store))
        assert.isAtMost(host.most.refreshing, 1)
        yield* Scope.close(scope, Exit.void)
      }),
    { arbitrary: { runs: 150 } }
  )

  it.effect.prop(
    `closed at any moment, nothing is written afterwards (${name})`,
    { commands: Schema.Array(Command).check(Schema.isMaxLength(25)) },
    ({ commands }) =>
      Effect.gen(function* () {
        const { events, fibers, host, scope, store } = yield* run(["logIn", "second", ...commands], layer)
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* Effect.yieldNow
        while (closing.pollUnsafe() === undefined) yield* TestClock.adjust(10)
        const before = [yield* found(store), events.length, host.seen.length]
        const state = yield* stored(store)
        assert.strictEqual(replay(events), state)
        host.set("works")
        yield* TestClock.adjust("3 hours")
        const after = yield* found(store)
        assert.deepStrictEqual(after, before[0])
        assert.strictEqual(events.length, before[1])
        yield* Effect.forkDetach(Fiber.interruptAll(fibers))
      }),
    { arbitrary: { runs: 150 } }
  )
}
