/** Logins with Google, Facebook and Apple by redirect or popup, as the page that begins them and the page that they return to. */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { AppServicesError, InvalidResponse } from "../../client/AppServicesError.ts"
import { deviceInformation } from "../../client/internal/device.ts"
import type { LoginServices } from "../../client/internal/logins.ts"
import { fromStore } from "../../client/internal/users.ts"
import type { Service as Client } from "../../client/ProtocolClient.ts"
import type { ProviderType } from "../../protocol/Provider.ts"
import { path, routes } from "../../protocol/internal/routes.ts"
import { page } from "./page.ts"
import type { Popup, StorageChange } from "./page.ts"

/**
 * A login by redirect that did not succeed.
 *
 * - `WindowBlocked`: the browser did not open a window. Begin the login in the handler of a click.
 * - `WindowClosed`: the user closed the window.
 * - `Refused`: the provider or the host refused the login; `message` is the host's.
 * - `UnexpectedState`: the page was not opened by a login that this tab began.
 *
 * @category errors
 * @since 0.1.0
 */
export class OAuthError extends Schema.TaggedError<OAuthError>()("OAuthError", {
  kind: Schema.Literals(["WindowBlocked", "WindowClosed", "Refused", "UnexpectedState"]),
  message: Schema.String
}) {}

/**
 * A login by redirect.
 *
 * @category options
 * @since 0.1.0
 */
export interface Login {
  /** The provider, such as `oauth2-google`. */
  readonly provider: ProviderType
  /** The page that the host returns to; it has to be one of the provider's `redirect_uris`. */
  readonly redirectUrl: string
}

/** What the page that is returned to finds in its fragment. */
const Answer = Schema.fromJsonString(
  Schema.Struct({
    state: Schema.String,
    userAuth: Schema.optionalKey(Schema.String),
    error: Schema.optionalKey(Schema.String)
  })
)
type Answer = typeof Answer.Type
const decodeAnswer = Schema.decodeUnknownOption(Answer)
const encodeAnswer = Schema.encodeSync(Answer)

const name = "effect-app-services/oauth"
/** Where `realm-web` leaves an answer for the page that opened the window. */
const keyOf = (state: string) => `realm-web:oauth2:state(${state}):result`

/** How often an open window is looked at, in milliseconds: a page may not listen to the window of another origin. */
const lookEvery = 250

const fail = (kind: OAuthError["kind"], message: string) => Effect.fail(new OAuthError({ kind, message }))

/**
 * The URL that begins a login: at the host, or, where the identity is added to a user, at the provider. A link is asked for with
 * the user's token, which no URL may have, and the host ties it to this browser by a cookie.
 *
 * @internal
 */
export const begin = Effect.fnUntraced(function* (
  client: Client,
  { sessions, tokens }: LoginServices,
  { provider, redirectUrl }: Login,
  linkTo?: string
) {
  const bytes = page.crypto.getRandomValues(new Uint8Array(16))
  const state = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  const url = path(routes.logIn, { appId: client.appId, provider })
  const asked = { state, redirect: redirectUrl }
  if (linkTo !== undefined) {
    const operation = { name: "OAuth.link", kind: "link" } as const
    const query = Record.map({ ...asked, link: "true", providerRedirectHeader: "true" }, (text) => Redacted.make(text))
    const token = yield* sessions.accessToken(operation.name, linkTo)
    const { headers, status } = yield* client
      .open({ operation, method: "GET", path: url, query, token })
      .pipe(Effect.provideService(FetchHttpClient.RequestInit, { credentials: "include" }))
    const location = headers["x-baas-location"]
    if (location !== undefined) return { state, url: location }
    const reason = new InvalidResponse({ status, problem: "the header x-baas-location is missing" })
    return yield* new AppServicesError({ operation: operation.name, reason })
  }
  const deviceId = Option.getOrUndefined(yield* fromStore("OAuth.begin")(tokens.deviceId))
  // @effect-diagnostics-next-line preferSchemaOverJson:off -- plain texts of our own
  const device = Base64.encode(JSON.stringify(deviceInformation(client.appId, deviceId)))
  return { state, url: `${yield* client.host}${url}?${new URLSearchParams({ ...asked, device }).toString()}` }
})

