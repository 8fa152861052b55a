import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials } from "effect-app-services"
import { App } from "effect-app-services/server"
import { Faults, TestServer } from "effect-app-services/testing"
import { failure } from "../support/sdk.ts"

let calls = 0
const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  functions: { sum: (a: number, b: number) => (calls++, a + b) }
})

const logIn = AuthApi.use((auth) => auth.logIn(Credentials.anonymous()))
const server = (...faults: ReadonlyArray<Faults.Rule>) => TestServer.layer(app, { faults })
const reasonOf = (fault: Faults.Fault) =>
  Effect.gen(function* () {
    const user = yield* logIn
    return (yield* failure(user.functions.sum(1, 2))).reason
  }).pipe(Effect.provide(server({ on: "/functions/call", fault })))

describe("faults by rule", () => {
  it.effect("the third call is refused, and a refresh mends it", () => {
    calls = 0
    return Effect.gen(function* () {
      const user = yield* logIn
      for (let i = 1; i <= 4; i++) assert.strictEqual(yield* user.functions.sum(i, i), 2 * i)
      assert.strictEqual(calls, 4)
    }).pipe(Effect.provide(server({ on: "/functions/call", nth: 3, fault: Faults.invalidSession })))
  })

  it.effect("a Retry-After is waited for", () =>
    Effect.gen(function* () {
      const user = yield* logIn
      const profile = yield* Effect.forkChild(user.refreshProfile)
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(profile.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(profile)
    }).pipe(Effect.provide(server({ on: "/auth/profile", times: 2, fault: Faults.tooManyRequests("5 seconds") })))
  )

  it.effect("latency passes on the test's clock, a hanging request ends by the timeout", () =>
    Effect.gen(function* () {
      const user = yield* logIn
      const slow = yield* Effect.forkChild(user.functions.sum(1, 2))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(slow), 3)
      const hanging = yield* Effect.forkChild(failure(user.functions.sum(1, 2)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(hanging)).reason._tag, "RequestTimeout")
    }).pipe(
      Effect.provide(
        server(
          { on: "/functions/call", nth: 1, fault: Faults.delay("2 seconds") },
          { on: "/functions/call", nth: [2, 3], fault: Faults.hang }
        )
      )
    )
  )

  it.effect("each way to break an answer is an error of its own", () =>
    Effect.gen(function* () {
      calls = 0
      assert.strictEqual((yield* reasonOf(Faults.unreachable))._tag, "TransportError")
      assert.strictEqual((yield* reasonOf(Faults.invalidSession))._tag, "SessionExpired")
      assert.strictEqual((yield* reasonOf(Faults.proxyPage))._tag, "ServerUnavailable")
      assert.strictEqual((yield* reasonOf(Faults.respond(403, { body: { error: "not you" } })))._tag, "RequestRejected")
      assert.strictEqual(calls, 0)
      assert.strictEqual((yield* reasonOf(Faults.loseAnswer))._tag, "TransportError")
      assert.strictEqual((yield* reasonOf(Faults.dropBody))._tag, "TransportError")
      assert.strictEqual((yield* reasonOf(Faults.truncate(5)))._tag, "InvalidResponse")
      assert.strictEqual(calls, 3)
    })
  )

  it.effect("a fault of one's own, on any client", () => {
    const upperCase: Faults.Fault = (send, request) =>
      Effect.flatMap(send, (response) =>
        Effect.flatMap(response.text, (text) => Faults.respond(200, { body: text.toUpperCase() })(send, request))
      )
    return Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      assert.strictEqual(yield* (yield* client.get("http://any.test/page")).text, "HELLO")
    }).pipe(
      Effect.provide(
        Faults.layer([{ fault: upperCase }]).pipe(
          Layer.provide(Faults.layer([{ fault: Faults.respond(200, { body: "hello" }) }])),
          Layer.provide(
            Layer.succeed(
              HttpClient.HttpClient,
              HttpClient.make(() => Effect.die("never reached"))
            )
          )
        )
      )
    )
  })

  it.effect("the test's own client reaches the server as it is", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const response = yield* client.get("http://in-process.test/api/client/v2.0/app/my-app/location")
      assert.strictEqual(response.status, 200)
    }).pipe(
      Effect.provide(
        TestServer.layer(app, { faults: [{ fault: Faults.unreachable }], retrySchedule: Schedule.recurs(0) })
      )
    )
  )
})
