import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import type { Document } from "../../../src/server/language/Value.ts"
import { aggregate, compilePipeline } from "./operations.ts"
import { refusal } from "./support.ts"

type Documents = ReadonlyArray<Document>

/** The values of a window function, in the order of `i`. */
const column = (
  documents: Documents,
  output: Document,
  spec: Document = { sortBy: { i: 1 } }
): ReadonlyArray<unknown> =>
  aggregate(documents, [{ $setWindowFields: { ...spec, output: { r: output } } }, { $sort: { i: 1 } }]).map(
    (it) => it["r"]
  )

const refuses = (spec: Document, message: RegExp) =>
  assert.match(refusal(() => compilePipeline([{ $setWindowFields: spec }])).message, message, JSON.stringify(spec))

const rows = [
  { i: 1, k: "a", v: 10 },
  { i: 2, k: "b", v: 20 },
  { i: 3, k: "a", v: 30 },
  { i: 4, k: "a", v: 30 },
  { i: 5, k: "b", v: 5 }
]

const minute = (i: number, v: unknown) => ({ i, at: new Date(Date.UTC(2024, 0, 1, 0, i)), v })

describe("windows of documents", () => {
  it("selects a whole partition, or the documents around a row", () => {
    const sum = (window?: Document) => column(rows, { $sum: "$v", ...(window && { window }) })
    assert.deepStrictEqual(sum(), [95, 95, 95, 95, 95])
    assert.deepStrictEqual(sum({ documents: ["unbounded", "current"] }), [10, 30, 60, 90, 95])
    assert.deepStrictEqual(sum({ documents: [-1, 1] }), [30, 60, 80, 65, 35])
    assert.deepStrictEqual(sum({ documents: [1, "unbounded"] }), [85, 65, 35, 5, 0])
    assert.deepStrictEqual(sum({ documents: ["current", "current"] }), [10, 20, 30, 30, 5])
    assert.deepStrictEqual(sum({ documents: [-9, -8] }), [0, 0, 0, 0, 0])
  })

  it("end where a partition ends, and the results are in the order of the partitions", () => {
    const spec = { partitionBy: "$k", sortBy: { i: 1 } }
    assert.deepStrictEqual(column(rows, { $push: "$v", window: { documents: ["unbounded", "current"] } }, spec), [
      [10],
      [20],
      [10, 30],
      [10, 30, 30],
      [20, 5]
    ])
    const results = aggregate(rows, [{ $setWindowFields: { ...spec, output: { n: { $documentNumber: {} } } } }])
    assert.deepStrictEqual(
      results.map((it) => [it["k"], it["n"]]),
      [
        ["a", 1],
        ["a", 2],
        ["a", 3],
        ["b", 1],
        ["b", 2]
      ]
    )
  })

  it("selects the documents within a distance of the sort value", () => {
    const documents = [1, 2, 4, 8].map((i) => ({ i, v: 1 }))
    const range = (range: ReadonlyArray<unknown>) => column(documents, { $sum: "$v", window: { range } })
    assert.deepStrictEqual(range([-2, 0]), [1, 2, 2, 1])
    assert.deepStrictEqual(range(["current", "unbounded"]), [4, 3, 2, 1])
    // the current row is where the window ends, and not what is equal to it
    const equal = [1, 2, 2, 2].map((v, i) => ({ i, v }))
    const running = { $sum: "$v", window: { range: ["unbounded", "current"] } }
    assert.deepStrictEqual(column(equal, running, { sortBy: { v: 1 } }), [1, 3, 5, 7])
    const near = { $sum: 1, window: { range: [0, 0] } }
    assert.deepStrictEqual(column(equal, near, { sortBy: { v: 1 } }), [1, 3, 3, 3])
    const dates = [0, 1, 5].map((i) => minute(i, 1))
    const spec = { sortBy: { at: 1 } }
    assert.deepStrictEqual(column(dates, { $sum: "$v", window: { range: [-2, 0], unit: "minute" } }, spec), [1, 2, 1])
  })
})

