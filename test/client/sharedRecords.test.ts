/** What several processes rely on, over records that fail, hang and lose touch when a test says so. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Deferred, Effect, Fiber, Layer, Logger, Option, Queue, Redacted, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AppServices, AuthApi, TokenRecords, TokenStore, TokenStoreError, type UserEvent } from "effect-app-services"
import { sharing } from "effect-app-services/client/TokenRecords"
import type { StoredUser } from "effect-app-services/client/TokenStore"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { host, token } from "../support/scripted.ts"
import { failure } from "../support/sdk.ts"

const away = Effect.fail(new TokenStoreError({ message: "the engine is away" }))
type Notice = { readonly id: string; readonly note: string }

/** How long a lease of the engine lasts, in milliseconds. */
const lease = 10_000

/** An engine in memory: `reads`, `acquires` and `listens` are counted, `answer` stands before each operation. */
const engine = () => {
  const held = new Map<string, { readonly text: string; readonly revision: string }>()
  const leases = new Map<string, number>()
  let serial = 0
  const state = {
    reads: 0,
    acquires: 0,
    listens: 0,
    answer: Effect.void as Effect.Effect<void, TokenStoreError>,
    listen: Effect.void as Effect.Effect<void, TokenStoreError>,
    notices: Effect.runSync(Queue.unbounded<Notice, TokenStoreError>())
  }
  const counted = <A>(name: "reads" | "acquires" | "listens", operation: Effect.Effect<A, TokenStoreError>) =>
    Effect.suspend(() => {
      state[name]++
      return operation
    })
  const answered = <A>(operation: () => A) => Effect.suspend(() => Effect.map(state.answer, operation))
  const records = TokenRecords.of({
    read: (_, id) =>
      counted(
        "reads",
        answered(() => Option.fromUndefinedOr(held.get(id)))
      ),
    replace: (_, id, revision, text) =>
      answered(() => {
        if (held.get(id)?.revision !== Option.getOrUndefined(revision)) return false
        if (Option.isSome(text)) held.set(id, { text: text.value, revision: `${++serial}` })
        else held.delete(id)
        return true
      }),
    ids: () => answered(() => [...held.keys()]),
    setAside: () => Effect.void,
    shared: {
      sharing,
      process: "this",
      maxAge: 10_000,
      acquire: (_, id) =>
        counted(
          "acquires",
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            answered(() => {
              const left = (leases.get(id) ?? now) - now
              if (left <= 0) leases.set(id, now + lease)
              return Math.max(left, 0)
            })
          )
        ),
      release: (_, id) => answered(() => void leases.delete(id)),
      notices: () =>
        counted(
          "listens",
          Effect.suspend(() => Effect.map(state.listen, () => Stream.fromQueue(state.notices)))
        )
    }
  })
  const layer = Layer.succeed(TokenRecords, records)
  return Object.assign(state, {
    records,
    layer,
    /** The default notice of another process. */
    say: (id: string, tag: string, process = "other") =>
      Queue.offer(state.notices, { id, note: JSON.stringify({ process, events: [{ _tag: tag }] }) }),
    put: (user: StoredUser) =>
      Effect.flatMap(tokensOver(layer), (tokens) => tokens.modify(user.id, () => [undefined, Option.some(user)]))
  })
}

const userOf = (id: string, lifetime = 1_800): StoredUser => ({
  id,
  providerType: "api-key",
  session: {
    accessToken: Redacted.make(token({ sub: id })),
    refreshToken: Redacted.make(token({ sub: id, typ: "refresh" })),
    receivedAt: 0,
    expiresAt: lifetime * 1_000
  }
})

const sdkOver = (records: Layer.Layer<TokenRecords>) =>
  AppServices.layerNoDeps({ appId: "my-app", baseUrl: "http://base.test", skipLocationRequest: true }).pipe(
    Layer.provide(host(() => undefined).layer),
    Layer.provide(TokenStore.layerRecords),
    Layer.provide(records),
    Layer.provide(Logger.layer([]))
  )
const call = (id: string) =>
  AuthApi.use((auth) => Effect.flatMap(auth.user(id), ({ functions }) => functions.sum(1, 2)))

