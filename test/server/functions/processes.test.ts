import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { statSync } from "node:fs"
import { join } from "node:path"
import { anonymous, callFunction, directory } from "../support.ts"
import { exported, listening } from "./support.ts"

const timeIsUp = { error: "execution time limit exceeded", error_code: "ExecutionTimeLimitExceeded" }

/** Waits in real time, which is what processes run in. */
const pause = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))

const others = {
  g: "exports = () => 'g'",
  insert:
    "exports = async (n) => { await context.services.get('m').db('d').collection('c').insertOne({ n }); return n }",
  count: "exports = () => context.services.get('m').db('d').collection('c').count({})"
}

const said = (line: string) => `console.log(${JSON.stringify(line)})`

describe("a function that never yields", () => {
  it.effect.each([
    ["before its first await", `exports = () => { ${said("begun")}; while (true) {} }`],
    ["after an await", `exports = async () => { await null; ${said("begun")}; for (;;); }`],
    [
      "after the database answered",
      `exports = async () => { await context.functions.execute("count"); ${said("begun")}; for (;;); }`
    ],
    ["in a promise's continuation", `exports = () => Promise.resolve().then(() => { ${said("begun")}; for (;;); })`],
    ["in a timer", `exports = () => new Promise(() => setTimeout(() => { ${said("begun")}; for (;;); }, 1))`],
    ["in a regular expression", `exports = () => { ${said("begun")}; return /^(a+)+$/.test("a".repeat(50) + "b") }`],
    ["in a function it calls", `exports = () => context.functions.execute("loop")`]
  ])("%s fails at the time limit, and others are served meanwhile", ([, source]) =>
    Effect.gen(function* () {
      const { expect, layer } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const begun = yield* Effect.forkChild(expect("begun"), { startImmediately: true })
        const hangs = yield* Effect.forkChild(callFunction(access_token, "f"))
        yield* Fiber.join(begun)
        for (const _ of [1, 2]) assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
        yield* anonymous()
        assert.isUndefined(hangs.pollUnsafe())
        yield* TestClock.adjust("90 seconds")
        const { body, status } = yield* Fiber.join(hangs)
        assert.strictEqual(status, 400)
        assert.deepStrictEqual(body, timeIsUp)
        assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
      }).pipe(
        Effect.provide([
          exported({ f: source, loop: `exports = () => { ${said("begun")}; for (;;); }`, ...others }),
          layer
        ])
      )
    })
  )

  it.effect("leaves what it keeps from beginning to another process, where it runs once", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const hangs = yield* Effect.forkChild(callFunction(access_token, "f"), { startImmediately: true })
      const answers = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, n) => n),
        (n) => callFunction(access_token, "insert", [n]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(({ text }) => text),
        answers.map((_, n) => `{"$numberInt":"${n}"}`)
      )
      assert.strictEqual((yield* callFunction(access_token, "count")).text, '{"$numberInt":"20"}')
      yield* Fiber.interrupt(hangs)
    }).pipe(Effect.provide(exported({ f: "exports = () => { for (;;); }", ...others })))
  )

  it.effect("fails what is under way in its process, and says why", () =>
    Effect.gen(function* () {
      const { expect, layer, lines } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const [begun, waits, loops] = yield* Effect.forEach(["begun", "waits", "loops"], (line) =>
          Effect.forkChild(expect(line), { startImmediately: true })
        )
        const f = yield* Effect.forkChild(callFunction(access_token, "f"), { startImmediately: true })
        yield* Fiber.join(begun)
        yield* TestClock.adjust("50 seconds")
        const w = yield* Effect.forkChild(callFunction(access_token, "w"), { startImmediately: true })
        yield* Fiber.join(waits)
        // it may be kept from its answer
        yield* Effect.forkChild(callFunction(access_token, "insert", [1]), { startImmediately: true })
        yield* Fiber.join(loops)
        yield* TestClock.adjust("40 seconds")
        assert.deepStrictEqual((yield* Fiber.join(f)).body, timeIsUp)
        const { body } = yield* Fiber.join(w)
        assert.strictEqual(body["error_code"], "FunctionExecutionError")
        assert.match(body["error"], /^the function was stopped together with another one .* did not yield/)
        assert.include(lines, "functions that did not yield were stopped at their time limit")
      }).pipe(
        Effect.provide([
          exported({
            f: `exports = async () => {
              ${said("begun")}
              while (!(await context.functions.execute("count"))) await new Promise((resolve) => setTimeout(resolve, 5))
              ${said("loops")}
              for (;;);
            }`,
            w: `exports = () => { ${said("waits")}; return new Promise(() => {}) }`,
            ...others
          }),
          layer
        ])
      )
    })
  )

  it.effect("holds up later calls only when it has taken every process, and only until it is stopped", () =>
    Effect.gen(function* () {
      const { expect, layer } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const hangs = yield* Effect.forEach(
          [1, 2, 3],
          Effect.fnUntraced(function* (n) {
            const begun = yield* Effect.forkChild(expect(`${n}`), { startImmediately: true })
            const hanging = yield* Effect.forkChild(callFunction(access_token, "f", [n]))
            yield* Fiber.join(begun)
            return hanging
          })
        )
        yield* TestClock.adjust("60 seconds")
        const g = yield* Effect.forkChild(callFunction(access_token, "g"), { startImmediately: true })
        yield* TestClock.adjust("30 seconds")
        for (const hanging of hangs) assert.deepStrictEqual((yield* Fiber.join(hanging)).body, timeIsUp)
        assert.strictEqual((yield* Fiber.join(g)).text, '"g"')
      }).pipe(
        Effect.provide([exported({ f: "exports = (n) => { console.log(String(n)); for (;;); }", ...others }), layer])
      )
    })
  )

  it.effect.each([
    ["at its limit", "limit"],
    ["when the server closes", "close"]
  ])("is really stopped %s", ([, when]) =>
    Effect.gen(function* () {
      const { expect, layer } = yield* listening
      const folder = yield* directory({})
      const file = join(folder, "beat")
      const beat = Effect.sync(() => statSync(file).size)
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const begun = yield* Effect.forkChild(expect("begun"), { startImmediately: true })
        const hangs = yield* Effect.forkChild(callFunction(access_token, "f", [file]), { startImmediately: true })
        yield* Fiber.join(begun)
        if (when === "limit") {
          yield* TestClock.adjust("90 seconds")
          yield* Fiber.join(hangs)
          yield* stopped(beat)
        }
      }).pipe(
        Effect.provide([
          exported({
            f: `exports = (file) => {
              const { appendFileSync } = require("fs")
              appendFileSync(file, "0")
              ${said("begun")}
              for (;;) appendFileSync(file, "1")
            }`
          }),
          layer
        ])
      )
      yield* stopped(beat)
    })
  )
})

