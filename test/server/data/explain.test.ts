import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Document, makeMemory, type Operation } from "../../../src/server/data/Database.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const count = 1_000

const collection = Effect.gen(function* () {
  const database = makeMemory()
  yield* database.index(namespace, { key: { user: 1, at: -1 } })
  yield* database.index(namespace, "tags")
  const documents = Array.from({ length: count }, (_, i) => ({
    _id: i,
    user: `u${i % 10}`,
    at: i,
    tags: [`t${i}`, "all"],
    n: i % 7
  }))
  yield* database.insert(namespace, documents)
  yield* database.insert({ ...namespace, collection: "users" }, [
    { _id: 1, name: "u1" },
    { _id: 2, name: "u2" }
  ])
  return database
})

const find = (filter: Document, more: Partial<Operation<"Find">> = {}): Operation => ({
  _tag: "Find",
  namespace,
  filter,
  ...more
})

const pipeline = (...stages: ReadonlyArray<Document>): Operation => ({ _tag: "Aggregate", namespace, pipeline: stages })

const byUser = (...stages: ReadonlyArray<string>) => ["IXSCAN user_1_at_-1", "$match", ...stages]

describe("an explanation", () => {
  it.effect.each<readonly [operation: Operation, examined: number, returned: number, stages: ReadonlyArray<string>]>([
    [find({}), count, count, ["COLLSCAN"]],
    [find({ n: 3 }, { limit: 2 }), 11, 2, ["COLLSCAN", "FETCH", "LIMIT"]],
    [find({ _id: 7 }), 1, 1, ["IXSCAN _id_", "FETCH"]],
    [find({ _id: { $gte: 990 } }), 10, 10, ["IXSCAN _id_", "FETCH"]],
    [find({}, { sort: { _id: -1 }, limit: 3 }), 3, 3, ["IXSCAN _id_", "LIMIT"]],
    [find({ user: "u1" }), 100, 100, ["IXSCAN user_1_at_-1", "FETCH"]],
    [find({ user: "u1", at: 51 }, { limit: 1 }), 1, 1, ["IXSCAN user_1_at_-1", "FETCH", "LIMIT"]],
    [find({ tags: "all" }, { limit: 1 }), 1, 1, ["IXSCAN tags_1", "FETCH", "LIMIT"]],
    [find({ user: "u1", at: { $gt: 950 } }), 5, 5, ["IXSCAN user_1_at_-1", "FETCH"]],
    [
      find({ user: "u1" }, { sort: { at: -1 }, limit: 2, projection: { at: 1 } }),
      2,
      2,
      ["IXSCAN user_1_at_-1", "FETCH", "LIMIT", "PROJECTION"]
    ],
    [
      find({ user: "u1" }, { sort: { at: 1 }, skip: 1, limit: 2 }),
      3,
      2,
      ["IXSCAN user_1_at_-1", "FETCH", "SKIP", "LIMIT"]
    ],
    [find({ user: "u1" }, { sort: { n: 1 }, limit: 2 }), 100, 2, ["IXSCAN user_1_at_-1", "FETCH", "SORT", "LIMIT"]],
    [find({ tags: "t5" }), 1, 1, ["IXSCAN tags_1", "FETCH"]],
    [find({ tags: "all", user: "u3" }), 100, 100, ["IXSCAN user_1_at_-1", "FETCH"]],
    [find({ $or: [{ tags: "t5" }, { _id: 6 }] }), 2, 2, ["IXSCAN tags_1", "IXSCAN _id_", "FETCH"]],
    [{ _tag: "Count", namespace, filter: { user: "u1", n: 1 } }, 100, 15, ["IXSCAN user_1_at_-1", "FETCH", "COUNT"]],
    [
      { _tag: "Distinct", namespace, field: "n", filter: { user: "u1" } },
      100,
      7,
      ["IXSCAN user_1_at_-1", "FETCH", "DISTINCT"]
    ],
    [
      { _tag: "Update", namespace, filter: { _id: 1 }, change: { _tag: "Update", update: { $set: { n: 9 } } } },
      1,
      1,
      ["IXSCAN _id_", "FETCH", "LIMIT", "UPDATE"]
    ],
    [
      { _tag: "Delete", namespace, filter: { user: "u1" }, many: true },
      100,
      100,
      ["IXSCAN user_1_at_-1", "FETCH", "DELETE"]
    ],
    [
      { _tag: "Aggregate", namespace, pipeline: [{ $match: { tags: "t5" } }, { $count: "n" }] },
      1,
      1,
      ["IXSCAN tags_1", "$match", "$count"]
    ],
    [pipeline({ $sort: { _id: -1 } }, { $limit: 3 }), 3, 3, ["IXSCAN _id_", "$limit"]],
    [
      pipeline({ $match: { user: "u1" } }, { $sort: { at: 1 } }, { $skip: 2 }, { $limit: 3 }, { $sort: { n: 1 } }),
      5,
      3,
      ["IXSCAN user_1_at_-1", "$match", "$skip", "$limit", "$sort"]
    ],
    [pipeline({ $match: { user: "u1" } }, { $sort: { n: 1 } }, { $limit: 3 }), 100, 3, byUser("$sort", "$limit")],
    [pipeline({ $match: { user: "u1" } }, { $sort: { at: 1 } }), 100, 100, byUser("$sort")],
    [
      pipeline({ $set: { x: 1 } }, { $sort: { _id: -1 } }, { $limit: 3 }),
      count,
      3,
      ["COLLSCAN", "$set", "$sort", "$limit"]
    ],
    [
      {
        ...find({ n: 1 }),
        _tag: "Find",
        view: { _tag: "Masked", filter: { user: "u1" }, cases: [{ when: true, shows: [] }] }
      } as Operation,
      100,
      15,
      ["IXSCAN user_1_at_-1", "VIEW", "FETCH"]
    ]
  ])(
    "tells the index, the documents and the stages, and changes nothing: %j",
    ([operation, examined, returned, stages]) =>
      Effect.gen(function* () {
        const database = yield* collection
        const before = yield* database.find(namespace, { filter: {} })
        const told = yield* database.explain(operation)
        assert.deepStrictEqual(
          [told.documentsExamined, told.documentsReturned, told.stages],
          [examined, returned, stages]
        )
        assert.deepStrictEqual(
          told.indexes.map((name) => `IXSCAN ${name}`),
          stages.filter((stage) => stage.startsWith("IXSCAN"))
        )
        assert.deepStrictEqual(yield* database.find(namespace, { filter: {} }), before)
      })
  )

  it.effect.each<readonly [lookup: Document, examined: number]>([
    [{ localField: "name", foreignField: "user" }, 200],
    [{ localField: "name", foreignField: "user", pipeline: [{ $match: { n: 1 } }] }, 200],
    [{ let: { v: "$name" }, pipeline: [{ $match: { $expr: { $eq: ["$user", "$$v"] } } }] }, 200],
    [{ let: { v: "$name" }, pipeline: [{ $match: { user: "u1", $expr: { $eq: ["$n", "$$v"] } } }] }, 100],
    [{ pipeline: [{ $match: { _id: { $lt: 5 } } }] }, 5],
    [{ localField: "name", foreignField: "n" }, count]
  ])("counts the documents of a joined collection: %j", ([lookup, examined]) =>
    Effect.gen(function* () {
      const database = yield* collection
      const { others } = yield* database.explain({
        _tag: "Aggregate",
        namespace: { ...namespace, collection: "users" },
        pipeline: [{ $lookup: { from: "c", as: "found", ...lookup } }]
      })
      assert.deepStrictEqual(
        others.map((it) => [it.collection, it.documentsExamined]),
        [["d.c", examined]]
      )
    })
  )

  it.effect.each<readonly [graph: Document, reached: number, examined: number]>([
    [{ connectFromField: "at", connectToField: "_id", startWith: 5 }, 1, 2],
    [{ connectFromField: "n", connectToField: "_id", startWith: 20 }, 2, 4],
    [{ connectFromField: "user", connectToField: "user", startWith: "$name" }, 100, 200],
    [{ connectFromField: "n", connectToField: "n", startWith: 3 }, 143, count]
  ])("counts the documents that a graph lookup examines: %j", ([graph, reached, examined]) =>
    Effect.gen(function* () {
      const database = yield* collection
      const operation = {
        _tag: "Aggregate",
        namespace: { ...namespace, collection: "users" },
        pipeline: [{ $match: { _id: { $lte: 2 } } }, { $graphLookup: { from: "c", as: "all", ...graph } }]
      } as const
      const { others } = yield* database.explain(operation)
      assert.deepStrictEqual(
        others.map((it) => it.documentsExamined),
        [examined]
      )
      const found = yield* database.aggregate(operation.namespace, operation.pipeline)
      assert.deepStrictEqual(
        found.map(({ all }) => Array.isArray(all) && all.length),
        [reached, reached]
      )
    })
  )

  it.effect("is not of the index in a transaction that has written, whose order is not in it", () =>
    Effect.gen(function* () {
      const database = yield* collection
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { find, insert } = yield* database.transaction
          yield* insert(namespace, [{ _id: -1 }, { _id: 2_000 }])
          const newest = yield* find(namespace, { filter: {}, sort: { _id: -1 }, limit: 2, projection: { _id: 1 } })
          assert.deepStrictEqual(newest, [{ _id: 2_000 }, { _id: 999 }])
        })
      )
    })
  )

  it.effect("fails as the operation does", () =>
    Effect.gen(function* () {
      const database = yield* collection
      const failure = yield* Effect.flip(database.explain({ _tag: "Insert", namespace, documents: [{ _id: 1 }] }))
      assert.strictEqual(failure.code, 11_000)
      assert.strictEqual((yield* Effect.flip(database.explain(find({ $no: 1 })))).code, 2)
    })
  )
})
