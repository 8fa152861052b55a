import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double, Long } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import type { Document } from "../../../src/server/language/Value.ts"
import { aggregate, compilePipeline, updated } from "./operations.ts"
import { refusal } from "./support.ts"

type Documents = ReadonlyArray<Document>

/** Documents that go into a pipeline, and those that come out, with their fields in this order. */
type Case = readonly [documents: Documents, pipeline: Documents, results: Documents]

const holds = (cases: ReadonlyArray<Case>, collections: Record<string, Documents> = {}) => {
  for (const [documents, pipeline, results] of cases) {
    const found = aggregate(documents, pipeline, collections)
    assert.deepStrictEqual(found, results, JSON.stringify(pipeline))
    assert.deepStrictEqual(JSON.stringify(found), JSON.stringify(results), JSON.stringify(pipeline))
  }
}

/** Refused before there is a document: as for an empty collection. */
const refuses = (stage: Document, message: RegExp) =>
  assert.match(refusal(() => compilePipeline([stage])).message, message, JSON.stringify(stage))

const long = (value: number) => Long.fromNumber(value)

describe("$project", () => {
  it("keeps the order of the document, with the _id first and what is computed last", () =>
    holds([
      [[{ _id: 1, a: 1, b: 2 }], [{ $project: { b: 1, a: 1 } }], [{ _id: 1, a: 1, b: 2 }]],
      [[{ _id: 1, a: 1, b: 2 }], [{ $project: { s: { $add: ["$a", "$b"] }, b: 1 } }], [{ _id: 1, b: 2, s: 3 }]],
      [[{ _id: 1, a: 1 }], [{ $project: { a: 1, _id: "$a" } }], [{ _id: 1, a: 1 }]],
      [[{ _id: 1, a: 1, b: 2 }], [{ $project: { _id: 0, a: 0 } }], [{ b: 2 }]],
      [[{ _id: 1, a: 1, b: 2 }], [{ $project: { _id: 0, b: true } }], [{ b: 2 }]],
      [[{ _id: 1, a: 1, b: 2 }], [{ $project: { _id: 0 } }], [{ a: 1, b: 2 }]]
    ]))

  it("goes through arrays, and knows no elements by their numbers", () =>
    holds([
      [
        [{ _id: 1, a: [{ b: 1, c: 2 }, 5, [{ b: 3, c: 4 }]] }],
        [{ $project: { "a.b": 1 } }],
        [{ _id: 1, a: [{ b: 1 }, [{ b: 3 }]] }]
      ],
      [[{ _id: 1, a: [{ b: 1, c: 2 }, 5] }], [{ $project: { a: { b: 0 } } }], [{ _id: 1, a: [{ c: 2 }, 5] }]],
      [[{ _id: 1, a: [7, 8] }], [{ $project: { "a.0": 1 } }], [{ _id: 1, a: [] }]],
      [[{ _id: 1, a: [1, { d: 1 }] }], [{ $project: { a: { c: "x" } } }], [{ _id: 1, a: [{ c: "x" }, { c: "x" }] }]],
      [[{ _id: 1, a: 5 }], [{ $project: { "a.b": 1 } }], [{ _id: 1 }]]
    ]))

  it("is refused where it keeps and takes away, or names a place twice", () => {
    refuses({ $project: {} }, /at least one field/)
    refuses({ $project: { a: 1, b: 0 } }, /Cannot do exclusion on field b in inclusion/)
    refuses({ $project: { a: 1, "a.b": 1 } }, /Path collision at a\.b/)
    refuses({ $project: { a: {} } }, /empty sub-projection/i)
    refuses({ $project: { a: { $nope: 1 } } }, /\$nope/)
    refuses({ $project: { "a..b": 1 } }, /may not be empty/)
    refuses({ $project: { $a: 1 } }, /may not start with '\$'/)
    refuses({ $project: { a: "$$nope" } }, /undefined variable: nope/)
    refuses({ $project: 5 }, /must be an object/)
  })
})

