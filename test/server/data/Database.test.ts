import { assert, describe, it } from "@effect/vitest"
import { Binary, BSONRegExp, Decimal128, Double, Int32, Long, ObjectId, UUID } from "bson"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Database, type Document } from "../../../src/server/data/Database.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

const test = (name: string, run: (database: Database["Service"]) => Effect.Effect<void, unknown>) =>
  it.effect(name, () => Effect.flatMap(Database, run).pipe(Effect.provide(Database.layerMemory)))

/** The ids of the documents that match, of those that are numbered from 1. */
const matching = (database: Database["Service"], filter: Document) =>
  Effect.map(database.find(namespace, { filter }), (found) => found.map((document) => document["_id"]))

const refused = <A>(effect: Effect.Effect<A, { readonly message: string }>) =>
  Effect.map(Effect.flip(effect), (error) => error.message)

const one = (database: Database["Service"]) =>
  Effect.map(database.find(namespace, { filter: {} }), ([document]) => document)

/** What an update makes of a document. */
const updated = (
  database: Database["Service"],
  document: Document,
  update: Document | ReadonlyArray<Document>,
  filter: Document = {},
  arrayFilters: ReadonlyArray<Document> = []
) =>
  Effect.gen(function* () {
    yield* database.delete(namespace, { filter: {}, many: true })
    yield* database.insert(namespace, [{ _id: 1, ...document }])
    yield* database.update(namespace, { filter, change: { _tag: "Update", update, arrayFilters } })
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

  test("of other collections are others", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ a: 1 }])
      for (const other of [{ appId: "x" }, { service: "x" }, { database: "x" }, { collection: "x" }]) {
        assert.strictEqual(yield* database.count({ ...namespace, ...other }, { filter: {} }), 0)
      }
    }))

  test("have an _id each that no other has", (database) =>
    Effect.gen(function* () {
      const id = new ObjectId()
      yield* database.insert(namespace, [{ _id: id }, { _id: 1 }, { _id: Decimal128.fromString("1.5") }])
      for (const same of [new ObjectId(id.toHexString()), Long.fromNumber(1), Decimal128.fromString("1.50")]) {
        const error = yield* Effect.flip(database.insert(namespace, [{ _id: same }]))
        assert.include(error.message, "Duplicate key error")
        assert.strictEqual(error.code, 11_000)
      }
      // those before the one that is refused are in
      yield* Effect.flip(database.insert(namespace, [{ _id: 2 }, { _id: 1 }, { _id: 3 }]))
      assert.deepStrictEqual(yield* matching(database, { _id: { $in: [2, 3] } }), [2])
    }))
})

