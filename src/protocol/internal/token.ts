/**
 * Access and refresh tokens: JSON Web Tokens. A client reads the claims of an access token without verifying them; the server
 * verifies them.
 */
import * as Base64Url from "effect/encoding/Base64Url"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** Whether a text can be sent as a bearer token: it is not empty and consists of visible ASCII characters. */
export const isTokenText = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/** A token, `Redacted`, as a host sends it and a token store keeps it. */
export const TokenText = Schema.RedactedFromValue(
  Schema.String.check(Schema.makeFilter(isTokenText, { expected: "a token of visible ASCII characters" }))
)

/** The device id that means "no device recorded". */
export const noDeviceId = "000000000000000000000000"

/** The claims of an access token that clients use. `iat` and `exp` are seconds since the epoch by the host's clock. */
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
  /** Custom user data, as Extended JSON. */
  user_data: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})

/** The claims of an access token that clients use. */
export type AccessTokenClaims = typeof AccessTokenClaims.Type

/** A token could not be read. `message` says why, without the token itself. */
export class TokenError extends Schema.TaggedError<TokenError>()("TokenError", { message: Schema.String }) {}

const decodeAccessClaims = Schema.decodeUnknownEffect(Schema.fromJsonString(AccessTokenClaims))
const utf8 = new TextDecoder()

/** The text of a token's payload, decoded from either base64 alphabet. */
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

/** Reads the claims of an access token without verifying its signature. Fails with `TokenError`. */
export const accessTokenClaims = (token: Redacted.Redacted): Effect.Effect<AccessTokenClaims, TokenError> =>
  Effect.fromResult(payload(Redacted.value(token))).pipe(
    Effect.flatMap(decodeAccessClaims),
    Effect.mapError((error) =>
      error._tag === "TokenError"
        ? error
        : new TokenError({ message: 'a token\'s payload must be JSON with whole numbers "iat" and "exp"' })
    )
  )
