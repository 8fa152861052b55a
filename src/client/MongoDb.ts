/**
 * MongoDB collections through a host, as one of an application's users and within what its rules allow.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import { makeOpener } from "./internal/eventStream.ts"
import { Collection, makeCall, Plain } from "./internal/mongoCollection.ts"
import type { MongoClient, MongoCollection, PlainDocument } from "./MongoDbTypes.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * The shape of {@link MongoDb}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** A data source of the application, such as `"mongodb-atlas"`, for a user. Sends nothing by itself. */
  readonly client: (userId: string, serviceName: string) => MongoClient
}

/**
 * Reads and writes MongoDB collections as a user. `user.mongoClient` is the same, bound to one user.
 *
 * @see `MongoCollection` for what a collection can do
 *
 * @category services
 * @since 0.1.0
 */
export class MongoDb extends Context.Service<MongoDb, Service>()("effect-app-services/client/MongoDb") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient | Sessions> = Effect.gen(function* () {
    const client = yield* ProtocolClient
    const sessions = yield* Sessions
    const connection = { call: makeCall(client, sessions), open: makeOpener(client, sessions) }
    return {
      client: (userId, serviceName) => ({
        serviceName,
        db: (databaseName) => {
          const target = { connection, userId, serviceName, databaseName }
          function collection(name: string): MongoCollection<PlainDocument, PlainDocument>
          function collection<A, I>(name: string, schema: Schema.Codec<A, I>): MongoCollection<A, I>
          function collection<A, I>(name: string, schema?: Schema.Codec<A, I>) {
            return schema === undefined
              ? new Collection({ ...target, name }, Plain)
              : new Collection({ ...target, name }, schema)
          }
          return { name: databaseName, collection }
        }
      })
    }
  })

  /** The service over the wire client and the sessions. */
  static readonly layer: Layer.Layer<MongoDb, never, ProtocolClient | Sessions> = Layer.effect(this, this.make)
}
