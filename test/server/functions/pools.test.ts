import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import * as Pools from "../../../src/server/functions/pools.ts"

describe("the pools of applications", () => {
  it.effect("leave no gauges behind when an application is replaced", () =>
    Effect.gen(function* () {
      const pools = yield* Pools.make(() => Effect.never, { timeLimitMillis: 1000, memoryLimit: 2 ** 28 })
      const [first, second] = ["first", "second"].map((id) => App.make({ id }))
      assert(first !== undefined && second !== undefined)
      assert.strictEqual(pools.of(first), pools.of(first))
      pools.of(second)
      assert.deepStrictEqual(yield* watched, ["first", "second"])
      yield* pools.retire(first)
      assert.deepStrictEqual(yield* watched, ["first", "second"])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* watched, ["second"])
      // such as a stream that outlives its application, whose rules call a function for each event
      pools.of(first)
      assert.deepStrictEqual(yield* watched, ["second", "first"])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* watched, ["second"])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()), Effect.scoped)
  )
})

/** The applications whose processes are measured, in the order of their registration. */
const watched = Effect.map(Metric.snapshot, (metrics) =>
  metrics
    .filter(({ id }) => id === "app_services_server_function_processes")
    .map(({ attributes }) => attributes?.["app"])
)
