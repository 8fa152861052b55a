/** Serves the static files of applications, below every other route. */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import type { App } from "../model/App.ts"
import type { Hosting } from "../model/Hosting.ts"

/** Paths of the server itself. */
const reserved = /^\/(?:api|app|_admin|logs)(?:\/|$)/

const redirect = "website-redirect-location"

/** The file of a request: `index.html` stands for its folder. */
const fileOf = ({ files }: Hosting, path: string): string | undefined => {
  const file = path.endsWith("/") ? `${path}index.html` : path
  return files.has(file) ? file : undefined
}

const answer = Effect.fnUntraced(function* (
  hosting: Hosting,
  request: HttpServerRequest.HttpServerRequest,
  file: string,
  status: number | undefined
) {
  const headers = hosting.files.get(file) ?? {}
  const target = headers[redirect]
  if (target !== undefined) return HttpServerResponse.redirect(target, { status: 302 })
  const url = file.split("/").map(encodeURIComponent).join("/")
  const response = yield* Effect.provideService(
    hosting.serve,
    HttpServerRequest.HttpServerRequest,
    request.modify({ url })
  )
  const shown = HttpServerResponse.setHeaders(response, headers)
  return status === undefined || response.status !== 200 ? shown : HttpServerResponse.setStatus(shown, status)
})

/**
 * Makes what answers requests for static files; `undefined` for any other request.
 *
 * Of several applications, the first one that has files is served: their paths begin at the root.
 */
export const handler = (apps: ReadonlyArray<App>) => {
  const hosting = apps.find((app) => app.hosting !== undefined)?.hosting
  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    if (hosting === undefined || (request.method !== "GET" && request.method !== "HEAD")) return undefined
    const path = Result.getOrUndefined(Result.try(() => decodeURIComponent(request.url.split("?")[0] ?? "")))
    if (path === undefined || !path.startsWith("/") || reserved.test(path)) return undefined
    const file = fileOf(hosting, path)
    const { errorPage } = hosting
    if (file !== undefined) return Effect.orDie(answer(hosting, request, file, undefined))
    // a folder without its slash, whose page has relative links
    if (hosting.files.has(`${path}/index.html`)) {
      return Effect.succeed(
        HttpServerResponse.redirect(`${request.url.split("?")[0]?.replace(/^\/+/, "/")}/`, { status: 301 })
      )
    }
    return errorPage === undefined
      ? undefined
      : Effect.orDie(answer(hosting, request, errorPage.path, errorPage.status))
  }
}
