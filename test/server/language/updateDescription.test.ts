import { assert, describe, it } from "@effect/vitest"
import { describe as differenceOf } from "../../../src/server/language/Update.ts"
import { equals, isDocument } from "../../../src/server/language/Value.ts"
import type { Document } from "../../../src/server/language/Value.ts"
import { compileUpdate, described } from "./operations.ts"
import { anyValue, chance } from "./support.ts"

const changes = (
  updatedFields: object,
  removedFields: ReadonlyArray<string> = [],
  truncatedArrays: ReadonlyArray<object> = []
) => ({
  updatedFields,
  removedFields,
  truncatedArrays
})

/** Makes a document so large that a pipeline's changes are smaller. */
const text = "a".repeat(80)

const same = (actual: unknown, expected: unknown) => assert.deepEqual(JSON.parse(JSON.stringify(actual)), expected)

describe("what a change event says of an update", () => {
  it("names the fields that modifiers changed and removed", () => {
    same(
      described({ _id: 1, a: 1, d: { x: 1 } }, { $set: { "d.x": 2, n: 1 }, $unset: { a: 1, z: 1 } }),
      changes({ "d.x": 2, n: 1 }, ["a"])
    )
    same(described({ _id: 1, d: { x: 1, y: 1 } }, { $set: { d: { x: 1, y: 2 } } }), changes({ d: { x: 1, y: 2 } }))
    same(described({ _id: 1 }, { $set: { "a.b.c": 1 } }), changes({ a: { b: { c: 1 } } }))
    same(described({ _id: 1, a: 1 }, { $rename: { a: "b" } }), changes({ b: 1 }, ["a"]))
    same(described({ _id: 1, a: 1 }, { $set: { a: 1 } }), changes({}))
  })

  it("names the elements of arrays that were changed or appended, and else the whole array", () => {
    same(described({ l: [1, 2] }, { $push: { l: { $each: [3, 4] } } }), changes({ "l.2": 3, "l.3": 4 }))
    same(described({ l: [1, 2] }, { $set: { "l.1": 5 } }), changes({ "l.1": 5 }))
    same(described({ l: [1, 2, 3] }, { $pull: { l: 2 } }), changes({ l: [1, 3] }))
    same(described({ l: [1, 2] }, { $unset: { "l.0": 1 } }), changes({ "l.0": null }))
    same(described({ l: [1] }, { $unset: { "l.$[]": 1, "m.7": 1 } }), changes({ "l.0": null }))
    same(
      described({ l: [{ v: 1 }, { v: 9 }] }, { $inc: { "l.$[e].v": 1 } }, { arrayFilters: [{ "e.v": 9 }] }),
      changes({ "l.1.v": 10 })
    )
  })

  it("names the whole array or element where several elements were chosen", () => {
    const l = [{ v: 1 }, { v: 9 }]
    const above = (least: number) => ({ arrayFilters: [{ "e.v": { $gte: least } }] })
    same(described({ l }, { $inc: { "l.$[].v": 1 } }), changes({ l: [{ v: 2 }, { v: 10 }] }))
    same(described({ l }, { $max: { "l.$[e].v": 5 } }, above(1)), changes({ "l.0": { v: 5 } }))
    same(described({ l }, { $max: { "l.$[e].v": 10 } }, above(5)), changes({ "l.1.v": 10 }))
    same(described({ l }, { $max: { "l.$[e].v": 10 } }, above(99)), changes({}))
    same(
      described({ l: [{ m: l }, { m: l }] }, { $inc: { "l.0.m.$[e].v": 1 } }, above(5)),
      changes({ "l.0.m.1.v": 10 })
    )
  })

  it("names the whole array where elements were not only appended", () => {
    const push = (before: ReadonlyArray<number>, clauses: object) =>
      described({ l: before }, { $push: { l: { $each: [3], ...clauses } } })
    same(push([1, 2], {}), changes({ "l.2": 3 }))
    same(push([1, 2], { $slice: 5 }), changes({ "l.2": 3 }))
    same(push([1, 2], { $position: 3 }), changes({ "l.2": 3 }))
    same(push([1, 2], { $position: 2 }), changes({ l: [1, 2, 3] }))
    same(push([1, 2], { $sort: 1 }), changes({ l: [1, 2, 3] }))
    same(push([1, 2], { $slice: -2 }), changes({ l: [2, 3] }))
    same(push([], {}), changes({ l: [3] }))
    same(described({ l: [1] }, { $addToSet: { l: 2 } }), changes({ l: [1, 2] }))
  })

  it("names fields with another value before new ones, and those before fields of inner documents", () => {
    const change = described(
      { a: { x: 1, y: 1 }, b: 1, c: 1, d: 1 },
      { $set: { "a.n": 1, "a.x": 2, A: 1, b: 2 }, $unset: { c: 1, d: 1, "a.y": 1 } }
    )
    assert.deepStrictEqual(Object.keys(change?.updatedFields ?? {}), ["b", "A", "a.x", "a.n"])
    assert.deepStrictEqual(change?.removedFields, ["c", "d", "a.y"])
  })

  it("leaves out a field that was set to NaN and was NaN", () => {
    const before = { _id: 1, n: NaN, l: [NaN] }
    assert.strictEqual(compileUpdate({ $set: { n: NaN, "l.0": NaN } }).apply(before), before)
  })

  it("has the whole field if what changed inside of it takes as many bytes, after a pipeline", () => {
    const set = [{ $set: { "a.x": 2, "l.v": 2 } }]
    same(described({ a: { x: 1 }, l: [{ v: 1 }], text }, set), changes({ a: { x: 2 }, l: [{ v: 2 }] }))
    same(
      described({ a: { x: 1, t: "12345678901234" }, l: [{ v: 1, t: text }], text }, set),
      changes({ "a.x": 2, "l.0.v": 2 })
    )
    // modifiers name their own paths
    same(described({ a: { x: 1 } }, { $set: { "a.x": 2 } }), changes({ "a.x": 2 }))
  })

  it("is missing if it takes as many bytes as the document after a pipeline, and after a replacement", () => {
    const ofText = (text: string) => described({ _id: 1, a: 1, t: text }, [{ $set: { a: 2 } }])
    assert.isUndefined(ofText("123456"))
    same(ofText("1234567"), changes({ a: 2 }))
    assert.isUndefined(described({ _id: 1, a: 1, text }, { a: 2, text }))
    same(described({ _id: 1 }, { $set: { a: text } }), changes({ a: text }))
  })

  it("is the difference of the two versions for pipelines and replacements, with arrays that got shorter", () => {
    same(
      described({ _id: 1, a: 1, l: [1, 2, 3, 4, 5, 6], d: { x: 1, text }, text }, [
        { $set: { l: [1, 9, 3, 4, 5], "d.x": 5 } },
        { $unset: "a" }
      ]),
      changes({ "l.1": 9, "d.x": 5 }, ["a"], [{ field: "l", newSize: 5 }])
    )
    same(differenceOf({ l: [1] }, { l: [1, { a: 1 }] }), changes({ "l.1": { a: 1 } }))
    same(differenceOf({ a: 1, b: 2, c: 3 }, { b: 2, a: 1 }), changes({ a: 1 }, ["c"]))
    same(differenceOf({ a: { b: 1 } }, { a: 5 }), changes({ a: 5 }))
    // of another type: -0 is a double
    assert.deepStrictEqual(differenceOf({ a: 0 }, { a: -0 }).updatedFields, { a: -0 })
    same(differenceOf({ a: { b: { c: 1 } } }, { a: { b: {} } }), changes({}, ["a.b.c"]))
  })

  it("made again on the old version, gives the new one", () => {
    const random = chance(29)
    let compared = 0
    while (compared < 500) {
      const before = anyValue(random, 4)
      const after = anyValue(random, 4)
      if (!isDocument(before) || !isDocument(after)) continue
      compared++
      const { updatedFields, removedFields, truncatedArrays } = differenceOf(before, after)
      const shorter = truncatedArrays.map(({ field, newSize }) => [field, { $each: [], $slice: newSize }])
      const steps = [
        { $push: Object.fromEntries(shorter) },
        { $set: updatedFields },
        { $unset: Object.fromEntries(removedFields.map((field) => [field, ""])) }
      ]
      const made = steps.reduce<Document>((document, step) => compileUpdate(step).apply(document), before)
      assert.isTrue(equals(sorted(made), sorted(after)), `${JSON.stringify(before)} to ${JSON.stringify(after)}`)
    }
  })
})

/** Documents with their fields in the order of the names: an update adds fields at the end. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isDocument(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sorted(value[name])])
  )
}
