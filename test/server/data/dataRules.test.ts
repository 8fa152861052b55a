/** Rules of exported applications over the wire: what two users may see and change of each other's documents. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { AppDirectory } from "effect-app-services/server"
import { anonymous, ask, callFunction, directory, inProcess, path, root } from "../support.ts"

const all = { read: true, write: true, insert: true, delete: true, search: true }
const owner = { owner: "%%user.id" }

const rule = (collection: string, roles: ReadonlyArray<unknown>, more: object = {}) => ({
  [`data_sources/atlas/db/${collection}/rules.json`]: { database: "db", collection, roles, ...more }
})

const files = {
  "realm_config.json": { app_id: "my-app" },
  "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
  "auth/custom_user_data.json": {
    enabled: true,
    mongo_service_name: "mongodb-atlas",
    database_name: "db",
    collection_name: "users",
    user_id_field: "id"
  },
  "functions/config.json": [{ name: "sys", run_as_system: true }],
  // runs without rules
  "functions/sys.js": `exports = async (collection, name, ...args) => {
    const found = await context.services.get("mongodb-atlas").db("db").collection(collection)[name](...args)
    return found && found.toArray ? found.toArray() : found
  }`,
  "data_sources/atlas/config.json": { name: "mongodb-atlas", type: "mongodb-atlas" },
  "data_sources/atlas/default_rule.json": { roles: [{ name: "readers", ...all, write: false }] },
  ...rule("owned", [{ name: "owner", apply_when: owner, ...all }]),
  ...rule("shared", [{ name: "all", apply_when: {}, document_filters: { read: true, write: owner }, ...all }]),
  ...rule("filtered", [{ ...all }], { filters: [{ name: "mine", query: owner, projection: { secret: 0 } }] }),
  ...rule("profiles", [
    { name: "owner", apply_when: owner, ...all },
    { name: "others", apply_when: {}, fields: { name: { read: true }, note: { write: true } } }
  ]),
  ...rule("team", [
    { name: "lead", apply_when: { "%%user.custom_data.role": "lead" }, ...all },
    { name: "member", apply_when: { "%%user.custom_data.team": "%%root.team" }, read: true }
  ]),
  ...rule("odd", [{ apply_when: { "%%true": { "%pipeline": { name: "f" } } }, ...all }]),
  ...rule("keyed", [{ apply_when: { "%%request.requestHeaders.X-Key": "open" }, ...all }]),
  ...rule("partly", [
    { name: "owner", apply_when: owner, ...all },
    { name: "odd", apply_when: { kind: { $near: 1 } }, ...all },
    { name: "all", apply_when: {}, read: true }
  ]),
  ...rule("asBefore", [
    { name: "not", apply_when: { "!=": ["%%user.id", "x"] }, ...all },
    { name: "all", apply_when: {}, fields: { a: { read: "false" }, b: { read: true } } }
  ]),
  "services/other/config.json": { name: "other", type: "mongodb" },
  "services/other/rules/db.things.json": {
    database: "db",
    collection: "things",
    roles: [{ apply_when: owner, ...all }]
  }
}

const server = Layer.unwrap(
  Effect.gen(function* () {
    return inProcess(yield* AppDirectory.load(yield* directory(files)))
  })
).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

const user = Effect.map(anonymous(), ({ access_token, refresh_token, user_id }) => ({
  token: access_token,
  refreshToken: refresh_token,
  id: user_id,
  call: (name: string, collection: string, argument: object = {}, service = "mongodb-atlas") =>
    Effect.map(
      ask("POST", path("my-app", "functions/call"), {
        token: access_token,
        body: { name, arguments: [{ database: "db", collection, ...argument }], service }
      }),
      ({ body, status, text }): unknown =>
        status === 200 ? plain(JSON.parse(text)) : `${status} ${body["error_code"]} ${body["error"]}`
    ),
  sys: (collection: string, name: string, ...args: ReadonlyArray<unknown>) =>
    Effect.map(callFunction(access_token, "sys", [collection, name, ...args]), ({ status, text }) => {
      assert.strictEqual(status, 200, text)
      return plain(JSON.parse(text))
    })
}))

/** A result whose numbers are plain. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first !== undefined && first[0].startsWith("$number")) return Number(first[1])
  return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner)]))
}

const twoUsers = Effect.all([user, user])
const no = (what: string) => `400 NoMatchingRuleFound ${what} not permitted`
const none = { matchedCount: 0, modifiedCount: 0 }
const one = { matchedCount: 1, modifiedCount: 1 }

describe("documents that only their owner may see", () => {
  it.effect("hides them from other users, in any operation", () =>
    Effect.gen(function* () {
      const [ada, bob] = yield* twoUsers
      const mine = { _id: 1, owner: ada.id, n: 1, tags: ["a"] }
      const theirs = { _id: 2, owner: bob.id, n: 2, tags: ["b"] }
      assert.deepStrictEqual(yield* ada.call("insertOne", "owned", { document: mine }), { insertedId: 1 })
      assert.deepStrictEqual(yield* bob.call("insertMany", "owned", { documents: [theirs] }), { insertedIds: [2] })
      const other = { query: { _id: 2 } }
      const otherFilter = { filter: { _id: 2 } }
      const set = { update: { $set: { n: 9 } } }
      const fails = { $expr: { $cond: [{ $eq: ["$n", 2] }, { $toObjectId: { $concat: ["no ", "$owner"] } }, true] } }
      for (const [name, argument, result] of [
        ["find", {}, [mine]],
        ["find", other, []],
        ["find", { query: { $or: [{ _id: 2 }, { n: 2 }] } }, []],
        ["find", { query: { $and: [{ _id: 2 }] } }, []],
        ["find", { query: { owner: bob.id } }, []],
        // an expression that fails for a hidden document would tell of it
        ["find", { query: fails }, [mine]],
        ["find", { query: { $and: [fails] } }, [mine]],
        ["count", { query: fails }, 1],
        ["distinct", { field: "n", query: fails }, [1]],
        ["aggregate", { pipeline: [{ $match: fails }] }, [mine]],
        ["updateMany", { query: fails, update: { $set: { n: 1 } } }, { matchedCount: 1, modifiedCount: 0 }],
        ["findOne", other, null],
        ["findOne", { sort: { _id: -1 } }, mine],
        ["count", {}, 1],
        ["count", other, 0],
        ["distinct", { field: "n" }, [1]],
        ["aggregate", { pipeline: [] }, [mine]],
        ["aggregate", { pipeline: [{ $match: { _id: 2 } }] }, []],
        ["aggregate", { pipeline: [{ $group: { _id: null, n: { $sum: "$n" } } }] }, [{ _id: null, n: 1 }]],
        ["aggregate", { pipeline: [{ $facet: { all: [{ $count: "n" }] } }] }, [{ all: [{ n: 1 }] }]],
        ["updateOne", { ...other, ...set }, none],
        ["updateOne", { ...other, update: { n: 9 } }, none],
        ["updateOne", { ...other, update: [{ $set: { n: 9 } }] }, none],
        ["deleteOne", other, { deletedCount: 0 }],
        ["deleteMany", other, { deletedCount: 0 }],
        ["findOneAndUpdate", { ...otherFilter, ...set }, null],
        ["findOneAndReplace", { ...otherFilter, update: {} }, null],
        ["findOneAndDelete", otherFilter, null],
        // what a client would insert for others, or give away
        ["insertOne", { document: { owner: bob.id } }, no("insert")],
        ["insertMany", { documents: [{ owner: ada.id }, {}] }, no("insert")],
        ["updateOne", { query: { _id: 8 }, ...set, upsert: true }, no("insert")],
        ["findOneAndUpdate", { filter: { _id: 8 }, ...set, upsert: true }, no("insert")],
        ["updateOne", { query: {}, update: { $set: { owner: bob.id } } }, no("update")],
        ["updateMany", { query: {}, update: { $unset: { owner: 1 } } }, no("update")],
        ["updateOne", { query: {}, update: { n: 1 } }, no("update")],
        ["updateOne", { query: {}, update: [{ $set: { owner: "$n" } }] }, no("update")],
        ["findOneAndReplace", { filter: {}, update: { owner: bob.id } }, no("update")]
      ] as const) {
        assert.deepStrictEqual(yield* ada.call(name, "owned", argument), result, `${name} ${JSON.stringify(argument)}`)
      }
      const taken = { update: { $set: { owner: ada.id } }, upsert: true }
      assert.match(String(yield* ada.call("updateOne", "owned", { ...other, ...taken })), /Duplicate key/)
      assert.match(String(yield* ada.call("findOneAndUpdate", "owned", { ...otherFilter, ...taken })), /Duplicate key/)
      assert.deepStrictEqual(yield* ada.sys("owned", "find"), [mine, theirs])

      assert.deepStrictEqual(yield* ada.call("updateMany", "owned", set), one)
      assert.deepStrictEqual(
        yield* ada.call("updateOne", "owned", { query: { tags: "a" }, update: { $set: { "tags.$": "c" } } }),
        one
      )
      assert.deepStrictEqual(
        yield* ada.call("updateOne", "owned", { query: { _id: 3 }, update: { $set: { owner: ada.id } }, upsert: true }),
        { ...none, upsertedId: 3 }
      )
      assert.deepStrictEqual(
        yield* ada.call("findOneAndUpdate", "owned", {
          filter: {},
          update: { $inc: { n: 1 } },
          returnNewDocument: true
        }),
        { ...mine, n: 10, tags: ["c"] }
      )
      assert.deepStrictEqual(yield* ada.call("deleteMany", "owned"), { deletedCount: 2 })
      assert.deepStrictEqual(yield* ada.sys("owned", "find"), [theirs])
    }).pipe(Effect.provide(server))
  )

  it.effect("stay so in a pipeline that reads other collections", () =>
    Effect.gen(function* () {
      const ada = yield* user
      yield* ada.sys("open", "insertOne", { _id: 1 })
      yield* ada.sys("owned", "insertOne", { _id: 1, owner: "another" })
      const lookup = (from: string) => ({ $lookup: { from, localField: "_id", foreignField: "_id", as: "found" } })
      for (const [pipeline, answer] of [
        [[{ $facet: { x: [lookup("odd")] } }], /NoMatchingRuleFound.*"odd"/],
        [[{ $out: "open" }], /NoMatchingRuleFound.*"open"/]
      ] as const) {
        assert.match(String(yield* ada.call("aggregate", "open", { pipeline })), answer)
      }
      // what is joined is what a query would find
      const joins = (pipeline: ReadonlyArray<object>) => ada.call("aggregate", "open", { pipeline })
      assert.deepStrictEqual(yield* joins([lookup("owned")]), [{ _id: 1, found: [] }])
      assert.deepStrictEqual(yield* joins([{ $unionWith: "owned" }]), [{ _id: 1 }])
      const own = { _id: 2, owner: ada.id }
      yield* ada.sys("owned", "insertOne", own)
      assert.deepStrictEqual(yield* joins([{ $unionWith: "owned" }]), [{ _id: 1 }, own])
    }).pipe(Effect.provide(server))
  )
})

describe("documents that all users see and their owner changes", () => {
  it.effect("refuse others", () =>
    Effect.gen(function* () {
      const [ada, bob] = yield* twoUsers
      const theirs = { _id: 2, owner: bob.id }
      yield* bob.call("insertOne", "shared", { document: theirs })
      yield* ada.call("insertOne", "shared", { document: { _id: 1, owner: ada.id } })
      assert.strictEqual(yield* ada.call("count", "shared"), 2)
      const set = { update: { $set: { n: 1 } } }
      assert.strictEqual(yield* ada.call("updateOne", "shared", { query: { _id: 2 }, ...set }), no("update"))
      assert.strictEqual(yield* ada.call("updateMany", "shared", set), no("update"))
      assert.strictEqual(yield* ada.call("deleteMany", "shared"), no("delete"))
      assert.strictEqual(yield* ada.call("findOneAndDelete", "shared", { filter: { _id: 2 } }), no("delete"))
      assert.strictEqual(yield* ada.call("findOneAndReplace", "shared", { filter: { _id: 2 } }), no("delete"))
      assert.deepStrictEqual(yield* ada.call("updateOne", "shared", { query: { _id: 1 }, ...set }), one)
      assert.deepStrictEqual(yield* ada.sys("shared", "findOne", { _id: 2 }), theirs)
    }).pipe(Effect.provide(server))
  )
})

describe("fields that are hidden", () => {
  it.effect("hides and does not reveal them", () =>
    Effect.gen(function* () {
      const [ada, bob] = yield* twoUsers
      const document = { _id: 1, owner: ada.id, name: "Ada", secret: 7 }
      yield* ada.call("insertOne", "profiles", { document })
      const shown = { _id: 1, name: "Ada" }
      assert.deepStrictEqual(yield* ada.call("find", "profiles"), [document])
      const change = (update: unknown) => ({ query: { _id: 1 }, update })
      for (const [name, argument, result] of [
        ["find", {}, [shown]],
        ["find", { query: { secret: 7 } }, []],
        ["find", { query: { $expr: { $eq: ["$secret", 7] } } }, []],
        ["findOne", { project: { secret: 1 } }, { _id: 1 }],
        ["count", { query: { secret: { $gt: 1 } } }, 0],
        ["distinct", { field: "secret" }, []],
        ["aggregate", { pipeline: [{ $project: { s: "$secret" } }] }, [{ _id: 1 }]],
        ["updateOne", change({ $set: { name: "x" } }), no("update")],
        ["updateOne", change({ $max: { secret: 1 } }), no("update")],
        ["updateOne", change({ $rename: { secret: "note" } }), no("update")],
        ["updateOne", change([{ $set: { note: "$secret" } }]), no("update")],
        ["updateOne", change({ note: 1 }), no("update")],
        ["updateOne", { query: { secret: 7 }, update: { $set: { note: 1 } } }, none],
        ["deleteOne", {}, no("delete")],
        ["insertOne", { document: { owner: "x", name: "x" } }, no("insert")],
        ["findOneAndUpdate", { filter: { secret: 7 }, update: { $set: { note: 1 } } }, null],
        [
          "findOneAndUpdate",
          { filter: {}, update: { $set: { note: 1 } }, returnNewDocument: true },
          { ...shown, note: 1 }
        ]
      ] as const) {
        assert.deepStrictEqual(
          yield* bob.call(name, "profiles", argument),
          result,
          `${name} ${JSON.stringify(argument)}`
        )
      }
      assert.deepStrictEqual(yield* ada.sys("profiles", "find"), [{ ...document, note: 1 }])
    }).pipe(Effect.provide(server))
  )

  it.effect("hides fields by the projection of a filter, which also restricts what is found", () =>
    Effect.gen(function* () {
      const [ada, bob] = yield* twoUsers
      const documents = [ada, bob].map(({ id }, _id) => ({ _id, owner: id, secret: 1 }))
      yield* ada.call("insertMany", "filtered", { documents })
      assert.deepStrictEqual(yield* ada.call("find", "filtered"), [{ _id: 0, owner: ada.id }])
      assert.deepStrictEqual(yield* ada.call("find", "filtered", { query: { secret: 1 } }), [])
      const copies = { update: [{ $set: { shown: "$secret" } }] }
      assert.strictEqual(yield* ada.call("updateOne", "filtered", copies), no("update"))
      assert.deepStrictEqual(yield* ada.call("deleteMany", "filtered"), { deletedCount: 1 })
    }).pipe(Effect.provide(server))
  )
})

describe("roles", () => {
  it.effect("apply by custom data", () =>
    Effect.gen(function* () {
      const [lead, member] = yield* twoUsers
      const stranger = yield* user
      const documents = [{ _id: 1, team: "red" }, { _id: 2, team: "blue" }, { _id: 3 }]
      yield* lead.sys("users", "insertMany", [
        { id: lead.id, role: "lead" },
        { id: member.id, team: "red" }
      ])
      const renewed = (of: typeof lead) =>
        Effect.gen(function* () {
          const { body } = yield* ask("POST", `${root}/auth/session`, { token: of.refreshToken })
          const { text } = yield* ask("POST", path("my-app", "functions/call"), {
            token: body["access_token"],
            body: { name: "find", arguments: [{ database: "db", collection: "team" }], service: "mongodb-atlas" }
          })
          return plain(JSON.parse(text))
        })
      yield* lead.sys("team", "insertMany", documents)
      assert.deepStrictEqual(yield* renewed(lead), documents)
      assert.deepStrictEqual(yield* renewed(member), [documents[0]])
      assert.deepStrictEqual(yield* renewed(stranger), [])
    }).pipe(Effect.provide(server))
  )

  it.effect("uses the default rule for a collection without rules, also of older exports", () =>
    Effect.gen(function* () {
      const ada = yield* user
      yield* ada.sys("any", "insertOne", { _id: 1 })
      assert.deepStrictEqual(yield* ada.call("find", "any"), [{ _id: 1 }])
      assert.strictEqual(yield* ada.call("insertOne", "any", { document: {} }), no("insert"))
      assert.match(String(yield* ada.call("find", "odd")), /^400 NoMatchingRuleFound no rule exists/)
      assert.strictEqual(yield* ada.call("insertOne", "things", { document: {} }, "other"), no("insert"))
      const document = { _id: 1, owner: ada.id }
      assert.deepStrictEqual(yield* ada.call("insertOne", "things", { document }, "other"), { insertedId: 1 })
      assert.match(String(yield* ada.call("find", "elsewhere", {}, "other")), /NoMatchingRuleFound/)
    }).pipe(Effect.provide(server))
  )

  it.effect("closes a role that is not understood, and leaves the others as they are", () =>
    Effect.gen(function* () {
      const [ada, bob] = yield* twoUsers
      const mine = { _id: 1, owner: ada.id }
      assert.deepStrictEqual(yield* ada.call("insertOne", "partly", { document: mine }), { insertedId: 1 })
      assert.strictEqual(yield* bob.call("insertOne", "partly", { document: { owner: ada.id } }), no("insert"))
      assert.deepStrictEqual(yield* ada.call("find", "partly"), [mine])
      assert.deepStrictEqual(yield* bob.call("find", "partly"), [])
      yield* ada.sys("asBefore", "insertOne", { _id: 1, a: 1, b: 1 })
      assert.deepStrictEqual(yield* ada.call("find", "asBefore"), [{ _id: 1, b: 1 }])
    }).pipe(Effect.provide(server))
  )

  it.effect("compare headers of the request", () =>
    Effect.gen(function* () {
      const { token } = yield* user
      const insert = (headers: Record<string, string>) =>
        ask("POST", path("my-app", "functions/call"), {
          token,
          headers,
          body: {
            name: "insertOne",
            service: "mongodb-atlas",
            arguments: [{ database: "db", collection: "keyed", document: {} }]
          }
        })
      assert.strictEqual((yield* insert({ "x-key": "open" })).status, 200)
      assert.strictEqual((yield* insert({ "x-key": "other" })).body["error_code"], "NoMatchingRuleFound")
      assert.strictEqual((yield* insert({})).body["error_code"], "NoMatchingRuleFound")
    }).pipe(Effect.provide(server))
  )

  it.effect("reports unsupported rules with their position", () =>
    Effect.gen(function* () {
      const { report } = yield* AppDirectory.load(yield* directory(files))
      assert.deepStrictEqual(
        report.filter(({ file }) => file?.includes("rules.json")),
        [
          {
            file: "data_sources/atlas/db/asBefore/rules.json:1:216",
            message:
              "the rule is not understood at roles[1].fields.a.read: a value other than true, false or a document; it does not allow to read the field",
            mistake: true
          },
          {
            file: "data_sources/atlas/db/odd/rules.json:1:71",
            message:
              'the rule is not understood at roles[0].apply_when.%%true.%pipeline: the operator "%pipeline"; the collection "db.odd" is closed to clients',
            mistake: true
          },
          {
            file: "data_sources/atlas/db/partly/rules.json:1:204",
            message:
              'the rule is not understood at roles[1].apply_when.kind.$near: the operator "$near"; the role allows nothing, and neither do those behind it',
            mistake: true
          }
        ]
      )
    }).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))
  )
})

describe("the changes of a collection", () => {
  const watched = Effect.fnUntraced(function* (
    token: string | undefined,
    argument: object,
    act: Effect.Effect<unknown, unknown, HttpClient.HttpClient>
  ) {
    const call = { name: "watch", service: "mongodb-atlas", arguments: [{ database: "db", ...argument }] }
    const request = Buffer.from(JSON.stringify(call)).toString("base64")
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(
      HttpClientRequest.bearerToken(
        HttpClientRequest.get(
          `http://127.0.0.1:1234${path("my-app", "functions/call")}?baas_request=${encodeURIComponent(request)}`
        ),
        token ?? ""
      )
    )
    let text = ""
    let begun = false
    yield* response.stream.pipe(
      Stream.decodeText(),
      Stream.mapEffect((piece) => {
        text += piece
        if (begun) return Effect.void
        begun = true
        return act
      }),
      Stream.takeUntil(() => text.includes("the end")),
      Stream.runDrain
    )
    return text
  })

  it.effect("shows only documents and fields that the user may read", () =>
    Effect.gen(function* () {
      const [ada, bob] = yield* twoUsers
      const owned = yield* watched(
        ada.token,
        { collection: "owned" },
        Effect.gen(function* () {
          yield* bob.call("insertOne", "owned", { document: { _id: 1, owner: bob.id, text: "hidden" } })
          yield* bob.call("updateOne", "owned", { update: { $set: { text: "hidden too" } } })
          yield* bob.call("deleteOne", "owned")
          yield* ada.call("insertOne", "owned", { document: { _id: 2, owner: ada.id, text: "the end" } })
        })
      )
      assert.include(owned, "the end")
      assert.notInclude(owned, bob.id)
      assert.notInclude(owned, "hidden")
      assert.notInclude(owned, "delete")
      for (const filter of [{}, { "fullDocument.secret": { $exists: false } }]) {
        const profiles = yield* watched(
          bob.token,
          { collection: "profiles", filter },
          Effect.gen(function* () {
            yield* ada.call("insertOne", "profiles", { document: { owner: ada.id, secret: "hidden", name: "Ada" } })
            yield* ada.call("updateOne", "profiles", { update: { $set: { secret: "hidden too", name: "the end" } } })
            yield* ada.call("deleteMany", "profiles")
          })
        )
        assert.include(profiles, '"updatedFields":{"name":"the end"}')
        assert.notInclude(profiles, "hidden")
        assert.notInclude(profiles, "secret")
      }
    }).pipe(Effect.provide(server))
  )
})
