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
import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import { createServer, IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import type { App } from "../server/model/App.ts"
import * as AppServicesServer from "../server/AppServicesServer.ts"
import * as Body from "../server/api/Body.ts"
import { answerWhileStarting } from "./internal/starting.ts"
import * as requestScopes from "./internal/requestScopes.ts"

/**
 * Settings of a server and its socket.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends AppServicesServer.Options {
  /** @default a free port */
  readonly port?: number | undefined
  /** The default is reachable from this machine only. @default "127.0.0.1" */
  readonly host?: string | undefined
  /** How long a client may take to send the head of a request. @default "15 seconds" */
  readonly headersTimeout?: Duration.Input | undefined
  /** How long a client may take to send a whole request, its body included. @default "2 minutes" */
  readonly requestTimeout?: Duration.Input | undefined
  /** The maximum number of connections; further ones are closed. @default 10_000 */
  readonly maxConnections?: number | undefined
  /** How long requests in flight may take to finish when the server closes. @default "3 seconds" */
  readonly shutdownTimeout?: Duration.Input | undefined
}

/**
 * Serves applications on a socket. Fails with `ServeError` if it cannot listen, and with `AppServicesServerError` for an
 * invalid option. Closing the layer ends event streams, waits for running requests, and closes all connections.
 *
 * @see `AppServicesServer.layerHttpClient` for a server without a socket
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  apps: App | ReadonlyArray<App>,
  {
    headersTimeout = "15 seconds",
    host = "127.0.0.1",
    maxConnections = 10_000,
    port = 0,
    requestTimeout = "2 minutes",
    shutdownTimeout = "3 seconds",
    ...options
  }: Options = {}
): Layer.Layer<
  HttpServer.HttpServer | AppServicesServer.Services,
  AppServicesServer.AppServicesServerError | HttpServerError.ServeError
> =>
  Layer.unwrap(
    Effect.sync(() => {
      const [head, whole] = [headersTimeout, requestTimeout].map(Duration.toMillis)
      const server = createServer({
        headersTimeout: head,
        requestTimeout: whole,
        connectionsCheckingInterval: 1000,
        // an access token has the custom data of its user, and may be in the URL
        maxHeaderSize: 64 * 1024
      })
      server.maxConnections = maxConnections
      answerUnreadable(server)
      answerWhileStarting(server)
      const listening = Layer.effect(
        HttpServer.HttpServer,
        NodeHttpServer.make(() => server, { host, port, gracefulShutdownTimeout: shutdownTimeout }).pipe(
          Effect.map((library) => requestScopes.spread(server, library)),
          // closes what is still open after the timeout
          Effect.tap(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
        )
      )
      return Layer.effectDiscard(releaseIdle(server)).pipe(
        Layer.provideMerge(AppServicesServer.layer(apps, options)),
        Layer.provide(Layer.succeed(Body.ReadBytes, readBytes)),
        Layer.provideMerge(listening)
      )
    })
  )

/**
 * Reads a body from the events of the request itself, without the two fibers of a body that can be read repeatedly, and
 * without waiting for the stream to close, which together take a sixth of a call's time.
 */
const readBytes: Body.Read = (request, limit) => {
  const { source } = request
  if (!(source instanceof IncomingMessage) || source.headers.expect !== undefined) return Body.read(request, limit)
  const largest = ByteSize.toNumberUnsafe(limit)
  return Effect.callback((resume) => {
    if (source.destroyed) return resume(Effect.fail("Unreadable"))
    const chunks: Array<Buffer> = []
    let size = 0
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size <= largest) return
      stop()
      // reads and drops the rest, so that the client gets its answer
      source.resume()
      resume(Effect.fail("TooLarge"))
    }
    // what has ended tells nothing more, and removing listeners costs as much as adding them
    const onEnd = () => {
      const [first = Buffer.alloc(0)] = chunks
      resume(Effect.succeed(chunks.length === 1 ? first : Buffer.concat(chunks, size)))
    }
    const onBroken = () => resume(Effect.fail("Unreadable"))
    const stop = () => {
      source.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken)
    }
    source.on("data", onData).on("end", onEnd).on("error", onBroken).on("close", onBroken)
    return Effect.sync(() => {
      stop()
      source.destroy()
    })
  })
}

interface Refusal {
  readonly status: string
  readonly error: string
}

const refusals: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    error: "the URL and headers of the request exceed 64 KiB"
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: "413 Content Too Large",
    error: "the chunk extensions of the request body are too long"
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: "408 Request Timeout", error: "the request took too long to arrive" }
}

const noHttp: Refusal = { status: "400 Bad Request", error: "the request is not HTTP/1.1" }

/** Answers what cannot be parsed as a request with an error of the usual form, and closes the connection. */
const answerUnreadable = (server: Server): void => {
  const answers = new WeakMap<Duplex, ServerResponse>()
  const note = (request: IncomingMessage, response: ServerResponse) => answers.set(request.socket, response)
  server.on("request", note)
  server.on("checkContinue", note)
  server.on("clientError", (cause: Error & { readonly code?: string }, socket) => {
    const answer = answers.get(socket)
    // an error must not follow a part of an answer
    const halfway = answer !== undefined && answer.headersSent && !answer.writableFinished
    if (!socket.writable || cause.code === "ECONNRESET" || halfway) return void socket.destroy()
    const { error, status } = refusals[cause.code ?? ""] ?? noHttp
    const text = JSON.stringify({ error, error_code: "BadRequest" })
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
      () => socket.destroy()
    )
  })
}

/**
 * Closes idle keep-alive connections, which would delay the closing of the server. While it drains, they stay open: a client
 * may be about to send its next request on one.
 */
const releaseIdle = (server: Server) =>
  Effect.addFinalizer(() =>
    Effect.sync(() => {
      // @effect-diagnostics-next-line globalTimersInEffect:off -- a test's clock must not hold up a real socket
      const timer = setInterval(() => {
        if (!server.listening) server.closeIdleConnections()
      }, 20)
      server.once("close", () => clearInterval(timer))
    })
  )

/**
 * The URL of the server, for `baseUrl` of clients on this machine.
 *
 * @category accessors
 * @since 0.1.0
 */
export const baseUrl: Effect.Effect<string, never, HttpServer.HttpServer> = Effect.map(
  HttpServer.HttpServer,
  ({ address }) => AppServicesServer.localUrl(address)
)
