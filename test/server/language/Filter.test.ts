import { assert, describe, it } from "@effect/vitest"
import { Binary, BSONRegExp, BSONSymbol, Decimal128, Double, Long, MaxKey, MinKey, ObjectId, Timestamp } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import type { Environment } from "../../../src/server/language/Environment.ts"
import { bind, frameOf, scopeOf } from "../../../src/server/language/Expression.ts"
import { compile, type Condition, type FieldCondition } from "../../../src/server/language/Filter.ts"
import * as IndexKeys from "../../../src/server/language/IndexKeys.ts"
import { compare, type Document, equals, rank } from "../../../src/server/language/Value.ts"
import { anyValue, chance, refusal } from "./support.ts"

const regex = (pattern: string, options = "") => new BSONRegExp(pattern, options)
const long = (text: string) => Long.fromString(text)
const decimal = (text: string) => Decimal128.fromString(text)

/** A filter, documents that it accepts, and documents that it does not. */
type Case = readonly [filter: Document, accepted: ReadonlyArray<Document>, others: ReadonlyArray<Document>]

const holds = (cases: ReadonlyArray<Case>) => {
  for (const [filter, accepted, others] of cases) {
    const { matches } = compile(filter)
    for (const document of accepted) assert.isTrue(matches(document), `${text(filter)} accepts ${text(document)}`)
    for (const document of others)
      assert.isFalse(matches(document), `${text(filter)} does not accept ${text(document)}`)
  }
}

const text = (value: unknown) => JSON.stringify(value, (_, inner: unknown) => (inner === undefined ? "(none)" : inner))

describe("equality", () => {
  it("is that of values of all types, numbers of any of the four types alike", () =>
    holds([
      [{}, [{}, { a: 1 }], []],
      [{ a: 1 }, [{ a: 1 }, { a: new Double(1) }, { a: long("1") }, { a: decimal("1.0") }], [{ a: 2 }, {}, { a: "1" }]],
      [{ a: long("9007199254740993") }, [{ a: decimal("9007199254740993") }], [{ a: 2 ** 53 }]],
      [{ a: 0.1 }, [{ a: 0.1 }], [{ a: decimal("0.1") }]],
      [{ a: Number.NaN }, [{ a: Number.NaN }, { a: decimal("NaN") }, { a: [Number.NaN] }], [{ a: 1 }, {}]],
      [{ a: -0 }, [{ a: 0 }], [{ a: null }]],
      [{ a: "x" }, [{ a: "x" }, { a: new BSONSymbol("x") }, { a: ["y", "x"] }], [{ a: "X" }, { a: [["x"]] }]],
      [{ a: true }, [{ a: true }], [{ a: 1 }, { a: "true" }]],
      [{ a: new Date(5) }, [{ a: new Date(5) }], [{ a: 5 }, { a: new Date(6) }]],
      [{ a: new ObjectId("64b7abdecf2160b649ab6085") }, [{ a: new ObjectId("64b7abdecf2160b649ab6085") }], [{ a: 1 }]],
      [{ a: new Binary(new Uint8Array([1])) }, [{ a: new Binary(new Uint8Array([1])) }], [{ a: "AQ==" }]]
    ]))

  it("compares documents by the same fields in the same order", () =>
    holds([
      [
        { a: { x: 1, y: 2 } },
        [{ a: { x: 1, y: 2 } }, { a: [{ x: 1, y: 2 }] }],
        [{ a: { y: 2, x: 1 } }, { a: { x: 1 } }]
      ],
      [{ a: {} }, [{ a: {} }], [{ a: { b: 1 } }, {}]],
      // a document whose first field is not an operator is a value
      [{ a: { y: 23, $lt: 10 } }, [], [{ a: 5 }, { a: { y: 23 } }]],
      [{ "a.$id": 1 }, [{ a: { $ref: "c", $id: 1 } }], [{ a: { $ref: "c", $id: 2 } }]],
      [{ a: { $ref: "c", $id: 1 } }, [{ a: { $ref: "c", $id: 1 } }], [{ a: { $ref: "c", $id: 2 } }]]
    ]))

  it("matches missing values with null, also one element without the field", () =>
    holds([
      [{ a: null }, [{ a: null }, {}, { a: [1, null] }], [{ a: 1 }, { a: [] }, { a: [1] }]],
      [{ "a.b": null }, [{}, { a: 4 }, { a: {} }, { a: { b: null } }, { a: [{ b: 3 }, {}] }], [{ a: { b: 1 } }]],
      [{ "a.b": null }, [], [{ a: [] }, { a: [[]] }, { a: [1, 2] }, { a: [{ b: 1 }] }]],
      [{ "a.b": { $ne: null } }, [{ a: [] }, { a: [{ b: 1 }] }], [{ a: [{ b: 3 }, {}] }, {}]],
      [{ "a.b": { $in: [null, 7] } }, [{ a: [{ b: 1 }, {}] }, { a: { b: 7 } }], [{ a: { b: 1 } }]],
      [{ "a.b": { $nin: [null] } }, [{ a: { b: 1 } }], [{ a: [{ b: 1 }, {}] }]],
      [{ a: { $gte: null } }, [{ a: null }, {}], [{ a: 1 }]],
      [{ a: { $gt: null } }, [], [{ a: null }, {}, { a: 1 }]]
    ]))

  it("reaches no inherited property, and takes __proto__ for the name of a field", () => {
    const proto: Document = {}
    Object.defineProperty(proto, "__proto__", { value: 1, enumerable: true })
    holds([
      [{ constructor: { $exists: true } }, [{ constructor: 1 }], [{}]],
      [{ "a.toString": null }, [{ a: {} }], [{ a: { toString: 1 } }]],
      [JSON.parse('{"__proto__": 1}'), [proto], [{}]]
    ])
  })
})

