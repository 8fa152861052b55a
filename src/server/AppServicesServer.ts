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
import * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Kdf from "effect/crypto/Kdf"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
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
import * as RateLimits from "./api/RateLimits.ts"
import type * as RequestLog from "./api/RequestLog.ts"
import { Database, unavailable } from "./data/Database.ts"
import { FunctionRuntime } from "./functions/FunctionRuntime.ts"
import type { App } from "./model/App.ts"
import { Apps, AppsError } from "./model/Apps.ts"
import { FunctionRunner } from "./model/FunctionRunner.ts"
import * as Metrics from "./model/Metrics.ts"
import * as Ids from "./model/Ids.ts"
import * as PublicUrl from "./model/PublicUrl.ts"
import * as Seeds from "./Seeds.ts"
import * as DataDirectory from "./storage/DataDirectory.ts"
import * as EventLog from "./storage/EventLog.ts"
import { RateBuckets } from "./model/RateBuckets.ts"
import { RowStore } from "./storage/RowStore.ts"
import { Admin } from "./users/Admin.ts"
import { ApiKeys } from "./users/ApiKeys.ts"
import * as Digest from "./users/Digest.ts"
import { EmailAccounts } from "./users/EmailAccounts.ts"
import { Inbox } from "./users/Inbox.ts"
import * as MailDelivery from "./users/MailDelivery.ts"
import type { Mailer } from "./users/Mailer.ts"
import { JwtVerifier } from "./users/JwtVerifier.ts"
import { Logins } from "./users/Logins.ts"
import * as PasswordHasher from "./users/PasswordHasher.ts"
import { OAuth } from "./users/OAuth.ts"
import * as OAuthIssuers from "./users/OAuthIssuers.ts"
import { PublishedKeys } from "./users/PublishedKeys.ts"
import { PendingLogins, RedirectLogins } from "./users/RedirectLogins.ts"
import { Sessions } from "./users/Sessions.ts"
import { SigningKeys } from "./users/SigningKeys.ts"
import { UserStore } from "./users/UserStore.ts"
import { Tokens } from "./users/Tokens.ts"
import { Users } from "./users/Users.ts"
import { TriggerPositions } from "./triggers/TriggerPositions.ts"
import { Triggers } from "./triggers/Triggers.ts"
import { AuthEventLog } from "./users/AuthEventLog.ts"
import { AuthEvents } from "./users/AuthEvents.ts"
import type { UserServices } from "./users/UserServices.ts"

