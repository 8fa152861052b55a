/**
 * Authentication providers: their names on the wire, and the body of each one's login.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The eight types of authentication provider. In the client API a provider's name is its type.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ProviderType = Schema.Literals([
  "anon-user",
  "local-userpass",
  "api-key",
  "custom-function",
  "custom-token",
  "oauth2-google",
  "oauth2-facebook",
  "oauth2-apple"
])

/**
 * The type of an authentication provider, such as `"local-userpass"`.
 *
 * @category models
 * @since 0.1.0
 */
export type ProviderType = typeof ProviderType.Type

const Secret = Schema.RedactedFromValue(Schema.String)

/**
 * Body of an email/password login. Emails travel as `username`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EmailPasswordPayload = Schema.Struct({ username: Schema.String, password: Secret })

/**
 * Body of an API key login, for user keys and server keys alike.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApiKeyPayload = Schema.Struct({ key: Secret })

/**
 * Body of a custom JWT login.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CustomTokenPayload = Schema.Struct({ token: Secret })

/**
 * Body of a custom function login: the payload of the authentication function, at the top level.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CustomFunctionPayload = Schema.Record(Schema.String, Schema.Unknown)

/**
 * Body of a Google login: an authorization code, or an OpenID Connect id token.
 *
 * @category schemas
 * @since 0.1.0
 */
export const GooglePayload = Schema.Union([Schema.Struct({ authCode: Secret }), Schema.Struct({ id_token: Secret })])

/**
 * Body of a Facebook login.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FacebookPayload = Schema.Struct({ accessToken: Secret })

/**
 * Body of an Apple login.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ApplePayload = Schema.Struct({ id_token: Secret })

/**
 * Body of a registration. Here the email is called `email`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RegisterPayload = Schema.Struct({ email: Schema.String, password: Secret })
