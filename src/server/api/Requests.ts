/** What all handlers read from a request. */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import { body, type Forbidden, NotFound } from "../model/ApiErrors.ts"
import { Apps, type HostedApp } from "../model/Apps.ts"
import type { FunctionRequest } from "../model/FunctionContext.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import * as Origins from "./Origins.ts"

/** Finds the application in the path, for a page that may use it. */
export const findApp = Effect.map(
  Apps,
  ({ byId }) =>
    (appId: string): Effect.Effect<HostedApp, NotFound | Forbidden> => {
      const hosted = byId.get(appId)
      return hosted === undefined
        ? Effect.fail(new NotFound(body(`cannot find app using Client App ID '${appId}'`)))
        : Effect.andThen(CurrentRequest.about({ app: hosted.app.id }), Origins.check(hosted))
    }
)

/** A host with an optional port, by RFC 9110. */
const host = /^(?:\[[\dA-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/

/**
 * Whether a request has exactly one valid `Host` header: with several, a proxy may choose another one than the server.
 */
export const isForOneHost = ({ headers, source }: HttpServerRequest.HttpServerRequest): boolean => {
  // of several, Node's parsed headers have the first
  const raw = "rawHeaders" in source && Array.isArray(source.rawHeaders) ? source.rawHeaders : []
  let hosts = 0
  for (let at = 0; at < raw.length; at += 2) if (String(raw[at]).toLowerCase() === "host") hosts++
  return hosts <= 1 && host.test(headers["host"] ?? "")
}

/** A request as the functions of an application see it, and with its headers for rules. */
export const functionRequest = (request: HttpServerRequest.HttpServerRequest): FunctionRequest => {
  const seen = {
    remoteIPAddress: Option.getOrUndefined(request.remoteAddress),
    httpMethod: request.method,
    httpUserAgent: request.headers["user-agent"],
    httpReferrer: request.headers["referer"],
    rawQueryString: request.url.split("?")[1] ?? ""
  }
  // not enumerable: they are not sent along to functions
  return Object.defineProperty(seen, "header", { value: (name: string) => request.headers[name] })
}
