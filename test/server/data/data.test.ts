/** Data of applications over the wire, in process: what functions and clients do with it, and what is closed to clients. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { AuthApi, Credentials } from "effect-app-services"
import { App, AppDirectory, FunctionContext } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { anonymous, ask, directory, inProcess, path, withApps } from "../support.ts"

const login = { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } }

const exported = (files: Record<string, unknown>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const folder = yield* directory({
        "realm_config.json": { app_id: "my-app" },
        "auth/providers.json": login,
        ...files
      })
      return inProcess(yield* AppDirectory.load(folder))
    })
  ).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

/** What a function of an exported application answers, with a collection `c` at hand. */
const inFunction = (body: string) =>
  Effect.gen(function* () {
    const { access_token } = yield* anonymous()
    const asked = { token: access_token, body: { name: "f", arguments: [] } }
    const { status, text } = yield* ask("POST", path("my-app", "functions/call"), asked)
    assert.strictEqual(status, 200, text)
    return JSON.parse(text) as unknown
  }).pipe(
    Effect.provide(
      exported({
        "functions/config.json": [{ name: "f", run_as_system: true }],
        "functions/f.js": `exports = async () => {
          const c = context.services.get("mongodb-atlas").db("d").collection("c")
          await c.insertMany([{ _id: 1, n: 3, tags: ["a", "b"] }, { _id: 2, n: 1, tags: ["b"] }, { _id: 3, n: 2 }])
          ${body}
        }`
      })
    )
  )

const ints = (...numbers: ReadonlyArray<number>) => numbers.map((n) => ({ $numberInt: String(n) }))
const ids = (...numbers: ReadonlyArray<number>) => ints(...numbers).map((_id) => ({ _id }))

describe("a function of an exported application", () => {
  it.effect.each<readonly [string, unknown]>([
    ["return await c.find({}, { _id: 1 }).sort({ n: 1 }).toArray()", ids(2, 3, 1)],
    ["return c.find({}, { _id: 1 }).sort({ n: 1 }).skip(1).limit(1)", ids(3)],
    [
      "const found = await c.find({ tags: 'b' }, { _id: 1 }); return (await found.toArray()).map((it) => it._id)",
      ints(1, 2)
    ],
    ["return c.find({}, { projection: { _id: 1 }, sort: { _id: -1 }, limit: 1 })", ids(3)],
    ["return await c.findOne({ n: { $lt: 3 } }, { _id: 1 })", ids(2)[0]],
    ["return (await c.findOne({}, { sort: { _id: -1 } }))._id", ints(3)[0]],
    ["return await c.findOne({ _id: 9 })", null],
    ["const all = []; for await (const it of c.find({})) all.push(it._id); return all", ints(1, 2, 3)],
    ["const found = c.find({}); await found.next(); return (await found.next())._id", ints(2)[0]],
    ["return c.aggregate([{ $group: { _id: null, n: { $sum: '$n' } } }])", [{ _id: null, n: ints(6)[0] }]],
    ["return [await c.count(), await c.countDocuments({ tags: 'b' })]", ints(3, 2)],
    ["return c.distinct('tags')", ["a", "b"]],
    [
      "return [await c.updateMany({}, { $inc: { n: 1 } }), await c.updateOne({ _id: 7 }, { $set: { n: 1 } }, { upsert: true })]",
      [
        { matchedCount: ints(3)[0], modifiedCount: ints(3)[0] },
        { matchedCount: ints(0)[0], modifiedCount: ints(0)[0], upsertedId: ints(7)[0] }
      ]
    ],
    [
      "return [await c.findOneAndUpdate({ _id: 2 }, { $set: { n: 9 } }, { returnDocument: 'after', projection: { n: 1, _id: 0 } }), await c.findOneAndReplace({ _id: 2 }, { x: 1 }, { returnNewDocument: true }), await c.findOneAndDelete({ _id: 2 }, { projection: { x: 1 } })]",
      [{ n: ints(9)[0] }, { _id: ints(2)[0], x: ints(1)[0] }, { _id: ints(2)[0], x: ints(1)[0] }]
    ],
    ["return [(await c.deleteOne({})).deletedCount, (await c.deleteMany({})).deletedCount]", ints(1, 2)],
    [
      "await c.replaceOne({ _id: 1 }, { name: /a/i, when: new Date(0) }); return c.findOne({ name: { $exists: true }, when: { $lte: new Date(0) } }, { _id: 1 })",
      ids(1)[0]
    ],
    ["await c.insertOne({ _id: 8, name: 'Ada' }); return c.findOne({ name: /^a/i }, { _id: 1 })", ids(8)[0]],
    [
      "const { insertedCount, modifiedCount, deletedCount } = await c.bulkWrite([{ insertOne: { document: { _id: 5 } } }, { updateMany: { filter: {}, update: { $set: { x: 1 } } } }, { replaceOne: { filter: { _id: 1 }, replacement: {} } }, { deleteMany: { filter: { x: 1 } } }]); return [insertedCount, modifiedCount, deletedCount]",
      ints(1, 5, 3)
    ],
    [
      "try { await c.insertOne({ _id: 1 }) } catch (error) { return [error.code, error.message.includes('Duplicate key'), error instanceof Error] }",
      [...ints(11000), true, true]
    ],
    ["return (await c.find({}).toArray()) instanceof Array && (await c.findOne({})) instanceof Object", true]
  ])("%s", ([body, value]) => Effect.map(inFunction(body), (result) => assert.deepStrictEqual(result, value)))
})

