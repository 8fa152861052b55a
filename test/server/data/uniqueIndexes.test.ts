import { assert, describe, it } from "@effect/vitest"
import { Double, Long } from "bson"
import { Effect, Result } from "effect"
import { App } from "effect-app-services/server"
import { type DatabaseError, type Document, type IndexOptions, makeMemory } from "../../../src/server/data/Database.ts"
import { parseOptions } from "../../../src/server/data/Index.ts"
import * as RuledDatabase from "../../../src/server/data/RuledDatabase.ts"
import { accessOf, given } from "./asking.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

const withIndex = Effect.fnUntraced(function* (index: IndexOptions, documents: ReadonlyArray<Document> = []) {
  const database = makeMemory()
  yield* database.index(namespace, index)
  yield* database.insert(namespace, documents)
  return database
})

const failureOf = <A>(effect: Effect.Effect<A, DatabaseError>) =>
  Effect.map(Effect.result(effect), (result) => (Result.isFailure(result) ? result.failure : undefined))

const set = (fields: Document) => ({ _tag: "Update", update: { $set: fields } }) as const

const email = { key: { email: 1 }, unique: true } as const
const message = (key: string, name = "email_1") =>
  `Duplicate key error: E11000 duplicate key error collection: d.c index: ${name} dup key: { ${key} }`

