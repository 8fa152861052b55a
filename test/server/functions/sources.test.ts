import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, callFunction } from "../support.ts"
import { call, exported, result } from "./support.ts"

describe("functions of an exported application", () => {
  it.effect.each([
    ["a function", "exports = function (a, b) { return a + b }"],
    ["an async function", "exports = async function (a, b) { return a + b }"],
    ["an arrow function", "exports = (a, b) => a + b"],
    ["a named function, exported by name", "function add(a, b) { return a + b }\nexports = add"],
    ["a promise chain", "exports = (a, b) => Promise.resolve(a).then((x) => x + b)"],
    ["a thenable", "exports = (a, b) => ({ then: (resolve) => resolve(a + b) })"],
    ["module.exports", "module.exports = (a, b) => a + b"],
    [
      "exports beside module.exports",
      "exports = (a, b) => a + b\nif (typeof module !== 'undefined') module.exports = { wrong: 1 }"
    ],
    ["a comment on the last line", "exports = (a, b) => a + b // done"]
  ])("exports %s", ([, source]) =>
    Effect.map(result(source, [20, 22]), (value) => assert.deepStrictEqual(value, { $numberInt: "42" }))
  )

  it.effect("run in sloppy mode, each in a scope of its own", () =>
    Effect.gen(function* () {
      const source = `const shared = 1; leaked = 41; exports = function () { with ({ one: shared }) { return leaked + one + 010 } }`
      assert.deepStrictEqual(yield* result(source, [], { other: "const shared = 2; exports = () => shared" }), {
        $numberInt: "50"
      })
    })
  )

  it.live("each call has its own global variables, also during and after other calls", () =>
    Effect.gen(function* () {
      const { access_token: token } = yield* anonymous()
      const call = (name: string, arg: string) => Effect.map(callFunction(token, name, [arg]), ({ text }) => text)
      const names = Array.from({ length: 40 }, (_, i) => `"user ${i}"`)
      const answers = yield* Effect.forEach(names, (name) => call("remember", JSON.parse(name)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers, names)
      assert.deepStrictEqual([yield* call("leave", "a"), yield* call("leave", "b")], ['"undefined"', '"undefined"'])
      // whose caller is gone, and which goes on writing
      yield* Effect.timeoutOption(call("late", "theirs"), "20 millis")
      assert.strictEqual(yield* call("remember", "mine"), '"mine"')
    }).pipe(
      Effect.provide(
        exported({
          remember: `exports = async (name) => { who = name; await new Promise((resolve) => setTimeout(resolve, 60)); return who }`,
          leave: `exports = (name) => { const before = typeof left; left = name; return before }`,
          late: `exports = async (name) => { for (;;) { await new Promise((resolve) => setTimeout(resolve, 5)); who = name } }`
        })
      )
    )
  )

  it.effect("share one global object, as helpers of a call expect", () =>
    Effect.map(
      result(`exports = async () => { await context.functions.execute("utils"); return twice(21) + [1].last() }`, [], {
        utils:
          "exports = () => { twice = (n) => 2 * n; Array.prototype.last = function () { return this[this.length - 1] } }"
      }),
      (value) => assert.deepStrictEqual(value, { $numberInt: "43" })
    )
  )

  it.effect("leave the server's own globals alone", () =>
    Effect.gen(function* () {
      yield* result(
        "exports = () => { Array.prototype.hacked = 1; Object.prototype.hacked = 1; JSON.parse = () => 'no'; return [] }"
      )
      assert.isFalse("hacked" in [])
      assert.deepStrictEqual(JSON.parse("1"), 1)
      assert.deepStrictEqual(
        yield* result("exports = () => [typeof globalThis.hacked, typeof globalThis.constructor]"),
        ["undefined", "function"]
      )
    })
  )

  it.effect("get arguments as instances of their own classes", () =>
    Effect.gen(function* () {
      const source = `exports = (o, a, d, id) => [o instanceof Object, a instanceof Array, d instanceof Date, id instanceof BSON.ObjectId]`
      const args = [{}, [], { $date: { $numberLong: "0" } }, { $oid: "5f1d7f3e9c1b2a0012345678" }]
      assert.deepStrictEqual(yield* result(source, args), [true, true, true, true])
    })
  )

  it.effect("return BSON values as they got them", () =>
    Effect.gen(function* () {
      const values = {
        id: { $oid: "5f1d7f3e9c1b2a0012345678" },
        date: { $date: { $numberLong: "1577836800000" } },
        long: { $numberLong: "9007199254740993" },
        min: { $numberLong: "-9223372036854775808" },
        decimal: { $numberDecimal: "1.10" },
        double: { $numberDouble: "1.5" },
        nan: { $numberDouble: "NaN" },
        minusZero: { $numberDouble: "-0.0" },
        binary: { $binary: { base64: "AQID", subType: "00" } },
        uuid: { $binary: { base64: "3q2+796tvu/erb7v3q2+7w==", subType: "04" } },
        regex: { $regularExpression: { pattern: "a", options: "i" } },
        timestamp: { $timestamp: { t: 1, i: 2 } },
        nested: [[{ $maxKey: 1 }], null, true, "x"],
        ["__proto__"]: { $numberInt: "1" }
      }
      assert.deepStrictEqual(yield* result("exports = (v) => v", [values]), values)
      const relaxed = [{ $date: "2020-01-01T00:00:00Z" }, 5, 5.5, { $uuid: "deadbeef-dead-beef-dead-beefdeadbeef" }]
      assert.deepStrictEqual(yield* result("exports = (v) => v", [relaxed]), [
        values.date,
        { $numberInt: "5" },
        { $numberDouble: "5.5" },
        values.uuid
      ])
    })
  )

  it.effect("make BSON values with and without new", () =>
    Effect.gen(function* () {
      const source = `exports = () => [BSON.ObjectId("5f1d7f3e9c1b2a0012345678"), new BSON.ObjectId("5f1d7f3e9c1b2a0012345678"),
        BSON.Int32(1), BSON.Double(2), BSON.Long.fromString("3"), BSON.Decimal128.fromString("4"),
        BSON.Binary.fromBase64("AQID", 0), EJSON.parse('{"$numberLong":"9007199254740993"}'),
        EJSON.stringify({ a: new BSON.Long(1) }, { relaxed: false }), Buffer.from("a").toString("base64")]`
      const id = { $oid: "5f1d7f3e9c1b2a0012345678" }
      assert.deepStrictEqual(yield* result(source), [
        id,
        id,
        { $numberInt: "1" },
        { $numberDouble: "2.0" },
        { $numberLong: "3" },
        { $numberDecimal: "4" },
        { $binary: { base64: "AQID", subType: "00" } },
        { $numberLong: "9007199254740993" },
        '{"a":{"$numberLong":"1"}}',
        "YQ=="
      ])
    })
  )

  it.effect("answer undefined as such, and see missing arguments as undefined", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* result("exports = () => {}"), { $undefined: true })
      assert.deepStrictEqual(yield* result("exports = (a) => a"), { $undefined: true })
      assert.deepStrictEqual(yield* result("exports = (a) => typeof a"), "undefined")
    })
  )

  it.effect.each([
    ["throw new Error('boom')", "Error: boom"],
    ["return unknown", "ReferenceError: 'unknown' is not defined"],
    ["null.x", "TypeError: Cannot read properties of null (reading 'x')"],
    ["throw 'text'", "text"],
    ["throw { code: 5 }", '{"code":5}'],
    ["throw undefined", "undefined"],
    ["throw Object.create(null)", "the function threw a value that cannot be converted to text"],
    ["return Promise.reject(new TypeError('later'))", "TypeError: later"]
  ])("that fail with %s answer the exception's text", ([source, text]) =>
    Effect.map(call(`exports = () => { ${source} }`), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { error: text, error_code: "FunctionExecutionError" })
    })
  )

  it.effect("fails for a source without a function", () =>
    Effect.map(call("const a = 1"), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { error: "Error: exports is not a function", error_code: "FunctionExecutionError" })
    })
  )

  it.effect("fails with the position of a syntax error", () =>
    Effect.map(call("exports = function () {\n  return )\n}"), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.strictEqual(body["error_code"], "FunctionSyntaxError")
      assert.match(
        body["error"],
        /^the function 'f' does not parse \(functions\/f\.js:2\): SyntaxError: Unexpected token/
      )
    })
  )
})
