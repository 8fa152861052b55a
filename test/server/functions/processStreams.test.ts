import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, type User } from "effect-app-services"
import { TestServer } from "effect-app-services/testing"
import { listening, load } from "./support.ts"

const sources = {
  array: "exports = () => [1, 'two', { three: BSON.Long.fromNumber(3) }]",
  value: "exports = () => 42",
  generator: "exports = function* (n) { for (let i = 0; i < n; i++) yield i }",
  asynchronous: "exports = async function* (n) { for (let i = 0; i < n; i++) { await null; yield i } }",
  endless: `exports = async function* () {
    const steps = context.services.get("m").db("d").collection("steps")
    try {
      for (let n = 0; ; n++) {
        await steps.insertOne({ n })
        yield n
      }
    } finally {
      console.log("closed after " + await steps.count({}))
    }
  }`,
  breaks: "exports = function* () { yield 1; throw new TypeError('broken') }",
  cyclic: "exports = function* () { const value = {}; value.self = value; yield value }",
  refuses: "exports = () => { throw new Error('no stream') }",
  hangs: "exports = function* () { yield 1; console.log('begun'); for (;;); }",
  g: "exports = () => 'g'"
}

const program = <A, E>(run: Effect.Effect<A, E, AuthApi>, logs: Layer.Layer<never> = Layer.empty) =>
  Effect.flatMap(load(sources), (app) => Effect.provide(run, Layer.provideMerge(TestServer.layer(app), logs)))

const user = Effect.flatMap(AuthApi, (auth) => auth.logIn(Credentials.anonymous()))

const streaming =
  (user: User) =>
  (name: string, ...args: ReadonlyArray<unknown>) =>
    user.callFunctionStreaming(name, ...args)

describe("a stream of a function of an exported application", () => {
  it.effect("yields what the function does, one after the other", () =>
    program(
      Effect.gen(function* () {
        const stream = streaming(yield* user)
        const all = (name: string, ...args: ReadonlyArray<unknown>) => Stream.runCollect(stream(name, ...args))
        assert.deepStrictEqual(yield* all("array"), [1, "two", { three: 3 }])
        assert.deepStrictEqual(yield* all("value"), [42])
        assert.deepStrictEqual(yield* all("generator", 3), [0, 1, 2])
        assert.deepStrictEqual(yield* all("asynchronous", 3), [0, 1, 2])
        assert.deepStrictEqual(yield* all("asynchronous", 0), [])
      })
    )
  )

  it.effect("yields as much as is read, and ends the function when its reader stops", () =>
    Effect.gen(function* () {
      const { expect, layer, lines } = yield* listening
      yield* program(
        Effect.gen(function* () {
          const stream = streaming(yield* user)
          assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(stream("endless"), 3)), [0, 1, 2])
          const closed = yield* Effect.forkChild(
            Effect.raceAll([3, 4, 5, 6, 7, 8, 9].map((n) => expect(`closed after ${n}`))),
            { startImmediately: true }
          )
          yield* Fiber.join(closed)
          assert.lengthOf(
            lines.filter((line) => line.startsWith("closed")),
            1
          )
        }),
        layer
      )
    })
  )

  it.effect.each([
    ["breaks", 1, /TypeError: broken/],
    ["cyclic", 0, /the function's result cannot be sent: the value at "self" contains itself/],
    ["refuses", 0, /Error: no stream/]
  ] as const)("that %s fails after %i events", ([name, count, message]) =>
    program(
      Effect.gen(function* () {
        const stream = streaming(yield* user)
        const seen: Array<unknown> = []
        const error = yield* Effect.flip(
          Stream.runForEach(stream(name), (event) => Effect.sync(() => seen.push(event)))
        )
        assert.lengthOf(seen, count)
        assert.match(error.message, message)
      })
    )
  )

  it.effect("fails at the time limit if it stops yielding, while others are served", () =>
    Effect.gen(function* () {
      const { expect, layer } = yield* listening
      yield* program(
        Effect.gen(function* () {
          const me = yield* user
          const stream = streaming(me)
          const begun = yield* Effect.forkChild(expect("begun"), { startImmediately: true })
          const reading = yield* Effect.forkChild(Effect.flip(Stream.runDrain(stream("hangs"))))
          yield* Fiber.join(begun)
          assert.strictEqual(yield* me.callFunction("g"), "g")
          yield* TestClock.adjust("90 seconds")
          assert.match((yield* Fiber.join(reading)).message, /execution time limit exceeded/)
        }),
        layer
      )
    })
  )
})
