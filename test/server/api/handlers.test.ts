import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Deferred, Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { App, FunctionContext } from "effect-app-services/server"
import { anonymous, callFunction, withApps } from "../support.ts"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}
class Clock extends Context.Service<Clock, number>()("effect-app-services/test/server/api/handlers.test/Clock") {}

describe("functions written in code", () => {
  const reached = Deferred.makeUnsafe<void>()
  const app = App.make({
    id: "my-app",
    providers: { anonymous: true },
    values: { greeting: "hello", secret: Redacted.make("hush") },
    environment: { tag: "testing", values: { a: 1 } },
    functions: {
      effect: (a: number, b: number) => Effect.succeed(a + b),
      promise: async (a: number) => a,
      plain: (a: number) => a,
      fails: () => Effect.fail(new Refused({ message: "no" })),
      dies: () => Effect.die(new Error("oops")),
      throws: () => {
        throw new TypeError("thrown")
      },
      rejects: () => Promise.reject(new Error("rejected")),
      inner: { private: true, handler: (n: number) => n * 2 },
      outer: (n: number) => FunctionContext.use(({ execute }) => execute("inner", n)),
      gone: () => FunctionContext.use(({ execute }) => execute("nowhere")),
      context: () =>
        FunctionContext.use((context) =>
          Effect.succeed([
            context.appId,
            context.user.type,
            context.value("greeting"),
            String(context.value("secret")),
            context.environment.tag,
            context.request?.httpMethod
          ])
        ),
      waits: () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never),
      cyclic: () => {
        const value: Record<string, unknown> = {}
        value["self"] = value
        return value
      }
    }
  })
  const ask = (name: string, ...args: ReadonlyArray<unknown>) =>
    Effect.flatMap(anonymous(), ({ access_token }) => callFunction(access_token, name, args)).pipe(withApps(app))

  it.effect("answer with an Effect, a Promise or a value", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("effect", 1, 2)).text, '{"$numberInt":"3"}')
      assert.strictEqual((yield* ask("promise", 1)).text, '{"$numberInt":"1"}')
      assert.strictEqual((yield* ask("plain", 1)).text, '{"$numberInt":"1"}')
    })
  )

  it.effect("fail with the text of what they fail with", () =>
    Effect.gen(function* () {
      for (const [name, error] of [
        ["fails", "Refused: no"],
        ["dies", "Error: oops"],
        ["throws", "TypeError: thrown"],
        ["rejects", "Error: rejected"]
      ] as const) {
        const { body, status } = yield* ask(name)
        assert.strictEqual(status, 400, name)
        assert.deepStrictEqual(body, { error, error_code: "FunctionExecutionError" })
      }
    })
  )

  it.effect("know their call through FunctionContext", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("outer", 21)).text, '{"$numberInt":"42"}')
      assert.deepStrictEqual(JSON.parse((yield* ask("context")).text), [
        "my-app",
        "normal",
        "hello",
        "<redacted>",
        "testing",
        "POST"
      ])
      const gone = yield* ask("gone")
      assert.strictEqual(gone.status, 404)
      assert.deepStrictEqual(gone.body, { error: "function not found: 'nowhere'", error_code: "FunctionNotFound" })
    })
  )

  it.effect("answer that a result cannot be sent", () =>
    Effect.map(ask("cyclic"), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.match(body["error"], /^the function's result cannot be sent: the value at "self" contains itself/)
    })
  )

  it.effect("end at the time limit, on the test's clock", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(ask("waits"))
      yield* Deferred.await(reached)
      yield* TestClock.adjust("90 seconds")
      const { body } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(body, { error: "execution time limit exceeded", error_code: "ExecutionTimeLimitExceeded" })
    })
  )

  it("rejects functions that require more than FunctionContext", () => {
    const define = () =>
      App.make({
        id: "a",
        functions: {
          // @ts-expect-error Clock is not provided
          time: () => Effect.map(Clock, (now) => now)
        }
      })
    assert.isFunction(define)
  })
})
