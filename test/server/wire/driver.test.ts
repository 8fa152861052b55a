import { assert, describe, it } from "@effect/vitest"
import {
  Binary,
  BSONRegExp,
  Code,
  Decimal128,
  type Document,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  MongoBulkWriteError,
  ObjectId,
  Timestamp,
  UUID
} from "mongodb"
import { failureOf, withClient } from "./support.ts"

const numbered = (count: number) => Array.from({ length: count }, (_, n) => ({ n, text: `document ${n}` }))

describe("the official driver on the MongoDB port", () => {
  it.live("inserts, finds, changes and deletes documents", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection("items")
      const { insertedCount } = await items.insertMany(numbered(30))
      assert.strictEqual(insertedCount, 30)
      assert.deepEqual(
        await items
          .find({ n: { $gte: 25 } })
          .project({ _id: 0, n: 1 })
          .sort({ n: -1 })
          .skip(1)
          .limit(2)
          .toArray(),
        [{ n: 28 }, { n: 27 }]
      )
      const updated = await items.updateMany({ n: { $lt: 3 } }, { $inc: { seen: 1 } })
      assert.deepEqual([updated.matchedCount, updated.modifiedCount], [3, 3])
      const replaced = await items.replaceOne({ n: 4 }, { n: 4, replaced: true })
      assert.strictEqual(replaced.modifiedCount, 1)
      const upserted = await items.updateOne({ n: 100 }, { $set: { a: 1 } }, { upsert: true })
      assert.instanceOf(upserted.upsertedId, ObjectId)
      const newest = await items.updateOne({}, { $set: { newest: true } }, { sort: { n: -1 } })
      assert.strictEqual(newest.modifiedCount, 1)
      assert.deepEqual(await items.distinct("n", { newest: true }), [100])
      assert.strictEqual((await items.deleteMany({ n: { $lt: 10 } })).deletedCount, 10)
      assert.strictEqual(await items.countDocuments(), 21)
      assert.strictEqual(await items.estimatedDocumentCount(), 21)
      const totals = await items.aggregate([{ $group: { _id: null, most: { $max: "$n" } } }]).toArray()
      assert.deepEqual(totals, [{ _id: null, most: 100 }])
    })
  )

  it.live("creates, lists, uses and drops indexes, and explains operations", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: number; email?: string; n: number }>("items")
      await items.insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n, email: `e${n}`, n })))
      assert.strictEqual(await items.createIndex({ email: 1 }, { unique: true }), "email_1")
      assert.deepEqual(await items.createIndexes([{ key: { n: -1, email: 1 }, name: "both" }]), ["both"])
      assert.deepEqual(await items.indexes(), [
        { v: 2, key: { _id: 1 }, name: "_id_" },
        { v: 2, key: { email: 1 }, name: "email_1", unique: true },
        { v: 2, key: { n: -1, email: 1 }, name: "both" }
      ])
      const duplicate = await failureOf(items.insertOne({ _id: 50, email: "e1", n: 1 }))
      assert.strictEqual(duplicate.code, 11_000)
      assert.match(duplicate.message, /index: email_1 dup key: \{ email: "e1" \}/)
      const { executionStats, queryPlanner } = await items.find({ n: { $gt: 40 } }).explain()
      assert.deepEqual(queryPlanner.winningPlan, {
        stage: "FETCH",
        inputStage: { stage: "IXSCAN", indexName: "both" }
      })
      assert.deepEqual([executionStats.nReturned, executionStats.totalDocsExamined], [9, 9])
      const either = await items.find({ $or: [{ email: "e1" }, { _id: 7 }] }).explain()
      assert.strictEqual(either.executionStats.totalDocsExamined, 2)
      const pipeline = await items.aggregate([{ $match: { email: "e3" } }, { $count: "n" }]).explain()
      assert.strictEqual(pipeline["executionStats"].totalDocsExamined, 1)
      await client.db("shop").command({ explain: { delete: "items", deletes: [{ q: {}, limit: 0 }] } })
      assert.strictEqual(await items.countDocuments(), 50)
      assert.strictEqual((await failureOf(items.find({ $no: 1 }).explain())).code, 2)
      assert.strictEqual((await failureOf(client.db("shop").command({ explain: { ping: 1 } }))).code, 59)
      await items.dropIndex("both")
      assert.strictEqual((await failureOf(items.dropIndex("both"))).code, 27)
      assert.strictEqual((await failureOf(items.createIndex({ n: 1 }, { expireAfterSeconds: 1 }))).code, 115)
      await items.drop()
      await items.insertMany([
        { _id: 1, n: 1 },
        { _id: 2, n: 1 }
      ])
      assert.deepEqual(await items.indexes(), [{ v: 2, key: { _id: 1 }, name: "_id_" }])
    })
  )

  it.live("finds and changes one document in one step, and tells what it did", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: number; n: number }>("items")
      await items.insertOne({ _id: 1, n: 1 })
      assert.deepEqual(await items.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }), { _id: 1, n: 1 })
      assert.deepEqual(await items.findOneAndReplace({ _id: 1 }, { n: 9 }, { returnDocument: "after" }), {
        _id: 1,
        n: 9
      })
      const metadata = { upsert: true, includeResultMetadata: true } as const
      const found = await items.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, metadata)
      assert.deepEqual(found.lastErrorObject, { n: 1, updatedExisting: true })
      const inserted = await items.findOneAndUpdate(
        { _id: 2 },
        { $set: { n: 5 } },
        { ...metadata, returnDocument: "after", projection: { n: 1 } }
      )
      assert.deepEqual(inserted.lastErrorObject, { n: 1, updatedExisting: false, upserted: 2 })
      assert.deepEqual(inserted.value, { _id: 2, n: 5 })
      assert.deepEqual(await items.findOneAndDelete({ _id: 1 }), { _id: 1, n: 10 })
      assert.isNull(await items.findOneAndDelete({ _id: 1 }))
    })
  )

  it.live("keeps every type of BSON both ways", () =>
    withClient(async (client) => {
      const types = client.db("shop").collection<{ _id: string; value: unknown }>("types")
      const values: Document = {
        double: new Double(1.5),
        wholeDouble: new Double(3),
        minusZero: new Double(-0),
        notANumber: new Double(NaN),
        int: new Int32(-7),
        long: Long.fromString("9007199254740993"),
        smallLong: Long.fromNumber(3),
        decimal: Decimal128.fromString("123.4500"),
        string: "text \u0001 \u{1f600}",
        object: { b: new Int32(1), a: { nested: [] } },
        array: [new Int32(1), "two", null, [new Double(4)]],
        binary: new Binary(Buffer.from([1, 2, 3]), 5),
        uuid: new UUID("11111111-2222-4333-8444-555555555555"),
        objectId: new ObjectId("0123456789abcdef01234567"),
        yes: true,
        no: false,
        date: new Date(-1),
        nothing: null,
        regex: new BSONRegExp("^a.b$", "im"),
        code: new Code("x => x"),
        codeInScope: new Code("x => y", { y: new Int32(1) }),
        timestamp: new Timestamp({ t: 4_000_000_000, i: 7 }),
        least: new MinKey(),
        most: new MaxKey()
      }
      for (const [_id, value] of Object.entries(values)) await types.insertOne({ _id, value })
      const options = { promoteValues: false, promoteLongs: false, bsonRegExp: true }
      for (const [_id, value] of Object.entries(values)) {
        const found = await types.findOne({ _id }, options)
        assert.deepEqual(found?.value, value, _id)
      }
      const names = await types.aggregate([{ $project: { type: { $type: "$value" } } }]).toArray()
      assert.strictEqual(names.find(({ _id }) => _id === "smallLong")?.["type"], "long")
      assert.strictEqual(names.find(({ _id }) => _id === "wholeDouble")?.["type"], "double")
    })
  )

  it.live("reads results in several batches, and closes cursors", () =>
    withClient(
      async (client) => {
        const items = client.db("shop").collection("items")
        await items.insertMany(numbered(1005))
        const commands: Array<string> = []
        client.on("commandStarted", ({ commandName }) => commands.push(commandName))
        const all = await items.find().sort({ n: 1 }).batchSize(100).toArray()
        assert.deepEqual(
          all.map(({ n }) => n as number),
          numbered(1005).map(({ n }) => n)
        )
        assert.strictEqual(commands.filter((name) => name === "getMore").length, 10)
        const cursor = items.find().batchSize(2)
        await cursor.next()
        const { id } = cursor
        await cursor.close()
        assert.strictEqual(commands.at(-1), "killCursors")
        const failure = await failureOf(client.db("shop").command({ getMore: id, collection: "items" }))
        assert.strictEqual(failure.codeName, "CursorNotFound")
        const large = client.db("shop").collection("large")
        await large.insertMany(Array.from({ length: 5 }, () => ({ bytes: Buffer.alloc(7 * 1024 * 1024) })))
        commands.length = 0
        assert.strictEqual((await large.find().toArray()).length, 5)
        assert.deepEqual(commands, ["find", "getMore", "getMore"], "a reply has at most 16 MiB of documents")
      },
      { monitorCommands: true }
    )
  )

  it.live("tells which documents of a bulk were refused", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: number }>("items")
      const documents = [1, 2, 1, 3, 2, 4].map((_id) => ({ _id }))
      const unordered = await failureOf(items.insertMany(documents, { ordered: false }))
      assert.instanceOf(unordered, MongoBulkWriteError)
      assert.strictEqual(unordered.code, 11_000)
      assert.match(unordered.message, /^E11000 duplicate key error collection: shop\.items/)
      assert.deepEqual(
        [unordered.writeErrors].flat().map(({ index }) => index),
        [2, 4]
      )
      assert.strictEqual(unordered.result.insertedCount, 4)
      const ordered = await failureOf(items.insertMany([{ _id: 5 }, { _id: 1 }, { _id: 6 }]))
      assert.instanceOf(ordered, MongoBulkWriteError)
      assert.strictEqual(ordered.result.insertedCount, 1)
      assert.deepEqual(await items.distinct("_id"), [1, 2, 3, 4, 5])
      const mixed = await items.bulkWrite([
        { insertOne: { document: { _id: 7 } } },
        { updateOne: { filter: { _id: 8 }, update: { $set: { a: 1 } }, upsert: true } },
        { deleteMany: { filter: { _id: { $lt: 5 } } } }
      ])
      assert.deepEqual([mixed.insertedCount, mixed.upsertedCount, mixed.deletedCount], [1, 1, 4])
    })
  )

  it.live("writes to several collections with the bulk write of a client", () =>
    withClient(async (client) => {
      const result = await client.bulkWrite<Record<string, { _id: number }>>(
        [
          { name: "insertOne", namespace: "shop.a", document: { _id: 1 } },
          { name: "insertOne", namespace: "shop.b", document: { _id: 1 } },
          { name: "updateOne", namespace: "shop.a", filter: { _id: 1 }, update: { $set: { x: 1 } } },
          { name: "replaceOne", namespace: "shop.a", filter: { _id: 2 }, replacement: { y: 1 }, upsert: true },
          { name: "deleteOne", namespace: "shop.b", filter: { _id: 1 } }
        ],
        { verboseResults: true }
      )
      assert.deepEqual(
        [result.insertedCount, result.matchedCount, result.modifiedCount, result.upsertedCount, result.deletedCount],
        [2, 1, 1, 1, 1]
      )
      assert.strictEqual(result.updateResults?.get(3)?.upsertedId, 2)
      assert.deepEqual(await client.db("shop").collection("a").find().sort({ _id: 1 }).toArray(), [
        { _id: 1, x: 1 },
        { _id: 2, y: 1 }
      ] as never)
      assert.strictEqual(await client.db("shop").collection("b").countDocuments(), 0)
    })
  )

  it.live("answers 500 operations at the same time", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: number; n: number }>("items")
      await Promise.all(
        Array.from({ length: 500 }, async (_, _id) => {
          await items.insertOne({ _id, n: _id })
          await items.updateOne({ _id }, { $inc: { n: 1 } })
          assert.deepEqual(await items.findOne({ _id }), { _id, n: _id + 1 })
        })
      )
      assert.strictEqual(await items.countDocuments(), 500)
    })
  )

  it.live("does not wait for unacknowledged writes, and executes them", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection("items")
      const { acknowledged } = await items.insertOne({ a: 1 }, { writeConcern: { w: 0 } })
      assert.isFalse(acknowledged)
      while ((await items.countDocuments()) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    })
  )

  it.live("lists, creates, renames and drops collections and databases", () =>
    withClient(async (client) => {
      const shop = client.db("shop")
      await shop.createCollection("items")
      await shop.collection("items").insertMany(numbered(3))
      await shop.collection("orders").insertOne({})
      const { databases } = await client.db().admin().listDatabases()
      assert.deepEqual(
        databases.map(({ empty, name }) => ({ empty, name })),
        [{ name: "shop", empty: false }]
      )
      assert.deepEqual(
        (await shop.listCollections().toArray()).map(({ name }) => name),
        ["items", "orders"]
      )
      assert.strictEqual((await shop.listCollections({ name: "orders" }, { nameOnly: true }).toArray()).length, 1)
      assert.strictEqual((await failureOf(shop.createCollection("items"))).codeName, "NamespaceExists")
      const stats = await shop.stats()
      assert.deepInclude(stats, { db: "shop", collections: 2, objects: 4 })
      await shop.collection("items").rename("goods")
      assert.strictEqual(await shop.collection("goods").countDocuments(), 3)
      assert.strictEqual((await failureOf(shop.collection("goods").rename("orders"))).codeName, "NamespaceExists")
      await shop.collection("goods").rename("orders", { dropTarget: true })
      assert.isTrue(await shop.collection("orders").drop())
      await shop.collection("more").insertOne({})
      assert.isTrue(await shop.dropDatabase())
      assert.deepEqual((await client.db().admin().listDatabases()).databases, [])
    })
  )

  it.live("creates, lists and drops indexes, and keeps unique ones", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection("items")
      await items.insertMany(numbered(5))
      assert.strictEqual(await items.createIndex({ n: 1, text: -1 }), "n_1_text_-1")
      assert.strictEqual(await items.createIndex({ code: 1 }, { name: "codes", unique: true, sparse: true }), "codes")
      assert.deepEqual(await items.indexes(), [
        { v: 2, key: { _id: 1 }, name: "_id_" },
        { v: 2, key: { n: 1, text: -1 }, name: "n_1_text_-1" },
        { v: 2, key: { code: 1 }, name: "codes", unique: true, sparse: true }
      ])
      await items.insertOne({ code: "a" })
      const duplicate = await failureOf(items.insertOne({ code: "a" }))
      assert.strictEqual(duplicate.code, 11_000)
      assert.include(duplicate.message, "index: codes dup key")
      assert.deepEqual(duplicate["keyPattern"], { code: 1 })
      await items.dropIndex("codes")
      await items.insertOne({ code: "a" })
      await items.dropIndex({ n: 1, text: -1 } as never)
      assert.strictEqual((await items.indexes()).length, 1)
      assert.strictEqual((await failureOf(items.dropIndex("codes"))).codeName, "IndexNotFound")
      const geo = await failureOf(items.createIndex({ place: "2dsphere" }))
      assert.match(geo.message, /2dsphere/)
      const expiring = await failureOf(items.createIndex({ at: 1 }, { expireAfterSeconds: 60 }))
      assert.match(expiring.message, /expireAfterSeconds/)
    })
  )

  it.live("explains how documents are found", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection("items")
      await items.insertMany(numbered(100))
      const all = await items.find({ n: 7 }).explain("executionStats")
      assert.deepInclude(all["executionStats"], { nReturned: 1, totalDocsExamined: 100, totalKeysExamined: 0 })
      assert.strictEqual(all["queryPlanner"].winningPlan.inputStage.stage, "COLLSCAN")
      await items.createIndex({ n: 1 })
      const found = await items.find({ n: 7 }).explain("executionStats")
      assert.deepInclude(found["executionStats"], { nReturned: 1, totalDocsExamined: 1, totalKeysExamined: 1 })
      assert.deepEqual(found["queryPlanner"].winningPlan, {
        stage: "FETCH",
        inputStage: { stage: "IXSCAN", indexName: "n_1" }
      })
      const pipeline = await items.aggregate([{ $match: { n: { $lt: 3 } } }, { $count: "n" }]).explain("executionStats")
      assert.strictEqual(pipeline["executionStats"].totalDocsExamined, 3)
      const removed = await client.db("shop").command({
        explain: { delete: "items", deletes: [{ q: { n: { $gte: 90 } }, limit: 0 }] }
      })
      assert.strictEqual(removed["executionStats"].nReturned, 10)
      assert.strictEqual(await items.countDocuments(), 100)
    })
  )

  it.live("answers unknown commands and fields as MongoDB does, and refuses what it does not support by name", () =>
    withClient(async (client) => {
      const shop = client.db("shop")
      const items = shop.collection("items")
      const unknown = await failureOf(shop.command({ shardCollection: "shop.items" }))
      assert.deepEqual(
        [unknown.code, unknown.codeName, unknown.message],
        [59, "CommandNotFound", "no such command: 'shardCollection'"]
      )
      const field = await failureOf(shop.command({ find: "items", filtre: {} }))
      assert.deepEqual([field.code, field.codeName], [40_415, "IDLUnknownField"])
      assert.match(field.message, /find\.filtre/)
      const type = await failureOf(shop.command({ find: "items", filter: "all" }))
      assert.strictEqual(type.codeName, "TypeMismatch")
      const operator = await failureOf(items.find({ a: { $near: 1 } }).toArray())
      assert.match(operator.message, /\$near/)
      const strength = await failureOf(items.find({}, { collation: { locale: "de", strength: 4 } }).toArray())
      assert.match(strength.message, /'strength' of 4 in a collation is not supported by this server/)
      const collation = await failureOf(shop.createCollection("names", { collation: { locale: "de" } }))
      assert.match(collation.message, /create\.collation is not supported by this server/)
      const capped = await failureOf(shop.createCollection("logs", { capped: true, size: 1000 }))
      assert.match(capped.message, /create\.capped is not supported/)
      const snapshot = await failureOf(items.find({}, { readConcern: { level: "snapshot" } }).toArray())
      assert.match(snapshot.message, /snapshot/)
      const wide = await failureOf(items.insertOne({ a: 1 }, { writeConcern: { w: 3 } }))
      assert.strictEqual(wide.code, 100)
    })
  )
})
