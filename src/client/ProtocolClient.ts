/**
 * The wire client below the SDK's services: finds the host, sends requests, turns answers into values and typed errors,
 * and retries what may be retried. `execute` is the way to requests that the SDK has no service for.
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
import * as Answers from "../protocol/Answers.ts"
import { path, routes, segmentProblem } from "../protocol/Routes.ts"
import { isTokenText } from "../protocol/Token.ts"
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
import type { Operation } from "./Operation.ts"

/**
 * The base URL the hosted service had. It was switched off on 2025-09-30; the default is kept for private deployments
 * that answer under the same name.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultBaseUrl = "https://services.cloud.mongodb.com"

/**
 * How to reach an application.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The client app id, such as `myapp-abcde`. */
  readonly appId: string
  /** Where the host is. Default: {@link defaultBaseUrl}. */
  readonly baseUrl?: string | URL | undefined
  /** Use the base URL for everything instead of asking the host where the application lives. Default: `false`. */
  readonly skipLocationRequest?: boolean | undefined
  /** How long one request may take, its answer included. Default: 60 seconds, as in Realm's native SDKs. */
  readonly timeout?: Duration.Input | undefined
  /**
   * When to repeat an operation that only reads (location, session refresh, profile) and failed for a reason that may
   * pass. A `Retry-After` of up to a minute is waited for, a longer one reported at once. Default: three times,
   * exponentially from 200 ms, jittered.
   */
  readonly retrySchedule?: Schedule.Schedule<unknown, AppServicesError> | undefined
  /**
   * Send the tracing headers of the current span to the host. Default: `false`, since a browser may send a host only the
   * headers it allows.
   */
  readonly tracePropagation?: boolean | undefined
  /** Applied to the `HttpClient` of every request: proxies, extra headers, a circuit breaker. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/**
 * One request of the protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProtocolRequest {
  readonly operation: Operation
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Path below the host; see `Routes`. */
  readonly path: string
  /** Sent as the bearer token. */
  readonly token?: Redacted.Redacted | undefined
  /** Parameters of the query. They are kept out of errors and traces. */
  readonly query?: Readonly<Record<string, Redacted.Redacted>> | undefined
  /** The content type that is asked for. Default: `application/json`. */
  readonly accept?: string | undefined
  /** JSON text. Redacted, since it may hold a password. */
  readonly body?: Redacted.Redacted | undefined
  /** Secrets of the body, kept out of errors even if the host echoes them. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  /** How long this request may take. Default: the `timeout` of the options. */
  readonly timeout?: Duration.Input | undefined
  /** Whether repeating the request does no harm. Default: `false`. */
  readonly idempotent?: boolean | undefined
}

/**
 * @category services
 * @since 0.1.0
 */
export class ProtocolClient extends Context.Service<
  ProtocolClient,
  {
    readonly appId: string
    /** Where the application lives: asked once, and again only after a failure. */
    readonly host: Effect.Effect<string, AppServicesError>
    /** Sends a request; yields the text of an answer in 2xx. */
    execute(request: ProtocolRequest): Effect.Effect<string, AppServicesError>
    /**
     * Sends a request; yields an answer in 2xx as soon as it begins. The timeout is one of its beginning; its body may
     * take as long as it likes.
     */
    open(request: ProtocolRequest): Effect.Effect<HttpClientResponse.HttpClientResponse, AppServicesError>
  }
>()("effect-app-services/client/ProtocolClient") {
  static readonly layer = (options: Options): Layer.Layer<ProtocolClient, AppServicesError, HttpClient.HttpClient> =>
    Layer.effect(this, make(options))
}

/**
 * Decodes the JSON text of an answer; what does not fit is an `InvalidResponse` that names the place, never the value.
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

const decodeLocation = decodeAnswer(Answers.Location)

const defaultRetry = Schedule.exponential("200 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))

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

const secretsOf = ({ secrets = [], token }: ProtocolRequest): ReadonlyArray<Redacted.Redacted> =>
  token === undefined ? secrets : [...secrets, token]

/** A caller does not wait longer than this for a host to be ready, in milliseconds: it is told instead. */
const longestWait = 60_000

const configuration = (problem: string) =>
  new AppServicesError({ operation: "AppServices.layer", reason: new InvalidConfiguration({ problem }) })

const withoutUserInfo = (url: string): string => url.replace(/^([^/]*\/\/)?.*@/, "$1")

const insecure = (baseUrl: string, hostname: string) =>
  new InvalidConfiguration({
    problem: `${baseUrl} says that the application lives at ${hostname}, where passwords and tokens would travel without TLS. Have the proxy before the host send the headers X-Forwarded-Proto and X-Forwarded-Host, so that it answers its public address, or set skipLocationRequest to use ${baseUrl} for everything`
  })

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