const tokensOver = (records: Layer.Layer<TokenRecords>) =>
  Effect.map(Layer.build(Layer.fresh(TokenStore.layerRecords).pipe(Layer.provide(records))), (context) =>
    Context.get(context, TokenStore).forApp("my-app")
  )

describe("a store that is away", () => {
  it.effect("holds up one look at what is known, none after it, and is looked at again now and then", () =>
    Effect.gen(function* () {
      const store = engine()
      yield* store.put(userOf("a"))
      const tokens = yield* tokensOver(store.layer)
      yield* tokens.get("a")
      store.answer = Effect.delay(away, "5 seconds")
      yield* TestClock.adjust("11 seconds")
      const first = yield* Effect.forkScoped(tokens.get("a"), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(Option.isSome(yield* Fiber.join(first)))
      store.reads = 0
      for (let second = 0; second < 60; second++) {
        // nothing but the test moves the clock: an answer that waited would never come
        assert.isTrue(Option.isSome(yield* tokens.get("a")))
        yield* TestClock.adjust("1 second")
      }
      assert.isTrue(store.reads >= 6 && store.reads <= 12, `${store.reads} looks in a minute`)
      store.answer = Effect.void
      yield* TestClock.adjust("10 seconds")
      yield* tokens.get("a")
      store.reads = 0
      yield* TestClock.adjust("11 seconds")
      yield* tokens.get("a")
      assert.strictEqual(store.reads, 1, "one that is back is believed again")
    })
  )

  it.effect("does not take a good token from a process that has lost touch", () =>
    Effect.gen(function* () {
      const store = engine()
      yield* store.put(userOf("a"))
      const heard = yield* Effect.gen(function* () {
        yield* call("a")
        store.answer = away
        store.listen = away
        yield* Queue.fail(store.notices, new TokenStoreError({ message: "connection lost" }))
        yield* TestClock.adjust("1 second")
        return yield* call("a")
      }).pipe(Effect.provide(sdkOver(store.layer)))
      assert.strictEqual(heard, 42)
    })
  )

  it.effect("is not asked to listen again and again at once, and is heard when it is back", () =>
    Effect.gen(function* () {
      const store = engine()
      yield* store.put(userOf("a"))
      yield* Queue.fail(store.notices, new TokenStoreError({ message: "no subscription" }))
      yield* Effect.gen(function* () {
        const events: Array<UserEvent> = []
        yield* AuthApi.use((auth) => Effect.sync(() => auth.addListener((event) => events.push(event))))
        yield* TestClock.adjust("1 minute")
        assert.isTrue(store.listens >= 5 && store.listens <= 16, `${store.listens} attempts in a minute`)
        store.notices = yield* Queue.unbounded<Notice, TokenStoreError>()
        yield* TestClock.adjust("10 seconds")
        yield* store.say("a", "LoggedOut")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["LoggedOut"]
        )
      }).pipe(Effect.provide(sdkOver(store.layer)))
    })
  )

  it.effect("is not asked for a new token by every call near expiry", () =>
    Effect.gen(function* () {
      const store = engine()
      yield* store.put(userOf("a"))
      yield* TestClock.adjust("1770 seconds")
      yield* Effect.gen(function* () {
        yield* AuthApi.use((auth) => auth.user("a"))
        store.answer = away
        for (let nth = 0; nth < 50; nth++) {
          assert.strictEqual(yield* call("a"), 42)
          yield* TestClock.adjust("10 millis")
        }
        assert.strictEqual(store.acquires, 1)
      }).pipe(Effect.provide(sdkOver(store.layer)))
    })
  )
})

it.effect("a change is known at once, also behind a profile that takes long to read", () =>
  Effect.gen(function* () {
    const store = engine()
    yield* Effect.all([store.put(userOf("a")), store.put(userOf("b"))])
    yield* Effect.gen(function* () {
      yield* Effect.all([call("a"), call("b")])
      store.answer = Effect.sleep("5 seconds")
      yield* store.say("a", "ProfileChanged")
      yield* store.say("b", "LoggedOut")
      yield* TestClock.adjust("10 millis")
      store.answer = away
      assert.strictEqual((yield* failure(call("b"))).reason._tag, "StoreUnavailable", "b is no longer cached")
    }).pipe(Effect.provide(sdkOver(store.layer)))
  })
)

