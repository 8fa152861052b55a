/** The MongoDB service, raw: the argument documents of each SDK, typed results, and failures (§8.1 to 8.4). */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import {
  appPath,
  call,
  coreHeaders,
  fails,
  type Json,
  type LoggedIn,
  logIn,
  type Reply,
  send,
  someone,
  succeeds,
  unique
} from "../wire.ts"

const int = (n: number) => ({ $numberInt: String(n) })

/** A new collection, and a user of it. */
const open = async (baseUrl: string, collection = unique("open"), user?: LoggedIn) => {
  const { access: token } = user ?? (await logIn(baseUrl))
  return (name: string, more: Json = {}, service = "mongodb-atlas"): Promise<Reply> =>
    send(baseUrl, "POST", appPath("functions/call"), {
      token,
      headers: coreHeaders,
      body: { arguments: [{ database: "app", collection, ...more }], name, service }
    })
}

const documents = [
  { _id: 1, n: 1, tags: ["a"] },
  { _id: 2, n: 2, tags: ["a", "b"] },
  { _id: 3, n: 3, tags: [] }
]

const filled = async (baseUrl: string) => {
  const run = await open(baseUrl)
  succeeds(await run("insertMany", { documents }))
  return run
}

const ids = ({ value }: Reply) => (Array.isArray(value) ? value.map(({ _id }) => Number(_id.$numberInt)) : undefined)