describe("arrays", () => {
  it("matches an element or the array itself, one level deep", () =>
    holds([
      [{ l: 1 }, [{ l: 1 }, { l: [2, 1] }], [{ l: [[1, 2]] }, { l: [[1]] }]],
      [{ l: [1, 2] }, [{ l: [1, 2] }, { l: [[1, 2]] }], [{ l: [2, 1] }, { l: [[[1, 2]]] }]],
      [{ t: "B" }, [{ t: ["A", "B"] }], [{ t: [["A", "B"], "C"] }]],
      [{ l: { $gt: 1 } }, [{ l: [0, 2] }], [{ l: [[2]] }]],
      [{ l: { $in: [1] } }, [{ l: [1] }], [{ l: [[1]] }]],
      [{ l: { $ne: 1 } }, [{ l: [[1]] }], [{ l: [1, 2] }]],
      [{ l: { $type: "int" } }, [{ l: [1] }], [{ l: [[1]] }]],
      [{ l: { $mod: [2, 1] } }, [{ l: [2, 3] }], [{ l: [[3]] }]],
      [{ l: regex("a") }, [{ l: ["b", "a"] }], [{ l: [["a"]] }]],
      [{ l: { $all: ["a"] } }, [{ l: ["a"] }], [{ l: [["a"]] }]],
      [{ l: [] }, [{ l: [] }, { l: [[]] }], [{ l: [1] }, {}]]
    ]))

  it("on the way of a path are those of documents, and a number is an index as well", () =>
    holds([
      [{ "a.b": 1 }, [{ a: [{ b: 2 }, { b: 1 }] }, { a: [{ b: [1] }] }], [{ a: [[{ b: 1 }]] }]],
      [{ "a.0": 1 }, [{ a: [1, 2] }, { a: { 0: 1 } }, { a: [{ 0: 1 }] }], [{ a: [2, 1] }, { a: [[1]] }]],
      [{ "a.0.b": 1 }, [{ a: [{ b: 1 }] }, { a: [[{ b: 1 }]] }], [{ a: [{ b: 2 }, { b: 1 }] }]],
      [{ "a.0.1": 5 }, [{ a: [[4, 5]] }], [{ a: [[5, 4]] }]],
      [{ "a.01": 1 }, [{ a: { "01": 1 } }], [{ a: [0, 1] }]],
      [{ "a.b.0": 1 }, [{ a: [{ b: [1, 2] }] }], [{ a: [{ b: [2, 1] }] }]]
    ]))

  it("fulfil several conditions by several elements, and those of $elemMatch by one", () =>
    holds([
      [{ l: { $gt: 5, $lt: 2 } }, [{ l: [1, 6] }], [{ l: [3] }]],
      [{ l: { $elemMatch: { $gt: 5, $lt: 8 } } }, [{ l: [1, 6] }], [{ l: [1, 9] }, { l: 6 }, {}]],
      [{ l: { $elemMatch: { a: 1, b: 2 } } }, [{ l: [{ a: 1, b: 2 }] }], [{ l: [{ a: 1 }, { b: 2 }] }]],
      [{ l: { $elemMatch: { $or: [{ a: 1 }, { b: 1 }] } } }, [{ l: [{ b: 1 }] }], [{ l: [{ c: 1 }] }]],
      [{ l: { $elemMatch: { 0: 7 } } }, [{ l: [[7]] }], [{ l: [7] }]],
      [{ l: { $elemMatch: { $elemMatch: { $gt: 5 } } } }, [{ l: [[1, 6]] }], [{ l: [6] }]],
      [{ l: { $elemMatch: { $not: { $gt: 5 } } } }, [{ l: [6, 1] }], [{ l: [6] }, { l: [] }]],
      [{ l: { $elemMatch: { $nin: [1, 2] } } }, [{ l: [1, 3] }], [{ l: [1, 2] }]],
      [{ l: { $elemMatch: {} } }, [{ l: [{}] }, { l: [[]] }], [{ l: [1] }]],
      [{ l: { $elemMatch: { $id: 1 } } }, [{ l: [{ $ref: "c", $id: 1 }] }], [{ l: [{ $ref: "c", $id: 2 }] }]]
    ]))

  it("matches $all of several values, or one element for each of several conditions", () =>
    holds([
      [{ l: { $all: [1, 2] } }, [{ l: [2, 1, 3] }], [{ l: [1] }]],
      [{ l: { $all: [1] } }, [{ l: 1 }], [{ l: 2 }]],
      [{ l: { $all: [] } }, [], [{ l: [] }, { l: 1 }, {}]],
      [{ l: { $all: [[1, 2]] } }, [{ l: [1, 2] }, { l: [[1, 2]] }], [{ l: [1, 3] }]],
      [{ l: { $all: [regex("^a"), "b"] } }, [{ l: ["ax", "b"] }], [{ l: ["ax"] }]],
      [
        { l: { $all: [{ $elemMatch: { a: 1 } }, { $elemMatch: { a: 2 } }] } },
        [{ l: [{ a: 2 }, { a: 1 }] }],
        [{ l: [{ a: 1 }] }]
      ],
      [{ l: { $size: 2 } }, [{ l: [1, 2] }], [{ l: [1] }, { l: 2 }, {}]],
      [{ l: { $size: new Double(0) } }, [{ l: [] }], [{}]]
    ]))
})

