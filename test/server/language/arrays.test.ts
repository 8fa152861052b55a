import { assert, describe, it } from "@effect/vitest"
import { date, decimal, double, failsFor, gives, literal, long, refusesAtOnce, valueOf } from "./expressionSupport.ts"

describe("arrays", () => {
  it("returns elements from the front and from the end", () =>
    gives([
      [{ $arrayElemAt: ["$l", 1] }, 20, { l: [10, 20, 30] }],
      [{ $arrayElemAt: ["$l", -1] }, 30, { l: [10, 20, 30] }],
      [{ $arrayElemAt: ["$l", 3] }, undefined, { l: [10, 20, 30] }],
      [{ $arrayElemAt: [[1, 2], double(1)] }, 2],
      [{ $first: "$l" }, 10, { l: [10, 20] }],
      [{ $last: [[10, 20]] }, 20],
      [{ $last: literal([]) }, undefined],
      [{ $first: "$missing" }, null],
      [{ $size: "$l" }, 2, { l: [1, 2] }],
      [{ $in: [double(2), [1, 2]] }, true],
      [{ $indexOfArray: [["a", "b", "a"], "a", 1] }, 2],
      [{ $indexOfArray: [["a", "b"], "b", 0, 1] }, -1]
    ]))

  it("slices, joins, reverses and ranges arrays", () =>
    gives([
      [{ $slice: [[1, 2, 3], 2] }, [1, 2]],
      [{ $slice: [[1, 2, 3], -2] }, [2, 3]],
      [{ $slice: [[1, 2, 3], 1, 5] }, [2, 3]],
      [{ $slice: [[1, 2, 3], -5, 2] }, [1, 2]],
      [{ $slice: ["$missing", 1] }, null],
      [{ $slice: [[1], null] }, null],
      [{ $concatArrays: [[1], "$l", [3]] }, [1, 2, 3], { l: [2] }],
      [{ $concatArrays: [[1], null] }, null],
      [{ $reverseArray: [[1, 2, 3]] }, [3, 2, 1]],
      [{ $range: [0, 10, 4] }, [0, 4, 8]],
      [{ $range: [3, 0, -2] }, [3, 1]],
      [{ $range: [3, 0] }, []],
      [{ $zip: { inputs: [[1, 2], ["a"]] } }, [[1, "a"]]],
      [
        { $zip: { inputs: [[1, 2], ["a"]], useLongestLength: true, defaults: [0, "-"] } },
        [
          [1, "a"],
          [2, "-"]
        ]
      ]
    ]))

  it("maps, filters and reduces arrays", () =>
    gives([
      [{ $map: { input: "$l", in: { $multiply: ["$$this", 2] } } }, [2, 4], { l: [1, 2] }],
      [{ $map: { input: "$l", as: "x", in: "$$x.a" } }, [1, null], { l: [{ a: 1 }, {}] }],
      [{ $map: { input: null, in: 1 } }, null],
      [{ $filter: { input: "$l", as: "x", cond: { $gt: ["$$x", 1] } } }, [2, 3], { l: [1, 2, 3] }],
      [{ $filter: { input: "$l", cond: true, limit: 2 } }, [1, 2], { l: [1, 2, 3] }],
      [{ $filter: { input: [1, null], cond: { $ne: ["$$this", null] } } }, [1]],
      [{ $reduce: { input: "$l", initialValue: 0, in: { $add: ["$$value", "$$this"] } } }, 6, { l: [1, 2, 3] }],
      [{ $reduce: { input: null, initialValue: 0, in: 1 } }, null],
      [
        {
          $reduce: {
            input: [[1, 2], [3]],
            initialValue: 0,
            in: {
              $add: ["$$value", { $reduce: { input: "$$this", initialValue: 0, in: { $add: ["$$value", "$$this"] } } }]
            }
          }
        },
        6
      ]
    ]))

  it("sorts arrays by elements or by their fields", () =>
    gives([
      [{ $sortArray: { input: [3, "a", null, 1, { a: 1 }], sortBy: 1 } }, [null, 1, 3, "a", { a: 1 }]],
      [{ $sortArray: { input: [1, 3, 2], sortBy: -1 } }, [3, 2, 1]],
      [
        { $sortArray: { input: "$l", sortBy: { "a.b": -1, c: 1 } } },
        [{ a: { b: 2 } }, { a: { b: 1 }, c: 1 }, { a: { b: 1 }, c: 2 }, 5],
        { l: [{ a: { b: 1 }, c: 2 }, 5, { a: { b: 2 } }, { a: { b: 1 }, c: 1 }] }
      ],
      [{ $firstN: { input: [1, 2, 3], n: 2 } }, [1, 2]],
      [{ $lastN: { input: [1, 2, 3], n: 5 } }, [1, 2, 3]],
      [{ $maxN: { input: [1, null, 3, 2], n: 2 } }, [3, 2]],
      [{ $minN: { input: [2, "a", null, 1], n: 2 } }, [1, 2]]
    ]))

  it("rejects other values than arrays, and positions that are not integers", () => {
    refusesAtOnce([
      [{ $size: null }, /type null/],
      [{ $arrayElemAt: [[1], 1.5] }, /integer of 32 bits/],
      [{ $slice: [[1], 1, 0] }, /above 0/],
      [{ $range: [0, 10, 0] }, /not 0/],
      [{ $range: [0, 1073741824] }, /1073741824 elements/],
      [{ $zip: { inputs: [] } }, /at least one array/],
      [{ $zip: { inputs: [[1]], defaults: [1] } }, /'useLongestLength' is true/],
      [{ $sortArray: { input: [], sortBy: 2 } }, /1 \(ascending\)/],
      [{ $firstN: { input: [1], n: 0 } }, /above 0/]
    ])
    failsFor({ a: 5 }, [
      [{ $in: [1, "$a"] }, /second operand/],
      [{ $map: { input: "$a", in: 1 } }, /'input' that is an array/],
      [{ $filter: { input: [1], cond: 1, limit: { $subtract: ["$a", 5] } } }, /above 0/],
      [{ $concatArrays: ["$a"] }, /type int/]
    ])
  })
})

