/** A server whose providers are in this process, and a browser's part of a login by redirect. */
import { assert } from "@effect/vitest"
import { Effect, Logger, Redacted } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import type { HttpMethod } from "effect/http"
import { App, type AppServicesServer } from "effect-app-services/server"
import { client, type Issuer, makeIssuer, type Site } from "../../support/issuer.ts"
import { loginPath, root, withApps } from "../support.ts"

export const page = "http://127.0.0.1:3000/signed-in"
const registered = {
  clientId: client.id,
  clientSecret: Redacted.make(client.secret),
  redirectUris: [page],
  metadataFields: [{ name: "email" }]
} as const

/** An application with every provider. */
export const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    google: registered,
    facebook: { ...registered, redirectUris: [page, "myapp://signed-in"] },
    apple: registered
  }
})

/** Runs a test with a server whose providers are in this process, and have its clock. */
export const served =
  <A, E>(
    test: (issuer: Issuer) => Effect.Effect<A, E, HttpClient.HttpClient | AppServicesServer.Services>,
    served: App.App = app
  ) =>
  (): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const issuer = makeIssuer()
      issuer.now = () => 0
      return test(issuer).pipe(
        withApps(served, { oauthIssuers: issuer.urls }),
        Effect.provideService(Logger.CurrentLoggers, new Set()),
        Effect.provideService(FetchHttpClient.Fetch, issuer.fetch)
      )
    })

export interface Sent {
  readonly cookie?: string | undefined
  readonly token?: string | undefined
  readonly form?: Record<string, string> | undefined
  readonly headers?: Record<string, string>
}

export const origin = "http://127.0.0.1:1234"

export const send = (method: HttpMethod.HttpMethod, path: string, { cookie, form, headers, token }: Sent = {}) =>
  Effect.gen(function* () {
    let request = HttpClientRequest.make(method)(origin + path, { headers: headers ?? {} })
    if (cookie !== undefined) request = HttpClientRequest.setHeader(request, "cookie", cookie)
    if (token !== undefined) request = HttpClientRequest.bearerToken(request, token)
    if (form !== undefined) request = HttpClientRequest.bodyUrlParams(request, form)
    const client = yield* HttpClient.HttpClient
    const response = yield* Effect.orDie(client.execute(request))
    const text = yield* Effect.orDie(response.text)
    const cookies = Object.values(response.cookies.cookies)
    return { status: response.status, headers: response.headers, text, cookies, location: response.headers["location"] }
  })

export const begin = (site: Site, query: Record<string, string> = {}, sent: Sent = {}) =>
  Effect.gen(function* () {
    const search = new URLSearchParams({ redirect: page, state: "abcdefghijkl", ...query })
    const answer = yield* send("GET", `${loginPath("my-app", `oauth2-${site}`)}?${search.toString()}`, sent)
    const [set] = answer.cookies
    return { ...answer, consent: answer.location ?? "", cookie: set && `${set.name}=${set.valueEncoded}` }
  })

/** What the browser brings back from the provider. */
export const consented = Effect.fnUntraced(function* (url: string) {
  const fetch = yield* FetchHttpClient.Fetch
  return yield* Effect.promise(async () => {
    const response = await fetch(url)
    const location = response.headers.get("location")
    const inputs = [...(await response.text()).matchAll(/<input name="([^"]*)" value="([^"]*)">/g)]
    return location === null
      ? Object.fromEntries(inputs.map(([, name, value]) => [name ?? "", value ?? ""]))
      : Object.fromEntries(new URL(location).searchParams)
  })
})

export const callback = (site: Site, brought: Record<string, string>, cookie?: string) =>
  site === "apple"
    ? send("POST", `${root}/auth/callback`, { form: brought, cookie })
    : send("GET", `${root}/auth/callback?${new URLSearchParams(brought).toString()}`, { cookie })

/** A whole login. */
export const redirected = (site: Site, query: Record<string, string> = {}, sent: Sent = {}) =>
  Effect.gen(function* () {
    const { consent, cookie, headers } = yield* begin(site, query, sent)
    return yield* callback(site, yield* consented(headers["x-baas-location"] ?? consent), cookie)
  })

/** The fragment as realm-web reads it. */
export const fragment = (location: string | undefined): Record<string, string> =>
  Object.fromEntries(
    (location?.split("#")[1] ?? "").split("&").map((pair) => {
      const [name = "", value = ""] = pair.split("=")
      return [name, decodeURIComponent(value)]
    })
  )

export const failure = (text: string): unknown => (JSON.parse(text) as { error: unknown }).error

const unknown =
  "this login is unknown: it has expired, was finished before, or began in another browser: close this page and log in again"

export const isUnknown = ({ location, status, text }: Effect.Success<ReturnType<typeof send>>) => {
  assert.deepStrictEqual([status, location, failure(text)], [400, undefined, unknown])
}

export const sites = ["google", "facebook", "apple"] as const
