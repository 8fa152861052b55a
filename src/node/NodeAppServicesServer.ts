/**
 * The embedded server on a socket of Node's own HTTP server.
 *
 * @example
 * ```ts
 * import { App } from "effect-app-services/server"
 * import { NodeAppServicesServer } from "effect-app-services/node"
 * import { Effect, Layer } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { anonymous: true } })
 * const program = Effect.flatMap(NodeAppServicesServer.baseUrl, (url) => Effect.log(`listening on ${url}`))
 * const main = Effect.provide(program, NodeAppServicesServer.layer(app, { port: 9090 }))
 * ```
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { createServer, type Server } from "node:http"
import type { App } from "../server/App.ts"
import * as AppServicesServer from "../server/AppServicesServer.ts"

/**
 * Where and how a server listens.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends AppServicesServer.Options {
  /** A free port unless given. */
  readonly port?: number | undefined
  /** `127.0.0.1` unless given: nobody but this machine can reach it. */
  readonly host?: string | undefined
  /** How long requests under way may take to finish when the server closes: 3 seconds unless given. */
  readonly shutdownTimeout?: Duration.Input | undefined
}

/**
 * Serves applications on a socket.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  apps: App | ReadonlyArray<App>,
  { host = "127.0.0.1", port = 0, shutdownTimeout = "3 seconds", ...options }: Options = {}
): Layer.Layer<
  HttpServer.HttpServer | AppServicesServer.Services,
  AppServicesServer.AppServicesServerError | HttpServerError.ServeError
> =>
  Layer.unwrap(
    Effect.sync(() => {
      const server = createServer()
      const listening = Layer.effect(
        HttpServer.HttpServer,
        NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: shutdownTimeout }).pipe(
          // what is still open when the requests under way had their time is cut
          Effect.tap(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
        )
      )
      return Layer.effectDiscard(releaseIdle(server)).pipe(
        Layer.provideMerge(AppServicesServer.layer(apps, options)),
        Layer.provideMerge(listening)
      )
    })
  )

/** A connection that is kept alive after the last answer would hold up the closing of the server. */
const releaseIdle = (server: Server) =>
  Effect.addFinalizer(() =>
    Effect.sync(() => {
      // @effect-diagnostics-next-line globalTimersInEffect:off -- a test's clock must not hold up a real socket
      const timer = setInterval(() => server.closeIdleConnections(), 20)
      server.once("close", () => clearInterval(timer))
    })
  )

/**
 * Where the server listens: what clients on this machine take as their base URL.
 *
 * @category accessors
 * @since 0.1.0
 */
export const baseUrl: Effect.Effect<string, never, HttpServer.HttpServer> = Effect.map(
  HttpServer.HttpServer,
  ({ address }) => {
    if (NetAddress.isUnixPathAddress(address) || !NetAddress.isUnspecified(address.address)) {
      return HttpServer.formatAddress(address)
    }
    // a server on every address is reached by the loopback one
    const loopback = NetAddress.isIpv4Address(address.address) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback
    return HttpServer.formatAddress(NetAddress.inetAddressUnsafe(loopback, address.port))
  }
)
