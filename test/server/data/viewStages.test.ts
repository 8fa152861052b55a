import { assert, describe, it } from "@effect/vitest"
import { compile } from "../../../src/server/data/internal/views.ts"
import type { Document } from "../../../src/server/data/Operation.ts"
import type { Case, Condition, Mask, View } from "../../../src/server/data/View.ts"
import { viewStages } from "../../../src/server/data/viewStages.ts"
import * as Filter from "../../../src/server/language/Filter.ts"
import { canonical, keyOf } from "../../../src/server/language/Value.ts"
import { aggregate } from "../language/operations.ts"
import { anyValue, chance } from "../language/support.ts"

type Masked = Extract<View, { readonly _tag: "Masked" }>

/** What a view shows, document by document. */
const shownBy = (view: Masked, documents: ReadonlyArray<Document>): ReadonlyArray<Document> => {
  const { matches } = Filter.compile(canonical(view.filter, "null"))
  const show = compile(view.cases)
  return documents
    .filter((document) => matches(document))
    .map(show)
    .filter((it) => it !== undefined)
}

/** Documents in an order of their own, to the order of their fields. */
const inOrder = (documents: ReadonlyArray<Document>) => documents.map(keyOf).toSorted()

const inventing = (seed: number) => {
  const random = chance(seed)
  const pick = <A>(...values: ReadonlyArray<A>): A | undefined => values[Math.floor(random() * values.length)]
  const condition = (): Condition =>
    pick<Condition>(true, false, true, { a: { $gt: 0 } }, { "b.a": null }, { b: { $in: ["a", null, 1] } }) ?? true
  const mask = (depth: number): Mask => {
    const below =
      depth === 0 || random() < 0.3
        ? undefined
        : {
            fields: new Map(["a", "b", "_id"].filter(() => random() < 0.5).map((name) => [name, mask(depth - 1)])),
            others: mask(random() < 0.7 ? 0 : depth - 1)
          }
    return { read: condition(), below }
  }
  const cases = (): ReadonlyArray<Case> =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      when: condition(),
      shows: Array.from({ length: Math.floor(random() * 3) }, () => mask(2))
    }))
  const filter = () => pick<Document>({}, { a: { $exists: true } }, { $or: [{ a: null }, { b: { $lt: 2 } }] }) ?? {}
  const document = (_id: unknown): Document => ({
    _id,
    a: anyValue(random, 3) ?? null,
    ...(random() < 0.8 ? { b: anyValue(random, 3) ?? null } : {}),
    ...(random() < 0.3 ? { "c.d": 1, $e: [[{ a: 1, b: 2 }]] } : {})
  })
  return { cases, document, filter, random }
}

describe("the stages of a view", () => {
  it("make what the view shows, for any masks and documents", () => {
    let shown = 0
    let hidden = 0
    for (let seed = 1; seed <= 80; seed++) {
      const { cases, document, filter } = inventing(seed)
      const view: Masked = { _tag: "Masked", filter: filter(), cases: cases() }
      const documents = Array.from({ length: 12 }, (_, i) => document(i % 4 === 0 ? { a: i, b: 1 } : i)).map(
        (it) => canonical(it) as Document
      )
      let stages: ReadonlyArray<Document>
      try {
        stages = viewStages(view, "c")
      } catch {
        continue
      }
      const expected = inOrder(shownBy(view, documents))
      assert.deepStrictEqual(inOrder(aggregate(documents, stages, { c: documents })), expected, `seed ${seed}`)
      shown += expected.length
      hidden += expected.filter((key) => !inOrder(documents).includes(key)).length
    }
    assert.isAbove(shown, 100)
    assert.isAbove(hidden, 50)
  })

  const hides = (name: string): Mask => ({
    read: false,
    below: { fields: new Map([[name, { read: false, below: undefined }]]), others: { read: true, below: undefined } }
  })

  it("leave nothing of a hidden field to the stages behind them", () => {
    const view: Masked = { _tag: "Masked", filter: {}, cases: [{ when: true, shows: [hides("secret")] }] }
    const documents = [
      { _id: 1, secret: 1, open: 1 },
      { _id: 2, open: 1 },
      { _id: 3, secret: "x", open: 1 },
      { _id: 4, secret: null, open: 1 }
    ]
    const behind = (stage: Document) => aggregate(documents, [...viewStages(view, "c"), stage])
    assert.lengthOf(behind({ $match: { secret: { $exists: true } } }), 0)
    assert.lengthOf(behind({ $match: { secret: null } }), 4)
    assert.deepStrictEqual(
      behind({ $sort: { secret: -1 } }).map(({ _id }) => _id),
      [1, 2, 3, 4]
    )
    assert.deepStrictEqual(behind({ $group: { _id: "$secret", n: { $sum: 1 } } }), [{ _id: null, n: 4 }])
    // fails for a text, and there is none
    assert.deepStrictEqual(
      behind({ $project: { _id: 0, sum: { $add: ["$secret", 1] } } }),
      documents.map(() => ({ sum: null }))
    )
    assert.deepStrictEqual(
      behind({ $replaceWith: { names: { $map: { input: { $objectToArray: "$$ROOT" }, in: "$$this.k" } } } }),
      documents.map(() => ({ names: ["_id", "open"] }))
    )
  })

  it("use a filter alone where all is shown, and find nothing where no case applies", () => {
    const filter = { owner: "ada" }
    const all: Mask = { read: true, below: undefined }
    assert.deepStrictEqual(viewStages({ _tag: "Masked", filter, cases: [{ when: true, shows: [all] }] }, "c"), [
      { $match: filter }
    ])
    const none = viewStages({ _tag: "Masked", filter, cases: [{ when: false, shows: [] }] }, "c")
    assert.deepStrictEqual(aggregate([{ _id: 1, owner: "ada" }], none), [])
  })

  it("reject too many conditions, which would be too many branches", () => {
    const fields = new Map(
      Array.from({ length: 7 }, (_, i) => [`f${i}`, { read: { [`g${i}`]: 1 }, below: undefined }] as const)
    )
    const mask: Mask = { read: false, below: { fields, others: { read: false, below: undefined } } }
    const view: Masked = { _tag: "Masked", filter: {}, cases: [{ when: true, shows: [mask] }] }
    assert.throws(() => viewStages(view, "c"), "more than 6 conditions on fields")
  })
})
