/**
 * What surrounds the routes of the server: CORS, trusted proxies, the form of every error, the request log.
 *
 * Every answer with a body is `application/json` without parameters, errors included, because the original SDKs read an
 * error by that exact header.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpApiError from "effect/http-api/HttpApiError"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ErrorCode } from "../../protocol/ErrorCode.ts"
import { isUnavailable } from "../data/DatabaseError.ts"
import { body, ErrorAnswer, unavailable } from "../model/ApiErrors.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import { isRowStoreError } from "../storage/RowStore.ts"
import * as EndpointResponse from "./EndpointResponse.ts"
import type * as Health from "./Health.ts"
import * as Location from "./Location.ts"
import * as RequestLog from "./RequestLog.ts"
import * as Requests from "./Requests.ts"
import * as UnsupportedRoutes from "./UnsupportedRoutes.ts"

/** Answers every request, in the fiber that runs it. */
export type HttpApp = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** Makes the server's HTTP effect of its routes. */
export const make = <E, R>(
  route: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  {
    health,
    newId,
    onRequest,
    page,
    record
  }: {
    readonly health: Health.Health
    /** Answers requests for the page for people, which are not in the log either. */
    readonly page?:
      | ((
          request: HttpServerRequest.HttpServerRequest
        ) => Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined)
      | undefined
    readonly newId: Effect.Effect<string>
    readonly onRequest: RequestLog.OnRequest | undefined
    /** Keeps requests for the page. */
    readonly record: ((entry: RequestLog.Entry) => void) | undefined
  }
) =>
  HttpServerRequest.HttpServerRequest.use((request) => {
    const ended = (response: HttpServerResponse.HttpServerResponse) =>
      health.isDraining() ? closing(response) : response
    const healthy = health.answer(request)
    if (healthy !== undefined) return Effect.map(healthy, ended)
    const isForOneHost = Requests.isForOneHost(request)
    const shown = isForOneHost ? page?.(request) : undefined
    if (shown !== undefined) return Effect.map(shown, ended)
    const finished = (response: HttpServerResponse.HttpServerResponse) =>
      response.status < 400
        ? Effect.succeed(ended(withCors(request, response)))
        : Effect.map(withLink(request, response), (linked) => ended(withCors(request, withRetryAfter(linked))))
    const answer = !isForOneHost
      ? finished(
          error(400, "invalid Host header: expected exactly one host name, with or without a port", "BadRequest")
        )
      : request.method === "OPTIONS"
        ? Effect.succeed(ended(preflight(request)))
        : Effect.matchCauseEffect(route(request), {
            onFailure: (cause) => Effect.flatMap(failure(request, cause), finished),
            onSuccess: finished
          })
    return RequestLog.observed(request, newId, onRequest, record)(answer)
  })

/** A proxy must not send its next request on a connection that is about to be closed: it could not know whether it arrived. */
const closing = HttpServerResponse.setHeader("connection", "close")

/** Tells when to try again after a 503 of the server's own, in seconds. */
const withRetryAfter = (response: HttpServerResponse.HttpServerResponse) =>
  response.status !== 503 || "retry-after" in response.headers || EndpointResponse.isOfFunction(response)
    ? response
    : HttpServerResponse.setHeader(response, "retry-after", "2")

/** The paths whose errors have a link. */
const linked = /^\/(?:api\/client|app)\//
const decodeError = Schema.decodeUnknownOption(Schema.fromJsonString(ErrorAnswer))

/** Adds the link to the request's line in the log to an error of the client API. Clients of every kind show it. */
const withLink = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
) {
  const { body: sent } = response
  if (sent._tag !== "Uint8Array" || !linked.test(request.url) || EndpointResponse.isOfFunction(response))
    return response
  const answer = Option.getOrUndefined(decodeError(new TextDecoder().decode(sent.body)))
  if (answer?.error_code !== undefined) yield* CurrentRequest.about({ code: answer.error_code })
  const logId = yield* CurrentRequest.logId
  return answer === undefined || logId === undefined
    ? response
    : HttpServerResponse.setBody(
        response,
        HttpBody.jsonUnsafe({ ...answer, link: `${yield* Location.origin(request)}/logs?co_id=${logId}` })
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
  // that MongoDB is away is in the log already, once
  if (isUnavailable(problem)) return Effect.succeed(error(503, unavailable.error, unavailable.error_code))
  // the log says why; a client need not know about the server's disk
  const [what, text] = isRowStoreError(problem)
    ? [
        "a change could not be written to the data directory",
        "the server cannot write changes at the moment: nothing was changed"
      ]
    : ["unexpected error while handling a request", "internal server error"]
  return Effect.logError(what, cause).pipe(
    Effect.annotateLogs({ method: request.method, path: request.url.split("?")[0] }),
    CurrentRequest.annotated,
    Effect.as(error(500, text, "InternalServerError"))
  )
}

const isOfRequest = (kind: HttpApiError.HttpApiSchemaError["kind"]): boolean =>
  kind === "Params" || kind === "Query" || kind === "Headers"

/**
 * Pages of every origin may read answers: a token is sent on purpose, and there are no cookies. `HttpMiddleware.cors` does
 * not replace this: it adds its headers only where a server sends the response, which is not the case in process, and also
 * to responses to requests without an `Origin`.
 */
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

const withCors = (
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
): HttpServerResponse.HttpServerResponse =>
  request.headers["origin"] === undefined ? response : HttpServerResponse.setHeaders(response, corsHeaders(request))

const preflight = (request: HttpServerRequest.HttpServerRequest) =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      ...corsHeaders(request),
      "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
      "access-control-allow-headers":
        request.headers["access-control-request-headers"] ?? "authorization, content-type, accept",
      "access-control-max-age": "600"
    }
  })