const open = {
  name: "default",
  apply_when: {},
  fields: {},
  read: true,
  write: true,
  insert: true,
  delete: true,
  search: true
}

describe("rules of an exported application", () => {
  const rule = (collection: string, roles: ReadonlyArray<unknown>, more: object = {}) => ({
    [`data_sources/atlas/db/${collection}/rules.json`]: { database: "db", collection, roles, ...more }
  })
  const files = {
    "data_sources/atlas/config.json": { name: "mongodb-atlas", type: "mongodb-atlas" },
    ...rule("open", [open]),
    ...rule("filtered", [open], { filters: [{ name: "mine", apply_when: {}, query: { owner: "%%user.id" } }] }),
    ...rule("owned", [{ ...open, apply_when: { owner: "%%user.id" } }]),
    ...rule("by-function", [{ ...open, apply_when: { "%%true": { "%function": { name: "f" } } } }]),
    ...rule("roleless", []),
    "services/other/config.json": { name: "other", type: "mongodb" },
    "services/other/rules/db.things.json": { database: "db", collection: "things", roles: [open] }
  }
  const find = (service: string, collection: string) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const argument = { database: "db", collection, query: {} }
      const asked = { token: access_token, body: { name: "find", arguments: [argument], service } }
      const { body, status } = yield* ask("POST", path("my-app", "functions/call"), asked)
      return status === 200 ? "open" : body["error_code"]
    }).pipe(Effect.provide(exported(files)))

  it.effect.each([
    ["mongodb-atlas", "open", "open"],
    ["other", "things", "open"],
    ["mongodb-atlas", "filtered", "open"],
    ["mongodb-atlas", "owned", "open"],
    ["mongodb-atlas", "by-function", "NoMatchingRuleFound"],
    ["mongodb-atlas", "roleless", "NoMatchingRuleFound"],
    ["mongodb-atlas", "without-rules", "NoMatchingRuleFound"],
    ["unknown", "open", "ServiceNotFound"]
  ])("%s/%s is %s", ([service, collection, answer]) =>
    Effect.map(find(service, collection), (found) => assert.strictEqual(found, answer))
  )

  it.effect("reports the functions of rules that do not exist", () =>
    Effect.gen(function* () {
      const folder = yield* directory({ "realm_config.json": { app_id: "my-app" }, ...files })
      const { report } = yield* AppDirectory.load(folder)
      const said = report.map(({ file, message }) => `${file}: ${message}`)
      assert.lengthOf(said, 1)
      assert.include(
        said.join("\n"),
        'by-function/rules.json: the rule calls the function "f", which does not exist: requests that depend on it are rejected'
      )
      // a rule without roles is not reported: without a default rule, its collection is closed
    }).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))
  )
})

const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  mongodb: { "mongodb-atlas": "open" },
  functions: {
    numbers: () => [1, 2],
    one: () => ({ a: "50 %" }),
    forever: async function* () {
      for (let i = 0; ; i++) yield i
    },
    mine: () => Stream.fromEffect(Effect.map(FunctionContext, ({ user }) => user.type))
  }
})