describe("$addFields, $set and $unset", () => {
  it("add to what is there, in every element of an array", () =>
    holds([
      [[{ a: { x: 1 } }], [{ $set: { a: { y: 2 } } }], [{ a: { x: 1, y: 2 } }]],
      [
        [{ a: [{ b: 1 }, { b: 2 }] }],
        [{ $set: { "a.z": 9 } }],
        [
          {
            a: [
              { b: 1, z: 9 },
              { b: 2, z: 9 }
            ]
          }
        ]
      ],
      [[{ a: 5, b: 1 }], [{ $addFields: { "a.y": 2 } }], [{ a: { y: 2 }, b: 1 }]],
      [[{ a: [1, 2] }], [{ $set: { "a.0": "x" } }], [{ a: [{ "0": "x" }, { "0": "x" }] }]],
      [[{ a: 1, b: 2 }], [{ $set: { a: "$b", b: "$a", c: {} } }], [{ a: 2, b: 1, c: {} }]],
      [[{ a: 1, b: 2 }], [{ $set: { a: "$missing", c: "$$REMOVE" } }], [{ b: 2 }]],
      [[{ a: { b: 1, c: 2 }, l: [{ b: 1 }, 3] }], [{ $unset: ["a.b", "l.b"] }], [{ a: { c: 2 }, l: [{}, 3] }]]
    ]))

  it("rejects what is not the name of a field", () => {
    refuses({ $unset: [123] }, /only string values/)
    refuses({ $unset: [] }, /at least one field/)
    refuses({ $unset: "$a" }, /may not start with '\$'/)
    refuses({ $set: 1 }, /must be an object/)
  })
})