/** Waits until a value stays the same for a while. */
const stopped = Effect.fnUntraced(function* (look: Effect.Effect<number>) {
  let before = 0
  for (let same = 0; same < 10;) {
    yield* pause
    const now = yield* look
    same = now === before ? same + 1 : 0
    before = now
  }
})

describe("a function that takes its process along", () => {
  it.effect.each([
    ["ends it", "require('process').exit(3)", "a function of the application exited its process, as process.exit does"],
    [
      "uses up its memory",
      "const all = []; for (;;) all.push(new Array(100_000).fill(all.length + 0.5))",
      "the functions of the application used more memory than they may"
    ]
  ])("and %s fails its callers alone, is reported, and the next call runs", ([, source, error]) =>
    Effect.gen(function* () {
      const { layer, lines } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
        const { body, status } = yield* callFunction(access_token, "f")
        assert.strictEqual(status, 400)
        assert.deepStrictEqual(body, { error, error_code: "FunctionExecutionError" })
        assert.include(lines, error)
        assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
      }).pipe(Effect.provide([exported({ f: `exports = () => { ${source} }`, ...others }), layer]))
    })
  )

  it.effect("fails its own call with the exception of a timer", () =>
    Effect.gen(function* () {
      const { layer, lines } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const { body } = yield* callFunction(access_token, "f")
        assert.deepStrictEqual(body, { error: "Error: late", error_code: "FunctionExecutionError" })
        assert.include(lines, "an error of a function that no call waits for")
        assert.include(lines, "Error: late")
      }).pipe(
        Effect.provide([
          exported({
            f: "exports = () => new Promise(() => setTimeout(() => { throw new Error('late') }, 1))",
            ...others
          }),
          layer
        ])
      )
    })
  )

  it.effect("returns its result, and has an unhandled rejection reported", () =>
    Effect.gen(function* () {
      const { expect, layer } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const reported = yield* Effect.forkChild(expect("Error: unhandled"), { startImmediately: true })
        const { text } = yield* callFunction(access_token, "f")
        assert.strictEqual(text, '"g"')
        yield* Fiber.join(reported)
      }).pipe(
        Effect.provide([
          exported({
            f: "exports = () => { Promise.reject(new Error('unhandled')); return 'g' }",
            ...others
          }),
          layer
        ])
      )
    })
  )
})