describe("filters in memory", () => {
  const id = new ObjectId("5f1d7f3e9c1b2a0012345678")
  const documents: ReadonlyArray<Document> = [
    {
      _id: 1,
      v: id,
      tags: ["a", "b"],
      items: [
        { k: id, n: 1 },
        { k: "x", n: 5 }
      ]
    },
    { _id: 2, v: Decimal128.fromString("1.0"), tags: [], items: [] },
    { _id: 3, v: Long.fromString("9007199254740993"), name: "Ada" },
    { _id: 4, v: new Date(5), name: "bob" },
    { _id: 5, v: null, name: null },
    { _id: 6, v: new Binary(Uint8Array.from([255, 254])) },
    { _id: 7, v: true },
    { _id: 8, v: 2.5, items: [{ k: id, n: 9 }] }
  ]
  it.effect.each<readonly [Document, Array<unknown>]>([
    [{ v: new ObjectId(id.toHexString()) }, [1]],
    [{ v: id.toHexString() }, []],
    [{ v: 1 }, [2]],
    [{ v: Decimal128.fromString("1.00") }, [2]],
    [{ v: { $gt: 1 } }, [3, 8]],
    [{ v: { $gte: Decimal128.fromString("2.5") } }, [3, 8]],
    [{ v: { $lt: Long.fromString("9007199254740994") } }, [2, 3, 8]],
    [{ v: new Date(5) }, [4]],
    [{ v: { $gt: new Date(4) } }, [4]],
    [{ v: new Binary(Uint8Array.from([255, 254])) }, [6]],
    [{ v: new Binary(Uint8Array.from([255, 253])) }, []],
    [{ v: null }, [5]],
    [{ name: null }, [1, 2, 5, 6, 7, 8]],
    [{ name: { $exists: true, $ne: null } }, [3, 4]],
    [{ v: { $in: [id, true, Long.fromNumber(1)] } }, [1, 2, 7]],
    [{ v: { $nin: [id, 1, null] } }, [3, 4, 6, 7, 8]],
    [{ v: { $type: "objectId" } }, [1]],
    [{ v: { $type: ["decimal", 18, "binData"] } }, [2, 3, 6]],
    [{ v: { $type: "number" } }, [2, 3, 8]],
    [{ tags: "a" }, [1]],
    [{ tags: ["a", "b"] }, [1]],
    [{ tags: { $all: ["b", "a"] } }, [1]],
    [{ tags: { $size: 0 } }, [2]],
    [{ "items.k": id }, [1, 8]],
    [{ "items.n": { $gt: 4 } }, [1, 8]],
    [{ items: { $elemMatch: { k: id, n: { $gt: 4 } } } }, [8]],
    [{ name: new BSONRegExp("^A", "i") }, [3]],
    [{ name: { $regex: "^B", $options: "i" } }, [4]],
    [{ name: { $not: { $in: ["Ada"] } } }, [1, 2, 4, 5, 6, 7, 8]],
    [{ $or: [{ v: true }, { name: "bob" }] }, [4, 7]],
    [{ $and: [{ name: "bob" }, { v: true }] }, []],
    [{ $expr: { $eq: ["$v", id] } }, [1]],
    [{ _id: 3, name: "bob" }, []]
  ])("%j", ([filter, ids]) =>
    Effect.gen(function* () {
      const database = yield* Database
      yield* database.insert(namespace, documents)
      assert.deepStrictEqual(yield* matching(database, filter), ids)
      // an index changes nothing but the time
      yield* database.index(namespace, "v")
      yield* database.index(namespace, "tags")
      assert.sameDeepMembers([...(yield* matching(database, filter))], ids)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  test("that ask for the impossible are refused", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ a: 1 }])
      for (const [filter, words] of [
        [{ $who: 1 }, "unknown top level operator: $who"],
        [{ a: { $near: 1 } }, "$near"],
        [{ $where: "true" }, "$where"],
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

describe("sorting and projecting in memory", () => {
  test("follows the order of BSON", (database) =>
    Effect.gen(function* () {
      const values = [true, new ObjectId(), "x", { a: 1 }, 3, Decimal128.fromString("2.5"), null, new Date(0), 2]
      yield* database.insert(
        namespace,
        values.map((v, i) => ({ _id: i, v }))
      )
      const sorted = yield* database.find(namespace, { filter: {}, sort: { v: 1 }, projection: { v: 1, _id: 0 } })
      assert.deepStrictEqual(
        sorted.map(({ v }) => v),
        [null, 2, values[5], 3, "x", { a: 1 }, values[1], true, new Date(0)]
      )
      const first = yield* database.find(namespace, { filter: {}, sort: { v: -1 }, skip: 1, limit: 2 })
      assert.deepStrictEqual(
        first.map(({ _id }) => _id),
        [0, 1]
      )
      assert.include(yield* refused(database.find(namespace, { filter: {}, sort: { v: 2 } })), "1 or -1")
    }))

  test("projects by inclusion, exclusion, slice and element", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ _id: 1, a: { b: 1, c: 2 }, l: [{ x: 1 }, { x: 2 }] }])
      const project = (projection: Document) =>
        Effect.map(database.find(namespace, { filter: {}, projection }), ([document]) => document)
      assert.deepEqual(yield* project({ "a.b": 1 }), { _id: 1, a: { b: 1 } })
      assert.deepEqual(yield* project({ "a.b": 0, l: 0 }), { _id: 1, a: { c: 2 } })
      assert.deepEqual(yield* project({ l: { $slice: 1 } }), { _id: 1, l: [{ x: 1 }] })
      assert.deepEqual(yield* project({ l: { $elemMatch: { x: 2 } } }), { _id: 1, l: [{ x: 2 }] })
      assert.include(yield* refused(project({ "l.$": 1 })), "not supported")
    }))
})

