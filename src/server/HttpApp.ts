/**
 * The whole server as one HTTP effect: the client API, with everything around it that clients rely on.
 *
 * Every answer with a body is `application/json` without parameters, the failures included, because the original SDKs
 * read an error by that exact header. Browsers are let in by CORS.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import type * as ByteSize from "effect/ByteSize"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { ErrorAnswer } from "../protocol/ErrorBody.ts"
import type { ErrorCode } from "../protocol/ErrorCode.ts"
import { Admin } from "./users/Admin.ts"
import * as AdminHandlers from "./api/AdminHandlers.ts"
import { Api } from "./api/Api.ts"
import { body } from "./model/ApiErrors.ts"
import { ApiKeys } from "./users/ApiKeys.ts"
import type { App } from "./model/App.ts"
import { Apps, AppsError } from "./model/Apps.ts"
import { AccessToken, RefreshToken } from "./api/Authorization.ts"
import * as Body from "./api/Body.ts"
import { Database } from "./data/Database.ts"
import * as Seeds from "./Seeds.ts"
import * as Digest from "./users/Digest.ts"
import { EmailAccounts } from "./users/EmailAccounts.ts"
import * as FunctionCalls from "./api/FunctionCalls.ts"
import { FunctionRunner } from "./model/FunctionRunner.ts"
import { FunctionRuntime } from "./functions/FunctionRuntime.ts"
import * as OpenStreams from "./api/OpenStreams.ts"
import * as Handlers from "./api/Handlers.ts"
import * as Ids from "./model/Ids.ts"
import { Inbox } from "./users/Inbox.ts"
import * as Location from "./api/Location.ts"
import { JwtVerifier } from "./users/JwtVerifier.ts"
import { Logins } from "./users/Logins.ts"
import * as PasswordHasher from "./users/PasswordHasher.ts"
import * as RateLimits from "./api/RateLimits.ts"
import * as RequestLog from "./api/RequestLog.ts"
import * as CurrentRequest from "./model/CurrentRequest.ts"
import * as Requests from "./api/Requests.ts"
import { Sessions } from "./users/Sessions.ts"
import { SigningKeys } from "./users/SigningKeys.ts"
import * as DataDirectory from "./storage/DataDirectory.ts"
import { isJournalError, Journal, type JournalError } from "./storage/Journal.ts"
import { State } from "./users/State.ts"
import { Tokens } from "./users/Tokens.ts"
import * as UnsupportedRoutes from "./api/UnsupportedRoutes.ts"
import { Users } from "./users/Users.ts"

/**
 * How a server runs.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * What a password hash costs: `"standard"` unless given. `"testing"` makes tests quick, and is refused by a server
   * that anybody but this machine can reach.
   */
  readonly passwordHashing?: PasswordHasher.Profile | undefined
  /**
   * Where users and documents are kept, so that they outlive the server: a directory that is empty, new, or was made by
   * an earlier start. One server at a time has it. Everything is in memory alone unless given.
   *
   * What the server has answered is on the disk, and survives a killed process and a power cut. A change that cannot be
   * written, as on a full disk, is answered with 500, and nothing of it is done.
   */
  readonly dataDirectory?: string | undefined
  /**
   * At least 32 characters: servers in memory that have the same accept each other's tokens. A data directory has signing
   * keys of its own, which `effect-app-services keys rotate` changes; there it is refused.
   */
  readonly signingKey?: Redacted.Redacted | undefined
  /**
   * How long a call of a function may take.
   *
   * @default "90 seconds"
   */
  readonly functionTimeLimit?: Duration.Input | undefined
  /**
   * How much memory the functions of an exported application may take up, buffers included. They run in a process of
   * their own: one that takes up more is ended, the calls under way in it fail, and the next call starts another one.
   *
   * @default "512 MiB"
   */
  readonly functionMemoryLimit?: ByteSize.Input | undefined
  /**
   * How often somebody may log in, register, and have e-mails sent: `"standard"` unless given. Whoever tries too often
   * gets a 429 that says how long to wait.
   *
   * For an account these are 10 failed logins in 15 minutes; 10 failed registrations, 10 e-mails and 10 failed uses of
   * a token in an hour. For an address 300 logins in 15 minutes, and 60 of each of the others in an hour; a thousand
   * times as much from this machine, and no limit in process. Behind a proxy, every client has the proxy's address.
   */
  readonly rateLimits?: RateLimits.Input | undefined
  /**
   * Opens the administration API below `/_admin` to who sends this token as a bearer token from this machine. At least
   * 32 characters. Without it there is no such route; the services `Inbox` and `Admin` are there in any case.
   */
  readonly adminToken?: Redacted.Redacted | undefined
  /** How many event streams may be open at the same time; who opens more gets a 429. */
  readonly streams?: OpenStreams.Limits | undefined
  /** Told about every request once it is answered, without any secret; nobody is unless given. */
  readonly onRequest?: RequestLog.OnRequest | undefined
}

