/**
 * OAuth 2.0 by redirect: sends the browser to the provider, takes it back, and sends it on to the application's page with the
 * login, or with an error, in the fragment.
 *
 * The browser is only ever sent to a redirect URI that the application's configuration lists. A cookie binds a login to the
 * browser that began it, so that an attacker cannot link another user's account at the provider to its own user.
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ByteSize from "effect/ByteSize"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { DeviceInformation } from "../../protocol/internal/requests.ts"
import { oauthCallback } from "../../protocol/internal/routes.ts"
import { BadRequest, body, Unauthorized, unsupportedProvider } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import type { OAuthProvider } from "../model/OAuthProvider.ts"
import * as Refusals from "../users/internal/refusals.ts"
import { identityOf, Logins } from "../users/Logins.ts"
import { OAuth } from "../users/OAuth.ts"
import * as RedirectLogins from "../users/RedirectLogins.ts"
import { type Begun, Sessions } from "../users/Sessions.ts"
import { UserStore } from "../users/UserStore.ts"
import { Api } from "./Api.ts"
import { authenticator, headerToken, ofApp } from "./Authorization.ts"
import * as Body from "./Body.ts"
import * as Location from "./Location.ts"
import { RateLimits } from "./RateLimits.ts"
import { findApp, functionRequest } from "./Requests.ts"

type Request = HttpServerRequest.HttpServerRequest

/** The parameters of a query or a form. Those that are repeated or empty count as missing. */
const parametersOf = (text: string) => {
  const parameters = new URLSearchParams(text)
  return (name: string): string | undefined => {
    const [value, ...others] = parameters.getAll(name)
    return value === "" || others.length > 0 ? undefined : value
  }
}

const queryOf = ({ url }: Request): string => url.split("?").slice(1).join("?")

const badRequest = (text: string) => new BadRequest(body(text, "BadRequest"))

/** Parts of the fragment, without the prefix. */
type Fragment = Readonly<Record<string, string | undefined>>

/** Sends the browser to an application's page. The names with `stitch` are those of older clients. */
const answer = ({ hosted, redirect, state }: RedirectLogins.Request, fragment: Fragment) => {
  const parts = Object.entries({ client_app_id: hosted.app.id, state, ...fragment }).flatMap(([name, value]) =>
    value === undefined ? [] : ["baas", "stitch"].map((prefix) => `_${prefix}_${name}=${encodeURIComponent(value)}`)
  )
  return leave(`${redirect}#${parts.join("&")}`)
}

const leave = (location: string) =>
  HttpServerResponse.empty({
    status: 302,
    headers: { location, "cache-control": "no-store", "referrer-policy": "no-referrer" }
  })

const userAuth = ({ access_token, device_id, refresh_token, user_id }: Begun): string =>
  [Redacted.value(access_token), Redacted.value(refresh_token), user_id, device_id].join("$")

/** The page to return to. Without one in the request it is the only one, if there is only one. */
const redirectOf = ({ redirectUris, type }: OAuthProvider, asked: string | undefined) => {
  const redirect = asked ?? (redirectUris.size === 1 ? [...redirectUris][0] : undefined)
  return redirect !== undefined && redirectUris.has(redirect)
    ? Effect.succeed(redirect)
    : Effect.fail(
        badRequest(`the redirect URI is not one of the redirect_uris of "${type}": expected exactly one of them`)
      )
}

const stateLimit = 500
const formLimit = ByteSize.kibibytes(64)

const decodeDevice = Schema.decodeUnknownOption(Schema.fromJsonString(DeviceInformation))

/** The id in the base64 of a device's information. Anything else of it is ignored. */
const deviceIdOf = (encoded: string | undefined): string | undefined =>
  encoded === undefined
    ? undefined
    : Option.getOrUndefined(decodeDevice(Buffer.from(encoded, "base64").toString("utf8")))?.deviceId

/**
 * Sets the cookie of a login. A form that Apple lets the browser post, and a link that a page of another site begins, are
 * requests across sites, for which the cookie needs `SameSite=None`, and therefore TLS.
 */
const withCookie = (
  response: HttpServerResponse.HttpServerResponse,
  { name, value }: RedirectLogins.Begun["cookie"],
  { callback, crossSite }: { readonly callback: string; readonly crossSite: boolean }
) => {
  const secure = callback.startsWith("https:")
  return HttpServerResponse.setCookieUnsafe(response, name, Redacted.value(value), {
    httpOnly: true,
    secure,
    sameSite: secure && crossSite ? "none" : "lax",
    path: oauthCallback,
    maxAge: RedirectLogins.lifetime
  })
}

/** What a provider reports in place of a code, such as `access_denied: The user cancelled`. */
const providerError = (find: (name: string) => string | undefined): string | undefined => {
  const [error, description] = [find("error"), find("error_description")]
  return error === undefined
    ? undefined
    : [error, description]
        .filter((it) => it !== undefined)
        .join(": ")
        .slice(0, 300)
}

const unknownLogin = badRequest(
  "this login is unknown: it has expired, was finished before, or began in another browser: close this page and log in again"
)

