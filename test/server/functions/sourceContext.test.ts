import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import { anonymous, callFunction } from "../support.ts"
import { call, exported, result } from "./support.ts"

describe("what functions of an exported application find", () => {
  it.effect("rejects clients' calls of private and closed functions", () =>
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
        app: context.app.clientAppId,
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

  it.effect("compare strings under a collation, and give variables to expressions", () =>
    Effect.map(
      result(`exports = async () => {
        const c = context.services.get("mongodb-atlas").db("d").collection("c")
        const collation = { locale: "en", strength: 2 }
        await c.insertMany([{ _id: 1, k: "ada" }, { _id: 2, k: "ADA" }, { _id: 3, k: "bob" }])
        const ids = (all) => all.map(({ _id }) => _id).join()
        const above = { $expr: { $gt: ["$_id", "$$least"] } }
        return [
          ids(await c.find({ k: "Ada" }, { _id: 1 }, { collation }).sort({ k: 1 }).toArray()),
          (await c.findOne({ k: "BOB" }, {}, { collation }))._id,
          await c.count({ k: "ADA" }, { collation }),
          (await c.distinct("k", {}, { collation })).join(),
          ids(await c.aggregate([{ $group: { _id: "$k" } }], { collation }).toArray()),
          ids(await c.find(above, {}, { let: { least: 1 } }).toArray()),
          (await c.findOneAndUpdate({ k: "BOB" }, [{ $set: { v: "$$v" } }],
            { collation, let: { v: 7 }, returnNewDocument: true })).v,
          (await c.updateMany({ k: "Ada" }, { $set: { v: 1 } }, { collation })).matchedCount,
          (await c.replaceOne({ k: "BOB" }, { k: "Bob" }, { collation })).matchedCount,
          (await c.bulkWrite([
            { updateOne: { filter: { k: "BOB" }, update: { $set: { v: 2 } }, collation } },
            { deleteOne: { filter: above } }
          ], { let: { least: 2 } })).deletedCount,
          (await c.deleteMany({ k: "aDA" }, { collation })).deletedCount
        ].map(String)
      }`),
      (value) => assert.deepStrictEqual(value, ["1,2", "3", "2", "ada,bob", "ada,bob", "2,3", "7", "2", "1", "1", "2"])
    )
  )

  it.effect.each([
    ["context.services.get('m').db('d').collection('c').createIndex()", "createIndex is not a function"],
    [
      "context.services.get('m').db('d').collection('c').insertOne({}, { collation: {} })",
      'the option "collation" of insertOne is not supported by this server'
    ],
    ["context.services.get('m').startSession().toBSON()", "toBSON is not a function"],
    ["context.graphql.query()", "Cannot read properties of undefined (reading 'query')"],
    ["utils.gzip('a')", "utils.gzip is not a function"],
    ["require('no-such-package')", "Cannot find module 'no-such-package': run \"npx effect-app-services install"]
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

  it.effect("log through the server's logger, with their name and the id of their request", () => {
    const logs: Array<unknown> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      const { logId, ...others } = annotations
      if ("function" in annotations) logs.push([logLevel, message, others, typeof logId])
    })
    return Effect.gen(function* () {
      yield* result(
        "exports = () => { console.log('a', { b: 1 }); console.warn('%s!', 'w'); console.error(new Error('e').message) }"
      )
      const annotations = { app: "my-app", function: "f" }
      assert.deepStrictEqual(logs, [
        ["Info", ["a { b: 1 }"], annotations, "string"],
        ["Warn", ["w!"], annotations, "string"],
        ["Error", ["e"], annotations, "string"]
      ])
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
