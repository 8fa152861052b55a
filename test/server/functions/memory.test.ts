import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { anonymous, callFunction, inProcess } from "../support.ts"
import { exported, listening, load } from "./support.ts"

const outOfMemory = {
  error: "the functions of the application used more memory than they may",
  error_code: "FunctionExecutionError"
}

const g = "exports = () => 'g'"

/** Innocent functions whose input decides how much memory they need, and others that never stop. */
const hungry: ReadonlyArray<readonly [title: string, source: string, args?: ReadonlyArray<unknown>]> = [
  ["one array of a long string's characters", `exports = () => "x".repeat(2 ** 29 - 24).split("").length`],
  ["all matches of a long string", `exports = () => "ab".repeat(2e8).match(/a/g).length`],
  ["long strings", `exports = () => { const all = []; for (;;) all.push([...Array(1e6).keys()].join("")) }`],
  [
    "copies of an array of doubles",
    `exports = () => { const a = new Array(32e6).fill(0.5), all = []; for (;;) all.push(a.slice()) }`
  ],
  [
    "copies of its argument",
    `exports = (t) => { const all = []; for (;;) all.push(t.split("").map((x) => x).filter(Boolean).reverse().join("")) }`,
    ["abc".repeat(1e6)]
  ],
  ["an array of a given length", `exports = (n) => new Array(n).fill(0).length`, [1e8]],
  ["an array made from a length", `exports = (n) => Array.from({ length: n }, (_, i) => i).length`, [1e9]],
  [
    "buffers",
    `exports = () => { const all = []; for (let i = 0; i < 60; i++) all.push(Buffer.alloc(1e8, 1)); return all.length }`
  ],
  ["typed arrays", `exports = () => { const all = []; for (;;) all.push(new Uint8Array(1e8).fill(1)) }`],
  [
    "buffers little by little",
    `exports = async () => {
      const all = []
      for (;;) { all.push(Buffer.alloc(1e7, 1)); await new Promise((resolve) => setTimeout(resolve, 1)) }
    }`
  ],
  [
    "one string past every limit of a result",
    `exports = () => { const all = []; for (;;) all.push("x".repeat(3e8) + Math.random()).toString() }`
  ]
]

describe("a function that uses up memory", () => {
  it.live.each(hungry)("with %s fails its own caller, and the next call runs", ([, f, args]) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { body, status } = yield* callFunction(access_token, "f", args)
      assert.deepStrictEqual({ body, status }, { body: outOfMemory, status: 400 })
      assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
    }).pipe(Effect.provide(exported({ f, g }, {}, { functionMemoryLimit: "128 MiB" })))
  )

  it.live("takes along what is under way in its process, and nothing of another application", () =>
    Effect.gen(function* () {
      const { expect, layer, lines } = yield* listening
      const waits = `exports = () => { console.log("waits"); return new Promise(() => {}) }`
      const eats = `exports = () => { const all = []; for (;;) all.push(Buffer.alloc(1e7, 1)) }`
      const collection = `context.services.get("m").db("d").collection("c")`
      const first = yield* load({ waits, eats, g })
      const second = yield* load(
        {
          waits: `exports = async () => {
            console.log("elsewhere")
            while ((await ${collection}.count({})) === 0) await new Promise((resolve) => setTimeout(resolve, 10))
            return "done"
          }`,
          release: `exports = async () => { await ${collection}.insertOne({}) }`,
          g
        },
        { "realm_config.json": { app_id: "other" } }
      )
      yield* Effect.gen(function* () {
        const here = (yield* anonymous()).access_token
        const there = (yield* anonymous("other")).access_token
        const begun = yield* Effect.forkChild(Effect.all([expect("waits"), expect("elsewhere")]), {
          startImmediately: true
        })
        const elsewhere = yield* Effect.forkChild(callFunction(there, "waits", [], "other"), { startImmediately: true })
        const along = yield* Effect.forkChild(callFunction(here, "waits"), { startImmediately: true })
        yield* Fiber.join(begun)
        const [eaten, ...answers] = yield* Effect.all(
          [callFunction(here, "eats"), ...Array.from({ length: 10 }, () => callFunction(there, "g", [], "other"))],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(eaten.body, outOfMemory)
        assert.deepStrictEqual((yield* Fiber.join(along)).body, outOfMemory)
        assert.deepStrictEqual(
          answers.map(({ text }) => text),
          answers.map(() => '"g"')
        )
        assert.strictEqual((yield* callFunction(here, "g")).text, '"g"')
        yield* callFunction(there, "release", [], "other")
        assert.strictEqual((yield* Fiber.join(elsewhere)).text, '"done"')
        assert.include(lines, outOfMemory.error)
      }).pipe(Effect.provide([inProcess([first, second], { functionMemoryLimit: "128 MiB" }), layer]))
    })
  )

  it.live("is held to the limit that the server was given", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const megabytes = (n: number) => callFunction(access_token, "f", [n])
      assert.strictEqual((yield* megabytes(10)).text, '{"$numberInt":"10"}')
      assert.deepStrictEqual((yield* megabytes(400)).body, outOfMemory)
    }).pipe(
      Effect.provide(
        exported(
          {
            f: `exports = async (n) => {
              const held = Buffer.alloc(n * 1e6, 1)
              await new Promise((resolve) => setTimeout(resolve, 300))
              return held.length / 1e6
            }`
          },
          {},
          { functionMemoryLimit: "64 MiB" }
        )
      )
    )
  )
})

