/** What a ruled database asks of the one behind it. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { Database, type Document } from "effect-app-services/server/data/Database"
import type { Run } from "../../../src/server/data/Driver.ts"
import * as RuledDatabase from "../../../src/server/data/RuledDatabase.ts"
import { accessOf, given, stranger } from "./asking.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const all = { read: true, write: true, insert: true, delete: true }
const owned = { roles: [{ apply_when: { owner: "%%user.id" }, ...all }] }
/** Hides a field, so that documents are read before they are searched. */
const inPart = {
  roles: [{ apply_when: { owner: "%%user.id" }, fields: { owner: { read: true }, n: { write: true } } }]
}

const recorded = Effect.gen(function* () {
  const whole = yield* Database
  const asked: Array<Document> = []
  const remembering =
    (run: Run): Run =>
    (operation) => {
      const view = "view" in operation ? operation.view : undefined
      if (view?._tag === "Masked") asked.push(view.filter)
      else if ("only" in operation && operation.only !== undefined) {
        asked.push({ $and: [{ _id: { $eq: operation.only._id } }, operation.filter] })
      } else if ("filter" in operation) asked.push(operation.filter)
      return run(operation)
    }
  const database = Database.make({
    ...whole,
    run: remembering(whole.run),
    transaction: Effect.map(whole.transaction, (it) => ({ ...it, run: remembering(it.run) }))
  })
  yield* whole.insert(
    namespace,
    [1, 2, 3].map((_id) => ({ _id, owner: _id === 3 ? "x" : stranger.id, n: _id, hidden: 1 }))
  )
  return { database, asked }
})

/** The fields that a filter names, inside of `$and` too. */
const namesOf = (filter: Document): ReadonlyArray<string> =>
  Object.entries(filter).flatMap(([name, value]) =>
    name === "$and" ? (value as ReadonlyArray<Document>).flatMap(namesOf) : [name]
  )

const ruled = (database: Database["Service"], rule: unknown, who = given()) =>
  RuledDatabase.make(database, accessOf(rule, who), () => Effect.undefined)

