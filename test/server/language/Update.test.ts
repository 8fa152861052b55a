import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double, Long, Timestamp } from "bson"
import type { Document } from "../../../src/server/language/Value.ts"
import { compileUpdate, madeId, now, updated, upserted } from "./operations.ts"
import { refusal } from "./support.ts"

/** A document, an update, and what it makes of the document; the same document where nothing is changed. */
type Case = readonly [before: Document, update: Document | ReadonlyArray<Document>, after: Document]

const holds = (cases: ReadonlyArray<Case>) => {
  for (const [before, update, after] of cases) {
    const result = updated(before, update)
    assert.deepStrictEqual(result, after, JSON.stringify(update))
    assert.deepStrictEqual(Object.keys(result), Object.keys(after), JSON.stringify(update))
  }
}

/** Refused before there is a document: as for an empty collection. */
const refuses = (update: unknown, message: RegExp, options: Parameters<typeof compileUpdate>[1] = {}) =>
  assert.match(refusal(() => compileUpdate(update, options)).message, message)

const fails = (before: Document, update: Document | ReadonlyArray<Document>, message: RegExp) =>
  assert.match(refusal(() => updated(before, update)).message, message)

describe("modifiers of fields", () => {
  it("set, unset and rename", () =>
    holds([
      [{ _id: 1 }, { $set: { b: 2, a: 1 } }, { _id: 1, a: 1, b: 2 }],
      [{ _id: 1, a: { b: 1 } }, { $set: { "a.c.d": 2 } }, { _id: 1, a: { b: 1, c: { d: 2 } } }],
      [{ _id: 1, a: [1] }, { $set: { "a.3": 4 } }, { _id: 1, a: [1, null, null, 4] }],
      [{ _id: 1 }, { $set: { "l.10": "x", "l.2": "y" } }, { _id: 1, l: { "2": "y", "10": "x" } }],
      [{ _id: 1, a: 1, b: 2 }, { $unset: { a: "", "b.c": "", x: "" } }, { _id: 1, b: 2 }],
      [{ _id: 1, a: [1, 2] }, { $unset: { "a.0": 1 } }, { _id: 1, a: [null, 2] }],
      [{ _id: 1, old: 5, x: 1 }, { $rename: { old: "new.name" } }, { _id: 1, x: 1, new: { name: 5 } }],
      [{ _id: 1, old: 5, other: 1 }, { $rename: { old: "other" } }, { _id: 1, other: 5 }],
      [{ _id: 1, a: 1 }, { $rename: { missing: "b" } }, { _id: 1, a: 1 }],
      [{ _id: 1 }, { $set: {} }, { _id: 1 }]
    ]))

  it("compute with numbers of all types", () =>
    holds([
      [{ n: 1 }, { $inc: { n: 2 } }, { n: 3 }],
      [{}, { $inc: { n: 2 } }, { n: 2 }],
      [{ n: 2147483647 }, { $inc: { n: 1 } }, { n: Long.fromString("2147483648") }],
      [{ n: 1 }, { $inc: { n: new Double(1) } }, { n: new Double(2) }],
      [{ n: Decimal128.fromString("1.50") }, { $inc: { n: 1 } }, { n: Decimal128.fromString("2.50") }],
      [{ n: 3 }, { $mul: { n: 0.5 } }, { n: 1.5 }],
      [{}, { $mul: { n: 7 } }, { n: 0 }],
      [{}, { $mul: { n: Decimal128.fromString("7.1") } }, { n: Decimal128.fromString("0") }],
      [{}, { $mul: { n: Long.fromNumber(7) } }, { n: Long.ZERO }],
      [{ n: 5, m: "x" }, { $min: { n: 3, m: 4 } }, { n: 3, m: 4 }],
      [{ n: 5 }, { $max: { n: 3, m: 4 } }, { n: 5, m: 4 }],
      [{ n: 13 }, { $bit: { n: { and: 10, or: 1 } } }, { n: 9 }],
      [{ n: 13 }, { $bit: { n: { xor: Long.fromNumber(1) } } }, { n: Long.fromNumber(12) }],
      [{}, { $bit: { n: { or: 5 } } }, { n: 5 }]
    ]))

  it("write the time of the operation", () =>
    holds([
      [
        {},
        { $currentDate: { a: true, b: { $type: "date" }, c: { $type: "timestamp" } } },
        { a: now, b: now, c: new Timestamp({ t: Math.floor(now.getTime() / 1000), i: 1 }) }
      ]
    ]))

  it("give the same document back where nothing changes, to the type of a number", () => {
    const document: Document = { _id: 1, n: 1, l: [1], d: { x: 1 } }
    for (const update of [
      { $set: { n: 1, "d.x": 1 } },
      { $inc: { n: 0 } },
      { $unset: { missing: 1, "n.x": 1 } },
      { $push: { l: { $each: [] } } },
      { $pull: { l: 5 } },
      { $addToSet: { l: 1 } },
      { $min: { n: 4 } },
      { $setOnInsert: { z: 1 } }
    ]) {
      assert.strictEqual(compileUpdate(update).apply(document), document, JSON.stringify(update))
    }
    assert.deepStrictEqual(updated({ n: 1 }, { $set: { n: new Double(1) } }), { n: new Double(1) })
    // -0 is a double
    assert.deepStrictEqual(updated({ n: 0 }, { $set: { n: -0 } }), { n: -0 })
    assert.deepStrictEqual(updated({ n: [0] }, [{ $set: { n: { $literal: [-0] } } }]), { n: [-0] })
    assert.deepStrictEqual(updated({ n: [0] }, { $push: { n: { $each: [-0], $slice: -1 } } }), { n: [-0] })
  })

  it("rejects modifiers that the data does not allow", () => {
    fails({ n: "x" }, { $inc: { n: 1 } }, /non-numeric type string/)
    fails({ n: null }, { $inc: { n: 1 } }, /non-numeric type null/)
    fails({ n: Long.MAX_VALUE }, { $inc: { n: 1 } }, /leaves 64 bits/)
    fails({ n: 1.5 }, { $bit: { n: { or: 1 } } }, /non-integral type/)
    fails({ a: 5 }, { $set: { "a.b": 1 } }, /Cannot create field 'b' in element \{a: 5\}/)
    fails({ a: [1] }, { $set: { "a.b": 1 } }, /Cannot create field 'b' in element \{a: \[1\]\}/)
    fails({ a: [1] }, { $pull: { "a.b": 1 } }, /Cannot use the part \(b\) of \(a\.b\)/)
    fails({ a: [{ b: 1 }] }, { $rename: { "a.b": "c" } }, /cannot be an array element/)
    fails({ a: 5 }, { $rename: { "a.b": "c" } }, /Cannot use the part \(b\) of \(a\.b\)/)
    fails({ a: [] }, { $set: { "a.2000000": 1 } }, /can't backfill more than/)
    fails({ _id: 1 }, { $set: { _id: 2 } }, /immutable field '_id'/)
    fails({ _id: 1 }, { $unset: { _id: 1 } }, /immutable field '_id'/)
    assert.deepStrictEqual(updated({ _id: 1, a: 1 }, { $set: { _id: new Double(1), a: 2 } }), { _id: 1, a: 2 })
  })

  it("writes fields with names that JavaScript objects inherit", () => {
    const result = updated({ _id: 1 }, { $set: { toString: 1, constructor: { x: 2 } } })
    assert.deepStrictEqual(Object.keys(result), ["_id", "constructor", "toString"])
    const field = ["__proto__", "polluted"].join(".")
    const other = updated({ _id: 1 }, { $set: { [field]: true } })
    assert.isTrue(Object.hasOwn(other, "__proto__"))
    assert.isUndefined(({} as Document)["polluted"])
  })
})

describe("modifiers of arrays", () => {
  it("push with position, order and slice", () =>
    holds([
      [{ l: [1] }, { $push: { l: 2 } }, { l: [1, 2] }],
      [{}, { $push: { "a.l": 2 } }, { a: { l: [2] } }],
      [{ l: [1, 2] }, { $push: { l: { $each: [8, 9], $position: 1 } } }, { l: [1, 8, 9, 2] }],
      [{ l: [1, 2] }, { $push: { l: { $each: [8], $position: -1 } } }, { l: [1, 8, 2] }],
      [{ l: [3, 1] }, { $push: { l: { $each: [2], $sort: -1, $slice: 2 } } }, { l: [3, 2] }],
      [{ l: [1, 2, 3] }, { $push: { l: { $each: [], $slice: -2 } } }, { l: [2, 3] }],
      [{ l: [1, 2, 3] }, { $push: { l: { $each: [4], $slice: 0 } } }, { l: [] }],
      // without $each it is a value like any other
      [{ l: [1] }, { $push: { l: { $position: 1 } } }, { l: [1, { $position: 1 }] }]
    ]))

  it("sort pushed elements by fields, other values than documents as if they had no fields", () =>
    holds([
      [
        { l: [{ f: 2 }, 7, { f: 1, g: 1 }, "x", { g: 2 }] },
        { $push: { l: { $each: [{ f: 1, g: 0 }], $sort: { f: 1, g: -1 } } } },
        { l: [{ g: 2 }, 7, "x", { f: 1, g: 1 }, { f: 1, g: 0 }, { f: 2 }] }
      ]
    ]))

  it("add to a set, pull and pop", () =>
    holds([
      [{ l: [1] }, { $addToSet: { l: { $each: [new Double(1), 2, 2] } } }, { l: [1, 2] }],
      [
        { l: [{ a: 1, b: 2 }] },
        { $addToSet: { l: { b: 2, a: 1 } } },
        {
          l: [
            { a: 1, b: 2 },
            { b: 2, a: 1 }
          ]
        }
      ],
      [{}, { $addToSet: { l: [1] } }, { l: [[1]] }],
      [{ l: [1, 5, 3] }, { $pull: { l: { $gte: 3 } } }, { l: [1] }],
      [{ l: [{ a: 1, b: 1 }, { a: 2 }, 1] }, { $pull: { l: { a: 1 } } }, { l: [{ a: 2 }, 1] }],
      [{ l: [{ a: [1, 9] }, { a: [2] }] }, { $pull: { l: { a: { $elemMatch: { $gt: 5 } } } } }, { l: [{ a: [2] }] }],
      [{ l: ["abc", "xyz"] }, { $pull: { l: /^a/ } }, { l: ["xyz"] }],
      [{ l: [{ a: 1 }, { b: 1 }, { c: 1 }] }, { $pull: { l: { $or: [{ a: 1 }, { b: 1 }] } } }, { l: [{ c: 1 }] }],
      [{ l: [1, 2, 1, 3] }, { $pullAll: { l: [1, 3] } }, { l: [2] }],
      [{ l: [1, 2, 3] }, { $pop: { l: 1 } }, { l: [1, 2] }],
      [{ l: [1, 2, 3] }, { $pop: { l: -1 } }, { l: [2, 3] }],
      [{ a: 1 }, { $pop: { l: 1 }, $pull: { m: 1 }, $pullAll: { n: [1] } }, { a: 1 }]
    ]))

  it("rejects other values than arrays", () => {
    fails({ l: 5 }, { $push: { l: 1 } }, /must be an array but is of type int/)
    fails({ l: null }, { $push: { l: 1 } }, /must be an array but is of type null/)
    fails({ l: "x" }, { $addToSet: { l: 1 } }, /non-array type string/)
    fails({ l: {} }, { $pop: { l: 1 } }, /non-array type 'object'/)
    fails({ l: 5 }, { $pull: { l: 1 } }, /non-array value/)
    fails({ l: 5 }, { $pullAll: { l: [1] } }, /non-array value/)
  })
})

describe("positional operators", () => {
  it("two paths may meet in one array operator", () => {
    assert.deepStrictEqual(
      updated({ g: [{ v: 70 }, { v: 80 }] }, { $set: { "g.$.v": 82, "g.$.c": true } }, { filter: { "g.v": 80 } }),
      { g: [{ v: 70 }, { v: 82, c: true }] }
    )
    assert.deepStrictEqual(
      updated(
        { v: [1, 20, 3] },
        { $set: { "v.$[lo]": 0, "v.$[hi]": 40 } },
        { arrayFilters: [{ lo: { $lt: 5 } }, { hi: { $gt: 10 } }] }
      ),
      { v: [0, 40, 0] }
    )
    assert.deepStrictEqual(updated({ g: [{}, { a: 5 }] }, { $set: { "g.$[].a": 1, "g.$[].b": 2 } }), {
      g: [
        { a: 1, b: 2 },
        { a: 1, b: 2 }
      ]
    })
  })

  it("a second one in a path is followed like the first one", () => {
    const cases: ReadonlyArray<Case> = [
      [
        {
          g: [
            [1, 2],
            [3, 4]
          ]
        },
        { $set: { "g.$[].$[]": 9 } },
        {
          g: [
            [9, 9],
            [9, 9]
          ]
        }
      ],
      [
        {
          g: [
            [1, 2],
            [3, 4]
          ]
        },
        { $inc: { "g.$[].$[]": 1 } },
        {
          g: [
            [2, 3],
            [4, 5]
          ]
        }
      ],
      [{ g: [{ c: [1] }, { c: [2, 3] }] }, { $inc: { "g.$[].c.$[]": 1 } }, { g: [{ c: [2] }, { c: [3, 4] }] }],
      [{ g: [{ c: [1] }] }, { $push: { "g.$[].c": 2 } }, { g: [{ c: [1, 2] }] }],
      [{ g: [1, 2] }, { $unset: { "g.$[]": 1 } }, { g: [null, null] }]
    ]
    holds(cases)
  })

  it("array filters may have $and, $or and $nor, and stand beside $[] and $", () => {
    const results = {
      results: [
        { type: "quiz", answers: [8, 3] },
        { type: "hw", answers: [9] }
      ]
    }
    assert.deepStrictEqual(
      updated(
        results,
        { $inc: { "results.$[r].answers.$[a]": 10 } },
        {
          arrayFilters: [
            { $or: [{ "r.type": "quiz" }, { "r.type": "exam" }] },
            { $and: [{ a: { $gte: 5 } }, { a: { $lt: 9 } }] }
          ]
        }
      ),
      {
        results: [
          { type: "quiz", answers: [18, 3] },
          { type: "hw", answers: [9] }
        ]
      }
    )
    assert.deepStrictEqual(
      updated({ v: [1, 2, 3] }, { $set: { "v.$[x]": 0 } }, { arrayFilters: [{ $nor: [{ x: 2 }] }] }),
      { v: [0, 2, 0] }
    )
    assert.deepStrictEqual(
      updated(
        {
          g: [
            { k: 1, l: [1, 5] },
            { k: 2, l: [5] }
          ]
        },
        { $set: { "g.$.l.$[big]": 0 } },
        { filter: { "g.k": 1 }, arrayFilters: [{ big: { $gt: 2 } }] }
      ),
      {
        g: [
          { k: 1, l: [1, 0] },
          { k: 2, l: [5] }
        ]
      }
    )
  })

  it("$ is the element that the filter found, inside of $and too", () => {
    assert.deepStrictEqual(
      updated(
        { _id: 1, a: [{ i: 1 }, { i: 2 }] },
        { $set: { "a.$.n": 1 } },
        { filter: { $and: [{ _id: 1 }, { "a.i": 2 }] } }
      ),
      { _id: 1, a: [{ i: 1 }, { i: 2, n: 1 }] }
    )
  })

  it("rejects other values than arrays, a missing match, and conflicts in one element", () => {
    fails({ a: 5 }, { $set: { "a.$[]": 1 } }, /non-array element a: 5/)
    fails({}, { $set: { "a.$[]": 1 } }, /The path 'a' must exist/)
    fails({ a: [1] }, { $set: { "a.$": 1 } }, /did not find the match needed/)
    fails({ a: [{ b: 1 }] }, { $set: { "a.$[].b": 1, "a.$[].b.c": 2 } }, /would create a conflict at 'a\.\$\[\]\.b'/)
    const both = { arrayFilters: [{ x: 1 }, { y: { $gt: 0 } }] }
    assert.match(
      refusal(() => updated({ a: [1] }, { $set: { "a.$[x]": 1, "a.$[y]": 2 } }, both)).message,
      /conflict at 'a\.0'/
    )
  })
})

describe("replacements", () => {
  it("keep the _id of the document, first", () =>
    holds([
      [
        { _id: 1, a: 1 },
        { x: 2, y: 3 },
        { _id: 1, x: 2, y: 3 }
      ],
      [
        { _id: 1, a: 1 },
        { x: 2, _id: 1 },
        { _id: 1, x: 2 }
      ],
      [{ _id: null, a: 1 }, { x: 2 }, { _id: null, x: 2 }],
      [
        { _id: 1, a: 1 },
        { _id: new Double(1), x: 2 },
        { _id: 1, x: 2 }
      ]
    ]))

  it("rejects operators and another _id", () => {
    refuses({ a: 1, $set: { b: 1 } }, /prefixed field '\$set'/)
    refuses({ $set: { b: 1 } }, /not allowed in the context of an update's replacement/, { kind: "replacement" })
    refuses({ a: 1 }, /must contain update operators/, { kind: "update" })
    fails({ _id: 1 }, { _id: 2 }, /immutable field '_id'/)
  })
})

describe("pipelines as updates", () => {
  it("go from stage to stage and keep the _id of the document", () =>
    holds([
      [{ _id: 1, a: 1 }, [{ $set: { b: { $add: ["$a", 1] } } }, { $unset: "a" }], { _id: 1, b: 2 }],
      [
        { _id: 1, t: { x: 1 } },
        [{ $replaceRoot: { newRoot: "$t" } }, { $addFields: { y: 2 } }],
        { _id: 1, x: 1, y: 2 }
      ],
      [{ _id: 1, a: 1, b: 2 }, [{ $project: { a: 1 } }], { _id: 1, a: 1 }],
      [
        { _id: 1, address: { city: "Rome", zip: 1 } },
        [{ $set: { address: { city: "Bari" } } }],
        { _id: 1, address: { city: "Bari", zip: 1 } }
      ]
    ]))

  it("accepts only stages that make one document of one", () => {
    refuses([{ $match: { a: 1 } }], /\$match is not allowed to be used within an update/)
    refuses([{ $set: { a: { $nope: 1 } } }], /\$nope/)
    refuses([{ $set: { a: 1 } }], /arrayFilters may not be specified/, { arrayFilters: [{ x: 1 }] })
    fails({ _id: 1 }, [{ $set: { _id: 2 } }], /immutable field '_id'/)
  })
})

describe("upserts", () => {
  it("insert what the filter says is equal, then what the update says", () => {
    assert.deepStrictEqual(upserted({ a: 1, "b.c": { $eq: 2 }, d: { $gt: 5 } }, { $set: { e: 3 } }), {
      _id: madeId,
      a: 1,
      b: { c: 2 },
      e: 3
    })
    assert.deepStrictEqual(
      upserted({ $and: [{ x: 1 }, { y: { $in: [2] } }], $or: [{ z: 3 }] }, { $setOnInsert: { w: 4 } }),
      {
        _id: madeId,
        x: 1,
        y: 2,
        z: 3,
        w: 4
      }
    )
    assert.deepStrictEqual(upserted({ a: /x/, $or: [{ b: 1 }, { c: 1 }] }, { $inc: { n: 1 } }), { _id: madeId, n: 1 })
    assert.deepStrictEqual(upserted({ n: 5 }, [{ $set: { m: { $add: ["$n", 1] } } }]), { _id: madeId, n: 5, m: 6 })
    assert.deepStrictEqual(upserted({ _id: 4, n: 5 }, { m: 6 }), { _id: 4, m: 6 })
  })

  it("put the _id first, whichever it is", () => {
    assert.deepStrictEqual(Object.entries(upserted({ a: 1, _id: { $in: [7] } }, { $set: { b: 1 } })), [
      ["_id", 7],
      ["a", 1],
      ["b", 1]
    ])
    assert.deepStrictEqual(upserted({ _id: null }, { $set: { b: 1 } }), { _id: null, b: 1 })
    assert.deepStrictEqual(Object.keys(upserted({ a: 1 }, { $set: { _id: 9 } })), ["_id", "a"])
  })

  it("rejects an invalid _id, and fields that are matched twice", () => {
    assert.match(refusal(() => upserted({}, { $set: { _id: [1] } })).message, /'_id' value cannot be of type array/)
    assert.match(refusal(() => upserted({}, { _id: { $a: 1 } })).message, /may not contain '\$'-prefixed fields/)
    assert.match(refusal(() => upserted({ $and: [{ a: 1 }, { a: 2 }] }, { $set: { b: 1 } })).message, /matched twice/)
    assert.match(refusal(() => upserted({ a: 1, "a.b": 1 }, { $set: { c: 1 } })).message, /both paths 'a\.b' and 'a'/)
    assert.match(refusal(() => upserted({ a: 1 }, { $set: { "a.b": 1 } })).message, /Cannot create field 'b'/)
  })
})

describe("mistakes of an update", () => {
  it("rejects mistakes before a document is read", () => {
    refuses(5, /document or a pipeline/)
    refuses({ $nope: { a: 1 } }, /Unknown modifier: \$nope/)
    refuses({ $set: { a: 1 }, b: 1 }, /Unknown modifier: b/)
    refuses({ $set: 5 }, /type int instead/)
    refuses({ $set: { "": 1 } }, /empty update path/)
    refuses({ $set: { "a..b": 1 } }, /contains an empty field name/)
    refuses({ $set: { "a.": 1 } }, /contains an empty field name/)
    refuses({ $set: { a: 1 }, $inc: { a: 1 } }, /would create a conflict at 'a'/)
    refuses({ $set: { "a.b": 1, a: 1 } }, /would create a conflict at 'a'/)
    refuses({ $set: { "a.$[].b": 1, "a.c": 1 } }, /would create a conflict at 'a'/)
    refuses({ $set: { $: 1 } }, /first position/)
    refuses({ $set: { "$[]": 1 } }, /first position/)
    refuses({ $set: { "a.$.b.$": 1 } }, /Too many positional/)
    refuses({ $inc: { a: "1" } }, /non-numeric argument/)
    refuses({ $mul: { a: null } }, /non-numeric argument/)
    refuses({ $rename: { a: 1 } }, /must be a string/)
    refuses({ $rename: { a: "a" } }, /must differ/)
    refuses({ $rename: { a: "a.b" } }, /same path/)
    refuses({ $rename: { "a.$[]": "b" } }, /may not be dynamic/)
    refuses({ $rename: { a: "b" }, $set: { b: 1 } }, /conflict at 'b'/)
    refuses({ $push: { a: { $each: 1 } } }, /\$each in \$push must be an array/)
    refuses({ $push: { a: { $each: [], $nope: 1 } } }, /Unrecognized clause in \$push: \$nope/)
    refuses({ $push: { a: { $each: [], $slice: "x" } } }, /\$slice must be an integer/)
    refuses({ $push: { a: { $each: [], $sort: { f: 2 } } } }, /either 1 or -1/)
    refuses({ $addToSet: { a: { $each: "x" } } }, /\$each in \$addToSet must be an array/)
    refuses({ $pop: { a: 2 } }, /expects 1 or -1/)
    refuses({ $pullAll: { a: 1 } }, /requires an array/)
    refuses({ $pull: { a: { $gt: 1, b: 2 } } }, /b/)
    refuses({ $pull: { a: { $expr: true } } }, /top-level document/)
    refuses({ $bit: { a: { nand: 1 } } }, /only supports 'and', 'or', and 'xor'/)
    refuses({ $bit: { a: { or: 1.5 } } }, /must be an Integer/)
    refuses({ $currentDate: { a: "now" } }, /not valid type for \$currentDate/)
  })

  it("rejects mistakes of array filters", () => {
    refuses({ $set: { "a.$[x]": 1 } }, /No array filter found for identifier 'x'/)
    refuses({ $set: { a: 1 } }, /identifier 'x' was not used/, { arrayFilters: [{ x: 1 }] })
    refuses({ $set: { "a.$[x]": 1 } }, /found 'x' and 'y'/, { arrayFilters: [{ x: 1, y: 1 }] })
    refuses({ $set: { "a.$[x]": 1 } }, /multiple array filters/, { arrayFilters: [{ x: 1 }, { "x.b": 1 }] })
    refuses({ $set: { "a.$[X]": 1 } }, /beginning with a lowercase letter/, { arrayFilters: [{ X: 1 }] })
    refuses({ $set: { "a.$[x]": 1 } }, /without a top-level field name/, { arrayFilters: [{}] })
  })
})
