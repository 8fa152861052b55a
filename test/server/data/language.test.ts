/* oxlint-disable unicorn/no-thenable -- a branch of an expression is called `then` */
import { assert, describe, it } from "@effect/vitest"
import { BSONRegExp, Decimal128, Double, Long, ObjectId } from "bson"
import { Effect } from "effect"
import { Database, type Document } from "../../../src/server/data/Database.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const id = new ObjectId("5f1d7f3e9c1b2a0012345678")
const other = new ObjectId("5f1d7f3e9c1b2a0012345679")
const day = new Date(Date.UTC(2024, 1, 29, 13, 5, 6, 7))
const price = Decimal128.fromString("1.50")

const document: Document = {
  _id: 1,
  at: day,
  id,
  long: Long.fromNumber(7),
  n: 5,
  f: 2.5,
  s: "Ab",
  list: [3, 1, 2],
  ids: [id, other],
  o: { a: 1, b: 2 },
  items: [
    { k: id, n: 1 },
    { k: "x", n: 5 }
  ],
  nothing: null
}

/** Runs a test over one document; with a `price` in it, which no JavaScript number is, another way is taken. */
const over = (
  documents: ReadonlyArray<Document>,
  run: (database: Database["Service"]) => Effect.Effect<void, unknown>
) =>
  Effect.gen(function* () {
    const database = yield* Database
    yield* database.insert(namespace, documents)
    yield* run(database)
  }).pipe(Effect.provide(Database.layerMemory, { local: true }))

const both = (run: (database: Database["Service"]) => Effect.Effect<void, unknown>) =>
  Effect.andThen(over([document], run), over([{ ...document, price }], run))

