import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Double, Long } from "bson"
import { Effect, Stream } from "effect"
import { Database } from "../../../src/server/data/Database.ts"
import * as PlainNumbers from "../../../src/server/data/PlainNumbers.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const at = (seconds: number) => new Date(Date.UTC(2024, 0, 1, 0, 0, seconds))

describe("a database with plain numbers", () => {
  it.effect("answers with numbers where they have the same value", () =>
    Effect.gen(function* () {
      const typed = yield* Database
      const plain = PlainNumbers.make(typed)
      const large = Long.MAX_VALUE
      const price = Decimal128.fromString("1.5")
      const document = { _id: new Double(1), n: Long.fromNumber(5), list: [{ d: new Double(2) }], large, price }
      assert.deepStrictEqual(yield* plain.insert(namespace, [document]), [1])
      const found = { _id: 1, n: 5, list: [{ d: 2 }], large, price }
      assert.deepStrictEqual(yield* plain.find(namespace, { filter: { n: 5 } }), [found])
      assert.deepStrictEqual(yield* plain.distinct(namespace, "list.d", {}), [2])
      const change = { _tag: "Update", update: { $inc: { n: Long.fromNumber(1) } } } as const
      assert.deepStrictEqual(yield* plain.findOneAnd(namespace, { filter: {}, change, returnNew: true }), {
        ...found,
        n: 6
      })
      // what is stored keeps its types
      assert.deepStrictEqual(yield* typed.find(namespace, { filter: {} }), [{ ...document, n: Long.fromNumber(6) }])
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("computes with times and averages in pipelines, transactions and streams", () =>
    Effect.gen(function* () {
      const plain = PlainNumbers.make(yield* Database)
      const events = yield* plain.watch(namespace, {})
      yield* plain.insert(namespace, [
        { _id: 1, from: at(0), to: at(5), n: 1 },
        { _id: 2, from: at(0), to: at(7), n: new Double(3) }
      ])
      const pipeline = [
        { $group: { _id: null, took: { $sum: { $subtract: ["$to", "$from"] } }, mean: { $avg: "$n" } } }
      ]
      const expected = [{ _id: null, took: 12_000, mean: 2 }]
      assert.deepStrictEqual(yield* plain.aggregate(namespace, pipeline), expected)
      const inside = Effect.flatMap(plain.transaction, (transaction) => transaction.aggregate(namespace, pipeline))
      assert.deepStrictEqual(yield* Effect.scoped(inside), expected)
      const [, second] = yield* Stream.runCollect(Stream.take(events, 2))
      assert.deepStrictEqual(second?.["fullDocument"], { _id: 2, from: at(0), to: at(7), n: 3 })
    }).pipe(Effect.provide(Database.layerMemory))
  )
})
