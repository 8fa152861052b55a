/**
 * Credentials of a login: a constructor for each authentication provider of the protocol.
 *
 * @example
 * ```ts
 * import { Credentials } from "effect-app-services"
 * import { Redacted } from "effect"
 *
 * Credentials.anonymous()
 * Credentials.emailPassword({ email: "ada@example.com", password: Redacted.make("s3cret!") })
 * Credentials.apiKey("key")
 * Credentials.function({ username: "ada" })
 * ```
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import type { ProviderType } from "../protocol/Provider.ts"
import { leavesOf } from "./internal/leaves.ts"

/**
 * A secret, as plain text or `Redacted`. The SDK keeps it `Redacted`.
 *
 * @category models
 * @since 0.1.0
 */
export type Secret = string | Redacted.Redacted

/**
 * What `AuthApi.logIn` and `User.linkCredentials` take. Made by the constructors of this module; logs and `JSON.stringify`
 * show no secret of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Credentials {
  readonly providerType: ProviderType
  /** The body of the login; any part of it may be a secret. */
  readonly payload: Redacted.Redacted<Readonly<Record<string, unknown>>>
  /** The secrets in the payload, so that errors can leave them out. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /**
   * Whether to reuse an anonymous user that is logged in instead of creating one.
   *
   * @default false
   */
  readonly reuse?: boolean | undefined
}

/** @internal */
export const redacted = (secret: Secret): Redacted.Redacted =>
  Redacted.isRedacted(secret) ? secret : Redacted.make(secret)

const make = (
  providerType: ProviderType,
  plain: Readonly<Record<string, unknown>>,
  secrets: Readonly<Record<string, Secret>> = {}
): Credentials => {
  const hidden = Object.entries(secrets).map(([name, secret]) => [name, redacted(secret)] as const)
  return {
    providerType,
    payload: Redacted.make({
      ...plain,
      ...Object.fromEntries(hidden.map(([name, secret]) => [name, Redacted.value(secret)]))
    }),
    secrets: hidden.map(([, secret]) => secret)
  }
}

/**
 * An anonymous user: a new one, or with `reuse` the most recent anonymous user that is logged in, if there is one. Realm's
 * SDKs reuse by default; a backend that acts for many users must not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const anonymous = (options: { readonly reuse?: boolean | undefined } = {}): Credentials => ({
  ...make("anon-user", {}),
  reuse: options.reuse ?? false
})

/**
 * An account registered with `EmailPasswordApi`. E-mail addresses are case-sensitive.
 *
 * @category constructors
 * @since 0.1.0
 */
export const emailPassword = (account: { readonly email: string; readonly password: Secret }): Credentials =>
  make("local-userpass", { username: account.email }, { password: account.password })

/**
 * An API key: one of a user (`ApiKeysApi`), or a server key of the application.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apiKey = (key: Secret): Credentials => make("api-key", {}, { key })

/**
 * A JSON Web Token of an external identity provider (custom JWT authentication). The application's `custom-token` provider
 * says which issuer, keys and audience it accepts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const jwt = (token: Secret): Credentials => make("custom-token", {}, { token })

const function_ = (payload: Readonly<Record<string, unknown>>): Credentials => ({
  ...make("custom-function", payload),
  // the authentication function decides what its payload means: any value may be a secret
  secrets: leavesOf(payload)
})

export {
  /**
   * The payload of the application's authentication function (custom function authentication). The key `options` is reserved
   * for the SDK.
   *
   * Every text and number in the payload, at any depth, counts as a secret: errors show `<redacted>` in its place.
   *
   * @category constructors
   * @since 0.1.0
   */
  function_ as function
}

/**
 * A Google account, by the authorization code or the OpenID Connect id token that Google's libraries give to a page or an app.
 * The application's `oauth2-google` provider verifies it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const google = (credential: { readonly authCode: Secret } | { readonly idToken: Secret }): Credentials =>
  make(
    "oauth2-google",
    {},
    "authCode" in credential ? { authCode: credential.authCode } : { id_token: credential.idToken }
  )

/**
 * A Facebook account, by the access token of Facebook Login. The application's `oauth2-facebook` provider verifies it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const facebook = (accessToken: Secret): Credentials => make("oauth2-facebook", {}, { accessToken })

/**
 * An Apple account, by the id token of Sign in with Apple. The application's `oauth2-apple` provider verifies it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apple = (idToken: Secret): Credentials => make("oauth2-apple", {}, { id_token: idToken })
