import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  type Change,
  Database,
  type DatabaseError,
  type Document,
  type Watch
} from "../../../src/server/data/Database.ts"
import { CurrentLimits, defaultLimits, type Limits } from "../../../src/server/storage/EventLog.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import * as FakeJournal from "./rowStore.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const other = { ...namespace, collection: "other" }
const elsewhere = { ...namespace, database: "e" }

/** One life of a server over a row store. */
const life = <A, E>(
  rowStore: RowStore["Service"],
  run: (database: Database["Service"]) => Effect.Effect<A, E>,
  limits: Partial<Limits> = {}
) =>
  Effect.flatMap(Database, run).pipe(
    Effect.provide(
      Database.layer.pipe(
        Layer.provide(Layer.succeed(RowStore, rowStore)),
        Layer.provide(Layer.succeed(CurrentLimits, { ...defaultLimits, ...limits }))
      ),
      { local: true }
    )
  )

const change = (update: Document): Change => ({ _tag: "Update", update })

const take = (count: number) => (stream: Stream.Stream<Document, DatabaseError>) =>
  Stream.runCollect(Stream.take(stream, count))

const refusal = <A>(effect: Effect.Effect<A, DatabaseError>) =>
  Effect.map(Effect.flip(effect), ({ code, labels, message }) => ({ code, labels, message }))

const ids = (events: ReadonlyArray<Document>) => events.map(({ documentKey }) => Object(documentKey)._id)