const service = (token: string | undefined, name: string, argument: unknown, more: object = {}) =>
  ask("POST", path("my-app", "functions/call"), {
    token,
    body: { name, arguments: [argument], service: "mongodb-atlas", ...more }
  })

describe("the MongoDB service", () => {
  const c = { database: "d", collection: "c" }

  it.effect("types its counts, and tolerates what clients send", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const text = (name: string, argument: unknown) =>
        Effect.map(service(access_token, name, argument), (answer) => answer.text)
      assert.strictEqual(
        yield* text("insertMany", { ...c, documents: [{ _id: 1 }, { _id: "2" }], schema_name: "x" }),
        '{"insertedIds":[{"$numberInt":"1"},"2"]}'
      )
      assert.strictEqual(yield* text("count", { ...c, query: null }), '{"$numberLong":"2"}')
      assert.strictEqual(
        yield* text("updateOne", { ...c, query: { _id: 1 }, update: { a: 1 }, upsert: false, arrayFilters: null }),
        '{"matchedCount":{"$numberInt":"1"},"modifiedCount":{"$numberInt":"1"}}'
      )
      assert.strictEqual(
        yield* text("updateMany", { ...c, query: {}, update: [{ $set: { b: { $numberLong: "5" } } }] }),
        '{"matchedCount":{"$numberInt":"2"},"modifiedCount":{"$numberInt":"2"}}'
      )
      assert.strictEqual(
        yield* text("find", { ...c, limit: { $numberLong: "1" }, project: { b: 1, _id: 0 } }),
        '[{"b":{"$numberLong":"5"}}]'
      )
      assert.strictEqual(yield* text("distinct", { ...c, field: "b" }), '[{"$numberLong":"5"}]')
      assert.strictEqual(yield* text("deleteMany", c), '{"deletedCount":{"$numberInt":"2"}}')
      assert.strictEqual(yield* text("findOne", c), "null")
    }).pipe(withApps(app))
  )

  it.effect.each<readonly [string, unknown, number, string]>([
    ["find", "no document", 400, "InvalidParameter"],
    ["find", { collection: "c" }, 400, "MissingParameter"],
    ["find", { ...c, query: [] }, 400, "InvalidParameter"],
    ["find", { ...c, limit: -1 }, 400, "InvalidParameter"],
    ["insertOne", c, 400, "MissingParameter"],
    ["updateOne", { ...c, query: {} }, 400, "InvalidParameter"],
    ["findOneAndReplace", { ...c, filter: {}, update: null }, 400, "MissingParameter"],
    ["aggregate", { ...c, pipeline: {} }, 400, "InvalidParameter"],
    ["aggregate", { ...c, pipeline: [{ $who: 1 }] }, 400, "MongoDBError"],
    ["insertMany", { ...c, documents: [] }, 400, "MongoDBError"],
    ["findOneAndReplace", { ...c, filter: {}, update: { $set: { a: 1 } } }, 400, "MongoDBError"],
    ["dropDatabase", c, 404, "ServiceCommandNotFound"],
    ["constructor", c, 404, "ServiceCommandNotFound"]
  ])("%s %j is refused", ([name, argument, status, code]) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const answer = yield* service(access_token, name, argument)
      assert.deepStrictEqual([answer.status, answer.body["error_code"]], [status, code])
    }).pipe(withApps(app))
  )
})

