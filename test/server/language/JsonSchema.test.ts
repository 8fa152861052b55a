import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double, Long, ObjectId } from "bson"
import { compile as compileFilter } from "../../../src/server/language/Filter.ts"
import { compile } from "../../../src/server/language/JsonSchema.ts"
import type { Document } from "../../../src/server/language/Value.ts"
import { refusal } from "./support.ts"

/** A schema of the field `a`, values that it accepts, and values that it does not. */
type Case = readonly [schema: Document, accepted: ReadonlyArray<unknown>, others: ReadonlyArray<unknown>]

const holds = (cases: ReadonlyArray<Case>) => {
  for (const [schema, accepted, others] of cases) {
    const { violation } = compile({ properties: { a: schema } })
    for (const a of accepted) assert.isUndefined(violation({ a }), JSON.stringify([schema, a]))
    for (const a of others) assert.strictEqual(violation({ a })?.path[0], "a", JSON.stringify([schema, a]))
  }
}

describe("schemas of documents", () => {
  it("ask for types by the names of JSON and of BSON", () =>
    holds([
      [{ type: "number" }, [1, 1.5, Long.fromNumber(1), Decimal128.fromString("1")], ["1", null]],
      [{ type: ["string", "null"] }, ["a", null], [1, {}]],
      [{ type: "boolean" }, [true], [0]],
      [{ bsonType: "int" }, [1], [new Double(1), Long.fromNumber(1), 1.5]],
      [{ bsonType: ["objectId", "date"] }, [new ObjectId(), new Date(0)], ["x"]],
      [{ bsonType: "object" }, [{}], [[]]],
      [{ bsonType: "array" }, [[]], [{}]]
    ]))

  it("bound numbers and strings, and let other values pass", () =>
    holds([
      [{ minimum: 2 }, [2, 3, Long.fromNumber(2), "1"], [1, 1.9]],
      [{ minimum: 2, exclusiveMinimum: true }, [3], [2]],
      [{ maximum: 2, exclusiveMaximum: false }, [2], [3]],
      [{ maximum: Decimal128.fromString("0.5") }, [0.5], [0.6]],
      [{ multipleOf: 0.1 }, [0.3, 1, Decimal128.fromString("0.2"), null], [0.25, Number.NaN]],
      [{ minLength: 2 }, ["ab", "a\u{1F600}", 1], ["\u{1F600}"]],
      [{ maxLength: 1 }, ["\u{1F600}", ""], ["ab"]],
      [{ pattern: "^a.+" }, ["ab", 5], ["a", "ba"]]
    ]))

  it("bound arrays", () =>
    holds([
      [{ minItems: 1, maxItems: 2 }, [[1], [1, 2], "x"], [[], [1, 2, 3]]],
      [
        { uniqueItems: true },
        [
          [1, 2],
          [{ x: 1 }, { x: 2 }]
        ],
        [
          [1, Long.fromNumber(1)],
          [
            { x: 1, y: 2 },
            { y: 2, x: 1 }
          ]
        ]
      ],
      [{ uniqueItems: false }, [[1, 1]], []],
      [{ items: { bsonType: "int" } }, [[1, 2], [], {}], [[1, "a"]]],
      [{ items: [{ bsonType: "int" }, { bsonType: "string" }] }, [[1, "a", true], [1]], [["a"]]],
      [{ items: [{ bsonType: "int" }], additionalItems: false }, [[1]], [[1, 2]]],
      [{ items: [{ bsonType: "int" }], additionalItems: { bsonType: "string" } }, [[1, "a"]], [[1, 2]]],
      [{ items: { bsonType: "int" }, additionalItems: false }, [[1, 2]], []]
    ]))

  it("bound documents", () =>
    holds([
      [{ required: ["x", "y"] }, [{ x: null, y: 1 }, 5], [{ x: 1 }]],
      [{ properties: { x: { bsonType: "int" } } }, [{}, { x: 1 }], [{ x: "1" }]],
      [{ minProperties: 1, maxProperties: 1 }, [{ x: 1 }], [{}, { x: 1, y: 1 }]],
      [
        { additionalProperties: false, properties: { x: {} }, patternProperties: { "^s_": {} } },
        [{ x: 1, s_a: 1 }],
        [{ y: 1 }]
      ],
      [{ additionalProperties: { bsonType: "int" } }, [{ y: 1 }], [{ y: "a" }]],
      [{ patternProperties: { "^s_": { bsonType: "string" } } }, [{ s_a: "a", x: 1 }], [{ s_a: 1 }]],
      [{ dependencies: { x: ["y"] } }, [{}, { y: 1 }, { x: 1, y: 1 }], [{ x: 1 }]],
      [{ dependencies: { x: { required: ["z"] } } }, [{}, { x: 1, z: 1 }], [{ x: 1 }]]
    ]))

  it("combines schemas", () =>
    holds([
      [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, [1, 2], [3]],
      [{ anyOf: [{ bsonType: "int" }, { minLength: 2 }] }, [1, "ab"], ["a"]],
      [{ oneOf: [{ minimum: 1 }, { maximum: 2 }] }, [0, 3], [1]],
      [{ not: { bsonType: "int" } }, ["a"], [1]],
      [{ enum: [1, "a", { x: 1, y: 2 }] }, [1, Long.fromNumber(1), "a", { y: 2, x: 1 }], [2, { x: 1 }]]
    ]))

  it("say where a document violates them, and how", () => {
    const { violation, violations } = compile({
      title: "orders",
      bsonType: "object",
      required: ["lines"],
      properties: { lines: { bsonType: "array", items: { required: ["n"], properties: { n: { minimum: 1 } } } } }
    })
    assert.isUndefined(violation({ lines: [{ n: 1 }] }))
    assert.deepStrictEqual(violation({}), {
      path: ["lines"],
      keyword: "required",
      argument: ["lines"],
      expected: "a value"
    })
    assert.deepStrictEqual(violation({ lines: [{ n: 1 }, { n: 0 }] }), {
      path: ["lines", 1, "n"],
      keyword: "minimum",
      argument: 1,
      expected: "a number that is at least 1"
    })
    assert.deepStrictEqual(
      Array.from(violations({ lines: [{ n: 0 }, {}, 1, { n: 0 }], more: 1 }), ({ keyword, path }) => [
        ...path,
        keyword
      ]),
      [
        ["lines", 0, "n", "minimum"],
        ["lines", 1, "n", "required"],
        ["lines", 3, "n", "minimum"]
      ]
    )
    assert.deepStrictEqual(violation({ lines: 1 })?.path, ["lines"])
  })

  it("matches schemas in filters", () => {
    const { matches, usesRegex } = compileFilter({
      $jsonSchema: { required: ["a"], properties: { a: { pattern: "^x" } } }
    })
    assert.isTrue(usesRegex)
    assert.deepStrictEqual(
      [{ a: "x" }, { a: "y" }, {}, { a: 1 }].map((document) => matches(document)),
      [true, false, false, true]
    )
    assert.isTrue(compileFilter({ $nor: [{ $jsonSchema: { required: ["a"] } }] }).matches({}))
    assert.isFalse(compileFilter({ $jsonSchema: { type: "string" } }).matches({}))
    assert.isTrue(compileFilter({ l: { $elemMatch: { $jsonSchema: { required: ["a"] } } } }).matches({ l: [{ a: 1 }] }))
  })

  it("rejects invalid schemas", () => {
    const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
      ["x", /must be an object/],
      [{ typo: 1 }, /unknown keyword 'typo'/],
      [{ type: "int" }, /unknown type: 'int'/],
      [{ type: 5 }, /string/],
      [{ bsonType: [] }, /at least one type/],
      [{ type: "object", bsonType: "object" }, /not both/],
      [{ minimum: "1" }, /'minimum' of a schema must be a number/],
      [{ exclusiveMinimum: true }, /needs 'minimum'/],
      [{ minimum: 1, exclusiveMinimum: 1 }, /must be a boolean/],
      [{ multipleOf: 0 }, /greater than 0/],
      [{ minLength: -1 }, /not negative/],
      [{ pattern: "(" }, /Regular expression is invalid/],
      [{ required: [] }, /empty array/],
      [{ required: ["a", "a"] }, /twice/],
      [{ required: [1] }, /array of strings/],
      [{ properties: { a: 1 } }, /made of objects/],
      [{ items: 1 }, /an object or an array/],
      [{ additionalProperties: 1 }, /an object or a boolean/],
      [{ allOf: [] }, /empty array/],
      [{ enum: [1, new Double(1)] }, /twice/],
      [{ dependencies: { a: [] } }, /empty array/],
      [{ title: 1 }, /a string/]
    ]
    for (const [schema, message] of cases) {
      const error = refusal(() => compile(schema))
      assert.match(error.message, message)
      assert.strictEqual(error.kind, "invalid", error.message)
    }
    for (const schema of [{ $ref: "#" }, { format: "email" }, { type: "integer" }]) {
      assert.strictEqual(refusal(() => compile(schema)).kind, "unsupported")
    }
  })
})