/**
 * Settings of a server. All have defaults.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * The cost of hashing a password. `"testing"` makes tests quick; a server that listens on an address other than loopback
   * refuses it.
   *
   * @default "standard"
   */
  readonly passwordHashing?: PasswordHasher.Profile | undefined
  /**
   * The directory that keeps users and documents, so that they outlive the server: empty, new, or made by an earlier start.
   * One server at a time can have it open. Without it everything is in memory only.
   *
   * What the server has acknowledged is on the disk, and survives a killed process and a power cut. A change that cannot be
   * written, as on a full disk, is answered with 500 and changes nothing.
   */
  readonly dataDirectory?: string | undefined
  /**
   * Another database for the documents, such as MongoDB (`layer` of `effect-app-services/mongodb`). Users stay in the data
   * directory or in memory. The documents that applications start with are not inserted into it, and no index is created.
   *
   * @default the embedded database
   */
  readonly database?: Layer.Layer<Database, { readonly message: string }> | undefined
  /**
   * Another storage for users and for all that servers keep for them, such as MongoDB (`layer` of
   * `effect-app-services/mongodb`, which is a `database` as well). Servers with the same storage are as one: a user who logs out
   * of one, is disabled or is deleted is refused by the others at the next request.
   *
   * It cannot be combined with `signingKey`, since it has keys of its own.
   *
   * @default the data directory, or memory
   */
  readonly users?: Layer.Layer<UserServices, { readonly message: string }> | undefined
  /**
   * What servers with the same users and documents share beside them, such as in MongoDB: the positions of triggers, so that
   * each is run by one server at a time, and rate limits.
   *
   * @default the data directory and memory, for one server
   */
  readonly coordination?: Layer.Layer<TriggerPositions | RateBuckets, { readonly message: string }> | undefined
  /**
   * What sends the e-mails, such as `NodeMailer` of `effect-app-services/node`. The inbox has them too.
   *
   * @default e-mails are in the inbox only
   */
  readonly mailer?: Layer.Layer<Mailer, { readonly message: string }> | undefined
  /**
   * The secret that the keys of tokens are derived from, at least 32 characters: servers in memory with the same secret
   * accept each other's tokens. By default the keys are random.
   *
   * A data directory has keys of its own, which `effect-app-services keys rotate` replaces; with one, this option is
   * refused.
   */
  readonly signingKey?: Redacted.Redacted | undefined
  /**
   * The time that one call of a function may take.
   *
   * @default "90 seconds"
   */
  readonly functionTimeLimit?: Duration.Input | undefined
  /**
   * The memory that the functions of one exported application may use, buffers included. They run in a process of their
   * own. A process that exceeds the limit is ended, the calls in it fail, and the next call starts another one.
   *
   * @default "512 MiB"
   */
  readonly functionMemoryLimit?: ByteSize.Input | undefined
  /**
   * Rate limits of logins, registrations and e-mails. A client that exceeds one gets a 429 with the header `Retry-After`.
   *
   * The standard limits are, for an account, 10 failed logins per 15 minutes, and per hour 10 failed registrations, 10
   * e-mails and 10 failed uses of an e-mail's token; for a client address, 300 logins per 15 minutes and 60 of each of the
   * others per hour. Loopback addresses may do a thousand times as much; requests in process have no limit by address.
   *
   * @default "standard"
   */
  readonly rateLimits?: RateLimits.Input | undefined
  /**
   * The proxies in front of the server: IP addresses, or networks in CIDR notation such as `"10.0.0.0/8"`. Their headers
   * `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` name the client's address, which rate limits
   * count and functions see, and the public address of the server, which clients are told. The headers of all others are
   * ignored. By default only proxies on the server's own machine are trusted; `[]` trusts none.
   *
   * @default ["127.0.0.0/8", "::1/128"]
   */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
  /**
   * The address by which clients reach the server, such as `"https://api.shop.example"`, without a path: what it tells clients,
   * providers of logins by redirect and functions. Pages of e-mails that begin with `/` are below it.
   *
   * @default the address of each request, as trusted proxies name it
   */
  readonly publicUrl?: string | undefined
  /**
   * Opens the administration API below `/_admin` to clients on this machine that send this bearer token, at least 32
   * characters. Without it there are no such routes. The services `Inbox` and `Admin` do not need it.
   */
  readonly adminToken?: Redacted.Redacted | undefined
  /**
   * Other hosts in place of Google, Facebook and Apple, by the URLs of their roots, as for tests: OpenID Connect issuers for
   * Google and Apple, a host with `dialog/oauth` and the Graph API for Facebook. They need TLS unless they are on this
   * machine.
   *
   * @default the providers themselves
   */
  readonly oauthIssuers?: OAuthIssuers.Input | undefined
  /**
   * How many event streams may be open at the same time. A client that opens more gets a 429.
   *
   * @default { perUser: 100, total: 5_000 }
   */
  readonly streams?: OpenStreams.Limits | undefined
  /**
   * How much of the changes of documents, and of the events of users, is kept for change streams and triggers that have not
   * read it yet. The oldest are dropped when one of the limits is exceeded: a stream or a trigger that would go on with
   * them fails or is suspended. Without a data directory the log is in memory, and has 64 MiB at most.
   *
   * @default { events: 100_000, bytes: "256 MiB", age: "7 days" }
   */
  readonly changeLog?:
    | {
        /** The number of changes of a data source. */
        readonly events?: number | undefined
        readonly bytes?: ByteSize.Input | undefined
        readonly age?: Duration.Input | undefined
      }
    | undefined
  /**
   * How long the server goes on answering requests after it was told to stop, while `GET /readyz` answers 503: the time
   * that a load balancer needs to notice and to send requests elsewhere.
   *
   * @default "0 seconds"
   */
  readonly drainTime?: Duration.Input | undefined
  /**
   * Called after every request is answered, with no secret in the entry: a request log. A failure of it is logged, and
   * does not change the answer.
   */
  readonly onRequest?: RequestLog.OnRequest | undefined
}

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
      const services = yield* Layer.build(layerServices("id" in apps ? [apps] : apps, options, issuers, clock, outside))
      const router = yield* HttpRouter.toHttpEffect(
        Layer.provide(routes(options, activity), Layer.succeedContext(services))
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

const limitsOf = ({ age, bytes, events }: NonNullable<Options["changeLog"]>): EventLog.Limits => ({
  events: events ?? EventLog.defaultLimits.events,
  bytes: bytes === undefined ? EventLog.defaultLimits.bytes : ByteSize.toNumberUnsafe(ByteSize.fromInputUnsafe(bytes)),
  age: age === undefined ? EventLog.defaultLimits.age : Duration.fromInputUnsafe(age)
})

const layerServices = (
  apps: ReadonlyArray<App>,
  {
    changeLog,
    coordination,
    dataDirectory,
    database,
    functionMemoryLimit,
    functionTimeLimit,
    mailer,
    passwordHashing,
    rateLimits,
    signingKey,
    streams,
    users: otherUsers
  }: Options,
  issuers: OAuthIssuers.Issuers,
  clock: Clock.Clock,
  outside: Context.Context<never>
) => {
  const random = SecureRandom.layerWebCrypto
  const rowStore = dataDirectory === undefined ? RowStore.layerNone : DataDirectory.layer(dataDirectory)
  const limits = Layer.succeed(EventLog.CurrentLimits, limitsOf(changeLog ?? {}))
  const appsLayer = Apps.layer(apps)
  const ofOthers = <A, E>(layer: Layer.Layer<A, E>) => Layer.provide(layer, Layer.succeedContext(outside))
  const kept = Layer.mergeAll(UserStore.layer, SigningKeys.layer(signingKey), AuthEventLog.layer)
  const users = Layer.provideMerge(
    Layer.mergeAll(AuthEvents.layer, RedirectLogins.layer),
    otherUsers === undefined
      ? Layer.provide(Layer.mergeAll(kept, PendingLogins.layerMemory, Inbox.layer), Layer.succeed(Clock.Clock, clock))
      : ofOthers(otherUsers)
  )
  const platform = Layer.mergeAll(
    Layer.provideMerge(users, appsLayer),
    // each request has a tag to verify: synchronously, where Web Crypto would take a thread and back
    Mac.layerWebCryptoWith({ hmac: Digest.hmac }),
    PasswordHasher.PasswordHasher.layerCost(PasswordHasher.costs[passwordHashing ?? "standard"]),
    // what it logs by itself is in the log of the server
    database === undefined ? Database.layer : ofOthers(database),
    RateLimits.RateLimits.layer(rateLimits).pipe(
      Layer.provideMerge(
        coordination === undefined
          ? Layer.mergeAll(TriggerPositions.layer(), RateBuckets.layerMemory)
          : ofOthers(coordination)
      )
    ),
    OpenStreams.OpenStreams.layer(streams),
    Layer.mergeAll(JwtVerifier.layer, OAuth.layer).pipe(
      Layer.provide(PublishedKeys.layer),
      Layer.provide([FetchHttpClient.layer, Layer.succeed(OAuthIssuers.OAuthIssuers, issuers)])
    )
  ).pipe(Layer.provideMerge([random, Kdf.layerWebCrypto, rowStore, limits]))
  const delivery = mailer === undefined ? Layer.empty : Layer.provide(MailDelivery.layer(outside), mailer)
  return Layer.mergeAll(Logins.layer, Sessions.layer, ApiKeys.layer, Admin.layer, Applications.layer, delivery).pipe(
    Layer.provideMerge(Triggers.layer(outside)),
    Layer.provideMerge(EmailAccounts.layer),
    Layer.provideMerge(Users.layer),
    Layer.provideMerge([Tokens.layer, layerFunctionRunner]),
    Layer.provideMerge(FunctionRuntime.layer({ timeLimit: functionTimeLimit, memoryLimit: functionMemoryLimit })),
    Layer.provideMerge(
      database === undefined
        ? Layer.effectDiscard(Effect.catchTag(Seeds.plant(apps), "DatabaseError", Effect.die))
        : Layer.empty
    ),
    Layer.provideMerge(platform)
  )
}

const layerFunctionRunner = Layer.effect(
  FunctionRunner,
  Effect.map(FunctionRuntime, ({ run }) =>
    FunctionRunner.of({
      // no refusal: the request that needs the function is answered as all are that do not reach the database
      run: (...call) =>
        Effect.catch(run(...call), (error) =>
          error.unavailable === true ? Effect.die(unavailable()) : Effect.fail(error)
        )
    })
  )
)

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