describe("a unique index", () => {
  it.effect.each<readonly [index: IndexOptions, first: Document, second: Document, key: string]>([
    [email, { email: "x" }, { email: "x" }, 'email: "x"'],
    [email, { email: 1 }, { email: Long.fromNumber(1) }, "email: 1"],
    [email, {}, { email: null }, "email: null"],
    [email, { email: ["x", "y"] }, { email: ["z", "y"] }, 'email: "y"'],
    [email, { email: [] }, { email: [] }, "email: null"],
    [
      { key: { "l.a": 1, "l.b": 1 }, unique: true },
      { l: [{ a: 1, b: 2 }, { a: 3 }] },
      { l: { a: 3, b: null } },
      "l.a: 3, l.b: null"
    ],
    [{ key: { a: 1, b: -1 }, name: "both", unique: true }, { a: 1, b: 2 }, { b: 2, a: 1 }, "a: 1, b: 2"]
  ])("refuses the key of another document, and names the index: %j", ([index, first, second, key]) =>
    Effect.gen(function* () {
      const database = yield* withIndex(index, [{ _id: 1, ...first }])
      const name = parseOptions(index).name
      const failure = yield* failureOf(database.insert(namespace, [second]))
      assert.deepInclude(failure, { code: 11_000, index: name })
      assert.strictEqual(failure?.message, message(key, name))
      // the order of declaration and documents makes no difference
      const later = makeMemory()
      yield* later.insert(namespace, [first, second])
      assert.strictEqual((yield* failureOf(later.index(namespace, index)))?.code, 11_000)
      assert.deepStrictEqual(
        (yield* later.indexes(namespace)).map((it) => it.name),
        ["_id_"]
      )
    })
  )

  it.effect.each<readonly [index: IndexOptions, documents: ReadonlyArray<Document>]>([
    [email, [{ email: 1 }, { email: "1" }, { email: new Double(1.5) }, {}]],
    [email, [{ email: ["x", "x"] }, { email: [["x"]] }]],
    [{ ...email, sparse: true }, [{}, {}, { other: 1 }, { email: null }]],
    [{ key: { "l.a": 1 }, unique: true, sparse: true }, [{ l: [{ a: 1 }, {}] }, { l: [{}, { a: 2 }] }]],
    [
      { key: { "l.a": 1, "l.b": 1 }, unique: true },
      [
        {
          l: [
            { a: 1, b: 2 },
            { a: 3, b: 4 }
          ]
        },
        { l: [{ a: 1, b: 4 }] }
      ]
    ]
  ])("allows other keys: %j", ([index, documents]) =>
    Effect.gen(function* () {
      const database = yield* withIndex(index, documents)
      assert.strictEqual(yield* database.count(namespace, { filter: {} }), documents.length)
    })
  )

  it.effect("holds for updates, upserts, replacements and $merge, which change nothing then", () =>
    Effect.gen(function* () {
      const documents = [
        { _id: 1, email: "x" },
        { _id: 2, email: "y" },
        { _id: 3, email: "z" }
      ]
      const database = yield* withIndex(email, documents)
      const all = database.find(namespace, { filter: {} })
      const x = message('email: "x"')
      for (const operation of [
        database.update(namespace, { filter: { _id: 2 }, change: set({ email: "x" }) }),
        database.update(namespace, { filter: { _id: { $gt: 1 } }, change: set({ email: "w" }), many: true }),
        database.update(namespace, { filter: { _id: 9 }, change: set({ email: "x" }), upsert: true }),
        database.update(namespace, { filter: { _id: 2 }, change: { _tag: "Replace", document: { email: "x" } } }),
        database.findOneAnd(namespace, { filter: { _id: 3 }, change: set({ email: "x" }) }),
        database.aggregate(namespace, [{ $match: { _id: 3 } }, { $set: { email: "x" } }, { $merge: { into: "c" } }])
      ]) {
        const failure = yield* failureOf<unknown>(operation)
        assert.strictEqual(failure?.code, 11_000)
        assert.include([x, message('email: "w"')], failure?.message)
        assert.deepStrictEqual(yield* all, documents)
      }
      // the document itself does not count, and a key is free when its document has another
      yield* database.update(namespace, { filter: { _id: 1 }, change: set({ email: "x", n: 1 }) })
      yield* database.update(namespace, { filter: { _id: 1 }, change: set({ email: "v" }) })
      yield* database.update(namespace, { filter: { _id: 2 }, change: set({ email: "x" }) })
      yield* database.delete(namespace, { filter: { _id: 3 } })
      yield* database.insert(namespace, [{ _id: 4, email: "z" }])
      assert.strictEqual(yield* database.count(namespace, { filter: { email: { $in: ["x", "v", "z"] } } }), 3)
    })
  )

  it.effect("holds within a transaction, and against those that were committed since it began", () =>
    Effect.gen(function* () {
      const database = yield* withIndex(email, [{ _id: 1, email: "x" }])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const one = yield* database.transaction
          yield* one.update(namespace, { filter: { _id: 1 }, change: set({ email: "y" }) })
          yield* one.insert(namespace, [{ _id: 2, email: "x" }])
          yield* one.delete(namespace, { filter: { _id: 1 } })
          yield* one.insert(namespace, [{ _id: 3, email: "y" }])
          const two = yield* database.transaction
          yield* two.insert(namespace, [{ _id: 4, email: "z" }])
          yield* database.insert(namespace, [{ _id: 5, email: "z" }])
          assert.strictEqual((yield* failureOf(two.commit))?.message, message('email: "z"'))
          yield* one.commit
        })
      )
      assert.deepStrictEqual(yield* database.find(namespace, { filter: {}, sort: { _id: 1 } }), [
        { _id: 2, email: "x" },
        { _id: 3, email: "y" },
        { _id: 5, email: "z" }
      ])
      const failure = yield* Effect.scoped(
        Effect.gen(function* () {
          const one = yield* database.transaction
          yield* one.insert(namespace, [{ email: "w" }])
          assert.strictEqual((yield* failureOf(database.index(namespace, { key: { n: 1 } })))?.code, 112)
          return yield* failureOf(one.insert(namespace, [{ email: "w" }]))
        })
      )
      assert.strictEqual(failure?.message, message('email: "w"'))
    })
  )

  it.effect("holds for a document that a transaction changed in other fields", () =>
    Effect.gen(function* () {
      const database = yield* withIndex(email, [{ _id: 1, email: "x" }])
      const change = (more: Document, then: Document) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { commit, insert, update } = yield* database.transaction
            yield* update(namespace, { filter: { _id: 1 }, change: set({ n: 1, ...more }) })
            yield* update(namespace, { filter: { _id: 1 }, change: set({ n: 2 }) })
            yield* insert(namespace, [then])
            yield* commit
          })
        )
      const failure = yield* failureOf(change({}, { _id: 2, email: "x" }))
      assert.strictEqual(failure?.message, message('email: "x"'))
      assert.strictEqual(
        (yield* failureOf(change({ email: "y" }, { _id: 2, email: "y" })))?.message,
        message('email: "y"')
      )
      yield* change({ email: "y" }, { _id: 2, email: "x" })
      assert.deepStrictEqual(yield* database.find(namespace, { filter: {} }), [
        { _id: 1, email: "y", n: 2 },
        { _id: 2, email: "x" }
      ])
    })
  )

  it.effect("does not tell a user what is hidden in the key", () =>
    Effect.gen(function* () {
      const index = { key: { name: 1, secret: 1 }, unique: true } as const
      const database = yield* withIndex(index, [
        { _id: 1, name: "x", secret: "s3cret" },
        { _id: 2, name: "y", secret: "s3cret" }
      ])
      const rule = { roles: [{ name: "all", apply_when: {}, fields: { name: { read: true, write: true } } }] }
      const access = accessOf(rule, given())
      const ruled = RuledDatabase.make(database, access, () => Effect.undefined)
      const failure = yield* failureOf(ruled.update(namespace, { filter: { _id: 2 }, change: set({ name: "x" }) }))
      assert.deepInclude(failure, { code: 11_000, index: "name_1_secret_1" })
      assert.notInclude(JSON.stringify(failure), "s3cret")
    })
  )
})

