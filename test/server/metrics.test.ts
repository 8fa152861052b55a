import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import { App } from "effect-app-services/server"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { anonymous, ask, callFunction, emailPassword, loginPath, path, root, withApps } from "./support.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, emailPassword: true },
  functions: {
    slow: () => TestClock.adjust("20 millis"),
    never: () => Effect.never,
    broken: () => {
      throw new Error("on purpose")
    }
  }
})

/** The counts of a metric's series, by their labels, in a registry of this test. */
const countsOf = Effect.fnUntraced(function* (id: string) {
  const series = (yield* Metric.snapshot).filter((metric) => metric.id === id)
  return Object.fromEntries(
    series.map(({ attributes, state }) => {
      const { unit: _, ...labels } = attributes ?? {}
      return [Object.values(labels).join(" "), "count" in state ? Number(state.count) : NaN]
    })
  )
})

const measured = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  test.pipe(withApps([app], { functionTimeLimit: "1 second" }), Effect.provideService(Metric.MetricRegistry, new Map()))

describe("metrics", () => {
  it.effect("count requests by method and status class, calls and logins by outcome", () =>
    Effect.gen(function* () {
      const { access_token: token } = yield* anonymous()
      yield* callFunction(token, "slow")
      yield* callFunction(token, "slow")
      yield* callFunction(token, "broken")
      yield* callFunction(token, "no such")
      const late = yield* Effect.forkChild(callFunction(token, "never"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      const left = yield* Effect.forkChild(callFunction(token, "never"), { startImmediately: true })
      yield* TestClock.adjust("1 millis")
      yield* Fiber.interrupt(left)
      yield* emailPassword("a@b.c", "wrong horse")
      yield* ask("POST", loginPath("my-app", "no-such-provider"), { body: {} })
      yield* ask("GET", path("my-app", "location"))
      yield* ask("OPTIONS", path("my-app", "location"))
      yield* ask("GET", "/readyz")
      assert.deepStrictEqual(yield* countsOf("app_services_server_function_duration_seconds"), {
        "my-app success": 2,
        "my-app failed": 1,
        "my-app not_found": 1,
        "my-app timeout": 1,
        "my-app interrupted": 1
      })
      assert.deepStrictEqual(yield* countsOf("app_services_server_request_duration_seconds"), {
        "POST 2xx": 3,
        "POST 4xx": 5,
        "POST none": 1,
        "GET 2xx": 1,
        "OPTIONS 2xx": 1
      })
      assert.deepStrictEqual(yield* countsOf("app_services_server_logins_total"), {
        "anon-user success": 1,
        "local-userpass rejected": 1,
        "other rejected": 1
      })
    }).pipe(measured)
  )

  it.effect("count refreshes by outcome, also those whose token is rejected", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token: token } = yield* anonymous()
      const refresh = (token?: string) => Effect.map(ask("POST", `${root}/auth/session`, { token }), (it) => it.status)
      assert.deepStrictEqual(
        [yield* refresh(token), yield* refresh(token), yield* refresh(access_token), yield* refresh()],
        [201, 201, 401, 401]
      )
      // these need a refresh token too, and do not count
      yield* ask("GET", `${root}/auth/api_keys`, { token })
      yield* ask("DELETE", `${root}/auth/session`, { token })
      assert.strictEqual(yield* refresh(token), 401)
      assert.deepStrictEqual(yield* countsOf("app_services_server_refreshes_total"), {
        "my-app success": 2,
        "my-app rejected": 1,
        "unknown rejected": 2
      })
    }).pipe(measured)
  )

  it.effect("measure durations in seconds, and name no user, path or function", () =>
    Effect.gen(function* () {
      const { access_token: token, user_id: user } = yield* anonymous()
      yield* callFunction(token, "slow")
      yield* ask("GET", path("secret-app", "location"))
      const text = yield* PrometheusMetrics.format()
      const series = 'app_services_server_function_duration_seconds_bucket{app="my-app",outcome="success",le='
      assert.include(text, `${series}"0.01"} 0\n`)
      assert.include(text, `${series}"0.025"} 1\n`)
      for (const name of [user, token, "secret-app", "slow", "/api/"]) assert.notInclude(text, name)
    }).pipe(measured)
  )

  it.effect("leave the registry when the server ends", () =>
    Effect.gen(function* () {
      const ids = Effect.map(Metric.snapshot, (all) => all.map(({ id }) => id))
      yield* Effect.gen(function* () {
        yield* anonymous()
        assert.include(yield* ids, "app_services_server_memory_bytes")
      }).pipe(withApps([app]))
      assert.notInclude(yield* ids, "app_services_server_memory_bytes")
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
