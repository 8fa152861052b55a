import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Deferred, Effect, Fiber, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { App, FunctionContext } from "effect-app-services/server"
import { anonymous, callFunction, withApps } from "../support.ts"
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
      assert.deepStrictEqual(yield* result("exports = () => [typeof process, typeof globalThis.constructor]"), [
        "undefined",
        "function"
      ])
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
    ["throw Object.create(null)", "the function threw a value that has no text"],
    ["return Promise.reject(new TypeError('later'))", "TypeError: later"]
  ])("that fail with %s answer the exception's text", ([source, text]) =>
    Effect.map(call(`exports = () => { ${source} }`), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { error: text, error_code: "FunctionExecutionError" })
    })
  )

  it.effect("without a function to call answer so", () =>
    Effect.map(call("const a = 1"), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { error: "Error: exports is not a function", error_code: "FunctionExecutionError" })
    })
  )

  it.effect("that do not parse answer where", () =>
    Effect.map(call("exports = function () {\n  return )\n}"), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.strictEqual(body["error_code"], "FunctionSyntaxError")
      assert.match(
        body["error"],
        /^the function 'f' does not parse \(functions\/f\.js:2\): SyntaxError: Unexpected token/
      )
    })
  )

  it.effect("that are private or closed are not for clients", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const name of ["hidden", "guarded"]) {
        const { body, status } = yield* callFunction(access_token, name)
        assert.strictEqual(status, 400)
        assert.deepStrictEqual(body, {
          error: `rule not matched for function "${name}"`,
          error_code: "FunctionExecutionError"
        })
      }
      assert.strictEqual(
        (yield* callFunction(access_token, "open")).text,
        '["hidden","Error: rule not matched for function \\"guarded\\""]'
      )
      assert.strictEqual((yield* callFunction(access_token, "trivial")).text, '"trivial"')
    }).pipe(
      Effect.provide(
        exported({
          hidden: { source: "exports = () => 'hidden'", private: true },
          guarded: { source: "exports = () => 'guarded'", can_evaluate: { "%%user.type": "server" } },
          trivial: { source: "exports = () => 'trivial'", can_evaluate: { "%%true": true } },
          open: `exports = async () => {
        try { await context.functions.execute("guarded") } catch (e) { return [context.functions.execute("hidden"), String(e)] }
      }`
        })
      )
    )
  )

  it.effect("call each other, and learn of a name that does not exist", () =>
    Effect.map(
      result(
        `exports = async (n) => {
          let problem
          try { await context.functions.execute("gone") } catch (e) { problem = [e instanceof Error, e.message] }
          return [context.functions.execute("twice", n) + 1, await context.functions.execute("later", n), problem]
        }`,
        [20],
        { twice: "exports = (n) => 2 * n", later: "exports = async (n) => n" }
      ),
      (value) =>
        assert.deepStrictEqual(value, [
          { $numberInt: "41" },
          { $numberInt: "20" },
          [true, "function not found: 'gone'"]
        ])
    )
  )

  it.effect("see the user, the application, its values and its environment", () =>
    Effect.gen(function* () {
      const { access_token, user_id } = yield* anonymous()
      const { text } = yield* callFunction(access_token, "f")
      assert.deepStrictEqual(JSON.parse(text), {
        user: [user_id, "normal", {}, {}, "anon-user"],
        app: "my-app",
        values: [{ a: { $numberInt: "1" } }, "hush", { $undefined: true }]
          .map((value) => (value === undefined ? null : value))
          .slice(0, 2),
        none: "undefined",
        environment: ["testing", "v"],
        system: true,
        method: "POST"
      })
    }).pipe(
      Effect.provide(
        exported(
          {
            f: `exports = () => ({
        user: [context.user.id, context.user.type, context.user.data, context.user.custom_data, context.user.identities[0].provider_type],
        app: context.app.id,
        values: [context.values.get("plain"), context.values.get("hidden")],
        none: typeof context.values.get("none"),
        environment: [context.environment.tag, context.environment.values.key],
        system: context.runningAsSystem(),
        method: context.request.httpMethod
      })`
          },
          {
            "realm_config.json": { app_id: "my-app", environment: "testing" },
            "environments/testing.json": { values: { key: "v" } },
            "values/plain.json": { name: "plain", value: { a: 1 } },
            "values/hidden.json": { name: "hidden", value: "hiddenSecret", from_secret: true },
            "secrets.json": { hiddenSecret: "hush" }
          }
        )
      )
    )
  )

  it.effect("read and write documents as far as the server can", () =>
    Effect.map(
      result(`exports = async () => {
        const c = context.services.get("mongodb-atlas").db("d").collection("c")
        const { insertedId } = await c.insertOne({ a: 1, nested: { b: [1] }, at: new Date(0) })
        const found = await c.findOne({ _id: insertedId })
        found.nested.b.push(2)
        await c.updateOne({ a: 1 }, { $set: { a: 2 } })
        const up = await c.updateOne({ k: "new" }, { $set: { v: 1 } }, { upsert: true })
        return [found.at instanceof Date, (await c.findOne({ a: 2 })).nested.b, await c.findOne({ a: 1 }),
          up.matchedCount, up.upsertedId instanceof BSON.ObjectId, (await c.findOne({ k: "new" })).v]
      }`),
      (value) =>
        assert.deepStrictEqual(value, [
          true,
          [{ $numberInt: "1" }],
          null,
          { $numberInt: "0" },
          true,
          { $numberInt: "1" }
        ])
    )
  )

  it.effect.each([
    [
      "context.services.get('m').db('d').collection('c').createIndex()",
      "collection.createIndex is not supported by this server; supported: find, findOne"
    ],
    [
      "context.services.get('m').db('d').collection('c').updateOne({}, {}, { collation: {} })",
      'the option "collation" of updateOne is not supported by this server'
    ],
    ["context.services.get('m').startSession().toBSON()", "session.toBSON is not supported by this server"],
    [
      "context.services.get('tw').messages",
      'services.get("tw").messages is not supported by this server; supported: db'
    ],
    ["context.graphql.query", "context.graphql is not supported by this server; supported: app, user"],
    ["utils.gzip('a')", "utils.gzip is not supported by this server; supported: crypto, jwt"],
    ["utils.crypto.random()", "utils.crypto.random is not supported by this server; supported: hash, hmac"],
    [
      "require('no-such-package')",
      "Cannot find module 'no-such-package': install it in the application's functions/node_modules"
    ]
  ])("learn that %s is not there", ([source, text]) =>
    Effect.map(call(`exports = () => ${source}`), ({ body, status }) => {
      assert.strictEqual(status, 400)
      assert.include(body["error"], text)
    })
  )

  it.effect("require Node's modules and the packages of the application", () =>
    Effect.map(
      result(
        `exports = () => {
          const { createHash } = require("crypto")
          return [require("left"), createHash("sha256").update("a").digest("hex").slice(0, 4)]
        }`,
        [],
        {},
        {
          "functions/node_modules/left/index.js": "module.exports = 'left'",
          "functions/node_modules/left/package.json": { name: "left" }
        }
      ),
      (value) => assert.deepStrictEqual(value, ["left", "ca97"])
    )
  )

  it.effect("log through the server's logger, with their name", () => {
    const logs: Array<unknown> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      logs.push([logLevel, message, fiber.getRef(Logger.CurrentLoggers).size > 0])
    })
    return Effect.gen(function* () {
      yield* result(
        "exports = () => { console.log('a', { b: 1 }); console.warn('%s!', 'w'); console.error(new Error('e').message) }"
      )
      assert.deepStrictEqual(
        logs.map((log) => (log as Array<unknown>).slice(0, 2)),
        [
          ["Info", ["a { b: 1 }"]],
          ["Warn", ["w!"]],
          ["Error", ["e"]]
        ]
      )
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect.each([
    ["an endless loop", "while (true) {}"],
    ["an endless loop of a function it calls", "return context.functions.execute('loop')"]
  ])("end at the time limit: %s", ([, source]) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { body, status } = yield* callFunction(access_token, "f")
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { error: "execution time limit exceeded", error_code: "ExecutionTimeLimitExceeded" })
      assert.strictEqual((yield* callFunction(access_token, "g")).text, '{"$numberInt":"1"}')
    }).pipe(
      Effect.provide(
        exported(
          { f: `exports = () => { ${source} }`, g: "exports = () => 1", loop: "exports = () => { for (;;); }" },
          {},
          { functionTimeLimit: "50 millis" }
        )
      )
    )
  )
})

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}
class Clock extends Context.Service<Clock, number>()(
  "effect-app-services/test/server/functions/FunctionRuntime.test/Clock"
) {}

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
      assert.match(body["error"], /^the function's result cannot be sent: Converting circular structure/)
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

  it("may require nothing but FunctionContext", () => {
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