describe("a call of the MongoDB service", () => {
  const c = { database: "d", collection: "c" }
  const three = [1, 2, 3].map((_id) => ({ _id, name: "x" }))
  const set = { $set: { name: "y" } }
  const filled = Effect.gen(function* () {
    const { access_token } = yield* anonymous()
    const run = (name: string, argument: object) =>
      Effect.map(service(access_token, name, { ...c, ...argument }), ({ body, status, text }) =>
        status === 200 ? (JSON.parse(text) as unknown) : body
      )
    yield* run("insertMany", { documents: three })
    const names = Effect.map(run("find", { sort: { _id: 1 } }), (found) =>
      (found as ReadonlyArray<{ name: unknown }>).map(({ name }) => name)
    )
    return { run, names }
  })

  it.effect.each<readonly [string, object, RegExp]>([
    // another vendor's names: each would have changed or deleted more than was meant
    ["updateMany", { filter: { _id: 1 }, update: set }, /'filter' of updateMany: it takes 'query', 'update', 'upsert'/],
    ["updateOne", { filter: { _id: 1 }, update: set }, /'filter'/],
    ["updateOne", { query: {}, update: set, options: { upsert: true } }, /'options'/],
    ["deleteMany", { filter: { _id: 1 } }, /'filter' of deleteMany: it takes 'query'$/],
    ["deleteOne", { filter: { _id: 1 } }, /'filter'/],
    ["findOneAndDelete", { query: { _id: 2 } }, /'query' of findOneAndDelete: it takes 'filter', 'sort'/],
    ["findOneAndUpdate", { query: { _id: 2 }, update: set }, /'query'/],
    ["findOneAndUpdate", { filter: {}, update: set, returnDocument: "after" }, /'returnDocument'/],
    ["findOneAndReplace", { filter: { _id: 2 }, replacement: { name: "y" } }, /'replacement'/],
    ["find", { filter: { _id: 1 } }, /'filter' of find/],
    ["find", { query: {}, collation: { locale: "de" } }, /'collation'/],
    ["count", { filter: {} }, /'filter'/],
    ["distinct", { field: "name", filter: {} }, /'filter'/],
    ["aggregate", { pipeline: [], allowDiskUse: true }, /'allowDiskUse'/],
    ["insertOne", { document: {}, documents: [] }, /'documents'/],
    // a filter that is not a document
    ["deleteMany", { query: null }, /'query' must be a document/],
    ["deleteMany", { query: [] }, /'query' must be a document/],
    ["deleteOne", { query: "all" }, /'query' must be a document/],
    ["updateMany", { query: null, update: set }, /'query' must be a document/],
    ["findOneAndDelete", { filter: null }, /'filter' must be a document/],
    ["findOneAndDelete", { filter: 1 }, /'filter' must be a document/],
    ["updateMany", { query: {}, update: set, upsert: "yes" }, /'upsert' must be true or false/],
    ["updateMany", { query: {}, update: set, arrayFilters: {} }, /'arrayFilters' must be an array/]
  ])("is refused, and changes nothing, for what it does not know: %s %j", ([name, argument, message]) =>
    Effect.gen(function* () {
      const { names, run } = yield* filled
      const { error, error_code } = (yield* run(name, argument)) as Record<string, string>
      assert.strictEqual(error_code, "InvalidParameter")
      assert.match(error, message)
      assert.deepStrictEqual(yield* names, ["x", "x", "x"])
    }).pipe(withApps(app))
  )

  it.effect("takes what the official clients send", () =>
    Effect.gen(function* () {
      const { run } = yield* filled
      const query = {}
      const filter = {}
      const found = { project: { name: 1 }, sort: { _id: 1 }, limit: 1 }
      const one = { sort: { _id: 1 }, projection: { name: 1 }, upsert: false, returnNewDocument: true }
      for (const [name, argument] of [
        ["find", { query, ...found, skip: 0 }],
        ["find", { query: null, project: null, sort: null, limit: null }],
        ["findOne", { query, ...found }],
        ["findOneAndUpdate", { filter, update: set, ...one }],
        ["updateMany", { query, update: { $set: { l: [1] } } }],
        ["findOneAndUpdate", { filter, update: { $set: { "l.$[e]": 1 } }, arrayFilters: [{ e: 1 }], upsert: true }],
        ["findOneAndReplace", { filter, update: { name: "z" }, ...one }],
        ["findOneAndReplace", { filter, sort: { _id: 1 }, projection: { name: 1 } }],
        ["findOneAndDelete", { filter, ...one }],
        ["aggregate", { pipeline: [] }],
        ["count", { query, limit: 1 }],
        ["insertOne", { document: {} }],
        ["insertMany", { documents: [{}] }],
        ["updateOne", { query, update: set, upsert: false, arrayFilters: null }],
        // .NET leaves out a filter that is null
        ["updateMany", { update: set, upsert: true }],
        ["deleteOne", {}],
        ["deleteMany", {}]
      ] as const) {
        const answer = yield* run(name, { ...argument, schema_name: "Thing" })
        assert.notProperty(answer ?? {}, "error", `${name} ${JSON.stringify(argument)}`)
      }
      assert.deepStrictEqual(yield* run("count", {}), { $numberLong: "0" })
    }).pipe(withApps(app))
  )
})

