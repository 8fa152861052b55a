import { assert, describe, it } from "@effect/vitest"
import { failureOf, withClient } from "./support.ts"

describe("commands of the official driver", () => {
  it.live("lists collections that were created, until they are dropped", () =>
    withClient(async (client) => {
      const shop = client.db("shop")
      const names = async () => (await shop.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name)
      await shop.createCollection("empty")
      assert.deepEqual(await names(), ["empty"])
      assert.include(
        (await client.db().admin().listDatabases()).databases.map(({ name }) => name),
        "shop"
      )
      assert.strictEqual((await failureOf(shop.createCollection("empty"))).codeName, "NamespaceExists")
      assert.lengthOf(await shop.collection("empty").indexes(), 1)
      await client.withSession(async (session) => {
        session.startTransaction()
        await shop.createCollection("later", { session })
        assert.deepEqual(await names(), ["empty"])
        await session.commitTransaction()
        assert.deepEqual(await names(), ["empty", "later"])
        session.startTransaction()
        await shop.createCollection("never", { session })
        await session.abortTransaction()
      })
      await shop.collection("empty").rename("full")
      await shop.collection("full").insertOne({ _id: 1 as never })
      await shop.collection("full").deleteMany({})
      assert.deepEqual((await names()).toSorted(), ["full", "later"])
      await shop.collection("full").drop()
      await shop.dropDatabase()
      assert.deepEqual(await names(), [])
    })
  )

  it.live("tells the sessions of the user, and refuses other stages about the server by name", () =>
    withClient(async (client) => {
      const admin = client.db("admin")
      const [session] = await admin.aggregate([{ $listLocalSessions: {} }, { $limit: 1 }]).toArray()
      assert.instanceOf(session?.["lastUse"], Date)
      assert.strictEqual(session?.["_id"].id.sub_type, 4)
      await admin
        .aggregate([{ $listLocalSessions: {} }, { $limit: 1 }, { $project: { _id: "one" } }, { $out: "o" }])
        .toArray()
      assert.strictEqual(await admin.collection("o").countDocuments(), 1)
      const all = await failureOf(admin.aggregate([{ $listLocalSessions: { allUsers: true } }]).toArray())
      assert.match(all.message, /the option allUsers of \$listLocalSessions is not supported/)
      const watched = await failureOf(
        admin.aggregate([{ $changeStream: {} }], { collation: { locale: "en" } }).toArray()
      )
      assert.match(watched.message, /\$changeStream with collation or let is not supported by this server/)
      const current = await failureOf(admin.aggregate([{ $currentOp: {} }]).toArray())
      assert.match(current.message, /the stage \$currentOp is not supported by this server/)
    })
  )

  it.live("compares strings under a collation, and gives variables to expressions", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: string; k: string; n?: number }>("items")
      const collation = { locale: "en", strength: 2 }
      await items.insertMany([
        { _id: "A", k: "ada" },
        { _id: "a", k: "ADA" },
        { _id: "b", k: "bob" }
      ])
      assert.strictEqual(await items.countDocuments({ k: "Ada" }, { collation }), 2)
      assert.strictEqual(await items.count({ k: "Ada" }, { collation }), 2)
      assert.deepEqual(await items.distinct("k", { k: "Ada" }, { collation }), ["ada"])
      const sort = { _id: -1 } as const
      const one = await items.updateOne({ k: "Ada" }, { $inc: { n: 1 } }, { collation, sort: { k: 1 } })
      assert.deepEqual([one.matchedCount, one.modifiedCount], [1, 1])
      assert.strictEqual(await items.countDocuments({ n: 1 }), 1)
      const plus = [{ $set: { n: { $add: [{ $ifNull: ["$n", 0] }, "$$by"] } } }]
      const found = await items.findOneAndUpdate({ k: "BOB" }, plus, {
        collation,
        let: { by: { $add: [2, 3] } },
        returnDocument: "after"
      })
      assert.deepEqual(found, { _id: "b", k: "bob", n: 5 })
      const upserted = await items.findOneAndUpdate({ _id: "c", k: "carl" }, plus, {
        let: { by: 3 },
        upsert: true,
        returnDocument: "after"
      })
      assert.deepEqual(upserted, { _id: "c", k: "carl", n: 3 })
      const above = { $expr: { $gte: ["$n", "$$least"] } }
      assert.deepEqual(
        (await items.find(above, { let: { least: 3 }, sort }).toArray()).map(({ _id }) => _id),
        ["c", "b"]
      )
      assert.strictEqual((await items.deleteMany(above, { let: { least: 5 } })).deletedCount, 1)
      const error = await failureOf(items.find(above, { let: { least: "$n" } }).toArray())
      assert.strictEqual(error.code, 4_890_500)
      assert.strictEqual((await items.deleteMany({ k: "ADA" }, { collation })).deletedCount, 2)
      const made = await client
        .db("shop")
        .aggregate([{ $documents: [{ k: "b" }, { k: "A" }] }, { $sort: { k: 1 } }, { $set: { v: "$$v" } }], {
          collation,
          let: { v: 1 }
        })
        .toArray()
      assert.deepEqual(made, [
        { k: "A", v: 1 },
        { k: "b", v: 1 }
      ])
    })
  )
})
