import { assert, describe, it } from "@effect/vitest"
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
  UUID
} from "bson"
import * as vm from "node:vm"
import { within } from "../../../src/server/language/budget.ts"
import { LanguageError } from "../../../src/server/language/LanguageError.ts"
import {
  canonical,
  compare,
  define,
  equals,
  keyOf,
  sizeOf,
  typeOf,
  withField,
  withoutField
} from "../../../src/server/language/Value.ts"
import { anyValue, chance, refusal } from "./support.ts"

const id = new ObjectId("64b7abdecf2160b649ab6085")
const other = new ObjectId("64b7abdecf2160b649ab6086")
const decimal = (text: string) => Decimal128.fromString(text)
const long = (text: string) => Long.fromString(text)

/** Values in the order that MongoDB gives them; those in one list are equal. */
const ladder: ReadonlyArray<ReadonlyArray<unknown>> = [
  [new MinKey()],
  [undefined],
  [null],
  [Number.NaN, decimal("NaN")],
  [-Infinity, decimal("-Infinity")],
  [decimal("-1E+400")],
  [-1.5, decimal("-1.50")],
  [0, -0, new Double(0), long("0"), decimal("0E+3"), decimal("-0")],
  [decimal("1E-400")],
  [decimal("0.1")],
  // the double is a little more than a tenth
  [0.1],
  [1, new Double(1), long("1"), decimal("1.000")],
  [2 ** 53, long("9007199254740992"), decimal("9007199254740992")],
  [long("9007199254740993"), decimal("9007199254740993.0")],
  [2 ** 53 + 2],
  [long("9223372036854775807")],
  [2 ** 63, decimal("9223372036854775808")],
  [1e300],
  [decimal("1E+6000")],
  [Infinity, decimal("Infinity")],
  ["", new BSONSymbol("")],
  ["a", new BSONSymbol("a")],
  ["aa"],
  ["b"],
  ["\uFFFD"],
  ["\u{10000}"],
  [{}],
  [{ a: 1 }],
  [{ a: 1, b: 1 }],
  [{ a: 2 }],
  [{ b: 1 }],
  // the type of a value counts before its name
  [{ a: "x" }],
  [[]],
  [[null]],
  [[1], [new Double(1)]],
  [[1, 2]],
  [[2]],
  [new Binary(new Uint8Array([9]))],
  [new Binary(new Uint8Array([1, 2]))],
  [new Binary(new Uint8Array([0, 1]), 5)],
  [id, new ObjectId(id.toHexString())],
  [other],
  [false],
  [true],
  [new Date(-1)],
  [new Date(0)],
  [new Timestamp({ t: 1, i: 2 })],
  [new Timestamp({ t: 4_000_000_000, i: 1 })],
  [new BSONRegExp("a", "")],
  [new BSONRegExp("a", "i")],
  [new Code("a")],
  [new Code("a", { b: 1 })],
  [new MaxKey()]
]

describe("the order of values", () => {
  it("is the one of MongoDB across all types, and exact across the four types of numbers", () => {
    for (const [i, values] of ladder.entries()) {
      for (const [j, others] of ladder.entries()) {
        for (const a of values) {
          for (const b of others) {
            assert.strictEqual(compare(a, b), Math.sign(i - j), `${i} (${keyOf(a)}) and ${j} (${keyOf(b)})`)
          }
        }
      }
    }
  })

  it("gives two values one key exactly when they are equal, however they are nested", () => {
    const values = ladder.flat()
    const nested = [
      ...values,
      ...values.map((value) => [value]),
      ...values.map((value) => ({ a: value })),
      ["a", "b"],
      ["ab"],
      [["a"], "b"],
      [["a", "b"]],
      { a: { b: 1 } },
      { a: 1, b: 2 },
      { b: 2, a: 1 },
      { "a=n1,1:b": 2 }
    ]
    for (const a of nested) {
      for (const b of nested) {
        assert.strictEqual(keyOf(a) === keyOf(b), equals(a, b), `${keyOf(a)} and ${keyOf(b)}`)
      }
    }
  })

  it("is a total order of values that chance makes", () => {
    const random = chance(7)
    const values = Array.from({ length: 120 }, () => anyValue(random, 3))
    for (const a of values) {
      for (const b of values) {
        assert.strictEqual(compare(a, b), -compare(b, a) + 0)
        assert.strictEqual(keyOf(a) === keyOf(b), compare(a, b) === 0)
        for (const c of values.slice(0, 20)) {
          if (compare(a, b) <= 0 && compare(b, c) <= 0) assert.isAtMost(compare(a, c), 0)
        }
      }
    }
  })
})

