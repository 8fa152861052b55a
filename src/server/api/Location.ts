/**
 * Where an application says it lives: wherever this request reached it, so that a client behind any port or proxy comes
 * back the same way.
 *
 * @since 0.1.0
 */
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { App } from "../model/App.ts"

/**
 * The origin that a client used, by what it and the proxies between say.
 *
 * @category accessors
 * @since 0.1.0
 */
export const origin = ({ headers, originalUrl, protocol }: HttpServerRequest.HttpServerRequest): string => {
  const absolute = /^(https?):\/\/([^/?#]+)/i.exec(originalUrl)
  const forwarded = headers["forwarded"]?.split(",")[0] ?? ""
  const scheme =
    /(?:^|;)\s*proto="?(https?)"?/i.exec(forwarded)?.[1] ??
    first(headers["x-forwarded-proto"]) ??
    protocol ??
    absolute?.[1]
  const name =
    /(?:^|;)\s*host="?([^";]+)"?/i.exec(forwarded)?.[1] ??
    first(headers["x-forwarded-host"]) ??
    first(headers["host"]) ??
    absolute?.[2] ??
    "localhost"
  // whatever else a header holds is not a host, and would only be repeated to the client
  const safe = /^[A-Za-z0-9._~-]+(:\d+)?$|^\[[0-9A-Fa-f:.]+\](:\d+)?$/.test(name) ? name : "localhost"
  return `${scheme?.toLowerCase() === "https" ? "https" : "http"}://${safe}`
}

/** The first of several values: that of the proxy next to the client. */
const first = (header: string | undefined): string | undefined => {
  const value = header?.split(",")[0]?.trim()
  return value === "" ? undefined : value
}

/**
 * The answer to a location request: all four fields, since older clients fail without any one of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (request: HttpServerRequest.HttpServerRequest, deployment: App["deployment"]) => {
  const hostname = origin(request)
  return {
    hostname,
    ws_hostname: hostname.replace(/^http/i, "ws"),
    location: deployment.location,
    deployment_model: deployment.model
  }
}
