import { assert, describe, it } from "@effect/vitest"
import { Long, ObjectId } from "bson"
import { Effect, Fiber, Schema } from "effect"
import { Bson } from "effect-app-services"
import { type Answer, host } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const answering = (answer: Answer) => host((request) => (request.path.endsWith("/functions/call") ? answer : undefined))

describe("a function call", () => {
  it.effect("sends canonical Extended JSON and leaves the arguments untouched", () => {
    const { layer, seen } = answering({ body: "null" })
    const argument = Object.freeze({
      gone: undefined,
      id: new ObjectId("5f1d7f3e9c1b2a0012345678"),
      big: Long.fromString("9007199254740993")
    })
    return Effect.gen(function* () {
      const user = yield* logIn
      assert.isNull(yield* user.functions.save(argument, 1, undefined))
      assert.deepStrictEqual(JSON.parse(seen.at(-1)!.body), {
        name: "save",
        arguments: [
          { id: { $oid: "5f1d7f3e9c1b2a0012345678" }, big: { $numberLong: "9007199254740993" } },
          { $numberInt: "1" },
          null
        ]
      })
      assert.isTrue("gone" in argument)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each<readonly [string, unknown]>([
    ['{"$numberInt":"5"}', 5],
    ["5", 5],
    ['"text"', "text"],
    ["null", null],
    ['{"$undefined":true}', undefined],
    ['[{"$oid":"5f1d7f3e9c1b2a0012345678"}]', [new ObjectId("5f1d7f3e9c1b2a0012345678")]],
    ['{"error":"a value, not a failure"}', { error: "a value, not a failure" }]
  ])("reads %s", ([body, value]) => {
    const { layer } = answering({ body })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* (yield* logIn).callFunction("f"), value)
    }).pipe(Effect.provide(sdk(layer)))
  })

  const refused: ReadonlyArray<readonly [string, Answer, string, string]> = [
    [
      "an unknown function",
      { status: 404, body: { error: "function not found: 'f'", error_code: "FunctionNotFound" } },
      "FunctionNotFound",
      'no function "f"'
    ],
    [
      "a function that throws",
      { status: 400, body: { error: "TypeError: boom", error_code: "FunctionExecutionError" } },
      "FunctionFailed",
      "TypeError: boom"
    ],
    [
      "one that runs too long",
      { status: 408, body: { error: "execution time limit exceeded", error_code: "ExecutionTimeLimitExceeded" } },
      "FunctionFailed",
      "time limit"
    ],
    [
      "one that throws on a host that says 500",
      { status: 500, body: { error: "boom", error_code: "FunctionExecutionError" } },
      "FunctionFailed",
      "boom"
    ],
    ["an answer that is not Extended JSON", { body: '{"$oid":"zz"}' }, "InvalidResponse", "$oid"],
    ["an empty answer", { body: "" }, "InvalidResponse", "empty"],
    ["a page", { body: "<!DOCTYPE html><html></html>" }, "InvalidResponse", "HTML"]
  ]
  it.effect.each(refused)("%s", ([, answer, tag, words]) => {
    const { layer } = answering(answer)
    return Effect.gen(function* () {
      const error = yield* failure((yield* logIn).functions.f())
      assert.strictEqual(error.reason._tag, tag)
      assert.include(error.message, words)
      assert.strictEqual(error.operation, "FunctionsApi.call(f)")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("arguments without an Extended JSON form are refused before anything is sent", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      const sent = seen.length
      assert.strictEqual((yield* failure(user.functions.f({ at: new Date(NaN) }))).reason._tag, "InvalidArguments")
      assert.strictEqual(seen.length, sent)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("an interrupt aborts the request", () => {
    let aborted = false
    const { layer } = host((request) =>
      request.path.endsWith("/functions/call")
        ? Effect.onInterrupt(Effect.never, () =>
            Effect.sync(() => {
              aborted = true
            })
          )
        : undefined
    )
    return Effect.gen(function* () {
      const call = yield* Effect.forkChild((yield* logIn).functions.f(), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(call)
      assert.isTrue(aborted)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("functions as methods", () => {
  it.effect("three ways are the same, and a method stays bound when it is taken off", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      const { functions } = user
      const { sum } = functions
      const bodies: Array<string> = []
      for (const call of [functions.sum(1, 2), functions["sum"](1, 2), sum(1, 2), user.callFunction("sum", 1, 2)]) {
        yield* call
        bodies.push(seen.at(-1)!.body)
      }
      assert.strictEqual(new Set(bodies).size, 1)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("looking at them calls nothing", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const { functions } = yield* logIn
      const sent = seen.length
      JSON.stringify(functions)
      assert.isString(`${Object(functions)}`)
      yield* Effect.promise(() => Promise.resolve(functions))
      assert.isFalse(Effect.isEffect(functions))
      assert.strictEqual(seen.length, sent)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("callFunction accepts names that cannot be properties", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      yield* (yield* logIn).callFunction("folder/then")
      assert.strictEqual(JSON.parse(seen.at(-1)!.body).name, "folder/then")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

it.effect("custom data is read by the user's schema", () => {
  const { layer } = host()
  const Preferences = Schema.Struct({ theme: Schema.Literals(["dark", "light"]), id: Bson.ObjectId })
  return Effect.gen(function* () {
    const error = yield* failure((yield* logIn).customDataAs(Preferences))
    assert.strictEqual(error.reason._tag, "UnexpectedValue")
    assert.include(error.message, "theme")
  }).pipe(Effect.provide(sdk(layer)))
})
