/**
 * The wire client below the services of the SDK: finds the host, sends requests, turns refusals into typed errors, limits
 * time, and retries idempotent requests. Use `execute` for a request that the SDK has no service for.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Answers from "../protocol/internal/answers.ts"
import { path, routes, segmentProblem } from "../protocol/internal/routes.ts"
import { isTokenText } from "../protocol/internal/token.ts"
import {
  AppServicesError,
  InvalidArguments,
  InvalidConfiguration,
  InvalidResponse,
  RequestTimeout,
  TransportError
} from "./AppServicesError.ts"
import type { Reason } from "./AppServicesError.ts"
import { describeBody, reasonOf } from "./internal/answers.ts"
import { HiddenBody } from "./internal/hiddenBody.ts"
import { withoutRedirects } from "./internal/redirects.ts"
import * as Secrets from "./internal/secrets.ts"
import * as SingleFlight from "./internal/singleFlight.ts"
import { withoutSpanValues } from "./internal/telemetry.ts"
import { timeLimit } from "./internal/timeLimit.ts"

/**
 * How to reach an application.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The client app id, such as `myapp-abcde`. */
  readonly appId: string
  /** The http or https URL of the host, without the path of the API, such as `http://127.0.0.1:9090`. */
  readonly baseUrl: string | URL
  /**
   * Use the base URL for every request instead of asking the host where the application lives.
   *
   * @default false
   */
  readonly skipLocationRequest?: boolean | undefined
  /**
   * How long one request may take, its answer included; a request that takes longer fails with `RequestTimeout`.
   *
   * @default "60 seconds"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * When to retry an idempotent request (location, session refresh, profile) that failed with a `retryable` error. A
   * `Retry-After` of up to a minute is waited for; a longer one is reported at once.
   *
   * @default three times, exponentially from 200 ms, jittered
   */
  readonly retrySchedule?: Schedule.Schedule<unknown, AppServicesError> | undefined
  /**
   * Send the tracing headers of the current span to the host. A browser may send a host only the headers that it allows.
   *
   * @default false
   */
  readonly tracePropagation?: boolean | undefined
  /** Applied to the `HttpClient` of every request: for proxies, extra headers, a circuit breaker. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/**
 * An operation, by name for errors, and by kind for the refusals that mean different things to different operations: status
 * 401 means "wrong credentials" to a login and "the session is over" to the refresh of a session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operation {
  /** The name that errors carry, such as `AuthApi.logIn`. */
  readonly name: string
  /** How a refusal is understood. `general` fits any operation without a kind of its own. */
  readonly kind: "general" | "login" | "link" | "session" | "function"
  /** The function name or API key id that an error names. */
  readonly subject?: string | undefined
}

/**
 * One request of the protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtocolRequest {
  /** For errors and for how a refusal is understood. */
  readonly operation: Operation
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** The path below the host, such as `/api/client/v2.0/auth/profile`. */
  readonly path: string
  /** Sent as the bearer token. */
  readonly token?: Redacted.Redacted | undefined
  /** Parameters of the query, kept out of errors and traces. */
  readonly query?: Readonly<Record<string, Redacted.Redacted>> | undefined
  /**
   * The content type asked for.
   *
   * @default "application/json"
   */
  readonly accept?: string | undefined
  /** JSON text. Redacted, since it may hold a password. */
  readonly body?: Redacted.Redacted | undefined
  /** Secrets of the body, kept out of errors even if the host echoes them. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  /**
   * How long this request may take.
   *
   * @default `timeout` of the options
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * Whether repeating the request does no harm, so that it is retried by `retrySchedule` of the options.
   *
   * @default false
   */
  readonly idempotent?: boolean | undefined
}

/**
 * The shape of {@link ProtocolClient}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** The client app id of the options. */
  readonly appId: string
  /** The URL of the host of the application: requested once, and again only after a failure. */
  readonly host: Effect.Effect<string, AppServicesError>
  /**
   * Sends a request and returns the text of its answer in 2xx; any other answer, or none, is an `AppServicesError` whose
   * reason says which.
   */
  readonly execute: (request: ProtocolRequest) => Effect.Effect<string, AppServicesError>
  /**
   * Sends a request and returns its answer in 2xx as soon as the headers have arrived. The timeout covers the time until
   * then; reading the body is not limited.
   */
  readonly open: (request: ProtocolRequest) => Effect.Effect<HttpClientResponse.HttpClientResponse, AppServicesError>
}

/**
 * The wire client below the services of the SDK.
 *
 * @example
 * ```ts
 * import { ProtocolClient } from "effect-app-services"
 *
 * // whether the host is there, and knows the application
 * const ping = ProtocolClient.use((client) => client.host)
 * ```
 *
 * @see `AppServices.layer` for the whole SDK
 *
 * @category services
 * @since 0.1.0
 */
