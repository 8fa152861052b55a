/**
 * Answers requests to the HTTPS endpoints and the incoming webhooks of an application: finds the endpoint, asks who sends
 * the request, checks a secret or a signature, and runs the function.
 */
import { Binary } from "bson"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { type BadRequest, body, NotFound, toResponse, tooManyResponse } from "../model/ApiErrors.ts"
import type { App } from "../model/App.ts"
import type { AppFunction } from "../model/AppFunction.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import type { Endpoint } from "../model/Endpoint.ts"
import type { FunctionRequest } from "../model/FunctionContext.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import * as Body from "./Body.ts"
import * as EndpointCaller from "./EndpointCaller.ts"
import * as EndpointProof from "./EndpointProof.ts"
import * as EndpointResponse from "./EndpointResponse.ts"
import { functionFailed } from "./FunctionCalls.ts"
import { findApp, functionRequest } from "./Requests.ts"

/** A request to an endpoint, by its path. */
interface Place {
  readonly appId: string
  readonly kind: Endpoint["kind"]
  readonly route: string
}

const endpointPath = /^(?:\/api\/client\/v2\.0)?\/app\/([^/]+)\/endpoint(\/.*)?$/
const webhookPath = /^\/api\/client\/v2\.0\/app\/([^/]+)\/service\/([^/]+)\/incoming_webhook\/([^/]+)\/?$/
/** What belongs to the Data API, which is not an endpoint. */
const dataApiRoute = /^data\/[^/]+\/action\//

const decoded = (text: string): string =>
  Result.getOrElse(
    Result.try(() => decodeURIComponent(text)),
    () => text
  )

const placeOf = (url: string): Place | undefined => {
  const path = url.split("?")[0] ?? ""
  const [, appId, below] = endpointPath.exec(path) ?? []
  if (appId !== undefined) {
    const route = decoded(below ?? "")
      .split("/")
      .filter((part) => part !== "")
      .join("/")
    return dataApiRoute.test(route) ? undefined : { appId: decoded(appId), kind: "Endpoint", route }
  }
  const [, app, service, name] = webhookPath.exec(path) ?? []
  return app === undefined || service === undefined || name === undefined
    ? undefined
    : { appId: decoded(app), kind: "Webhook", route: `${decoded(service)}/${decoded(name)}` }
}

/** The endpoint for a method: one that names it comes before one for any method. */
const find = (app: App, { kind, route }: Place, method: string): Endpoint | undefined => {
  const all = app.endpoints.filter((it) => it.kind === kind && it.route === route)
  return all.find((it) => it.method === method) ?? all.find((it) => it.method === "*")
}

/** The endpoint of an application that answers requests with a method and a path. */
export const answering = (app: App, method: string, path: string): Endpoint | undefined => {
  const place = placeOf(path)
  return place?.appId === app.id ? find(app, place, method) : undefined
}

const notFound = ({ kind }: Place) =>
  kind === "Endpoint"
    ? new NotFound(body("endpoint not found"))
    : new NotFound(body("incoming webhook not found", "IncomingWebhookNotFound"))

/**
 * Makes what answers a request to an endpoint; `undefined` for any other request.
 *
 * Failures have the body of the client API's errors. A function that throws is answered with 400, a secret or a signature
 * that is wrong with 401.
 */
export const handler = Effect.gen(function* () {
  const appOf = yield* findApp
  const runtime = yield* FunctionRuntime
  const callerOf = yield* EndpointCaller.make

  const answer = Effect.fnUntraced(function* (place: Place, request: HttpServerRequest.HttpServerRequest) {
    const hosted = yield* appOf(place.appId)
    const endpoint = find(hosted.app, place, request.method)
    if (endpoint === undefined) return yield* notFound(place)
    yield* CurrentRequest.about({ call: endpoint.fn.name })
    const bytes = yield* Body.bytes(request)
    const query = new URLSearchParams(request.url.split("?")[1] ?? "")
    yield* EndpointProof.check(endpoint, request, query, bytes)
    const seen = requestOf(endpoint, request)
    if (endpoint.validation._tag === "Secret") query.delete("secret")
    const user = runsAsCaller(endpoint.fn)
      ? yield* callerOf({ endpoint, hosted, request, seen, bytes })
      : EndpointCaller.anyone
    const settings = {
      encoding: EndpointResponse.encodingOf(endpoint, request),
      usesResult: endpoint.respondsWithResult
    }
    const argument = yield* argumentOf(endpoint, request, query, bytes)
    const responded = yield* Effect.mapError(
      runtime.respond({ app: hosted.app, user, request: seen }, endpoint.fn, argument, settings),
      functionFailed
    )
    return yield* EndpointResponse.make(endpoint, responded)
  })

  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    const place = placeOf(request.url)
    return place === undefined
      ? undefined
      : answer(place, request).pipe(
          Effect.catch((error) =>
            Effect.succeed(error._tag === "TooManyRequests" ? tooManyResponse(error) : toResponse(error))
          ),
          // a client that hangs up ends its call
          Effect.interruptible
        )
  }
})

const runsAsCaller = ({ runAs }: AppFunction): boolean => runAs._tag === "Caller"

const headersOf = ({ headers }: HttpServerRequest.HttpServerRequest): Record<string, ReadonlyArray<string>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))

/** A query without the secret. */
const withoutSecret = (query: string): string =>
  query
    .split("&")
    .filter((part) => part.split("=")[0] !== "secret")
    .join("&")

const requestOf = (endpoint: Endpoint, request: HttpServerRequest.HttpServerRequest): FunctionRequest => {
  const seen = functionRequest(request)
  const [service, action] = endpoint.kind === "Webhook" ? endpoint.route.split("/") : []
  return {
    ...seen,
    rawQueryString: endpoint.validation._tag === "Secret" ? withoutSecret(seen.rawQueryString) : seen.rawQueryString,
    requestHeaders: headersOf(request),
    webhookUrl: `/${endpoint.route}`,
    ...(service !== undefined && { service, action })
  }
}

/** The first value of each name. */
const firstOfEach = (query: URLSearchParams): Record<string, string> => {
  const found = new Map<string, string>()
  for (const [name, value] of query) if (!found.has(name)) found.set(name, value)
  return Object.fromEntries(found)
}

const decoder = new TextDecoder()

/** The first argument of the function. */
const argumentOf = (
  { argument }: Endpoint,
  request: HttpServerRequest.HttpServerRequest,
  query: URLSearchParams,
  bytes: Uint8Array
): Effect.Effect<unknown, BadRequest> => {
  switch (argument) {
    case "Json": {
      const json = Result.try((): unknown => JSON.parse(decoder.decode(bytes)))
      return Result.isSuccess(json) && Predicate.isObject(json.success)
        ? Effect.succeed(json.success)
        : Effect.fail(Body.invalid("expected a JSON object"))
    }
    case "Form":
      return Effect.succeed(firstOfEach(new URLSearchParams(decoder.decode(bytes))))
    case "Request":
      return Effect.succeed({
        query: firstOfEach(query),
        headers: headersOf(request),
        ...(bytes.length > 0 && { body: new Binary(bytes) })
      })
  }
}