describe("change streams", () => {
  it.effect("emit the events of MongoDB, with their fields in its order", () =>
    life(RowStore.none, (database) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
        const changes = yield* database.watch(namespace, { before: true })
        yield* database.insert(namespace, [{ _id: 1, a: 1, list: [1, 2, 3], gone: 1, text: "a".repeat(80) }])
        const pipeline = [{ $set: { a: 2, list: { $slice: ["$list", 2] } } }, { $unset: "gone" }]
        yield* database.update(namespace, { filter: {}, change: { _tag: "Update", update: pipeline } })
        yield* database.update(namespace, { filter: {}, change: { _tag: "Replace", document: { b: 1 } } })
        yield* database.delete(namespace, { filter: {} })
        const [insert, update, replace, deletion] = yield* take(4)(changes)
        const common = ["_id", "operationType", "clusterTime", "wallTime"]
        assert.deepStrictEqual(
          [insert, update, replace, deletion].map((event) => Object.keys(event ?? {})),
          [
            [...common, "fullDocument", "ns", "documentKey"],
            [...common, "fullDocument", "ns", "documentKey", "updateDescription", "fullDocumentBeforeChange"],
            [...common, "fullDocument", "ns", "documentKey", "fullDocumentBeforeChange"],
            [...common, "ns", "documentKey", "fullDocumentBeforeChange"]
          ]
        )
        assert.deepStrictEqual(update?.["updateDescription"], {
          updatedFields: { a: 2 },
          removedFields: ["gone"],
          truncatedArrays: [{ field: "list", newSize: 2 }]
        })
        assert.deepStrictEqual(deletion?.["fullDocumentBeforeChange"], { _id: 1, b: 1 })
        assert.deepStrictEqual(insert?.["wallTime"], new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6)))
        assert.deepStrictEqual(insert?.["ns"], { db: "d", coll: "c" })
        const tokens = [insert, update, replace, deletion].map((event) => Object(event?.["_id"])._data)
        assert.lengthOf(new Set(tokens), 4)
        for (const token of tokens) assert.match(token, /^[0-9A-F]{32}$/)
        // they do not tell how many changes were in between
        assert.lengthOf(new Set(tokens.map((token) => token.slice(0, 8))), 4)
        assert.lengthOf(new Set(tokens.map((token) => token.slice(-8))), 4)
      })
    )
  )

  it.effect("go on after a restart with the events that were not seen, from the rows that were kept", () =>
    Effect.gen(function* () {
      const { service } = FakeJournal.make()
      const [first, ...rest] = yield* life(service, (database) =>
        Effect.gen(function* () {
          const changes = yield* database.watch(namespace, { before: true })
          yield* database.insert(namespace, [{ _id: 1, $ref: "x" }, { _id: 2 }])
          yield* database.update(namespace, { filter: { _id: 1 }, change: change({ $set: { "a.b": 1 } }) })
          yield* database.update(namespace, { filter: { _id: 1 }, change: { _tag: "Replace", document: {} } })
          yield* database.delete(namespace, { filter: { _id: 2 } })
          return yield* take(5)(changes)
        })
      )
      for (const place of ["resumeAfter", "startAfter"]) {
        const again = yield* life(service, (database) =>
          Effect.flatMap(database.watch(namespace, { [place]: first?.["_id"], before: true }), take(4))
        )
        assert.deepStrictEqual(again, rest)
      }
    })
  )

  it.effect("tell a pipeline as a replacement where its description takes as many bytes, also after a restart", () =>
    Effect.gen(function* () {
      const { service } = FakeJournal.make()
      const kinds = Effect.fnUntraced(function* (database: Database["Service"], options: Watch) {
        const events = yield* take(4)(yield* database.watch(namespace, { resumeAfter: token, ...options }))
        return events.map(({ operationType, updateDescription }) => [operationType, updateDescription !== undefined])
      })
      let token: unknown
      const told = yield* life(service, (database) =>
        Effect.gen(function* () {
          const changes = yield* database.watch(namespace, {})
          yield* database.insert(namespace, [{ _id: 1, a: 1 }])
          token = (yield* take(1)(changes))[0]?.["_id"]
          const text = "a".repeat(80)
          for (const update of [[{ $set: { a: 2 } }], { $set: { a: 3 } }, [{ $set: { text } }], [{ $set: { a: 4 } }]]) {
            yield* database.update(namespace, { filter: {}, change: { _tag: "Update", update } })
          }
          return yield* kinds(database, {})
        })
      )
      assert.deepStrictEqual(told, [
        ["replace", false],
        ["update", true],
        ["replace", false],
        ["update", true]
      ])
      assert.deepStrictEqual(yield* life(service, (database) => kinds(database, {})), told)
      assert.deepStrictEqual(
        yield* life(service, (database) => kinds(database, { describeAll: true })),
        told.map(() => ["update", true])
      )
    })
  )

  it.effect("tell a replacement as one, also where all updates are described, and after a restart", () =>
    Effect.gen(function* () {
      const { service } = FakeJournal.make()
      const kinds = (database: Database["Service"], options: Watch) =>
        Effect.flatMap(database.watch(namespace, options), (changes) =>
          Effect.map(take(2)(changes), (events) => events.map(({ operationType }) => operationType))
        )
      const token = yield* life(service, (database) =>
        Effect.gen(function* () {
          const changes = yield* database.watch(namespace, {})
          yield* database.insert(namespace, [{ _id: 1, a: 1 }])
          const [event] = yield* take(1)(changes)
          yield* database.update(namespace, { filter: {}, change: { _tag: "Replace", document: { b: 1 } } })
          yield* database.update(namespace, { filter: {}, change: change({ $set: { b: 2 } }) })
          const found = yield* kinds(database, { resumeAfter: event?.["_id"], describeAll: true })
          assert.deepStrictEqual(found, ["replace", "update"])
          return event?.["_id"]
        })
      )
      for (const describeAll of [true, false]) {
        const found = yield* life(service, (database) => kinds(database, { resumeAfter: token, describeAll }))
        assert.deepStrictEqual(found, ["replace", "update"])
      }
    })
  )

  it.effect("fail with MongoDB's error where the events after a token are gone", () =>
    Effect.gen(function* () {
      const { service } = FakeJournal.make()
      const token = yield* life(service, (database) =>
        Effect.gen(function* () {
          const changes = yield* database.watch(namespace, {})
          yield* database.insert(namespace, [{ _id: 0 }])
          const [event] = yield* take(1)(changes)
          return event?.["_id"]
        })
      )
      yield* life(
        service,
        (database) =>
          Effect.gen(function* () {
            const open = yield* database.watch(namespace, { resumeAfter: token })
            const documents = Array.from({ length: 200 }, (_, i) => ({ _id: i + 1 }))
            for (const document of documents) yield* database.insert(namespace, [document])
            const lost = {
              code: 286,
              labels: ["NonResumableChangeStreamError"],
              message: "Resume of change stream was not possible, as the resume point may no longer be in the oplog."
            }
            assert.deepStrictEqual(yield* refusal(database.watch(namespace, { resumeAfter: token })), lost)
            // one that lags too far behind
            assert.deepStrictEqual(yield* refusal(Stream.runDrain(open)), lost)
          }),
        { events: 100 }
      )
    })
  )

  it.effect("reject a token of another server, of another data source, or of none", () =>
    life(RowStore.none, (database) =>
      Effect.gen(function* () {
        const theirs = yield* life(RowStore.none, (another) =>
          Effect.gen(function* () {
            const changes = yield* another.watch(namespace, {})
            yield* another.insert(namespace, [{ _id: 1 }])
            return (yield* take(1)(changes))[0]?.["_id"]
          })
        )
        const changes = yield* database.watch(namespace, {})
        yield* database.insert(namespace, [{ _id: 1 }])
        const [ours] = yield* take(1)(changes)
        for (const [watched, resumeAfter] of [
          [namespace, theirs],
          [{ ...namespace, service: "another" }, ours?.["_id"]],
          [namespace, { _data: "0123" }],
          [namespace, 1]
        ] as const) {
          const { code, message } = yield* refusal(database.watch(watched, { resumeAfter }))
          assert.strictEqual(code, 280)
          assert.match(message, /^cannot resume stream; the resume token was not found/)
        }
        const both = { resumeAfter: ours?.["_id"], startAfter: ours?.["_id"] }
        assert.match((yield* refusal(database.watch(namespace, both))).message, /resumeAfter or startAfter/)
      })
    )
  )

  it.effect("emit, for a database or a whole data source, the events of all collections, in one order", () =>
    life(RowStore.none, (database) =>
      Effect.gen(function* () {
        const { appId, service } = namespace
        const one = yield* database.watch(namespace, {})
        const several = yield* database.watch({ appId, service, database: "d" }, {})
        const whole = yield* database.watch({ appId, service }, {})
        yield* database.insert(namespace, [{ _id: 1 }])
        yield* database.insert(elsewhere, [{ _id: 2 }])
        yield* database.insert({ ...namespace, appId: "another" }, [{ _id: 0 }])
        yield* database.insert(other, [{ _id: 3 }])
        yield* database.insert(namespace, [{ _id: 4 }])
        assert.deepStrictEqual(ids(yield* take(4)(whole)), [1, 2, 3, 4])
        assert.deepStrictEqual(ids(yield* take(3)(several)), [1, 3, 4])
        assert.deepStrictEqual(ids(yield* take(2)(one)), [1, 4])
      })
    )
  )

  it.effect("tell where they start, and now and then how far they are, also without an event", () =>
    life(
      RowStore.none,
      (database) =>
        Effect.gen(function* () {
          const changes = yield* database.changes(other, {})
          const parts = yield* Effect.forkChild(Stream.runCollect(Stream.take(changes, 2)), { startImmediately: true })
          yield* Effect.yieldNow
          for (let i = 0; i < 20; i++) yield* database.insert(namespace, [{ _id: i }])
          const [start, later] = yield* Fiber.join(parts)
          assert.deepStrictEqual([start?.events, later?.events], [[], []])
          const rest = yield* database.watch(namespace, { resumeAfter: start?.token })
          assert.deepStrictEqual(ids(yield* take(1)(rest)), [0])
          const after = yield* database.watch(namespace, { resumeAfter: later?.token })
          yield* database.insert(namespace, [{ _id: 20 }])
          assert.isAbove(ids(yield* take(1)(after))[0], 5)
        }),
      { events: 160 }
    )
  )
})
