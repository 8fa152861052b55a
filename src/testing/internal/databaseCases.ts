/** What documents filters find, and what updates make of them, in MongoDB. */
import { Binary, BSONRegExp, Decimal128, Long, ObjectId } from "bson"
import type { Document } from "../../server/data/Database.ts"

// @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
export const date = (millis: number): Date => new Date(millis)

export const id = new ObjectId("5f1d7f3e9c1b2a0012345678")
const other = new ObjectId("5f1d7f3e9c1b2a0012345679")
export const same = new ObjectId(id.toHexString())

export const sample: ReadonlyArray<Document> = [
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
  { _id: 4, v: date(5), name: "bob" },
  { _id: 5, v: null, name: null },
  { _id: 6, v: new Binary(Uint8Array.from([255, 254])) },
  { _id: 7, v: true, o: { a: null, b: { c: 1 } } },
  { _id: 8, v: 2.5, items: [{ k: id, n: 9 }], o: { a: [1, 2] } }
]

export const filters: ReadonlyArray<readonly [Document, ReadonlyArray<number>]> = [
  [{}, [1, 2, 3, 4, 5, 6, 7, 8]],
  [{ v: same }, [1]],
  [{ v: id.toHexString() }, []],
  [{ v: 1 }, [2]],
  [{ v: { $gt: 1 } }, [3, 8]],
  [{ v: { $gte: Decimal128.fromString("2.5") } }, [3, 8]],
  [{ v: { $lt: Long.fromString("9007199254740994") } }, [2, 3, 8]],
  [{ v: { $lte: 1 } }, [2]],
  [{ v: date(5) }, [4]],
  [{ v: { $gt: date(4) } }, [4]],
  [{ v: new Binary(Uint8Array.from([255, 254])) }, [6]],
  [{ v: null }, [5]],
  [{ name: null }, [1, 2, 5, 6, 7, 8]],
  [{ name: { $exists: true, $ne: null } }, [3, 4]],
  [{ name: { $exists: false } }, [1, 2, 6, 7, 8]],
  [{ v: { $in: [same, true, Long.fromNumber(1)] } }, [1, 2, 7]],
  [{ v: { $nin: [id, 1, null] } }, [3, 4, 6, 7, 8]],
  [{ v: { $eq: true } }, [7]],
  [{ v: { $type: "objectId" } }, [1]],
  [{ v: { $type: ["decimal", 18, "binData"] } }, [2, 3, 6]],
  [{ tags: "a" }, [1]],
  [{ tags: ["a", "b"] }, [1]],
  [{ tags: [] }, [2]],
  [{ tags: { $all: ["b", "a"] } }, [1]],
  [{ tags: { $size: 0 } }, [2]],
  [{ tags: new BSONRegExp("^B", "i") }, [1]],
  [{ tags: { $ne: "a" } }, [2, 3, 4, 5, 6, 7, 8]],
  [{ "items.k": same }, [1, 8]],
  [{ "items.n": { $gt: 4 } }, [1, 8]],
  [{ "items.1.n": 5 }, [1]],
  [{ items: { $elemMatch: { k: same, n: { $gt: 4 } } } }, [8]],
  [{ "o.b.c": 1 }, [7]],
  [{ "o.a": null }, [1, 2, 3, 4, 5, 6, 7]],
  [{ "o.a": 2 }, [8]],
  [{ name: new BSONRegExp("^A") }, [3]],
  [{ name: { $regex: "^B", $options: "i" } }, [4]],
  [{ name: { $not: { $in: ["Ada"] } } }, [1, 2, 4, 5, 6, 7, 8]],
  [{ $or: [{ v: true }, { name: "bob" }] }, [4, 7]],
  [{ $nor: [{ v: { $exists: true } }] }, []],
  [{ $and: [{ name: "bob" }, { v: true }] }, []],
  [{ $and: [{ _id: 3 }, { name: "Ada" }] }, [3]],
  [{ $expr: { $eq: ["$v", same] } }, [1]],
  [{ _id: { $in: [8, 1, 99] }, items: { $size: 1 } }, [8]],
  [{ _id: 3, name: "bob" }, []]
]

export const refusedFilters: ReadonlyArray<Document> = [
  { $who: 1 },
  { a: { $who: 1 } },
  { a: { $in: 1 } },
  { a: { $regex: "(" } },
  { a: { $type: "what" } },
  { $or: [] },
  { a: { $not: 1 } }
]