export class ProtocolClient extends Context.Service<ProtocolClient, Service>()(
  "effect-app-services/client/ProtocolClient"
) {
  /** Builds the service. Fails with `InvalidConfiguration` at an invalid option. */
  static readonly make = Effect.fnUntraced(function* (
    options: Options
  ): Effect.fn.Return<Service, AppServicesError, HttpClient.HttpClient | Scope.Scope> {
    const { appId } = options
    const baseUrl = yield* checkOptions(options)
    const transport = transportOf(options, yield* HttpClient.HttpClient)
    let located = options.skipLocationRequest === true ? baseUrl : undefined
    const locating = yield* SingleFlight.make<string, AppServicesError>()
    const locateOnce = Effect.map(locate(transport, appId, baseUrl), (url) => (located = url))
    const host = Effect.suspend(() =>
      located === undefined ? locating.run("location", locateOnce) : Effect.succeed(located)
    )
    return {
      appId,
      host,
      execute: (request) => Effect.flatMap(host, (host) => bounded(transport, textOf, request, host)),
      open: (request) => Effect.flatMap(host, (host) => bounded(transport, respond, request, host))
    }
  })

  /** The service over any `HttpClient`. Fails with `InvalidConfiguration` at an invalid option. */
  static readonly layer = (options: Options): Layer.Layer<ProtocolClient, AppServicesError, HttpClient.HttpClient> =>
    Layer.effect(this, this.make(options))
}

/**
 * Makes a decoder of the JSON text of an answer. An answer that does not match fails with `InvalidResponse`, which names the
 * place, never the value.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeAnswer = <S extends Schema.Constraint>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
  return (operation: string, body: string) =>
    Effect.mapError(decode(body), (error) => {
      const described = describeBody(body)
      const problem = /^\s*[{[]/.test(body) ? error.message.replace(/\s+/g, " ") : described
      return new AppServicesError({ operation, reason: new InvalidResponse({ status: 200, problem }) })
    })
}

/**
 * The failure of a connection, before an answer or within one.
 *
 * @internal
 */
export const brokenConnection =
  (operation: string, url: string, secrets: ReadonlyArray<Redacted.Redacted>) =>
  ({ reason }: HttpClientError.HttpClientError): AppServicesError => {
    const cause = Secrets.make(secrets).cause(reason.cause)
    return new AppServicesError({
      operation,
      reason: new TransportError({ url, ...(cause !== undefined && { cause }) })
    })
  }

/** Returns the base URL, normalized. */
const checkOptions = (options: Options): Effect.Effect<string, AppServicesError> => {
  const fail = (problem: string) =>
    Effect.fail(new AppServicesError({ operation: "AppServices.layer", reason: new InvalidConfiguration({ problem }) }))
  const appIdProblem = segmentProblem(options.appId)
  if (appIdProblem !== undefined) return fail(`invalid appId: ${appIdProblem}; expected an id such as "myapp-abcde"`)
  const baseUrl = parseUrl(options.baseUrl)
  return baseUrl === undefined
    ? fail(
        `invalid baseUrl "${withoutUserInfo(String(options.baseUrl))}": expected an http or https URL, such as "http://127.0.0.1:9090"`
      )
    : Effect.succeed(baseUrl)
}

const withoutUserInfo = (url: string): string => url.replace(/^([^/]*\/\/)?.*@/, "$1")

const parseUrl = (text: string | URL): string | undefined => {
  try {
    const url = new URL(text)
    return url.protocol === "http:" || url.protocol === "https:"
      ? `${url.origin}${url.pathname.replace(/\/+$/, "")}`
      : undefined
  } catch {
    return undefined
  }
}

/** What every request is sent with. */
interface Transport {
  readonly appId: string
  readonly client: HttpClient.HttpClient
  readonly timeout: Duration.Duration
  readonly retrySchedule: Schedule.Schedule<unknown, AppServicesError>
  readonly tracePropagation: boolean
}

const defaultRetry = Schedule.exponential("200 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

/** The longest `Retry-After` that is waited for, in milliseconds; a longer one is reported to the caller. */
const longestRetryAfter = 60_000

const transportOf = (
  { appId, retrySchedule, timeout, tracePropagation, transformClient }: Options,
  client: HttpClient.HttpClient
): Transport => ({
  appId,
  client: (transformClient ?? ((client) => client))(withoutRedirects(client)),
  timeout: Duration.fromInputUnsafe(timeout ?? "60 seconds"),
  retrySchedule: (retrySchedule ?? defaultRetry).pipe(
    Schedule.setInputType<AppServicesError>(),
    Schedule.while(({ input }) => input.retryable && (input.retryAfterMillis ?? 0) <= longestRetryAfter),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(input.retryAfterMillis ?? 0)))
    )
  ),
  tracePropagation: tracePropagation ?? false
})

