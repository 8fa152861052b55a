/**
 * The embedded server: App Services applications on a socket, or in process without one.
 *
 * @example
 * ```ts
 * import { App, AppServicesServer } from "effect-app-services/server"
 *
 * const app = App.make({ id: "my-app", providers: { anonymous: true } })
 *
 * // an HttpClient that this process answers itself, on the caller's clock
 * const InProcess = AppServicesServer.layerHttpClient(app)
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Applications } from "./Applications.ts"
import { ActivityLog } from "./api/ActivityLog.ts"
import * as AdminHandlers from "./api/AdminHandlers.ts"
import * as AdminPage from "./api/AdminPage.ts"
import { Api } from "./api/Api.ts"
import { AccessToken, RefreshToken } from "./api/Authorization.ts"
import * as Body from "./api/Body.ts"
import * as DataApi from "./api/DataApi.ts"
import * as GraphQl from "./api/GraphQl.ts"
import * as Endpoints from "./api/Endpoints.ts"
import * as Hosting from "./api/Hosting.ts"
import * as FunctionCalls from "./api/FunctionCalls.ts"
import * as Handlers from "./api/Handlers.ts"
import * as Health from "./api/Health.ts"
import * as HttpApp from "./api/HttpApp.ts"
import * as OpenStreams from "./api/OpenStreams.ts"
import * as Proxies from "./api/Proxies.ts"
import { Database } from "./data/Database.ts"
import type { App } from "./model/App.ts"
import { Apps, AppsError } from "./model/Apps.ts"
import * as Metrics from "./model/Metrics.ts"
import * as Ids from "./model/Ids.ts"
import * as PublicUrl from "./model/PublicUrl.ts"
import type { Options } from "./ServerOptions.ts"
import * as ServerServices from "./serverServices.ts"
import { RowStore } from "./storage/RowStore.ts"
import { Admin } from "./users/Admin.ts"
import { Inbox } from "./users/Inbox.ts"
import * as OAuthIssuers from "./users/OAuthIssuers.ts"

export type {
  /**
   * Settings of a server. All have defaults.
   *
   * @category options
   * @since 0.1.0
   */
  Options
} from "./ServerOptions.ts"

export type {
  /**
   * A request in the log.
   *
   * @category models
   * @since 0.1.0
   */
  Entry as RequestEntry
} from "./api/RequestLog.ts"

