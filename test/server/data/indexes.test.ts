import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { Effect } from "effect"
import { type Document, makeMemory } from "../../../src/server/data/Database.ts"
import type { Run } from "../../../src/server/data/Driver.ts"
import * as RuledDatabase from "../../../src/server/data/RuledDatabase.ts"
import { compile } from "../../../src/server/language/Filter.ts"
import { canonical, keyOf } from "../../../src/server/language/Value.ts"
import { Batch } from "../../../src/server/data/store/batch.ts"
import { ChangeLog } from "../../../src/server/data/store/changeLog.ts"
import { defaultLimits } from "../../../src/server/storage/EventLog.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import { MemoryCollection } from "../../../src/server/data/store/documents.ts"
import { accessOf, given } from "./asking.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const ids = Array.from({ length: 500 }, () => new ObjectId())

const collection = () => {
  const all = new MemoryCollection()
  all.index("user")
  all.index("address.zip")
  for (const [i, _id] of ids.entries()) {
    all.put(keyOf(_id), { _id, kind: "k", user: `u${i}`, tags: [i], address: [{ zip: i }, { zip: -i }] })
  }
  return all
}

const log = new ChangeLog(RowStore.none, "a/m", new Uint8Array(16), defaultLimits)

/** How many documents a search looks at. */
const looksAt = (data: MemoryCollection, filter: Document) =>
  [...new Batch().candidates({ name: "d.c", namespace, table: "t", data, log }, compile(canonical(filter)).conditions)]
    .length

describe("a search looks at as few documents as the indexes tell", () => {
  it.each<readonly [Document, number]>([
    [{ _id: ids[7] }, 1],
    [{ _id: { $eq: ids[7] }, tags: 3 }, 1],
    [{ _id: { $in: [ids[7], ids[8], new ObjectId()] } }, 2],
    [{ $and: [{ _id: ids[7] }, { tags: 1 }] }, 1],
    [{ $and: [{ tags: 1 }, { $and: [{ user: "u9" }] }], tags: 9 }, 1],
    [{ user: "u1", _id: { $in: ids } }, 1],
    [{ user: { $in: ["u1", "u2", "nobody"] } }, 2],
    [{ user: null }, 0],
    [{ "address.zip": -3 }, 1],
    [{ "address.zip": { $gt: 3 } }, 500],
    [{ user: /^u1$/ }, 500],
    [{ $or: [{ user: "u1" }] }, 500],
    [{}, 500]
  ])("%j", (filter, documents) => {
    assert.strictEqual(looksAt(collection(), filter), documents)
  })

  it("uses them after changes too", () => {
    const all = collection()
    all.put(keyOf(ids[0]), { _id: ids[0], user: "u1" })
    assert.strictEqual(looksAt(all, { user: "u1" }), 2)
    assert.strictEqual(looksAt(all, { user: "u0" }), 0)
    all.delete(keyOf(ids[0]))
    assert.strictEqual(looksAt(all, { user: "u1" }), 1)
    assert.strictEqual(looksAt(all, { "address.zip": null }), 0)
  })
})

describe("changes under rules", () => {
  it.effect("applies concurrent changes one after the other", () =>
    Effect.gen(function* () {
      const database = makeMemory()
      yield* database.insert(namespace, [{ _id: 1, kind: "k", n: 0 }])
      const documents = { document_filters: { read: { kind: "k" }, write: { kind: "k" } }, read: true, write: true }
      const rule = { roles: [{ name: "all", apply_when: {}, ...documents }] }
      // the read, the check and the write are steps of their own, between which others come
      const pausing =
        (run: Run): Run =>
        (operation) =>
          Effect.tap(run(operation), Effect.yieldNow)
      const ruled = RuledDatabase.make(
        {
          ...database,
          transaction: Effect.map(database.transaction, (it) => ({ ...it, run: pausing(it.run) }))
        },
        accessOf(rule, given()),
        () => Effect.undefined
      )
      const increment = ruled.update(namespace, { filter: {}, change: { _tag: "Update", update: { $inc: { n: 1 } } } })
      yield* Effect.all(
        Array.from({ length: 20 }, () => increment),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* database.find(namespace, { filter: {} }), [{ _id: 1, kind: "k", n: 20 }])
    })
  )
})
