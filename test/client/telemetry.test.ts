import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")

/** The value of a metric in this test's own registry. */
const read = Effect.fnUntraced(function* (id: string, outcome?: string) {
  const found = (yield* Metric.snapshot).find(
    (metric) => metric.id === id && (outcome === undefined || metric.attributes?.["outcome"] === outcome)
  )
  const state = found?.state
  return state === undefined
    ? undefined
    : "count" in state
      ? Number(state.count)
      : "value" in state
        ? Number(state.value)
        : NaN
})

it.effect("refreshes are counted by outcome and timed, waiting callers and live sessions are gauged", () => {
  let answer: Answer | undefined
  const { layer } = host((request) => (isRefresh(request) ? answer : undefined))
  return Effect.gen(function* () {
    const user = yield* logIn
    const other = yield* logIn
    assert.strictEqual(yield* read("app_services_sessions"), 2)
    yield* user.refreshCustomData
    answer = { status: 503, body: { error: "later" } }
    yield* failure(user.refreshCustomData)
    answer = { status: 201, body: { access_token: token() }, after: "3 seconds" }
    const waiting = yield* Effect.forkChild(
      Effect.all([user.refreshCustomData, user.refreshCustomData], { concurrency: "unbounded" })
    )
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* read("app_services_refresh_waiters"), 2)
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(waiting)
    assert.strictEqual(yield* read("app_services_refresh_waiters"), 0)
    answer = { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }
    yield* failure(user.refreshCustomData)
    yield* other.logOut
    assert.strictEqual(yield* read("app_services_sessions"), 0)
    assert.deepStrictEqual(
      yield* Effect.all(
        ["refreshed", "failed", "expired"].map((outcome) => read("app_services_refreshes_total", outcome))
      ),
      [2, 1, 1]
    )
    assert.strictEqual(yield* read("app_services_refresh_duration"), 4)
    assert.strictEqual(yield* read("app_services_sessions_begun_total"), 2)
  }).pipe(Effect.provide(sdk(layer)), Effect.provideService(Metric.MetricRegistry, new Map()))
})

it.effect("spans tell which operation and function, and how it ended", () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const { layer } = host()
  return Effect.gen(function* () {
    const user = yield* logIn
    yield* TestClock.adjust("1 hour")
    yield* user.functions.sum(1, 2)
    const named = (name: string) => spans.find((span) => span.name === name)
    assert.strictEqual(named("AuthApi.logIn")?.attributes.get("app_services.provider"), "anon-user")
    const call = named("FunctionsApi.call")
    assert.strictEqual(call?.attributes.get("app_services.function"), "sum")
    const refresh = named("Sessions.refresh")
    assert.isDefined(refresh)
    assert.strictEqual(refresh?.status._tag, "Ended")
  }).pipe(Effect.provide(sdk(layer)), Effect.withTracer(tracer))
})