describe("expressions", () => {
  it.effect.each<readonly [unknown, unknown]>([
    [{ $sum: ["$n", "$long"] }, Long.fromNumber(12)],
    [{ $sum: "$list" }, 6],
    [{ $sum: "$n" }, 5],
    [{ $sum: "$gone" }, 0],
    [{ $avg: ["$n", "$long"] }, new Double(6)],
    [{ $avg: "$s" }, null],
    [{ $arrayElemAt: ["$ids", 0] }, id],
    [{ $arrayElemAt: ["$list", -1] }, 2],
    [{ $first: "$ids" }, id],
    [{ $last: "$list" }, 2],
    [{ $cond: [{ $eq: ["$id", id] }, "yes", "no"] }, "yes"],
    [{ $cond: { if: { $gt: ["$at", new Date(0)] }, then: "$at", else: null } }, day],
    [{ $size: "$ids" }, 2],
    [{ $concat: ["$s", "-", "x"] }, "Ab-x"],
    [{ $concat: ["$s", "$nothing"] }, null],
    [{ $ifNull: ["$nothing", "$id"] }, id],
    [{ $subtract: ["$at", new Date(0)] }, Long.fromNumber(day.getTime())],
    [{ $subtract: ["$at", 7] }, new Date(day.getTime() - 7)],
    [{ $subtract: ["$long", "$n"] }, Long.fromNumber(2)],
    [{ $add: ["$at", 1] }, new Date(day.getTime() + 1)],
    [{ $add: ["$n", "$nothing"] }, null],
    [{ $abs: { $subtract: [1, "$long"] } }, Long.fromNumber(6)],
    [{ $multiply: ["$n", "$f"] }, 12.5],
    [{ $divide: ["$n", 2] }, 2.5],
    [{ $round: ["$f", 0] }, new Double(2)],
    [{ $round: "$f" }, new Double(2)],
    [{ $round: [3.456, 1] }, 3.5],
    [{ $trunc: "$f" }, new Double(2)],
    [{ $max: ["$n", "$long"] }, Long.fromNumber(7)],
    [{ $max: [price, 1, null] }, price],
    [{ $max: ["$s", 1, "$at"] }, day],
    [{ $min: [id, new ObjectId("000000000000000000000000")] }, new ObjectId("000000000000000000000000")],
    [{ $min: ["$gone", 3] }, 3],
    [{ $toInt: "12" }, 12],
    [{ $toInt: "$f" }, 2],
    [{ $toInt: "$nothing" }, null],
    [{ $toDouble: "2.5" }, 2.5],
    [{ $toString: "$id" }, id.toHexString()],
    [{ $toString: "$at" }, "2024-02-29T13:05:06.007Z"],
    [{ $toString: "$long" }, "7"],
    [{ $toString: price }, "1.50"],
    [{ $toDate: "$id" }, id.getTimestamp()],
    [{ $toDate: "2024-02-29" }, new Date(Date.UTC(2024, 1, 29))],
    [{ $toDate: "$long" }, new Date(7)],
    [{ $switch: { branches: [{ case: { $eq: ["$n", 5] }, then: "$id" }], default: 0 } }, id],
    [{ $switch: { branches: [{ case: "$nothing", then: 1 }], default: "$at" } }, day],
    [{ $filter: { input: "$items", as: "it", cond: { $eq: ["$$it.k", id] } } }, [{ k: id, n: 1 }]],
    [{ $filter: { input: "$list", cond: { $gt: ["$$this", 1] } } }, [3, 2]],
    [{ $map: { input: "$items", as: "it", in: "$$it.k" } }, [id, "x"]],
    [{ $concatArrays: ["$list", "$ids"] }, [3, 1, 2, id, other]],
    [{ $isArray: "$ids" }, true],
    [{ $isArray: ["$s"] }, false],
    [{ $indexOfArray: ["$ids", other] }, 1],
    [{ $mergeObjects: ["$o", { b: "$id" }] }, { a: 1, b: id }],
    [
      { $objectToArray: "$o" },
      [
        { k: "a", v: 1 },
        { k: "b", v: 2 }
      ]
    ],
    [{ $toLower: "$s" }, "ab"],
    [{ $regexMatch: { input: "$s", regex: "^a", options: "i" } }, true],
    [{ $regexMatch: { input: "$s", regex: new BSONRegExp("^a") } }, false],
    [{ $dateToString: { date: "$at", format: "%Y-%m-%d" } }, "2024-02-29"],
    [{ $dateToString: { date: "$id", format: "%Y" } }, "2020"],
    [{ $dateToString: { date: "$at", format: "%H:%M", timezone: "America/New_York" } }, "08:05"],
    [{ $dateToString: { date: "$nothing" } }, null],
    [
      { $dateToParts: { date: "$at" } },
      { year: 2024, month: 2, day: 29, hour: 13, minute: 5, second: 6, millisecond: 7 }
    ],
    [{ $year: "$id" }, 2020],
    [{ $isNumber: price }, true],
    [{ $reduce: { input: "$list", initialValue: 0, in: { $add: ["$$value", "$$this"] } } }, 6]
  ])("%j", ([expression, value]) =>
    both((database) =>
      Effect.gen(function* () {
        const found = yield* database.aggregate(namespace, [{ $project: { _id: 0, v: expression } }])
        assert.deepEqual(found, [{ v: value }])
      })
    )
  )

  it.effect.each<readonly [unknown, string]>([
    [{ $size: "$gone" }, "$size takes an operand that is an array"],
    [{ $switch: { branches: [{ case: false, then: 1 }] } }, "no default was specified"],
    [{ $divide: ["$n", 0] }, "divide by zero"],
    [{ $toInt: "x" }, "failed to parse the int 'x'"],
    [{ $concat: ["$s", "$n"] }, "$concat"],
    [{ $what: 1 }, "$what"],
    [{ $meta: "textScore" }, "'$meta' is not supported by this server"],
    [{ $filter: { input: "$list", cond: true, what: 1 } }, "$filter has no argument 'what'"],
    [{ $dateToString: { date: "$at", formt: "%Y" } }, "$dateToString has no argument 'formt'"],
    [{ $add: ["$n", "$s"] }, "$add"],
    [{ $eq: ["$n"] }, "$eq takes 2 operands"],
    ["$$what", "undefined variable: what"]
  ])("%j is refused", ([expression, words]) =>
    both((database) =>
      Effect.gen(function* () {
        const { message } = yield* Effect.flip(database.aggregate(namespace, [{ $project: { v: expression } }]))
        assert.include(message, words)
      })
    )
  )
})

