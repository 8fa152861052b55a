/* oxlint-disable unicorn/no-thenable -- a branch of an expression is called `then` */
import { assert, describe, it } from "@effect/vitest"
import { Binary, BSONRegExp, ObjectId, Timestamp, UUID } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import { bind, compile, frameOf, scopeOf } from "../../../src/server/language/Expression.ts"
import {
  date,
  decimal,
  double,
  environment,
  failsFor,
  gives,
  literal,
  long,
  refusesAtOnce,
  valueOf
} from "./expressionSupport.ts"
import { refusal } from "./support.ts"

describe("paths and variables", () => {
  it("reach into documents and through arrays, and take no number for an index", () =>
    gives([
      ["$a", 1, { a: 1 }],
      ["$a.b.c", 5, { a: { b: { c: 5 } } }],
      ["$a.b", [1, 2], { a: [{ b: 1 }, 7, { b: 2 }, { c: 3 }, [{ b: 9 }]] }],
      ["$a.b.c", [[1], 2], { a: [{ b: [{ c: 1 }] }, { b: { c: 2 } }] }],
      ["$a.0", [], { a: [10, 20] }],
      ["$a.b", undefined, { a: 5 }],
      ["$id.id", undefined, { id: new ObjectId() }],
      ["$constructor", undefined, {}],
      ["$__proto__", undefined, {}],
      ["$missing", undefined, {}]
    ]))

  it("resolves the document, the time, the roles and missing values", () =>
    gives([
      ["$$ROOT", { a: 1 }, { a: 1 }],
      ["$$CURRENT.a", 1, { a: 1 }],
      ["$$NOW", date("2030-05-06T07:08:09.010Z")],
      ["$$USER_ROLES.role", ["reader"]],
      [{ a: "$$REMOVE", b: "$missing", c: 1 }, { c: 1 }],
      [
        ["$missing", 1],
        [null, 1]
      ]
    ]))

  it("binds variables by $let, which shadow outer ones", () =>
    gives([
      [{ $let: { vars: { x: "$a", y: 2 }, in: { $add: ["$$x", "$$y"] } } }, 5, { a: 3 }],
      [{ $let: { vars: { x: 1 }, in: { $let: { vars: { x: 2, y: "$$x" }, in: ["$$x", "$$y"] } } } }, [2, 1]],
      [
        { $let: { vars: { l: { $map: { input: [1, 2], in: { $add: ["$$this", 1] } } } }, in: ["$$l", "$a"] } },
        [[2, 3], "a"],
        { a: "a" }
      ],
      [{ $let: { vars: { CURRENT: "$a" }, in: ["$b", "$$ROOT.b"] } }, [1, 2], { a: { b: 1 }, b: 2 }],
      [
        { $map: { input: [1, 2], as: "x", in: { $map: { input: [10, 20], as: "y", in: { $add: ["$$x", "$$y"] } } } } },
        [
          [11, 21],
          [12, 22]
        ]
      ]
    ]))

  it("come from the operation and from the stage around", () => {
    const world = { ...environment, variables: { n: 5 } }
    const scope = bind(scopeOf(world), ["outer"])
    const expression = compile({ $add: ["$$n", "$$outer", "$a"] }, scope)
    assert.strictEqual(expression.evaluate(frameOf(world, { a: 1 }, [10])), 16)
  })

  it("rejects invalid ones at once", () =>
    refusesAtOnce([
      ["$$nope", /undefined variable: nope/, 17276],
      ["$", /'\$' by itself/, 16872],
      ["$a.", /ends with a dot/],
      ["$a..b", /empty name/],
      ["$a.$b", /begins with '\$'/],
      ["$$", /needs a name/],
      ["$$CLUSTER_TIME", /not supported/],
      [{ $let: { vars: { Big: 1 }, in: 1 } }, /lowercase letter/, 16867],
      [{ $let: { vars: { "a-b": 1 }, in: 1 } }, /invalid character/],
      [{ $map: { input: [], as: "", in: 1 } }, /empty variable names/],
      [{ $filter: { input: [], as: "x", cond: "$$this" } }, /undefined variable: this/]
    ]))
})

