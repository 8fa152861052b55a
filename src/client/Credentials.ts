/**
 * What a user logs in with: one constructor for each provider of the protocol.
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
 * A secret as a caller may have it; it is `Redacted` from here on.
 *
 * @category models
 * @since 0.1.0
 */
export type Secret = string | Redacted.Redacted

/**
 * @category models
 * @since 0.1.0
 */
export interface Credentials {
  readonly providerType: ProviderType
  /** The body of the login, which may hold secrets anywhere. */
  readonly payload: Redacted.Redacted<Readonly<Record<string, unknown>>>
  /** The secrets of the payload, by themselves. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Whether a logged-in anonymous user will do. */
  readonly reuse?: boolean | undefined
}

/** @internal */
export const redacted = (secret: Secret): Redacted.Redacted =>
  typeof secret === "string" ? Redacted.make(secret) : secret

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
 * An anonymous user: a new one, or with `reuse` the anonymous user that is logged in already, if there is one. (Realm
 * reuses unless told otherwise, which a backend that acts for many users could not want.)
 *
 * @category constructors
 * @since 0.1.0
 */
export const anonymous = (options: { readonly reuse?: boolean | undefined } = {}): Credentials => ({
  ...make("anon-user", {}),
  reuse: options.reuse ?? false
})

/**
 * An account registered with `EmailPasswordApi`. E-mails are case-sensitive.
 *
 * @category constructors
 * @since 0.1.0
 */
export const emailPassword = (account: { readonly email: string; readonly password: Secret }): Credentials =>
  make("local-userpass", { username: account.email }, { password: account.password })

/**
 * A user's or a server's API key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apiKey = (key: Secret): Credentials => make("api-key", {}, { key })

/**
 * A JSON Web Token of an external identity provider (custom JWT authentication).
 *
 * @category constructors
 * @since 0.1.0
 */
export const jwt = (token: Secret): Credentials => make("custom-token", {}, { token })

const function_ = (payload: Readonly<Record<string, unknown>>): Credentials => ({
  ...make("custom-function", payload),
  // a custom function decides what its payload means: any value may be a secret
  secrets: leavesOf(payload)
})

export {
  /**
   * Whatever the application's authentication function expects. The key `options` belongs to the SDK.
   *
   * Every text and number in the payload, however deep, counts as a secret: errors show `<redacted>` in its place.
   *
   * @category constructors
   * @since 0.1.0
   */
  function_ as function
}

/**
 * A Google account, by authorization code or OpenID Connect id token.
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
 * A Facebook account, by access token.
 *
 * @category constructors
 * @since 0.1.0
 */
export const facebook = (accessToken: Secret): Credentials => make("oauth2-facebook", {}, { accessToken })

/**
 * An Apple account, by id token.
 *
 * @category constructors
 * @since 0.1.0
 */
export const apple = (idToken: Secret): Credentials => make("oauth2-apple", {}, { id_token: idToken })