/**
 * Answers a request, whatever it is, in the fiber that runs it.
 *
 * @category models
 * @since 0.1.0
 */
export type HttpApp = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/**
 * What a server's own process can use besides its routes.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = Inbox | Admin | Database

/**
 * A server: its HTTP effect, and its services.
 *
 * @category models
 * @since 0.1.0
 */
export interface Server {
  readonly app: HttpApp
  readonly services: Context.Context<Services>
  /** Ends the event streams that are open, which would not end by themselves before the server is gone. */
  readonly endStreams: Effect.Effect<void>
}

/**
 * Builds a server.
 *
 * The services it keeps are its own: clock, logger and tracer are those of whoever runs a request. The clock of whoever
 * builds it says what of a data directory has expired.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  apps: ReadonlyArray<App>,
  options: Options = {}
): Effect.Effect<Server, AppsError | DataDirectory.DataDirectoryError | JournalError, Scope.Scope> =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.gen(function* () {
      if (options.adminToken !== undefined && Redacted.value(options.adminToken).length < 32) {
        return yield* new AppsError({ message: "an administration token needs at least 32 characters" })
      }
      const services = yield* Layer.build(layerServices(apps, options, clock))
      const router = yield* HttpRouter.toHttpEffect(Layer.provide(routes(options), Layer.succeedContext(services)))
      const call = yield* Effect.provide(FunctionCalls.shortcut, services)
      return {
        app: around((request) => call(request) ?? router, {
          newId: Effect.provideContext(Ids.objectId, services),
          onRequest: options.onRequest
        }),
        services: Context.pick(Inbox, Admin, Database)(services),
        endStreams: Context.get(services, OpenStreams.OpenStreams).end
      }
    }).pipe(
      Effect.updateContext((context: Context.Context<Scope.Scope>) =>
        Context.make(Scope.Scope, Context.get(context, Scope.Scope))
      )
    )
  )

const layerServices = (
  apps: ReadonlyArray<App>,
  { dataDirectory, functionMemoryLimit, functionTimeLimit, passwordHashing, rateLimits, signingKey, streams }: Options,
  clock: Clock.Clock
) => {
  const random = SecureRandom.layerWebCrypto
  const journal = dataDirectory === undefined ? Journal.layerNone : DataDirectory.layer(dataDirectory)
  const users = Layer.mergeAll(State.layer, SigningKeys.layer(signingKey)).pipe(
    Layer.provide(Layer.succeed(Clock.Clock, clock)),
    Layer.provideMerge(Apps.layer(apps))
  )
  const platform = Layer.mergeAll(
    users,
    // each request has a tag to check: at once, where Web Crypto would send it to another thread and back
    Mac.layerWebCryptoWith({ hmac: Digest.hmac }),
    PasswordHasher.PasswordHasher.layerCost(PasswordHasher.costs[passwordHashing ?? "standard"]),
    Database.layer,
    Inbox.layerMemory,
    RateLimits.RateLimits.layer(rateLimits),
    OpenStreams.OpenStreams.layer(streams),
    Layer.provide(JwtVerifier.layer, FetchHttpClient.layer)
  ).pipe(Layer.provideMerge([random, journal]))
  return Layer.mergeAll(Logins.layer, Sessions.layer, ApiKeys.layer, Admin.layer).pipe(
    Layer.provideMerge(EmailAccounts.layer),
    Layer.provideMerge(Users.layer),
    Layer.provideMerge([Tokens.layer, layerFunctionRunner]),
    Layer.provideMerge(FunctionRuntime.layer({ timeLimit: functionTimeLimit, memoryLimit: functionMemoryLimit })),
    Layer.provideMerge(Layer.effectDiscard(Effect.catchTag(Seeds.plant(apps), "DatabaseError", Effect.die))),
    Layer.provideMerge(platform)
  )
}

const layerFunctionRunner = Layer.effect(FunctionRunner, Effect.map(FunctionRuntime, FunctionRunner.of))

const routes = ({ adminToken }: Options) =>
  Layer.mergeAll(
    HttpApiBuilder.layer(Api).pipe(
      Layer.provide(Handlers.layer),
      Layer.provide([AccessToken.layer, RefreshToken.layer]),
      Layer.provide(HttpServer.layerServices)
    ),
    adminToken === undefined ? Layer.empty : AdminHandlers.layer(adminToken)
  )

const around = <E, R>(
  route: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  { newId, onRequest }: { readonly newId: Effect.Effect<string>; readonly onRequest: RequestLog.OnRequest | undefined }
) =>
  HttpServerRequest.HttpServerRequest.use((request) => {
    const answer = !Requests.isForOneHost(request)
      ? answerTo(request, Effect.succeed(error(400, "a request names one host", "BadRequest")))
      : request.method === "OPTIONS"
        ? Effect.succeed(preflight(request))
        : answerTo(request, route(request))
    return RequestLog.observed(request, newId, onRequest)(answer)
  })

const answerTo = <E, R>(
  request: HttpServerRequest.HttpServerRequest,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) =>
  answer.pipe(
    Effect.catchCause((cause) => failure(request, cause)),
    Effect.flatMap((response) => (response.status < 400 ? Effect.succeed(response) : withLink(request, response))),
    Effect.map(withCors(request)),
    // for routes that read no body by themselves
    Effect.provideService(HttpIncomingMessage.MaxBodySize, Body.smallLimit)
  )

const clientApi = "/api/client/"
const decodeError = Schema.decodeUnknownOption(Schema.fromJsonString(ErrorAnswer))

/** An error of the client API, with the place where its request stands in the log, which clients of every kind show. */
const withLink = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
) {
  const { body: sent } = response
  if (sent._tag !== "Uint8Array" || !request.url.startsWith(clientApi)) return response
  const answer = Option.getOrUndefined(decodeError(new TextDecoder().decode(sent.body)))
  const logId = yield* CurrentRequest.logId
  return answer === undefined || logId === undefined
    ? response
    : HttpServerResponse.setBody(
        response,
        HttpBody.jsonUnsafe({ ...answer, link: `${Location.origin(request)}/logs?co_id=${logId}` })
      )
})