describe("sets", () => {
  it("contains each value once, by equality across the types of numbers", () =>
    gives([
      [
        {
          $setUnion: [
            [3, "a", 2],
            [double(2), 1]
          ]
        },
        [1, 2, 3, "a"]
      ],
      [{ $setUnion: ["$missing", [1]] }, null],
      [
        {
          $setIntersection: [
            [3, 1, 2, 2, 5],
            [long(2), 4, 3]
          ]
        },
        [long(2), 3]
      ],
      [
        {
          $setIntersection: [
            [3, 2],
            [long(2), 4, 3]
          ]
        },
        [2, 3]
      ],
      [{ $setIntersection: "$x" }, null],
      [{ $setDifference: [[1, 2, 1, 3], [2]] }, [1, 3]],
      [
        {
          $setEquals: [
            [1, 2, 1],
            [2, decimal("1.0")],
            [1, 2]
          ]
        },
        true
      ],
      [{ $setEquals: [[{ a: 1, b: 2 }], [{ b: 2, a: 1 }]] }, false],
      [{ $setIsSubset: [[1], [date("2024-01-01T00:00:00Z"), 1]] }, true],
      [{ $anyElementTrue: [[0, null, "x"]] }, true],
      [{ $allElementsTrue: [[1, [], ""]] }, true],
      [{ $allElementsTrue: literal([[]]) }, true]
    ]))

  it("rejects other values than arrays", () =>
    refusesAtOnce([
      [{ $setEquals: [[1]] }, /2 to/],
      [{ $setEquals: [[1], null] }, /type null/],
      [{ $setIsSubset: [[1], null] }, /second operand/],
      [{ $anyElementTrue: [null] }, /type null/],
      [{ $setUnion: [[1], 2] }, /type int/]
    ]))

  it("share what is in them with the document", () => {
    const inner = { a: [1, { b: 2 }] }
    const [kept] = [valueOf({ $setUnion: ["$l", []] }, { l: [inner] })].flat()
    assert.strictEqual(kept, inner)
  })
})
