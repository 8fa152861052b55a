import { assert, describe, it, layer } from "@effect/vitest"
import { Double } from "bson"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Admin } from "effect-app-services/server"
import { Database } from "effect-app-services/server/data/Database"
import { anonymous, ask, emailPassword, register, root } from "../support.ts"
import { exported, listening, load } from "../functions/support.ts"
import { base, events, lines, logged, logging, onDocuments, place, recorder, recorders, until } from "./support.ts"

const documents = exported(
  {
    ...recorders(["all", "whole", "updates", "before", "matched", "projected", "racing"]),
    slowly: `exports = async ({ fullDocument: { n } }) => {
      await new Promise((resolve) => setTimeout(resolve, n === 0 ? 100 : 0))
      await context.services.get("m").db("d").collection("log").insertOne({ trigger: "slowly", args: EJSON.stringify([n]) })
      if (n === 1) throw new Error("the second one fails")
    }`
  },
  base({
    all: onDocuments("all", { operation_types: ["INSERT", "UPDATE", "REPLACE", "DELETE"] }),
    updates: onDocuments("updates", { operation_types: ["UPDATE"] }),
    whole: onDocuments("whole", { operation_types: ["UPDATE"], full_document: true }),
    before: onDocuments("before", { operation_types: ["UPDATE", "REPLACE"], full_document_before_change: true }),
    matched: onDocuments("matched", {
      operation_types: ["UPDATE"],
      match: { "updateDescription.updatedFields.state": { $eq: "paid" } }
    }),
    projected: onDocuments("projected", { project: { "fullDocument.n": { $numberInt: "1" } } }),
    slowly: onDocuments("slowly", { collection: "queue" }),
    racing: onDocuments("racing", { collection: "race", unordered: true }),
    off: { ...onDocuments("all", {}), disabled: true }
  })
)

layer(documents.pipe(Layer.provide(logging)), { excludeTestServices: true })("a database trigger", (it) => {
  it.effect("fires for the operations that it names, in their order, as the system", () =>
    Effect.gen(function* () {
      const database = yield* Database
      const orders = place("orders")
      yield* database.insert(orders, [{ _id: 1, n: 1, state: "new" }])
      yield* database.update(orders, {
        filter: { _id: 1 },
        change: { _tag: "Update", update: { $set: { state: "paid" }, $unset: { n: 1 } } }
      })
      // a change that changes nothing is not an event
      yield* database.update(orders, { filter: {}, change: { _tag: "Update", update: { $set: { state: "paid" } } } })
      yield* database.update(orders, { filter: {}, change: { _tag: "Replace", document: { state: "old" } } })
      yield* database.delete(orders, { filter: {} })
      const all = yield* logged("all", 4)
      assert.deepStrictEqual(
        all.map(({ args }) => (args[0] as Record<string, unknown>)["operationType"]),
        ["insert", "update", "replace", "delete"]
      )
      assert.deepStrictEqual(
        all.map(({ as, args }) => [as, args.length]),
        all.map(() => [["", true], 1])
      )
      const [insert, update] = yield* events("all", 4)
      assert.deepInclude(insert, { ns: { db: "d", coll: "orders" }, documentKey: { _id: 1 } })
      assert.deepStrictEqual(insert?.["fullDocument"], { _id: 1, n: 1, state: "new" })
      assert.notProperty(update, "fullDocument")
      assert.notProperty(update, "fullDocumentBeforeChange")
      assert.deepInclude(update, {
        updateDescription: { updatedFields: { state: "paid" }, removedFields: ["n"], truncatedArrays: [] }
      })
    })
  )

  it.effect("adds the document as it is now, or as it was, where it is told to", () =>
    Effect.gen(function* () {
      const [update] = yield* events("whole", 1)
      // it is looked up when the function is called, so it may be newer than the event or gone
      assert.property(update, "fullDocument")
      const [before, replaced] = yield* events("before", 2)
      assert.deepStrictEqual(before?.["fullDocumentBeforeChange"], { _id: 1, n: 1, state: "new" })
      assert.deepStrictEqual(replaced?.["fullDocumentBeforeChange"], { _id: 1, state: "paid" })
    })
  )

  it.effect("fires for events that match, with the fields that it projects", () =>
    Effect.gen(function* () {
      const matched = yield* events("matched", 1)
      assert.lengthOf(matched, 1)
      const [projected] = yield* events("projected", 1)
      assert.deepStrictEqual(Object.keys(projected ?? {}).toSorted(), ["_id", "fullDocument", "operationType"])
      assert.deepStrictEqual(projected?.["fullDocument"], { n: 1 })
    })
  )

  it.effect("waits for one function before it calls the next, and goes on after one that fails", () =>
    Effect.gen(function* () {
      const database = yield* Database
      yield* database.insert(
        place("queue"),
        // doubles, which the function gets as numbers
        Array.from({ length: 5 }, (_, n) => ({ n: new Double(n) }))
      )
      const numbers = (yield* logged("slowly", 5)).map(({ args }) => args[0])
      assert.deepStrictEqual(numbers, [0, 1, 2, 3, 4])
    })
  )

  it.effect("fires for all events of a burst where it is unordered", () =>
    Effect.gen(function* () {
      const database = yield* Database
      yield* database.insert(
        place("race"),
        Array.from({ length: 2_000 }, (_, _id) => ({ _id }))
      )
      const ids = Effect.map(events("racing", 2_000), (all) =>
        all.map(({ documentKey }) => (documentKey as { _id: number })._id)
      )
      yield* until(Effect.map(ids, (found) => new Set(found).size === 2_000))
      // an event is delivered again only if its function was stopped before it ended
      const stopped = lines.filter((line) => line.includes('"racing" runs "racing" again')).length
      assert.isAtMost((yield* ids).length, 2_000 + stopped)
      // so many within a minute may be of its own making; a trigger of the whole database may have fired as often
      const warnings = lines.filter((line) => line.startsWith('the trigger "racing" fired 1000 times within a minute'))
      assert.lengthOf(warnings, 1)
    })
  )
})

