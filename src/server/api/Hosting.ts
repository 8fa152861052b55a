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

interface Site {
  readonly id: string
  readonly hosting: Hosting
}

const sitesOf = (apps: ReadonlyArray<App>): ReadonlyArray<Site> =>
  apps.flatMap(({ hosting, id }) => (hosting === undefined ? [] : [{ id: id.toLowerCase(), hosting }]))

/**
 * Applications with the addresses of their files on a server. The only application with files has them at the server's address.
 * Pages expect their files at the root, so each of several has a host name of its own: `APP_ID.localhost`, which browsers
 * resolve to this machine, or below the name of a public URL.
 */
export const located = (apps: ReadonlyArray<App>, base: string): ReadonlyArray<App> => {
  const isOnly = sitesOf(apps).length === 1
  return apps.map((app) => {
    const { hosting, id } = app
    if (hosting === undefined) return app
    const url = new URL(base)
    const isPublic = !/^(?:localhost|[\d.]+|\[.*\])$/.test(url.hostname)
    if (!isOnly) url.hostname = `${id.toLowerCase()}.${isPublic ? url.hostname : "localhost"}`
    return {
      ...app,
      hosting: { ...hosting, uri: hosting.domain === undefined ? url.origin : `https://${hosting.domain}` }
    }
  })
}

/** The files of a host name: of the application with that domain, or with an id that is the name's first label. */
const siteOf = (sites: ReadonlyArray<Site>, host: string): Hosting | undefined => {
  const name = host.toLowerCase().replace(/:\d+$/, "")
  const [label] = name.split(".")
  const found = sites.find(({ hosting }) => hosting.domain === name) ?? sites.find(({ id }) => id === label) ?? sites[0]
  return found?.hosting
}

/**
 * Makes what answers requests for static files; `undefined` for any other request. Under a host name of no application, the files
 * are those of the first one that has some.
 */
export const handler = (all: () => ReadonlyArray<App>) => {
  let apps = all()
  let sites = sitesOf(apps)
  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    const present = all()
    if (present !== apps) {
      apps = present
      sites = sitesOf(apps)
    }
    const hosting = siteOf(sites, request.headers["host"] ?? "")
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