describe("what a function says to the server", () => {
  const collection = `context.services.get("m").db("d").collection("c")`

  it.live("waits in its process where the function never yields, until its memory is used up", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const floods = yield* Effect.forkChild(callFunction(access_token, "f"), { startImmediately: true })
      for (let i = 0; i < 20; i++) assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
      assert.deepStrictEqual((yield* Fiber.join(floods)).body, outOfMemory)
    }).pipe(
      Effect.provide(
        exported(
          { f: `exports = () => { for (;;) ${collection}.findOne({}) }`, g },
          {},
          { functionMemoryLimit: "64 MiB" }
        )
      )
    )
  )

  it.live("is all done where the function waits for it", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { text } = yield* callFunction(access_token, "f")
      assert.strictEqual(text, '{"$numberInt":"3000"}')
    }).pipe(
      Effect.provide(
        exported({
          f: `exports = async () => {
            await Promise.all(Array.from({ length: 3000 }, (_, n) => ${collection}.insertOne({ n })))
            return ${collection}.count({})
          }`
        })
      )
    )
  )

  it.live("has a largest size as the answer of the database", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { body } = yield* callFunction(access_token, "f")
      assert.strictEqual(body["error"], "Error: the result is larger than 64 MiB: ask for less at once")
      assert.strictEqual((yield* callFunction(access_token, "g")).text, '"g"')
    }).pipe(
      Effect.provide(
        exported({
          f: `exports = async () => {
            for (let n = 0; n < 5; n++) await ${collection}.insertOne({ text: "x".repeat(1.5e7) })
            return (await ${collection}.find({}).toArray()).length
          }`,
          g
        })
      )
    )
  )

  it.live.each([
    ["a result", `exports = () => "x".repeat(3e7)`, "the function's result cannot be sent: it is larger than 18 MiB"],
    [
      "an argument",
      `exports = async () => { await ${collection}.insertOne({ x: "x".repeat(3e7) }) }`,
      "MongoError: the arguments are larger than 18 MiB: send less at once"
    ],
    [
      "an argument of many values",
      `exports = async () => { await ${collection}.insertMany(Array.from({ length: 2_500_000 }, () => ({}))) }`,
      "Error: the arguments hold more than 2000000 values: send them in several operations"
    ],
    [
      "a result of many values for another function",
      `exports = () => context.functions.execute("ruled")`,
      "Error: the function's result cannot be sent: it holds more than 2000000 values"
    ]
  ])("has a largest size as %s", ([, f, error]) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { body } = yield* callFunction(access_token, "f")
      assert.deepStrictEqual(body, { error, error_code: "FunctionExecutionError" })
    }).pipe(
      Effect.provide(
        exported({
          f,
          ruled: {
            source: "exports = () => Array.from({ length: 2_500_000 }, () => ({}))",
            can_evaluate: { "%%true": true }
          }
        })
      )
    )
  )

  it.live.each<[title: string, statement: string, atOnce: number, perSecond: number]>([
    ["errors that no call waits for", `Promise.reject(new Error("e" + i))`, 100, 10],
    ["lines of its console", `console.log("e" + i)`, 2_000, 1_000]
  ])("is limited to a rate as %s", ([, statement, atOnce, perSecond]) =>
    Effect.gen(function* () {
      const { layer, lines } = yield* listening
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const begun = performance.now()
        assert.strictEqual((yield* callFunction(access_token, "f")).text, '{"$numberInt":"1"}')
        const isNotice = (line: string) => line.startsWith(`more than`) && line.endsWith("left out")
        while (!lines.some(isNotice)) yield* Effect.sleep("50 millis")
        const seconds = (performance.now() - begun) / 1_000
        const said = lines.filter((line) => /\be\d+$/.test(line)).length
        assert.isAbove(said, 0)
        assert.isAtMost(said, atOnce + perSecond * seconds)
      }).pipe(
        Effect.provide([
          exported({ f: `exports = () => { for (let i = 0; i < 100_000; i++) ${statement}; return 1 }` }),
          layer
        ])
      )
    })
  )
})