describe("stages", () => {
  const documents: ReadonlyArray<Document> = [
    { _id: 1, user: id, n: 2, at: new Date(5), tags: ["a", "b"], price: Decimal128.fromString("10") },
    { _id: 2, user: new ObjectId(id.toHexString()), n: Long.fromNumber(3), at: new Date(6), tags: [] },
    { _id: 3, user: other, at: new Date(5), tags: "b", o: { x: 1 }, price: Decimal128.fromString("9.5") }
  ]
  const users = [
    { _id: id, name: "Ada" },
    { _id: other, name: "Bob" },
    { _id: 9, name: "none" }
  ]
  const withUsers = (run: (database: Database["Service"]) => Effect.Effect<void, unknown>) =>
    over(documents, (database) =>
      Effect.andThen(database.insert({ ...namespace, collection: "users" }, users), run(database))
    )
  const ids = { $project: { _id: 1 } }

  it.effect.each<readonly [ReadonlyArray<Document>, ReadonlyArray<Document>]>([
    [
      [
        {
          $group: { _id: "$user", n: { $sum: "$n" }, last: { $last: "$at" }, all: { $addToSet: "$at" }, k: { $sum: 1 } }
        }
      ],
      [
        { _id: id, n: Long.fromNumber(5), last: new Date(6), all: [new Date(5), new Date(6)], k: 2 },
        { _id: other, n: 0, last: new Date(5), all: [new Date(5)], k: 1 }
      ]
    ],
    [
      [{ $group: { _id: null, most: { $max: "$price" }, least: { $min: "$price" }, late: { $max: "$at" } } }],
      [{ _id: null, most: Decimal128.fromString("10"), least: Decimal128.fromString("9.5"), late: new Date(6) }]
    ],
    [[{ $group: { _id: { user: "$user", at: "$at" } } }, { $count: "n" }], [{ n: 3 }]],
    [
      [
        { $unwind: { path: "$tags", preserveNullAndEmptyArrays: true, includeArrayIndex: "i" } },
        { $project: { tags: 1, i: 1 } }
      ],
      [
        { _id: 1, tags: "a", i: Long.fromNumber(0) },
        { _id: 1, tags: "b", i: Long.fromNumber(1) },
        { _id: 2, i: null },
        { _id: 3, tags: "b", i: null }
      ]
    ],
    [
      [{ $unwind: "$tags" }, ids],
      [{ _id: 1 }, { _id: 1 }, { _id: 3 }]
    ],
    [
      [{ $match: { _id: 1 } }, { $unwind: "$tags" }, { $set: { "o.tag": "$tags" } }, { $project: { _id: 0, o: 1 } }],
      [{ o: { tag: "a" } }, { o: { tag: "b" } }]
    ],
    [[{ $facet: { few: [{ $limit: 1 }, ids], n: [{ $count: "n" }] } }], [{ few: [{ _id: 1 }], n: [{ n: 3 }] }]],
    [[{ $match: { _id: 3 } }, { $replaceRoot: { newRoot: "$o" } }], [{ x: 1 }]],
    [[{ $match: { _id: 3 } }, { $replaceRoot: { newRoot: { $mergeObjects: [{ y: 2 }, "$o"] } } }], [{ x: 1, y: 2 }]],
    [
      [
        { $lookup: { from: "users", localField: "user", foreignField: "_id", as: "u" } },
        { $project: { _id: 0, u: 1 } }
      ],
      [{ u: [users[0]] }, { u: [users[0]] }, { u: [users[1]] }]
    ],
    [
      [
        {
          $lookup: {
            from: "users",
            let: { user: "$user" },
            pipeline: [{ $match: { $expr: { $eq: ["$_id", "$$user"] } } }, { $project: { _id: 0 } }],
            as: "u"
          }
        },
        { $project: { _id: 0, u: 1 } }
      ],
      [{ u: [{ name: "Ada" }] }, { u: [{ name: "Ada" }] }, { u: [{ name: "Bob" }] }]
    ],
    [
      [
        {
          $lookup: {
            from: "users",
            localField: "user",
            foreignField: "_id",
            pipeline: [{ $project: { _id: 0 } }],
            as: "u"
          }
        },
        { $match: { _id: 3 } },
        { $project: { _id: 0, u: 1 } }
      ],
      [{ u: [{ name: "Bob" }] }]
    ],
    [
      [{ $sort: { at: 1, _id: -1 } }, ids],
      [{ _id: 3 }, { _id: 1 }, { _id: 2 }]
    ],
    [[{ $sort: { price: -1 } }, { $skip: 1 }, { $limit: 1 }, ids], [{ _id: 3 }]],
    [
      [{ $sample: { size: 9 } }, { $sort: { _id: 1 } }, ids],
      [{ _id: 1 }, { _id: 2 }, { _id: 3 }]
    ],
    [[{ $unionWith: { coll: "users", pipeline: [{ $match: { name: "Ada" } }] } }, { $count: "n" }], [{ n: 4 }]],
    [[{ $sortByCount: "$user" }, { $limit: 1 }], [{ _id: id, count: 2 }]],
    [[{ $indexStats: {} }], [{ name: "_id_", key: { _id: 1 } }]]
  ])("%j", ([pipeline, results]) =>
    withUsers((database) =>
      Effect.gen(function* () {
        assert.deepEqual(yield* database.aggregate(namespace, pipeline), results)
      })
    )
  )

  it.effect.each<readonly [unknown, string]>([
    [{ $search: { text: {} } }, "$search is not supported by this server"],
    [{ $searchMeta: {} }, "$searchMeta is not supported by this server"],
    [{ $vectorSearch: {} }, "$vectorSearch is not supported by this server"],
    [{ $geoNear: {} }, "$geoNear is not supported by this server"],
    [{ $what: {} }, "Unrecognized pipeline stage name: '$what'"],
    [{ $facet: { a: [{ $what: {} }] } }, "Unrecognized pipeline stage name: '$what'"],
    [{ $limit: 1, $skip: 1 }, "A pipeline stage specification object"],
    [{ $group: { _id: null, n: "$n" } }, "must be an accumulator object"],
    [{ $group: { _id: null, n: { $what: 1 } } }, "unknown group operator '$what'"],
    [{ $group: { n: { $sum: 1 } } }, "_id"],
    [{ $unwind: "tags" }, "path option to $unwind"],
    [{ $unwind: { path: "$tags", keep: true } }, "unrecognized option to $unwind stage"],
    [
      { $lookup: { from: "users", localField: "a", foreignField: "b", as: "c", d: 1 } },
      "unknown argument to $lookup: d"
    ],
    [{ $lookup: { from: "users", as: "c" } }, "$lookup requires either 'pipeline'"],
    [{ $sort: {} }, "at least one sort key"],
    [{ $sort: { n: "up" } }, "must be 1 (ascending) or -1 (descending)"],
    [{ $limit: 0 }, "invalid argument to $limit stage"],
    [{ $project: {} }, "at least one field"],
    [{ $project: { a: 1, b: 0 } }, "exclusion"],
    [{ $addFields: 1 }, "$addFields specification stage must be"],
    [{ $sample: { size: -1 } }, "size argument to $sample must not be"],
    [{ $match: { $text: { $search: "x" } } }, "$text is not supported by this server"],
    [{ $match: { at: { $geoWithin: {} } } }, "$geoWithin is not supported by this server"]
  ])("%j is refused", ([stage, words]) =>
    withUsers((database) =>
      Effect.gen(function* () {
        for (const pipeline of [[stage], [{ $match: {} }, stage]] as ReadonlyArray<ReadonlyArray<Document>>) {
          assert.include((yield* Effect.flip(database.aggregate(namespace, pipeline))).message, words)
        }
      })
    )
  )
})

