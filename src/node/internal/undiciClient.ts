import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"
import { UndiciAnswer } from "./undiciAnswer.ts"

type Sent = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>
type Body = string | Uint8Array | null

/** The body of a request, if it is in memory. */
const bodyInMemory = ({ body, headers }: HttpClientRequest.HttpClientRequest): Body | undefined => {
  if (headers["upgrade"] !== undefined) return undefined
  if (body._tag === "Empty") return null
  return body._tag === "Uint8Array" ? (body.text ?? body.body) : undefined
}

/**
 * An `HttpClient` over a dispatcher of `undici` that sends a request whose body is in memory, and receives a small answer,
 * without streams and without fibers of its own. Any other request goes through the client of `@effect/platform-node`.
 * Redirects are not followed, as there.
 */
const make: Effect.Effect<HttpClient.HttpClient, never, NodeHttpClient.Dispatcher> = Effect.gen(function* () {
  const dispatcher = yield* NodeHttpClient.Dispatcher
  const streaming = yield* NodeHttpClient.makeUndici

  const send = (request: HttpClientRequest.HttpClientRequest, url: URL, body: Body, signal?: AbortSignal): Sent =>
    Effect.callback((resume) => {
      const failed = (cause: unknown) =>
        resume(
          Effect.fail(
            new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
          )
        )
      const answer = new UndiciAnswer(request, url.href.split("#", 1)[0] ?? "", {
        answered: (response) => resume(Effect.succeed(response)),
        failed
      })
      signal?.addEventListener("abort", answer.abort, { once: true })
      try {
        dispatcher.dispatch(
          {
            origin: url.origin,
            path: url.pathname + url.search,
            method: request.method,
            headers: request.headers,
            body,
            // the caller limits the time
            headersTimeout: 0,
            bodyTimeout: 0
          },
          answer
        )
      } catch (cause) {
        failed(cause)
      }
      return Effect.sync(answer.abort)
    })

  // spans of the native tracer are not exported, so they are only made to send their headers
  const traced = HttpClient.make((request, url, signal) => send(request, url, bodyInMemory(request) ?? null, signal))

  const execute = (request: HttpClientRequest.HttpClientRequest): Sent =>
    Effect.withFiber((fiber) => {
      const body = bodyInMemory(request)
      if (body === undefined) return streaming.execute(request)
      const untraced =
        fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer && !fiber.getRef(HttpClient.TracerPropagationEnabled)
      const url = untraced && request.urlParams.params.length === 0 ? URL.parse(request.url) : null
      return url === null ? traced.execute(request) : send(request, url, body)
    })

  return HttpClient.makeWith(
    (requests: Effect.Effect<HttpClientRequest.HttpClientRequest, HttpClientError.HttpClientError>) =>
      Effect.flatMap(requests, execute),
    Effect.succeed
  )
})

/** @internal */
export const layerNoDeps: Layer.Layer<HttpClient.HttpClient, never, NodeHttpClient.Dispatcher> = Layer.effect(
  HttpClient.HttpClient,
  make
)

/**
 * Bun has a stand-in for `undici`, without dispatchers: there the client is `fetch`.
 *
 * @internal
 */
export const layer: Layer.Layer<HttpClient.HttpClient> =
  "Bun" in globalThis ? FetchHttpClient.layer : layerNoDeps.pipe(Layer.provide(NodeHttpClient.layerDispatcher))
