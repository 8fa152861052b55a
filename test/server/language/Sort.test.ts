import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double, Long, MaxKey, MinKey, ObjectId } from "bson"
import { distinct } from "../../../src/server/language/distinct.ts"
import { compile } from "../../../src/server/language/Sort.ts"
import { type Document, isDocument as isObject } from "../../../src/server/language/Value.ts"
import { anyValue, chance, refusal } from "./support.ts"

/** The names of documents in the order of a sort. */
const sorted = (spec: Document, documents: Readonly<Record<string, Document>>, limit?: number) =>
  compile(spec)
    .sorted(
      Object.entries(documents).map(([name, document]) => Object.assign({ name }, document)),
      limit
    )
    .map(({ name }) => name)
    .join("")

describe("sort orders", () => {
  it("go through all types, with missing values as null and empty arrays before them", () => {
    const documents = {
      a: { x: new MaxKey() },
      b: { x: "text" },
      c: { x: 2 },
      d: {},
      e: { x: [] },
      f: { x: null },
      g: { x: new MinKey() },
      h: { x: Long.fromNumber(1) },
      i: { x: { y: 1 } },
      j: { x: Decimal128.fromString("1.5") },
      k: { x: true },
      l: { x: new Date(0) },
      m: { x: Number.NaN }
    }
    assert.strictEqual(sorted({ x: 1 }, documents), "gedfmhjcbikla")
    assert.strictEqual(sorted({ x: -1 }, documents), "alkibcjhmdfeg")
  })

  it("take the least element of an array upwards, and the greatest one downwards", () => {
    const documents = { a: { x: [5, 1] }, b: { x: 2 }, c: { x: [3] }, d: { x: [[0]] } }
    assert.strictEqual(sorted({ x: 1 }, documents), "abcd")
    assert.strictEqual(sorted({ x: -1 }, documents), "dacb")
    const nested = { a: { x: [{ y: 5 }, { y: 1 }] }, b: { x: { y: 2 } }, c: { x: [{ y: 9 }, {}] }, d: { x: [] } }
    assert.strictEqual(sorted({ "x.y": 1 }, nested), "cdab")
    assert.strictEqual(sorted({ "x.y": -1 }, nested), "cabd")
    assert.strictEqual(sorted({ "x.1": 1 }, { a: { x: [1, 5] }, b: { x: [9, 2] } }), "ba")
    // an element that the path names is not looked into
    assert.strictEqual(sorted({ "x.0": -1, name: 1 }, { a: { x: [7] }, b: { x: [[1]] }, c: { x: 9 } }), "bac")
    assert.strictEqual(sorted({ "x.0.y": 1 }, { a: { x: [{ y: [5, 3] }] }, b: { x: [{ y: 4 }] } }), "ab")
  })

  it("uses the least pair of one element for several fields of one array", () => {
    const documents = {
      a: {
        x: [
          { y: 1, z: 9 },
          { y: 5, z: 0 }
        ]
      },
      b: { x: [{ y: 1, z: 3 }] },
      c: { x: [{ y: 0, z: 9 }] }
    }
    assert.strictEqual(sorted({ "x.y": 1, "x.z": 1 }, documents), "cba")
    assert.strictEqual(sorted({ "x.y": 1, "x.z": -1 }, documents), "cab")
    const error = refusal(() => sorted({ x: 1, y: 1 }, { a: { x: [1], y: [2] } }))
    assert.match(error.message, /parallel arrays/)
    assert.strictEqual(error.kind, "failed")
  })

  it("go by one field after the other, and leave equal documents in their order", () => {
    const documents = { a: { x: 1, y: 2 }, b: { x: 1, y: 3 }, c: { x: 0, y: 9 }, d: { x: 1.0, y: 2 } }
    assert.strictEqual(sorted({ x: 1, y: -1 }, documents), "cbad")
    assert.strictEqual(sorted({ x: new Double(-1) }, documents), "abdc")
    assert.strictEqual(sorted({}, documents), "abcd")
  })

  it("give the first of many as if all of them were sorted", () => {
    const documents = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [String.fromCodePoint(0x41 + i), { x: (i * 7) % 13, s: `${(i * 5) % 11}` }])
    )
    for (const spec of [{ x: 1 }, { x: -1 }, { s: 1 }, { s: -1, x: 1 }]) {
      const all = sorted(spec, documents)
      for (const limit of [0, 1, 5, 7, 30, 100]) assert.strictEqual(sorted(spec, documents, limit), all.slice(0, limit))
    }
  })

  it("sorts by keys as by comparisons, for any values", () => {
    const random = chance(3)
    const orders = [{ x: 1 }, { x: -1 }, { "x.a": 1, y: -1 }, { "x.a": -1, "x.b": 1 }, { y: 1, "x.a.b": 1 }].map(
      (spec) => compile(spec)
    )
    const hasParallelArrays = (document: Document) =>
      isObject(document["x"]) && Array.isArray(document["x"]["a"]) && Array.isArray(document["x"]["b"])
    for (let round = 0; round < 40; round++) {
      const made = Array.from({ length: 50 }, () => {
        const y = anyValue(random, 0)
        return y === undefined ? { x: anyValue(random, 3) } : { x: anyValue(random, 3), y }
      })
      const documents = made.filter((document) => !hasParallelArrays(document))
      for (const order of orders) assert.deepStrictEqual(order.sorted(documents), documents.toSorted(order.compare))
    }
  })

  it("turn the order around that documents have, in find alone", () => {
    const documents = [{ a: 1 }, { a: 2 }]
    assert.deepStrictEqual(compile({ $natural: -1 }, { natural: true }).sorted(documents), [{ a: 2 }, { a: 1 }])
    assert.deepStrictEqual(compile({ $natural: 1 }, { natural: true }).sorted(documents, 1), [{ a: 1 }])
    assert.match(refusal(() => compile({ $natural: 1 })).message, /\$natural/)
    assert.match(refusal(() => compile({ $natural: 1, a: 1 }, { natural: true })).message, /\$natural/)
  })

  it("rejects invalid sort orders", () => {
    const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
      ["a", /must be an object/],
      [{ a: 2 }, /must be 1/],
      [{ a: "asc" }, /must be 1/],
      [{ a: 0 }, /must be 1/],
      [{ a: {} }, /no object/],
      [{ "a.": 1 }, /'a\.'/],
      [Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`f${i}`, 1])), /at most 32/]
    ]
    for (const [spec, message] of cases) assert.match(refusal(() => compile(spec)).message, message)
    assert.strictEqual(refusal(() => compile({ a: { $meta: "textScore" } })).kind, "unsupported")
  })
})

describe("distinct values", () => {
  it("returns the values of fields and of the elements of arrays, each once, in their order", () => {
    const id = new ObjectId("64b7abdecf2160b649ab6085")
    const documents = [
      { x: 1, y: { z: [1, 2] } },
      { x: [Long.fromNumber(1), "a", [1]], y: [{ z: 3 }, 5, { z: [2] }] },
      { x: null },
      {},
      { x: new ObjectId(id.toHexString()) },
      { x: id }
    ]
    assert.deepStrictEqual(distinct(documents, "x"), [1, "a", [1], null, id])
    assert.deepStrictEqual(distinct(documents, "y.z"), [1, 2, 3])
    assert.deepStrictEqual(distinct(documents, "y.0.z"), [3])
    assert.deepStrictEqual(distinct(documents, "nope"), [])
  })
})