describe("where a pipeline writes", () => {
  const target = { ...namespace, collection: "totals" }
  const totals = (database: Database["Service"]) =>
    Effect.map(database.find(target, { filter: {}, sort: { _id: 1 } }), (found) => found)
  const orders: ReadonlyArray<Document> = [
    { _id: 1, of: "a", n: 1 },
    { _id: 2, of: "b", n: 2 },
    { _id: 3, of: "a", n: 3 }
  ]
  const sums = { $group: { _id: "$of", n: { $sum: "$n" } } }

  it.effect.each<readonly [Document, ReadonlyArray<Document>]>([
    [
      { $out: "totals" },
      [
        { _id: "a", n: 4 },
        { _id: "b", n: 2 }
      ]
    ],
    [
      { $out: { db: "d", coll: "totals" } },
      [
        { _id: "a", n: 4 },
        { _id: "b", n: 2 }
      ]
    ],
    [{ $merge: "totals" }, [{ _id: "a", n: 4, kept: true }, { _id: "b", n: 2 }, { _id: "z" }]],
    [{ $merge: { into: "totals", whenMatched: "replace" } }, [{ _id: "a", n: 4 }, { _id: "b", n: 2 }, { _id: "z" }]],
    [
      { $merge: { into: "totals", whenMatched: "keepExisting", whenNotMatched: "discard" } },
      [{ _id: "a", n: 1, kept: true }, { _id: "z" }]
    ],
    [
      { $merge: { into: "totals", on: "_id", whenMatched: [{ $set: { n: { $add: ["$n", "$$new.n"] } } }] } },
      [{ _id: "a", n: 5, kept: true }, { _id: "b", n: 2 }, { _id: "z" }]
    ]
  ])("%j", ([last, expected]) =>
    over(orders, (database) =>
      Effect.gen(function* () {
        yield* database.insert(target, [{ _id: "a", n: 1, kept: true }, { _id: "z" }])
        assert.deepEqual(yield* database.aggregate(namespace, [sums, last]), [])
        assert.deepEqual(yield* totals(database), expected)
      })
    )
  )

  it.effect.each<readonly [Document, string]>([
    [{ $merge: { into: "totals", whenMatched: "fail" } }, "$merge found a matching document in the target collection"],
    [{ $merge: { into: "totals", whenNotMatched: "fail" } }, "$merge could not find a matching document"],
    [{ $merge: { into: "totals", whenMatched: "what" } }, "$merge 'whenMatched' is"],
    [{ $merge: { into: "totals", what: 1 } }, "'$merge.what' is an unknown field"],
    [{ $out: { coll: 1 } }, "Invalid $out target namespace"]
  ])("%j fails and writes nothing", ([last, words]) =>
    over(orders, (database) =>
      Effect.gen(function* () {
        yield* database.insert(target, [{ _id: "a", n: 1 }])
        assert.include((yield* Effect.flip(database.aggregate(namespace, [sums, last]))).message, words)
        assert.deepEqual(yield* totals(database), [{ _id: "a", n: 1 }])
      })
    )
  )
})
