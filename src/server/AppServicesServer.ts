/**
 * The embedded server: App Services applications on a socket, or in process without one.
 *
 * @example
 * ```ts
 * import { App, AppServicesServer } from "effect-app-services/server"
 *
 * const app = App.make({ id: "my-app", providers: { anonymous: true } })
 *
 * // an HttpClient that answers from this very process, on the caller's clock
 * const InProcess = AppServicesServer.layerHttpClient(app)
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import type { App } from "./model/App.ts"
import * as HttpApp from "./HttpApp.ts"

/**
 * How a server runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends HttpApp.Options {}

/**
 * What a server provides to its own process: the inbox of what it would have mailed, the administration of users, and the
 * documents, past all rules.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = HttpApp.Services

/**
 * Why a server does not start: two applications with one id, a signing key or an administration token that is too short, a
 * data directory that is in use or is not one, or test settings where others could reach them.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppServicesServerError extends Schema.TaggedError<AppServicesServerError>(
  "effect-app-services/server/AppServicesServerError"
)("AppServicesServerError", { message: Schema.String }) {}

type Apps = App | ReadonlyArray<App>

const listOf = (apps: Apps): ReadonlyArray<App> => ("id" in apps ? [apps] : apps)

const toServerError = ({ message }: { readonly message: string }) => new AppServicesServerError({ message })

/**
 * Serves applications on the `HttpServer` that is provided.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  apps: Apps,
  options?: Options
): Layer.Layer<Services, AppServicesServerError, HttpServer.HttpServer> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const server = yield* HttpServer.HttpServer
      if (options?.passwordHashing === "testing" && !isLoopback(server.address)) {
        return yield* new AppServicesServerError({
          message:
            'passwordHashing "testing" protects no password: it works on a loopback address only, such as 127.0.0.1'
        })
      }
      const { app, endStreams, services } = yield* Effect.mapError(HttpApp.make(listOf(apps), options), toServerError)
      yield* server.serve(app).pipe(
        // access tokens and the arguments of calls may come in the query; traces must not repeat them
        Effect.updateService(UrlParams.CurrentRedactedNames, (names) => [...names, ...secretParameters])
      )
      // before the server waits for the requests that are under way
      yield* Effect.addFinalizer(() => endStreams)
      return services
    })
  )

const secretParameters = ["baas_at", "stitch_at", "baas_request", "stitch_request"]

const isLoopback = (address: HttpServer.HttpServer["Service"]["address"]): boolean =>
  NetAddress.isUnixPathAddress(address) || NetAddress.isLoopback(address.address)

/**
 * An `HttpClient` that applications answer in process: no socket, any host name, in the fiber and on the clock of
 * whoever calls. Whatever keeps a server from starting is a defect here.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient = (apps: Apps, options?: Options): Layer.Layer<HttpClient.HttpClient | Services> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { app, services } = yield* Effect.orDie(Effect.mapError(HttpApp.make(listOf(apps), options), toServerError))
      const client = HttpClient.make((request) =>
        app.pipe(
          Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
          Effect.scoped,
          Effect.map((response) => HttpServerResponse.toClientResponse(response, { request }))
        )
      )
      return Context.add(services, HttpClient.HttpClient, client)
    })
  )
