/** What all handlers read from a request. */
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import { body, type Forbidden, NotFound } from "../model/ApiErrors.ts"
import { Apps, type HostedApp } from "../model/Apps.ts"
import type { FunctionRequest } from "../model/FunctionContext.ts"
import * as Origins from "./Origins.ts"

/** Finds the application in the path, for a page that may use it. */
export const findApp = Effect.map(
  Apps,
  ({ byId }) =>
    (appId: string): Effect.Effect<HostedApp, NotFound | Forbidden> => {
      const hosted = byId.get(appId)
      return hosted === undefined
        ? Effect.fail(new NotFound(body(`cannot find app using Client App ID '${appId}'`)))
        : Origins.checkAbout(hosted, { app: hosted.app.id })
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
  for (let at = 0; at < raw.length; at += 2) {
    const name = String(raw[at])
    if (name.length === 4 && name.toLowerCase() === "host") hosts++
  }
  return hosts <= 1 && host.test(headers["host"] ?? "")
}

/** A request as the functions of an application see it, and with its headers for rules. */
class SeenRequest implements FunctionRequest {
  readonly remoteIPAddress: string | undefined
  readonly httpMethod: string
  readonly httpUserAgent: string | undefined
  readonly httpReferrer: string | undefined
  readonly rawQueryString: string
  /** Private, as they are not sent along to functions. */
  readonly #headers: Headers.Headers

  constructor({ headers, method, remoteAddress, url }: HttpServerRequest.HttpServerRequest) {
    this.remoteIPAddress = Option.getOrUndefined(remoteAddress)
    this.httpMethod = method
    this.httpUserAgent = headers["user-agent"]
    this.httpReferrer = headers["referer"]
    this.rawQueryString = url.split("?")[1] ?? ""
    this.#headers = headers
  }

  header(name: string): string | undefined {
    return this.#headers[name]
  }
}

/** The request behind a call. */
export const functionRequest = (request: HttpServerRequest.HttpServerRequest): FunctionRequest =>
  new SeenRequest(request)
