import { assert, describe, it } from "@effect/vitest"
import { Context, type Duration, Effect, Layer, Option, type Redacted, Scope } from "effect"
import * as Mongo from "effect-app-services/mongodb"
import { App, Database, MongoWire } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { HttpClient, HttpClientRequest } from "effect/http"
import { RateBuckets } from "../../../src/server/model/RateBuckets.ts"
import { type State, TriggerPositions } from "../../../src/server/triggers/TriggerPositions.ts"

const wired = App.make({ id: "shared", mongodb: { m: "closed" } })

/** A port that plays MongoDB. */
const withMongo = <A, E>(use: (uri: Redacted.Redacted) => Effect.Effect<A, E, Scope.Scope>) =>
  MongoWire.MongoWire.use(({ uri }) => Effect.flatMap(Effect.orDie(uri()), use)).pipe(
    Effect.scoped,
    Effect.provide(MongoWire.layer(wired).pipe(Layer.provide(Database.Database.layerMemory)), { local: true })
  )

/** What one server has: connections of its own. */
const server = (uri: Redacted.Redacted, leaseTime?: Duration.Input) =>
  Layer.build(Layer.fresh(Mongo.layerCoordination({ uri, leaseTime })))

const key = { appId: "shop", name: "it" }
const state: State = {
  position: "7",
  status: "running",
  runs: 1,
  failures: 0,
  lastRun: { at: 1, millis: 2, failed: false }
}

describe("the positions of triggers in MongoDB", () => {
  it.live("gives a lease to one server at a time, with a token that is greater each time", () =>
    withMongo((uri) =>
      Effect.gen(function* () {
        const [a, b] = [yield* server(uri), yield* server(uri)].map(Context.get(TriggerPositions))
        if (a === undefined || b === undefined) return assert.fail()
        const both = yield* Effect.all([a.acquire(key), b.acquire(key)], { concurrency: "unbounded" })
        assert.lengthOf(both.filter(Option.isSome), 1)
        const [first, second] = Option.isSome(both[0]) ? [a, b] : [b, a]
        const { lease, state: none } = Option.getOrThrow(Option.orElse(both[0], () => both[1]))
        assert.strictEqual(lease.fence, 1)
        assert.isUndefined(none)
        assert.deepStrictEqual(yield* first.save([{ lease, state }]), [])
        yield* first.renew(lease)
        assert.isTrue(Option.isNone(yield* second.acquire(key)))
        assert.deepStrictEqual(yield* second.states("shop"), new Map([["it", state]]))
        yield* first.release(lease)
        const taken = Option.getOrThrow(yield* second.acquire(key))
        assert.deepStrictEqual(taken, { lease: { key, fence: 2 }, state })
        assert.strictEqual((yield* Effect.flip(first.renew(lease)))._tag, "LeaseLost")
        const late = { ...state, position: "8" }
        assert.deepStrictEqual(yield* first.save([{ lease, state: late }]), [lease])
        // releases nothing that is not its own
        yield* first.release(lease)
        assert.isTrue(Option.isNone(yield* first.acquire(key)))
        assert.deepStrictEqual(yield* second.states("shop"), new Map([["it", state]]))
      })
    )
  )

  it.live("gives a lease that was not renewed to another server", () =>
    withMongo((uri) =>
      Effect.gen(function* () {
        const [a, b] = [yield* server(uri, "300 millis"), yield* server(uri, "300 millis")].map(
          Context.get(TriggerPositions)
        )
        if (a === undefined || b === undefined) return assert.fail()
        const { lease } = Option.getOrThrow(yield* a.acquire(key))
        const wait: Effect.Effect<number, unknown> = Effect.flatMap(b.acquire(key), (held) =>
          Option.isSome(held)
            ? Effect.succeed(held.value.lease.fence)
            : Effect.andThen(
                Effect.sleep("20 millis"),
                Effect.suspend(() => wait)
              )
        )
        assert.strictEqual(yield* wait, 2)
        assert.strictEqual((yield* Effect.flip(a.renew(lease)))._tag, "LeaseLost")
      })
    )
  )

  it.live("resumes a trigger through a server that does not run it, once", () =>
    withMongo((uri) =>
      Effect.gen(function* () {
        const [a, b] = [yield* server(uri), yield* server(uri)].map(Context.get(TriggerPositions))
        if (a === undefined || b === undefined) return assert.fail()
        assert.isFalse(yield* b.resume(key, undefined))
        const { lease } = Option.getOrThrow(yield* a.acquire(key))
        assert.deepStrictEqual(yield* a.save([{ lease, state }]), [])
        assert.isFalse(yield* b.resume(key, undefined))
        const suspended: State = { ...state, status: "suspended", reason: "lost" }
        assert.deepStrictEqual(yield* a.save([{ lease, state: suspended }]), [])
        assert.deepStrictEqual(
          yield* Effect.all([b.resume(key, "9"), b.resume(key, "9")], { concurrency: "unbounded" }).pipe(
            Effect.map((all) => all.filter(Boolean))
          ),
          [true]
        )
        assert.deepStrictEqual(yield* a.states("shop"), new Map([["it", { ...state, position: "9" }]]))
        // the server that had it has lost it
        assert.strictEqual((yield* Effect.flip(a.renew(lease)))._tag, "LeaseLost")
        assert.strictEqual(Option.getOrThrow(yield* a.acquire(key)).lease.fence, 3)
      })
    )
  )
})

