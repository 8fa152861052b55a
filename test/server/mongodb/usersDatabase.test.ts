import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as MongoDatabase from "effect-app-services/mongodb"
import { Database, MongoWire } from "effect-app-services/server"
import { port, users } from "./users.ts"

const documents = Layer.unwrap(
  MongoWire.MongoWire.use(({ uri }) => Effect.map(uri(), (uri) => MongoDatabase.layer({ uri })))
)

const place = (database: string, collection: string) => ({
  appId: "shop",
  service: "mongodb-atlas",
  database,
  collection
})

describe("documents in the MongoDB that has the users", () => {
  it.live("cannot be those of the database of users, by no operation", () =>
    Effect.gen(function* () {
      const database = yield* Database.Database
      const inside = place("effect_app_services", "signingKeys")
      const outside = place("shop", "items")
      yield* database.insert(outside, [{ _id: 1 }])
      const out = (stage: Record<string, unknown>) => [{ $match: {} }, stage]
      const refused: Record<string, Effect.Effect<unknown, Database.DatabaseError>> = {
        find: database.find(inside, { filter: {} }),
        aggregate: database.aggregate(inside, []),
        insert: database.insert(inside, [{ _id: 1 }]),
        out: database.aggregate(outside, out({ $out: { db: "effect_app_services", coll: "users" } })),
        merge: database.aggregate(outside, out({ $merge: { into: { db: "effect_app_services", coll: "users" } } })),
        collections: database.collections(inside),
        index: database.index(inside, "a"),
        indexes: database.indexes(inside),
        drop: database.dropIndex(inside, "a"),
        transaction: Database.atomically(database, (transaction) => transaction.find(inside, { filter: {} })),
        changes: database.changes({ appId: "shop", service: "mongodb-atlas", database: inside.database }, {})
      }
      for (const [name, operation] of Object.entries(refused)) {
        const result = yield* Effect.flip(Effect.scoped(operation))
        assert.strictEqual(result.code, 13, name)
        assert.include(result.message, "has the users of the server", name)
      }
      assert.notInclude(yield* database.databases(inside), "effect_app_services")
      assert.deepEqual(yield* database.find(outside, { filter: {} }), [{ _id: 1 }])
    }).pipe(Effect.provide(Layer.provideMerge(Layer.merge(documents, users), port)))
  )
})
