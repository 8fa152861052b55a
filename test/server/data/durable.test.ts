import { assert, describe, it } from "@effect/vitest"
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID
} from "bson"
import { Effect, Layer, Schema, Stream } from "effect"
import { type Change, Database, type DatabaseError, type Document } from "../../../src/server/data/Database.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import * as FakeJournal from "./rowStore.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

/** One life of a server over a row store. */
const life = <A, E>(rowStore: RowStore["Service"], run: (database: Database["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(Database, run).pipe(
    Effect.provide(Layer.provide(Database.layer, Layer.succeed(RowStore, rowStore)), { local: true })
  )

const all = (database: Database["Service"]) => database.find(namespace, { filter: {} })

const set = (fields: Document): Change => ({ _tag: "Update", update: { $set: fields } })

const inserted = (document: Document) =>
  Effect.gen(function* () {
    const { service } = FakeJournal.make()
    const before = yield* life(service, (database) =>
      Effect.andThen(database.insert(namespace, [document]), all(database))
    )
    const after = yield* life(service, all)
    assert.deepStrictEqual(after, before)
    return after[0] ?? {}
  })

describe("documents that last", () => {
  it.effect.each<readonly [string, unknown]>([
    ["integer", 5],
    ["integer beyond 32 bits", 2 ** 40],
    ["fraction", 1.5],
    ["negative zero", -0],
    ["NaN", NaN],
    ["infinity", -Infinity],
    ["Double", new Double(1)],
    ["Long", Long.fromNumber(5)],
    ["large Long", Long.MIN_VALUE],
    ["Decimal128", Decimal128.fromString("1.10")],
    ["date", new Date(-5)],
    ["regular expression", new BSONRegExp("a/b", "ims")],
    ["Binary", new Binary(Uint8Array.from([0, 255]), 128)],
    ["UUID", new UUID("5f1d7f3e-9c1b-4a00-9234-567812345678")],
    ["ObjectId", new ObjectId()],
    ["Timestamp", new Timestamp({ t: 1, i: 2 })],
    ["MinKey and MaxKey", [new MinKey(), new MaxKey()]],
    ["what a DBRef is", { $ref: "users", $id: new ObjectId(), $db: "other", n: 1, m: 1 }],
    ["what looks like a DBRef", { $ref: "users", $id: new ObjectId() }],
    ["what looks like one of ours", { $$ref: 1, $ref: 2, $id: 3 }],
    ["Code", new Code("f()")],
    ["Code with scope", new Code("f()", { n: 1, m: 1 })],
    ["symbol", new BSONSymbol("s")],
    ["nested arrays", [[1, [new Double(2)]], [], {}]],
    ["null and text", [null, "ü 🦊 \0", ""]],
    ["names", { ["__proto__"]: 1, "a.b": 2, $c: 3, "": 4, constructor: 5 }]
  ])("%s", ([, value]) =>
    Effect.gen(function* () {
      const document = yield* inserted({ _id: 1, first: new Int32(1), value, last: new Double(2) })
      assert.deepStrictEqual(document["value"], value)
      assert.deepStrictEqual(document["last"], new Double(2))
    })
  )
  it.effect.prop("any JSON, unless a name holds a NUL", { json: Schema.Json }, ({ json }) =>
    Effect.gen(function* () {
      const document = { _id: new ObjectId(), json }
      const hasNul = /"(?:[^"\\]|\\.)*\\u0000(?:[^"\\]|\\.)*":/.test(JSON.stringify(json))
      if (!hasNul) return void (yield* inserted(document))
      const { message } = yield* Effect.flip(inserted(document))
      assert.include(message, "NUL")
    })
  )

  it.effect("come back in the order in which they came, with their indexes' work to do", () =>
    Effect.gen(function* () {
      const { service } = FakeJournal.make()
      const ids = (database: Database["Service"]) => Effect.map(all(database), (found) => found.map(({ _id }) => _id))
      yield* life(service, (database) =>
        Effect.gen(function* () {
          yield* database.insert(namespace, [{ _id: "b" }, { _id: 2 }, { _id: "a" }, { _id: 1 }])
          yield* database.update(namespace, { filter: { _id: 2 }, change: set({ user: "u" }) })
          yield* database.delete(namespace, { filter: { _id: "b" } })
          yield* database.insert(namespace, [{ _id: "b", user: "u" }])
          yield* database.insert({ ...namespace, collection: "a/b %\u00fc" }, [{}])
        })
      )
      yield* life(service, (database) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* ids(database), [2, "a", 1, "b"])
          yield* database.index(namespace, "user")
          const found = yield* database.find(namespace, { filter: { user: "u" } })
          assert.deepStrictEqual(found, [
            { _id: 2, user: "u" },
            { _id: "b", user: "u" }
          ])
          assert.deepStrictEqual(yield* database.collections(namespace), ["a/b %\u00fc", "c"])
        })
      )
    })
  )

  it.effect("writes one commit per operation before it is acknowledged", () =>
    Effect.gen(function* () {
      const { service, state } = FakeJournal.make()
      yield* life(service, (database) =>
        Effect.gen(function* () {
          yield* database.insert(namespace, [{ _id: 1 }, { _id: 2 }, { _id: 3 }])
          yield* database.update(namespace, { filter: {}, change: set({ a: 1 }), many: true })
          yield* database.update(namespace, { filter: {}, change: set({ a: 1 }), many: true })
          yield* Effect.flip(database.insert(namespace, [{ _id: 4 }, { _id: 1 }, { _id: 5 }]))
          yield* database.aggregate(namespace, [{ $match: { a: 1 } }, { $out: "other" }])
          yield* database.delete(namespace, { filter: { a: 1 }, many: true })
        })
      )
      assert.deepStrictEqual(
        state.commits.map((changes) => changes.filter(({ table }) => table.startsWith("documents/")).length),
        // the first one is that of the key of resume tokens
        [0, 3, 3, 1, 3, 3]
      )
      assert.deepStrictEqual(yield* life(service, all), [{ _id: 4 }])
    })
  )

  it.effect("changes nothing if the commit fails", () =>
    Effect.gen(function* () {
      const { service, state } = FakeJournal.make()
      const before = [
        { _id: 1, n: 1 },
        { _id: 2, n: 1 }
      ]
      yield* life(service, (database) =>
        Effect.gen(function* () {
          yield* database.index(namespace, "n")
          yield* database.insert(namespace, before)
          const changes = yield* database.watch(namespace, {})
          state.full = true
          const filter = { n: 1 }
          for (const attempt of [
            database.insert(namespace, [{ _id: 3, n: 1 }]),
            database.update(namespace, { filter, change: set({ n: 2 }), many: true }),
            database.update(namespace, { filter: { n: 9 }, change: set({ x: 1 }), upsert: true }),
            database.delete(namespace, { filter }),
            database.findOneAnd(namespace, { filter, change: { _tag: "Delete" } }),
            database.aggregate(namespace, [{ $set: { n: 3 } }, { $merge: "c" }]),
            Effect.scoped(
              Effect.gen(function* () {
                const transaction = yield* database.transaction
                yield* transaction.insert(namespace, [{ _id: 3, n: 1 }])
                yield* transaction.commit
              })
            )
          ]) {
            const error = yield* Effect.flip(Effect.asVoid<unknown, DatabaseError, never>(attempt))
            assert.strictEqual(error.message, "nothing was written: the disk is full")
          }
          assert.deepStrictEqual(yield* database.find(namespace, { filter }), before)
          state.full = false
          yield* database.delete(namespace, { filter: { _id: 2 } })
          const [first] = yield* Stream.runCollect(Stream.take(changes, 1))
          assert.strictEqual(first["operationType"], "delete")
        })
      )
      assert.deepStrictEqual(yield* life(service, all), [{ _id: 1, n: 1 }])
    })
  )

  it.effect("rejects documents that are too large or nested too deeply, without a trace", () =>
    Effect.gen(function* () {
      const { service } = FakeJournal.make()
      let deep: Document = {}
      for (let i = 0; i < 100_000; i++) deep = { deep }
      yield* life(service, (database) =>
        Effect.gen(function* () {
          const refused = (document: Document) =>
            Effect.map(Effect.flip(database.insert(namespace, [document])), ({ message }) => message)
          assert.strictEqual(
            yield* refused({ text: "x".repeat(17_000_000) }),
            "the document has 17000033 bytes: at most 16777216 can be stored"
          )
          assert.match(yield* refused(deep), /^nothing may be nested more than 200 levels deep/)
          assert.strictEqual(yield* refused({ at: new Date(NaN) }), "an invalid date cannot be stored (at 'at')")
          assert.deepStrictEqual(yield* all(database), [])
        })
      )
    })
  )

  it.effect("reads rows with the keys of an earlier version, and rewrites them", () =>
    Effect.gen(function* () {
      const { service, tables } = FakeJournal.make()
      yield* life(service, (database) => database.insert(namespace, [{ _id: "a" }, { _id: "b" }]))
      const rows = tables.get("documents/a/s/d/c")
      const [key = ""] = rows?.keys() ?? []
      rows?.set('"a"', rows.get(key) ?? Uint8Array.from([]))
      rows?.delete(key)
      yield* life(service, (database) => database.update(namespace, { filter: { _id: "a" }, change: set({ n: 1 }) }))
      const found = yield* life(service, all)
      assert.deepStrictEqual(
        found.toSorted((a, b) => String(a["_id"]).localeCompare(String(b["_id"]))),
        [{ _id: "a", n: 1 }, { _id: "b" }]
      )
    })
  )

  it.effect("does not start with an unreadable document, and names it", () =>
    Effect.gen(function* () {
      const { service, tables } = FakeJournal.make()
      yield* life(service, (database) => database.insert(namespace, [{ _id: 1 }]))
      tables.get("documents/a/s/d/c")?.set("1", Uint8Array.from([1, 2, 3]))
      const { message } = yield* Effect.flip(life(service, all))
      assert.include(message, "the documents cannot be read: a document of d.c cannot be read")
    })
  )
})