describe("the token buckets of rate limits in MongoDB", () => {
  const bucket = { of: "account", key: "a", tokens: 1, limit: 3, refillMillis: 60_000 } as const

  it.live("takes tokens from the buckets of all servers, and none for a refused attempt", () =>
    withMongo((uri) =>
      Effect.gen(function* () {
        const [a, b] = [yield* server(uri), yield* server(uri)].map(Context.get(RateBuckets))
        if (a === undefined || b === undefined) return assert.fail()
        const remaining = (it: RateBuckets["Service"], take: object = {}) =>
          Effect.map(it.take({ ...bucket, ...take }), ([remaining]) => remaining)
        const all = yield* Effect.all([remaining(a), remaining(b), remaining(a)], { concurrency: "unbounded" })
        assert.deepStrictEqual(
          all.toSorted((a, b) => a - b),
          [0, 1, 2]
        )
        assert.strictEqual(yield* remaining(b), -1)
        assert.strictEqual(yield* remaining(a), -1)
        assert.strictEqual(yield* remaining(a, { tokens: -1 }), 1)
        assert.strictEqual(yield* remaining(b), 0)
        assert.strictEqual(yield* remaining(b, { key: "b" }), 2)
        assert.strictEqual(yield* remaining(b, { of: "address" }), 2)
        // gives back no more than there were
        assert.strictEqual(yield* remaining(b, { key: "c", tokens: -5 }), 3)
      })
    )
  )

  it.live("refills buckets by MongoDB's clock", () =>
    withMongo((uri) =>
      Effect.gen(function* () {
        const buckets = Context.get(yield* server(uri), RateBuckets)
        const take = buckets.take({ ...bucket, refillMillis: 200 })
        for (const expected of [2, 1, 0]) assert.isAtLeast((yield* take)[0], expected)
        const again: Effect.Effect<unknown, unknown> = Effect.flatMap(take, ([remaining, elapsed]) => {
          assert.isAtLeast(elapsed, 0)
          return remaining < 0
            ? Effect.andThen(
                Effect.sleep("20 millis"),
                Effect.suspend(() => again)
              )
            : take
        })
        yield* again
      })
    )
  )
})

describe("the rate limits of many servers", () => {
  const app = App.make({ id: "shop", providers: { emailPassword: true } })

  it.live("counts wrong passwords over all servers, and lets none through while MongoDB is away", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const built = yield* Layer.buildWithScope(
        MongoWire.layer(wired).pipe(Layer.provide(Database.Database.layerMemory), Layer.fresh),
        scope
      )
      const uri = yield* Effect.orDie(Context.get(built, MongoWire.MongoWire).uri())
      const client = { serverSelectionTimeoutMS: 500 }
      const one = () =>
        Layer.build(
          Layer.fresh(
            TestServer.layer(app, {
              server: { coordination: Layer.fresh(Mongo.layerCoordination({ uri, client })) }
            })
          )
        )
      const servers = [yield* one(), yield* one(), yield* one()]
      const attempt = (i: number) => {
        const http = Context.get(servers[i % servers.length] ?? Context.empty(), HttpClient.HttpClient)
        const request = HttpClientRequest.post(
          "http://x.test/api/client/v2.0/app/shop/auth/providers/local-userpass/login"
        ).pipe(HttpClientRequest.bodyJsonUnsafe({ username: "a@b.c", password: "wrong-1" }))
        return Effect.map(http.execute(request), ({ headers, status }) => ({
          status,
          retryAfter: headers["retry-after"]
        }))
      }
      const answers = yield* Effect.forEach(Array.from({ length: 30 }), (_, i) => attempt(i))
      assert.lengthOf(
        answers.filter(({ status }) => status === 401),
        10
      )
      assert.lengthOf(
        answers.filter(({ status }) => status === 429),
        20
      )
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      assert.deepStrictEqual(yield* attempt(0), { status: 503, retryAfter: "2" })
    }).pipe(Effect.scoped)
  )
})
