/** What a document may be: its size, its depth, and the order of its fields. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { join } from "node:path"
import { Database, type Document } from "../../../src/server/data/Database.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { directory } from "../support.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const update = (update: Document | ReadonlyArray<Document>) => ({ _tag: "Update", update }) as const

/** A new database in a directory, and all of its documents as they are after it is opened again. */
const reopened = Effect.fnUntraced(function* <A>(use: Effect.Effect<A, unknown, Database>) {
  const folder = join(yield* directory({}), "data")
  const open = Layer.provide(Database.layer, DataDirectory.layer(folder))
  const all = Database.use((database) => database.find(namespace, { filter: {}, sort: { _id: 1 } }))
  const answer = yield* Effect.provide(Effect.zip(use, all), open, { local: true })
  const found = yield* Effect.provide(all, open, { local: true })
  assert.deepStrictEqual(found, answer[1])
  return [answer[0], found] as const
})

const codeOf = <A>(effect: Effect.Effect<A, { readonly code?: number }>) =>
  Effect.map(Effect.result(effect), (result) => (Result.isFailure(result) ? result.failure.code : undefined))

/** A document of some levels, itself the first. */
const nested = (levels: number, inmost: unknown): unknown => {
  let value = inmost
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { a: value } : [value]
  return value
}

/** The most bytes of a document, and what an `_id` of four bytes and a text take beside the text. */
const largest = 16 * 1024 * 1024
const around = 5 + (1 + 4 + 4) + (1 + 2 + 5)

describe("a document", () => {
  it.effect("has at most 16 MiB, when it is inserted, changed, replaced, upserted and written by a pipeline", () =>
    Effect.gen(function* () {
      const most = largest - around
      const use = Effect.gen(function* () {
        const database = yield* Database
        yield* database.insert(namespace, [
          { _id: 1, t: "x".repeat(most) },
          { _id: 2, t: "x".repeat(most - 2) }
        ])
        const more = "x".repeat(most + 1)
        const refused = [
          database.insert(namespace, [{ _id: 3, t: more }]),
          database.update(namespace, { filter: { _id: 1 }, change: update({ $set: { a: 1 } }) }),
          database.update(namespace, {
            filter: {},
            many: true,
            change: update([{ $set: { t: { $concat: ["$t", "xx"] } } }])
          }),
          database.update(namespace, { filter: { _id: 2 }, change: { _tag: "Replace", document: { t: more } } }),
          database.update(namespace, { filter: { _id: 4, t: more }, change: update({ $set: { a: 1 } }), upsert: true }),
          database.findOneAnd(namespace, { filter: { _id: 2 }, change: update({ $set: { t: more } }) }),
          database.aggregate(namespace, [{ $match: { _id: 2 } }, { $set: { u: "$t" } }, { $merge: { into: "c" } }])
        ]
        return yield* Effect.forEach(refused, (operation) => codeOf<unknown>(operation))
      })
      const [codes, found] = yield* reopened(use)
      assert.deepStrictEqual(
        codes,
        Array.from({ length: 7 }, () => 10_334)
      )
      assert.deepStrictEqual(
        found.map(({ t }) => String(t).length),
        [most, most - 2]
      )
    })
  )

  it.effect("has at most 180 levels, as the databases of MongoDB store them", () =>
    Effect.gen(function* () {
      const deep = [101, 150, 179]
      const use = Effect.gen(function* () {
        const database = yield* Database
        for (const levels of deep) yield* database.insert(namespace, [{ _id: levels, d: nested(levels, 1) }])
        yield* database.update(namespace, { filter: { _id: 101 }, change: update({ $set: { d: nested(160, 2) } }) })
        const refused = [
          database.insert(namespace, [{ _id: 1, d: nested(180, 1) }]),
          database.update(namespace, { filter: { _id: 179 }, change: update({ $set: { e: nested(180, 1) } }) }),
          database.update(namespace, { filter: { _id: 179 }, change: update([{ $set: { d: { e: ["$d"] } } }]) }),
          database.aggregate(namespace, [{ $match: { _id: 179 } }, { $set: { d: { e: "$d" } } }, { $out: "other" }])
        ]
        return yield* Effect.forEach(refused, (operation) => codeOf<unknown>(operation))
      })
      const [codes, found] = yield* reopened(use)
      assert.deepStrictEqual(codes, [15, 15, 15, 15])
      assert.deepStrictEqual(found, [
        { _id: 101, d: nested(160, 2) },
        { _id: 150, d: nested(150, 1) },
        { _id: 179, d: nested(179, 1) }
      ])
    })
  )

  it.effect("has the fields that are whole numbers first and in ascending order, in every operation", () =>
    Effect.gen(function* () {
      const use = Effect.gen(function* () {
        const database = yield* Database
        yield* database.insert(namespace, [{ _id: 1, scores: { b: 1, 10: 1, 2: 1 } }])
        yield* database.update(namespace, {
          filter: { _id: 1 },
          change: update({ $set: { "scores.7": 1, "scores.c": 1 } })
        })
        const names = yield* database.aggregate(namespace, [
          { $project: { _id: 0, names: { $map: { input: { $objectToArray: "$scores" }, in: "$$this.k" } } } }
        ])
        const whole = { 2: 1, 7: 1, 10: 1, b: 1, c: 1 }
        // whatever the order in which a caller writes them, it is the same document
        const found = yield* database.count(namespace, { filter: { scores: { 10: 1, c: 1, 7: 1, 2: 1, b: 1 } } })
        const same = yield* database.count(namespace, { filter: { scores: whole } })
        const other = yield* database.count(namespace, { filter: { scores: { 2: 1, 7: 1, 10: 1, c: 1, b: 1 } } })
        return { names, found, same, other }
      })
      const [answers, found] = yield* reopened(use)
      assert.deepStrictEqual(answers, { names: [{ names: ["2", "7", "10", "b", "c"] }], found: 0, same: 1, other: 0 })
      assert.deepStrictEqual(Object.keys(Object(found[0]?.["scores"])), ["2", "7", "10", "b", "c"])
    })
  )
})
