/** A port of MongoDB's wire protocol, and connections to it. */
import { Effect, Layer, Redacted, type Scope } from "effect"
import { App, Database, MongoWire } from "effect-app-services/server"
import { MongoClient, type MongoClientOptions, MongoServerError } from "mongodb"
import { connect, createServer, type Socket } from "node:net"

export const app = App.make({ id: "shop", mongodb: { "mongodb-atlas": "closed", archive: "closed" } })

/** A port over a database of its own. */
export const layer = (options?: MongoWire.Options) =>
  MongoWire.layer(app, options).pipe(Layer.provideMerge(Database.Database.layerMemory))

/** The connection string of a user. */
export const uriOf = (user?: string) =>
  Effect.flatMap(MongoWire.MongoWire, ({ uri }) => Effect.map(uri(user), Redacted.value))

/** A client of the official driver, closed with the scope. */
export const open = (uri: string, options: MongoClientOptions = {}): Effect.Effect<MongoClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => new MongoClient(uri, { serverSelectionTimeoutMS: 20_000, ...options }).connect()),
    (client) => Effect.promise(() => client.close())
  )

/** Runs a test with a client of the official driver. */
export const withClient = <A>(
  use: (client: MongoClient, uri: string) => Promise<A>,
  options?: MongoClientOptions
): Effect.Effect<A, MongoWire.MongoWireError> =>
  Effect.gen(function* () {
    const uri = yield* uriOf()
    const client = yield* open(uri, options)
    return yield* Effect.promise(() => use(client, uri))
  }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))

/** A proxy between driver and port, which can cut connections. */
export interface Proxy {
  /** The connection string, by way of the proxy. */
  readonly uri: string
  /** Closes all connections. */
  readonly cut: () => void
  /** Closes the connection that next carries a command of this name, once the server has replied, without the reply. */
  readonly loseReplyTo: (command: string) => void
}

export const proxied = (uri: string): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { port } = new URL(uri)
      const sockets = new Set<Socket>()
      let lose: string | undefined
      const server = createServer((inner) => {
        const outer = connect(Number(port), "127.0.0.1")
        let loses = false
        for (const socket of [inner, outer]) {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            sockets.delete(socket)
            inner.destroy()
            outer.destroy()
          })
        }
        inner.on("data", (chunk: Buffer) => {
          if (lose !== undefined && chunk.includes(`\u0002${lose}\0`)) {
            loses = true
            lose = undefined
          }
          outer.write(chunk)
        })
        outer.on("data", (chunk: Buffer) => {
          if (loses) inner.destroy()
          else inner.write(chunk)
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      const own = typeof address === "object" && address !== null ? address.port : 0
      return {
        uri: uri.replace(`:${port}/`, `:${own}/`),
        cut: () => {
          for (const socket of sockets) socket.destroy()
        },
        loseReplyTo: (command: string) => {
          lose = command
        },
        close: () =>
          new Promise<void>((resolve) => {
            for (const socket of sockets) socket.destroy()
            server.close(() => resolve())
          })
      }
    }),
    ({ close }) => Effect.promise(close)
  )

/** What a promise fails with. */
export const failureOf = async (promise: Promise<unknown>): Promise<MongoServerError> => {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error
  )
  if (outcome instanceof MongoServerError) return outcome
  throw new Error(`expected an error of the server, got ${String(outcome)}`)
}
