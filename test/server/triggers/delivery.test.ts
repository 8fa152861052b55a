import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Admin } from "effect-app-services/server"
import { Database } from "effect-app-services/server/data/Database"
import { exported } from "../functions/support.ts"
import { anonymous, directory } from "../support.ts"
import { base, events, lines, logged, logging, onDocuments, place, recorder, recorders, until } from "./support.ts"

/** One life of a server with these triggers over a directory. */
const life = <A, E, R>(
  path: string,
  functions: Record<string, string>,
  triggers: Record<string, object>,
  run: Effect.Effect<A, E, R>
) =>
  Effect.provide(run, Layer.provide(exported(functions, base(triggers), { dataDirectory: path }), logging), {
    local: true
  })

const insert = (collection: string, ...ids: ReadonlyArray<number>) =>
  Database.use((database) =>
    database.insert(
      place(collection),
      ids.map((_id) => ({ _id }))
    )
  )

const idsOf = (all: ReadonlyArray<Record<string, unknown>>) => all.map(({ documentKey }) => Object(documentKey)._id)

const loggedCount = (text: string) => lines.filter((line) => line.includes(text)).length

describe("the position of a trigger", () => {
  it.live("lasts: events of the time in which the server was down or the trigger disabled are delivered", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const trigger = onDocuments("record", {})
      const record = { record: recorder("it") }
      yield* life(path, record, { it: trigger }, Effect.andThen(insert("orders", 1), logged("it", 1)))
      // another server without the trigger, and one where it is disabled
      yield* life(path, record, {}, insert("orders", 2))
      yield* life(path, record, { it: { ...trigger, disabled: true } }, insert("orders", 3))
      const seen = yield* life(path, record, { it: trigger }, Effect.andThen(insert("orders", 4), events("it", 4)))
      assert.deepStrictEqual(idsOf(seen), [1, 2, 3, 4])
    })
  )

  it.live("is that of now for a trigger that is new, and for one that skips what it missed while disabled", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const trigger = onDocuments("record", { skip_catchup_events: true })
      const record = { record: recorder("it") }
      yield* life(path, record, {}, insert("orders", 1))
      yield* life(path, record, { it: trigger }, Effect.andThen(insert("orders", 2), logged("it", 1)))
      yield* life(path, record, { it: { ...trigger, disabled: true } }, insert("orders", 3))
      const seen = yield* life(path, record, { it: trigger }, Effect.andThen(insert("orders", 4), events("it", 2)))
      assert.deepStrictEqual(idsOf(seen), [2, 4])
    })
  )

  it.live("waits for the runs under way at the end of a server, and repeats none of them", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const triggers = { slow: onDocuments("slow", { unordered: true }) }
      const functions = {
        slow: `exports = async ({ documentKey: { _id } }) => {
          const log = context.services.get("m").db("d").collection("log")
          await log.insertOne({ trigger: "begun", args: EJSON.stringify([_id]) })
          await new Promise((resolve) => setTimeout(resolve, 500))
          await log.insertOne({ trigger: "ended", args: EJSON.stringify([_id]) })
        }`
      }
      const numbers = Array.from({ length: 100 }, (_, i) => i)
      yield* life(path, functions, triggers, Effect.andThen(insert("orders", ...numbers), logged("begun", 1)))
      const ended = yield* life(path, functions, triggers, logged("ended", 100))
      const ids = ended.map(({ args }) => Number(args[0])).toSorted((a, b) => a - b)
      assert.deepStrictEqual(ids, numbers)
    })
  )
})