describe("order", () => {
  it("is one among values of the same type", () =>
    holds([
      [{ a: { $gt: 1 } }, [{ a: 2 }, { a: 1.5 }, { a: long("2") }, { a: decimal("1.1") }], [{ a: 1 }, { a: "2" }, {}]],
      [{ a: { $lte: decimal("1") } }, [{ a: 1 }, { a: 0.5 }, { a: -Infinity }], [{ a: Number.NaN }, { a: null }]],
      [{ a: { $gt: long("9007199254740992") } }, [{ a: long("9007199254740993") }], [{ a: 2 ** 53 }]],
      [{ a: { $gte: Number.NaN } }, [{ a: Number.NaN }, { a: decimal("NaN") }], [{ a: 1 }]],
      [{ a: { $lt: Number.NaN } }, [], [{ a: Number.NaN }, { a: -1 }]],
      [{ a: { $lt: "b" } }, [{ a: "a" }, { a: "" }, { a: new BSONSymbol("a") }], [{ a: "b" }, { a: 1 }]],
      [{ a: { $gt: "\uFFFD" } }, [{ a: "\u{1F600}" }], [{ a: "a" }]],
      [{ a: { $gte: new Date(5) } }, [{ a: new Date(5) }], [{ a: new Date(4) }, { a: 6 }]],
      [{ a: { $gt: false } }, [{ a: true }], [{ a: 1 }]],
      [{ a: { $gt: { b: 1 } } }, [{ a: { b: 2 } }, { a: { b: 1, c: 1 } }], [{ a: { b: 1 } }]],
      [{ a: { $gt: [1] } }, [{ a: [2] }, { a: [1, 1] }, { a: [[1, 2]] }], [{ a: [0, 5] }, { a: 2 }]],
      [{ a: { $gt: new Timestamp({ t: 1, i: 1 }) } }, [{ a: new Timestamp({ t: 1, i: 2 }) }], [{ a: new Date(5000) }]],
      [{ a: { $gt: new MinKey() } }, [{ a: 1 }, { a: null }, { a: "x" }, {}], [{ a: new MinKey() }]],
      [{ a: { $lte: new MaxKey() } }, [{ a: 1 }, { a: new MaxKey() }], []]
    ]))
})