describe("updates in memory", () => {
  const id = new ObjectId()
  const now = new Date(0)
  it.effect.each<
    readonly [Document, Document | ReadonlyArray<Document>, Document, Document?, ReadonlyArray<Document>?]
  >([
    [{}, { $set: { "a.b": id } }, { a: { b: id } }],
    [{ a: 1 }, { $unset: { a: "" } }, {}],
    [{ a: 1 }, { $inc: { a: 2, b: 3 }, $mul: { c: 2 } }, { a: 3, b: 3, c: 0 }],
    [{ a: 1 }, { $rename: { a: "b" } }, { b: 1 }],
    [{ a: new Date(5) }, { $max: { a: new Date(6), b: 1 }, $min: { c: 1 } }, { a: new Date(6), b: 1, c: 1 }],
    [{ a: Decimal128.fromString("10") }, { $max: { a: 9 } }, { a: Decimal128.fromString("10") }],
    [{ l: [1] }, { $push: { l: 2 } }, { l: [1, 2] }],
    [{}, { $push: { l: { $each: [3, 1, 2], $sort: 1, $slice: 2 } } }, { l: [1, 2] }],
    [{ l: [1, 1] }, { $addToSet: { l: { $each: [1, 2] } } }, { l: [1, 1, 2] }],
    [{ l: [id] }, { $addToSet: { l: new ObjectId(id.toHexString()) } }, { l: [id] }],
    [{ l: [id, 2] }, { $pull: { l: new ObjectId(id.toHexString()) } }, { l: [2] }],
    [{ l: [{ a: 1 }, { a: 5 }] }, { $pull: { l: { a: { $gt: 2 } } } }, { l: [{ a: 1 }] }],
    [{ l: [1, 2] }, { $pop: { l: -1 } }, { l: [2] }],
    [{}, { $currentDate: { at: true } }, { at: now }],
    [
      {
        l: [
          { k: 1, v: 1 },
          { k: 2, v: 2 }
        ]
      },
      { $set: { "l.$.v": 9 } },
      {
        l: [
          { k: 1, v: 1 },
          { k: 2, v: 9 }
        ]
      },
      { "l.k": 2 }
    ],
    [{ l: [{ k: 1 }, { k: 2 }] }, { $set: { "l.$[e].v": 9 } }, { l: [{ k: 1 }, { k: 2, v: 9 }] }, {}, [{ "e.k": 2 }]],
    [{ l: [1, 2] }, { $inc: { "l.$[]": 1 } }, { l: [2, 3] }],
    [{ a: 1 }, [{ $set: { b: { $add: ["$a", 1] }, at: "$$NOW" } }], { a: 1, b: 2, at: now }],
    [{ a: 1 }, { $set: { _id: 1, a: 2 } }, { a: 2 }],
    [{ a: 1 }, { $setOnInsert: { a: 2 } }, { a: 1 }],
    [{ a: 1 }, { b: 2 }, { b: 2 }]
  ])("%j %j", ([document, update, result, filter, arrayFilters]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* updated(yield* Database, document, update, filter, arrayFilters), result)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect.each<readonly [Document, Document | ReadonlyArray<Document>, string]>([
    [{ a: "x" }, { $inc: { a: 1 } }, "must be a number"],
    [{ a: Decimal128.fromString("1") }, { $inc: { a: 1 } }, "must be a number"],
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
    [{}, { _id: 2, a: 1 }, "_id"]
  ])("%j %j is refused and changes nothing", ([document, update, words]) =>
    Effect.gen(function* () {
      const database = yield* Database
      assert.include(yield* refused(updated(database, document, update)), words)
      assert.deepStrictEqual(yield* one(database), { _id: 1, ...document })
    }).pipe(Effect.provide(Database.layerMemory))
  )

  test("tell what they matched and modified", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ a: 1 }, { a: 1 }, { a: 2 }])
      const update = (filter: Document, set: Document, options: { many?: boolean; upsert?: boolean } = {}) =>
        database.update(namespace, { filter, change: { _tag: "Update", update: { $set: set } }, ...options })
      assert.deepStrictEqual(yield* update({ a: 1 }, { b: 1 }), { matchedCount: 1, modifiedCount: 1 })
      assert.deepStrictEqual(yield* update({ a: 1 }, { b: 1 }, { many: true }), { matchedCount: 2, modifiedCount: 1 })
      assert.deepStrictEqual(yield* update({ a: 9 }, { b: 1 }), { matchedCount: 0, modifiedCount: 0 })
      const { upsertedId } = yield* update({ a: 9, n: { $gt: 1 } }, { b: 1 }, { upsert: true })
      assert.deepStrictEqual(yield* database.find(namespace, { filter: { a: 9 } }), [{ _id: upsertedId, a: 9, b: 1 }])
      assert.deepStrictEqual(yield* update({ _id: "mine" }, { b: 1 }, { upsert: true }), {
        matchedCount: 0,
        modifiedCount: 0,
        upsertedId: "mine"
      })
    }))

  test("find one and change it, before or after", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [
        { _id: 1, n: 1 },
        { _id: 2, n: 2 }
      ])
      const change = { _tag: "Update", update: { $inc: { n: 10 } } } as const
      const sort = { n: -1 }
      assert.deepEqual(yield* database.findOneAnd(namespace, { filter: {}, change, sort }), { _id: 2, n: 2 })
      const projection = { _id: 0 }
      assert.deepEqual(
        yield* database.findOneAnd(namespace, { filter: {}, change, sort, projection, returnNew: true }),
        { n: 22 }
      )
      assert.isUndefined(yield* database.findOneAnd(namespace, { filter: { n: 0 }, change }))
      const replace = { _tag: "Replace", document: { x: 1 } } as const
      assert.deepEqual(
        yield* database.findOneAnd(namespace, { filter: { _id: 3 }, change: replace, upsert: true, returnNew: true }),
        { _id: 3, x: 1 }
      )
      assert.deepEqual(yield* database.findOneAnd(namespace, { filter: { _id: 1 }, change: { _tag: "Delete" } }), {
        _id: 1,
        n: 1
      })
      assert.strictEqual(yield* database.count(namespace, { filter: {} }), 2)
    }))
})

