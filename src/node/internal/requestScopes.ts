/** Runs requests in many scopes in turn instead of one. */
// @effect-diagnostics anyUnknownInErrorContext:off -- an HTTP server takes effects with any error
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"
import type { RequestListener, Server } from "node:http"

type Required = HttpServerRequest.HttpServerRequest | Scope.Scope
type Served = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown, Required>

/** How many scopes take turns. */
const width = 256

/**
 * An HTTP server whose requests run in {@link width} scopes in turn. A scope of all requests is a map that lives long, and
 * the garbage collector then keeps whole requests much longer than they run, which is a sixth of a call's time
 * (`core/slots.ts` says why). A scope that seldom has more than one request keeps no map.
 */
export const spread = (server: Server, library: HttpServer.HttpServer["Service"]): HttpServer.HttpServer["Service"] =>
  HttpServer.make({
    address: library.address,
    serve: (app, middleware) =>
      middleware === undefined ? serve(server, library, app) : library.serve(app, middleware)
  })

const serve = Effect.fnUntraced(function* (server: Server, library: HttpServer.HttpServer["Service"], app: Served) {
  const requests = yield* Scope.fork(yield* Effect.scope, "parallel")
  const scopes = Array.from({ length: width }, () => Scope.forkUnsafe(requests, "parallel"))
  let turn = 0
  const listen = yield* NodeHttpServer.makeHandler<Required, unknown, Served>(app, {
    // read for each request
    get scope() {
      turn = (turn + 1) % width
      return scopes[turn] ?? requests
    }
  }).pipe(
    // requests add services of their own to the context: to a flat one without copying it
    Effect.updateContext((context: Context.Context<never>) => Context.makeUnsafe(new Map(context.mapUnsafe)))
  )
  // before the library's own, so that requests are answered until the server has closed
  yield* Effect.addFinalizer(() => Effect.sync(() => server.off("request", listen)))
  const before = new Set(server.listeners("request"))
  yield* library.serve(app)
  for (const listener of server.listeners("request")) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is a listener of this event
    if (!before.has(listener)) server.off("request", listener as RequestListener)
  }
  server.on("request", listen)
})