describe("an index", () => {
  it("is part of an application's definition, which is refused if it is invalid", () => {
    const make = (unique: unknown) =>
      App.make({ id: "a", indexes: [{ database: "d", collection: "c", key: { n: 1 }, unique: unique as boolean }] })
    assert.deepStrictEqual(make(true).indexes, [
      { service: undefined, database: "d", collection: "c", name: "n_1", key: { n: 1 }, unique: true, sparse: false }
    ])
    assert.throws(() => make("yes"), "invalid index of d.c: the option 'unique' of an index must be true or false")
  })

  it.effect.each<readonly [index: object, message: RegExp]>([
    [{ key: { a: 1 }, partialFilterExpression: { a: 1 } }, /option 'partialFilterExpression' of an index is not supp/],
    [{ key: { a: 1 }, expireAfterSeconds: 5 }, /option 'expireAfterSeconds' of an index is not supported/],
    [{ key: { a: 1 }, collation: { locale: "de" } }, /option 'collation' of an index is not supported/],
    [{ key: { a: "text" } }, /index of the type 'text' is not supported/],
    [{ key: { a: "2dsphere" } }, /index of the type '2dsphere' is not supported/],
    [{ key: { "$**": 1 } }, /wildcard index is not supported/],
    [{ key: { "a.0": 1 } }, /index of 'a\.0' is not supported/],
    [{ key: { "a..b": 1 } }, /empty name/],
    [{ key: { a: 0 } }, /must be 1 or -1/],
    [{ key: {} }, /must have a field/],
    [{ key: { a: 1 }, unique: 1 }, /'unique' of an index must be true or false/],
    [{ key: { a: 1 }, uniqe: true }, /'uniqe' of an index is unknown/],
    [{ key: { a: 1 }, name: "" }, /name of an index/],
    [{ a: 1 }, /'a' of an index is unknown/]
  ])("is refused by name if it is not supported: %j", ([index, expected]) =>
    Effect.gen(function* () {
      const failure = yield* failureOf(makeMemory().index(namespace, index as IndexOptions))
      assert.match(failure?.message ?? "", expected)
    })
  )

  it.effect("is created once, listed, and dropped by its name", () =>
    Effect.gen(function* () {
      const database = makeMemory()
      const created = [
        yield* database.index(namespace, "user"),
        yield* database.index(namespace, { key: { user: 1, at: -1 }, unique: true }),
        yield* database.index(namespace, { key: { user: 1, at: -1 }, unique: true, name: "user_1_at_-1" }),
        yield* database.index(namespace, "_id")
      ]
      assert.deepStrictEqual(created, ["user_1", "user_1_at_-1", "user_1_at_-1", "_id_"])
      assert.deepStrictEqual(yield* database.indexes(namespace), [
        { name: "_id_", key: { _id: 1 }, unique: true, sparse: false },
        { name: "user_1", key: { user: 1 }, unique: false, sparse: false },
        { name: "user_1_at_-1", key: { user: 1, at: -1 }, unique: true, sparse: false }
      ])
      const other = database.index(namespace, { key: { user: 1 }, unique: true })
      assert.strictEqual((yield* failureOf(other))?.code, 86)
      const renamed = database.index(namespace, { key: { user: 1 }, name: "u" })
      assert.strictEqual((yield* failureOf(renamed))?.code, 85)
      yield* database.dropIndex(namespace, "user_1")
      assert.strictEqual((yield* failureOf(database.dropIndex(namespace, "user_1")))?.code, 27)
      assert.strictEqual((yield* failureOf(database.dropIndex(namespace, "_id_")))?.code, 72)
      assert.deepStrictEqual(
        (yield* database.indexes(namespace)).map(({ name }) => name),
        ["_id_", "user_1_at_-1"]
      )
    })
  )

  it.effect("refuses a document with two arrays in its fields", () =>
    Effect.gen(function* () {
      const database = yield* withIndex({ key: { a: 1, "b.c": 1 } })
      const failure = yield* failureOf(database.insert(namespace, [{ a: [1], b: [{ c: 1 }] }]))
      assert.deepInclude(failure, { code: 171, message: "cannot index parallel arrays [a] [b.c]" })
      yield* database.insert(namespace, [
        { a: [1], b: { c: 1 } },
        { a: 1, b: { c: [1] } }
      ])
    })
  )

  it.effect("refuses indexes and explain to users without access to all of a collection", () =>
    Effect.gen(function* () {
      const access = accessOf({ roles: [{ name: "all", apply_when: {}, read: true }] }, given())
      const ruled = RuledDatabase.make(makeMemory(), access, () => Effect.undefined)
      for (const operation of [
        ruled.index(namespace, "a"),
        ruled.indexes(namespace),
        ruled.dropIndex(namespace, "a_1"),
        ruled.explain({ _tag: "Find", namespace, filter: {} })
      ]) {
        assert.strictEqual((yield* failureOf<unknown>(operation))?.code, 13)
      }
    })
  )
})
