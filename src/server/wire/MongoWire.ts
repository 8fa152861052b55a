/**
 * A port that speaks MongoDB's wire protocol: the embedded database for `mongosh`, Compass, mongoose and MongoDB's drivers.
 *
 * Clients of the port reach **every document, past the rules**, so it listens on loopback only, and only clients with its
 * password are let in. Each data source has a user name of its own: `APP-ID.SOURCE`, or the application's id for
 * `mongodb-atlas`, or for the first one if it does not have that.
 *
 * @example
 * ```ts
 * import { App, AppServicesServer, MongoWire } from "effect-app-services/server"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const app = App.make({ id: "my-app", mongodb: { "mongodb-atlas": "closed" } })
 *
 * const Port = MongoWire.layer(app).pipe(Layer.provideMerge(AppServicesServer.layerHttpClient(app)))
 *
 * const uri = MongoWire.MongoWire.use(({ uri }) => uri()).pipe(
 *   Effect.map(Redacted.value), // mongodb://my-app:...@127.0.0.1:...
 *   Effect.provide(Port)
 * )
 * ```
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createServer, type Server } from "node:net"
import { Database } from "../data/Database.ts"
import type { App } from "../model/App.ts"
import type { Server as Shared } from "./internal/Call.ts"
import { serve } from "./internal/connection.ts"
import { Created } from "./internal/created.ts"
import { Cursors } from "./internal/cursors.ts"
import { verifierOf } from "./internal/scram.ts"
import { Sessions } from "./internal/sessions.ts"
import { sourceOf, sourcesOf } from "./internal/sources.ts"

/**
 * Settings of the port.
 *
 * @category options
 * @since 0.2.0
 */
export interface Options {
  /**
   * The TCP port on 127.0.0.1.
   *
   * @default 0: a free one
   */
  readonly port?: number | undefined
  /**
   * The password of all users: 16 to 256 letters, digits and signs of ASCII, without spaces.
   *
   * @default a random one
   */
  readonly password?: Redacted.Redacted | undefined
  /**
   * The most connections; further ones are closed.
   *
   * @default 1_000
   */
  readonly maxConnections?: number | undefined
}

/**
 * The port cannot be opened, or there is no such data source. `message` says which, and what to do.
 *
 * @category errors
 * @since 0.2.0
 */
export class MongoWireError extends Schema.TaggedError<MongoWireError>(
  "effect-app-services/server/wire/MongoWireError"
)("MongoWireError", { message: Schema.String }) {}

/**
 * What the port offers to its own process.
 *
 * @category models
 * @since 0.2.0
 */
export interface Service {
  readonly port: number
  /** The user names, one per data source. */
  readonly users: ReadonlyArray<string>
  /** The password of all users. */
  readonly password: Redacted.Redacted
  /** The connection string of a user, by default the first one. It contains the password. */
  readonly uri: (user?: string) => Effect.Effect<Redacted.Redacted, MongoWireError>
}

/**
 * The port, while it is open.
 *
 * @category services
 * @since 0.2.0
 */
export class MongoWire extends Context.Service<MongoWire, Service>()("effect-app-services/server/wire/MongoWire") {}

const host = "127.0.0.1"

const passwordForm = /^[\x21-\x7e]{16,256}$/

/**
 * Makes a random password for a port.
 *
 * @category constructors
 * @since 0.2.0
 */
export const generatePassword: Effect.Effect<Redacted.Redacted> = Effect.gen(function* () {
  const random = yield* SecureRandom.SecureRandom
  return Redacted.make(Base64Url.encode(yield* random.randomBytes(24)))
}).pipe(Effect.provide(SecureRandom.layerWebCrypto))

/**
 * Opens the port for applications whose database is provided. It closes with the layer; what clients have not committed
 * then is aborted.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  apps: App | ReadonlyArray<App>,
  options: Options = {}
): Layer.Layer<MongoWire, MongoWireError, Database> =>
  Layer.effect(
    MongoWire,
    Effect.gen(function* () {
      const sources = sourcesOf("id" in apps ? [apps] : apps)
      const password = options.password ?? (yield* generatePassword)
      if (!passwordForm.test(Redacted.value(password))) {
        return yield* new MongoWireError({
          message:
            "the password of the MongoDB port is invalid: expected 16 to 256 letters, digits and signs of ASCII, without spaces"
        })
      }
      const net = createServer()
      net.maxConnections = options.maxConnections ?? 1_000
      const port = yield* Effect.acquireRelease(listen(net, options.port ?? 0), () => close(net))
      const server: Shared = {
        database: yield* Database,
        sources,
        verifier: verifierOf(Redacted.value(password)),
        cursors: new Cursors(),
        created: new Created(),
        sessions: new Sessions(yield* Database, yield* Effect.scope),
        address: `${host}:${port}`
      }
      yield* Effect.addFinalizer(() => server.cursors.closeAll(() => true))
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("10 seconds"), expire(server))))
      yield* accept(net, server)
      return MongoWire.of({
        port,
        users: sources.map(({ user }) => user),
        password,
        uri: (user) => {
          const source = user === undefined ? sources[0] : sourceOf(sources, user)
          if (source !== undefined) return Effect.succeed(uriOf(source.user, password, port))
          const message = `there is no user "${user ?? ""}" of the MongoDB port: expected one of ${sources.map((it) => it.user).join(", ")}`
          return Effect.fail(new MongoWireError({ message }))
        }
      })
    }).pipe(Effect.provide(SecureRandom.layerWebCrypto))
  )

const uriOf = (user: string, password: Redacted.Redacted, port: number): Redacted.Redacted =>
  Redacted.make(
    `mongodb://${encodeURIComponent(user)}:${encodeURIComponent(Redacted.value(password))}@${host}:${port}/?directConnection=true`
  )

const expire = ({ cursors, sessions }: Shared): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.andThen(cursors.expire(now), sessions.expire(now)))

/** Serves each connection in a fiber of its own, until the scope closes. */
const accept = Effect.fnUntraced(function* (net: Server, server: Shared) {
  const fibers = yield* FiberSet.make()
  const run = yield* FiberSet.runtime(fibers)<SecureRandom.SecureRandom>()
  let connections = 0
  net.on("connection", (socket) => {
    connections++
    run(serve(server, socket, connections))
  })
  // runs before the fibers are interrupted: no connection may come between
  yield* Effect.addFinalizer(() => Effect.sync(() => net.close()))
})

const listen = (net: Server, port: number): Effect.Effect<number, MongoWireError> =>
  Effect.callback((resume) => {
    net.once("error", (cause: Error & { readonly code?: string }) => {
      const problem =
        cause.code === "EADDRINUSE" ? "is in use: choose another one, or 0 for any free one" : cause.message
      resume(
        Effect.fail(new MongoWireError({ message: `cannot open the MongoDB port: port ${port} of ${host} ${problem}` }))
      )
    })
    net.listen({ port, host }, () => {
      const address = net.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

const close = (net: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    net.close(() => resume(Effect.void))
  })