const accounts = exported(
  recorders(["created", "loggedIn", "deleted"]),
  base({
    created: {
      type: "AUTHENTICATION",
      function_name: "created",
      config: { operation_type: "CREATE", providers: ["local-userpass"] }
    },
    loggedIn: {
      type: "AUTHENTICATION",
      function_name: "loggedIn",
      config: { operation_type: "LOGIN", providers: ["local-userpass"] }
    },
    deleted: {
      type: "AUTHENTICATION",
      function_name: "deleted",
      config: { operation_type: ["DELETE"], providers: ["local-userpass", "anon-user"] }
    }
  })
)

layer(accounts.pipe(Layer.provide(logging)), { excludeTestServices: true })("an authentication trigger", (it) => {
  it.effect("fires when users of its providers are created, log in, or are deleted", () =>
    Effect.gen(function* () {
      yield* register("ada@example.com", "password")
      yield* emailPassword("ada@example.com", "wrong password")
      const { body } = yield* emailPassword("ada@example.com", "password")
      const { body: again } = yield* emailPassword("ada@example.com", "password")
      const guest = yield* anonymous()
      const [created] = yield* events("created", 1)
      const id = body["user_id"]
      assert.deepInclude(created, { operationType: "CREATE", providers: ["local-userpass"] })
      assert.deepInclude(created?.["user"] as object, {
        id,
        type: "normal",
        data: { email: "ada@example.com" },
        custom_data: {}
      })
      assert.match(JSON.stringify(created?.["time"]), /\$date/)
      assert.lengthOf(yield* events("loggedIn", 2), 2)

      yield* ask("DELETE", `${root}/auth/delete`, { token: again["access_token"] })
      const admin = yield* Admin.Admin
      yield* admin.deleteUser("my-app", guest["user_id"] ?? "")
      const deleted = yield* events("deleted", 2)
      assert.deepStrictEqual(
        deleted.map(({ providers }) => providers),
        [["local-userpass"], ["anon-user"]]
      )
      assert.lengthOf(yield* events("created", 1), 1)
      assert.lengthOf(yield* events("loggedIn", 2), 2)
    })
  )
})