it.effect.each(["at once", "later"])("a logout whose answer was lost is known when it was made: %s", (when) =>
  Effect.gen(function* () {
    const store = engine()
    const { records } = store
    yield* store.put(userOf("a"))
    let late: Effect.Effect<unknown, TokenStoreError> = Effect.void
    const lossy = Layer.succeed(TokenRecords, {
      ...records,
      replace: (...args) => {
        late = records.replace(...args)
        return when === "later" ? away : Effect.andThen(late, away)
      }
    })
    yield* Effect.gen(function* () {
      yield* call("a")
      const events: Array<string> = []
      yield* AuthApi.use((auth) => Effect.sync(() => auth.addListener(({ _tag }) => events.push(_tag))))
      const user = yield* AuthApi.use((auth) => auth.user("a"))
      assert.strictEqual((yield* failure(user.logOut)).reason._tag, "StoreUnavailable")
      if (when === "later") {
        assert.strictEqual(yield* call("a"), 42)
        yield* late
      }
      yield* store.say("a", "LoggedOut", records.shared?.process)
      yield* TestClock.adjust("10 millis")
      assert.strictEqual((yield* failure(call("a"))).reason._tag, "NotLoggedIn")
      assert.deepStrictEqual(events, ["LoggedOut"])
    }).pipe(Effect.provide(sdkOver(lossy)))
  })
)

it.effect("a process that dies while it refreshes delays the others by what is left of its lease", () =>
  Effect.gen(function* () {
    const store = engine()
    const tokens = yield* tokensOver(store.layer)
    yield* store.records.shared!.acquire("my-app", "a", "dead")
    yield* TestClock.adjust("4 seconds")
    const work = Effect.succeed(Result.fail("to do"))
    const waiting = yield* Effect.forkScoped(tokens.shared!.exclusively("a", work, Effect.succeed), {
      startImmediately: true
    })
    yield* TestClock.adjust("5999 millis")
    assert.isUndefined(waiting.pollUnsafe())
    // those that wait do not ask all at once
    yield* TestClock.adjust("25 millis")
    assert.isDefined(waiting.pollUnsafe())
  })
)

it.effect("a lease whose answer never came is given back when the engine goes on", () =>
  Effect.gen(function* () {
    const store = engine()
    const tokens = yield* tokensOver(store.layer)
    const taken = yield* Deferred.make<string>()
    const released = yield* Deferred.make<string>()
    let attempts = 0
    const { records } = store
    const lost = Layer.succeed(TokenRecords, {
      ...records,
      shared: {
        ...records.shared!,
        acquire: (app, id, holder) =>
          Effect.andThen(
            records.shared!.acquire(app, id, holder),
            Effect.andThen(Deferred.succeed(taken, holder), away)
          ),
        release: (app, id, holder) =>
          Effect.suspend(() =>
            attempts++ < 3
              ? away
              : Effect.andThen(records.shared!.release(app, id, holder), Deferred.succeed(released, holder))
          )
      }
    })
    const unlucky = yield* tokensOver(lost)
    const work = Effect.succeed(Result.fail("to do"))
    assert.strictEqual(
      (yield* Effect.flip(unlucky.shared!.exclusively("a", work, Effect.succeed))).message,
      "the engine is away"
    )
    yield* TestClock.adjust("1500 millis")
    assert.strictEqual(yield* Deferred.await(released), yield* Deferred.await(taken))
    assert.strictEqual(yield* tokens.shared!.exclusively("a", work, Effect.succeed), "to do")
  })
)

it.effect("nothing is kept of users whose work is done", () =>
  Effect.gen(function* () {
    const store = engine()
    const tokens = yield* tokensOver(store.layer)
    setFlagsFromString("--expose-gc")
    const collect: () => void = runInNewContext("gc")
    const used = () => {
      collect()
      const { external, heapUsed } = process.memoryUsage()
      return (external + heapUsed) / 1024 ** 2
    }
    const before = used()
    for (let nth = 0; nth < 100; nth++) {
      const id = Buffer.alloc(1024 ** 2, `${nth} `).toString("latin1")
      yield* tokens.shared!.exclusively(id, Effect.succeed(Result.fail(nth)), Effect.succeed)
    }
    assert.isBelow(used() - before, 70, "MB that 100 ids of 1 MB left behind")
  })
)
