import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { AuthApi, Credentials } from "effect-app-services"
import * as MongoDatabase from "effect-app-services/mongodb"
import { App, Database, MongoWire } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { inspect } from "node:util"

const app = App.make({
  id: "shop",
  providers: { anonymous: true },
  mongodb: { "mongodb-atlas": "open" }
})

/** A server whose documents are behind the driver, and the database that is really there. */
const served = Layer.unwrap(
  MongoWire.MongoWire.use(({ uri }) =>
    Effect.map(uri(), (uri) => TestServer.layer(app, { server: { database: MongoDatabase.layer({ uri }) } }))
  )
).pipe(Layer.provide(MongoWire.layer(app).pipe(Layer.provide(Database.Database.layerMemory))))

describe("a server over MongoDB", () => {
  it.live("keeps the documents of clients there, under the rules", () =>
    Effect.gen(function* () {
      const user = yield* AuthApi.use((auth) => auth.logIn(Credentials.anonymous()))
      const items = user.mongoClient("mongodb-atlas").db("shop").collection("items")
      yield* items.insertMany([{ n: 1 }, { n: 2 }, { n: 3 }])
      yield* items.updateMany({ n: { $gt: 1 } }, { $set: { seen: true } })
      assert.strictEqual(yield* items.count({ seen: true }), 2)
      const namespace = { appId: "shop", service: "mongodb-atlas", database: "shop", collection: "items" }
      const database = yield* Database.Database
      const stored = yield* database.find(namespace, { filter: {}, sort: { n: 1 }, projection: { _id: 0 } })
      assert.deepEqual(stored, [{ n: 1 }, { n: 2, seen: true }, { n: 3, seen: true }])
    }).pipe(Effect.provide(served, { local: true }))
  )

  it.live("says at the start which host cannot be reached, without the password", () =>
    Effect.gen(function* () {
      const uri = Redacted.make("mongodb://ada:correct-horse-battery@127.0.0.1:1/?directConnection=true")
      const layer = MongoDatabase.layer({ uri, client: { serverSelectionTimeoutMS: 100 } })
      const failure = yield* Effect.flip(Layer.build(layer).pipe(Effect.scoped))
      assert.match(failure.message, /^cannot connect to MongoDB at 127\.0\.0\.1:1: /)
      assert.notInclude(inspect(failure, { depth: 9 }), "correct-horse")
    })
  )
})
