import { Effect, Layer } from "effect"
import type { Duration } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import type { HttpClientRequest } from "effect/http"

/** A request as a host sees it. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

export type Answer =
  | {
      readonly status?: number
      readonly headers?: Record<string, string>
      readonly body?: unknown
      readonly after?: Duration.Input
    }
  | "unreachable"
  | "hangs"
  | "dies mid-answer"

const textOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

/** A transport that answers by script and records its requests. */
export const scripted = (answer: (request: Seen, nth: number) => Answer | Effect.Effect<Answer>) => {
  const seen: Array<Seen> = []
  const transportError = (request: HttpClientRequest.HttpClientRequest) =>
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.TransportError({
        request,
        cause: new Error("fetch failed", { cause: new Error("ECONNREFUSED") })
      })
    })
  const layer = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.gen(function* () {
        const entry = {
          method: request.method,
          url: url.href,
          path: url.pathname,
          headers: request.headers,
          body: textOf(request)
        }
        seen.push(entry)
        const scriptedAnswer = answer(entry, seen.length)
        const said = Effect.isEffect(scriptedAnswer) ? yield* scriptedAnswer : scriptedAnswer
        if (said === "unreachable") return yield* transportError(request)
        if (said === "hangs") return yield* Effect.never
        if (said === "dies mid-answer") {
          const body = new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode('{"access_')),
            pull: (controller) => controller.error(new Error("socket hang up"))
          })
          return HttpClientResponse.fromWeb(
            request,
            new Response(body, { headers: { "content-type": "application/json" } })
          )
        }
        if (said.after !== undefined) yield* Effect.sleep(said.after)
        const { body, headers, status = 200 } = said
        const text =
          body === undefined
            ? null
            : typeof body === "string" || body instanceof ReadableStream
              ? body
              : JSON.stringify(body)
        return HttpClientResponse.fromWeb(
          request,
          new Response(text, { status, headers: { "content-type": "application/json", ...headers } })
        )
      })
    )
  )
  return { layer, seen }
}

/** An unsigned token with these claims, valid for 30 minutes by default. */
export const token = (claims: Record<string, unknown> = {}): string => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
  return `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ iat: 1_000, exp: 2_800, typ: "access", ...claims })}.signature`
}

export const location = {
  hostname: "http://host.test",
  ws_hostname: "ws://host.test",
  location: "US-VA",
  deployment_model: "GLOBAL"
}

let serial = 0

/** A host that accepts every login; `more` answers first if it returns an answer. */
export const host = (
  more: (request: Seen, nth: number) => Answer | Effect.Effect<Answer> | undefined = () => undefined
) =>
  scripted((request, nth) => {
    const special = more(request, nth)
    if (special !== undefined) return special
    if (request.path.endsWith("/location")) return { body: location }
    if (request.path.endsWith("/login")) {
      const user = `user-${++serial}`
      const claims = { sub: user, n: serial }
      return {
        body: {
          access_token: token(claims),
          refresh_token: token({ ...claims, typ: "refresh" }),
          user_id: user,
          device_id: "5f1d7f3e9c1b2a0012345678"
        }
      }
    }
    if (request.path.endsWith("/auth/session") && request.method === "POST")
      return { status: 201, body: { access_token: token({ n: ++serial }) } }
    if (request.path.endsWith("/auth/session")) return { status: 204 }
    if (request.path.endsWith("/functions/call")) return { body: '{"$numberInt":"42"}' }
    return { status: 404, body: { error: "not found" } }
  })
