import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, result } from "./support.ts"

describe("functions as they were written", () => {
  it.effect.each<readonly [what: string, body: string, expected: unknown]>([
    [
      "take context apart",
      "const { services, functions, values, user, http, environment, app } = context; return [typeof http.get, typeof services.get, typeof functions.execute, typeof values.get, user.type, environment.tag, app.id.length, app.clientAppId].join()",
      "function,function,function,function,normal,,24,my-app"
    ],
    ["spread context", "const all = { ...context }; return typeof all.http.post", "function"],
    ["wait for timers", "return await new Promise((resolve) => setTimeout(() => resolve('later'), 1))", "later"],
    [
      "wait for several at once",
      "return (await Promise.all([1, Promise.resolve(2), context.functions.execute('three')])).join()",
      "1,2,3"
    ],
    ["return a cursor", "return context.services.get('m').db('d').collection('c').find()", []],
    [
      "await a cursor, which stays one",
      "const c = context.services.get('m').db('d').collection('c'); await c.insertMany([{ _id: 1 }, { _id: 2 }]); const found = await c.find(); const sorted = (await c.find()).sort({ _id: -1 }); return [(await found.toArray()).length, (await found.next())._id, (await sorted.next())._id, typeof found.length].join()",
      "2,1,2,undefined"
    ],
    [
      "return cursors at any depth",
      "const c = context.services.get('m').db('d').collection('c'); await c.insertOne({ _id: 'a' }); return { found: [c.find(), { again: c.aggregate([{ $project: { _id: 0, b: '$_id' } }]) }], when: new Date(0) }",
      { found: [[{ _id: "a" }], { again: [{ b: "a" }] }], when: { $date: { $numberLong: "0" } } }
    ],
    [
      "give options that an operation does not have",
      "const c = context.services.get('m').db('d').collection('c'); await c.insertOne({ _id: 1 }); const done = await c.updateOne({ _id: 1 }, { $set: { a: 1 } }, { returnNewDocument: true, $upsert: true, hint: { _id: 1 } }); return done.modifiedCount + (await c.find({}, { sort: { _id: 1 }, maxTimeMS: 5 }).toArray()).length",
      { $numberInt: "2" }
    ],
    [
      "insert what they can where the order does not matter",
      "const c = context.services.get('m').db('d').collection('c'); await c.insertOne({ _id: 2 }); const failed = await c.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }], { ordered: false }).catch((error) => error.code); const { insertedIds } = await c.insertMany([{ _id: 4 }], { ordered: false }); return [failed, await c.count(), insertedIds.join()].join()",
      "11000,4,4"
    ],
    [
      "commit again, and abort what failed",
      "const session = context.services.get('m').startSession(); session.startTransaction(); await session.commitTransaction(); await session.commitTransaction(); await session.withTransaction(async () => {}); await session.commitTransaction(); const late = await session.abortTransaction().catch((error) => error.message); await session.withTransaction(async () => { throw new Error('x') }).catch(() => session.abortTransaction()); const twice = await session.commitTransaction().catch((error) => error.message); return [late, twice].join('; ')",
      "Cannot call abortTransaction after calling commitTransaction; Cannot call commitTransaction after calling abortTransaction"
    ],
    [
      "read names at once",
      "const m = context.services.get('m'); await m.db('d').collection('c').insertOne({}); return [...m.db('d').getCollectionNames(), ...m.admin().getDBNames()].join()",
      "c,d"
    ],
    ["use buffers", "return Buffer.from('aGk=', 'base64').toString() + btoa('a') + atob('Yg==')", "hiYQ==b"],
    [
      "read binaries",
      "return BSON.Binary.fromText('héllo').text() + BSON.Binary.fromHex('6869').toBase64() + BSON.Binary.fromBase64('aGk=').toHex()",
      "hélloaGk=6869"
    ],
    [
      "make ids of dates",
      "return BSON.ObjectId.fromDate(new Date(1600000000000)).getTimestamp().getTime()",
      { $numberLong: "1600000000000" }
    ],
    [
      "extend prototypes",
      "String.prototype.shout = function () { return this.toUpperCase() + '!' }; return 'a'.shout()",
      "A!"
    ],
    [
      "assign what they never declared",
      "total = 0; for (i = 0; i < 3; i++) total += i; return total",
      { $numberInt: "3" }
    ],
    ["delete and use octals", "var o = { a: 1 }; delete o.b; return 010 + Object.keys(o).length", { $numberInt: "9" }]
  ])("%s", ([, body, expected]) =>
    Effect.map(result(`exports = async function () { ${body} }`, [], { three: "exports = () => 3" }), (value) =>
      assert.deepStrictEqual(value, expected)
    )
  )

  it.effect("read binaries that they are given and that documents hold", () =>
    Effect.map(
      result(
        `exports = async ({ bytes }) => {
          const c = context.services.get("m").db("d").collection("c")
          await c.insertOne({ bytes })
          const found = await c.findOne({ bytes })
          return [bytes.text(), found.bytes.text(), found.bytes instanceof BSON.Binary, EJSON.parse(EJSON.stringify({ bytes })).bytes.toHex(), bytes]
        }`,
        [{ bytes: { $binary: { base64: "aGk=", subType: "00" } } }]
      ),
      (value) =>
        assert.deepStrictEqual(value, ["hi", "hi", true, "6869", { $binary: { base64: "aGk=", subType: "00" } }])
    )
  )

  it.effect("require packages, parts of them, JSON, files and what Node has, within their body", () =>
    Effect.map(
      result(
        `exports = () => {
          const { left } = require("pkg/lib/left")
          return [left, require("pkg").name, require("@scope/pkg"), require("./data.json").n, require("./lib/mine"), require("esm").default,
            require("node:path").join("a", "b"), require("querystring").parse("a=1").a, new (require("url").URL)("http://h/p").pathname]
        }`,
        [],
        {},
        {
          "functions/data.json": { n: 5 },
          "functions/lib/mine.js": "module.exports = 'mine'",
          "functions/node_modules/pkg/package.json": { name: "pkg", main: "main.js" },
          "functions/node_modules/pkg/main.js": "exports.name = 'pkg'",
          "functions/node_modules/pkg/lib/left.js": "exports.left = 'left'",
          "node_modules/@scope/pkg/index.js": "module.exports = 'beside functions'",
          "functions/node_modules/esm/package.json": { name: "esm", type: "module", exports: "./index.js" },
          "functions/node_modules/esm/index.js": "export default 'esm'"
        }
      ),
      (value) =>
        assert.deepStrictEqual(value, [
          "left",
          "pkg",
          "beside functions",
          { $numberInt: "5" },
          "mine",
          "esm",
          "a/b",
          "1",
          "/p"
        ])
    )
  )

  it.effect.each([
    ["require('moment')", "Cannot find module 'moment': run \"npx effect-app-services install"],
    ["require('moment/locale/de')", "Cannot find module 'moment/locale/de': run \"npx effect-app-services install"],
    // what is missing is not the package that was asked for
    ["require('half')", "Cannot find module 'other-half'"],
    ["require('throws')", "TypeError: while it loads"],
    ["new (class A { constructor() { this.x() } })", "this.x is not a function"]
  ])("say what they miss: %s", ([source, text]) =>
    Effect.map(
      call(
        `exports = () => ${source}`,
        [],
        {},
        {
          "functions/node_modules/half/index.js": "require('other-half')",
          "functions/node_modules/throws/index.js": "throw new TypeError('while it loads')"
        }
      ),
      ({ body, status }) => {
        assert.strictEqual(status, 400)
        assert.include(body["error"], text)
        assert.notInclude(body["error"], "'half'")
      }
    )
  )

  it.effect("fails for a class in place of a function", () =>
    Effect.map(call("exports = class Helper { static add(a, b) { return a + b } }"), ({ body }) =>
      assert.match(body["error"], /TypeError: Class constructor Helper cannot be invoked without 'new'/)
    )
  )

  it.effect("run with import declarations in place of require", () =>
    Effect.gen(function* () {
      const source = `import
  path, { join as joined } from "node:path"
import * as whole from 'plain'
import compiled, { default as again, "odd-name" as odd } from "compiled"; import "plain"
exports = () => [path.sep, joined("a", "b"), whole.name, compiled, again, odd, new Error().stack.split("f.js:")[1].split(":")[0]].join()`
      const value = yield* result(
        source,
        [],
        {},
        {
          "functions/node_modules/plain/index.js": "exports.name = 'plain'",
          "functions/node_modules/compiled/index.js":
            "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 'default'; exports['odd-name'] = 'odd'"
        }
      )
      assert.strictEqual(value, "/,a/b,plain,default,default,odd,5")
    })
  )

  it.effect.each([
    "export default () => 'value'",
    "export default async function handler() { return 'value' }",
    "import 'node:path'\nexport default function () { return 'value' }",
    "const value = 'value'\nexport default\n  () => value"
  ])("run what they export as default: %s", (source) =>
    Effect.map(result(source), (value) => assert.strictEqual(value, "value"))
  )

  it.effect("tells how to rewrite what an ES module exports by name", () =>
    Effect.map(call("import 'node:path'\nexport const f = () => 1"), ({ body }) => {
      assert.strictEqual(body["error_code"], "FunctionSyntaxError")
      assert.match(body["error"], /functions\/f\.js:1.*Cannot use import statement outside a module; .*require/)
    })
  )
})
