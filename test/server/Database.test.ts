import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Long, ObjectId } from "bson"
import { Effect } from "effect"
import { Database } from "../../src/server/Database.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

describe("Database in memory", () => {
  it.effect("finds the first document inserted, by equality of any type", () =>
    Effect.gen(function* () {
      const database = yield* Database
      const id = new ObjectId()
      const document = {
        _id: id,
        at: new Date(1),
        n: Long.fromString("9007199254740993"),
        d: Decimal128.fromString("1.0"),
        nested: { a: [1, { b: 2 }] }
      }
      assert.strictEqual(yield* database.insertOne(namespace, document), id)
      yield* database.insertOne(namespace, { ...document, _id: "second" })
      for (const [key, value] of Object.entries({
        ...document,
        _id: new ObjectId(id.toHexString()),
        nested: { a: [1, { b: 2 }] }
      })) {
        assert.deepStrictEqual(yield* database.findOne(namespace, { [key]: value }), document, key)
      }
      for (const filter of [
        { _id: id.toHexString() },
        { at: 1 },
        { at: new Date(2) },
        { nested: { a: [1] } },
        { absent: undefined },
        { d: 1 }
      ]) {
        assert.isUndefined(yield* database.findOne(namespace, filter), JSON.stringify(filter))
      }
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("keeps collections apart, and its documents to itself", () =>
    Effect.gen(function* () {
      const database = yield* Database
      const document = { a: { b: 1 } }
      yield* database.insertOne(namespace, document)
      document.a.b = 2
      const found = yield* database.findOne(namespace, {})
      assert.deepInclude(found, { a: { b: 1 } })
      assert.instanceOf(found!["_id"], ObjectId)
      ;(found!["a"] as { b: number }).b = 3
      assert.deepInclude(yield* database.findOne(namespace, {}), { a: { b: 1 } })
      for (const other of [{ appId: "x" }, { service: "x" }, { database: "x" }, { collection: "x" }]) {
        assert.isUndefined(yield* database.findOne({ ...namespace, ...other }, {}))
      }
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("updates the first match, or inserts one when asked to", () =>
    Effect.gen(function* () {
      const database = yield* Database
      assert.deepStrictEqual(yield* database.updateOne(namespace, { k: 1 }, { v: 1 }), {
        matchedCount: 0,
        modifiedCount: 0
      })
      assert.isUndefined(yield* database.findOne(namespace, {}))
      const { upsertedId } = yield* database.updateOne(namespace, { k: 1 }, { v: 1 }, { upsert: true })
      assert.instanceOf(upsertedId, ObjectId)
      assert.deepStrictEqual(yield* database.updateOne(namespace, { k: 1 }, { v: 2, ["__proto__"]: 1 }), {
        matchedCount: 1,
        modifiedCount: 1
      })
      const found = yield* database.findOne(namespace, { k: 1 })
      assert.strictEqual(found!["v"], 2)
      assert.strictEqual(Object.getPrototypeOf(found), Object.prototype)
    }).pipe(Effect.provide(Database.layerMemory))
  )
})