describe("canonical values", () => {
  it("tell an int from a double as BSON does", () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [1, "int"],
      [2 ** 31, "double"],
      [-(2 ** 31), "int"],
      [1.5, "double"],
      [-0, "double"],
      [Number.NaN, "double"],
      [new Int32(5), "int"],
      [new Double(5), "double"],
      [new Double(5.5), "double"],
      [long("5"), "long"],
      [5n, "long"],
      [decimal("5"), "decimal"]
    ]
    for (const [value, type] of cases) assert.strictEqual(typeOf(canonical(value)), type, String(value))
    assert.strictEqual(canonical(new Double(1.5)), 1.5)
    assert.strictEqual(canonical(new Int32(7)), 7)
  })

  it("assigns the types that bson assigns", () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      ["x", "string"],
      [true, "bool"],
      [null, "null"],
      [undefined, "null"],
      [/a+/gi, "regex"],
      [new Date(5), "date"],
      [new Uint8Array([1]), "binData"],
      [Buffer.from("a"), "binData"],
      [new UUID(), "binData"],
      [new Timestamp({ t: 1, i: 1 }), "timestamp"],
      [new Code("x"), "javascript"],
      [new Code("x", { a: 1 }), "javascriptWithScope"],
      [new DBRef("c", id), "object"],
      [new BSONSymbol("s"), "symbol"],
      [new MinKey(), "minKey"],
      [new MaxKey(), "maxKey"],
      [[1], "array"],
      [{ a: 1 }, "object"]
    ]
    for (const [value, type] of cases) assert.strictEqual(typeOf(canonical(value)), type)
    assert.deepStrictEqual(canonical(/a+/gi), new BSONRegExp("a+", "i"))
    assert.deepStrictEqual(canonical(new DBRef("c", id, "d")), { $ref: "c", $id: id, $db: "d" })
  })

  it("rejects values without a BSON form, with their path", () => {
    const cycle: Record<string, unknown> = {}
    cycle["inner"] = [cycle]
    const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
      [new Set([1]), /Set has no form/],
      [new Map(), /Map has no form/],
      [new Error("x"), /Error has no form/],
      [new ArrayBuffer(1), /ArrayBuffer has no form/],
      [new Float64Array(1), /Float64Array has no form/],
      [new DataView(new ArrayBuffer(1)), /DataView has no form/],
      [new URL("http://localhost/"), /URL has no form/],
      [Promise.resolve(1), /Promise has no form/],
      [new Date(Number.NaN), /invalid date/],
      [2n ** 63n, /beyond 64 bits/],
      [cycle, /contains itself/],
      [{ _bsontype: "ObjectId" }, /_bsontype/],
      [{ "a\0": 1 }, /NUL/],
      [RegExp(`a${String.fromCharCode(0)}`), /NUL/]
    ]
    for (const [value, message] of cases) {
      const error = refusal(() => canonical({ list: [0, { value }] }))
      assert.match(error.message, message)
      assert.match(error.message, /'list\.1\.value/)
      assert.strictEqual(error.kind, "invalid")
    }
  })

  it("accepts 200 levels and rejects more", () => {
    const nested = (levels: number) => Array.from({ length: levels }).reduce<unknown>((inner) => ({ inner }), 1)
    assert.strictEqual(typeOf(canonical(nested(200))), "object")
    assert.match(refusal(() => canonical(nested(201))).message, /200 levels/)
  })

  it("leave out functions, symbols and undefined, or take them for null in what is asked", () => {
    const given = { a: undefined, b: () => 1, c: Symbol("c"), d: [undefined] }
    assert.deepStrictEqual(canonical(given), { d: [null] })
    assert.deepStrictEqual(canonical(given, "null"), { a: null, b: null, c: null, d: [null] })
  })

  it("keep __proto__ as the name of a field, and halves of surrogate pairs out of strings", () => {
    const made = canonical(JSON.parse('{"__proto__": {"a": 1}, "b": "\\ud800"}'))
    assert.deepStrictEqual(JSON.stringify(made), '{"__proto__":{"a":1},"b":"\uFFFD"}')
    assert.strictEqual(Object.getPrototypeOf(made), Object.prototype)
  })

  it("copies values, so that later changes of the argument have no effect", () => {
    const given = { list: [1], at: new Date(1), bytes: new Uint8Array([1]) }
    const made = canonical(given)
    given.list.push(2)
    given.at.setTime(2)
    given.bytes[0] = 2
    assert.deepStrictEqual(made, { list: [1], at: new Date(1), bytes: new Binary(new Uint8Array([1])) })
  })

  it("converts values of any realm to this realm", () => {
    const foreign: unknown = vm.runInNewContext("({ at: new Date(5), list: [/x/i, { a: null }] })")
    const made = canonical(foreign)
    assert.deepStrictEqual(made, { at: new Date(5), list: [new BSONRegExp("x", "i"), { a: null }] })
    assert.match(refusal(() => canonical(vm.runInNewContext("[new Set()]"))).message, /Set has no form/)
  })

  it("accepts classes of other versions of bson", () => {
    const tagged = (tag: string, members: object) => Object.assign(Object.create({ _bsontype: tag }), members)
    const cases: ReadonlyArray<readonly [unknown, unknown]> = [
      [tagged("ObjectID", { toHexString: () => id.toHexString() }), id],
      [tagged("Long", { low_: 5, high_: 1 }), new Long(5, 1)],
      [tagged("Long", { low: -1, high: -1 }), long("-1")],
      [tagged("Int32", { value: 5 }), 5],
      [tagged("Double", { value: 5 }), new Double(5)],
      [tagged("Decimal128", { bytes: decimal("1.5").bytes }), decimal("1.5")],
      [tagged("Timestamp", { low_: 2, high_: 1 }), new Timestamp({ t: 1, i: 2 })],
      [
        tagged("Binary", { buffer: Buffer.from([1, 2, 3]), position: 2, sub_type: 0 }),
        new Binary(new Uint8Array([1, 2]))
      ],
      [tagged("Symbol", { value: "s" }), new BSONSymbol("s")],
      [tagged("BSONRegExp", { pattern: "a", options: "i" }), new BSONRegExp("a", "i")],
      [tagged("MinKey", {}), new MinKey()],
      [tagged("DBRef", { namespace: "c", oid: id, db: "" }), { $ref: "c", $id: id }]
    ]
    for (const [given, expected] of cases) {
      assert.isTrue(equals(canonical(given), canonical(expected)), keyOf(canonical(given)))
    }
    assert.match(refusal(() => canonical(tagged("Cube", {}))).message, /type Cube has no form/)
  })
})