describe("aggregation in memory", () => {
  test("joins, groups and counts", (database) =>
    Effect.gen(function* () {
      const ada = new ObjectId()
      yield* database.insert({ ...namespace, collection: "users" }, [{ _id: ada, name: "Ada" }])
      yield* database.insert(namespace, [
        { _id: 1, user: new ObjectId(ada.toHexString()), n: 2 },
        { _id: 2, user: ada, n: 3 },
        { _id: 3, user: null, n: 4 }
      ])
      const run = (...pipeline: ReadonlyArray<Document>) => database.aggregate(namespace, pipeline)
      assert.deepStrictEqual(yield* run({ $match: { n: { $gt: 2 } } }, { $count: "n" }), [{ n: 2 }])
      assert.deepStrictEqual(
        yield* run(
          { $group: { _id: "$user", total: { $sum: "$n" } } },
          { $lookup: { from: "users", localField: "_id", foreignField: "_id", as: "user" } },
          { $unwind: "$user" },
          { $project: { _id: 0, total: 1, name: "$user.name" } }
        ),
        [{ total: 5, name: "Ada" }]
      )
      const [document] = yield* run({ $match: { _id: 1 } }, { $set: { n: 99 } })
      assert.strictEqual(document["n"], 99)
      assert.strictEqual((yield* database.find(namespace, { filter: { _id: 1 } }))[0]["n"], 2)
      assert.deepStrictEqual(yield* database.distinct(namespace, "user", {}), [ada, null])
    }))

  test("refuses what it would get wrong", (database) =>
    Effect.gen(function* () {
      yield* database.insert(namespace, [{ price: Decimal128.fromString("1.5"), n: 1 }])
      const run = (...pipeline: ReadonlyArray<Document>) => database.aggregate(namespace, pipeline)
      for (const [stage, words] of [
        [{ $group: { _id: null, n: { $sum: "$price" } } }, "$sum over Decimal128"],
        [{ $set: { n: { $add: ["$price", 1] } } }, "$add over Decimal128"],
        [{ $set: { n: { $toDecimal: "$n" } } }, "$toDecimal"],
        [{ $search: {} }, "$search"],
        [{ $out: "x" }, "$out"],
        [{ $merge: "x" }, "$merge"]
      ] as const) {
        assert.include(yield* refused(run(stage)), words)
      }
      assert.deepEqual(yield* run({ $group: { _id: null, n: { $sum: "$n" }, all: { $push: "$price" } } }), [
        { _id: null, n: 1, all: [Decimal128.fromString("1.5")] }
      ])
    }))
})

