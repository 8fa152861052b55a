import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as KeyedLock from "../../src/core/keyedLock.ts"

describe("a keyed lock", () => {
  it.effect("runs effects of one key one after the other", () =>
    Effect.gen(function* () {
      const locked = KeyedLock.make()
      let running = 0
      let most = 0
      const work = Effect.gen(function* () {
        most = Math.max(most, ++running)
        yield* Effect.yieldNow
        running--
      })
      yield* Effect.all(
        Array.from({ length: 10 }, () => locked("a")(work)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(most, 1)
    })
  )

  it.effect("does not make effects of other keys wait", () =>
    Effect.gen(function* () {
      const locked = KeyedLock.make()
      const gate = yield* Deferred.make<void>()
      const waiting = yield* Effect.forkChild(locked("a")(Deferred.await(gate)), { startImmediately: true })
      assert.strictEqual(yield* locked("b")(Effect.succeed(1)), 1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(waiting)
    })
  )

  it.effect("passes to the next effect when the holder fails or is interrupted", () =>
    Effect.gen(function* () {
      const locked = KeyedLock.make()
      assert.isTrue(Exit.isFailure(yield* Effect.exit(locked("a")(Effect.fail("no")))))
      const holder = yield* Effect.forkChild(locked("a")(Effect.never), { startImmediately: true })
      const next = yield* Effect.forkChild(locked("a")(Effect.succeed(2)), { startImmediately: true })
      yield* Fiber.interrupt(holder)
      assert.strictEqual(yield* Fiber.join(next), 2)
    })
  )
})
