/** Authorization of functions: who may call them, their identity, and their access to the database. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { App, AppDirectory, FunctionContext } from "effect-app-services/server"
import type { AppServicesServer } from "effect-app-services/server"
import {
  anonymous,
  ask,
  callFunction,
  directory,
  inProcess,
  path,
  register,
  emailPassword,
  withApps
} from "../support.ts"

const all = { read: true, write: true, insert: true, delete: true }
const rule = (collection: string, roles: ReadonlyArray<unknown>) => ({
  [`data_sources/m/db/${collection}/rules.json`]: { database: "db", collection, roles }
})
const fn = (name: string, ...args: ReadonlyArray<unknown>) => ({ "%function": { name, arguments: args } })

interface Config {
  readonly source: string
  readonly [setting: string]: unknown
}

const directoryOf = (functions: Record<string, string | Config>, files: Record<string, unknown> = {}) => {
  const entries = Object.entries(functions).map(([name, it]): readonly [string, Config] => [
    name,
    typeof it === "string" ? { source: it } : it
  ])
  return directory({
    "realm_config.json": { app_id: "my-app" },
    "auth/providers.json": {
      "anon-user": { name: "anon-user", type: "anon-user", disabled: false },
      "local-userpass": {
        name: "local-userpass",
        type: "local-userpass",
        disabled: false,
        config: { autoConfirm: true, runResetFunction: false }
      }
    },
    "auth/custom_user_data.json": {
      enabled: true,
      mongo_service_name: "mongodb-atlas",
      database_name: "db",
      collection_name: "users",
      user_id_field: "id"
    },
    "functions/config.json": entries.map(([name, { source: _, ...config }]) => ({ name, ...config })),
    ...Object.fromEntries(entries.map(([name, { source }]) => [`functions/${name}.js`, source])),
    "data_sources/m/config.json": { name: "mongodb-atlas", type: "mongodb-atlas" },
    ...rule("owned", [{ apply_when: { owner: "%%user.id" }, ...all }]),
    ...files
  })
}

const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const server = (
  functions: Record<string, string | Config>,
  more: Record<string, unknown> = {},
  options?: AppServicesServer.Options
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      return inProcess(yield* AppDirectory.load(yield* directoryOf(functions, more)), options)
    })
  ).pipe(Layer.provide(files))

const user = Effect.map(anonymous(), ({ access_token, user_id }) => ({
  id: user_id,
  call: (name: string, ...args: ReadonlyArray<unknown>) =>
    Effect.map(callFunction(access_token, name, args), ({ body, status, text }): unknown =>
      status === 200 ? JSON.parse(text) : (body["error"] ?? text)
    ),
  client: (name: string, collection: string, argument: object = {}) =>
    Effect.map(
      ask("POST", path("my-app", "functions/call"), {
        token: access_token,
        body: { name, arguments: [{ database: "db", collection, ...argument }], service: "mongodb-atlas" }
      }),
      ({ body, status, text }): unknown => (status === 200 ? JSON.parse(text) : (body["error"] ?? text))
    )
}))

/** Uses a collection under its own identity. */
const using = `exports = async (collection, name, ...args) => {
  const found = await context.services.get("mongodb-atlas").db("db").collection(collection)[name](...args)
  return found && found.toArray ? found.toArray() : found
}`
const who = "exports = () => [context.user.id, context.runningAsSystem()]"

