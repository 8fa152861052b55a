import { assert, describe, it } from "@effect/vitest"
import { within } from "../../../src/server/language/budget.ts"
import { growth } from "../../../src/server/language/growth.ts"
import { LanguageError } from "../../../src/server/language/LanguageError.ts"
import { canonical, isDocument, sizeOf } from "../../../src/server/language/Value.ts"
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
