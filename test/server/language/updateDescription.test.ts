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
    same(described({ l: [1, 2] }, { $unset: { "l.$[]": 1, "m.7": 1 } }), changes({ "l.0": null, "l.1": null }))
    same(
      described({ l: [{ v: 1 }, { v: 9 }] }, { $inc: { "l.$[e].v": 1 } }, { arrayFilters: [{ "e.v": 9 }] }),
      changes({ "l.1.v": 10 })
    )
  })

  it("is the difference of the two versions for pipelines and replacements, with arrays that got shorter", () => {
    same(
      described({ _id: 1, a: 1, l: [1, 2, 3], d: { x: 1, y: 2 } }, [
        { $set: { l: [1, 9], "d.x": 5 } },
        { $unset: "a" }
      ]),
      changes({ "l.1": 9, "d.x": 5 }, ["a"], [{ field: "l", newSize: 2 }])
    )
    same(differenceOf({ l: [1] }, { l: [1, { a: 1 }] }), changes({ "l.1": { a: 1 } }))
    same(differenceOf({ a: 1, b: 2, c: 3 }, { b: 2, a: 1 }), changes({ a: 1 }, ["c"]))
    same(differenceOf({ a: { b: 1 } }, { a: 5 }), changes({ a: 5 }))
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
