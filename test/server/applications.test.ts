import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { App, Applications } from "effect-app-services/server"
import { load } from "./functions/support.ts"
import {
  anonymous,
  ask,
  callFunction,
  emailPassword,
  inProcess,
  loginPath,
  path,
  register,
  withApps
} from "./support.ts"
import { base, logged, onDocuments, place, recorders } from "./triggers/support.ts"
import { Database } from "effect-app-services/server/data/Database"

const replace = (app: App.App) => Effect.flatMap(Applications.Applications, (it) => it.replace(app))

const one = App.make({
  id: "my-app",
  providers: { anonymous: true, emailPassword: true },
  mongodb: { "mongodb-atlas": "open" },
  functions: { version: () => 1 }
})
const two = App.make({
  id: "my-app",
  providers: { emailPassword: true },
  mongodb: { "mongodb-atlas": "closed" },
  functions: { version: () => 2, added: () => "new" }
})

const isAlive = (pid: string | undefined) => {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

describe("an application of a running server", () => {
  it.effect("is replaced as a whole, and keeps its users, sessions and documents", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const { body } = yield* emailPassword("a@b.c", "correct horse")
      const token = body["access_token"]
      const find = ask("POST", path("my-app", "functions/call"), {
        token,
        body: { name: "find", service: "mongodb-atlas", arguments: [{ database: "d", collection: "c", query: {} }] }
      })
      assert.strictEqual((yield* callFunction(token, "added")).status, 404)
      assert.strictEqual((yield* find).status, 200)
      yield* replace(two)
      assert.deepStrictEqual((yield* callFunction(token, "version")).body, { $numberInt: "2" })
      assert.strictEqual((yield* callFunction(token, "added")).status, 200)
      assert.strictEqual((yield* emailPassword("a@b.c", "correct horse")).body["user_id"], body["user_id"])
      assert.notStrictEqual((yield* find).status, 200)
      const { status } = yield* ask("POST", loginPath("my-app", "anon-user"), { body: {} })
      assert.notStrictEqual(status, 200)
      yield* replace(one)
      assert.strictEqual((yield* find).status, 200)
    }).pipe(withApps(one))
  )

  it.effect("is not replaced by one with another id", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replace(App.make({ id: "other-app" })))
      assert.strictEqual(error.message, 'there is no application "other-app": the server hosts my-app')
    }).pipe(withApps(one))
  )

  it.live("ends the processes of its old functions after their calls", () =>
    Effect.gen(function* () {
      const version = (name: string) =>
        load({
          f: `exports = async () => {
  await new Promise((done) => setTimeout(done, 300))
  return { name: "${name}", pid: String(require("process").pid) }
}`
        })
      const first = yield* version("first")
      const second = yield* version("second")
      yield* Effect.gen(function* () {
        const { access_token: token } = yield* anonymous()
        const f = Effect.map(callFunction(token, "f"), ({ body }) => body)
        const [old] = yield* Effect.all([f, Effect.andThen(Effect.sleep("100 millis"), replace(second))], {
          concurrency: "unbounded"
        })
        assert.strictEqual(old["name"], "first")
        const present = yield* f
        assert.strictEqual(present["name"], "second")
        while (isAlive(old["pid"])) yield* Effect.sleep("10 millis")
        assert.isTrue(isAlive(present["pid"]))
      }).pipe(Effect.provide(inProcess(first)))
    })
  )

  it.live("goes on with the triggers that it has now", () =>
    Effect.gen(function* () {
      const names = recorders(["before", "after"])
      const before = yield* load(names, base({ before: onDocuments("before", {}) }))
      const after = yield* load(names, base({ after: onDocuments("after", {}) }))
      yield* Effect.gen(function* () {
        const database = yield* Database
        yield* database.insert(place("orders"), [{ _id: 1 }])
        yield* logged("before", 1)
        yield* replace(after)
        yield* database.insert(place("orders"), [{ _id: 2 }])
        yield* logged("after", 1)
        const found = yield* database.find(place("log"), { filter: {} })
        assert.deepStrictEqual(
          found.map(({ trigger }) => trigger),
          ["before", "after"]
        )
      }).pipe(Effect.provide(Layer.fresh(inProcess(before))))
    })
  )
})
