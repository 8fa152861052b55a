/**
 * The credentials of the entry point for promises, with the constructors of `realm-web` 2.
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import * as Internal from "../client/Credentials.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import type { Login } from "../web/internal/oauthFlow.ts"

type Payload = Record<string, unknown>

/**
 * What `app.logIn` and `user.linkCredentials` take.
 *
 * @category models
 * @since 0.1.0
 */
export class Credentials<PayloadType extends Payload = Payload> {
  readonly providerName: string
  readonly providerType: ProviderType
  /** Whether to reuse an anonymous user that is logged in. */
  readonly reuse: boolean
  /** The body of the login: it holds secrets. */
  readonly payload: PayloadType
  readonly #credentials: Internal.Credentials

  private constructor(payload: PayloadType, credentials: Internal.Credentials) {
    this.providerName = credentials.providerType
    this.providerType = credentials.providerType
    this.reuse = credentials.reuse ?? false
    this.payload = payload
    this.#credentials = credentials
  }

  /**
   * What the services of the SDK take.
   *
   * @internal
   */
  static toInternal(credentials: Credentials): Internal.Credentials {
    return credentials.#credentials
  }

  /**
   * The login in a window that the credentials ask for.
   *
   * @internal
   */
  static redirectOf({ payload: { redirectUrl }, providerType }: Credentials): Login | undefined {
    return providerType.startsWith("oauth2") && typeof redirectUrl === "string"
      ? { provider: providerType, redirectUrl }
      : undefined
  }

  /** An anonymous user: by default the one that is logged in, or else a new one. */
  static anonymous(reuse = true): Credentials {
    return new Credentials({}, Internal.anonymous({ reuse }))
  }

  /** An API key of a user, or a server key of the application. */
  static apiKey(key: string): Credentials<{ key: string }> {
    return new Credentials({ key }, Internal.apiKey(key))
  }

  /** An account registered with `app.emailPasswordAuth`. */
  static emailPassword(email: string, password: string): Credentials<{ username: string; password: string }>
  /** An account registered with `app.emailPasswordAuth`. */
  static emailPassword(account: {
    email: string
    password: string
  }): Credentials<{ username: string; password: string }>
  static emailPassword(emailOrAccount: string | { email: string; password: string }, secret = "") {
    const { email, password } =
      typeof emailOrAccount === "string" ? { email: emailOrAccount, password: secret } : emailOrAccount
    return new Credentials({ username: email, password }, Internal.emailPassword({ email, password }))
  }

  /** The payload of the application's authentication function. */
  static function<PayloadType extends Payload = Payload>(payload: PayloadType): Credentials<PayloadType> {
    return new Credentials(payload, Internal.function(payload))
  }

  /** A JSON Web Token of an external identity provider. */
  static jwt(token: string): Credentials<{ token: string }> {
    return new Credentials({ token }, Internal.jwt(token))
  }

  /** A Google account: by authorization code or id token, or through a window that returns to `redirectUrl`. */
  static google(credential: { authCode: string } | { idToken: string } | { redirectUrl: string }): Credentials {
    if ("redirectUrl" in credential) return Credentials.#redirected("oauth2-google", credential.redirectUrl)
    const payload = "authCode" in credential ? credential : { id_token: credential.idToken }
    return new Credentials(payload, Internal.google(credential))
  }

  /** A Facebook account, by access token, or through a window that returns to a URL. */
  static facebook(redirectUrlOrAccessToken: string): Credentials {
    return redirectUrlOrAccessToken.includes("://")
      ? Credentials.#redirected("oauth2-facebook", redirectUrlOrAccessToken)
      : new Credentials({ accessToken: redirectUrlOrAccessToken }, Internal.facebook(redirectUrlOrAccessToken))
  }

  /** An Apple account, by id token, or through a window that returns to a URL. */
  static apple(redirectUrlOrIdToken: string): Credentials {
    return redirectUrlOrIdToken.includes("://")
      ? Credentials.#redirected("oauth2-apple", redirectUrlOrIdToken)
      : new Credentials({ id_token: redirectUrlOrIdToken }, Internal.apple(redirectUrlOrIdToken))
  }

  static #redirected(providerType: ProviderType, redirectUrl: string): Credentials {
    return new Credentials({ redirectUrl }, { providerType, payload: Redacted.make({ redirectUrl }), secrets: [] })
  }
}
