import { assert, describe, it } from "@effect/vitest"
import { BSONRegExp, Decimal128, Double, Int32, Long, ObjectId, UUID } from "bson"
import { Effect } from "effect"
import { Database, type Document } from "../../../src/server/data/Database.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

const test = (name: string, run: (database: Database["Service"]) => Effect.Effect<void, unknown>) =>
  it.effect(name, () => Effect.flatMap(Database, run).pipe(Effect.provide(Database.layerMemory)))

const refused = <A>(effect: Effect.Effect<A, { readonly message: string }>) =>
  Effect.map(Effect.flip(effect), (error) => error.message)

const one = (database: Database["Service"]) =>
  Effect.map(database.find(namespace, { filter: {} }), ([document]) => document)

/** What an update makes of a document. */
const updated = (
  database: Database["Service"],
  document: Document,
  update: Document | ReadonlyArray<Document>,
  arrayFilters: ReadonlyArray<Document> = []
) =>
  Effect.gen(function* () {
    yield* database.delete(namespace, { filter: {}, many: true })
    yield* database.insert(namespace, [{ _id: 1, ...document }])
    yield* database.update(namespace, { filter: {}, change: { _tag: "Update", update, arrayFilters } })
    const { _id, ...rest } = yield* one(database)
    assert.strictEqual(_id, 1)
    return rest
  })

describe("documents in memory", () => {
  test("go in and come out as copies, with the BSON types they had", (database) =>
    Effect.gen(function* () {
      const document = {
        _id: new ObjectId(),
        at: new Date(1),
        n: Long.fromString("9007199254740993"),
        d: Decimal128.fromString("1.10"),
        uuid: new UUID(),
        regex: new BSONRegExp("a", "i"),
        nested: { a: [1, { b: 2 }], ["__proto__"]: 1 }
      }
      const [id] = yield* database.insert(namespace, [document])
      assert.deepStrictEqual(id, document._id)
      assert.deepStrictEqual(yield* one(database), document)
      ;(document.nested.a as Array<unknown>).push(3)
      const found = yield* one(database)
      assert.lengthOf((found["nested"] as { a: Array<unknown> }).a, 2)
      ;(found["nested"] as { a: Array<unknown> }).a.pop()
      assert.lengthOf(((yield* one(database))["nested"] as { a: Array<unknown> }).a, 2)
    }))

  test("keep the four types of their numbers, which compare and compute as in MongoDB", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [
        { _id: 1, a: new Int32(5), b: Long.fromNumber(6), c: new Double(1), d: new Double(1.5), gone: undefined }
      ])
      yield* database.update(namespace, {
        filter: { a: 5, b: { $gt: 5, $mod: [2, 0] }, $expr: { $eq: [{ $add: ["$a", 1] }, "$b"] } },
        change: { _tag: "Update", update: { $inc: { a: 1, b: new Int32(1) }, $set: { e: Long.fromNumber(7) } } }
      })
      // an int is a number, and so is a double that no int is
      const document = { _id: 1, a: 6, b: Long.fromNumber(7), c: new Double(1), d: 1.5, e: Long.fromNumber(7) }
      assert.deepStrictEqual(yield* one(database), document)
      assert.deepStrictEqual(
        yield* database.aggregate(namespace, [
          { $project: { _id: 0, n: { $sum: ["$a", "$b"] }, half: { $divide: ["$a", 2] }, c: { $add: ["$a", "$c"] } } }
        ]),
        [{ n: Long.fromNumber(13), half: new Double(3), c: new Double(7) }]
      )
    }))
})

describe("filters in memory", () => {
  test("rejects invalid filters", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ a: 1 }])
      for (const [filter, words] of [
        [{ $who: 1 }, "unknown top level operator: $who"],
        [{ a: { $near: 1 } }, "$near"],
        [{ $where: "true" }, "$where is not supported"],
        [{ $or: [] }, "$or needs a non-empty array"],
        [{ a: { $not: 1 } }, "$not needs"],
        [{ b: { $elemMatch: { c: { $near: 1 } } } }, "$near is not supported"],
        [{ a: { $type: "what" } }, "unknown type name"],
        [{ a: { $in: 1 } }, "$in needs an array"],
        [{ a: { $regex: "(" } }, "Regular expression"],
        [{ $expr: { $function: { body: "1", args: [], lang: "js" } } }, "$function"]
      ] as const) {
        assert.include(yield* refused(database.find(namespace, { filter })), words)
      }
    }))
})