describe("a function of an exported application", () => {
  it.effect("finds what its caller may see, or everything as the system", () =>
    Effect.gen(function* () {
      const ada = yield* user
      const bob = yield* user
      yield* ada.call("mine", "owned", "insertOne", { _id: "a", owner: ada.id })
      yield* ada.call("system", "owned", "insertOne", { _id: "b", owner: bob.id })
      const names = { $exists: true }
      assert.deepStrictEqual(yield* ada.call("mine", "owned", "find", { _id: names }), [{ _id: "a", owner: ada.id }])
      assert.deepStrictEqual(yield* bob.call("mine", "owned", "find", {}), [{ _id: "b", owner: bob.id }])
      assert.lengthOf((yield* bob.call("system", "owned", "find", {})) as Array<unknown>, 2)
      assert.strictEqual(
        yield* ada.call("mine", "owned", "insertOne", { owner: bob.id }),
        'MongoError: insert not permitted; the function "mine" runs as the user who calls it: ' +
          'give "db.owned" a rule that allows it, or the function "run_as_system": true'
      )
      assert.match(
        String(yield* ada.call("mine", "unruled", "find", {})),
        /no rule exists for namespace 'db\.unruled'.*"mine" runs as the user.*"run_as_system": true$/
      )
      assert.deepStrictEqual(yield* ada.call("who"), [ada.id, false])
      assert.deepStrictEqual(yield* ada.call("whoAsSystem"), [ada.id, true])
    }).pipe(
      Effect.provide(
        server({
          mine: using,
          system: { source: using, run_as_system: true },
          who,
          whoAsSystem: { source: who, run_as_system: true }
        })
      )
    )
  )

  it.effect("runs by its own setting when another one calls it", () =>
    Effect.gen(function* () {
      const ada = yield* user
      assert.deepStrictEqual(yield* ada.call("outer"), [
        [ada.id, true],
        [ada.id, false]
      ])
      assert.strictEqual(yield* ada.call("handsOn"), "itself")
      assert.deepStrictEqual(yield* ada.call("outerAsSystem"), [
        [ada.id, true],
        [ada.id, false]
      ])
    }).pipe(
      Effect.provide(
        server({
          outer: `exports = () => [context.functions.execute("whoAsSystem"), context.functions.execute("who")]`,
          outerAsSystem: {
            source: `exports = () => [context.functions.execute("whoAsSystem"), context.functions.execute("who")]`,
            run_as_system: true
          },
          // a value that cannot be copied
          handsOn: `exports = () => { const a = {}; a.a = a; return context.functions.execute("called", a, () => "itself") }`,
          called: "exports = (a, answer) => a.a === a && answer()",
          who,
          whoAsSystem: { source: who, run_as_system: true }
        })
      )
    )
  )

  it.effect("runs as the user whose id a script returns, with the data of that user", () =>
    Effect.gen(function* () {
      yield* register("ada@example.com", "password")
      const { body } = yield* emailPassword("ada@example.com", "password")
      const ada = body["user_id"]
      const bob = yield* user
      yield* bob.call("system", "users", "insertOne", { id: ada, team: "red" })
      yield* bob.call("system", "owned", "insertMany", [
        { _id: "a", owner: ada },
        { _id: "b", owner: bob.id }
      ])
      assert.deepStrictEqual(yield* bob.call("asAnother", ada), [
        ada,
        "ada@example.com",
        "red",
        false,
        [{ _id: "a", owner: ada }],
        [ada, false]
      ])
      assert.deepStrictEqual(yield* bob.call("outer", ada), [ada, bob.id])
      assert.strictEqual(
        yield* bob.call("asAnother", "5f0000000000000000000001"),
        'the function "asAnother" runs as the user "5f0000000000000000000001", who does not exist: ' +
          "give it the id of a user of the application"
      )
      assert.match(String(yield* bob.call("asAnother", 1)), /must return the id of a user/)
      assert.match(String(yield* bob.call("asNobody")), /"5f00000000000000000000ff", who does not exist/)
    }).pipe(
      Effect.provide(
        server({
          system: { source: using, run_as_system: true },
          who,
          asAnother: {
            source: `exports = async () => [context.user.id, context.user.data.email, context.user.custom_data.team,
              context.runningAsSystem(),
              await context.services.get("mongodb-atlas").db("db").collection("owned").find({}),
              await context.functions.execute("who")]`,
            run_as_user_id_script_source: "exports = async (id) => { if (context.runningAsSystem()) return id }"
          },
          asNobody: { source: who, run_as_user_id: "5f00000000000000000000ff" },
          outer: `exports = async (id) => [(await context.functions.execute("asAnother", id))[0], context.user.id]`
        })
      )
    )
  )

  it.effect("is called by whom its rule lets call it", () =>
    Effect.gen(function* () {
      const ada = yield* user
      const refused = (name: string) => `rule not matched for function "${name}"`
      assert.strictEqual(yield* ada.call("server"), refused("server"))
      assert.strictEqual(yield* ada.call("withArgument"), refused("withArgument"))
      assert.strictEqual(yield* ada.call("withArgument", { b: 1 }), refused("withArgument"))
      assert.strictEqual(yield* ada.call("withArgument", { a: "b" }), "called")
      assert.strictEqual(yield* ada.call("withValue"), "called")
      assert.strictEqual(yield* ada.call("asked", "no"), refused("asked"))
      assert.strictEqual(yield* ada.call("asked", "yes"), "called")
      assert.strictEqual(yield* ada.call("askedInVain"), 'a rule cannot be decided: its function "broken" failed')
      assert.deepStrictEqual(yield* ada.call("outer"), ["called", `Error: ${refused("server")}`])
    }).pipe(
      Effect.provide(
        server(
          {
            server: { source: "exports = () => 'called'", can_evaluate: { "%%user.type": "server" } },
            withArgument: { source: "exports = () => 'called'", can_evaluate: { "%%args.0.a": { $exists: true } } },
            withValue: { source: "exports = () => 'called'", can_evaluate: { "%%values.v": { $in: ["x"] } } },
            asked: { source: "exports = () => 'called'", can_evaluate: { "%%true": fn("isYes", "%%args.0") } },
            askedInVain: { source: "exports = () => 'called'", can_evaluate: { "%not": fn("broken") } },
            // private, and as the system
            isYes: { source: "exports = (text) => context.runningAsSystem() && text === 'yes'", private: true },
            broken: "exports = () => { throw new Error('no') }",
            outer: `exports = async () => {
              const answer = await context.functions.execute("withValue")
              try { await context.functions.execute("server") } catch (e) { return [answer, String(e)] }
            }`
          },
          { "values/v.json": { name: "v", value: "x" } }
        )
      )
    )
  )

  it.effect("decides as part of a collection's rules, as the system", () =>
    Effect.gen(function* () {
      const ada = yield* user
      yield* ada.call("system", "teams", "insertOne", { name: "red", members: [ada.id] })
      const documents = ["red", "blue"].map((team) => ({ _id: team, team }))
      yield* ada.call("system", "tasks", "insertMany", documents)
      assert.deepStrictEqual(yield* ada.client("find", "tasks"), [documents[0]])
      assert.deepStrictEqual(yield* ada.client("find", "tasks", { query: { _id: "blue" } }), [])
      assert.deepStrictEqual(yield* ada.client("count", "tasks"), { $numberLong: "1" })
      assert.deepStrictEqual(yield* ada.client("aggregate", "tasks", { pipeline: [{ $project: { team: 1 } }] }), [
        documents[0]
      ])
      // the function writes, too, while the change that asks it waits for it
      const set = (team: string) => ({ query: { _id: "red" }, update: { $set: { team } } })
      assert.strictEqual(yield* ada.client("updateOne", "tasks", set("blue")), "update not permitted")
      const one = { $numberInt: "1" }
      assert.deepStrictEqual(yield* ada.client("updateOne", "tasks", set("red")), {
        matchedCount: one,
        modifiedCount: { $numberInt: "0" }
      })
      assert.strictEqual(
        yield* ada.client("insertOne", "tasks", { document: { team: "blue" } }),
        "insert not permitted"
      )
      const document = { _id: "x", team: "red" }
      assert.deepStrictEqual(yield* ada.client("insertOne", "tasks", { document }), { insertedId: "x" })
      assert.deepStrictEqual(yield* ada.client("deleteMany", "tasks"), { deletedCount: { $numberInt: "2" } })
      const asked = (yield* ada.call("system", "log", "distinct", "who")) as Array<unknown>
      assert.deepStrictEqual(asked, [ada.id])
      assert.strictEqual(
        yield* ada.client("find", "broken"),
        'a rule cannot be decided: its function "gone" does not exist'
      )
    }).pipe(
      Effect.provide(
        server(
          {
            system: { source: using, run_as_system: true },
            isMember: {
              source: `exports = async (userId, team) => {
                const db = context.services.get("mongodb-atlas").db("db")
                await context.functions.execute("note", userId)
                return await db.collection("teams").count({ name: team, members: userId }) === 1
              }`,
              private: true
            },
            note: `exports = (who) => context.services.get("mongodb-atlas").db("db").collection("log").insertOne({ who })`
          },
          {
            ...rule("tasks", [{ apply_when: { "%%true": fn("isMember", "%%user.id", "%%root.team") }, ...all }]),
            ...rule("broken", [{ apply_when: { "%not": fn("gone") }, ...all }])
          }
        )
      )
    )
  )

  it.effect("is closed, and the report says why, where its settings contradict each other", () =>
    Effect.gen(function* () {
      const settings = {
        both: { run_as_system: true, run_as_authed_user: true },
        two: { run_as_user_id: "a", run_as_user_id_script_source: "exports = () => 'b'" },
        script: { run_as_user_id_script_source: "exports = (" },
        rule: { can_evaluate: { "%%root.a": 1 } },
        text: { can_evaluate: "yes" },
        // the system comes before any user
        system: { run_as_system: true, run_as_user_id: "a" },
        caller: { run_as_authed_user: true, run_as_user_id: "", can_evaluate: null }
      }
      const folder = yield* directoryOf(
        Object.fromEntries(Object.entries(settings).map(([name, it]) => [name, { source: who, ...it }]))
      )
      const app = yield* AppDirectory.load(folder)
      const closed = [...app.functions.values()].filter(({ closed }) => closed).map(({ name }) => name)
      assert.deepStrictEqual(closed, ["both", "two", "script", "rule", "text"])
      assert.strictEqual(app.functions.get("system")?.runAs._tag, "System")
      assert.strictEqual(app.functions.get("caller")?.runAs._tag, "Caller")
      const said = app.report.map(({ message }) => message)
      assert.lengthOf(said, 5)
      for (const [i, name] of closed.entries()) {
        assert.include(said[i], `"${name}"`)
        assert.match(said[i] ?? "", /no client can call the function$/)
      }
      yield* Effect.gen(function* () {
        const ada = yield* user
        for (const name of closed) {
          assert.strictEqual(yield* ada.call(name), `rule not matched for function "${name}"`)
        }
        assert.deepStrictEqual(yield* ada.call("caller"), [ada.id, false])
      }).pipe(withApps(app))
    }).pipe(Effect.provide(files))
  )
})

