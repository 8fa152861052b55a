import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double, Long } from "bson"
import type { Document } from "../../../src/server/language/Value.ts"
import { aggregate, compilePipeline } from "./operations.ts"
import { refusal } from "./support.ts"

type Documents = ReadonlyArray<Document>

/** What an accumulator makes of documents in one group. */
const gathered = (documents: Documents, accumulator: Document): unknown =>
  aggregate(documents, [{ $group: { _id: null, r: accumulator } }])[0]?.["r"]

const refuses = (fields: Document, message: RegExp) =>
  assert.match(refusal(() => compilePipeline([{ $group: { _id: null, ...fields } }])).message, message)

const values = (...list: ReadonlyArray<unknown>) => list.map((v) => ({ v }))

describe("the key of $group", () => {
  it("is one for what is null and for what is missing", () =>
    assert.deepStrictEqual(aggregate([{ k: null }, {}, { k: 1 }], [{ $group: { _id: "$k", n: { $sum: 1 } } }]), [
      { _id: null, n: 2 },
      { _id: 1, n: 1 }
    ]))

  it("is null if its one computed field is missing, and omits a missing one of several", () => {
    assert.deepStrictEqual(aggregate([{ h: { p: null } }, {}], [{ $group: { _id: { p: "$h.p" }, n: { $sum: 1 } } }]), [
      { _id: { p: null }, n: 2 }
    ])
    assert.deepStrictEqual(aggregate([{ a: 1 }], [{ $group: { _id: { a: "$a", b: "$b" } } }]), [{ _id: { a: 1 } }])
  })

  it("takes numbers of all types for the same, and documents in another order for others", () => {
    const numbers = [1, new Double(1), Long.fromNumber(1), Decimal128.fromString("1.0")]
    assert.strictEqual(aggregate(values(...numbers), [{ $group: { _id: "$v" } }]).length, 1)
    assert.strictEqual(aggregate(values({ x: 1, y: 2 }, { y: 2, x: 1 }), [{ $group: { _id: "$v" } }]).length, 2)
    assert.strictEqual(aggregate(values("1", 1, true, [1]), [{ $group: { _id: "$v" } }]).length, 4)
    const big = [Long.fromString("9007199254740993"), Decimal128.fromString("9007199254740993"), 9007199254740992]
    assert.strictEqual(aggregate(values(...big), [{ $group: { _id: "$v" } }]).length, 2)
  })

  it("comes first in the result, and $sortByCount puts the greatest group first", () => {
    const [group = {}] = aggregate([{ a: 1 }], [{ $group: { n: { $sum: 1 }, _id: "$a", m: { $max: "$a" } } }])
    assert.deepStrictEqual(Object.keys(group), ["_id", "n", "m"])
    assert.deepStrictEqual(aggregate(values("a", "b", "b"), [{ $sortByCount: "$v" }]), [
      { _id: "b", count: 2 },
      { _id: "a", count: 1 }
    ])
  })
})