describe("updateMany with a plain document", () => {
  const c = { database: "d", collection: "c" }
  const plain = (text: string): unknown => JSON.parse(text.replace(/\{"\$number(?:Int|Long)":"(\d+)"\}/g, "$1"))

  it.effect("sets its fields in all that match, and inserts what an upsert finds nothing for", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const run = (name: string, argument: object) =>
        Effect.map(service(access_token, name, { ...c, ...argument }), ({ text }) => plain(text))
      const documents = ["x", "x", "y", "z"].map((name, _id) => ({ _id, name, run: 7 }))
      yield* run("insertMany", { documents })
      const many = (query: object, update: object, upsert = false) => run("updateMany", { query, update, upsert })
      const none = { matchedCount: 0, modifiedCount: 0 }
      assert.deepStrictEqual(yield* many({ name: "NOMATCH" }, { name: "UPDATED" }), none)
      assert.deepStrictEqual(yield* many({ name: "x" }, { name: "UPDATED" }), { matchedCount: 2, modifiedCount: 2 })
      assert.deepStrictEqual(yield* run("find", { query: { name: "UPDATED" } }), [
        { _id: 0, name: "UPDATED", run: 7 },
        { _id: 1, name: "UPDATED", run: 7 }
      ])
      assert.deepStrictEqual(yield* many({ name: "NOMATCH" }, { name: "UPSERTED", _id: 9 }, true), {
        ...none,
        upsertedId: 9
      })
      assert.deepStrictEqual(yield* run("find", { query: { _id: 9 } }), [{ _id: 9, name: "UPSERTED" }])
      assert.deepStrictEqual(yield* many({ name: "y" }, { name: "z" }, true), { matchedCount: 1, modifiedCount: 1 })
      assert.deepStrictEqual(yield* many({ run: 7 }, { hidden: "same" }), { matchedCount: 4, modifiedCount: 4 })
      assert.deepStrictEqual(yield* run("count", {}), 5)
      const upserted = yield* many({ run: 8, name: "Dennis" }, { run: 8, name: "Dennis" }, true)
      assert.match(JSON.stringify(upserted), /^\{"matchedCount":0,"modifiedCount":0,"upsertedId":\{"\$oid":"/)
      // an update of one still replaces it
      yield* run("updateOne", { query: { _id: 3 }, update: { name: "only" } })
      assert.deepStrictEqual(yield* run("find", { query: { _id: 3 } }), [{ _id: 3, name: "only" }])
    }).pipe(withApps(app))
  )

  it.effect("does so in functions and in bulk", () =>
    Effect.map(
      inFunction(`await c.updateMany({ tags: "b" }, { n: 9 })
        await c.bulkWrite([{ updateMany: { filter: { _id: 3 }, update: { m: 1 } } }])
        const bulk = c.initializeOrderedBulkOp()
        bulk.find({ _id: 3 }).update({ k: 1 })
        await bulk.execute()
        await c.update({ _id: 1 }, { j: 1 }, { multi: true })
        return c.find({}, { tags: 0 })`),
      (found) =>
        assert.deepStrictEqual(plain(JSON.stringify(found)), [
          { _id: 1, n: 9, j: 1 },
          { _id: 2, n: 9 },
          { _id: 3, n: 2, m: 1, k: 1 }
        ])
    )
  )
})

/** The text of a stream up to where it holds what is looked for. */
const streamed = (url: string, token: string | undefined, until: string) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    let request = HttpClientRequest.get(`http://127.0.0.1:1234${url}`)
    if (token !== undefined) request = HttpClientRequest.bearerToken(request, token)
    const response = yield* client.execute(request)
    if (response.status !== 200) return { response, text: yield* response.text }
    let text = ""
    yield* response.stream.pipe(
      Stream.decodeText(),
      Stream.takeUntil((piece) => (text += piece).includes(until)),
      Stream.runDrain
    )
    return { response, text }
  })

const streamUrl = (call: unknown, parameter = "baas_request") =>
  `${path("my-app", "functions/call")}?${parameter}=${encodeURIComponent(Buffer.from(JSON.stringify(call)).toString("base64"))}&func=x`

