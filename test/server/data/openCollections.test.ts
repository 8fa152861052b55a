/** What a user reaches through the pipelines of a collection that is open: no more than by asking for it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { Access, DataSource } from "../../../src/server/data/DataAccess.ts"
import { Database, type Document } from "effect-app-services/server/data/Database"
import { forbiddenCode } from "../../../src/server/data/DatabaseError.ts"
import * as Rules from "../../../src/server/data/Rules.ts"
import * as UserDatabase from "../../../src/server/data/UserDatabase.ts"
import { given, stranger } from "./asking.ts"

const all = { read: true, write: true, insert: true, delete: true }
const rules = (rule: unknown): Access => Result.getOrThrow(Rules.compile(rule))
const source: DataSource = {
  open: false,
  collections: new Map<string, Access>([
    ["app.pub", true],
    ["app.other", true],
    ["app.everything", rules({ roles: [all] })],
    ["app.closed", false],
    ["app.filtered", rules({ roles: [all], filters: [{ query: { owner: "%%user.id" } }] })],
    ["app.owned", rules({ roles: [{ apply_when: { owner: "%%user.id" }, ...all }] })],
    ["app.partial", rules({ roles: [{ fields: { a: { read: true } } }] })],
    ["app.readable", rules({ roles: [{ read: true }] })],
    ["app.compared", rules({ roles: [{ apply_when: { a: "%%root.b" }, read: true }] })],
    ["otherdb.pub", true]
  ])
}

const at = (collection: string, database = "app") => ({ appId: "a", service: "s", database, collection })
const ruled = ["closed", "filtered", "owned", "partial", "readable", "unlisted"]
const stored = { _id: 1, owner: "x", a: 1, secret: "hidden" }

/** The whole database, and that of a user, outside a transaction and in one. */
const made = Effect.gen(function* () {
  const whole = yield* Database
  for (const collection of [...ruled, "other"]) yield* whole.insert(at(collection), [stored])
  yield* whole.insert(at("pub"), [{ _id: 7, owner: stranger.id }])
  const mine = UserDatabase.make(whole, new Map([["s", source]]), given())
  return { whole, mine, transaction: yield* mine.transaction }
})

const refused = Effect.fnUntraced(function* (
  { mine, transaction, whole }: Effect.Success<typeof made>,
  from: string,
  pipeline: ReadonlyArray<Document>
) {
  const reads = [...ruled.map((it) => at(it)), at("pub"), at("pub", "otherdb"), at("stolen", "otherdb")]
  const before = yield* Effect.forEach(reads, (it) => whole.find(it, { filter: {} }))
  for (const database of [mine, transaction]) {
    const error = yield* Effect.flip(database.aggregate(at(from), pipeline))
    assert.strictEqual(error.code, forbiddenCode, JSON.stringify(pipeline))
    assert.match(error.message, /^aggregate not permitted: /)
    assert.notInclude(error.message, "hidden")
  }
  assert.deepStrictEqual(yield* Effect.forEach(reads, (it) => whole.find(it, { filter: {} })), before)
})

const provided = Effect.provide(Database.layerMemory)