const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<ProtocolClient["Service"], AppServicesError, HttpClient.HttpClient | Scope.Scope> {
  const { appId } = options
  const appIdProblem = segmentProblem(appId)
  if (appIdProblem !== undefined) {
    return yield* configuration(`appId cannot be used: ${appIdProblem}; it looks like "myapp-abcde"`)
  }
  const baseUrl = parseUrl(options.baseUrl ?? defaultBaseUrl)
  if (baseUrl === undefined) {
    return yield* configuration(
      `baseUrl "${withoutUserInfo(String(options.baseUrl))}" is no http or https URL; it looks like "http://127.0.0.1:9090"`
    )
  }
  const client = (options.transformClient ?? ((client) => client))(withoutRedirects(yield* HttpClient.HttpClient))
  const timeout = Duration.fromInputUnsafe(options.timeout ?? "60 seconds")
  const retrySchedule = (options.retrySchedule ?? defaultRetry).pipe(
    Schedule.setInputType<AppServicesError>(),
    Schedule.while(({ input }) => input.retryable && (input.retryAfterMillis ?? 0) <= longestWait),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(input.retryAfterMillis ?? 0)))
    )
  )

  const open = Effect.fnUntraced(function* (request: ProtocolRequest, host: string) {
    const fail = (reason: Reason) => new AppServicesError({ operation: request.operation.name, reason })
    const url = host + request.path
    if (!request.path.startsWith("/")) {
      return yield* fail(new InvalidArguments({ problem: "the path of a request begins with a slash" }))
    }
    const transport = brokenConnection(request.operation.name, url, secretsOf(request))
    if (request.token !== undefined && !isTokenText(Redacted.value(request.token))) {
      return yield* fail(
        new InvalidArguments({ problem: "the token has characters that no header can carry: log in again" })
      )
    }
    const sent = client.execute(
      HttpClientRequest.make(request.method)(url, {
        headers: {
          accept: request.accept ?? "application/json",
          ...(request.token !== undefined && { authorization: `Bearer ${Redacted.value(request.token)}` })
        },
        ...(request.query !== undefined && { urlParams: request.query }),
        ...(request.body !== undefined && { body: new HiddenBody(Redacted.value(request.body)) })
      })
    )
    const refuse = (response: HttpClientResponse.HttpClientResponse) =>
      Effect.mapError(response.text, transport).pipe(
        Effect.flatMap((body) => reasonOf(request.operation, appId, response, body, secretsOf(request))),
        Effect.flatMap((reason) => Effect.fail(fail(reason)))
      )
    const response = yield* Effect.catch(withoutSpanValues(sent), (error) =>
      // also of a client that was told to fail at such a status
      error.reason._tag === "StatusCodeError" ? refuse(error.reason.response) : Effect.fail(transport(error))
    )
    return response.status >= 200 && response.status < 300 ? response : yield* refuse(response)
  })

  // a connection that breaks inside the body is the network's failure, not the answer's
  const text = (request: ProtocolRequest, host: string) =>
    Effect.flatMap(open(request, host), (response) =>
      Effect.mapError(response.text, brokenConnection(request.operation.name, host + request.path, secretsOf(request)))
    )

  const bounded = <A>(
    send: (request: ProtocolRequest, host: string) => Effect.Effect<A, AppServicesError>,
    request: ProtocolRequest,
    host: string
  ) => {
    const limit = request.timeout === undefined ? timeout : Duration.fromInputUnsafe(request.timeout)
    const once = timeLimit(send(request, host), limit, () =>
      Effect.fail(
        new AppServicesError({
          operation: request.operation.name,
          reason: new RequestTimeout({ url: host + request.path, millis: Duration.toMillis(limit) })
        })
      )
    ).pipe(Effect.provideService(HttpClient.TracerPropagationEnabled, options.tracePropagation ?? false))
    return request.idempotent === true ? Effect.retry(once, retrySchedule) : once
  }

  const locate = Effect.fnUntraced(function* () {
    const operation: Operation = { name: "ProtocolClient.host", kind: "general" }
    const body = yield* bounded(
      text,
      { operation, method: "GET", path: path(routes.location, { appId }), idempotent: true },
      baseUrl
    )
    const { hostname } = yield* decodeLocation(operation.name, body)
    const url = hostname === "" ? baseUrl : parseUrl(hostname)
    if (baseUrl.startsWith("https:") && url?.startsWith("http:") === true) {
      return yield* new AppServicesError({ operation: operation.name, reason: insecure(baseUrl, url) })
    }
    if (url === undefined) {
      return yield* new AppServicesError({
        operation: operation.name,
        reason: new InvalidResponse({ status: 200, problem: '"hostname" of the location is no URL' })
      })
    }
    located = url
    return url
  })

  let located = options.skipLocationRequest === true ? baseUrl : undefined
  const share = yield* SingleFlight.make<string, AppServicesError>()
  const host = Effect.suspend(() => (located === undefined ? share.run("location", locate()) : Effect.succeed(located)))

  return {
    appId,
    host,
    execute: (request) => Effect.flatMap(host, (host) => bounded(text, request, host)),
    open: (request) => Effect.flatMap(host, (host) => bounded(open, request, host))
  }
})