describe("a stream", () => {
  it.effect("yields the elements of an array, a single value, an iterator's values", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const numbers = yield* streamed(streamUrl({ name: "numbers" }), access_token, "2")
      assert.include(numbers.text, 'data: {"$numberInt":"1"}\n\ndata: {"$numberInt":"2"}\n\n')
      assert.strictEqual(numbers.response.headers["content-type"], "text/event-stream")
      const one = yield* streamed(streamUrl({ name: "one", arguments: [] }, "stitch_request"), access_token, "}")
      assert.include(one.text, 'data: {"a":"50 %25"}\n\n')
      const mine = yield* streamed(streamUrl({ name: "mine" }), access_token, "data")
      assert.include(mine.text, 'data: "normal"')
      assert.include(
        (yield* streamed(streamUrl({ name: "forever" }), access_token, '"99"')).text,
        '{"$numberInt":"99"}'
      )
    }).pipe(withApps(app))
  )

  it.effect("takes its token from the header first, else from the query", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const url = streamUrl({ name: "one" })
      assert.include((yield* streamed(`${url}&baas_at=${access_token}`, undefined, "}")).text, "50")
      assert.include((yield* streamed(`${url}&stitch_at=${access_token}`, undefined, "}")).text, "50")
      assert.strictEqual((yield* streamed(url, undefined, "}")).response.status, 401)
      assert.strictEqual((yield* streamed(`${url}&baas_at=${access_token}`, "wrong", "}")).response.status, 401)
    }).pipe(withApps(app))
  )

  it.effect("fails like any other request if it cannot begin", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const base = path("my-app", "functions/call")
      for (const [url, status, code] of [
        [base, 400, "MissingParameter"],
        [`${base}?baas_request=~~`, 400, "BadRequest"],
        [streamUrl([1]), 400, "BadRequest"],
        [streamUrl({ arguments: [] }), 400, "MissingParameter"],
        [streamUrl({ name: "nothing" }), 404, "FunctionNotFound"],
        [streamUrl({ name: "watch", service: "nowhere", arguments: [{}] }), 404, "ServiceNotFound"],
        [
          streamUrl({ name: "find", service: "mongodb-atlas", arguments: [{ database: "d", collection: "c" }] }),
          404,
          "ServiceCommandNotFound"
        ],
        [
          streamUrl({
            name: "watch",
            service: "mongodb-atlas",
            arguments: [{ database: "d", collection: "c", query: {} }]
          }),
          400,
          "InvalidParameter"
        ],
        [
          streamUrl({
            name: "watch",
            service: "mongodb-atlas",
            arguments: [{ database: "d", collection: "c", ids: [1], filter: {} }]
          }),
          400,
          "InvalidParameter"
        ]
      ] as const) {
        const { response, text } = yield* streamed(url, access_token, "")
        assert.deepStrictEqual([response.status, JSON.parse(text).error_code], [status, code], url)
        assert.strictEqual(response.headers["content-type"], "application/json")
      }
    }).pipe(withApps(app))
  )
})

describe("the SDK's data", () => {
  it.effect("goes to the server and comes back, and its changes are told", () =>
    Effect.gen(function* () {
      const user = yield* (yield* AuthApi).logIn(Credentials.anonymous())
      const widgets = user.mongoClient("mongodb-atlas").db("shop").collection("widgets")
      const { insertedIds } = yield* widgets.insertMany([
        { color: "blue", n: 1 },
        { color: "blue", n: 2 },
        { color: "red" }
      ])
      assert.lengthOf(insertedIds, 3)
      assert.strictEqual(yield* widgets.count({ color: "blue" }), 2)
      assert.sameMembers([...(yield* widgets.distinct("color"))], ["blue", "red"])
      assert.deepStrictEqual(yield* widgets.deleteOne({ color: "red" }), { deletedCount: 1 })
      const deleted: Array<unknown> = []
      // the stream tells of what is deleted once it is open
      const deleting = Effect.gen(function* () {
        const { insertedId } = yield* widgets.insertOne({ color: "green" })
        deleted.push({ _id: insertedId })
        yield* widgets.deleteOne({ color: "green" })
      })
      const told = yield* Effect.raceFirst(
        Stream.runHead(widgets.watch({ filter: { operationType: "delete" } })),
        Effect.forever(deleting)
      )
      assert.deepInclude(deleted, Option.getOrThrow(told).documentKey)
      assert.deepStrictEqual(yield* Stream.runCollect(user.callFunctionStreaming("numbers")), [1, 2])
    }).pipe(Effect.provide(TestServer.layer(app)))
  )
})
