/**
 * Schemas of the answers of a host, tolerant of real ones: unknown fields are ignored, and fields that known hosts leave out
 * are optional.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { TokenText } from "./token.ts"

/**
 * The answer to the location request. Clients send every other request to `hostname`; an empty one means the base URL.
 */
export const Location = Schema.Struct({
  hostname: Schema.String,
  ws_hostname: Schema.optional(Schema.String),
  location: Schema.optional(Schema.String),
  deployment_model: Schema.optional(Schema.String)
})

/** The answer to the location request. */
export type Location = typeof Location.Type

/** The answer to a login. */
export const LoggedIn = Schema.Struct({
  access_token: TokenText,
  refresh_token: TokenText,
  user_id: Schema.NonEmptyString,
  device_id: Schema.optional(Schema.NullOr(Schema.String))
})

/** The answer to a link: a new access token for the same user and session. */
export const Linked = Schema.Struct({ access_token: TokenText, user_id: Schema.NonEmptyString })

/** The answer to a session refresh. The refresh token stays the same for the life of a session. */
export const Refreshed = Schema.Struct({ access_token: TokenText })

/** One way of logging in as a user. */
const Identity = Schema.Struct({
  id: Schema.String,
  provider_type: Schema.String,
  provider_id: Schema.optional(Schema.String),
  provider_data: Schema.optional(Schema.Record(Schema.String, Schema.Unknown))
})

/** The answer to a profile request. Some hosts leave `identities`, `data` or `type` out. */
export const ProfileAnswer = Schema.Struct({
  user_id: Schema.optional(Schema.String),
  domain_id: Schema.optional(Schema.String),
  identities: Schema.NullOr(Schema.Array(Identity)).pipe(Schema.withDecodingDefault(Effect.succeed([]))),
  data: Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)).pipe(
    Schema.withDecodingDefault(Effect.succeed({}))
  ),
  type: Schema.optional(Schema.String)
})

/** An object id as hex text; some hosts write it as Extended JSON. */
const ObjectIdText = Schema.Union([Schema.String, Schema.Struct({ $oid: Schema.String })]).pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (id: string | { readonly $oid: string }) => (typeof id === "string" ? id : id.$oid),
      encode: (id: string): string | { readonly $oid: string } => id
    })
  )
)

/** An API key. `key` is present only in the answer to its creation. */
export const ApiKey = Schema.Struct({
  _id: ObjectIdText,
  name: Schema.String,
  disabled: Schema.Boolean,
  key: Schema.optional(Schema.RedactedFromValue(Schema.String))
})