describe("operators", () => {
  it("accepts values and regular expressions for membership", () =>
    holds([
      [{ a: { $in: [1, "x", null] } }, [{ a: 1 }, { a: long("1") }, { a: "x" }, {}], [{ a: 2 }]],
      [{ a: { $in: [[1, 2], 3] } }, [{ a: [1, 2] }, { a: [3] }], [{ a: [1] }]],
      [{ a: { $in: [regex("^ab"), 5] } }, [{ a: "abc" }, { a: 5 }, { a: regex("^ab") }], [{ a: "b" }]],
      [{ a: { $in: [] } }, [], [{ a: 1 }, {}]],
      [{ a: { $nin: [1, 2] } }, [{ a: 3 }, {}, { a: [3] }], [{ a: [3, 1] }, { a: 2 }]]
    ]))

  it("accepts names, numbers and lists of them for types", () =>
    holds([
      [{ a: { $type: "number" } }, [{ a: 1 }, { a: 1.5 }, { a: long("1") }, { a: decimal("1") }], [{ a: "1" }, {}]],
      [{ a: { $type: "double" } }, [{ a: 1.5 }, { a: new Double(1) }, { a: 2 ** 40 }], [{ a: 1 }, { a: long("1") }]],
      [{ a: { $type: [2, "array"] } }, [{ a: "x" }, { a: [] }], [{ a: 1 }]],
      [{ a: { $type: "array" } }, [{ a: [1] }, { a: [[1]] }], [{ a: 1 }]],
      [{ a: { $type: -1 } }, [{ a: new MinKey() }], [{ a: 1 }]],
      [{ a: { $type: "null" } }, [{ a: null }], [{}]],
      [{ a: { $type: "undefined" } }, [], [{ a: null }, {}]]
    ]))

  it("matches missing values by existence", () =>
    holds([
      [{ a: { $exists: true } }, [{ a: null }, { a: [] }], [{}]],
      [{ a: { $exists: 0 } }, [{}], [{ a: null }]],
      [{ "a.b": { $exists: true } }, [{ a: [{}, { b: 1 }] }], [{ a: [{}] }, { a: 1 }]],
      [{ "a.0": { $exists: true } }, [{ a: [1] }], [{ a: [] }]]
    ]))

  it("negate what is behind them for all values of a field", () =>
    holds([
      [{ a: { $not: { $gt: 5 } } }, [{ a: 5 }, {}, { a: "x" }], [{ a: [1, 6] }]],
      [{ a: { $not: regex("^x") } }, [{ a: "y" }, { a: 1 }], [{ a: ["y", "x"] }]],
      [{ a: { $not: { $gt: 5, $lt: 8 } } }, [{ a: 9 }, { a: 1 }], [{ a: 6 }]],
      [{ $nor: [{ a: 1 }, { b: 1 }] }, [{}, { a: 2 }], [{ a: 1 }, { b: [1] }]],
      [{ $or: [{ a: 1 }, { b: 1 }] }, [{ a: 1 }, { b: 1 }], [{ a: 2 }]],
      [{ $and: [{ a: 1 }, { a: 2 }] }, [{ a: [1, 2] }], [{ a: 1 }]],
      [{ a: 1, $comment: "why" }, [{ a: 1 }], [{ a: 2 }]],
      [{ a: { $eq: 1, $comment: "why" } }, [{ a: 1 }], [{ a: 2 }]]
    ]))

  it("compute remainders of integers of 64 bits, without fractions", () =>
    holds([
      [
        { a: { $mod: [4, 0] } },
        [{ a: 8 }, { a: 8.9 }, { a: long("9223372036854775804") }, { a: decimal("4.5") }],
        [{ a: 6 }]
      ],
      [{ a: { $mod: [4.9, 1] } }, [{ a: 5 }], [{ a: 4 }]],
      [{ a: { $mod: [3, -1] } }, [{ a: -4 }], [{ a: 4 }]],
      [{ a: { $mod: [2, 0] } }, [], [{ a: Number.NaN }, { a: Infinity }, { a: 1e300 }, { a: "2" }, { a: null }]]
    ]))

  it("look at bits of integers and of bytes", () =>
    holds([
      [
        { a: { $bitsAllSet: 6 } },
        [{ a: 7 }, { a: new Double(6) }, { a: long("-1") }],
        [{ a: 4 }, { a: 6.5 }, { a: "6" }]
      ],
      [{ a: { $bitsAnySet: [0, 70] } }, [{ a: 1 }, { a: -2 }], [{ a: 2 }]],
      [{ a: { $bitsAllClear: [1, 3] } }, [{ a: 5 }, { a: decimal("5") }], [{ a: 2 }, { a: 2 ** 64 }]],
      [{ a: { $bitsAnyClear: new Binary(new Uint8Array([3])) } }, [{ a: 1 }], [{ a: 3 }]],
      [
        { a: { $bitsAllSet: [9] } },
        [{ a: new Binary(new Uint8Array([0, 2])) }],
        [{ a: new Binary(new Uint8Array([2])) }]
      ]
    ]))

  it("match regular expressions, and the same ones that are stored", () =>
    holds([
      [
        { a: regex("^ab", "i") },
        [{ a: "ABC" }, { a: new BSONSymbol("abc") }, { a: regex("^ab", "i") }],
        [{ a: "b" }, { a: 1 }]
      ],
      [{ a: { $regex: "b$", $options: "m" } }, [{ a: "b\nc" }], [{ a: "bc" }]],
      [{ a: { $options: "i", $regex: regex("B") } }, [{ a: "b" }], []],
      [{ a: { $regex: "a", $ne: "ab" } }, [{ a: "a" }], [{ a: "ab" }]],
      [{ a: { $eq: regex("a") } }, [{ a: regex("a") }], [{ a: "a" }]]
    ]))
})