describe("accumulators", () => {
  it("add numbers by the rules of their types", () => {
    assert.deepStrictEqual(gathered(values(1, 2), { $sum: "$v" }), 3)
    assert.deepStrictEqual(gathered(values(2147483647, 1), { $sum: "$v" }), Long.fromString("2147483648"))
    assert.deepStrictEqual(gathered(values(1, 0.5), { $sum: "$v" }), 1.5)
    assert.deepStrictEqual(gathered(values("x", null), { $sum: "$v" }), 0)
    assert.deepStrictEqual(gathered(values(1, 2), { $avg: "$v" }), 1.5)
    assert.deepStrictEqual(gathered(values("x"), { $avg: "$v" }), null)
    assert.deepStrictEqual(gathered(values(1, 2, 3), { $count: {} }), 3)
  })

  it("push and collect what is there, and nothing for what is missing", () => {
    const documents = [{ v: 1 }, {}, { v: null }, { v: 1 }]
    assert.deepStrictEqual(gathered(documents, { $push: "$v" }), [1, null, 1])
    assert.deepStrictEqual(gathered(documents, { $addToSet: "$v" }), [1, null])
    assert.deepStrictEqual(gathered(documents, { $push: { a: "$v" } }), [{ a: 1 }, {}, { a: null }, { a: 1 }])
  })

  it("choose the least, the greatest, the first and the last", () => {
    const documents = values(3, null, "x", 1)
    assert.deepStrictEqual(gathered(documents, { $min: "$v" }), 1)
    assert.deepStrictEqual(gathered(documents, { $max: "$v" }), "x")
    assert.deepStrictEqual(gathered(documents, { $first: "$v" }), 3)
    assert.deepStrictEqual(gathered(documents, { $last: "$v" }), 1)
    assert.deepStrictEqual(gathered([{}], { $first: "$v" }), null)
    assert.deepStrictEqual(gathered([{}], { $max: "$v" }), null)
  })

  it("choose several, and one by an order without a list around it", () => {
    const documents = [{ n: "a", p: 5 }, { n: "b", p: 9 }, { n: "c", p: 7 }, { n: "d" }]
    const sortBy = { p: -1 }
    assert.deepStrictEqual(gathered(documents, { $top: { output: "$n", sortBy } }), "b")
    assert.deepStrictEqual(gathered(documents, { $bottom: { output: ["$n", "$p"], sortBy } }), ["d", null])
    assert.deepStrictEqual(gathered(documents, { $topN: { output: "$n", sortBy, n: 2 } }), ["b", "c"])
    assert.deepStrictEqual(gathered(documents, { $bottomN: { output: "$n", sortBy, n: 2 } }), ["a", "d"])
    assert.deepStrictEqual(gathered(documents, { $firstN: { input: "$p", n: 9 } }), [5, 9, 7, null])
    assert.deepStrictEqual(gathered(documents, { $lastN: { input: "$n", n: 2 } }), ["c", "d"])
    assert.deepStrictEqual(gathered(documents, { $maxN: { input: "$p", n: 2 } }), [9, 7])
    assert.deepStrictEqual(gathered(documents, { $minN: { input: "$p", n: 2 } }), [5, 7])
  })

  it("keep a few of very many", () => {
    const documents = Array.from({ length: 5000 }, (_, i) => ({ v: (i * 7919) % 5000 }))
    assert.deepStrictEqual(gathered(documents, { $maxN: { input: "$v", n: 3 } }), [4999, 4998, 4997])
    assert.deepStrictEqual(gathered(documents, { $lastN: { input: "$v", n: 2 } }), [
      (4998 * 7919) % 5000,
      (4999 * 7919) % 5000
    ])
  })

  it("take n from the key of the group", () => {
    const documents = [
      { k: "a", v: 1 },
      { k: "a", v: 2 },
      { k: "b", v: 3 },
      { k: "b", v: 4 }
    ]
    const n = { $cond: [{ $eq: ["$k", "a"] }, 1, 2] }
    assert.deepStrictEqual(
      aggregate(documents, [{ $group: { _id: { k: "$k" }, r: { $firstN: { input: "$v", n } } } }]),
      [
        { _id: { k: "a" }, r: [1] },
        { _id: { k: "b" }, r: [3, 4] }
      ]
    )
  })

  it("merge objects and measure the spread of numbers", () => {
    assert.deepStrictEqual(gathered(values({ a: 1, b: 1 }, null, { b: 2 }), { $mergeObjects: "$v" }), { a: 1, b: 2 })
    assert.deepStrictEqual(gathered(values(2, 4, 4, 4, 5, 5, 7, 9, "x"), { $stdDevPop: "$v" }), new Double(2))
    assert.deepStrictEqual(gathered(values(5), { $stdDevSamp: "$v" }), null)
    assert.deepStrictEqual(
      gathered(values(1, 2, 3, 4, 5), { $median: { input: "$v", method: "approximate" } }),
      new Double(3)
    )
    assert.deepStrictEqual(
      gathered(values(...Array.from({ length: 100 }, (_, i) => i + 1)), {
        $percentile: { input: "$v", p: [0.5, 0.95, 1], method: "approximate" }
      }),
      [new Double(50), new Double(95), new Double(100)]
    )
    assert.match(refusal(() => gathered(values(1), { $mergeObjects: "$v" })).message, /requires object inputs/)
  })

  it("rejects invalid accumulators before a document is read", () => {
    refuses({ "a.b": { $sum: 1 } }, /cannot contain '\.'/)
    refuses({ $a: { $sum: 1 } }, /cannot be an operator name/)
    refuses({ a: 5 }, /must be an accumulator object/)
    refuses({ a: { $sum: 1, $avg: 1 } }, /must specify one accumulator/)
    refuses({ a: { $sum: ["$a", "$b"] } }, /unary operator/)
    refuses({ a: { $nope: 1 } }, /unknown group operator '\$nope'/)
    refuses({ a: { $accumulator: {} } }, /\$accumulator is not supported by this server/)
    refuses({ a: { $count: 1 } }, /takes no arguments/)
    refuses({ a: { $firstN: { input: "$v" } } }, /Missing value for 'n'/)
    refuses({ a: { $firstN: { input: "$v", n: 0 } } }, /greater than 0/)
    refuses({ a: { $firstN: { input: "$v", n: 1.5 } } }, /integral type/)
    refuses({ a: { $firstN: { input: "$v", n: Long.MAX_VALUE } } }, /'n' is at most/)
    refuses({ a: { $top: { output: "$v" } } }, /Missing value for 'sortBy'/)
    refuses({ a: { $top: { output: "$v", sortBy: 1 } } }, /to already be an object/)
    refuses({ a: { $percentile: { input: "$v", p: [2], method: "approximate" } } }, /array of numbers from/)
    assert.match(refusal(() => compilePipeline([{ $group: { a: { $sum: 1 } } }])).message, /must include an _id/)
    assert.match(refusal(() => compilePipeline([{ $group: 5 }])).message, /specified in an object/)
    assert.match(refusal(() => compilePipeline([{ $sortByCount: "v" }])).message, /\$-prefixed path/)
  })
})