describe("a query for _id", () => {
  it.effect("reaches the database as such, where its index is", () =>
    Effect.gen(function* () {
      const { asked, database } = yield* recorded
      for (const rule of [owned, inPart]) {
        const mine = ruled(database, rule)
        for (const _id of [2, { $eq: 2 }, { $in: [2, 3] }]) {
          assert.lengthOf(yield* mine.find(namespace, { filter: { _id } }), 1)
          assert.strictEqual(yield* mine.count(namespace, { filter: { _id, n: 2 } }), 1)
        }
        const change = { _tag: "Update", update: { $set: { n: 2 } } } as const
        assert.deepStrictEqual(yield* mine.update(namespace, { filter: { _id: 2 }, change }), {
          matchedCount: 1,
          modifiedCount: 0
        })
        assert.lengthOf(yield* mine.find(namespace, { filter: { _id: 3 } }), 0)
      }
      assert.isAbove(asked.length, 16)
      for (const filter of asked) assert.include(namesOf(filter), "_id")
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("is what a change of many documents becomes for each", () =>
    Effect.gen(function* () {
      const { asked, database } = yield* recorded
      const mine = ruled(database, owned)
      const change = { _tag: "Update", update: { $inc: { n: 1 } } } as const
      const filter = { n: { $gt: 0 }, _id: { $gte: 1 } }
      assert.strictEqual((yield* mine.update(namespace, { filter, change, many: true })).modifiedCount, 2)
      assert.strictEqual(yield* mine.delete(namespace, { filter: { n: { $gt: 0 } }, many: true }), 2)
      const [, first, second, , third, fourth] = asked
      const ofEach = [1, 2, 1, 2].map((_id, i) => ({
        $and: [{ _id: { $eq: _id } }, i < 2 ? filter : { n: { $gt: 0 } }]
      }))
      assert.deepStrictEqual([first, second, third, fourth], ofEach)
    }).pipe(Effect.provide(Database.layerMemory))
  )
})

describe("a collation of the caller", () => {
  const ada = given({ ...stranger, id: "ada" })
  const collation = { locale: "en", strength: 1 }
  const documents = [
    { _id: "X", owner: "ADA", name: "one", n: 1, hidden: "a" },
    { _id: "x", owner: "ada", name: "ONE", n: 1, hidden: "b" },
    { _id: "y", owner: "ada", name: "two", n: 1, hidden: "c" }
  ]
  const kept = (id: string) => documents.filter(({ _id }) => _id === id)

  for (const [name, rule] of Object.entries({ whole: owned, "in part": inPart })) {
    it.effect(`does not compare what rules compare, where documents are shown ${name}`, () =>
      Effect.gen(function* () {
        const whole = yield* Database
        yield* whole.insert(namespace, documents)
        const mine = ruled(whole, rule, ada)
        const ids = (found: ReadonlyArray<Document>) => found.map(({ _id }) => _id)
        assert.deepStrictEqual(ids(yield* mine.find(namespace, { filter: {}, collation })), ["x", "y"])
        assert.deepStrictEqual(ids(yield* mine.find(namespace, { filter: { owner: "ADA" }, collation })), ["x", "y"])
        assert.deepStrictEqual(ids(yield* mine.find(namespace, { filter: { _id: "X" }, collation })), ["x"])
        assert.strictEqual(yield* mine.count(namespace, { filter: { owner: { $gte: "ADA" }, n: 1 }, collation }), 2)
        assert.deepStrictEqual(yield* mine.distinct(namespace, "owner", {}, { collation }), ["ada"])
        const groups = [{ $match: { owner: "Ada" } }, { $group: { _id: "$owner", n: { $sum: "$n" } } }]
        assert.deepStrictEqual(yield* mine.aggregate(namespace, groups, { collation }), [{ _id: "ada", n: 2 }])
        const change = { _tag: "Update", update: { $inc: { n: 1 } } } as const
        const updated = yield* mine.update(namespace, { filter: { _id: "X" }, change, collation })
        assert.deepStrictEqual(updated, { matchedCount: 1, modifiedCount: 1 })
        assert.deepStrictEqual(yield* whole.find(namespace, { filter: { _id: "X" } }), kept("X"))
        const found = yield* mine.findOneAnd(namespace, { filter: { _id: "X" }, change, collation, returnNew: true })
        assert.deepInclude(found ?? {}, { _id: "x", n: 3 })
        assert.deepStrictEqual(yield* whole.find(namespace, { filter: { _id: "X" } }), kept("X"))
      }).pipe(Effect.provide(Database.layerMemory))
    )
  }

  it.effect("finds and deletes no document but the ones that the rules let it", () =>
    Effect.gen(function* () {
      const whole = yield* Database
      yield* whole.insert(namespace, documents)
      const mine = ruled(whole, owned, ada)
      assert.strictEqual(yield* mine.delete(namespace, { filter: { _id: "X" }, collation, many: true }), 1)
      assert.deepStrictEqual(
        (yield* whole.find(namespace, { filter: {} })).map(({ _id }) => _id),
        ["X", "y"]
      )
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("finds nothing by a field that is hidden", () =>
    Effect.gen(function* () {
      const whole = yield* Database
      yield* whole.insert(namespace, documents)
      const mine = ruled(whole, inPart, ada)
      assert.deepStrictEqual(yield* mine.find(namespace, { filter: { hidden: "B" }, collation }), [])
      assert.deepStrictEqual(yield* mine.distinct(namespace, "hidden", {}, { collation }), [])
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("comes with variables that the rules do not see", () =>
    Effect.gen(function* () {
      const whole = yield* Database
      yield* whole.insert(namespace, documents)
      const mine = ruled(whole, owned, ada)
      const asked = { filter: { $expr: { $eq: ["$name", "$$name"] } }, let: { name: "one" } }
      assert.strictEqual(yield* mine.count(namespace, asked), 0)
      assert.strictEqual(yield* mine.count(namespace, { ...asked, collation }), 1)
      const pipeline = [{ $match: { _id: "y" } }, { $project: { name: "$$name" } }]
      assert.deepStrictEqual(yield* mine.aggregate(namespace, pipeline, { let: asked.let }), [
        { _id: "y", name: "one" }
      ])
    }).pipe(Effect.provide(Database.layerMemory))
  )
})

describe("what a user reads of documents that are shown in part", () => {
  const hides = { roles: [{ apply_when: {}, fields: { secret: { read: false } }, additional_fields: { read: true } }] }

  it.effect("is asked of the stored documents where that is equal, and of what is shown where not", () =>
    Effect.gen(function* () {
      const whole = yield* Database
      const operations: Array<unknown> = []
      const run: Run = (operation) => {
        const view = "view" in operation ? operation.view : undefined
        operations.push({
          before: view?._tag === "Masked" ? view.filter : undefined,
          behind: "filter" in operation ? operation.filter : undefined,
          pipeline: "pipeline" in operation ? operation.pipeline : undefined
        })
        return whole.run(operation)
      }
      const mine = ruled(Database.make({ ...whole, run }), hides)
      const asked = (effect: Effect.Effect<unknown, unknown>) => Effect.map(effect, () => operations.pop())
      const shown = { k: 10, $or: [{ n: 1 }, { "m.x": { $gt: 2 } }] }
      const both = { $and: [{ k: 10 }, { secret: 7 }], $expr: { $eq: ["$n", 1] } }
      const conditions = { $and: [{ k: 10 }, { $or: shown.$or }] }
      const behind = { $and: [{ secret: 7 }, { $expr: both.$expr }] }
      assert.deepStrictEqual(yield* asked(mine.find(namespace, { filter: shown })), {
        before: conditions,
        behind: {},
        pipeline: undefined
      })
      assert.deepStrictEqual(yield* asked(mine.find(namespace, { filter: both })), {
        before: { k: 10 },
        behind,
        pipeline: undefined
      })
      // an answer that has nothing of the documents needs no view
      const counted = { before: undefined, behind: conditions, pipeline: undefined }
      assert.deepStrictEqual(yield* asked(mine.count(namespace, { filter: shown })), counted)
      assert.deepStrictEqual(yield* asked(mine.distinct(namespace, "k", shown)), counted)
      assert.deepStrictEqual(yield* asked(mine.distinct(namespace, "secret", shown)), {
        ...counted,
        before: conditions,
        behind: {}
      })
      for (const [$match, before, stages] of [
        [shown, conditions, []],
        [both, { k: 10 }, [{ $match: behind }]],
        [{ secret: 7 }, {}, [{ $match: { secret: 7 } }]]
      ] as const) {
        const pipeline = [{ $match }, { $count: "n" }]
        assert.deepStrictEqual(yield* asked(mine.aggregate(namespace, pipeline)), {
          before,
          behind: undefined,
          pipeline: [...stages, { $count: "n" }]
        })
      }
    }).pipe(Effect.provide(Database.layerMemory))
  )
})

describe("a change whose rule waits for a function", () => {
  it.effect("makes those of its collection wait, and no others", () =>
    Effect.gen(function* () {
      const database = yield* Database
      const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<boolean>()]
      const who = given(stranger, {
        call: () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))
      })
      const rule = { roles: [{ ...all, write: { "%function": { name: "f", arguments: ["%%root.n"] } } }] }
      const update = (collection: string, rule: unknown) =>
        ruled(database, rule, who).update(
          { ...namespace, collection },
          { filter: {}, change: { _tag: "Update", update: { $inc: { n: 1 } } } }
        )
      for (const collection of ["c", "d"]) yield* database.insert({ ...namespace, collection }, [{ n: 1 }])
      const waiting = yield* Effect.forkChild(update("c", rule))
      yield* Deferred.await(asked)
      const behind = yield* Effect.forkChild(update("c", { roles: [all], filters: [{ query: { n: 2 } }] }))
      assert.deepStrictEqual(yield* update("d", owned), { matchedCount: 0, modifiedCount: 0 })
      yield* Deferred.succeed(answer, true)
      assert.strictEqual((yield* Fiber.join(waiting)).modifiedCount, 1)
      // it came second, so that it found what the first made
      assert.strictEqual((yield* Fiber.join(behind)).modifiedCount, 1)
      // an interrupted one leaves the lock to others
      const stopped = yield* Effect.forkChild(update("c", rule))
      yield* Fiber.interrupt(stopped)
      assert.strictEqual((yield* update("c", rule)).modifiedCount, 1)
    }).pipe(Effect.provide(Database.layerMemory))
  )
})
