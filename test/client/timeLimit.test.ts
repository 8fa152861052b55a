import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { HttpClient } from "effect/http"
import { AppServices, ProtocolClient } from "effect-app-services"

/** A transport that never answers, and tells of the requests that were aborted. */
const silent = () => {
  const seen = { sent: 0, aborted: 0 }
  const client = HttpClient.make((_request, _url, signal) =>
    Effect.suspend(() => {
      seen.sent++
      signal.addEventListener("abort", () => seen.aborted++)
      return Effect.never
    })
  )
  return { seen, client }
}

const send = (client: HttpClient.HttpClient, timeout: number) =>
  ProtocolClient.use((protocol) =>
    protocol.execute({ operation: { name: "test", kind: "general" }, method: "GET", path: "/", timeout })
  ).pipe(
    Effect.provide(AppServices.layer({ appId: "a", baseUrl: "http://host.test", skipLocationRequest: true })),
    Effect.provideService(HttpClient.HttpClient, client)
  )

describe("the time limit of a request", () => {
  for (const [clock, run, advance] of [
    ["the system's clock", it.live, Effect.void],
    ["a test's clock", it.effect, TestClock.adjust(20)]
  ] as const) {
    run(`aborts it and says so, by ${clock}`, () => {
      const { client, seen } = silent()
      return Effect.gen(function* () {
        const call = yield* Effect.forkChild(Effect.flip(send(client, 20)), { startImmediately: true })
        yield* Effect.yieldNow
        yield* advance
        const { reason } = yield* Fiber.join(call)
        assert.strictEqual(reason._tag, "RequestTimeout")
        assert.deepStrictEqual(seen, { sent: 1, aborted: 1 })
      })
    })
  }

  it.live("is ignored beyond the maximum of a timer", () => {
    const { client, seen } = silent()
    return Effect.gen(function* () {
      for (const limit of [2 ** 31, Infinity]) {
        const call = yield* Effect.forkChild(send(client, limit), { startImmediately: true })
        yield* Effect.sleep(20)
        assert.isUndefined(call.pollUnsafe())
        yield* Fiber.interrupt(call)
      }
      assert.deepStrictEqual(seen, { sent: 2, aborted: 2 })
    })
  })

  it.live("leaves no timer behind, whether the request is answered or interrupted", () => {
    const { client } = silent()
    const limit = 61_234
    const [started, cleared] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")]
    /** Those of this limit, whatever else the process waits for. */
    const timers = () =>
      started.mock.results.filter(
        ({ value }, nth) =>
          started.mock.calls[nth]?.[1] === limit && !cleared.mock.calls.some(([timer]) => timer === value)
      ).length
    return Effect.gen(function* () {
      const call = yield* Effect.forkChild(send(client, limit), { startImmediately: true })
      yield* Effect.yieldNow
      assert.strictEqual(timers(), 1)
      assert.isTrue(Exit.hasInterrupts(yield* Effect.andThen(Fiber.interrupt(call), Fiber.await(call))))
      assert.strictEqual(timers(), 0)
      const failing = HttpClient.make(() => Effect.die(new Error("broken")))
      assert.isTrue(Exit.hasDies(yield* Effect.exit(send(failing, limit))))
      assert.strictEqual(timers(), 0)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          started.mockRestore()
          cleared.mockRestore()
        })
      )
    )
  })
})