describe("a function written in code", () => {
  const insert = (owner: string) =>
    FunctionContext.use(({ collection, runningAsSystem }) =>
      Effect.as(collection("db", "c").insert([{ owner }]), runningAsSystem)
    )
  const app = (access: "open" | "closed") =>
    App.make({
      id: "my-app",
      providers: { anonymous: true },
      mongodb: { "mongodb-atlas": access },
      functions: {
        insert,
        insertAsCaller: { handler: insert, runAs: "caller" },
        count: () => FunctionContext.use(({ collection }) => collection("db", "c").count({ filter: {} }))
      }
    })

  it.effect("uses the database as the system, or as its caller", () =>
    Effect.gen(function* () {
      const ada = yield* user
      assert.isTrue(yield* ada.call("insert", "a"))
      assert.match(String(yield* ada.call("insertAsCaller", "b")), /no rule exists.*"insertAsCaller" runs as the user/)
      assert.deepStrictEqual(yield* ada.call("count"), { $numberInt: "1" })
    }).pipe(withApps(app("closed")))
  )

  it.effect("finds what is open as its caller", () =>
    Effect.gen(function* () {
      const ada = yield* user
      assert.isFalse(yield* ada.call("insertAsCaller", "b"))
      assert.deepStrictEqual(yield* ada.call("count"), { $numberInt: "1" })
    }).pipe(withApps(app("open")))
  )
})
