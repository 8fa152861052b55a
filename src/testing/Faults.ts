/**
 * Fault injection by rules, in front of any `HttpClient`: the embedded server's, or one that reaches a host.
 *
 * A fault is a function of the request and of how it would be sent, so that a test can write its own.
 *
 * @example
 * ```ts
 * import { AppServices } from "effect-app-services"
 * import { App, AppServicesServer } from "effect-app-services/server"
 * import { Faults } from "effect-app-services/testing"
 * import { Layer } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { anonymous: true } })
 *
 * const Unlucky = AppServices.layer({ appId: "my-app", baseUrl: "http://in-process.test" }).pipe(
 *   Layer.provide(Faults.layer([
 *     { on: "/functions/call", nth: 3, fault: Faults.invalidSession },
 *     { on: "/auth/session", method: "POST", times: 2, fault: Faults.tooManyRequests("5 seconds") },
 *     { on: "/login", fault: Faults.delay("2 seconds") }
 *   ])),
 *   Layer.provide(AppServicesServer.layerHttpClient(app))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"

type Sending = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/**
 * Replaces the sending of a request; `send` is the original effect.
 *
 * @category models
 * @since 0.1.0
 */
export type Fault = (send: Sending, request: HttpClientRequest.HttpClientRequest) => Sending

/**
 * A fault and the requests that it applies to. If several rules match a request, the first one applies.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rule {
  /**
   * A part of the URL.
   *
   * @default every request
   */
  readonly on?: string | RegExp | undefined
  /**
   * The HTTP method, in upper case.
   *
   * @default every method
   */
  readonly method?: string | undefined
  /**
   * The number of the matching request, counted from 1.
   *
   * @default every matching request
   */
  readonly nth?: number | ReadonlyArray<number> | undefined
  /**
   * How many of the matching requests it applies to, from the first.
   *
   * @default all
   */
  readonly times?: number | undefined
  /** One of the faults of this module, or your own. */
  readonly fault: Fault
}

/**
 * Wraps the `HttpClient` that it is given with fault rules. Each build of the layer counts requests from 1.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (rules: ReadonlyArray<Rule>): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) => transform(client, rules))
  )

/**
 * Wraps an `HttpClient` with fault rules.
 *
 * @category combinators
 * @since 0.1.0
 */
export const transform = (client: HttpClient.HttpClient, rules: ReadonlyArray<Rule>): HttpClient.HttpClient => {
  const counted = rules.map((rule) => ({ rule, seen: 0 }))
  return HttpClient.transform(client, (send, request) =>
    Effect.suspend(() => {
      const fitting = counted.filter(({ rule }) => fits(rule, request))
      for (const entry of fitting) entry.seen++
      const chosen = fitting.find(({ rule, seen }) => happens(rule, seen))
      return chosen === undefined ? send : chosen.rule.fault(send, request)
    })
  )
}

const fits = ({ method, on }: Rule, request: HttpClientRequest.HttpClientRequest): boolean =>
  (method === undefined || method === request.method) &&
  (on === undefined || (typeof on === "string" ? request.url.includes(on) : on.test(request.url)))

const happens = ({ nth, times }: Rule, count: number): boolean =>
  (nth === undefined || (typeof nth === "number" ? nth === count : nth.includes(count))) &&
  (times === undefined || count <= times)

/**
 * Responds with a synthetic answer. A body that is not a string is encoded as JSON.
 *
 * @category faults
 * @since 0.1.0
 */
export const respond =
  (
    status: number,
    options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> | undefined } = {}
  ): Fault =>
  (_, request) =>
    Effect.sync(() => answer(request, status, options.headers, bodyOf(options.body)))

const bodyOf = (body: unknown): string | null =>
  body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body)

const answer = (
  request: HttpClientRequest.HttpClientRequest,
  status: number,
  headers: Readonly<Record<string, string>> | undefined,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream | null
) =>
  HttpClientResponse.fromWeb(
    request,
    new Response(body, { status, headers: { "content-type": "application/json", ...headers } })
  )

/**
 * The rejection of an access token that has expired or was revoked.
 *
 * @category faults
 * @since 0.1.0
 */
export const invalidSession: Fault = respond(401, {
  body: { error: "invalid session", error_code: "InvalidSession", link: "" }
})

/**
 * A 429 with `retry-after`, in whole seconds.
 *
 * @category faults
 * @since 0.1.0
 */
export const tooManyRequests = (retryAfter: Duration.Input): Fault =>
  respond(429, {
    body: { error: "too many requests" },
    headers: { "retry-after": String(Math.ceil(Duration.toSeconds(Duration.fromInputUnsafe(retryAfter)))) }
  })

/**
 * The error page of a proxy whose host is unreachable.
 *
 * @category faults
 * @since 0.1.0
 */
export const proxyPage: Fault = respond(502, {
  body: "<html><body><h1>502 Bad Gateway</h1></body></html>",
  headers: { "content-type": "text/html" }
})

/**
 * Never responds; the request is not sent.
 *
 * @category faults
 * @since 0.1.0
 */
export const hang: Fault = () => Effect.never

/**
 * Sends the request after a delay.
 *
 * @category faults
 * @since 0.1.0
 */
export const delay =
  (duration: Duration.Input): Fault =>
  (send) =>
    Effect.delay(send, duration)

const broken = (request: HttpClientRequest.HttpClientRequest, message: string) =>
  Effect.fail(
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.TransportError({ request, cause: new Error(message) })
    })
  )

/**
 * Fails as if the host was unreachable; the request is not sent.
 *
 * @category faults
 * @since 0.1.0
 */
export const unreachable: Fault = (_, request) => broken(request, "connect ECONNREFUSED")

/**
 * The host handles the request, and its answer never arrives.
 *
 * @category faults
 * @since 0.1.0
 */
export const loseAnswer: Fault = (send, request) => Effect.andThen(send, broken(request, "socket hang up"))

/**
 * Breaks the connection after the headers of the answer.
 *
 * @category faults
 * @since 0.1.0
 */
export const dropBody: Fault = (send, request) =>
  Effect.map(send, ({ headers, status }) =>
    answer(
      request,
      status,
      headers,
      new ReadableStream({ pull: (controller) => controller.error(new Error("socket hang up")) })
    )
  )

/**
 * Only the first bytes of the answer's body arrive, without an error.
 *
 * @category faults
 * @since 0.1.0
 */
export const truncate =
  (bytes: number): Fault =>
  (send, request) =>
    Effect.flatMap(send, (response) =>
      Effect.map(response.arrayBuffer, (body) =>
        answer(request, response.status, response.headers, new Uint8Array(body).slice(0, bytes))
      )
    )