describe("$replaceRoot and $replaceWith", () => {
  it("answer with a document of the document", () => {
    holds([
      [[{ _id: 1, a: { b: 2 } }], [{ $replaceRoot: { newRoot: "$a" } }], [{ b: 2 }]],
      [[{ _id: 1, a: { b: 2 } }], [{ $replaceWith: { $mergeObjects: ["$a", { c: 3 }] } }], [{ b: 2, c: 3 }]]
    ])
    assert.match(refusal(() => aggregate([{ a: 5 }], [{ $replaceWith: "$a" }])).message, /must evaluate to an object/)
    refuses({ $replaceRoot: {} }, /newRoot' is missing/)
  })
})

describe("$match, $limit, $skip, $sort, $count", () => {
  it("choose, order and count documents", () =>
    holds([
      [[{ a: 1 }, { a: 2 }, { a: 3 }], [{ $match: { a: { $gt: 1 } } }, { $skip: 1 }], [{ a: 3 }]],
      [[{ a: 2 }, { a: 3 }, { a: 1 }], [{ $sort: { a: -1 } }, { $skip: 1 }, { $limit: 1 }], [{ a: 2 }]],
      [[{ a: 1 }, { a: 2 }], [{ $count: "n" }], [{ n: 2 }]]
    ]))

  it("$count of nothing is nothing, in a facet and in a lookup too", () =>
    holds(
      [
        [[], [{ $count: "n" }], []],
        [[{ a: 1 }], [{ $facet: { total: [{ $match: { a: 2 } }, { $count: "n" }] } }], [{ total: [] }]],
        [
          [{ _id: 1 }],
          [{ $lookup: { from: "none", pipeline: [{ $count: "n" }], as: "found" } }],
          [{ _id: 1, found: [] }]
        ]
      ],
      { none: [] }
    ))

  it("the first ones of an order are the same as those of the whole order, with equal ones in their own", () => {
    const documents = Array.from({ length: 1000 }, (_, i) => ({ _id: i, k: (i * 7919) % 10 }))
    const whole = aggregate(documents, [{ $sort: { k: 1 } }])
    assert.deepStrictEqual(aggregate(documents, [{ $sort: { k: 1 } }, { $limit: 130 }]), whole.slice(0, 130))
    assert.deepStrictEqual(
      aggregate(documents, [{ $sort: { k: 1 } }, { $skip: 50 }, { $limit: 5 }]),
      whole.slice(50, 55)
    )
  })

  it("a limit ends the reading of documents", () => {
    let read = 0
    const documents = function* () {
      for (;;) yield { _id: read++ }
    }
    assert.strictEqual([...compilePipeline([{ $set: { a: 1 } }, { $limit: 3 }]).run(documents())].length, 3)
    assert.isAtMost(read, 4)
  })

  it("rejects other arguments", () => {
    refuses({ $limit: "2" }, /positive integer/)
    refuses({ $limit: 0 }, /positive integer/)
    refuses({ $limit: 1.5 }, /positive integer/)
    refuses({ $skip: -1 }, /non-negative integer/)
    refuses({ $sort: {} }, /at least one sort key/)
    refuses({ $sort: { a: "up" } }, /1 \(ascending\) or -1/)
    refuses({ $count: "" }, /non-empty string/)
    refuses({ $count: "$n" }, /\$-prefixed/)
    refuses({ $count: "a.b" }, /cannot contain '\.'/)
    refuses({ $match: 5 }, /must be an expression in an object/)
    refuses({ $match: { $nope: 1 } }, /\$nope/)
  })
})

describe("$unwind", () => {
  it("makes a document of each element, and looks through no array", () =>
    holds([
      [
        [{ _id: 1, a: ["", null, 2] }],
        [{ $unwind: "$a" }],
        [
          { _id: 1, a: "" },
          { _id: 1, a: null },
          { _id: 1, a: 2 }
        ]
      ],
      [[{ a: 5 }, { a: null }, { a: [] }, {}], [{ $unwind: "$a" }], [{ a: 5 }]],
      [[{ i: [{ s: [1, 2] }] }], [{ $unwind: "$i.s" }], []],
      [[{ i: { s: [1, 2], t: 0 } }], [{ $unwind: "$i.s" }], [{ i: { s: 1, t: 0 } }, { i: { s: 2, t: 0 } }]]
    ]))

  it("keeps what has no element where that is asked for, and numbers the elements", () => {
    const preserveNullAndEmptyArrays = true
    holds([
      [
        [{ a: [], b: 1 }, { a: null }, {}],
        [{ $unwind: { path: "$a", preserveNullAndEmptyArrays } }],
        [{ b: 1 }, { a: null }, {}]
      ],
      [
        [{ a: ["x", "y"] }],
        [{ $unwind: { path: "$a", includeArrayIndex: "i.x" } }],
        [
          { a: "x", i: { x: long(0) } },
          { a: "y", i: { x: long(1) } }
        ]
      ],
      [[{ a: 7 }], [{ $unwind: { path: "$a", includeArrayIndex: "i" } }], [{ a: 7, i: null }]]
    ])
  })

  it("is refused without a path", () => {
    refuses({ $unwind: "a" }, /prefixed with a '\$'/)
    refuses({ $unwind: "" }, /no path specified/)
    refuses({ $unwind: { path: "$a", nope: 1 } }, /unrecognized option to \$unwind stage: nope/)
    refuses({ $unwind: { path: "$a", includeArrayIndex: "" } }, /non-empty string/)
    refuses({ $unwind: { path: "$a", includeArrayIndex: "$i" } }, /should not be prefixed/)
  })
})

describe("$redact", () => {
  it("decides for each document inside of a document", () => {
    const documents = [{ _id: 1, level: 1, a: { level: 5, x: 1 }, l: [{ level: 1 }, { level: 9 }, 3] }]
    const pipeline = [{ $redact: { $cond: [{ $lte: ["$level", 3] }, "$$DESCEND", "$$PRUNE"] } }]
    holds([[documents, pipeline, [{ _id: 1, level: 1, l: [{ level: 1 }, 3] }]]])
    holds([[documents, [{ $redact: "$$KEEP" }], documents]])
    refuses({ $redact: true }, /aside from the variables/)
    refuses({ $set: { a: "$$PRUNE" } }, /undefined variable: PRUNE/)
  })
})

describe("$facet, $unionWith, $documents", () => {
  it("bring several pipelines together", () =>
    holds(
      [
        [
          [{ a: 1 }, { a: 2 }],
          [{ $facet: { all: [], big: [{ $match: { a: 2 } }] } }],
          [{ all: [{ a: 1 }, { a: 2 }], big: [{ a: 2 }] }]
        ],
        [[{ a: 1 }], [{ $unionWith: "other" }], [{ a: 1 }, { b: 1 }, { b: 2 }]],
        [[{ a: 1 }], [{ $unionWith: { coll: "other", pipeline: [{ $match: { b: 2 } }] } }], [{ a: 1 }, { b: 2 }]],
        [[{ a: 1 }], [{ $unionWith: { pipeline: [{ $documents: [{ c: 1 }] }] } }], [{ a: 1 }, { c: 1 }]],
        [[], [{ $documents: [{ x: 1 }, { x: 2 }] }, { $match: { x: 2 } }], [{ x: 2 }]]
      ],
      { other: [{ b: 1 }, { b: 2 }] }
    ))

  it("rejects invalid positions", () => {
    refuses({ $facet: { a: [{ $facet: { b: [] } }] } }, /\$facet is not allowed to be used within a \$facet/)
    refuses({ $facet: { a: [{ $out: "x" }] } }, /\$out is not allowed to be used within a \$facet/)
    refuses({ $facet: { a: 5 } }, /must be arrays/)
    refuses({ $facet: {} }, /non-empty object/)
    refuses({ $lookup: { from: "x", as: "y", pipeline: [{ $merge: "z" }] } }, /\$merge is not allowed/)
    const pipelines: ReadonlyArray<readonly [unknown, RegExp]> = [
      [[{ $limit: 1 }, { $documents: [] }], /only valid as the first stage/],
      [[{ $out: "x" }, { $limit: 1 }], /only be the final stage/],
      [[{ $limit: 1, $skip: 1 }], /exactly one field/],
      [[{ $nope: 1 }], /Unrecognized pipeline stage name: '\$nope'/],
      [[{ $geoNear: {} }], /\$geoNear is not supported by this server/],
      [5, /array of stages/]
    ]
    for (const [pipeline, message] of pipelines) assert.match(refusal(() => compilePipeline(pipeline)).message, message)
  })
})

describe("$bucket and $bucketAuto", () => {
  const documents = [1, 5, 10, 15, 20, 25].map((v) => ({ v }))

  it("group by boundaries, in their order", () =>
    holds([
      [
        documents,
        [{ $bucket: { groupBy: "$v", boundaries: [0, 10, 20], default: null } }],
        [
          { _id: null, count: 2 },
          { _id: 0, count: 2 },
          { _id: 10, count: 2 }
        ]
      ],
      [
        documents,
        [{ $bucket: { groupBy: "$v", boundaries: [0, 100], output: { most: { $max: "$v" } } } }],
        [{ _id: 0, most: 25 }]
      ],
      [
        documents,
        [{ $bucketAuto: { groupBy: "$v", buckets: 4 } }],
        [
          { _id: { min: 1, max: 10 }, count: 2 },
          { _id: { min: 10, max: 20 }, count: 2 },
          { _id: { min: 20, max: 25 }, count: 2 }
        ]
      ],
      [
        documents,
        [{ $bucketAuto: { groupBy: "$v", buckets: 2, granularity: "POWERSOF2" } }],
        [
          { _id: { min: 0.5, max: new Double(16) }, count: 4 },
          { _id: { min: new Double(16), max: new Double(32) }, count: 2 }
        ]
      ],
      [
        [{ v: 1 }, { v: 1 }, { v: 1 }, { v: 2 }],
        [{ $bucketAuto: { groupBy: "$v", buckets: 4, output: { n: { $sum: 1 } } } }],
        [
          { _id: { min: 1, max: 2 }, n: 3 },
          { _id: { min: 2, max: 2 }, n: 1 }
        ]
      ]
    ]))

  it("round boundaries to the numbers of a series", () => {
    const of = (granularity: string) =>
      aggregate([{ v: 12 }, { v: 37 }, { v: 451 }], [{ $bucketAuto: { groupBy: "$v", buckets: 3, granularity } }]).map(
        ({ _id: id }) => [Number((id as Document)["min"]), Number((id as Document)["max"])]
      )
    assert.deepStrictEqual(of("1-2-5"), [
      [10, 20],
      [20, 50],
      [50, 500]
    ])
    assert.deepStrictEqual(of("E24"), [
      [11, 13],
      [13, 39],
      [39, 470]
    ])
  })

  it("rejects boundaries that do not ascend", () => {
    const groupBy = "$v"
    refuses({ $bucket: { groupBy, boundaries: [1] } }, /at least 2 values/)
    refuses({ $bucket: { groupBy, boundaries: [1, 1] } }, /ascending order/)
    refuses({ $bucket: { groupBy, boundaries: [1, "a"] } }, /must have the same type/)
    refuses({ $bucket: { groupBy, boundaries: [1, 2], default: 1 } }, /less than the lowest boundary/)
    refuses({ $bucket: { groupBy, boundaries: [1, 2], output: "a" } }, /'output' field must be an object/)
    refuses({ $bucket: { groupBy: 5, boundaries: [1, 2] } }, /'groupBy' field/)
    refuses({ $bucketAuto: { groupBy, buckets: 0 } }, /greater than 0/)
    refuses({ $bucketAuto: { groupBy, buckets: 2, granularity: "R7" } }, /Unknown rounding granularity 'R7'/)
    assert.match(
      refusal(() => aggregate([{ v: 9 }], [{ $bucket: { groupBy, boundaries: [1, 2] } }])).message,
      /no default was specified/
    )
  })
})

describe("$sample", () => {
  it("takes so many documents, each once", () => {
    const documents = Array.from({ length: 20 }, (_, i) => ({ _id: i }))
    const found = aggregate(documents, [{ $sample: { size: 5 } }])
    assert.strictEqual(new Set(found.map((it) => it["_id"])).size, 5)
    assert.strictEqual(aggregate(documents, [{ $sample: { size: 100 } }]).length, 20)
    refuses({ $sample: { size: "x" } }, /must be a number/)
  })
})

describe("$densify and $fill", () => {
  it("make documents for the gaps of a sequence", () => {
    const day = (d: number) => new Date(Date.UTC(2024, 0, d))
    holds([
      [
        [{ v: 1 }, { v: 4 }],
        [{ $densify: { field: "v", range: { bounds: "full", step: 1 } } }],
        [{ v: 1 }, { v: 2 }, { v: 3 }, { v: 4 }]
      ],
      [
        [{ v: 2 }, { v: 2.5 }],
        [{ $densify: { field: "v", range: { bounds: [1, 4], step: 1 } } }],
        [{ v: 1 }, { v: 2 }, { v: 2.5 }, { v: 3 }]
      ],
      [
        [
          { k: "a", v: 1 },
          { k: "b", v: 5 },
          { k: "a", v: 3 }
        ],
        [{ $densify: { field: "v", partitionByFields: ["k"], range: { bounds: "partition", step: 1 } } }],
        [
          { k: "a", v: 1 },
          { k: "a", v: 2 },
          { k: "a", v: 3 },
          { k: "b", v: 5 }
        ]
      ],
      [
        [{ at: day(1) }, { at: day(3) }],
        [{ $densify: { field: "at", range: { bounds: "full", step: 1, unit: "day" } } }],
        [{ at: day(1) }, { at: day(2) }, { at: day(3) }]
      ],
      [
        [{ at: new Date(Date.UTC(2024, 0, 31)) }],
        [
          {
            $densify: {
              field: "at",
              range: {
                bounds: [new Date(Date.UTC(2024, 0, 31)), new Date(Date.UTC(2024, 3, 1))],
                step: 1,
                unit: "month"
              }
            }
          }
        ],
        [
          { at: new Date(Date.UTC(2024, 0, 31)) },
          { at: new Date(Date.UTC(2024, 1, 29)) },
          { at: new Date(Date.UTC(2024, 2, 29)) }
        ]
      ]
    ])
  })

  it("fill in values, the last one or those of a line", () =>
    holds([
      [[{ v: null }, { v: 1 }, {}], [{ $fill: { output: { v: { value: 0 } } } }], [{ v: 0 }, { v: 1 }, { v: 0 }]],
      [
        [{ i: 1, v: 5 }, { i: 2 }, { i: 3, v: null }],
        [{ $fill: { sortBy: { i: 1 }, output: { v: { method: "locf" } } } }],
        [
          { i: 1, v: 5 },
          { i: 2, v: 5 },
          { i: 3, v: 5 }
        ]
      ],
      [
        [{ i: 1, v: 10 }, { i: 2 }, { i: 5, v: 30 }],
        [{ $fill: { sortBy: { i: 1 }, output: { v: { method: "linear" } } } }],
        [
          { i: 1, v: 10 },
          { i: 2, v: new Double(15) },
          { i: 5, v: 30 }
        ]
      ]
    ]))

  it("rejects invalid steps and bounds", () => {
    const of = (range: Document) => ({ $densify: { field: "v", range } })
    refuses(of({ bounds: "full", step: 0 }), /strictly positive/)
    refuses(of({ bounds: [1, 2], step: new Double(1) }), /same type/)
    refuses(of({ bounds: [2, 1], step: 1 }), /ascending order/)
    refuses(of({ bounds: "partition", step: 1 }), /partitionByFields/)
    refuses(of({ bounds: [1, 2], step: 1, unit: "Hour" }), /unknown time unit/)
    refuses({ $fill: { output: { v: { method: "cubic" } } } }, /'linear' or 'locf'/)
    refuses({ $fill: { output: { v: { method: "linear" } } } }, /sortBy/)
    refuses({ $fill: { output: {} } }, /non-empty object/)
    assert.match(
      refusal(() => aggregate([{ v: 0 }, { v: 1e9 }], [of({ bounds: "full", step: 1 })])).message,
      /over the limit of 500000/
    )
  })
})

describe("the budget of a pipeline", () => {
  it("stops one that takes too many steps", () => {
    const pipeline = [
      { $unwind: "$l" },
      { $lookup: { from: "o", pipeline: [{ $unwind: "$l" }], as: "x" } },
      { $unwind: "$x" }
    ]
    const big = [{ l: Array.from({ length: 2000 }, (_, i) => i) }]
    const error = refusal(() => within({ steps: 1e6, values: 1e6 }, () => aggregate(big, pipeline, { o: big })))
    assert.strictEqual(error.kind, "limit")
  })
})

describe("numbers in stages", () => {
  it("keep their types", () =>
    holds([
      [
        [{ d: Decimal128.fromString("1.10"), l: long(5) }],
        [{ $project: { d: 1, s: { $add: ["$l", 1] } } }],
        [{ d: Decimal128.fromString("1.10"), s: long(6) }]
      ]
    ]))
})

describe("values that are nested too deeply", () => {
  const nested = (levels: number) => ({
    $set: { x: { $reduce: { input: { $range: [0, levels] }, initialValue: null, in: { a: "$$value" } } } }
  })

  it("rejects any depth beyond the limit", () => {
    for (const levels of [300, 30_000]) {
      for (const pipeline of [[nested(levels)], [nested(levels), { $sort: { x: 1 } }]]) {
        const run = () => within({ steps: 1e9, values: 1e9 }, () => aggregate([{ _id: 1 }, { _id: 2 }], pipeline))
        assert.match(refusal(run).message, /nested more than 200 levels|nests values too deeply/)
      }
    }
    assert.strictEqual(aggregate([{ _id: 1 }], [nested(150)]).length, 1)
  })

  it("rejects them in updates", () => {
    assert.match(refusal(() => updated({ _id: 1 }, [nested(300)])).message, /nested more than 200 levels/)
    const path = Array.from({ length: 101 }, () => "a").join(".")
    assert.match(refusal(() => updated({ _id: 1 }, { $set: { [path]: 1 } })).message, /more than 100 parts/)
  })
})