describe("specifications", () => {
  it("rejects unknown operators, wrong counts and arguments at once", () =>
    refusesAtOnce([
      [{ $nope: 1 }, /Unrecognized expression '\$nope'/, 168],
      [{ $add: 1, $subtract: 2 }, /stands alone/, 15983],
      [{ a: 1, $add: [1] }, /may not start with '\$'/],
      [{ "a.b": 1 }, /may not contain '\.'/],
      [{ "": 1 }, /may not be empty/],
      [{ $subtract: [] }, /takes 2 operands, but 0 were given/, 16020],
      [{ $divide: [1] }, /takes 2 operands, but 1 was given/],
      [{ $size: [1, 2] }, /takes 1 operand, but 2 were given/],
      [{ $cond: {} }, /requires the argument 'if'/],
      [{ $cond: [1, 2] }, /takes 3 operands/],
      [{ $switch: {} }, /requires the argument 'branches'/],
      [{ $switch: { branches: [] } }, /at least one branch/],
      [{ $switch: { branches: [{ case: true }] } }, /requires the argument 'then'/],
      [{ $ifNull: ["$a"] }, /at least 2 operands/],
      [{ $rand: { a: 1 } }, /takes no operands/],
      [{ $filter: { input: [], cond: 1, where: 2 } }, /no argument 'where'/],
      [{ $dateAdd: { startDate: "$a", unit: "day" } }, /requires the argument 'amount'/],
      [{ $function: { body: "", args: [], lang: "js" } }, /not supported/],
      [{ $meta: "textScore" }, /not supported/],
      [{ $toHashedIndexKey: "$a" }, /not supported/]
    ]))

  it("rejects constants that cannot be computed at once, also in a branch that is not taken", () =>
    refusesAtOnce([
      [{ $divide: [1, 0] }, /by zero/],
      [{ $cond: [false, { $divide: [1, 0] }, 2] }, /by zero/],
      [{ $arrayToObject: [[[1, "x"]]] }, /keys that are strings/],
      [{ $mergeObjects: [[{ a: 1 }]] }, /takes objects/],
      [{ $add: ["x", 1] }, /numbers or a date/]
    ]))

  it("computes constants once", () => {
    const expression = compile({ $concat: ["a", { $toUpper: "b" }] })
    assert.isTrue(expression.isConstant)
    assert.isFalse(compile({ $concat: ["a", "$b"] }).isConstant)
    assert.isFalse(compile({ $rand: {} }).isConstant)
    assert.deepStrictEqual(compile("$a.b").path, ["a", "b"])
  })
})