describe("expressions in filters", () => {
  const environment: Environment = {
    now: new Date(5),
    random: () => 0,
    objectId: () => new ObjectId(),
    collection: () => [],
    variables: { most: 3 }
  }

  it("compare fields with each other, and with the variables of the operation", () => {
    const filter = compile({ $expr: { $gt: ["$a", "$b"] } })
    assert.isTrue(filter.matches({ a: 2, b: 1 }))
    assert.isFalse(filter.matches({ a: 1, b: 1 }))
    const limited = compile(
      { $or: [{ $expr: { $lt: ["$a", "$$most"] } }, { $expr: { $eq: ["$at", "$$NOW"] } }] },
      { environment }
    )
    assert.isTrue(limited.matches({ a: 2 }))
    assert.isTrue(limited.matches({ a: 4, at: new Date(5) }))
    assert.isFalse(limited.matches({ a: 4 }))
  })

  it("see the variables that are bound where the filter stands", () => {
    const scope = bind(scopeOf(environment), ["least"])
    const { matches } = compile(
      { $expr: { $and: [{ $gte: ["$a", "$$least"] }, { $lt: ["$a", "$$most"] }] } },
      { scope }
    )
    const frame = frameOf(environment, undefined, [2])
    assert.deepStrictEqual(
      [1, 2, 3].map((a) => matches({ a }, frame)),
      [false, true, false]
    )
  })

  it("take a part of all documents by chance, where the environment has it", () => {
    let next = 0
    const { matches } = compile(
      { $sampleRate: 0.5 },
      { environment: { ...environment, random: () => (next += 0.3) % 1 } }
    )
    assert.deepStrictEqual(
      [1, 2, 3, 4].map(() => matches({})),
      [true, false, false, true]
    )
    assert.match(refusal(() => compile({ $sampleRate: 2 })).message, /from 0 to 1/)
    assert.strictEqual(refusal(() => compile({ $sampleRate: 1 }).matches({})).kind, "unsupported")
  })

  it("rejects expressions inside of a document, and unknown variables", () => {
    assert.match(refusal(() => compile({ a: { $elemMatch: { $expr: true } } })).message, /whole document/)
    assert.match(refusal(() => compile({ $expr: "$$nope" })).message, /nope/)
  })
})

