/**
 * Access and refresh tokens: JSON Web Tokens whose claims a client may read. A client never verifies them; the server's
 * signature check is its own.
 *
 * @since 0.1.0
 */
import * as Base64Url from "effect/encoding/Base64Url"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * Whether a text can stand in the header that carries a token: visible ASCII, and some of it.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTokenText = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/**
 * A token as a host answers it, and as a store keeps it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TokenText = Schema.RedactedFromValue(
  Schema.String.check(Schema.makeFilter(isTokenText, { expected: "a token of visible ASCII characters" }))
)

/**
 * Claims of an access token that clients use. Times are seconds since the epoch by the host's clock.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AccessTokenClaims = Schema.Struct({
  sub: Schema.optional(Schema.String),
  iat: Schema.Int,
  exp: Schema.Int,
  iss: Schema.optional(Schema.String),
  typ: Schema.optional(Schema.String),
  baas_device_id: Schema.optional(Schema.String),
  stitch_devId: Schema.optional(Schema.String),
  baas_domain_id: Schema.optional(Schema.String),
  stitch_domainId: Schema.optional(Schema.String),
  /** Custom user data, Extended JSON. */
  user_data: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

/**
 * @category models
 * @since 0.1.0
 */
export type AccessTokenClaims = typeof AccessTokenClaims.Type

const TokenIdentity = Schema.Struct({ id: Schema.String, provider_type: Schema.String, provider_id: Schema.String })

/**
 * Claims of a refresh token. `baas_id` is the session's id, which the access tokens of the session carry as `iss`.
 *
 * @category schemas
 * @since 0.1.0
 */
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

/**
 * @category models
 * @since 0.1.0
 */
export type RefreshTokenClaims = typeof RefreshTokenClaims.Type

/**
 * Why a token could not be read. Never holds the token.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenError extends Schema.TaggedError<TokenError>()("TokenError", { message: Schema.String }) {}

const decodeAccessClaims = Schema.decodeUnknownEffect(Schema.fromJsonString(AccessTokenClaims))
const utf8 = new TextDecoder()

/**
 * The text of a token's payload. Both base64 alphabets occur.
 *
 * @category decoding
 * @since 0.1.0
 */
const payload = (token: string): Result.Result<string, TokenError> => {
  const parts = token.split(".")
  const middle = parts[1]
  if (parts.length !== 3 || middle === undefined)
    return Result.fail(new TokenError({ message: "a token must have three parts" }))
  const bytes = Base64Url.decode(middle.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""))
  return Result.isSuccess(bytes)
    ? Result.succeed(utf8.decode(bytes.success))
    : Result.fail(new TokenError({ message: "a token's payload must be base64url" }))
}

/**
 * The claims of an access token, unverified.
 *
 * @category decoding
 * @since 0.1.0
 */
export const accessTokenClaims = (token: Redacted.Redacted): Effect.Effect<AccessTokenClaims, TokenError> =>
  Effect.fromResult(payload(Redacted.value(token))).pipe(
    Effect.flatMap(decodeAccessClaims),
    Effect.mapError((error) =>
      error._tag === "TokenError"
        ? error
        : new TokenError({ message: 'a token\'s payload must be JSON with whole numbers "iat" and "exp"' })
    )
  )
