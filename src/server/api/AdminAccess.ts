/** Which requests are of the administration, and which may reach it: those of programs on this machine, and of the page. */
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import { pageHost, prefix } from "./AdminApi.ts"

const loopbackPeer = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/i
const loopbackHost = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?$/i
const hostOfPage = new RegExp(`^${pageHost.replaceAll(".", "\\.")}(?::\\d+)?$`, "i")
const ofProxy = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]

type Request = Pick<HttpServerRequest.HttpServerRequest, "headers" | "remoteAddress">

const hostOf = ({ headers }: Request): string => headers["host"] ?? ""

/** Whether a request names the host of the page for people. */
export const isOfPage = (request: Request): boolean => hostOfPage.test(hostOf(request))

/** Whether a request comes from no web page, or from the page for people itself. */
const isOwnPage = (request: Request): boolean => {
  const { origin } = request.headers
  if (!isOfPage(request)) return origin === undefined
  // browsers set it, and pages cannot: `none` is a link that a person typed or opened
  const site = request.headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    // following a link to the page is fine, reading anything is not
    return request.headers["sec-fetch-mode"] === "navigate" && origin === undefined
  }
  return origin === undefined || origin.toLowerCase() === `http://${hostOf(request).toLowerCase()}`
}

/** Whether a request comes from a program on this machine or from the page, and not through a proxy. */
export const isLocal = (request: Request): boolean =>
  loopbackPeer.test(Option.getOrElse(request.remoteAddress, () => "")) &&
  (loopbackHost.test(hostOf(request)) || isOfPage(request)) &&
  !ofProxy.some((name) => name in request.headers) &&
  isOwnPage(request)

/** Whether a request is one of the administration API, and not of an application. */
export const isAdministration = (path: string): boolean => path === prefix || path.startsWith(`${prefix}/`)

/** Whether a request only reads through the administration API, as the page and the inbox command do again and again. */
export const isReading = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
  isAdministration(path) && (method === "GET" || path.endsWith("/documents/find"))