describe("a database trigger", () => {
  it.live("watches a whole database, or a whole data source without its internal databases", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const triggers = {
        first: onDocuments("copy", {}),
        database: onDocuments("database", { collection: "", match: { "ns.coll": { $in: ["orders", "copies"] } } }),
        cluster: onDocuments("cluster", { database: "", collection: "", match: { "ns.db": { $ne: "d" } } })
      }
      const functions = {
        ...recorders(["database", "cluster"]),
        copy: `exports = async ({ documentKey }) => {
          await context.services.get("m").db("d").collection("copies").insertOne({ _id: documentKey._id + 10 })
          await context.services.get("m").db("e").collection("copies").insertOne({ _id: documentKey._id + 20 })
          await context.services.get("m").db("admin").collection("copies").insertOne({ _id: documentKey._id + 30 })
        }`
      }
      const [inDatabase, elsewhere] = yield* life(
        path,
        functions,
        triggers,
        Effect.gen(function* () {
          yield* insert("orders", 1)
          yield* insert("orders", 2)
          return [yield* events("database", 4), yield* events("cluster", 2)] as const
        })
      )
      assert.sameMembers(idsOf(inDatabase), [1, 11, 2, 12])
      assert.deepStrictEqual(idsOf(elsewhere), [21, 22])
    })
  )

  it.live("has the document before a deletion where it asks for it", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const config = { operation_types: ["DELETE"], full_document_before_change: true }
      const [deletion] = yield* life(
        path,
        recorders(["it"]),
        { it: onDocuments("it", config) },
        Effect.gen(function* () {
          yield* insert("orders", 1)
          const database = yield* Database
          yield* database.delete(place("orders"), { filter: {} })
          return yield* events("it", 1)
        })
      )
      assert.deepStrictEqual(deletion?.["fullDocumentBeforeChange"], { _id: 1 })
      assert.notProperty(deletion, "fullDocument")
    })
  )

  it.live("is suspended where its events are lost, and goes on with the next ones where it tolerates that", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const triggers = {
        strict: onDocuments("strict", {}),
        tolerant: onDocuments("tolerant", { tolerate_resume_errors: true })
      }
      const functions = recorders(["strict", "tolerant"])
      yield* life(path, functions, triggers, Effect.andThen(insert("orders", 1), logged("tolerant", 1)))
      // a server without the triggers, whose log keeps fewer changes than there are
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => insert("others", i),
        { discard: true }
      ).pipe(
        Effect.provide(exported({}, base({}), { dataDirectory: path, changeLog: { events: 32 } }), { local: true })
      )
      yield* life(
        path,
        functions,
        triggers,
        Effect.gen(function* () {
          yield* until(
            Effect.sync(() => loggedCount('"strict" is suspended until it is resumed: its events are lost') > 0)
          )
          yield* until(Effect.sync(() => loggedCount('"tolerant" lost events and goes on with the next ones') > 0))
          yield* insert("orders", 2)
          assert.deepStrictEqual(idsOf(yield* events("tolerant", 2)), [1, 2])
          assert.lengthOf(yield* logged("strict", 1), 1)
        })
      )
    })
  )

  // the clock stands still: whether a thousand runs take a minute does not matter
  it.effect("reports a trigger that causes its own events, and does not keep others from running", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const functions = {
        again: `exports = async ({ fullDocument: { n } }) => {
          if (n < 1100) await context.services.get("m").db("d").collection("loop").insertOne({ n: n + 1 })
        }`,
        other: recorder("other")
      }
      const triggers = {
        again: onDocuments("again", { collection: "loop" }),
        other: onDocuments("other", { collection: "orders" })
      }
      const warning =
        'the trigger "again" fired 1000 times within a minute: does "again" cause the events that fire it?'
      yield* life(
        path,
        functions,
        triggers,
        Effect.gen(function* () {
          const database = yield* Database
          yield* database.insert(place("loop"), [{ n: 0 }])
          yield* insert("orders", 1)
          yield* logged("other", 1)
          // an earlier trigger may have fired as often
          yield* until(Effect.sync(() => loggedCount(warning) > 0))
        })
      )
      assert.strictEqual(loggedCount(warning), 1)
    })
  )
})

describe("an authentication trigger", () => {
  it.live("fires at the next start for what happened while it was disabled, in the commit of which it was kept", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const config = { operation_type: ["CREATE", "DELETE"], providers: ["anon-user"] }
      const trigger = { type: "AUTHENTICATION", function_name: "it", config }
      const first = yield* life(
        path,
        recorders(["it"]),
        { it: trigger },
        Effect.gen(function* () {
          const { user_id } = yield* anonymous()
          yield* logged("it", 1)
          return user_id ?? ""
        })
      )
      yield* life(
        path,
        recorders(["it"]),
        { it: { ...trigger, disabled: true } },
        Admin.Admin.use((admin) => admin.deleteUser("my-app", first))
      )
      const seen = yield* life(path, recorders(["it"]), { it: trigger }, events("it", 2))
      assert.deepStrictEqual(
        seen.map(({ operationType, user }) => [operationType, Object(user).id]),
        [
          ["CREATE", first],
          ["DELETE", first]
        ]
      )
    })
  )
})

describe("a scheduled trigger", () => {
  const hourly = (config: object) => ({
    type: "SCHEDULED",
    function_name: "it",
    config: { schedule: "0 * * * *", ...config }
  })

  it.effect("makes up for the last of the runs that it missed while the server was down", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) => life(path, recorders(["it"]), { it: hourly({}) }, effect)
      yield* run(Effect.andThen(TestClock.adjust("1 hour"), logged("it", 1)))
      // down from 01:00 to 06:30
      yield* TestClock.adjust("330 minutes")
      yield* run(
        Effect.gen(function* () {
          assert.lengthOf(yield* logged("it", 2), 2)
          yield* TestClock.adjust("29 minutes")
          assert.lengthOf(yield* logged("it", 2), 2)
          yield* TestClock.adjust("1 minute")
          assert.lengthOf(yield* logged("it", 3), 3)
        })
      )
      assert.strictEqual(loggedCount('"it" missed 5 of its runs and makes up for the last one'), 1)
    })
  )

  it.effect("skips them where it is told to", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        life(path, recorders(["it"]), { it: hourly({ skip_catchup_events: true }) }, effect)
      yield* run(Effect.andThen(TestClock.adjust("1 hour"), logged("it", 1)))
      yield* TestClock.adjust("330 minutes")
      yield* run(
        Effect.gen(function* () {
          yield* TestClock.adjust("29 minutes")
          assert.lengthOf(yield* logged("it", 1), 1)
          yield* TestClock.adjust("1 minute")
          assert.lengthOf(yield* logged("it", 2), 2)
        })
      )
      assert.strictEqual(loggedCount('"it" missed 5 of its runs and skips them'), 1)
    })
  )
})