describe("the size of values", () => {
  it("is that of their BSON", () => {
    const document = {
      a: 1,
      b: 1.5,
      c: "héé\u{1F600}",
      d: [1, [2], { x: null }],
      e: id,
      f: new Binary(new Uint8Array(5)),
      g: new Timestamp({ t: 1, i: 2 }),
      h: new Code("x", { a: 1 }),
      i: new BSONRegExp("a", "i"),
      j: new MinKey(),
      k: decimal("1"),
      l: true,
      m: new Date(0),
      n: -0,
      o: new Code("abc"),
      p: Array.from({ length: 120 }, () => 1),
      q: new BSONSymbol("s"),
      r: long("1")
    }
    assert.strictEqual(sizeOf(document), serialize(document).length)
    assert.strictEqual(sizeOf({}), 5)
  })
})

describe("documents", () => {
  it("changes documents by copies that share unchanged values", () => {
    const inner = { x: 1 }
    const document = Object.freeze({ a: inner, b: 2 })
    const changed = withField(document, "b", 3)
    assert.deepStrictEqual(changed, { a: { x: 1 }, b: 3 })
    assert.strictEqual(changed["a"], inner)
    assert.deepStrictEqual(withoutField(document, "a"), { b: 2 })
    assert.strictEqual(withoutField(document, "c"), document)
    const made = {}
    define(made, "__proto__", 1)
    assert.deepStrictEqual(Object.keys(withField(made, "a", 1)), ["__proto__", "a"])
  })
})

describe("budgets", () => {
  const wide = Array.from({ length: 1000 }, (_, i) => i)

  it("end an operation that takes too many steps, and leave the next one what it has", () => {
    const budget = { steps: 1500, values: Infinity }
    assert.strictEqual(
      within(budget, () => compare(wide, wide.slice())),
      0
    )
    assert.strictEqual(budget.steps, 500)
    const error = refusal(() => within(budget, () => compare(wide, wide.slice())))
    assert.deepStrictEqual([error.kind, error.code, error.message], ["limit", 50, "operation exceeded time limit"])
    assert.strictEqual(compare(wide, wide.slice()), 0)
  })

  it("end an operation that makes too many values", () => {
    const error = refusal(() => within({ steps: Infinity, values: 100 }, () => canonical(wide)))
    assert.deepStrictEqual([error.kind, error.code], ["limit", 146])
  })

  it("count what is spent inside of another one in both", () => {
    const outer = { steps: 1500, values: Infinity }
    const inner = { steps: Infinity, values: Infinity }
    within(outer, () => within(inner, () => compare(wide, wide.slice())))
    assert.deepStrictEqual([outer.steps, inner.steps], [500, Infinity])
    assert.throws(() => within(outer, () => within(inner, () => compare(wide, wide.slice()))), LanguageError)
  })
})
