/**
 * Logins with Google, Facebook and Apple in a page, and links of these accounts to a user: in a window of its own, or by leaving
 * the page and coming back.
 *
 * The host redirects to the provider and back to `redirectUrl`, with the login in the fragment of the address. A random state
 * ties the answer to the login that asked for it; the exchange with the provider, with PKCE, is the host's.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AuthApi } from "../client/AuthApi.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import { ProfileApi } from "../client/ProfileApi.ts"
import { ProtocolClient } from "../client/ProtocolClient.ts"
import { TokenStoreKey } from "../client/internal/tokenStoreKey.ts"
import { Sessions } from "../client/Sessions.ts"
import type { TokenStore } from "../client/TokenStore.ts"
import type { User } from "../client/User.ts"
import { UserEvents } from "../client/UserEvents.ts"
import * as Flow from "./internal/oauthFlow.ts"
import * as Redirect from "./internal/oauthRedirect.ts"

export { OAuthError } from "./internal/oauthFlow.ts"
export type { Login } from "./internal/oauthFlow.ts"

type Services = AuthApi | ProfileApi | ProtocolClient | Sessions | TokenStore | UserEvents

const services = Effect.gen(function* () {
  const client = yield* ProtocolClient
  const logins = {
    events: yield* UserEvents,
    profiles: yield* ProfileApi,
    sessions: yield* Sessions,
    tokens: (yield* TokenStoreKey).forApp(client.appId)
  }
  return { auth: yield* AuthApi, client, logins }
})

/**
 * Logs a user in through a window, which the page at `redirectUrl` reports to by {@link handleRedirect}. Run it in the handler
 * of a click, or the browser blocks the window. Fails with `OAuthError` where the user or the provider declines.
 *
 * @example
 * ```ts
 * import { BrowserAppServices, OAuth } from "effect-app-services/browser"
 * import { ManagedRuntime } from "effect"
 *
 * const runtime = ManagedRuntime.make(
 *   BrowserAppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" })
 * )
 * export const onClick = () =>
 *   runtime.runPromise(
 *     OAuth.logInByPopup({ provider: "oauth2-google", redirectUrl: "http://127.0.0.1:3000/signed-in" })
 *   )
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const logInByPopup = (login: Flow.Login): Effect.Effect<User, AppServicesError | Flow.OAuthError, Services> =>
  Effect.flatMap(services, ({ auth, client, logins }) =>
    Effect.flatMap(Flow.popup(client, logins, login), (id) => auth.user(id))
  )

/**
 * Leaves the page for a login. The page at `redirectUrl`, of the same origin, continues with {@link completeRedirect}. Fails with
 * `StoreUnavailable` where the browser blocks `sessionStorage`.
 *
 * @category operations
 * @since 0.1.0
 */
export const logInByRedirect = (login: Flow.Login): Effect.Effect<never, AppServicesError, Services> =>
  Effect.flatMap(services, ({ client, logins }) => Redirect.leave(client, logins, login))

/**
 * Adds an account at a provider to a user who is logged in, through a window like {@link logInByPopup}. Fails with `OAuthError`
 * where the user or the provider declines, or where the account belongs to another user.
 *
 * @category operations
 * @since 0.1.0
 */
export const linkByPopup = (
  userId: string,
  login: Flow.Login
): Effect.Effect<void, AppServicesError | Flow.OAuthError, Services> =>
  Effect.flatMap(services, ({ client, logins }) => Effect.asVoid(Flow.popup(client, logins, login, userId)))

/**
 * Leaves the page to add an account at a provider to a user who is logged in. The page at `redirectUrl`, of the same origin,
 * continues with {@link completeRedirect}.
 *
 * @category operations
 * @since 0.1.0
 */
export const linkByRedirect = (userId: string, login: Flow.Login): Effect.Effect<never, AppServicesError, Services> =>
  Effect.flatMap(services, ({ client, logins }) => Redirect.leave(client, logins, login, userId))

/**
 * Completes a login, or a link, that the page was left for; `none` where there is none. Run it when the page at `redirectUrl`
 * starts. Fails with `OAuthError` where the provider declined, and with its kind `UnexpectedState` where this tab did not begin
 * the login.
 *
 * @example
 * ```ts
 * import { BrowserAppServices, OAuth } from "effect-app-services/browser"
 * import { ManagedRuntime, Option } from "effect"
 *
 * const runtime = ManagedRuntime.make(
 *   BrowserAppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" })
 * )
 * export const onStart = async () => {
 *   const user = await runtime.runPromise(OAuth.completeRedirect)
 *   if (Option.isSome(user)) console.log(`signed in as ${user.value.id}`)
 * }
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const completeRedirect: Effect.Effect<
  Option.Option<User>,
  AppServicesError | Flow.OAuthError,
  Services
> = Effect.flatMap(services, ({ auth, logins }) =>
  Effect.flatMap(
    Redirect.complete(logins),
    Option.match({ onNone: () => Effect.succeedNone, onSome: (id) => Effect.map(auth.user(id), Option.some) })
  )
)

/**
 * Reports to the page that opened this window, which then closes it. Call it in the page at `redirectUrl`. Returns whether the
 * page was returned to by a login.
 *
 * @category operations
 * @since 0.1.0
 */
export const handleRedirect = (): boolean => Flow.handleRedirect()
