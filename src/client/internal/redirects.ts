import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Url from "effect/http/Url"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

const originOf = (url: string, base?: string): string | undefined => {
  const parsed = Result.getOrUndefined(Url.fromString(url, base))
  return parsed === undefined || parsed.origin === "null" ? undefined : parsed.origin
}

/** Whether a transport followed a redirect to another host by itself, as `fetch` does by default. */
const wasFollowed = (response: HttpClientResponse.HttpClientResponse): boolean => {
  if (response.url.startsWith(response.request.url)) return false
  const origin = originOf(response.request.url)
  if (origin === undefined || originOf(response.url) === origin) return false
  const source = HttpClientResponse.toWeb(response)
  return Option.isSome(source) && source.value.redirected
}

/**
 * Whether an answer is a redirect, or was redirected. A browser shows status 0 instead of a redirect.
 *
 * @internal
 */
export const isRedirect = (response: HttpClientResponse.HttpClientResponse): boolean =>
  (response.status >= 300 && response.status < 400) || response.status === 0 || wasFollowed(response)

/**
 * The origin that a redirect leads to, if known.
 *
 * @internal
 */
export const targetOf = (response: HttpClientResponse.HttpClientResponse): string | undefined => {
  const location = response.headers["location"]
  return location === undefined
    ? wasFollowed(response)
      ? originOf(response.url)
      : undefined
    : originOf(location, response.request.url)
}

/**
 * Runs as the last step before the transport, in the context that the transport sees: the layer of `fetch` adds to the
 * caller's. The fiber is that of the request alone, so nothing has to be restored.
 */
const asManual = <A>(request: A): Effect.Effect<A> =>
  Effect.withFiber((fiber) => {
    const present = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit)
    fiber.setContext(Context.add(fiber.context, FetchHttpClient.RequestInit, { ...present, redirect: "manual" }))
    return Effect.succeed(request)
  })

const refuseRedirect = (response: HttpClientResponse.HttpClientResponse) =>
  isRedirect(response)
    ? Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.StatusCodeError({ request: response.request, response })
        })
      )
    : Effect.succeed(response)

/**
 * A client that does not follow redirects: `fetch` is configured so, and since a redirect is a `StatusCodeError`, a wrapper
 * such as `HttpClient.followRedirects` does not see one either.
 *
 * @internal
 */
export const withoutRedirects = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  client.pipe(
    HttpClient.mapRequestEffect(asManual),
    HttpClient.transformResponse((sent) => Effect.flatMap(sent, refuseRedirect))
  )