/** The handlers of the group. */
export const layer = HttpApiBuilder.group(Api, "oauth", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const oauth = yield* OAuth
    const redirects = yield* RedirectLogins.RedirectLogins
    const logins = yield* Logins
    const sessions = yield* Sessions
    const store = yield* UserStore
    const authenticate = yield* authenticator
    const { limit } = yield* RateLimits

    /** The session that is linked to, by the access token of the request. */
    const linking = Effect.fnUntraced(function* (hosted: HostedApp) {
      const current = yield* authenticate(yield* headerToken)
      const { claims, user } = yield* ofApp(current, hosted)
      yield* sessions.find(hosted, claims.iss)
      return { userId: user.id, sessionId: claims.iss }
    })

    const begin = Effect.fnUntraced(function* (request: Request, hosted: HostedApp, provider: OAuthProvider) {
      const query = parametersOf(queryOf(request))
      const redirect = yield* redirectOf(provider, query("redirect"))
      const state = query("state")
      if (state === undefined || state.length > stateLimit) {
        return yield* badRequest(`'state' is a required parameter of 1 to ${stateLimit} characters`)
      }
      const asksForLink = new URLSearchParams(queryOf(request)).has("link") && query("link") !== "false"
      const link = asksForLink ? yield* linking(hosted) : undefined
      const callback = `${yield* Location.origin(request)}${oauthCallback}`
      const login: RedirectLogins.Request = {
        hosted,
        provider,
        redirect,
        state,
        deviceId: deviceIdOf(query("device")),
        link,
        callback
      }
      const { cookie, flow } = yield* redirects.begin(login)
      // a page that requests the URL of the provider by a script reads it from a header
      const byHeader = query("providerRedirectHeader") !== undefined
      const consent = yield* Effect.result(
        Effect.catch(oauth.consentUrl(provider, flow), (error) => Refusals.ofOAuth(hosted.app.id, provider.type, error))
      )
      if (consent._tag === "Failure") {
        return byHeader ? yield* consent.failure : answer(login, { error: consent.failure.error })
      }
      const response = byHeader
        ? HttpServerResponse.empty({
            status: 200,
            headers: {
              "x-baas-location": consent.success,
              "x-stitch-location": consent.success,
              "cache-control": "no-store"
            }
          })
        : leave(consent.success)
      return withCookie(response, cookie, { callback, crossSite: byHeader || oauth.postsForm(provider.type) })
    })

    /** Logs in, or links; succeeds with the parts of the fragment. */
    const finish = Effect.fnUntraced(function* (
      request: Request,
      { flow, request: login }: RedirectLogins.Returned,
      code: string,
      issuer: string | undefined
    ) {
      const { deviceId, hosted, link, provider } = login
      const account = yield* Effect.catch(
        oauth.redeem(provider, { code: Redacted.make(code), issuer }, flow),
        (error) => Refusals.ofOAuth(hosted.app.id, provider.type, error)
      )
      const identity = identityOf(hosted, provider.type, account.id, account.data)
      if (link === undefined) {
        const { user } = yield* logins.logInAs(identity, { hosted, request: functionRequest(request) })
        yield* CurrentRequest.about({ userId: user.id })
        return { ua: userAuth(yield* sessions.begin(hosted, user, identity, deviceId)) }
      }
      const user = Option.getOrUndefined(yield* store.user(hosted.app.id, link.userId))
      const session = yield* sessions.find(hosted, link.sessionId)
      if (user === undefined || user.disabled) return yield* new Unauthorized(body("user disabled", "UserDisabled"))
      yield* CurrentRequest.about({ userId: user.id })
      const linked = yield* logins.linkAs(identity, hosted, user)
      return { link: "ok", link_user: user.id, ua: userAuth(yield* sessions.answer(hosted, linked, session)) }
    })

    const callback = Effect.fnUntraced(function* (request: Request, text: string) {
      const parameters = parametersOf(text)
      const state = parameters("state")
      const returned = state === undefined ? undefined : yield* redirects.take(Redacted.make(state), request.cookies)
      if (returned === undefined) return yield* unknownLogin
      const { cookie, request: login } = returned
      const { hosted, provider } = login
      const back = (fragment: Fragment) =>
        HttpServerResponse.expireCookieUnsafe(answer(login, fragment), cookie, { path: oauthCallback })
      yield* CurrentRequest.about({ app: hosted.app.id })
      if (oauth.postsForm(provider.type) !== (request.method === "POST")) return yield* unknownLogin
      const problem = providerError(parameters)
      if (problem !== undefined) return back({ error: problem })
      const code = parameters("code")
      if (code === undefined) return back({ error: "the provider sent no authorization code" })
      const limited = limit({ kind: "logIn", appId: hosted.app.id, request })
      const result = yield* Effect.result(limited(finish(request, returned, code, parameters("iss"))))
      return back(result._tag === "Success" ? result.success : { error: result.failure.error })
    })

    return handlers
      .handleRaw(
        "redirect",
        Effect.fnUntraced(function* ({ params, request }) {
          const hosted = yield* find(params.appId)
          const provider = Array.from(hosted.app.providers.oauth.values()).find(({ type }) => type === params.provider)
          if (provider === undefined) return yield* unsupportedProvider(params.provider)
          return yield* limit({ kind: "logIn", appId: hosted.app.id, request })(begin(request, hosted, provider))
        })
      )
      .handleRaw("callback", ({ request }) => callback(request, queryOf(request)))
      .handleRaw(
        "callbackForm",
        Effect.fnUntraced(function* ({ request }) {
          const bytes = yield* Body.bytes(request, formLimit)
          return yield* callback(request, Buffer.from(bytes).toString("utf8"))
        })
      )
  })
)
