import { assert, describe, it } from "@effect/vitest"
import { Double } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import { growth } from "../../../src/server/language/growth.ts"
import { LanguageError } from "../../../src/server/language/LanguageError.ts"
import { canonical, type Document, isDocument, sizeOf } from "../../../src/server/language/Value.ts"
import { compileUpdate } from "./operations.ts"
import { anyValue, chance } from "./support.ts"

const grown = (before: unknown, after: unknown) => sizeOf(after) - sizeOf(before)

const nested = (levels: number): object => (levels === 0 ? { a: 1 } : { a: nested(levels - 1) })

describe("the growth of a document by an update", () => {
  it("is the difference of the sizes of any two documents", () => {
    const random = chance(31)
    let compared = 0
    while (compared < 500) {
      const [before, after] = [anyValue(random, 4), anyValue(random, 4)]
      if (!isDocument(before) || !isDocument(after)) continue
      compared++
      assert.strictEqual(growth(before, after), grown(before, after))
    }
  })

  it("keeps the size of a document exact through any number of updates", () => {
    const random = chance(7)
    const paths = ["a", "d", "d.a", "d.b.a", "l.0", "l.3", "é"]
    const anyPath = () => paths[Math.floor(random() * paths.length)] ?? ""
    // -0 is a double, unlike the int 0
    const any = () =>
      random() < 0.3 ? [0, -0, Number.NaN, new Double(0)][Math.floor(random() * 4)] : anyValue(random, 3)
    const anyUpdate = () => {
      const [path, value] = [anyPath(), any() ?? null]
      const updates = [
        { $set: { [path]: value } },
        { $set: { d: { a: value, b: any() ?? null } } },
        { $unset: { [path]: 1 } },
        { $mul: { [path]: -1 } },
        { $push: { l: { $each: [value], $position: 0, $slice: 5 } } },
        { $pull: { l: value } },
        { $rename: { [path]: "x" } },
        [{ $set: { [path]: { $literal: value }, n: { $rand: {} } } }],
        [{ $replaceWith: { _id: 1, d: { $literal: [value] } } }],
        { a: value, d: {} }
      ]
      return updates[Math.floor(random() * updates.length)]
    }
    let document: Document = { _id: 1, l: [] }
    let size = sizeOf(document)
    let changed = 0
    for (let i = 0; i < 2_000; i++) {
      let after = document
      const { apply, growth } = compileUpdate(canonical(anyUpdate(), "null"))
      try {
        after = apply(document)
      } catch (error) {
        // such as a field in a number
        if (!(error instanceof LanguageError)) throw error
      }
      size += growth(document, after)
      assert.strictEqual(size, sizeOf(after))
      if (after !== document) changed++
      document = after
    }
    assert.isAbove(changed, 500)
  })

  it.each([
    { $set: { n: "text", "d.x": [1, 2], "d.new.é": 1 } },
    { $unset: { "d.x": 1, "l.1": 1, n: 1 } },
    { $inc: { n: 5_000_000_000, "l.0.v": 1 } },
    { $push: { l: { $each: [1, { a: "é" }], $position: 0 } } },
    { $pull: { l: { v: 1 } } },
    { $set: { "l.12": 1 } },
    { $set: { "l.$[].v": "longer" } },
    { $rename: { n: "d.n", "d.x": "x" } },
    [{ $set: { d: { y: "$n" }, n: "$$REMOVE" } }]
  ])("is the difference of the sizes after %j", (update) => {
    const before = canonical({ _id: 1, n: 1, d: { x: { y: 1 } }, l: [{ v: 1 }, { v: 2, w: ["é"] }] })
    assert.isTrue(isDocument(before))
    if (!isDocument(before)) return
    const { apply, growth } = compileUpdate(update)
    const after = apply(before)
    assert.notStrictEqual(after, before)
    assert.strictEqual(growth(before, after), grown(before, after))
  })

  it("refuses what is nested too deeply to be stored, wherever it is", () => {
    const before = { _id: 1, a: { b: {} }, l: [1] }
    const growthOf = (update: unknown) => {
      const { apply, growth } = compileUpdate(update)
      return growth(before, apply(before))
    }
    for (const [path, levels] of [
      ["x", 178],
      ["a.b.c", 176],
      ["l.0", 177]
    ] as const) {
      assert.isAbove(growthOf({ $set: { [path]: nested(levels) } }), 0)
      assert.throws(() => growthOf({ $set: { [path]: nested(levels + 1) } }), LanguageError, /more than 180 levels/)
    }
    assert.throws(() => growthOf({ $push: { l: nested(178) } }), LanguageError, /more than 180 levels/)
  })

  it("takes steps for what changes, and not for what the versions share", () => {
    const stepsFor = (elements: number) => {
      const rest = Array.from({ length: elements }, (_, i) => ({ i }))
      const before = { _id: 1, n: 1, d: { x: 1, rest }, rest }
      const { apply, growth } = compileUpdate({ $inc: { n: 1, "d.x": 1 } })
      const budget = { steps: 1_000_000, values: 1_000_000 }
      within(budget, () => growth(before, apply(before)))
      return 1_000_000 - budget.steps
    }
    assert.strictEqual(stepsFor(10_000), stepsFor(1))
  })
})