describe("updates in memory", () => {
  const now = new Date(0)
  it.effect.each<readonly [Document, Document | ReadonlyArray<Document>, Document]>([
    [{ a: Decimal128.fromString("10") }, { $max: { a: 9 } }, { a: Decimal128.fromString("10") }],
    [{}, { $currentDate: { at: true } }, { at: now }],
    [{ a: 1 }, [{ $set: { b: { $add: ["$a", 1] }, at: "$$NOW" } }], { a: 1, b: 2, at: now }],
    [{ a: 1 }, { $set: { _id: 1, a: 2 } }, { a: 2 }],
    [{ a: 1 }, { b: 2 }, { b: 2 }]
  ])("%j %j", ([document, update, result]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* updated(yield* Database, document, update), result)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect.each<readonly [Document, Document | ReadonlyArray<Document>, string, ReadonlyArray<Document>?]>([
    [{ a: "x" }, { $inc: { a: 1 } }, "Cannot apply $inc to a value of non-numeric type"],
    [{ a: 1 }, { $push: { a: 1 } }, "must be an array"],
    [{ a: 1 }, { $set: { "a.b": 1 } }, "Cannot create field 'b'"],
    [{ a: [1] }, { $set: { "a.b": 1 } }, "Cannot create field 'b'"],
    [{}, { $set: { _id: 2 } }, "immutable field '_id'"],
    [{}, [{ $set: { _id: 2 } }], "immutable field '_id'"],
    [{}, { $set: { a: 1 }, $inc: { a: 1 } }, "conflict"],
    [{}, { $upsert: true }, "$upsert"],
    [{}, { $what: { a: 1 } }, "$what"],
    [{}, [{ $group: { _id: 1 } }], "$group is not allowed"],
    [{ l: [1] }, { $set: { "l.$": 1 } }, "The positional operator did not find the match"],
    [{}, { _id: 2, a: 1 }, "_id"],
    [{}, { $set: { a: 1, "a.b": 1 } }, "conflict at 'a'"],
    [{}, { $set: { "a..b": 1 } }, "empty field name"],
    [{ l: [1] }, { $set: { "l.$[e]": 1 } }, "No array filter found for identifier 'e' in path 'l.$[e]'"],
    [{ l: [1] }, { $set: { "l.0": 1 } }, "The array filter for identifier 'e' was not used", [{ e: 1 }]],
    [{ l: [1] }, { $set: { "l.$[e]": 1 } }, "Error parsing array filter", [{ e: 1, f: 1 }]],
    [{ l: [] }, { $push: { l: { $each: [1], $what: 1 } } }, "Unrecognized clause in $push: $what"],
    [{ l: [] }, { $addToSet: { l: { $each: [1], $slice: 1 } } }, "Found unexpected fields after $each in $addToSet"],
    [{ a: Long.MAX_VALUE }, { $inc: { a: 1 } }, "$inc"]
  ])("%j %j is refused and changes nothing", ([document, update, words, arrayFilters]) =>
    Effect.gen(function* () {
      const database = yield* Database
      assert.include(yield* refused(updated(database, document, update, arrayFilters)), words)
      assert.deepStrictEqual(yield* one(database), { _id: 1, ...document })
    }).pipe(Effect.provide(Database.layerMemory))
  )

  test("rejects operators in a replacement as the original host does", (database) =>
    Effect.gen(function* () {
      const change = { _tag: "Replace", document: { $who: 1 } } as const
      const message = yield* refused(database.update(namespace, { filter: {}, change }))
      assert.strictEqual(message, "the replace operation document must not contain atomic operators: $who")
    }))
})

describe("aggregation in memory", () => {
  test("computes with decimals", (database) =>
    Effect.gen(function* () {
      const decimal = (text: string) => Decimal128.fromString(text)
      yield* database.insert(namespace, [{ price: decimal("1.5"), n: 1 }])
      const run = (...pipeline: ReadonlyArray<Document>) => database.aggregate(namespace, pipeline)
      const group = { _id: null, n: { $sum: "$n" }, sum: { $sum: "$price" }, all: { $push: "$price" } }
      const [found] = yield* run({ $set: { n: { $add: ["$price", 1] } } }, { $group: group })
      assert.deepEqual(found?.["all"], [decimal("1.5")])
      // of equal decimals, some write more digits
      for (const [name, value] of [
        ["n", 2.5],
        ["sum", 1.5]
      ] as const) {
        assert.instanceOf(found?.[name], Decimal128)
        assert.strictEqual(Number(String(found[name])), value)
      }
      yield* database.update(namespace, { filter: {}, change: { _tag: "Update", update: { $inc: { price: 1 } } } })
      assert.deepEqual((yield* one(database))["price"], decimal("2.5"))
    }))

  test("refuses what it has not", (database) =>
    Effect.gen(function* () {
      for (const [stage, words] of [
        [{ $search: {} }, "$search"],
        [{ $out: 1 }, "$out"],
        [{ $merge: { into: "x", whenMatched: "what" } }, "whenMatched"]
      ] as const) {
        assert.include(yield* refused(database.aggregate(namespace, [stage])), words)
      }
    }))
})