describe("changes in memory", () => {
  test("are told in order, from the moment on, and again after a token", (database) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("5 seconds")
      yield* database.insert(namespace, [{ _id: 0 }])
      const changes = yield* database.watch(namespace, {})
      const first = yield* Effect.forkChild(Stream.runCollect(Stream.take(changes, 2)), { startImmediately: true })
      yield* database.insert(namespace, [{ _id: 1, a: { b: 1, c: 2 } }])
      yield* database.update(namespace, {
        filter: { _id: 1 },
        change: { _tag: "Update", update: { $set: { "a.b": 2 }, $unset: { "a.c": "" } } }
      })
      yield* database.delete(namespace, { filter: { _id: 1 } })
      const [insert, update] = yield* Fiber.join(first)
      assert.include(insert, { operationType: "insert" })
      assert.deepStrictEqual(insert["fullDocument"], { _id: 1, a: { b: 1, c: 2 } })
      assert.deepStrictEqual(insert["ns"], { db: "d", coll: "c" })
      assert.deepStrictEqual(update["updateDescription"], { updatedFields: { "a.b": 2 }, removedFields: ["a.c"] })
      const more = yield* database.watch(namespace, { resumeAfter: insert["_id"] })
      assert.deepStrictEqual(
        (yield* Stream.runCollect(Stream.take(more, 2))).map(({ operationType }) => operationType),
        ["update", "delete"]
      )
      const filtered = yield* database.watch(namespace, {
        resumeAfter: insert["_id"],
        filter: { operationType: "delete", "documentKey._id": 1 }
      })
      assert.lengthOf(yield* Stream.runCollect(Stream.take(filtered, 1)), 1)
    }))

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

test("a value of an indexed field is found as quickly among many documents", (database) =>
  Effect.gen(function* () {
    yield* database.index(namespace, "user")
    yield* database.insert(
      namespace,
      Array.from({ length: 20_000 }, (_, i) => ({ _id: i, user: `u${i}` }))
    )
    const start = performance.now()
    for (let i = 0; i < 1_000; i++) yield* matching(database, { user: `u${i * 20}` })
    assert.isBelow(performance.now() - start, 2_000)
    yield* database.update(namespace, {
      filter: { _id: 5 },
      change: { _tag: "Update", update: { $set: { user: "z" } } }
    })
    assert.deepStrictEqual(yield* matching(database, { user: "z" }), [5])
    assert.deepStrictEqual(yield* matching(database, { user: "u5" }), [])
  }))