export default [
  topic("§8.2 results", {
    "insertOne and insertMany return the ids": async ({ baseUrl }) => {
      const run = await open(baseUrl)
      assert.deepEqual((await run("insertOne", { document: { _id: 1 } })).value, { insertedId: int(1) })
      const many = await run("insertMany", { documents: [{ _id: "b" }, { _id: { $oid: "5f1d7f3e9c1b2a0012345678" } }] })
      assert.deepEqual(many.value, { insertedIds: ["b", { $oid: "5f1d7f3e9c1b2a0012345678" }] })
      const { json } = await run("insertOne", { document: { no: "id" } })
      assert.match(JSON.stringify(json["insertedId"]), /^\{"\$oid":"[0-9a-f]{24}"\}$/)
    },
    "find, with query, project, sort and limit": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      assert.deepEqual(ids(await run("find")), [1, 2, 3])
      assert.deepEqual(ids(await run("find", { query: {}, sort: { n: -1 }, limit: int(2) })), [3, 2])
      assert.deepEqual(ids(await run("find", { query: { n: { $gt: int(1) } }, limit: 1 })), [2])
      assert.deepEqual(ids(await run("find", { query: { tags: "b" } })), [2])
      const { value } = await run("find", { query: { _id: 1 }, project: { n: 1, _id: 0 } })
      assert.deepEqual(value, [{ n: int(1) }])
      assert.deepEqual((await run("find", { query: { n: 99 } })).value, [])
    },
    "findOne answers a document or null": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      assert.deepEqual((await run("findOne", { query: {}, sort: { n: -1 }, project: { n: 1 } })).value, {
        _id: int(3),
        n: int(3)
      })
      assert.deepEqual((await run("findOne", { query: { n: 99 }, limit: { $numberLong: "1" } })).value, null)
    },
    "count is 64 bits wide": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      assert.deepEqual((await run("count", { query: {} })).value, { $numberLong: "3" })
      assert.deepEqual((await run("count", { query: { n: 1 } })).value, { $numberLong: "1" })
      assert.deepEqual((await run("count", { query: {}, limit: int(2) })).value, { $numberLong: "2" })
      assert.deepEqual((await run("count")).value, { $numberLong: "3" })
    },
    "counts of changes are 32 bits wide": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      assert.deepEqual((await run("updateOne", { query: { n: 1 }, update: { $set: { x: 1 } }, upsert: false })).value, {
        matchedCount: int(1),
        modifiedCount: int(1)
      })
      assert.deepEqual((await run("updateMany", { query: {}, update: { $set: { x: 1 } } })).value, {
        matchedCount: int(3),
        modifiedCount: int(2)
      })
      assert.deepEqual((await run("updateOne", { query: { n: 99 }, update: { $set: { x: 1 } } })).value, {
        matchedCount: int(0),
        modifiedCount: int(0)
      })
      assert.deepEqual((await run("deleteOne", { query: {} })).value, { deletedCount: int(1) })
      assert.deepEqual((await run("deleteMany", { query: {} })).value, { deletedCount: int(2) })
      assert.deepEqual((await run("deleteMany")).value, { deletedCount: int(0) })
    },
    "only an upsert returns an id": async ({ baseUrl }) => {
      const run = await open(baseUrl)
      const upsert = { query: { _id: "new" }, update: { $set: { x: 1 } }, upsert: true }
      assert.deepEqual((await run("updateOne", upsert)).value, {
        matchedCount: int(0),
        modifiedCount: int(0),
        upsertedId: "new"
      })
      assert.ok(!("upsertedId" in (await run("updateOne", upsert)).json))
    },
    "findOneAndUpdate, before and after": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const change = { filter: { _id: 1 }, update: { $inc: { n: 10 } }, projection: { n: 1, _id: 0 } }
      assert.deepEqual((await run("findOneAndUpdate", change)).value, { n: int(1) })
      assert.deepEqual((await run("findOneAndUpdate", { ...change, returnNewDocument: true })).value, { n: int(21) })
      const missing = { filter: { _id: 99 }, update: { $set: { n: 0 } } }
      assert.equal((await run("findOneAndUpdate", missing)).value, null)
      const inserted = await run("findOneAndUpdate", { ...missing, upsert: true, returnNewDocument: true })
      assert.deepEqual(inserted.value, { _id: int(99), n: int(0) })
    },
    "findOneAndReplace takes the replacement in `update`": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const change = {
        filter: { n: { $gte: 2 } },
        sort: { n: -1 },
        update: { replaced: true },
        returnNewDocument: true
      }
      assert.deepEqual((await run("findOneAndReplace", change)).value, { _id: int(3), replaced: true })
    },
    "findOneAndDelete, also under realm-web's name": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const last = { filter: {}, sort: { n: -1 }, projection: { n: 1 } }
      const deleted = await run("findOneAndDelete", { ...last, upsert: false, returnNewDocument: false })
      assert.deepEqual(deleted.value, { _id: int(3), n: int(3) })
      assert.deepEqual((await run("findOneAndReplace", last)).value, { _id: int(2), n: int(2) })
      assert.deepEqual((await run("findOneAndDelete", { filter: { n: 99 } })).value, null)
      assert.deepEqual(ids(await run("find")), [1])
    },
    aggregate: async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const pipeline = [{ $unwind: "$tags" }, { $group: { _id: "$tags", n: { $sum: "$n" } } }, { $sort: { _id: 1 } }]
      assert.deepEqual((await run("aggregate", { pipeline })).value, [
        { _id: "a", n: int(3) },
        { _id: "b", n: int(2) }
      ])
      assert.deepEqual((await run("aggregate", { pipeline: [] })).status, 200)
    }
  }),

  topic("§8.1 arguments", {
    "filters with Extended JSON values": async ({ baseUrl }) => {
      const run = await open(baseUrl)
      const _id = { $oid: "5f1d7f3e9c1b2a0012345678" }
      const document = { _id, at: { $date: "2020-01-01T00:00:00Z" }, price: { $numberDecimal: "9.99" } }
      succeeds(await run("insertOne", { document }))
      for (const query of [{ _id }, { at: { $gte: { $date: { $numberLong: "0" } } } }, { price: document.price }]) {
        assert.deepEqual((await run("count", { query })).value, { $numberLong: "1" })
      }
      assert.deepEqual((await run("count", { query: { _id: _id.$oid } })).value, { $numberLong: "0" })
      assert.deepEqual((await run("findOne", { query: { _id } })).json["at"], {
        $date: { $numberLong: "1577836800000" }
      })
    },
    "nulls and a schema's name have no effect": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const nothing = { project: null, sort: null, limit: null, schema_name: "Item" }
      assert.deepEqual(ids(await run("find", { query: null, ...nothing })), [1, 2, 3])
    },
    "rejects a filter under another name": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const filter = { _id: 1 }
      fails(await run("updateMany", { filter, update: { $set: { n: 9 } } }), 400, "InvalidParameter", /'filter'/)
      fails(await run("deleteMany", { filter }), 400, "InvalidParameter", /'filter'/)
      fails(await run("findOneAndDelete", { query: filter }), 400, "InvalidParameter", /'query'/)
      assert.deepEqual(ids(await run("find")), [1, 2, 3])
    },
    "updateMany with a plain document sets its fields": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      const { json } = await run("updateMany", { query: {}, update: { same: 1 } })
      assert.deepEqual(json, { matchedCount: int(3), modifiedCount: int(3) })
      const upserted = await run("updateMany", { query: { x: 1 }, update: { x: 1, _id: 9 }, upsert: true })
      assert.deepEqual(upserted.json, { matchedCount: int(0), modifiedCount: int(0), upsertedId: int(9) })
    },
    "array filters, pipelines as updates, replacements as updates": async ({ baseUrl }) => {
      const run = await open(baseUrl)
      succeeds(await run("insertOne", { document: { _id: 1, list: [1, 5, 9], a: 1 } }))
      const filtered = { query: {}, update: { $set: { "list.$[high]": 0 } }, arrayFilters: [{ high: { $gt: 4 } }] }
      assert.deepEqual((await run("updateOne", filtered)).json["modifiedCount"], int(1))
      const pipeline = [{ $set: { b: { $add: ["$a", 1] } } }]
      assert.deepEqual((await run("updateOne", { query: {}, update: pipeline })).json["modifiedCount"], int(1))
      assert.deepEqual((await run("findOne")).value, {
        _id: int(1),
        list: [int(1), int(0), int(0)],
        a: int(1),
        b: int(2)
      })
      succeeds(await run("updateOne", { query: {}, update: { replaced: true } }))
      assert.deepEqual((await run("findOne")).value, { _id: int(1), replaced: true })
    },
    "requires database and collection": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      for (const args of [[], [{}], [{ database: "app" }], ["text"], [null]]) {
        const body = { name: "find", service: "mongodb-atlas", arguments: args }
        const reply = await send(baseUrl, "POST", appPath("functions/call"), { token: user.access, body })
        assert.equal(reply.status, 400, reply.text)
      }
    }
  }),

  topic("§8.4 failures", {
    "rejects a duplicate key": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      fails(await run("insertOne", { document: { _id: 1 } }), 400, "MongoDBError", /Duplicate key error/)
    },
    "rejects an unknown operator": async ({ baseUrl }) => {
      const run = await filled(baseUrl)
      fails(
        await run("aggregate", { pipeline: [{ $who: 1 }] }),
        400,
        "MongoDBError",
        /^Unrecognized pipeline stage name/
      )
      fails(await run("insertMany", { documents: [] }), 400, "MongoDBError", /must provide at least one element/)
      const replaced = await run("findOneAndReplace", { filter: {}, update: { $who: 1 } })
      fails(replaced, 400, "MongoDBError", /the replace operation document must not contain atomic operators/)
      fails(await run("find", { query: { $who: 1 } }), 400, "MongoDBError", /unknown top level operator: \$who/)
      fails(await run("find", { query: { n: { $nope: 1 } } }), 400, "MongoDBError", /\$nope/)
      fails(await run("updateOne", { query: {}, update: { $nope: { a: 1 } } }), 400, "MongoDBError", /\$nope/)
      const stage = await run("aggregate", { pipeline: [{ $nope: {} }] })
      assert.equal(stage.status, 400)
      assert.match(String(stage.json["error"]), /\$nope/)
    },
    "rejects an unknown service": async ({ baseUrl }) => {
      const run = await open(baseUrl)
      for (const service of ["nope", "mongo-db", "http", "__proto__"]) {
        fails(await run("find", {}, service), 404, "ServiceNotFound", `service not found: '${service}'`)
      }
    },
    "rejects an unknown command": async ({ baseUrl }) => {
      const run = await open(baseUrl)
      for (const name of ["nope", "toString", "watch"]) {
        fails(await run(name), [400, 404], "ServiceCommandNotFound", /./)
      }
    },
    "rejects what rules deny": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      succeeds(await call(baseUrl, user, "seedReadonly"))
      const run = await open(baseUrl, "readonly", user)
      assert.deepEqual(ids(await run("find")), [1, 2])
      fails(await run("insertOne", { document: { _id: 3 } }), 400, "NoMatchingRuleFound", /insert not permitted/)
      fails(await run("insertMany", { documents: [{ _id: 3 }] }), 400, "NoMatchingRuleFound", /insert not permitted/)
      fails(await run("deleteOne", { query: { _id: 1 } }), 400, "NoMatchingRuleFound", /not permitted/)
      fails(await run("updateOne", { query: { _id: 1 }, update: { $set: { a: 1 } } }), 400, "NoMatchingRuleFound", /./)
      assert.deepEqual(ids(await run("find")), [1, 2])
    },
    "rules filter reads instead of rejecting them": async ({ baseUrl }) => {
      const [one, other] = [await someone(baseUrl), await someone(baseUrl)]
      const mine = await open(baseUrl, "owned", one)
      const theirs = await open(baseUrl, "owned", other)
      succeeds(await mine("insertOne", { document: { owner: one.id } }))
      assert.deepEqual((await mine("count")).value, { $numberLong: "1" })
      assert.deepEqual((await theirs("count", { query: { owner: one.id } })).value, { $numberLong: "0" })
      assert.deepEqual((await theirs("find")).value, [])
      const claim = { query: { owner: one.id }, update: { $set: { owner: other.id } } }
      assert.deepEqual((await theirs("updateOne", claim)).json["matchedCount"], int(0))
      assert.deepEqual((await theirs("deleteMany", { query: {} })).value, { deletedCount: int(0) })
    },
    "rejects access to a collection whose rule is not understood": async ({ baseUrl }) => {
      const run = await open(baseUrl, "closed")
      fails(await run("insertOne", { document: {} }), [400, 403], "NoMatchingRuleFound", /./)
    },
    "rejects a user who is logged out": async ({ baseUrl }) => {
      const body = { name: "find", service: "mongodb-atlas", arguments: [{ database: "app", collection: "a" }] }
      const reply = await send(baseUrl, "POST", appPath("functions/call"), { token: "", body })
      fails(reply, 401, undefined, "unauthorized")
    }
  })
]