describe("comparison and logic", () => {
  it("tell null from a missing value", () =>
    gives([
      [{ $eq: ["$missing", null] }, false],
      [{ $eq: ["$a", null] }, true, { a: null }],
      [{ $lt: ["$missing", null] }, true],
      [{ $cond: [{ $eq: ["$missing", null] }, 1, 2] }, 2],
      [{ $gt: ["$missing", 0] }, false],
      [{ $eq: [1, double(1)] }, true],
      [{ $eq: [long("9007199254740993"), 2 ** 53] }, false],
      [{ $cmp: ["a", "b"] }, -1],
      [{ $cmp: [2, decimal("1.5")] }, 1],
      [
        {
          $lte: [
            [1, 2],
            [1, 3]
          ]
        },
        true
      ],
      [
        {
          $ne: [
            { a: 1, b: 2 },
            { b: 2, a: 1 }
          ]
        },
        true
      ],
      [{ $gte: ["x", 5] }, true]
    ]))

  it("take any value for true but null, a missing one, false and zeros", () =>
    gives([
      [{ $and: [] }, true],
      [{ $or: [] }, false],
      [{ $and: "$b" }, true, { b: 1 }],
      [{ $or: "$b" }, false, { b: 0 }],
      [{ $not: ["$missing"] }, true],
      [{ $and: ["", [], {}, "x", Number.NaN] }, true],
      [{ $or: [0, double(0), long(0), decimal("0.0"), -0, null, "$missing"] }, false],
      [{ $and: ["$a", { $divide: [1, "$zero"] }] }, false, { a: 0, zero: 0 }],
      [{ $or: ["$a", { $divide: [1, "$zero"] }] }, true, { a: 1, zero: 0 }]
    ]))

  it("take one branch", () =>
    gives([
      [{ $cond: ["$a", "yes", { $divide: [1, "$b"] }] }, "yes", { a: 1, b: 0 }],
      [{ $cond: { if: "$a", then: 1, else: "$missing" } }, undefined, { a: false }],
      [{ $ifNull: ["$missing", "$a", 3] }, 3, { a: null }],
      [{ $ifNull: ["$a", { $divide: [1, 0.5] }] }, 0, { a: 0 }],
      [{ $switch: { branches: [{ case: { $gt: ["$a", 1] }, then: "big" }], default: "small" } }, "small", { a: 1 }]
    ]))

  it("fail where no branch matches", () =>
    failsFor({ a: 1 }, [[{ $switch: { branches: [{ case: { $gt: ["$a", 1] }, then: "big" }] } }, /no default/]]))
})

describe("documents", () => {
  it("creates, merges and splits documents in the order of their fields", () =>
    gives([
      [
        { x: "$a", y: { z: [1, "$b"] } },
        { x: 1, y: { z: [1, 2] } },
        { a: 1, b: 2 }
      ],
      [{ $mergeObjects: "$a" }, { b: 1 }, { a: { b: 1 } }],
      [{ $mergeObjects: ["$a", null, "$missing", { c: 2, b: 3 }] }, { b: 3, c: 2 }, { a: { b: 1 } }],
      [{ $mergeObjects: [] }, {}],
      [{ $objectToArray: "$a" }, [{ k: "x", v: 1 }], { a: { x: 1 } }],
      [
        {
          $arrayToObject: [
            [
              ["x", 1],
              ["y", 2]
            ]
          ]
        },
        { x: 1, y: 2 }
      ],
      [
        {
          $arrayToObject: literal([
            { k: "x", v: 1 },
            { k: "x", v: 2 }
          ])
        },
        { x: 2 }
      ],
      [{ $arrayToObject: "$missing" }, null],
      [{ $getField: "a.b" }, 1, { "a.b": 1 }],
      [{ $getField: { field: "b", input: "$a" } }, 1, { a: { b: 1 } }],
      [{ $getField: { field: "b", input: "$a" } }, undefined, { a: 5 }],
      [{ $getField: { field: { $concat: ["a", "b"] }, input: { ab: 1 } } }, 1],
      [{ $setField: { field: "b", input: "$$ROOT", value: 9 } }, { a: 1, b: 9, c: 3 }, { a: 1, b: 2, c: 3 }],
      [{ $setField: { field: "d.e", input: { a: 1 }, value: 9 } }, { a: 1, "d.e": 9 }],
      [{ $setField: { field: "a", input: { a: 1, b: 2 }, value: "$$REMOVE" } }, { b: 2 }],
      [{ $unsetField: { field: literal("$x"), input: literal({ $x: 1, y: 2 }) } }, { y: 2 }],
      [{ $unsetField: { field: "x", input: null } }, null]
    ]))

  it("treats a field `__proto__` like any other", () => {
    const made = valueOf({ $arrayToObject: literal([["__proto__", 1]]) })
    assert.deepStrictEqual(Object.keys(Object(made)), ["__proto__"])
    assert.strictEqual(Object.getPrototypeOf(made), Object.prototype)
  })
})

