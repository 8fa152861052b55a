/**
 * The page for people: three files, which are read when a browser asks for them, at a host name of their own.
 *
 * Applications serve files and answers of functions under the server's other names. If the page shared an origin with them,
 * their scripts could read its token, or replace it with a service worker. Under the name of the page there is nothing but the
 * page and the administration API.
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { pageHost, prefix } from "./AdminApi.ts"
import { isLocal, isOfPage } from "./AdminAccess.ts"

const types: Readonly<Record<string, { readonly file: string; readonly contentType: string }>> = {
  "/": { file: "index.html", contentType: "text/html; charset=utf-8" },
  "/page.js": { file: "page.js", contentType: "text/javascript; charset=utf-8" },
  "/page.css": { file: "page.css", contentType: "text/css; charset=utf-8" }
}

/** The page loads its own files, sends requests to its own origin, and is shown in no frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'"
].join("; ")

const headers = {
  "content-security-policy": policy,
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-store"
}

/** Built by `scripts/page.ts`: beside the modules in the package, and in the cache of a checkout. */
const locationOf = (file: string): URL => {
  const here = import.meta.url
  if (here.endsWith(".ts")) return new URL(`../../../node_modules/.cache/effect-app-services/page/${file}`, here)
  const ofModule = new URL(`../../page/${file}`, here)
  // the command is one file
  return existsSync(ofModule) ? ofModule : new URL(`./page/${file}`, here)
}

const read = async (file: string): Promise<Uint8Array | undefined> => {
  try {
    return await readFile(locationOf(file))
  } catch {
    return undefined
  }
}

const text = (status: number, message: string) => HttpServerResponse.text(`${message}\n`, { status, headers })

const serve = (request: HttpServerRequest.HttpServerRequest, path: string) => {
  const type = types[path]
  if (type === undefined) return Effect.succeed(text(404, "the page for people is at /"))
  if (request.method !== "GET" && request.method !== "HEAD") {
    return Effect.succeed(text(405, "the page for people is read with GET"))
  }
  const { contentType, file } = type
  return Effect.map(
    Effect.promise(() => read(file)),
    (bytes) =>
      bytes === undefined
        ? text(500, `the file ${file} of the page is missing: run node scripts/page.ts`)
        : HttpServerResponse.uint8Array(bytes, { contentType, headers })
  )
}

/** Paths that lead to the page from the server's other names: the last one is in the links of errors. */
const entrances = new Set([prefix, `${prefix}/`, "/logs"])

/** Leads to the page on the same port. */
const redirect = (request: HttpServerRequest.HttpServerRequest, path: string) => {
  const port = /:\d+$/.exec(request.headers["host"] ?? "")?.[0] ?? ""
  const id = path === "/logs" ? new URLSearchParams(request.url.split("?")[1] ?? "").get("co_id") : null
  const view = id === null || !/^[0-9a-f]{24}$/.test(id) ? "" : `#/log?text=${id}`
  return HttpServerResponse.redirect(`http://${pageHost}${port}/${view}`, { status: 302, headers })
}

const pathOf = ({ url }: HttpServerRequest.HttpServerRequest): string => url.split("?", 1)[0] ?? ""

/** The way to the page from another name of the server. */
const entrance = (request: HttpServerRequest.HttpServerRequest) => {
  const path = pathOf(request)
  return entrances.has(path) && isLocal(request) ? Effect.succeed(redirect(request, path)) : undefined
}

/**
 * The answer to a request for the page; `undefined` for any other request. Under the name of the page, the administration API
 * is the only other thing that is answered.
 */
export const answer = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
  if (!isOfPage(request)) return request.method === "GET" ? entrance(request) : undefined
  const path = pathOf(request)
  if (path.startsWith(`${prefix}/`)) return undefined
  return isLocal(request)
    ? serve(request, path)
    : Effect.succeed(text(403, "the page for people is for the server's own machine, and for no other web page"))
}