describe("the element that matched", () => {
  it("is that of the last condition of an array, and none of what is negated or one of several", () => {
    const cases: ReadonlyArray<readonly [Document, Document, number | undefined]> = [
      [{ l: 5 }, { l: [4, 5] }, 1],
      [{ l: { $gt: 5 } }, { l: [4, 5, 6] }, 2],
      [{ "g.v": 80 }, { g: [{ v: 1 }, { v: 80 }] }, 1],
      [{ "a.b": 2 }, { a: [{ b: [1] }, { b: [0, 2] }] }, 1],
      [{ "a.0.b": 2 }, { a: [{ b: [1, 2] }] }, 1],
      [{ "a.l": 2 }, { a: { l: [1, 2] } }, 1],
      [{ l: { $elemMatch: { $gt: 1 } } }, { l: [1, 2] }, 1],
      [{ "a.l": { $elemMatch: { $gt: 1 } } }, { a: [{ l: [1] }, { l: [1, 1, 2] }] }, 1],
      [{ a: 1, l: 2 }, { a: [0, 0, 1], l: [1, 2] }, 1],
      [{ $and: [{ _id: 1 }, { "a.i": 1 }] }, { _id: 1, a: [{ i: 0 }, { i: 1 }] }, 1],
      [{ l: { $all: [6, 5] } }, { l: [4, 5, 6] }, 1],
      [{ $and: [{ l: 6 }, { l: 4 }] }, { l: [4, 5, 6] }, 0],
      [{ l: { $exists: true } }, { l: [7] }, 0],
      [{ l: [4, 5] }, { l: [4, 5] }, -1],
      [{ l: { $size: 1 } }, { l: [1] }, -1],
      [{ l: { $ne: 1 } }, { l: [2] }, -1],
      [{ $nor: [{ l: 1 }] }, { l: [2] }, -1],
      [{ $or: [{ l: 1 }, { l: { $gt: 1 } }] }, { l: [2] }, -1],
      [{ $or: [{ l: 1 }, { m: 2 }] }, { l: [1], m: [2] }, -1],
      // one of several values of one field
      [{ $or: [{ l: 3 }, { l: { $eq: 2 } }] }, { l: [1, 2] }, 1],
      [{ $or: [{ l: 2 }] }, { l: [1, 2] }, 1],
      [{ l: 1, a: 5 }, { l: [1], a: 4 }, undefined]
    ]
    for (const [filter, document, index] of cases) {
      assert.strictEqual(compile(filter).matchedIndex(document), index, text(filter))
    }
  })
})

