import { type Context, Effect, Layer, Redacted } from "effect"

import type { HttpClient } from "effect/http"
import { App, type AppServicesServer, Database, MongoWire } from "effect-app-services/server"
import { MongoClient } from "mongodb"
import { randomUUID } from "node:crypto"
import * as MongoUsers from "../../../src/server/mongodb/MongoUsers.ts"
import { inProcess } from "../support.ts"

const app = App.make({ id: "shop", mongodb: { "mongodb-atlas": "closed" } })

/** A port of MongoDB's over an embedded database. */
export const port = MongoWire.layer(app).pipe(Layer.provide(Database.Database.layerMemory))

const uri = MongoWire.MongoWire.use(({ uri }) => uri())

/** The users of a server. */
export type Services = ReturnType<typeof MongoUsers.layer>

/** The users of servers in the database of the port. */
export const overPort = Effect.map(uri, (uri): Services => MongoUsers.layer({ uri }))

/** The users of a server that has just started, in the database of the port. */
export const users = Layer.unwrap(overPort)

/** The users of servers in a database of their own, which is dropped with the scope. */
export const ownDatabase = (uri: Redacted.Redacted) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => `effect_app_services_test_${randomUUID()}`),
      (name) =>
        Effect.promise(async () => {
          const client = await new MongoClient(Redacted.value(uri)).connect()
          await client.db(name).dropDatabase()
          await client.close()
        })
    ),
    (databaseName): Services => MongoUsers.layer({ uri, databaseName })
  )

/** What commands use. */
export const administration = Effect.flatMap(uri, (uri) => MongoUsers.administration({ uri }))

/** Lets a later version have opened the database. */
export const changeVersion = (version: number) =>
  Effect.flatMap(uri, (uri) =>
    Effect.promise(async () => {
      const client = await new MongoClient(Redacted.value(uri)).connect()
      const meta = client
        .db("effect_app_services")
        .collection<{ readonly _id: string; readonly version: number }>("meta")
      await meta.updateOne({ _id: "schema" }, { $set: { version } })
      await client.close()
    })
  )

type Server = Context.Context<HttpClient.HttpClient | AppServicesServer.Services>

/** Servers that share the users in the database of the port. */
export const servers = Effect.fnUntraced(function* (count: number, apps: App.App | ReadonlyArray<App.App>) {
  const shared = yield* Effect.context<MongoWire.MongoWire>()
  const started: Array<Server> = []
  for (let i = 0; i < count; i++) {
    const own = Layer.provide(users, Layer.succeedContext(shared))
    started.push(yield* Layer.build(Layer.fresh(inProcess(apps, { users: own }))))
  }
  return started.map(
    (server) =>
      <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.provide(effect, server)
  )
})
