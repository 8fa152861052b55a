import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import * as Filter from "../../../src/server/language/Filter.ts"
import { compile } from "../../../src/server/language/Projection.ts"
import type { Document } from "../../../src/server/language/Value.ts"
import { refusal } from "./support.ts"

/** A projection, a document, and what is given of it: to the order of its fields. */
type Case = readonly [projection: Document, document: Document, given: Document]

const gives = (cases: ReadonlyArray<Case>) => {
  for (const [projection, document, given] of cases) {
    const made = compile(projection).apply(document)
    assert.deepStrictEqual(made, given, JSON.stringify(projection))
    assert.strictEqual(JSON.stringify(made), JSON.stringify(given))
  }
}

describe("projections", () => {
  it("include fields in the order of the document, with _id unless it is excluded", () =>
    gives([
      [{}, { _id: 1, a: 1 }, { _id: 1, a: 1 }],
      [
        { c: 1, a: true },
        { _id: 1, a: 1, b: 2, c: 3 },
        { _id: 1, a: 1, c: 3 }
      ],
      [{ a: 1, _id: 0 }, { _id: 1, a: 1, b: 2 }, { a: 1 }],
      [
        { a: 1, _id: 1 },
        { _id: 1, a: 1, b: 2 },
        { _id: 1, a: 1 }
      ],
      [{ _id: 1 }, { _id: 1, a: 1 }, { _id: 1 }],
      [{ a: 0.5 }, { _id: 1, a: 1, b: 1 }, { _id: 1, a: 1 }],
      [{ x: 1 }, { _id: 1, a: 1 }, { _id: 1 }]
    ]))

  it("exclude fields", () =>
    gives([
      [{ a: 0 }, { _id: 1, a: 1, b: 2 }, { _id: 1, b: 2 }],
      [{ _id: 0 }, { _id: 1, a: 1 }, { a: 1 }],
      [
        { _id: 1, a: 0 },
        { _id: 1, a: 1, b: 2 },
        { _id: 1, b: 2 }
      ],
      [{ "a.b": false }, { _id: 1, a: [{ b: 1, c: 2 }, 5, [{ b: 1 }]] }, { _id: 1, a: [{ c: 2 }, 5, [{}]] }]
    ]))

  it("go through arrays, and take a number for the name of a field", () =>
    gives([
      [{ "a.b": 1 }, { _id: 1, a: [{ b: 1, c: 2 }, 5, {}, [{ b: 2 }]] }, { _id: 1, a: [{ b: 1 }, {}, [{ b: 2 }]] }],
      [{ "a.b": 1 }, { _id: 1, a: 5 }, { _id: 1 }],
      [{ "_id.a": 1 }, { _id: { a: 1, b: 2 }, c: 1 }, { _id: { a: 1 } }],
      [{ a: { c: 1, b: 1 } }, { _id: 1, a: { b: 1, c: 2, d: 3 } }, { _id: 1, a: { b: 1, c: 2 } }],
      [{ "values.0": 1 }, { _id: 1, values: [1, { x: 2 }] }, { _id: 1, values: [{}] }],
      [{ "values.0.x": 1 }, { _id: 1, values: [{ 0: { x: 2, y: 3 } }] }, { _id: 1, values: [{ 0: { x: 2 } }] }]
    ]))

  it("compute fields behind those that are included, and in their place where they are there", () =>
    gives([
      [
        { b: { $add: ["$a", 1] }, a: 1 },
        { _id: 1, a: 1 },
        { _id: 1, a: 1, b: 2 }
      ],
      [{ b: "$a" }, { _id: 1, a: 5 }, { _id: 1, b: 5 }],
      [
        { b: "$nope", a: 1 },
        { _id: 1, a: 5, b: 6 },
        { _id: 1, a: 5 }
      ],
      [{ "a.b": { $literal: 1 } }, { _id: 1, a: { c: 2 } }, { _id: 1, a: { b: 1 } }],
      [{ _id: 0, a: "text" }, { _id: 1 }, { a: "text" }],
      [
        { a: 1, _id: "$b" },
        { _id: 1, a: 1, b: 2 },
        { _id: 2, a: 1 }
      ]
    ]))

  it("take parts of arrays by $slice, and leave all other fields unless some are included", () =>
    gives([
      [{ l: { $slice: 2 } }, { _id: 1, a: 5, l: [1, 2, 3] }, { _id: 1, a: 5, l: [1, 2] }],
      [{ l: { $slice: -1 } }, { _id: 1, l: [1, 2, 3] }, { _id: 1, l: [3] }],
      [{ l: { $slice: [1, 1] } }, { _id: 1, l: [1, 2, 3] }, { _id: 1, l: [2] }],
      [{ l: { $slice: [-2, 1] } }, { _id: 1, l: [1, 2, 3] }, { _id: 1, l: [2] }],
      [{ l: { $slice: [-9, 1] } }, { _id: 1, l: [1, 2] }, { _id: 1, l: [1] }],
      [{ l: { $slice: 0 } }, { _id: 1, l: [1] }, { _id: 1, l: [] }],
      [{ l: { $slice: 1 } }, { _id: 1, l: 5 }, { _id: 1, l: 5 }],
      [
        { _id: 1, l: { $slice: -1 } },
        { _id: 1, a: 5, l: [1, 2] },
        { _id: 1, l: [2] }
      ],
      [
        { a: 1, l: { $slice: 1 } },
        { _id: 1, l: [1, 2], a: 5, b: 6 },
        { _id: 1, l: [1], a: 5 }
      ],
      [
        { b: 0, l: { $slice: 1 } },
        { _id: 1, l: [1, 2], b: 6 },
        { _id: 1, l: [1] }
      ],
      [{ "a.l": { $slice: 1 } }, { _id: 1, a: [{ l: [1, 2], x: 1 }, 5] }, { _id: 1, a: [{ l: [1], x: 1 }, 5] }],
      [{ l: { $slice: ["$l", 1, 1] } }, { _id: 1, a: 5, l: [1, 2] }, { _id: 1, l: [2] }]
    ]))

  it("take the first element that $elemMatch accepts, behind the included fields", () =>
    gives([
      [
        { l: { $elemMatch: { a: { $gt: 1 } } } },
        { _id: 1, x: 1, l: [{ a: 1 }, { a: 2 }, { a: 3 }] },
        { _id: 1, l: [{ a: 2 }] }
      ],
      [
        { l: { $elemMatch: { $gt: 1 } }, x: 1 },
        { _id: 1, l: [1, 2], x: 1 },
        { _id: 1, x: 1, l: [2] }
      ],
      [{ l: { $elemMatch: { a: 9 } } }, { _id: 1, l: [{ a: 1 }] }, { _id: 1 }],
      [{ l: { $elemMatch: { a: 1 } } }, { _id: 1, l: 5 }, { _id: 1 }],
      [
        { l: { $elemMatch: { $gt: 1 } }, x: 0 },
        { _id: 1, l: [1, 2], x: 1, y: 1 },
        { _id: 1, l: [2], y: 1 }
      ]
    ]))

  it("take the element by which the filter matched", () => {
    const cases: ReadonlyArray<readonly [Document, Document, Document, Document]> = [
      [{ l: { $gt: 1 } }, { "l.$": 1 }, { _id: 1, l: [1, 2, 3], x: 1 }, { _id: 1, l: [2] }],
      [{ "l.a": 2 }, { "l.$": 1, x: 1 }, { _id: 1, l: [{ a: 1 }, { a: 2 }], x: 1 }, { _id: 1, l: [{ a: 2 }], x: 1 }],
      [{ "a.l": 2 }, { "a.l.$": 1 }, { _id: 1, a: { l: [1, 2], b: 1 } }, { _id: 1, a: { l: [2] } }],
      [{ l: 5 }, { "l.$": 1 }, { _id: 1, l: 5 }, { _id: 1, l: 5 }],
      [{ l: 2 }, { "m.$": 1 }, { _id: 1, l: [1, 2], m: [3, 4] }, { _id: 1, m: [4] }],
      [{ l: 2 }, { "m.n.$": 1 }, { _id: 1, l: [1, 2], m: { n: [3, 4], o: 1 } }, { _id: 1, m: { n: [4] } }],
      [{ l: 2 }, { "m.n.$": 1 }, { _id: 1, l: [1, 2], m: [{ n: 3, o: 1 }, { n: [4] }] }, { _id: 1, m: [{ n: [4] }] }],
      [{ l: 2 }, { "m.$": 1, n: { $slice: 1 } }, { _id: 1, l: 2, n: [1, 2] }, { _id: 1, n: [1] }]
    ]
    for (const [filter, projection, document, given] of cases) {
      assert.deepStrictEqual(compile(projection, { filter: Filter.compile(filter) }).apply(document), given)
    }
    const noElement = compile({ "l.$": 1 }, { filter: Filter.compile({ l: { $size: 1 } }) })
    assert.match(refusal(() => noElement.apply({ _id: 1, l: [1] })).message, /no element that matched/)
  })

  it("share what they do not change", () => {
    const inner = { b: 1 }
    const document = Object.freeze({ _id: 1, a: inner, c: [inner] })
    assert.strictEqual(compile({ a: 1 }).apply(document)["a"], inner)
    assert.strictEqual(compile({}).apply(document), document)
  })

  it("see the variables and the time of the operation", () => {
    const environment = {
      now: new Date(5),
      random: () => 0,
      objectId: () => new ObjectId(),
      collection: () => [],
      variables: { v: 7 }
    }
    assert.deepStrictEqual(compile({ at: "$$NOW", v: "$$v" }, { environment }).apply({ _id: 1 }), {
      _id: 1,
      at: new Date(5),
      v: 7
    })
  })

  it("rejects invalid projections before a document is read", () => {
    const filter = Filter.compile({ other: 1 })
    const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
      ["a", /must be an object/],
      [{ a: 1, b: 0 }, /cannot be excluded/],
      [{ a: 0, b: "$c" }, /cannot be excluded/],
      [{ "a.": 1 }, /'a\.'/],
      [{ "a..b": 1 }, /'a\.\.b'/],
      [{ "": 1 }, /empty/],
      [{ $a: 1 }, /\$/],
      [{ a: 1, "a.b": 1 }, /collision/],
      [{ a: {} }, /empty object/],
      [{ a: { $foo: 1 } }, /\$foo/],
      [{ a: { $slice: "x" } }, /\$slice takes/],
      [{ a: { $slice: [1, 0] } }, /must be positive/],
      [{ a: { $elemMatch: 1 } }, /\$elemMatch takes an object/],
      [{ "a.b": { $elemMatch: {} } }, /nested field/],
      [{ "a.$": 0 }, /takes 1 or true/],
      [{ "a.$.b": 1 }, /ends its path/],
      [{ "a.$": 1, "b.$": 1 }, /at most one positional/],
      [{ "a.$": 1, b: { $elemMatch: { x: 1 } } }, /and not both/]
    ]
    for (const [projection, message] of cases) {
      const error = refusal(() => compile(projection, { filter }))
      assert.match(error.message, message)
      assert.strictEqual(error.kind, "invalid", error.message)
    }
    assert.match(refusal(() => compile({ "a.$": 1 })).message, /needs a filter/)
    assert.match(refusal(() => compile({ a: { $meta: "textScore" } })).message, /not supported/)
  })
})
