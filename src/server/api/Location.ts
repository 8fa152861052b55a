/**
 * The address that an application reports to its clients: the one that this request reached it by, so that clients behind
 * any port or proxy come back the same way.
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { App } from "../model/App.ts"
import { PublicUrl } from "../model/PublicUrl.ts"
import * as Proxies from "./Proxies.ts"

/**
 * The public URL of the server, or else the origin that a client used. Proxies that are trusted name it by `Forwarded`, or by `X-Forwarded-Proto` and
 * `X-Forwarded-Host`; of several values the first one is that of the proxy next to the client.
 */
export const origin = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<string> =>
  Effect.flatMap(PublicUrl, (url) => (url === undefined ? ofRequest(request) : Effect.succeed(url)))

const ofRequest = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<string> =>
  Effect.map(Proxies.areTrusted(request), (trusted) => {
    const { headers, originalUrl, protocol } = request
    const absolute = /^(https?):\/\/([^/?#]+)/i.exec(originalUrl)
    const forwarded = trusted ? (headers["forwarded"]?.split(",")[0] ?? "") : ""
    const scheme =
      /(?:^|;)\s*proto="?(https?)"?/i.exec(forwarded)?.[1] ??
      (trusted ? first(headers["x-forwarded-proto"]) : undefined) ??
      protocol ??
      absolute?.[1]
    const name =
      /(?:^|;)\s*host="?([^";]+)"?/i.exec(forwarded)?.[1] ??
      (trusted ? first(headers["x-forwarded-host"]) : undefined) ??
      first(headers["host"]) ??
      absolute?.[2] ??
      "localhost"
    // a header can hold anything, which must not be repeated to the client unless it is a host
    const host = /^[A-Za-z0-9._~-]+(:\d+)?$|^\[[0-9A-Fa-f:.]+\](:\d+)?$/.test(name) ? name : "localhost"
    return `${scheme?.toLowerCase() === "https" ? "https" : "http"}://${host}`
  })

const first = (header: string | undefined): string | undefined => {
  const value = header?.split(",")[0]?.trim()
  return value === "" ? undefined : value
}

/** The answer to a location request. It has all four fields, because older clients fail without any of them. */
export const of = (request: HttpServerRequest.HttpServerRequest, deployment: App["deployment"]) =>
  Effect.map(origin(request), (hostname) => ({
    hostname,
    ws_hostname: hostname.replace(/^http/i, "ws"),
    location: deployment.location,
    deployment_model: deployment.model
  }))
