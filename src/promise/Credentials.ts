/**
 * The credentials of the entry point for promises, with the constructors of `realm-web` 2.
 *
 * @since 0.1.0
 */
import type { ProviderType } from "../protocol/Provider.ts"

type Payload = Record<string, unknown>

/** What the host returns to a page with, instead of a token. */
type Redirect = { redirectUrl: string }

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

  /** Credentials of any provider. The constructors below are shorter. */
  constructor(providerName: string, providerType: ProviderType, reuse: boolean, payload: PayloadType) {
    this.providerName = providerName
    this.providerType = providerType
    this.reuse = reuse
    this.payload = payload
  }

  /** An anonymous user: by default the one that is logged in, or else a new one. */
  static anonymous(reuse = true): Credentials<Record<string, never>> {
    return new Credentials("anon-user", "anon-user", reuse, {})
  }

  /** An API key of a user, or a server key of the application. */
  static apiKey(key: string): Credentials<{ key: string }> {
    return make("api-key", { key })
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
    return make("local-userpass", { username: email, password })
  }

  /** The payload of the application's authentication function. */
  static function<PayloadType extends Payload = Payload>(payload: PayloadType): Credentials<PayloadType> {
    return make("custom-function", payload)
  }

  /** A JSON Web Token of an external identity provider. */
  static jwt(token: string): Credentials<{ token: string }> {
    return make("custom-token", { token })
  }

  /** A Google account: by authorization code or id token, or through a window that returns to `redirectUrl`. */
  static google<PayloadType extends Redirect | { authCode: string } | { id_token: string }>(
    credential: { authCode: string } | { idToken: string } | Redirect
  ): Credentials<PayloadType> {
    const [entry = ["", ""], ...more] = Object.entries(credential)
    const [name, value] = entry
    if (more.length > 0 || !/^(authCode|idToken|redirectUrl)$/.test(name)) {
      throw new Error("Expected only one property in payload: authCode, idToken or redirectUrl")
    }
    return make("oauth2-google", { [name === "idToken" ? "id_token" : name]: value })
  }

  /** A Facebook account, by access token, or through a window that returns to a URL. */
  static facebook<PayloadType extends Redirect | { accessToken: string }>(
    redirectUrlOrAccessToken: string
  ): Credentials<PayloadType> {
    return oauth("oauth2-facebook", "accessToken", redirectUrlOrAccessToken)
  }

  /** An Apple account, by id token, or through a window that returns to a URL. */
  static apple<PayloadType extends Redirect | { id_token: string }>(
    redirectUrlOrIdToken: string
  ): Credentials<PayloadType> {
    return oauth("oauth2-apple", "id_token", redirectUrlOrIdToken)
  }
}

const make = <PayloadType extends Payload>(providerType: ProviderType, payload: Payload): Credentials<PayloadType> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the constructors above say what they put in
  new Credentials(providerType, providerType, false, payload as PayloadType)

const oauth = <PayloadType extends Payload>(providerType: ProviderType, name: string, text: string) =>
  make<PayloadType>(providerType, { [text.includes("://") ? "redirectUrl" : name]: text })
