/** What updates cost, in steps of the language: by what they change, and not by what they leave. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Document, makeMemory } from "../../../src/server/data/Database.ts"
import { within } from "../../../src/server/language/budget.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

/** The steps of an update of all documents, each with an array of other documents. */
const stepsOf = (
  count: number,
  elements: number,
  update: Document | ReadonlyArray<Document>,
  index: string | undefined
): number => {
  const database = makeMemory()
  const rest = Array.from({ length: elements }, (_, i) => ({ i }))
  const documents = Array.from({ length: count }, (_, _id) => ({ _id, n: _id, d: { x: 1, rest }, rest }))
  Effect.runSync(database.insert(namespace, documents))
  if (index !== undefined) Effect.runSync(database.index(namespace, index))
  const budget = { steps: 10_000_000, values: 10_000_000 }
  const change = { _tag: "Update", update } as const
  const { modifiedCount } = within(budget, () =>
    Effect.runSync(database.update(namespace, { filter: {}, many: true, change }))
  )
  assert.strictEqual(modifiedCount, count)
  return 10_000_000 - budget.steps
}

describe("an update of many documents", () => {
  it.each<readonly [update: Document | ReadonlyArray<Document>, index: string | undefined]>([
    [{ $inc: { n: 1 }, $set: { "d.x": 2 } }, undefined],
    [{ $inc: { n: 1 } }, "rest.i"],
    [[{ $set: { n: { $add: ["$n", 1] } } }], undefined]
  ])("takes steps by their number, and as many for large ones: %j, index %s", (update, index) => {
    const [steps = 0, twice = 0, thrice] = [100, 200, 300].map((count) => stepsOf(count, 1, update, index))
    // beside those for the update itself
    assert.isAbove(twice - steps, 0.9 * steps)
    assert.strictEqual(thrice, twice + (twice - steps))
    assert.strictEqual(stepsOf(100, 1_000, update, index), steps)
  })
})
