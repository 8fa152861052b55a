import { assert, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Fiber, Layer, Metric, Tracer } from "effect"
import { AppServices, TokenStore } from "effect-app-services"
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

it.effect("calls are counted by outcome and timed", () => {
  let answer: Answer | undefined
  const { layer } = host((request) => (request.path.endsWith("/functions/call") ? answer : undefined))
  return Effect.gen(function* () {
    const user = yield* logIn
    answer = { body: '{"$numberInt":"42"}', after: "3 seconds" }
    const call = yield* Effect.forkChild(user.functions.sum(20, 22))
    yield* TestClock.adjust("3 seconds")
    yield* Fiber.join(call)
    const interrupted = yield* Effect.forkChild(user.functions.sum(20, 22), { startImmediately: true })
    yield* Fiber.interrupt(interrupted)
    answer = { status: 404, body: { error: "function not found: 'sum'", error_code: "FunctionNotFound" } }
    yield* failure(user.functions.sum(20, 22))
    answer = { status: 400, body: { error: "no rule", error_code: "NoMatchingRuleFound" } }
    yield* failure(user.mongoClient("mongodb-atlas").db("a").collection("b").find())
    assert.deepStrictEqual(
      yield* Effect.all(
        ["success", "interrupted", "FunctionNotFound", "RequestRejected", "TransportError"].map((outcome) =>
          read("app_services_calls_total", outcome)
        )
      ),
      [1, 1, 1, 1, undefined]
    )
    assert.strictEqual(yield* read("app_services_call_duration"), 4)
  }).pipe(Effect.provide(sdk(layer)), Effect.provideService(Metric.MetricRegistry, new Map()))
})

it.effect("options are read from the configuration, each as a value or as a Config", () =>
  Effect.gen(function* () {
    const { layer, seen } = host()
    const Live = AppServices.layerConfigNoDeps({
      appId: Config.String("APP_ID"),
      baseUrl: Config.String("APP_BASE_URL"),
      skipLocationRequest: true
    }).pipe(Layer.provide([layer, TokenStore.layerMemory]))
    const program = Effect.provide(logIn, Live, { local: true })
    const provider = ConfigProvider.fromUnknown({ APP_ID: "from-config", APP_BASE_URL: "http://configured.test" })
    yield* Effect.provide(program, ConfigProvider.layer(provider))
    assert.include(seen[0]?.path ?? "", "/app/from-config/auth/providers/anon-user/login")
    const missing = yield* Effect.flip(Effect.provide(program, ConfigProvider.layer(ConfigProvider.fromUnknown({}))))
    assert.strictEqual(missing._tag, "ConfigError")
  })
)