const secretsOf = ({ secrets = [], token }: ProtocolRequest): ReadonlyArray<Redacted.Redacted> =>
  token === undefined ? secrets : [...secrets, token]

/** Why a request cannot be sent. */
const problemOf = ({ path, token }: ProtocolRequest): string | undefined => {
  if (!path.startsWith("/")) return "the path of a request must begin with a slash"
  return token === undefined || isTokenText(Redacted.value(token))
    ? undefined
    : "the token has characters that an HTTP header cannot carry: log in again"
}

const encodeRequest = ({ accept, body, method, query, token }: ProtocolRequest, url: string) =>
  HttpClientRequest.make(method)(url, {
    headers: {
      accept: accept ?? "application/json",
      ...(token !== undefined && { authorization: `Bearer ${Redacted.value(token)}` })
    },
    ...(query !== undefined && { urlParams: query }),
    ...(body !== undefined && { body: new HiddenBody(Redacted.value(body)) })
  })

type Send<A> = (transport: Transport, request: ProtocolRequest, host: string) => Effect.Effect<A, AppServicesError>

/** Sends a request; an answer outside 2xx is a failure. */
const respond: Send<HttpClientResponse.HttpClientResponse> = ({ appId, client }, request, host) => {
  const fail = (reason: Reason) => Effect.fail(new AppServicesError({ operation: request.operation.name, reason }))
  const problem = problemOf(request)
  if (problem !== undefined) return fail(new InvalidArguments({ problem }))
  const url = host + request.path
  const broken = brokenConnection(request.operation.name, url, secretsOf(request))
  const refuse = (response: HttpClientResponse.HttpClientResponse) =>
    Effect.mapError(response.text, broken).pipe(
      Effect.flatMap((body) => reasonOf(request.operation, appId, response, body, secretsOf(request))),
      Effect.flatMap(fail)
    )
  return Effect.matchEffect(withoutSpanValues(client.execute(encodeRequest(request, url))), {
    onSuccess: (response) =>
      response.status >= 200 && response.status < 300 ? Effect.succeed(response) : refuse(response),
    onFailure: (error) =>
      // `transformClient` may have made a failure of the status
      error.reason._tag === "StatusCodeError" ? refuse(error.reason.response) : Effect.fail(broken(error))
  })
}

/** A connection that breaks inside the body is a failure of the network, not of the answer. */
const textOf: Send<string> = (transport, request, host) =>
  Effect.flatMap(respond(transport, request, host), (response) =>
    Effect.mapError(response.text, brokenConnection(request.operation.name, host + request.path, secretsOf(request)))
  )

/** Limits the time of a request, and retries an idempotent one. */
const bounded = <A>(
  transport: Transport,
  send: Send<A>,
  request: ProtocolRequest,
  host: string
): Effect.Effect<A, AppServicesError> => {
  const limit = request.timeout === undefined ? transport.timeout : Duration.fromInputUnsafe(request.timeout)
  const once = timeLimit(send(transport, request, host), limit, () =>
    Effect.fail(
      new AppServicesError({
        operation: request.operation.name,
        reason: new RequestTimeout({ url: host + request.path, millis: Duration.toMillis(limit) })
      })
    )
  ).pipe(Effect.provideService(HttpClient.TracerPropagationEnabled, transport.tracePropagation))
  return request.idempotent === true ? Effect.retry(once, transport.retrySchedule) : once
}

const decodeLocation = decodeAnswer(Answers.Location)

/** Asks the host for the URL of the application. */
const locate = Effect.fnUntraced(function* (transport: Transport, appId: string, baseUrl: string) {
  const operation: Operation = { name: "ProtocolClient.host", kind: "general" }
  const fail = (reason: Reason) => new AppServicesError({ operation: operation.name, reason })
  const request = { operation, method: "GET", path: path(routes.location, { appId }), idempotent: true } as const
  const { hostname } = yield* decodeLocation(operation.name, yield* bounded(transport, textOf, request, baseUrl))
  const url = hostname === "" ? baseUrl : parseUrl(hostname)
  if (url === undefined) {
    return yield* fail(
      new InvalidResponse({ status: 200, problem: 'invalid "hostname" of the location: expected an http or https URL' })
    )
  }
  return baseUrl.startsWith("https:") && url.startsWith("http:") ? yield* fail(insecure(baseUrl, url)) : url
})

const insecure = (baseUrl: string, hostname: string) =>
  new InvalidConfiguration({
    problem: `${baseUrl} says that the application lives at ${hostname}, where passwords and tokens would travel without TLS. Have the proxy before the host send X-Forwarded-Proto and X-Forwarded-Host, or set skipLocationRequest`
  })