const error = (status: number, text: string, code?: ErrorCode) =>
  HttpServerResponse.jsonUnsafe(body(text, code), { status })

const failure = <E>(request: HttpServerRequest.HttpServerRequest, cause: Cause.Cause<E>) => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const problem = Cause.squash(cause)
  if (HttpServerError.isHttpServerError(problem) && problem.reason._tag === "RouteNotFound") {
    const path = request.url.split("?")[0] ?? ""
    return Effect.succeed(error(404, UnsupportedRoutes.explain(path) ?? `cannot find ${request.method} ${path}`))
  }
  if (HttpApiError.HttpApiSchemaError.is(problem) && isOfRequest(problem.kind)) {
    return Effect.succeed(error(400, `invalid ${problem.kind.toLowerCase()}`, "BadRequest"))
  }
  // the log says why; a client need not know of the server's disk
  const [what, text] = isJournalError(problem)
    ? ["a change could not be kept", "the server cannot keep changes at the moment: nothing was changed"]
    : ["a request failed unexpectedly", "internal server error"]
  return Effect.logError(what, cause).pipe(
    Effect.annotateLogs({ method: request.method, path: request.url.split("?")[0] }),
    CurrentRequest.annotated,
    Effect.as(error(500, text, "InternalServerError"))
  )
}

const isOfRequest = (kind: HttpApiError.HttpApiSchemaError["kind"]): boolean =>
  kind === "Params" || kind === "Query" || kind === "Headers"

/** Where an answer may be read: anywhere, since a token has to be sent on purpose and no cookie speaks for a user. */
const corsHeaders = (request: HttpServerRequest.HttpServerRequest): Record<string, string> => {
  const origin = request.headers["origin"]
  return origin === undefined
    ? {}
    : {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "retry-after, x-baas-location, x-stitch-location",
        vary: "Origin"
      }
}

const withCors = (request: HttpServerRequest.HttpServerRequest) => (response: HttpServerResponse.HttpServerResponse) =>
  request.headers["origin"] === undefined ? response : HttpServerResponse.setHeaders(response, corsHeaders(request))

const preflight = (request: HttpServerRequest.HttpServerRequest) =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      ...corsHeaders(request),
      "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
      "access-control-allow-headers":
        request.headers["access-control-request-headers"] ?? "authorization, content-type, accept",
      "access-control-max-age": "600"
    }
  })