describe("regular expressions", () => {
  it("find by code points, with what groups captured", () =>
    gives([
      [{ $regexMatch: { input: "Hello", regex: "^h", options: "i" } }, true],
      [{ $regexMatch: { input: "$missing", regex: "a" } }, false],
      [
        { $regexFind: { input: "\u{1F600}ab12", regex: "([a-z]+)(x)?(\\d+)" } },
        { match: "ab12", idx: 1, captures: ["ab", null, "12"] }
      ],
      [{ $regexFind: { input: "abc", regex: new BSONRegExp("Z", "") } }, null],
      [
        { $regexFindAll: { input: "a1b22", regex: "$r" } },
        [
          { match: "1", idx: 1, captures: [] },
          { match: "22", idx: 3, captures: [] }
        ],
        { r: "\\d+" }
      ],
      [{ $regexFindAll: { input: "", regex: "x*" } }, [{ match: "", idx: 0, captures: [] }]],
      [{ $regexFindAll: { input: "\u{1F600}", regex: "x*" } }, [{ match: "", idx: 0, captures: [] }]],
      [{ $regexFindAll: { input: "abc", regex: null } }, []]
    ]))

  it("rejects invalid regular expressions, and options given twice", () =>
    refusesAtOnce([
      [{ $regexMatch: { input: "a", regex: "(" } }, /./],
      [{ $regexMatch: { input: "$a", regex: new BSONRegExp("a", "i"), options: "i" } }, /options both/],
      [{ $regexFind: { input: "$a", regex: 5 } }, /'regex' that is a string/]
    ]))
})

describe("types and sizes", () => {
  it("returns types and sizes", () =>
    gives([
      [{ $type: "$a" }, "missing"],
      [{ $type: 1 }, "int"],
      [{ $type: 1.5 }, "double"],
      [{ $type: [[1]] }, "array"],
      [{ $isNumber: "$a" }, true, { a: long(1) }],
      [{ $isArray: [[1]] }, true],
      [{ $isArray: "$a" }, false, { a: 1 }],
      [{ $bsonSize: "$$ROOT" }, 12, { a: 1 }],
      [{ $bsonSize: null }, null],
      [{ $binarySize: "h\u00e9" }, 3],
      [{ $binarySize: "$b" }, 2, { b: new Binary(new Uint8Array([1, 2])) }],
      [{ $subtype: "$b" }, 4, { b: new UUID() }],
      [{ $tsSecond: "$t" }, long(5), { t: new Timestamp({ t: 5, i: 7 }) }],
      [{ $tsIncrement: "$t" }, long(7), { t: new Timestamp({ t: 5, i: 7 }) }],
      [{ $rand: {} }, 0.25],
      [{ $createObjectId: {} }, new ObjectId("64b7abdecf2160b649ab6085")]
    ]))
})

describe("budgets", () => {
  it("end what would run or grow without an end", () => {
    const numbersUpTo = { $range: [0, 1_000_000] }
    const stops = (spec: unknown) =>
      assert.strictEqual(refusal(() => within({ steps: 100_000, values: 10_000 }, () => valueOf(spec))).kind, "limit")
    stops(numbersUpTo)
    stops({ $map: { input: { $range: [0, 9_000] }, in: { $range: [0, 9_000] } } })
    stops({ $reduce: { input: { $range: [0, 40] }, initialValue: [1], in: { $concatArrays: ["$$value", "$$value"] } } })
    stops({ $reduce: { input: { $range: [0, 90] }, initialValue: "x", in: { $concat: ["$$value", "$$value"] } } })
    stops({ $map: { input: { $range: [0, 9_000] }, in: { $sin: decimal("1") } } })
  })

  it("hold for strings without any: they are as large as documents at most", () => {
    const doubled = {
      $reduce: { input: { $range: [0, 90] }, initialValue: "x", in: { $concat: ["$$value", "$$value"] } }
    }
    assert.match(refusal(() => valueOf(doubled)).message, /more than 16 MB/)
    const many = { $replaceAll: { input: "$s", find: "", replacement: "$s" } }
    assert.match(refusal(() => valueOf(many, { s: "x".repeat(10_000) })).message, /more than 16 MB/)
  })
})
