/**
 * The claims of refresh tokens, which a server issues and verifies; clients do not read them.
 */
import * as Schema from "effect/Schema"

const TokenIdentity = Schema.Struct({ id: Schema.String, provider_type: Schema.String, provider_id: Schema.String })

/** The claims of a refresh token. `baas_id` is the id of the session, which its access tokens carry as `iss`. */
export const RefreshTokenClaims = Schema.Struct({
  sub: Schema.String,
  iat: Schema.Int,
  exp: Schema.Int,
  typ: Schema.Literal("refresh"),
  baas_id: Schema.String,
  stitch_id: Schema.String,
  baas_identity: TokenIdentity,
  stitch_ident: TokenIdentity,
  baas_device_id: Schema.String,
  stitch_devId: Schema.String,
  baas_domain_id: Schema.String,
  stitch_domainId: Schema.String,
  baas_data: Schema.Null,
  stitch_data: Schema.Null
})

/** The claims of a refresh token. */
export type RefreshTokenClaims = typeof RefreshTokenClaims.Type
