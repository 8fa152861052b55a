import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { App, AppDirectory, Database, FunctionContext } from "effect-app-services/server"
import { anonymous, callFunction, directory, withApps } from "./support.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  functions: {
    add: (n: number) =>
      Effect.flatMap(FunctionContext, ({ collection }) => collection("d", "c").insert([{ _id: n, n }])),
    all: () => Effect.flatMap(FunctionContext, ({ collection }) => collection("d", "c").find({ filter: {} }))
  }
})

it.effect("a server with a data directory has its documents after a restart", () =>
  Effect.gen(function* () {
    const dataDirectory = yield* directory({})
    const life = (name: string, args: ReadonlyArray<unknown>) =>
      Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const { status, text } = yield* callFunction(access_token, name, args)
        assert.strictEqual(status, 200, text)
        return text
      }).pipe(withApps(app, { dataDirectory }))
    yield* life("add", [2])
    yield* life("add", [1])
    assert.deepStrictEqual(
      JSON.parse(yield* life("all", [])),
      [2, 1].map((n) => ({ _id: { $numberInt: `${n}` }, n: { $numberInt: `${n}` } }))
    )
  })
)

it.effect("documents that an application brings along come once, whatever becomes of them", () =>
  Effect.gen(function* () {
    const dataDirectory = yield* directory({})
    const of = (collection: string) => ({ appId: "my-app", service: "mongodb-atlas", database: "d", collection })
    const life = Effect.fnUntraced(function* (
      collections: ReadonlyArray<string>,
      live: (database: Database.Database["Service"]) => Effect.Effect<unknown, Database.DatabaseError>
    ) {
      const files = Object.fromEntries(collections.map((name) => [`data/d/${name}.json`, [{ _id: 1 }, { _id: 2 }]]))
      const folder = yield* directory({ "realm_config.json": { app_id: "my-app" }, ...files })
      const brought = yield* AppDirectory.load(folder)
      return yield* Effect.flatMap(Database.Database, live).pipe(withApps(brought, { dataDirectory }))
    })
    const count = (collection: string) => (database: Database.Database["Service"]) =>
      Effect.map(database.find(of(collection), { filter: {} }), ({ length }) => length)

    assert.strictEqual(yield* life(["c"], count("c")), 2)
    yield* life(["c"], (database) => database.delete(of("c"), { filter: {}, many: true }))
    assert.strictEqual(yield* life(["c"], count("c")), 0)
    assert.strictEqual(yield* life(["c", "later"], count("later")), 2)
    assert.strictEqual(yield* life(["c", "later"], count("c")), 0)
  }).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))
)
