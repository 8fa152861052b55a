import { assert, describe, it } from "@effect/vitest"
import {
  BSONRegExp,
  Binary,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID
} from "bson"
import { Effect } from "effect"
import { App, FunctionContext } from "effect-app-services/server"
import { read, write } from "../../../src/server/functions/shared/values.ts"
import { anonymous, callFunction, withApps } from "../support.ts"
import { load } from "./support.ts"

const hidden = Object.defineProperty({ a: 1 }, "__proto__", { value: { b: [undefined] }, enumerable: true })

const samples: ReadonlyArray<readonly [name: string, value: unknown]> = [
  ["plain values", { a: 1, b: [true, null, "x", 1.5], c: { d: {} } }],
  ["undefined", [undefined, { a: undefined }]],
  ["numbers that JSON has not", [NaN, Infinity, -Infinity, -0, 0]],
  ["a bigint", 2n ** 70n],
  ["dates", [new Date(0), new Date(NaN)]],
  ["a regular expression", /a+/gi],
  ["bytes", [Buffer.from("abc"), new Uint8Array([1, 2])]],
  ["a key that would be a prototype", hidden],
  ["documents that look like the writing itself", { $: ["date", 5], $$: { $: 1 }, $oid: "x" }],
  [
    "numbers of a class",
    [new Int32(5), new Double(2), new Double(NaN), new Double(-0), Long.fromString("9007199254740993")]
  ],
  ["a small Long", Long.fromNumber(5)],
  ["ids", [new ObjectId("5f1d7f3e9c1b2a0012345678"), new UUID("deadbeef-dead-4eef-8ead-beefdeadbeef")]],
  ["a decimal", Decimal128.fromString("1.10")],
  ["other classes", [new Binary(Buffer.from([1, 2]), 5), new Timestamp({ t: 1, i: 2 }), new BSONRegExp("a", "i")]],
  ["the least and the greatest", [new MinKey(), new MaxKey(), new Code("x", { a: new Double(1) })]]
]

describe("what crosses to a process and back", () => {
  it.each(samples)("is the same: %s", (_, value) => {
    assert.deepStrictEqual(read(write(value)), value)
  })

  it("is a copy", () => {
    const value = { at: new Date(5), list: [{}] }
    const copy = read(write(value)) as typeof value
    assert.notStrictEqual(copy.at, value.at)
    assert.notStrictEqual(copy.list[0], value.list[0])
  })

  it("is nothing where it is a function or a symbol", () => {
    assert.deepStrictEqual(read(write([() => 1, Symbol("a")])), [undefined, undefined])
  })

  it("throws where it is cyclic", () => {
    const value: Record<string, unknown> = {}
    value["self"] = value
    assert.throws(() => write(value))
  })

  it.effect("keeps its classes between functions in code, sources and the database", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const sources = yield* load({
        echo: "exports = (value) => value",
        f: `exports = async () => {
          const value = { long: BSON.Long.fromNumber(5), double: BSON.Double(2), none: [undefined], zero: -0 }
          const back = await context.functions.execute("see", value)
          const c = context.services.get("m").db("d").collection("c")
          await c.insertOne({ _id: 1, ...back })
          const { long, double } = await c.findOne({ _id: 1 })
          // of the database, code gets plain numbers
          return [back.long._bsontype, back.double._bsontype, long, double]
            .concat(back instanceof Object, Object.is(back.zero, -0), "0" in back.none)
        }`
      })
      const code = App.make({
        id: "my-app",
        functions: {
          see: (value: unknown) => {
            seen.push(value)
            return value
          },
          outer: () => FunctionContext.use(({ execute }) => Effect.map(execute("echo", samples), (it) => seen.push(it)))
        }
      })
      const app = { ...sources, functions: new Map([...sources.functions, ...code.functions]) }
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        assert.deepStrictEqual(JSON.parse((yield* callFunction(access_token, "f")).text), [
          "Long",
          "Double",
          { $numberInt: "5" },
          { $numberInt: "2" },
          true,
          true,
          true
        ])
        assert.deepStrictEqual(seen.pop(), {
          long: Long.fromNumber(5),
          double: new Double(2),
          none: [undefined],
          zero: -0
        })
        yield* callFunction(access_token, "outer")
        assert.deepStrictEqual(seen.pop(), samples)
      }).pipe(withApps(app))
    })
  )
})
