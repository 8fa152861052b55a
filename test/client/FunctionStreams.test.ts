import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule, Schema, Stream } from "effect"
import { FunctionStreams } from "effect-app-services"
import { type Answer, host } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const answering = (...answers: ReadonlyArray<Answer>) => {
  const left = [...answers]
  return host((request) => (request.path.endsWith("/functions/call") ? (left.shift() ?? "hangs") : undefined))
}

/** A body that gives piece by piece, as it is asked. */
const body = (pull: (nth: number) => string | undefined, onCancel: () => void = () => {}) => {
  let pulled = 0
  return new ReadableStream({
    pull: (controller) => {
      const text = pull(++pulled)
      if (text === undefined) controller.close()
      else controller.enqueue(new TextEncoder().encode(text))
    },
    cancel: onCancel
  })
}

const stream = Effect.map(logIn, (user) => user.callFunctionStreaming("count", 3))
const stale = { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }

describe("a streaming function", () => {
  it.effect("is read as it comes, however it is cut", () => {
    const text = 'data: {"i":1}\n\ndata: "ünï %25"\n\n'
    const bytes = new TextEncoder().encode(text)
    const cut = new ReadableStream({
      start: (controller) => {
        for (let i = 0; i < bytes.length; i += 3) controller.enqueue(bytes.slice(i, i + 3))
        controller.close()
      }
    })
    const { layer, seen } = answering({ body: cut })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect(yield* stream), [{ i: 1 }, "ünï %"])
      const parameter = new URL(seen.at(-1)!.url).searchParams.get("baas_request")!
      assert.deepStrictEqual(JSON.parse(Buffer.from(parameter, "base64").toString()), {
        name: "count",
        arguments: [{ $numberInt: "3" }]
      })
      // the token travels in a header alone
      const [, bearer = ""] = /^Bearer (eyJ.*)$/.exec(seen.at(-1)?.headers["authorization"] ?? "") ?? []
      assert.isNotEmpty(bearer)
      for (const { url } of seen) assert.notInclude(url, bearer)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("yields as much as its consumer takes, and ends with its consumer", () => {
    let given = 0
    let cancelled = false
    const { layer } = answering({
      body: body(
        (nth) => `data: ${(given = nth)}\n\n`,
        () => (cancelled = true)
      )
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(yield* stream, 3)), [1, 2, 3])
      assert.isBelow(given, 10)
      assert.isTrue(cancelled)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is aborted by an interrupt", () => {
    let cancelled = false
    const reading = Deferred.makeUnsafe<void>()
    const source = {
      pull: () => void Deferred.doneUnsafe(reading, Effect.void),
      cancel: () => void (cancelled = true)
    }
    const { layer } = answering({ body: new ReadableStream(source, { highWaterMark: 0 }) })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Stream.runDrain(yield* stream), { startImmediately: true })
      yield* Deferred.await(reading)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(cancelled)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("gets a new token once, before it begins", () => {
    const { layer, seen } = answering(stale, { body: "data: 1\n\n" })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect(yield* stream), [1])
      const calls = seen.filter(({ path }) => path.endsWith("/functions/call"))
      assert.lengthOf(calls, 2)
      assert.notStrictEqual(calls[0].headers["authorization"], calls[1].headers["authorization"])
      assert.lengthOf(
        seen.filter(({ method, path }) => method === "POST" && path.endsWith("/auth/session")),
        1
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("fails in words", () =>
    Effect.gen(function* () {
      const error = (answer: Answer) =>
        stream.pipe(
          Effect.flatMap((stream) => failure(Stream.runDrain(stream))),
          Effect.provide(sdk(answering(answer).layer))
        )
      const limit = 'event: error\ndata: {"error_code":"ExecutionTimeLimitExceeded","error":"too long"}\n\n'
      const failed = yield* error({ body: limit })
      assert.deepStrictEqual([failed.reason._tag, failed.code], ["FunctionFailed", "ExecutionTimeLimitExceeded"])
      assert.include(failed.message, 'function "count" failed: too long')
      const bare = yield* error({ body: 'event: error\ndata: {"message":"boom","name":"Error"}\n\n' })
      assert.deepStrictEqual([bare.reason._tag, bare.code], ["FunctionFailed", undefined])
      assert.strictEqual((yield* error({ body: "data: {\n\n" })).reason._tag, "InvalidResponse")
      const gone = yield* error({ status: 404, body: { error: "function not found", error_code: "FunctionNotFound" } })
      assert.strictEqual(gone.reason._tag, "FunctionNotFound")
      const broken = yield* error("dies mid-answer")
      assert.strictEqual(broken.reason._tag, "TransportError")
      assert.notInclude(JSON.stringify(broken), "baas_request")
    })
  )

  it.effect("is called again where the caller says so", () => {
    const { layer, seen } = answering("unreachable", "dies mid-answer", { body: "data: 1\n\n" })
    return Effect.gen(function* () {
      const { id } = yield* logIn
      const streams = yield* FunctionStreams
      const again = streams.stream(id, "count", [], { reconnect: Schedule.recurs(5) })
      assert.deepStrictEqual(yield* Stream.runCollect(again), [1])
      assert.lengthOf(
        seen.filter(({ path }) => path.endsWith("/functions/call")),
        3
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is typed by a schema", () => {
    const { layer } = answering({ body: 'data: {"i":1}\n\ndata: {"i":"two"}\n\n' })
    return Effect.gen(function* () {
      const typed = (yield* stream).pipe(FunctionStreams.decoded(Schema.Struct({ i: Schema.Finite })))
      const seen: Array<number> = []
      const error = yield* failure(Stream.runForEach(typed, ({ i }) => Effect.sync(() => seen.push(i))))
      assert.deepStrictEqual([seen, error.reason._tag], [[1], "UnexpectedValue"])
    }).pipe(Effect.provide(sdk(layer)))
  })
})