describe("the pipeline of an open collection", () => {
  const joinsOf = (from: string): ReadonlyArray<Document> => [
    { $lookup: { from, pipeline: [], as: "x" } },
    { $lookup: { from, localField: "one", foreignField: "_id", as: "x" } },
    { $graphLookup: { from, startWith: 1, connectFromField: "a", connectToField: "_id", as: "x" } },
    { $unionWith: from },
    { $unionWith: { coll: from, pipeline: [] } }
  ]

  it.effect.each(["pub", "everything", "owned", "partial"])("%s joins none that is closed", (from) =>
    Effect.gen(function* () {
      const databases = yield* made
      for (const stage of ["closed", "unlisted"].flatMap(joinsOf)) {
        yield* refused(databases, from, [stage])
        yield* refused(databases, from, [{ $facet: { x: [{ $limit: 1 }, stage] } }])
        yield* refused(databases, from, [{ $unionWith: { coll: "other", pipeline: [stage] } }])
        yield* refused(databases, from, [{ $lookup: { from: "other", pipeline: [{ $match: {} }, stage], as: "x" } }])
      }
    }).pipe(Effect.scoped, provided)
  )

  it.effect("sees of those that it joins what a query of the user would find", () =>
    Effect.gen(function* () {
      const { mine, whole } = yield* made
      yield* whole.update(at("pub"), { filter: {}, change: { _tag: "Update", update: { $set: { one: 1 } } } })
      const transaction = yield* mine.transaction
      for (const other of ["filtered", "owned", "partial", "readable", "other"]) {
        const shown = yield* mine.find(at(other), { filter: {} })
        for (const stage of joinsOf(other)) {
          for (const database of [mine, transaction]) {
            const [first, ...more] = yield* database.aggregate(at("pub"), [stage])
            assert.deepStrictEqual(first?.["x"] ?? more, shown, `${other}: ${JSON.stringify(stage)}`)
          }
        }
      }
    }).pipe(Effect.scoped, provided)
  )

  it.effect("joins by no field that is hidden", () =>
    Effect.gen(function* () {
      const { mine } = yield* made
      const by = (foreignField: string) => ({ $lookup: { from: "partial", localField: "word", foreignField, as: "x" } })
      yield* mine.insert(at("pub"), [{ _id: 8, word: "hidden" }])
      const [found] = yield* mine.aggregate(at("pub"), [{ $match: { _id: 8 } }, by("secret")])
      assert.deepStrictEqual(found?.["x"], [])
      const restrict = { restrictSearchWithMatch: { secret: "hidden" } }
      const graph = { from: "partial", startWith: 1, connectFromField: "a", connectToField: "a", as: "x", ...restrict }
      const [restricted] = yield* mine.aggregate(at("pub"), [{ $match: { _id: 8 } }, { $graphLookup: graph }])
      assert.deepStrictEqual(restricted?.["x"], [])
    }).pipe(Effect.scoped, provided)
  )

  it.effect("joins none whose rules compare the fields of each document", () =>
    Effect.gen(function* () {
      const databases = yield* made
      for (const stage of joinsOf("compared")) yield* refused(databases, "pub", [stage])
    }).pipe(Effect.scoped, provided)
  )

  it.effect.each(["pub", "everything", "owned"])("%s writes to none that the user may not change as a whole", (from) =>
    Effect.gen(function* () {
      const databases = yield* made
      for (const other of ruled) {
        for (const place of [other, { db: "app", coll: other }]) {
          yield* refused(databases, from, [{ $set: { owner: stranger.id } }, { $out: place }])
          yield* refused(databases, from, [{ $project: { _id: "nB" } }, { $merge: { into: place } }])
        }
        yield* refused(databases, from, [{ $merge: other }])
      }
      yield* refused(databases, from, [{ $out: { db: "otherdb", coll: "stolen" } }])
      yield* refused(databases, from, [{ $merge: { into: { db: "otherdb", coll: "stolen" } } }])
      yield* refused(databases, from, [{ $out: { db: "nowhere", coll: "pub" } }])
    }).pipe(Effect.scoped, provided)
  )

  it.effect("joins and writes to what is open, in another database too", () =>
    Effect.gen(function* () {
      const { mine, whole } = yield* made
      const lookup = { $lookup: { from: "other", pipeline: [{ $unionWith: "everything" }], as: "x" } }
      assert.deepStrictEqual(yield* mine.aggregate(at("pub"), [lookup]), [{ _id: 7, owner: stranger.id, x: [stored] }])
      yield* mine.aggregate(at("pub"), [{ $out: { db: "otherdb", coll: "pub" } }])
      assert.deepStrictEqual(yield* whole.find(at("pub", "otherdb"), { filter: {} }), [{ _id: 7, owner: stranger.id }])
      yield* mine.aggregate(at("pub"), [{ $merge: { into: "everything" } }])
      assert.strictEqual(yield* whole.count(at("everything"), { filter: {} }), 1)
    }).pipe(Effect.scoped, provided)
  )

  it.effect("writes what its own rules show", () =>
    Effect.gen(function* () {
      const { mine, whole } = yield* made
      yield* whole.insert(at("owned"), [{ _id: 2, owner: stranger.id }])
      yield* mine.aggregate(at("owned"), [{ $out: "other" }])
      assert.deepStrictEqual(yield* whole.find(at("other"), { filter: {} }), [{ _id: 2, owner: stranger.id }])
      yield* mine.aggregate(at("partial"), [{ $out: "other" }])
      assert.deepStrictEqual(yield* whole.find(at("other"), { filter: {} }), [{ _id: 1, a: 1 }])
    }).pipe(Effect.scoped, provided)
  )
})

describe("a stage that is unknown", () => {
  it.effect("is told as such, whatever the rules say", () =>
    Effect.gen(function* () {
      const { mine, transaction } = yield* made
      for (const from of ["pub", "everything", "owned", "partial", "filtered"]) {
        for (const database of [mine, transaction]) {
          for (const stages of [[{ $who: 1 }], [{ $facet: { x: [{ $who: 1 }] } }], [{ $match: {} }, { $who: 1 }]]) {
            const { code, message } = yield* Effect.flip(database.aggregate(at(from), stages))
            assert.deepStrictEqual([code, message], [40_324, "Unrecognized pipeline stage name: '$who'"])
          }
        }
      }
    }).pipe(Effect.scoped, provided)
  )
})

describe("a database whose name has a dot", () => {
  it.effect("has no rules of the collection whose name continues it", () =>
    Effect.gen(function* () {
      const whole = yield* Database
      const notes: DataSource = { open: false, collections: new Map([["app.old.notes", true]]) }
      const mine = UserDatabase.make(whole, new Map([["s", notes]]), given())
      assert.deepStrictEqual(yield* mine.find(at("old.notes"), { filter: {} }), [])
      const { code } = yield* Effect.flip(mine.find(at("notes", "app.old"), { filter: {} }))
      assert.strictEqual(code, forbiddenCode)
    }).pipe(provided)
  )
})
