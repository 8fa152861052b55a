import { assert, describe, it } from "@effect/vitest"
import { BSONRegExp, Decimal128, Double, Int32, Long, ObjectId, UUID } from "bson"
import { Effect, Stream } from "effect"
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

  test("keep the classes of their numbers, which compare and compute as numbers", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [
        { _id: 1, a: new Int32(5), b: Long.fromNumber(6), c: new Double(1), gone: undefined }
      ])
      yield* database.update(namespace, {
        filter: { a: 5, b: { $gt: 5, $mod: [2, 0] }, $expr: { $eq: [{ $add: ["$a", 1] }, "$b"] } },
        change: { _tag: "Update", update: { $inc: { a: 1, b: new Int32(1) }, $set: { d: Long.fromNumber(7) } } }
      })
      const document = { _id: 1, a: new Int32(6), b: Long.fromNumber(7), c: new Double(1), d: Long.fromNumber(7) }
      assert.deepStrictEqual(yield* one(database), document)
      assert.deepStrictEqual(
        yield* database.aggregate(namespace, [{ $project: { _id: 0, n: { $sum: ["$a", "$b"] } } }]),
        [{ n: 13 }]
      )
    }))
})

describe("filters in memory", () => {
  test("that ask for the impossible are refused", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ a: 1 }])
      for (const [filter, words] of [
        [{ $who: 1 }, "unknown top level operator: $who"],
        [{ a: { $near: 1 } }, "$near"],
        [{ $where: "true" }, "$where is not supported"],
        [{ $or: [] }, "$or must be a nonempty array"],
        [{ a: { $not: 1 } }, "$not needs a regex or a document"],
        [{ b: { $elemMatch: { c: { $near: 1 } } } }, "$near is not supported"],
        [{ a: { $type: "what" } }, "$type"],
        [{ a: { $in: 1 } }, "$in needs an array"],
        [{ a: new BSONRegExp("a", "x") }, "option"],
        [{ a: { $regex: "(" } }, "regular expression"],
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
    [{ a: "x" }, { $inc: { a: 1 } }, "must be a number"],
    [{ a: Decimal128.fromString("1") }, { $inc: { a: 1 } }, "$inc of Decimal128"],
    [{ a: 1 }, { $push: { a: 1 } }, "must be an array"],
    [{ a: 1 }, { $set: { "a.b": 1 } }, "Cannot create field 'b'"],
    [{ a: [1] }, { $set: { "a.b": 1 } }, "Cannot create field 'b'"],
    [{}, { $set: { _id: 2 } }, "immutable field '_id'"],
    [{}, [{ $set: { _id: 2 } }], "immutable field '_id'"],
    [{}, { $set: { a: 1 }, $inc: { a: 1 } }, "conflict"],
    [{}, { $upsert: true }, "$upsert"],
    [{}, { $what: { a: 1 } }, "$what"],
    [{}, [{ $group: { _id: 1 } }], "$group is not allowed"],
    [{ l: [1] }, { $set: { "l.$": 1 } }, "array field"],
    [{}, { _id: 2, a: 1 }, "_id"],
    [{}, { $set: { a: 1, "a.b": 1 } }, "conflict at 'a'"],
    [{}, { $set: { "a..b": 1 } }, "empty field name"],
    [{ l: [1] }, { $set: { "l.$[e]": 1 } }, "No array filter found for identifier 'e' in path 'l.$[e]'"],
    [{ l: [1] }, { $set: { "l.0": 1 } }, "The array filter for identifier 'e' was not used", [{ e: 1 }]],
    [{ l: [1] }, { $set: { "l.$[e]": 1 } }, "about one identifier", [{ e: 1, f: 1 }]],
    [{ l: [] }, { $push: { l: { $each: [1], $what: 1 } } }, "Unrecognized clause in $push: $what"],
    [{ l: [] }, { $addToSet: { l: { $each: [1], $slice: 1 } } }, "Unrecognized clause in $addToSet: $slice"],
    [{ a: Long.fromNumber(2 ** 53 - 1) }, { $inc: { a: 2 } }, "beyond 2^53"]
  ])("%j %j is refused and changes nothing", ([document, update, words, arrayFilters]) =>
    Effect.gen(function* () {
      const database = yield* Database
      assert.include(yield* refused(updated(database, document, update, arrayFilters)), words)
      assert.deepStrictEqual(yield* one(database), { _id: 1, ...document })
    }).pipe(Effect.provide(Database.layerMemory))
  )
})

describe("aggregation in memory", () => {
  test("refuses what it would get wrong", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ price: Decimal128.fromString("1.5"), n: 1 }])
      const run = (...pipeline: ReadonlyArray<Document>) => database.aggregate(namespace, pipeline)
      for (const [stage, words] of [
        [{ $group: { _id: null, n: { $sum: "$price" } } }, "$sum over Decimal128"],
        [{ $set: { n: { $add: ["$price", 1] } } }, "$add over Decimal128"],
        [{ $set: { n: { $toDecimal: "$n" } } }, "$toDecimal"],
        [{ $search: {} }, "$search"],
        [{ $out: 1 }, "$out"],
        [{ $merge: { into: "x", whenMatched: "what" } }, "whenMatched"]
      ] as const) {
        assert.include(yield* refused(run(stage)), words)
      }
      assert.deepEqual(yield* run({ $group: { _id: null, n: { $sum: "$n" }, all: { $push: "$price" } } }), [
        { _id: null, n: 1, all: [Decimal128.fromString("1.5")] }
      ])
    }))
})

describe("changes in memory", () => {
  test("that are not kept any more end a watch", (database) =>
    Effect.gen(function* () {
      const changes = yield* database.watch(namespace, {})
      yield* database.insert(
        namespace,
        Array.from({ length: 5_000 }, (_, i) => ({ _id: i }))
      )
      assert.include(yield* refused(Stream.runDrain(changes)), "not kept any more")
      const foreign = database.watch(namespace, { resumeAfter: { _data: "0123" } })
      assert.include(yield* refused(foreign), "resume token")
    }))
})