type UpdateCase = readonly [
  before: Document,
  update: Document | ReadonlyArray<Document>,
  after: Document,
  filter?: Document,
  arrayFilters?: ReadonlyArray<Document>
]

export const updates: ReadonlyArray<UpdateCase> = [
  [{}, { $set: { "a.b": id } }, { a: { b: id } }],
  [{ l: [{ a: 1 }, { a: 2 }] }, { $set: { "l.1.a": 9 } }, { l: [{ a: 1 }, { a: 9 }] }],
  [{ a: 1, b: 1 }, { $unset: { a: "" } }, { b: 1 }],
  [{ a: 1 }, { $inc: { a: 2, b: 3 }, $mul: { c: 2 } }, { a: 3, b: 3, c: 0 }],
  [{ a: Long.fromNumber(5) }, { $inc: { a: Long.fromNumber(2) } }, { a: Long.fromNumber(7) }],
  [{ a: { b: 1 } }, { $rename: { "a.b": "c" } }, { a: {}, c: 1 }],
  [{ a: date(5) }, { $max: { a: date(6), b: 1 }, $min: { c: 1 } }, { a: date(6), b: 1, c: 1 }],
  [{ l: [1] }, { $push: { l: 2 } }, { l: [1, 2] }],
  [{}, { $push: { l: { $each: [3, 1, 2], $sort: 1, $slice: 2 } } }, { l: [1, 2] }],
  [{ l: [1, 2] }, { $push: { l: { $each: [0], $position: 0 } } }, { l: [0, 1, 2] }],
  [{ l: [1, 1] }, { $addToSet: { l: { $each: [1, 2] } } }, { l: [1, 1, 2] }],
  [{ l: [{ a: id }] }, { $addToSet: { l: { a: same } } }, { l: [{ a: id }] }],
  [{ l: [id, 2] }, { $pull: { l: same } }, { l: [2] }],
  [{ l: [{ a: 1 }, { a: 5 }] }, { $pull: { l: { a: { $gt: 2 } } } }, { l: [{ a: 1 }] }],
  [{ l: [1, 2, 3] }, { $pull: { l: { $in: [1, 3] } } }, { l: [2] }],
  [{ l: [1, 2] }, { $pop: { l: -1 } }, { l: [2] }],
  [
    { l: [{ k: id }, { k: other }] },
    { $set: { "l.$.v": 9 } },
    { l: [{ k: id }, { k: other, v: 9 }] },
    { "l.k": other }
  ],
  [{ l: [{ k: 1 }, { k: 2 }] }, { $set: { "l.$": 0 } }, { l: [{ k: 1 }, 0] }, { l: { $elemMatch: { k: 2 } } }],
  [{ l: [{ k: 1 }, { k: 2 }] }, { $set: { "l.$[e].v": 9 } }, { l: [{ k: 1 }, { k: 2, v: 9 }] }, {}, [{ "e.k": 2 }]],
  [
    { l: [{ a: [1, 2] }, { a: [3] }] },
    { $set: { "l.$[].a.$[e]": 9 } },
    { l: [{ a: [1, 9] }, { a: [9] }] },
    {},
    [{ e: { $gte: 2 } }]
  ],
  [{ l: [1, 2] }, { $inc: { "l.$[]": 1 } }, { l: [2, 3] }],
  [{ a: 1 }, [{ $set: { b: { $add: ["$a", 1] } } }, { $unset: "a" }], { b: 2 }],
  [{ a: 1 }, { $setOnInsert: { a: 2 } }, { a: 1 }]
]

export const refusedUpdates: ReadonlyArray<UpdateCase> = [
  [{ a: "x" }, { $inc: { a: 1 } }, {}],
  [{ a: 1 }, { $push: { a: 1 } }, {}],
  [{ a: 1 }, { $set: { "a.b": 1 } }, {}],
  [{}, { $set: { _id: 2 } }, {}],
  [{}, { $set: { a: 1 }, $inc: { a: 1 } }, {}],
  [{}, { $set: { a: 1, "a.b": 1 } }, {}],
  [{}, { $set: { "": 1 } }, {}],
  [{}, { $what: { a: 1 } }, {}],
  [{ l: [1] }, { $set: { "l.$": 1 } }, {}],
  [{ l: [1] }, { $set: { "l.$[e]": 1 } }, {}],
  [{ l: [1] }, { $set: { "l.0": 1 } }, {}, {}, [{ e: 1 }]],
  [{ l: [] }, { $push: { l: { $each: [1], $what: 1 } } }, {}],
  [{}, [{ $group: { _id: 1 } }], {}]
]