describe("window functions", () => {
  it("rank rows, equal ones alike", () => {
    const spec = { sortBy: { v: 1 } }
    assert.deepStrictEqual(column(rows, { $rank: {} }, spec), [2, 3, 4, 4, 1])
    assert.deepStrictEqual(column(rows, { $denseRank: {} }, spec), [2, 3, 4, 4, 1])
    const three = [
      { i: 1, v: 1 },
      { i: 2, v: 1 },
      { i: 3, v: 2 }
    ]
    assert.deepStrictEqual(column(three, { $rank: {} }, spec), [1, 1, 3])
    assert.deepStrictEqual(column(three, { $denseRank: {} }, spec), [1, 1, 2])
  })

  it("look at other rows", () => {
    assert.deepStrictEqual(column(rows, { $shift: { output: "$v", by: -1, default: "none" } }), [
      "none",
      10,
      20,
      30,
      30
    ])
    assert.deepStrictEqual(column(rows, { $shift: { output: "$v", by: 2 } }), [30, 30, 5, null, null])
    assert.deepStrictEqual(column(rows, { $first: "$v" }), [10, 10, 10, 10, 10])
    assert.deepStrictEqual(column(rows, { $last: "$v", window: { documents: [-1, 0] } }), [10, 20, 30, 30, 5])
    assert.deepStrictEqual(column(rows, { $topN: { n: 1, output: "$i", sortBy: { v: -1 } } })[0], [3])
  })

  it("fill in what is missing", () => {
    const gaps = [{ i: 1 }, { i: 2, v: 4 }, { i: 3 }, { i: 4, v: null }, { i: 6, v: 12 }, { i: 7 }]
    assert.deepStrictEqual(column(gaps, { $locf: "$v" }), [null, 4, 4, 4, 12, 12])
    assert.deepStrictEqual(column(gaps, { $linearFill: "$v" }), [null, 4, new Double(6), new Double(8), 12, null])
  })

  it("average with a weight that fades", () => {
    const documents = [8, 4, "x", 2].map((v, i) => ({ i, v }))
    assert.deepStrictEqual(column(documents, { $expMovingAvg: { input: "$v", alpha: 0.5 } }), [
      new Double(8),
      new Double(6),
      new Double(6),
      new Double(4)
    ])
    assert.deepStrictEqual(column(documents, { $expMovingAvg: { input: "$v", N: 3 } })[1], new Double(6))
  })

  it("tell slopes, areas and covariance", () => {
    const documents = [0, 1, 2].map((i) => minute(i, i * 6))
    const spec = { sortBy: { at: 1 } }
    const window = { documents: [-1, 0] }
    assert.deepStrictEqual(column(documents, { $derivative: { input: "$v", unit: "second" }, window }, spec), [
      null,
      0.1,
      0.1
    ])
    assert.deepStrictEqual(
      column(
        documents,
        { $integral: { input: "$v", unit: "minute" }, window: { documents: ["unbounded", "current"] } },
        spec
      ),
      [new Double(0), new Double(3), new Double(12)]
    )
    const pairs = [1, 2, 3].map((i) => ({ i, x: i, y: i * 2 }))
    assert.deepStrictEqual(column(pairs, { $covarianceSamp: ["$x", "$y"] }), [
      new Double(2),
      new Double(2),
      new Double(2)
    ])
    assert.deepStrictEqual(column(pairs, { $covariancePop: ["$x", "$y"], window: { documents: [0, 0] } }), [
      new Double(0),
      new Double(0),
      new Double(0)
    ])
  })

  it("keep the types of numbers", () => {
    const documents = [1, 2].map((i) => ({ i, v: Decimal128.fromString(`${i}.50`) }))
    assert.deepStrictEqual(column(documents, { $sum: "$v" }), [
      Decimal128.fromString("4.00"),
      Decimal128.fromString("4.00")
    ])
  })

  it("write into documents, and into the elements of arrays", () =>
    assert.deepStrictEqual(
      aggregate(
        [{ i: 1, a: [{ x: 1 }], b: { y: 1 } }],
        [{ $setWindowFields: { output: { "a.n": { $count: {} }, "b.n": { $count: {} } } } }]
      ),
      [{ i: 1, a: [{ x: 1, n: 1 }], b: { y: 1, n: 1 } }]
    ))

  it("rejects invalid functions before a document is read", () => {
    const output = (r: unknown) => ({ sortBy: { i: 1 }, output: { r } })
    refuses({ output: { r: { $sum: 1, window: { documents: [0, 1] } } } }, /require a sortBy/)
    refuses({ sortBy: { a: 1, b: 1 }, output: { r: { $rank: {} } } }, /exactly one element/)
    refuses({ sortBy: { a: 1, b: 1 }, output: { r: { $sum: 1, window: { range: [0, 1] } } } }, /single field/)
    refuses({ sortBy: { a: -1 }, output: { r: { $sum: 1, window: { range: [0, 1] } } } }, /ascending/)
    refuses({ sortBy: 5, output: {} }, /wrong type 'int'/)
    refuses({ nope: 1, output: {} }, /unknown field/)
    refuses({ sortBy: { i: 1 } }, /output' is missing/)
    refuses(output(5), /must be an object/)
    refuses(output({ $nope: 1 }), /Unrecognized window function, \$nope/)
    refuses(output({ $sum: 1, window: { documents: [1, 0] } }), /must not exceed/)
    refuses(output({ $sum: 1, window: { documents: [1] } }), /2-element array/)
    refuses(output({ $sum: 1, window: { documents: [0.5, 1] } }), /must be an integer/)
    refuses(output({ $sum: 1, window: { documents: [0, 1], unit: "day" } }), /with range-based bounds/)
    refuses(output({ $sum: 1, window: { range: [0, 1], unit: "fortnight" } }), /unknown time unit/)
    refuses(output({ $rank: { a: 1 } }), /'\{\}' as the value/)
    refuses(output({ $locf: "$v", window: { documents: [0, 1] } }), /not allowed in \$locf/)
    refuses(output({ $shift: { output: "$v", by: "x" } }), /must be an integer/)
    refuses(output({ $shift: { output: "$v", by: 1, default: "$v" } }), /constant value/)
    refuses(output({ $expMovingAvg: { input: "$v", alpha: 2 } }), /between 0 and 1/)
    refuses(output({ $derivative: { input: "$v" } }), /explicit window bounds/)
    refuses(output({ $integral: { input: "$v", unit: "month" } }), /'week' or smaller/)
  })

  it("rejects data without the required values", () => {
    const fails = (documents: Documents, output: Document, message: RegExp, sortBy: Document = { i: 1 }) =>
      assert.match(refusal(() => column(documents, output, { sortBy })).message, message)
    fails([{ i: 1 }, { i: 1 }], { $linearFill: "$v" }, /no repeated values/)
    fails([{ i: 1, v: "x" }], { $linearFill: "$v" }, /numeric or nullish/)
    fails([{ i: "x", v: 1 }], { $sum: "$v", window: { range: [-1, 1] } }, /to be a number, but it was string/)
    fails([{ i: 1, v: 1 }], { $sum: "$v", window: { range: [-1, 1], unit: "day" } }, /to be a Date, but it was int/)
    fails([minute(1, 1)], { $sum: "$v", window: { range: [-1, 1] } }, /a unit must be provided/, { at: 1 })
    const partitionBy = { $literal: [1] }
    assert.match(refusal(() => column([{ i: 1 }], { $sum: 1 }, { partitionBy })).message, /value of type array/)
  })
})

describe("the cost of windows", () => {
  it("grows with the rows alone where a window grows, shrinks or stays", () => {
    const documents = Array.from({ length: 5000 }, (_, i) => ({ i, v: i % 17 }))
    for (const window of [
      ["unbounded", "current"],
      ["current", "unbounded"],
      ["unbounded", "unbounded"]
    ]) {
      within({ steps: 500_000, values: 500_000 }, () => {
        const sums = column(documents, { $sum: "$v", window: { documents: window } })
        assert.strictEqual(sums.length, 5000)
        const expected = documents.reduce((sum, { v }) => sum + v, 0)
        assert.strictEqual(sums[window[0] === "current" ? 0 : 4999], expected)
      })
    }
  })
})
