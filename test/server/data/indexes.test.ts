import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { Effect } from "effect"
import { type Document, makeMemory } from "../../../src/server/data/Database.ts"
import type { Run } from "../../../src/server/data/Driver.ts"
import * as RuledDatabase from "../../../src/server/data/RuledDatabase.ts"
import { accessOf, given } from "./asking.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const ids = Array.from({ length: 500 }, () => new ObjectId())

const collection = Effect.gen(function* () {
  const database = makeMemory()
  yield* database.index(namespace, "user")
  yield* database.index(namespace, "address.zip")
  yield* database.insert(
    namespace,
    ids.map((_id, i) => ({ _id, kind: "k", user: `u${i}`, tags: [i], address: [{ zip: i }, { zip: -i }] }))
  )
  const looksAt = (filter: Document) =>
    Effect.map(database.explain({ _tag: "Find", namespace, filter }), ({ documentsExamined }) => documentsExamined)
  return { ...database, looksAt }
})

describe("a search looks at as few documents as the indexes tell", () => {
  it.effect.each<readonly [Document, number]>([
    [{ _id: ids[7] }, 1],
    [{ _id: { $eq: ids[7] }, tags: 3 }, 1],
    [{ _id: { $in: [ids[7], ids[8], new ObjectId()] } }, 2],
    [{ $and: [{ _id: ids[7] }, { tags: 1 }] }, 1],
    [{ $and: [{ tags: 1 }, { $and: [{ user: "u9" }] }], tags: 9 }, 1],
    [{ user: "u1", _id: { $in: ids } }, 1],
    [{ user: { $in: ["u1", "u2", "nobody"] } }, 2],
    [{ user: null }, 0],
    [{ "address.zip": -3 }, 1],
    [{ "address.zip": { $gt: 497 } }, 2],
    [{ user: { $gte: "u7", $lt: "u71" } }, 2],
    [{ user: { $gt: 7 } }, 0],
    [{ address: { $elemMatch: { zip: 7 } } }, 1],
    [{ $or: [{ user: "u1" }, { "address.zip": 9 }, { _id: ids[9] }] }, 2],
    [{ $or: [{ user: "u1" }, { tags: 1 }] }, 500],
    [{ user: /^u1$/ }, 500],
    [{}, 500]
  ])("%j", ([filter, documents]) =>
    Effect.gen(function* () {
      const { looksAt } = yield* collection
      assert.strictEqual(yield* looksAt(filter), documents)
    })
  )

  it.effect("uses them after changes too", () =>
    Effect.gen(function* () {
      const { delete: remove, looksAt, update } = yield* collection
      yield* update(namespace, {
        filter: { _id: ids[0] },
        change: { _tag: "Replace", document: { _id: ids[0], user: "u1" } }
      })
      assert.strictEqual(yield* looksAt({ user: "u1" }), 2)
      assert.strictEqual(yield* looksAt({ user: "u0" }), 0)
      assert.strictEqual(yield* looksAt({ "address.zip": null }), 1)
      yield* remove(namespace, { filter: { _id: ids[0] } })
      assert.strictEqual(yield* looksAt({ user: "u1" }), 1)
      assert.strictEqual(yield* looksAt({ "address.zip": null }), 0)
    })
  )
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