describe("wrong filters", () => {
  it("rejects every mistake before a document is read", () => {
    const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
      ["x", /filter must be an object/],
      [{ $foo: 1 }, /unknown top level operator: \$foo/],
      [{ a: { $foo: 1 } }, /unknown operator: \$foo/],
      [{ a: { $gt: 1, b: 1 } }, /unknown operator: b/],
      [{ $and: [] }, /\$and needs a non-empty array/],
      [{ $or: [1] }, /\$or needs objects/],
      [{ $nor: {} }, /\$nor needs/],
      [{ $alwaysTrue: 2 }, /must be 1/],
      [{ a: { $in: 1 } }, /\$in needs an array/],
      [{ a: { $in: [{ $gt: 1 }] } }, /\$in takes values/],
      [{ a: { $ne: regex("a") } }, /\$ne takes no regular expression/],
      [{ a: { $gt: regex("a") } }, /\$gt takes no regular expression/],
      [{ a: { $not: {} } }, /\$not cannot be empty/],
      [{ a: { $not: 1 } }, /\$not needs/],
      [{ a: { $type: [] } }, /at least one type/],
      [{ a: { $type: "text" } }, /unknown type name alias: text/],
      [{ a: { $type: 0 } }, /no type 0/],
      [{ a: { $type: 99 } }, /unknown type number/],
      [{ a: { $mod: [0, 1] } }, /cannot be 0/],
      [{ a: { $mod: [1] } }, /not enough elements/],
      [{ a: { $mod: [1, 2, 3] } }, /too many elements/],
      [{ a: { $mod: ["x", 1] } }, /divisor of \$mod must be a number/],
      [{ a: { $size: -1 } }, /may not be negative/],
      [{ a: { $size: 1.5 } }, /whole number/],
      [{ a: { $size: { $gt: 0 } } }, /whole number/],
      [{ a: { $all: 1 } }, /\$all needs an array/],
      [{ a: { $all: [{ $gt: 1 }] } }, /\$all takes values/],
      [{ a: { $all: [{ $elemMatch: {} }, 1] } }, /\$elemMatch alone/],
      [{ a: { $elemMatch: 1 } }, /\$elemMatch needs an object/],
      [{ a: { $bitsAllSet: -1 } }, /must not be negative/],
      [{ a: { $bitsAllSet: 1.5 } }, /integer of 64 bits/],
      [{ a: { $bitsAnySet: [-1] } }, /positions/],
      [{ a: { $bitsAnySet: "x" } }, /takes an array of positions/],
      [{ a: { $regex: 1 } }, /\$regex has to be/],
      [{ a: { $options: "i" } }, /needs a \$regex/],
      [{ a: { $regex: "a", $options: "q" } }, /invalid flag/],
      [{ a: { $regex: regex("a", "i"), $options: "m" } }, /both/],
      [{ a: { $regex: "(" } }, /Regular expression is invalid/],
      [{ [`a${".a".repeat(200)}`]: 1 }, /more than 200 names/]
    ]
    for (const [filter, message] of cases) {
      const error = refusal(() => compile(filter))
      assert.match(error.message, message)
      assert.strictEqual(error.kind, "invalid", error.message)
    }
  })

  it("rejects unsupported operators of MongoDB by name", () => {
    const cases: ReadonlyArray<readonly [Document, RegExp]> = [
      [{ $where: "true" }, /^\$where is not supported by this server/],
      [{ $text: { $search: "x" } }, /^\$text is not supported/],
      [{ a: { $near: [0, 0] } }, /^\$near is not supported by this server: there are no geospatial queries/],
      [{ a: { $geoWithin: {} } }, /^\$geoWithin is not supported/]
    ]
    for (const [filter, message] of cases) {
      const error = refusal(() => compile(filter))
      assert.match(error.message, message)
      assert.strictEqual(error.kind, "unsupported")
    }
  })
})

/** Whether a value is one that a condition describes. */
const fulfils = (condition: FieldCondition, value: unknown): boolean => {
  if (condition.kind === "in") return condition.values.some((wanted) => equals(wanted, value))
  const compared = compare(value, condition.value)
  return (
    rank(value) === rank(condition.value) &&
    ((condition.operator.startsWith("$g") ? compared > 0 : compared < 0) ||
      (condition.operator.endsWith("e") && compared === 0))
  )
}

