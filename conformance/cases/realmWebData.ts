/** Unmodified realm-web: functions, streams, the MongoDB service. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { connect, Realm, refused } from "../realmWeb.ts"
import { unique } from "../wire.ts"

const { Credentials } = Realm
const { Decimal128, Long, ObjectId } = Realm.BSON

const open = async (baseUrl: string) => {
  const { answered, app } = connect(baseUrl)
  const user = await app.logIn(Credentials.anonymous())
  const collection = user.mongoClient("mongodb-atlas").db("app").collection(unique("web"))
  return { answered, user, collection }
}

export default [
  topic("realm-web: functions", {
    "calls by name, as a property, and of a factory": async ({ baseUrl }) => {
      const { user } = await open(baseUrl)
      assert.equal(await user.callFunction("sum", 1, 2), 3)
      assert.equal(await user.functions.sum(1, 2), 3)
      assert.equal(await user.functions.callFunction("sum", 1, 2), 3)
    },
    "sends and receives values of every type": async ({ baseUrl }) => {
      const { user } = await open(baseUrl)
      const value = {
        id: new ObjectId("5f1d7f3e9c1b2a0012345678"),
        at: new Date(5),
        price: Decimal128.fromString("9.99"),
        list: [1, 2.5, "three", null, { four: true }],
        infinite: Infinity,
        text: "é😀%25\n"
      }
      assert.deepEqual(await user.functions.echo(value), value)
      assert.deepEqual(await user.functions.echo({ kept: 1, dropped: undefined }), { kept: 1 })
      assert.equal(await user.functions.echo(Long.fromString("5000000000")), 5_000_000_000)
      for (const scalar of [0, -1, 1.5, "x", true, null]) assert.equal(await user.functions.echo(scalar), scalar)
      assert.deepEqual(await user.functions.returnsError(), { error: "this is a result", error_code: "Custom" })
    },
    failures: async ({ baseUrl }) => {
      const { user } = await open(baseUrl)
      await refused(user.functions.fails(), 400, "FunctionExecutionError", "Error: boom")
      await refused(user.functions.nope(), 404, "FunctionNotFound", "function not found: 'nope'")
      await refused(user.functions.hidden(), 400, "FunctionExecutionError", 'rule not matched for function "hidden"')
    },
    "streams the bytes that arrive": async ({ baseUrl }) => {
      const { user } = await open(baseUrl)
      const stream = await user.functions.callFunctionStreaming("numbers", 3)
      let text = ""
      const decoder = new TextDecoder()
      for await (const chunk of stream) text += decoder.decode(chunk, { stream: true })
      assert.equal(text.match(/^data: /gm)?.length, 3)
      await refused(user.functions.callFunctionStreaming("nope"), 404, "FunctionNotFound", /nope/)
    }
  }),

  topic("realm-web: mongoClient", {
    "writes and reads": async ({ baseUrl }) => {
      const { collection } = await open(baseUrl)
      const _id = new ObjectId()
      assert.deepEqual(await collection.insertOne({ _id, n: 1, at: new Date(5) }), { insertedId: _id })
      const { insertedIds } = await collection.insertMany([{ n: 2 }, { n: 3 }])
      assert.equal(insertedIds.length, 2)
      assert.deepEqual(await collection.findOne({ _id }), { _id, n: 1, at: new Date(5) })
      assert.deepEqual(await collection.find({}, { sort: { n: -1 }, limit: 2, projection: { n: 1, _id: 0 } }), [
        { n: 3 },
        { n: 2 }
      ])
      assert.equal(await collection.findOne({ n: 99 }), null)
      assert.equal(await collection.count(), 3)
      assert.equal(await collection.count({}, { limit: 2 }), 2)
      assert.deepEqual(await collection.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }]), [
        { _id: null, n: 6 }
      ])
    },
    "updates and deletes": async ({ baseUrl }) => {
      const { collection } = await open(baseUrl)
      await collection.insertMany([
        { _id: 1, n: 1 },
        { _id: 2, n: 2 },
        { _id: 3, n: 3 }
      ])
      assert.deepEqual(await collection.updateOne({ n: 1 }, { $set: { x: 1 } }), { matchedCount: 1, modifiedCount: 1 })
      assert.deepEqual(await collection.updateMany({}, { $set: { x: 1 } }), { matchedCount: 3, modifiedCount: 2 })
      const upserted = await collection.updateOne({ _id: 9 }, { $set: { n: 9 } }, { upsert: true })
      assert.deepEqual(upserted, { matchedCount: 0, modifiedCount: 0, upsertedId: 9 })
      const before = await collection.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { projection: { n: 1 } })
      assert.deepEqual(before, { _id: 1, n: 1 })
      const after = await collection.findOneAndReplace({ _id: 2 }, { y: 1 }, { returnNewDocument: true })
      assert.deepEqual(after, { _id: 2, y: 1 })
      assert.deepEqual(await collection.findOneAndDelete({}, { sort: { _id: -1 } }), { _id: 9, n: 9 })
      assert.deepEqual(await collection.deleteOne({ _id: 1 }), { deletedCount: 1 })
      assert.deepEqual(await collection.deleteMany({}), { deletedCount: 2 })
    },
    failures: async ({ baseUrl }) => {
      const { collection, user } = await open(baseUrl)
      await collection.insertOne({ _id: 1 })
      await refused(collection.insertOne({ _id: 1 }), 400, "MongoDBError", /Duplicate key error/)
      const database = user.mongoClient("mongodb-atlas").db("app")
      await refused(database.collection("readonly").insertOne({}), 400, "NoMatchingRuleFound", /insert not permitted/)
      const elsewhere = user.mongoClient("nope").db("app").collection("x")
      await refused(elsewhere.find(), 404, "ServiceNotFound", "service not found: 'nope'")
    },
    "watches all documents, by ids and by a filter, and stops": async ({ baseUrl }) => {
      const { answered, collection } = await open(baseUrl)
      for (const options of [{}, { ids: [1] }, { filter: { operationType: "insert" } }]) {
        const opened = answered("GET /functions/call")
        const stream = collection.watch(options)
        const next = stream.next()
        // changes arrive through the stream from here on
        await opened
        await collection.insertOne({ _id: 1, text: "100%\r\n" })
        const { value } = await next
        assert.ok(value?.operationType === "insert")
        assert.equal(value.fullDocument["text"], "100%\r\n")
        await stream.return?.(undefined)
        await collection.deleteMany({})
      }
    },
    "a rejected watch is an ordinary failure": async ({ baseUrl }) => {
      const { user } = await open(baseUrl)
      const closed = user.mongoClient("mongodb-atlas").db("app").collection("closed")
      await refused(closed.watch().next(), 400, "NoMatchingRuleFound", /./)
      const nowhere = user.mongoClient("nope").db("app").collection("x")
      await refused(nowhere.watch().next(), 404, "ServiceNotFound", "service not found: 'nope'")
    }
  })
]