/**
 * Begins the session of an answer, or stores the token that a link answered. Returns the user's id.
 *
 * @internal
 */
export const accept = (
  { profiles, sessions }: LoginServices,
  provider: ProviderType,
  { error, userAuth = "" }: Answer,
  linkTo?: string
): Effect.Effect<string, AppServicesError | OAuthError> => {
  const [access = "", refresh = "", userId = "", deviceId = null, ...rest] = userAuth.split("$")
  if (error !== undefined || userId === "" || rest.length > 0) {
    return fail("Refused", error ?? "the host returned without a login")
  }
  if (linkTo !== undefined) {
    const operation = "OAuth.link"
    return userId === linkTo
      ? sessions
          .link(operation, userId, Redacted.make(access), provider)
          .pipe(Effect.andThen(profiles.refresh(userId)), Effect.as(userId))
      : fail("Refused", "the host answered about another user")
  }
  const login = {
    access_token: Redacted.make(access),
    refresh_token: Redacted.make(refresh),
    user_id: userId,
    device_id: deviceId
  }
  return sessions.begin("OAuth.logIn", login, provider)
}

/** Waits for the page that the window is returned to, and closes the window. */
const answered = (popup: Popup, state: string) =>
  Effect.callback<Answer, OAuthError>((resume) => {
    const channel = page.BroadcastChannel && new page.BroadcastChannel(name)
    const hear = (text: unknown) => {
      const answer = decodeAnswer(text)
      if (Option.isNone(answer) || answer.value.state !== state) return
      stop()
      resume(Effect.succeed(answer.value))
    }
    const stop = () => {
      channel?.close()
      clearInterval(looking)
      page.removeEventListener("storage", onStorage)
    }
    const onStorage = ({ key, newValue }: StorageChange) => {
      if (key !== keyOf(state) || newValue === null) return
      page.localStorage.removeItem(key)
      hear(newValue)
    }
    channel?.addEventListener("message", ({ data }) => hear(data))
    page.addEventListener("storage", onStorage)
    // @effect-diagnostics-next-line globalTimersInEffect:off -- of the browser, like the window
    const looking = setInterval(() => {
      if (!popup.closed) return
      stop()
      resume(fail("WindowClosed", "Window closed"))
    }, lookEvery)
    return Effect.sync(stop)
  })

/** @internal */
export const popup = Effect.fnUntraced(function* (
  client: Client,
  logins: LoginServices,
  login: Login,
  linkTo?: string
) {
  // before anything is waited for: a browser blocks a window that does not open at once
  const opened = page.open("about:blank", "_blank", "width=500,height=700")
  if (opened === null) return yield* fail("WindowBlocked", "the browser blocked the window of the login")
  const answer = yield* begin(client, logins, login, linkTo).pipe(
    Effect.flatMap(({ state, url }) => {
      opened.location.href = url
      return answered(opened, state)
    }),
    Effect.ensuring(Effect.sync(() => opened.close()))
  )
  return yield* accept(logins, login.provider, answer, linkTo)
})

/**
 * Takes the answer out of the fragment of the page's address, so that neither history nor a copied link has tokens.
 *
 * @internal
 */
export const takeAnswer = (): Answer | undefined => {
  const fields = new URLSearchParams(page.location.hash.slice(1))
  const state = fields.get("_baas_state")
  if (state === null) return undefined
  page.history.replaceState(null, "", page.location.pathname + page.location.search)
  const [userAuth, error] = [fields.get("_baas_ua"), fields.get("_baas_error")]
  return { state, ...(userAuth !== null && { userAuth }), ...(error !== null && { error }) }
}

/** @internal */
export const handleRedirect = (): boolean => {
  const answer = takeAnswer()
  if (answer === undefined) return false
  const text = encodeAnswer(answer)
  if (page.BroadcastChannel === undefined) page.localStorage.setItem(keyOf(answer.state), text)
  else {
    const channel = new page.BroadcastChannel(name)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
    channel.postMessage(text)
    channel.close()
  }
  return true
}