describe("what is known of a filter", () => {
  /** Whether an index of each field has a document with a key that a condition describes. */
  const isFound = (condition: Condition, document: Document): boolean =>
    condition.kind === "any"
      ? condition.branches.some((branch) => branch.every((it) => isFound(it, document)))
      : IndexKeys.compile([condition.path], false)(document).keys.some(([value]) => fulfils(condition, value))

  it("yields conditions for indexes that hold for all matching documents", () => {
    const { conditions, paths } = compile({
      a: 1,
      "b.c": { $gte: 2, $lt: 5, $ne: 3 },
      $and: [{ d: { $in: ["x", null] } }, { $or: [{ e: 1 }, { f: 2 }] }],
      g: [1],
      h: regex("a"),
      i: { $all: [1, 2] },
      j: { $gt: null },
      k: { $elemMatch: { x: 1, $or: [{ y: 2 }, { z: { $gt: 3 } }] } },
      l: { $elemMatch: { $gt: 1 } },
      $or: [{ m: 1 }, { $expr: true }]
    })
    assert.deepStrictEqual(conditions, [
      { kind: "in", path: "a", values: [1] },
      { kind: "order", path: "b.c", operator: "$gte", value: 2 },
      { kind: "order", path: "b.c", operator: "$lt", value: 5 },
      { kind: "in", path: "d", values: ["x", null] },
      {
        kind: "any",
        branches: [[{ kind: "in", path: "e", values: [1] }], [{ kind: "in", path: "f", values: [2] }]]
      },
      { kind: "in", path: "i", values: [1] },
      { kind: "in", path: "i", values: [2] },
      { kind: "in", path: "k.x", values: [1] },
      {
        kind: "any",
        branches: [
          [{ kind: "in", path: "k.y", values: [2] }],
          [{ kind: "order", path: "k.z", operator: "$gt", value: 3 }]
        ]
      },
      { kind: "order", path: "l", operator: "$gt", value: 1 }
    ])
    assert.deepStrictEqual([...paths], ["a", "b.c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"])
  })

  it("holds for the keys that an index has of each document that it accepts", () => {
    const random = chance(11)
    const pick = <A>(values: ReadonlyArray<A>) => values[Math.floor(random() * values.length)]
    const scalar = () => anyValue(random, 0) ?? null
    const condition = () =>
      pick([
        scalar(),
        { $in: [scalar(), scalar()] },
        { $gt: scalar() },
        { $lte: scalar(), $exists: true },
        { $all: [scalar()] },
        { $gte: scalar(), $lt: scalar() },
        { $elemMatch: { $gte: scalar() } },
        { $elemMatch: { a: scalar() } }
      ])
    let accepted = 0
    for (let round = 0; round < 4000; round++) {
      const path = pick(["a", "a.b", "b"]) ?? "a"
      const { conditions, matches } = compile({ $or: [{ [path]: condition() }, { $and: [{ b: condition() }] }] })
      const document = { a: anyValue(random, 3) ?? null, b: anyValue(random, 1) ?? null }
      if (!matches(document)) continue
      accepted++
      for (const it of conditions) assert.isTrue(isFound(it, document), text([it, document]))
    }
    assert.isAbove(accepted, 100)
  })

  it("is whether there is a regular expression in it", () => {
    assert.isTrue(compile({ $or: [{ a: { $in: [1, regex("a")] } }] }).usesRegex)
    assert.isTrue(compile({ a: { $not: { $regex: "a" } } }).usesRegex)
    assert.isFalse(compile({ a: { $gt: 1 } }).usesRegex)
  })

  it("is how many steps it takes: those of its parts and of the arrays that it looks into", () => {
    const spent = (filter: Document, document: Document) => {
      const { matches } = compile(filter)
      const budget = { steps: 1_000_000, values: 1_000_000 }
      within(budget, () => matches(document))
      return 1_000_000 - budget.steps
    }
    const list = Array.from({ length: 1000 }, (_, i) => i)
    assert.strictEqual(spent({ a: 1 }, { a: 2 }), 1)
    assert.strictEqual(spent({ l: -1 }, { l: list }), 1001)
    assert.strictEqual(spent({ $or: list.map((i) => ({ a: i })) }, { a: -1 }), 1001)
  })
})
