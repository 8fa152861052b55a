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
import { createServer } from "node:http"
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
): Layer.Layer<HttpServer.HttpServer, AppServicesServer.AppServicesServerError | HttpServerError.ServeError> =>
  AppServicesServer.layer(apps, options).pipe(
    Layer.provideMerge(Layer.effect(
      HttpServer.HttpServer,
      Effect.suspend(() => {
        const server = createServer()
        return Effect.tap(
          NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: shutdownTimeout }),
          // runs before the server waits for its connections to end: those that are still open by then are cut
          Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
        )
      })
    ))
  )

/**
 * Where the server listens: what clients on this machine take as their base URL.
 *
 * @category accessors
 * @since 0.1.0
 */
export const baseUrl: Effect.Effect<string, never, HttpServer.HttpServer> = Effect.map(HttpServer.HttpServer, ({ address }) => {
  if (NetAddress.isUnixPathAddress(address) || !NetAddress.isUnspecified(address.address)) {
    return HttpServer.formatAddress(address)
  }
  // a server on every address is reached by the loopback one
  const loopback = NetAddress.isIpv4Address(address.address) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback
  return HttpServer.formatAddress(NetAddress.inetAddressUnsafe(loopback, address.port))
})
