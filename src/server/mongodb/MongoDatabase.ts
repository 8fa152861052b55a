/**
 * Documents in MongoDB: a `Database` over MongoDB's official driver.
 *
 * Needs the package `mongodb`, version 7. Names of databases and collections are those of the cluster: an application finds
 * the documents that it had. Nothing is created but what operations ask for.
 *
 * Transactions, change streams and triggers need a replica set or a sharded cluster; without one they fail with an error of
 * the server that says so, and everything else works.
 *
 * @since 0.2.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ChangeStream, MongoClient } from "mongodb"
import { Database } from "../data/Database.ts"
import { DatabaseError } from "../data/DatabaseError.ts"
import type { Driver, DriverTransaction, Run } from "../data/Driver.ts"
import type { Changes, Kind, Namespace, Operation, Watch, Watched } from "../data/Operation.ts"
import { isDocument } from "../data/internal/bson.ts"
import * as ChangeStreams from "./internal/changeStream.ts"
import * as Clusters from "./internal/clusters.ts"
import type { MongoDatabaseError } from "./internal/clusters.ts"
import { attempt } from "./internal/errors.ts"
import { withoutUsers } from "./internal/withoutUsers.ts"
import { explain } from "./internal/explain.ts"
import * as Indexes from "./internal/indexes.ts"
import { execute, type Place } from "./internal/operations.ts"
import { asked, bsonOptions, received, receivedDocument } from "./internal/values.ts"

/**
 * How to reach the clusters.
 *
 * @category options
 * @since 0.2.0
 */
export interface Options {
  /** The connection string of the data sources that `sources` does not list. */
  readonly uri: Redacted.Redacted
  /** The connection strings of data sources, by name. */
  readonly sources?: Readonly<Record<string, Redacted.Redacted>> | undefined
  /**
   * Options of the driver: TLS, pools, time limits, `autoEncryption`.
   *
   * Those that neither these options nor the connection string set have the driver's defaults, but for the time limits:
   * `serverSelectionTimeoutMS` and `waitQueueTimeoutMS` are 10 seconds, `connectTimeoutMS` and `heartbeatFrequencyMS` 5.
   * An operation fails with `unavailable` when no server could be written to for that long.
   */
  readonly client?: Clusters.ClientOptions | undefined
  /**
   * The name of the database that servers keep users in (see `layerUsers`). No operation on documents, no trigger and no
   * function reaches it.
   *
   * @default "effect_app_services"
   */
  readonly usersDatabase?: string | undefined
}

export { hostsOf, MongoDatabaseError } from "./internal/clusters.ts"

/**
 * A database in MongoDB. Connects at once, and closes its connections with the layer.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<Database, MongoDatabaseError> =>
  Layer.effect(
    Database,
    Effect.map(makeDriver(options), (driver) => Database.make(withoutUsers(driver, options.usersDatabase)))
  )

/**
 * Reads the connection string from the configuration, by default from the variable `MONGODB_URI`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = (
  uri: Config.Config<Redacted.Redacted> = Config.Redacted("MONGODB_URI"),
  options: Omit<Options, "uri"> = {}
): Layer.Layer<Database, MongoDatabaseError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(uri, (uri) => layer({ ...options, uri })))

const makeDriver = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Driver, MongoDatabaseError, Scope.Scope> {
  const clusters = yield* Clusters.make({ ...options, announces: true })
  const clientOf = clusters.of

  const collectionOf = ({ collection, database, service }: Namespace) =>
    clientOf(service).db(database).collection(collection)

  const run: Run = (operation) =>
    attempt(() => execute({ client: clientOf(operation.namespace.service), session: undefined }, operation))

  return {
    run,
    ready: clusters.ready,
    transaction: transaction(clientOf),
    collections: ({ database, service }) =>
      attempt(async () => {
        const all = await clientOf(service).db(database).listCollections({}, { nameOnly: true }).toArray()
        return all
          .flatMap(({ name, type }) => (type === "collection" && !name.startsWith("system.") ? [name] : []))
          .toSorted()
      }),
    databases: ({ service }) =>
      attempt(async () => {
        const { databases } = await clientOf(service).db().admin().listDatabases({ nameOnly: true })
        return databases
          .map(({ name }) => name)
          .filter((name) => !system.has(name))
          .toSorted()
      }),
    index: (namespace, index) => attempt(() => Indexes.create(collectionOf(namespace), index)),
    indexes: (namespace) => attempt(() => Indexes.list(collectionOf(namespace))),
    dropIndex: (namespace, name) => attempt(async () => void (await collectionOf(namespace).dropIndex(name))),
    explain: (operation) => attempt(() => explain(clientOf(operation.namespace.service), operation)),
    changes: (watched, watch) => changes(clientOf(watched.service), watched, watch)
  }
})

const system = new Set(["admin", "config", "local"])

/** A transaction is one of the cluster that its first operation is for. */
const transaction = (
  clientOf: (service: string) => MongoClient
): Effect.Effect<DriverTransaction, DatabaseError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let place: Required<Place> | undefined
      let open = true
      const ended = () =>
        new DatabaseError({ message: "the transaction has ended: an error, a commit or an abort ended it", code: 251 })
      const placeOf = (service: string): Place => {
        const client = clientOf(service)
        if (place === undefined) {
          const session = client.startSession()
          session.startTransaction({ readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } })
          place = { client, session }
        }
        if (place.client === client) return place
        throw new DatabaseError({ message: "a transaction cannot write to several clusters", code: 263 })
      }
      const end = async (how: "commitTransaction" | "abortTransaction") => {
        open = false
        const session = place?.session
        if (session === undefined) return
        try {
          if (session.inTransaction()) await session[how]()
        } finally {
          await session.endSession()
        }
      }
      const abort = Effect.ignore(attempt(() => end("abortTransaction")))
      const whileOpen = <A>(effect: Effect.Effect<A, DatabaseError>) =>
        Effect.suspend(() => (open ? effect : Effect.fail(ended())))
      return {
        run: <K extends Kind>(operation: Operation<K>) =>
          whileOpen(
            Effect.tapError(
              attempt(() => execute(placeOf(operation.namespace.service), operation)),
              () => abort
            )
          ),
        commit: whileOpen(Effect.uninterruptible(attempt(() => end("commitTransaction")))),
        abort: Effect.suspend(() => (open ? abort : Effect.void))
      }
    }),
    ({ abort }) => abort
  )

const changes = (
  client: MongoClient,
  { collection, database }: Watched,
  { before = false, filter, resumeAfter, startAfter }: Watch
): Effect.Effect<Stream.Stream<Changes, DatabaseError>, DatabaseError> =>
  ChangeStreams.read(() => {
    const source = database === undefined ? client : client.db(database)
    const watched =
      database !== undefined && collection !== undefined ? client.db(database).collection(collection) : source
    return watched.watch(filter === undefined ? [] : [{ $match: asked(filter) }], {
      fullDocument: "updateLookup",
      maxAwaitTimeMS: ChangeStreams.patience,
      ...(before ? { fullDocumentBeforeChange: "whenAvailable" } : undefined),
      ...(resumeAfter === undefined ? undefined : { resumeAfter }),
      ...(startAfter === undefined ? undefined : { startAfter }),
      ...bsonOptions
    })
  }, partOf)

const partOf = ({ resumeToken }: ChangeStream, event: object | null): Changes => {
  const events = event === null ? [] : [receivedDocument({ ...event })]
  const token = events[0]?.["_id"] ?? received(resumeToken)
  return { events, token: isDocument(token) ? token : {} }
}
