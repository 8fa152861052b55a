/**
 * The authentication providers of the protocol.
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
