import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { App, Database, MongoWire } from "effect-app-services/server"
import { DatabaseContract } from "effect-app-services/testing"
import * as MongoDatabase from "effect-app-services/mongodb"

const app = App.make({ id: "contract", mongodb: { "mongodb-atlas": "closed", x: "closed" } })

/** The driver over the port of an embedded database. */
const overWire = Layer.unwrap(
  Effect.map(
    MongoWire.MongoWire.use(({ uri }) => Effect.all([uri(), uri("contract.x")])),
    ([uri, x]) => MongoDatabase.layer({ uri, sources: { x } })
  )
).pipe(Layer.provide(MongoWire.layer(app).pipe(Layer.provide(Database.Database.layerMemory))))

const variable = "MONGODB_TEST_URI"

const given = process.env[variable]

describe("the contract of databases on MongoDB's driver", () => {
  DatabaseContract.suite("MongoDB port", overWire, it, { applications: "shared" })
  if (given !== undefined) {
    const uri = Redacted.make(given)
    DatabaseContract.suite("MongoDB", MongoDatabase.layer({ uri, sources: { x: uri } }), it, { applications: "shared" })
  } else {
    console.log(`\n  ${variable} is not set: the contract of databases was NOT checked on a MongoDB server.\n`)
  }
})
