/** Clients of MongoDB clusters: how they connect, and whether they are connected. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { MongoClient, MongoClientOptions, TopologyDescription } from "mongodb"
import { type DatabaseError, unavailable } from "../../data/DatabaseError.ts"
import { bsonOptions } from "./values.ts"

/**
 * A cluster cannot be reached, or refuses the credentials. `message` names the hosts, without the password.
 *
 * @category errors
 * @since 0.2.0
 */
export class MongoDatabaseError extends Schema.TaggedError<MongoDatabaseError>(
  "effect-app-services/server/mongodb/MongoDatabaseError"
)("MongoDatabaseError", { message: Schema.String }) {}

/** Options of the driver that are not ours to choose. */
export type ClientOptions = Omit<MongoClientOptions, "promoteValues" | "promoteLongs" | "bsonRegExp">

/** A connected cluster. */
export interface Cluster {
  readonly client: MongoClient
  /** Fails while no server of the cluster can be written to. It asks none: the driver watches them. */
  readonly ready: Effect.Effect<void, DatabaseError>
}

/**
 * The hosts of a connection string, without user, password and options. `"?"` if it is not well-formed: an unescaped `@`, `/`
 * or `?` in a password leaves open where the hosts begin.
 *
 * @category accessors
 * @since 0.2.0
 */
export const hostsOf = (uri: Redacted.Redacted): string =>
  /^[^:/]*:\/\/(?:[^@/?]*@)?([^@/?]+)(?:[/?][^@]*)?$/.exec(Redacted.value(uri))?.[1] ?? "?"

/**
 * How long an operation waits for a server, and how soon the driver notices that one does not answer, in milliseconds. The
 * driver's own limits, half a minute each, are longer than clients wait.
 */
const limits = {
  serverSelectionTimeoutMS: 10_000,
  waitQueueTimeoutMS: 10_000,
  connectTimeoutMS: 5_000,
  heartbeatFrequencyMS: 5_000
}

/** The limits that the connection string does not set. */
const limitsOf = (uri: Redacted.Redacted): Partial<typeof limits> => {
  const given = new Set(
    [...new URLSearchParams(Redacted.value(uri).split("?")[1] ?? "").keys()].map((name) => name.toLowerCase())
  )
  return Object.fromEntries(Object.entries(limits).filter(([name]) => !given.has(name.toLowerCase())))
}

/** The driver is an optional peer: servers with a database of their own do not need it. */
const load = Effect.tryPromise({
  try: () => import("mongodb"),
  catch: () =>
    new MongoDatabaseError({ message: "MongoDB's driver is not installed: npm install mongodb@7 installs it" })
})

/** Connects to a cluster, and closes its connections with the scope. */
const connect = Effect.fnUntraced(function* (
  uri: Redacted.Redacted,
  options: ClientOptions | undefined,
  announces: boolean
): Effect.fn.Return<Cluster, MongoDatabaseError, Scope.Scope> {
  const { MongoClient } = yield* load
  const hosts = hostsOf(uri)
  const failed = (cause: unknown) =>
    new MongoDatabaseError({
      message: `cannot connect to MongoDB at ${hosts}: ${cause instanceof Error ? cause.message : String(cause)}`
    })
  const client = yield* Effect.acquireRelease(
    Effect.try({
      try: () => new MongoClient(Redacted.value(uri), { ...limitsOf(uri), ...options, ...bsonOptions }),
      catch: failed
    }),
    (client) => Effect.promise(() => client.close())
  )
  yield* Effect.tryPromise({ try: () => client.connect(), catch: failed })
  const isAway = yield* watch(client, hosts, announces)
  return { client, ready: Effect.suspend(() => (isAway() ? Effect.fail(unavailable()) : Effect.void)) }
})

/** Follows what the driver knows of the servers, and logs when the cluster goes and when it comes back. Tells whether it is away. */
const watch = Effect.fnUntraced(function* (client: MongoClient, hosts: string, announces: boolean) {
  const services = yield* Effect.context<never>()
  let away = false
  const onChange = ({ newDescription: { servers } }: { readonly newDescription: TopologyDescription }) => {
    const all = [...servers.values()]
    const isAway = !all.some(({ isWritable }) => isWritable)
    if (isAway === away) return
    away = isAway
    if (!announces) return
    const why = all.flatMap(({ error }) => error?.message ?? []).join("; ")
    Effect.runForkWith(services)(
      away
        ? Effect.logError(`MongoDB at ${hosts} cannot be reached: ${why === "" ? "it has no primary" : why}`)
        : Effect.logInfo(`MongoDB at ${hosts} can be reached again`)
    )
  }
  client.on("topologyDescriptionChanged", onChange)
  yield* Effect.addFinalizer(() => Effect.sync(() => client.off("topologyDescriptionChanged", onChange)))
  return () => away
})

/** The clusters of a server by the name of the data source; one is for all other names. */
export interface Clusters {
  readonly of: (service: string) => MongoClient
  /** Fails while one of them cannot be reached. */
  readonly ready: Effect.Effect<void, DatabaseError>
}

/** Connects to clusters by the name of the data source. */
export const make = Effect.fnUntraced(function* ({
  announces = false,
  client: options,
  sources = {},
  uri
}: {
  readonly uri: Redacted.Redacted
  readonly sources?: Readonly<Record<string, Redacted.Redacted>> | undefined
  readonly client?: ClientOptions | undefined
  /** Whether to log when a cluster goes and comes back: a server with several clients of one says so once. */
  readonly announces?: boolean | undefined
}): Effect.fn.Return<Clusters, MongoDatabaseError, Scope.Scope> {
  const byUri = new Map<string, Cluster>()
  const connected = Effect.fnUntraced(function* (uri: Redacted.Redacted) {
    const cluster = byUri.get(Redacted.value(uri)) ?? (yield* connect(uri, options, announces))
    byUri.set(Redacted.value(uri), cluster)
    return cluster
  })
  const usual = yield* connected(uri)
  const others = new Map<string, Cluster>()
  for (const [name, source] of Object.entries(sources)) others.set(name, yield* connected(source))
  return {
    of: (service) => (others.get(service) ?? usual).client,
    ready: Effect.forEach([...byUri.values()], ({ ready }) => ready, { discard: true })
  }
})