describe("a scheduled trigger", () => {
  it.effect("fires without arguments at the minutes of its schedule, in UTC", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("30 seconds")
      yield* TestClock.adjust("29 seconds")
      assert.lengthOf(yield* logged("minutely", 0), 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* logged("minutely", 1))[0]?.args, [])
      // one at a time: the time limit of a function that runs passes too
      for (let minute = 2; minute <= 5; minute++) {
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(yield* logged("minutely", minute), minute)
      }
      assert.lengthOf(yield* logged("never", 0), 0)
      // the first of January 1970 was a Thursday
      yield* TestClock.adjust("7 hours")
      yield* TestClock.adjust("55 minutes")
      assert.lengthOf(yield* logged("onThursdays", 1), 1)
      yield* TestClock.adjust("7 days")
      assert.lengthOf(yield* logged("onThursdays", 2), 2)
      assert.lengthOf(yield* logged("onBoth", 0), 0)
    }).pipe(
      Effect.provide(
        Layer.provide(
          exported(
            recorders(["minutely", "never", "onThursdays", "onBoth"]),
            base({
              minutely: { type: "SCHEDULED", function_name: "minutely", config: { schedule: "0-5/1 0 1 1 *" } },
              never: { type: "SCHEDULED", function_name: "never", config: { schedule: "0 0 31 2 *" }, disabled: true },
              onThursdays: { type: "SCHEDULED", function_name: "onThursdays", config: { schedule: "0 8 ? * THU" } },
              // both day fields have to match: the first Friday of a January that is the first
              onBoth: { type: "SCHEDULED", function_name: "onBoth", config: { schedule: "0 9 2 1 MON" } }
            })
          ),
          logging
        )
      )
    )
  )
})

describe("triggers", () => {
  it.live("log each run, and failures with their reason", () =>
    Effect.gen(function* () {
      const { layer, lines } = yield* listening
      yield* Effect.gen(function* () {
        const database = yield* Database
        yield* database.insert(place("orders"), [{ n: 1 }])
        for (const name of ["fine", "fails", "missing"]) {
          while (!lines.some((line) => line.startsWith(`the trigger "${name}"`))) yield* Effect.sleep("10 millis")
        }
      }).pipe(
        Effect.provide(
          Layer.provideMerge(
            exported(
              { fine: recorder("fine"), fails: "exports = () => { throw new Error('broken') }" },
              base({
                fine: onDocuments("fine", {}),
                fails: onDocuments("fails", {}),
                missing: onDocuments("none", {})
              })
            ),
            layer
          )
        )
      )
      const text = lines.join("\n")
      assert.match(text, /the trigger "fine" ran "fine" in \d+ ms/)
      assert.match(text, /the trigger "fails" failed: "fails" threw after \d+ ms: .*broken/)
      assert.match(text, /the trigger "missing" failed: "none" threw after \d+ ms: function not found: 'none'/)
    })
  )

  it.effect("names in the report those that cannot fire", () =>
    Effect.gen(function* () {
      const { report, triggers } = yield* load(
        { f: "exports = () => 1" },
        base({
          bridge: { type: "DATABASE", event_processors: { AWS_EVENTBRIDGE: { config: {} } }, config: {} },
          database: onDocuments("f", { database: "", collection: "c" }),
          operations: onDocuments("f", { operation_types: ["DROP_COLLECTION"] }),
          seconds: { type: "SCHEDULED", function_name: "f", config: { schedule: "0 0 0 * * *" } },
          schedule: { type: "SCHEDULED", function_name: "f", config: { schedule: "61 * * * *" } },
          logout: { type: "AUTHENTICATION", function_name: "f", config: { operation_type: "LOGOUT" } },
          type: { type: "OTHER", function_name: "f" },
          match: onDocuments("f", { match: "{" }),
          missing: { type: "SCHEDULED", function_name: "none", config: { schedule: "* * * * *" } }
        })
      )
      const messages = Object.fromEntries(report.map(({ file, message }) => [file, message]))
      const problems: Record<string, string> = {
        bridge: "it sends events to AWS EventBridge, which is not supported",
        database: '"collection" is set and "database" is not: name the database, or leave out both',
        operations: '"operation_types" must be a list of INSERT, UPDATE, REPLACE, DELETE, not DROP_COLLECTION',
        seconds: '"schedule" must have five fields (minute, hour, day, month, weekday): "0 0 0 * * *"',
        schedule: '"schedule" is invalid: "61 * * * *"',
        logout: '"operation_type" must be one of CREATE, LOGIN, DELETE',
        type: '"type" must be one of DATABASE, AUTHENTICATION, SCHEDULED',
        match: '"match" is not Extended JSON'
      }
      for (const [name, problem] of Object.entries(problems)) {
        assert.include(messages[`triggers/${name}.json`], `the trigger "${name}" never fires: ${problem}`)
      }
      assert.include(messages["triggers/missing.json"], 'calls the function "none", which does not exist')
      assert.deepStrictEqual(
        triggers.map(({ name }) => name),
        ["missing"]
      )
    })
  )
})
