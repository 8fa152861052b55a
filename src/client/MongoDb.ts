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
 * @category services
 * @since 0.1.0
 */
export class MongoDb extends Context.Service<
  MongoDb,
  {
    /** A data source of the application, as a user reaches it. */
    client(userId: string, serviceName: string): MongoClient
  }
>()("effect-app-services/client/MongoDb") {
  static readonly layer: Layer.Layer<MongoDb, never, ProtocolClient | Sessions> = Layer.effect(
    this,
    Effect.gen(function* () {
      const client = yield* ProtocolClient
      const sessions = yield* Sessions
      const connection = { call: makeCall(client, sessions), open: makeOpener(client, sessions) }
      return {
        client: (userId, serviceName) => ({
          serviceName,
          db: (databaseName) => {
            const place = { connection, userId, serviceName, databaseName }
            function collection(name: string): MongoCollection<PlainDocument, PlainDocument>
            function collection<A, I>(name: string, schema: Schema.Codec<A, I>): MongoCollection<A, I>
            function collection<A, I>(name: string, schema?: Schema.Codec<A, I>) {
              return schema === undefined
                ? new Collection({ ...place, name }, Plain)
                : new Collection({ ...place, name }, schema)
            }
            return { name: databaseName, collection }
          }
        })
      }
    })
  )
}