/**
 * What a server provides to its own process: the inbox of the e-mails that it would have sent, the administration of
 * users, and the documents without any rules.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = Inbox | Admin | Database | Applications

/**
 * The server cannot start: two applications with one id, an invalid option, a data directory that is in use or is not one,
 * or test settings on an address that others can reach. `message` says which, and what to do.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppServicesServerError extends Schema.TaggedError<AppServicesServerError>(
  "effect-app-services/server/AppServicesServerError"
)("AppServicesServerError", { message: Schema.String }) {}

/** A server: its HTTP effect, its services, and what ends the event streams that are open. */
interface Server {
  readonly app: HttpApp.HttpApp
  readonly services: Context.Context<Services>
  readonly endStreams: Effect.Effect<void>
  readonly health: Health.Health
  /** Runs requests, or what makes their fibers, with the logger of the page for people. */
  readonly logged: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Builds a server. Its services are its own: clock, logger and tracer are those of the fiber that runs a request. Those of
 * the fiber that builds it decide what of a data directory has expired, and are those of triggers.
 *
 * @internal
 */
export const make = (
  apps: App | ReadonlyArray<App>,
  options: Options = {}
): Effect.Effect<Server, AppServicesServerError, Scope.Scope> =>
  Effect.contextWith((given: Context.Context<never>) => {
    const clock = Context.get(given, Clock.Clock)
    const activity = options.adminToken === undefined ? undefined : ActivityLog.make(clock.currentTimeMillisUnsafe())
    const logged: Server["logged"] = (effect) =>
      activity === undefined ? effect : Effect.withLogger(effect, activity.logger)
    const outside =
      activity === undefined
        ? given
        : Context.add(
            given,
            Logger.CurrentLoggers,
            new Set([...Context.get(given, Logger.CurrentLoggers), activity.logger])
          )
    return Effect.gen(function* () {
      if (options.adminToken !== undefined && Redacted.value(options.adminToken).length < 32) {
        return yield* new AppsError({ message: "adminToken is too short: expected at least 32 characters" })
      }
      if (options.signingKey !== undefined && options.users !== undefined) {
        return yield* new AppsError({
          message: "signingKey cannot be combined with users, which has signing keys of its own: remove one of them"
        })
      }
      const trusts = yield* Effect.fromResult(Proxies.trusts(options.trustedProxies))
      const issuers = yield* Effect.fromResult(OAuthIssuers.read(options.oauthIssuers))
      const publicUrl = yield* Effect.mapError(
        Effect.fromResult(PublicUrl.read(options.publicUrl)),
        (message) => new AppsError({ message })
      )
      const services = yield* Layer.build(
        ServerServices.layer("id" in apps ? [apps] : apps, options, issuers, clock, outside)
      )
      const router = Effect.provideService(
        yield* HttpRouter.toHttpEffect(Layer.provide(routes(options, activity), Layer.succeedContext(services))),
        // for routes that do not set a limit themselves
        HttpIncomingMessage.MaxBodySize,
        Body.smallLimit
      )
      const call = yield* Effect.provide(FunctionCalls.shortcut, services)
      const endpoint = yield* Effect.provide(Endpoints.handler, services)
      const dataApi = yield* Effect.provide(DataApi.handler, services)
      const graphql = yield* Effect.provide(GraphQl.handler, services)
      const file = Hosting.handler(Context.get(services, Apps).all)
      const unwatch = Metrics.watchServer(outside)
      yield* Effect.addFinalizer(() => Effect.sync(unwatch))
      const health = Health.make(Context.get(services, RowStore), Context.get(services, Database))
      const handled = Proxies.forwarded(trusts)(
        HttpApp.make(
          (request) =>
            call(request) ?? graphql(request) ?? dataApi(request) ?? endpoint(request) ?? file(request) ?? router,
          {
            health,
            page: activity === undefined ? undefined : AdminPage.answer,
            newId: Effect.provideContext(Ids.objectId, services),
            onRequest: options.onRequest,
            record: activity?.record
          }
        )
      )
      return {
        app: publicUrl === undefined ? handled : Effect.provideService(handled, PublicUrl.PublicUrl, publicUrl),
        services: Context.pick(Inbox, Admin, Database, Applications)(services),
        endStreams: Context.get(services, OpenStreams.OpenStreams).end,
        health,
        logged
      }
    }).pipe(
      Effect.mapError(({ message }) => new AppServicesServerError({ message })),
      Effect.updateContext((context: Context.Context<Scope.Scope>) =>
        Context.make(Scope.Scope, Context.get(context, Scope.Scope)).pipe(
          Context.add(Metric.MetricRegistry, Context.get(outside, Metric.MetricRegistry))
        )
      )
    )
  })

/**
 * The URL of a server for clients on this machine: one on all addresses can be reached on loopback.
 *
 * @internal
 */
export const localUrl = (address: HttpServer.HttpServer["Service"]["address"]): string => {
  if (NetAddress.isUnixPathAddress(address) || !NetAddress.isUnspecified(address.address)) {
    return HttpServer.formatAddress(address)
  }
  const loopback = NetAddress.isIpv4Address(address.address) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback
  return HttpServer.formatAddress(NetAddress.inetAddressUnsafe(loopback, address.port))
}

/**
 * Serves applications on the `HttpServer` that is provided.
 *
 * @see `NodeAppServicesServer.layer` of `effect-app-services/node`, which provides Node's HTTP server
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  apps: App | ReadonlyArray<App>,
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
      const base = options?.publicUrl ?? localUrl(server.address)
      const located = URL.canParse(base) ? Hosting.located("id" in apps ? [apps] : apps, base) : apps
      const { app, endStreams, health, logged, services } = yield* make(located, options)
      // once for all requests: the fibers that answer them have the context of this one
      yield* logged(server.serve(app)).pipe(
        // access tokens, authorization codes and the arguments of calls may come in the query; traces must not repeat them
        Effect.updateService(UrlParams.CurrentRedactedNames, (names) => [...names, ...secretParameters]),
        // where a login by redirect leads to, with its tokens
        Effect.updateService(Headers.CurrentRedactedNames, (names) => [...names, ...secretHeaders])
      )
      // finalizers run in reverse: streams end before the server waits for the requests under way
      yield* Effect.addFinalizer(() => endStreams)
      // before that, load balancers get the time to send their requests elsewhere
      yield* Effect.addFinalizer(() => Effect.andThen(health.drain, Effect.sleep(options?.drainTime ?? Duration.zero)))
      return services
    })
  )

/**
 * An `HttpClient` whose requests the applications answer in process: without a socket, under any host name, in the
 * caller's fiber and on its clock. An error of the start is a defect.
 *
 * @see `TestServer` of `effect-app-services/testing`, which adds users and the SDK
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient = (
  apps: App | ReadonlyArray<App>,
  options?: Options
): Layer.Layer<HttpClient.HttpClient | Services> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const { app, logged, services } = yield* Effect.orDie(make(apps, options))
      const client = HttpClient.make((request) =>
        logged(app).pipe(
          Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
          Effect.scoped,
          Effect.map((response) => HttpServerResponse.toClientResponse(response, { request }))
        )
      )
      return Context.add(services, HttpClient.HttpClient, client)
    })
  )

const secretParameters = ["baas_at", "stitch_at", "baas_request", "stitch_request", "code", "state"]
const secretHeaders = ["location", "x-baas-location", "x-stitch-location"]

const isLoopback = (address: HttpServer.HttpServer["Service"]["address"]): boolean =>
  NetAddress.isUnixPathAddress(address) || NetAddress.isLoopback(address.address)

const routes = ({ adminToken }: Options, activity: ActivityLog["Service"] | undefined) =>
  Layer.mergeAll(
    HttpApiBuilder.layer(Api).pipe(
      Layer.provide(Handlers.layer),
      Layer.provide([AccessToken.layer, RefreshToken.layer]),
      Layer.provide(HttpServer.layerServices)
    ),
    adminToken === undefined || activity === undefined
      ? Layer.empty
      : Layer.provide(AdminHandlers.layer(adminToken), Layer.succeed(ActivityLog, activity))
  )
