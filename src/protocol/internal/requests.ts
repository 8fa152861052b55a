/**
 * Schemas of the bodies of requests, as a server reads them.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const Secret = Schema.RedactedFromValue(Schema.String)

/** Body of an email/password login. Emails travel as `username`. */
export const EmailPasswordPayload = Schema.Struct({ username: Schema.String, password: Secret })

/** Body of an API key login, for user keys and server keys alike. */
export const ApiKeyPayload = Schema.Struct({ key: Secret })

/** Body of a custom JWT login. */
export const CustomTokenPayload = Schema.Struct({ token: Secret })

/** Body of a registration. Here the email is called `email`. */
export const RegisterPayload = Schema.Struct({ email: Schema.String, password: Secret })

/** The body of a function call. `arguments` is Extended JSON. */
export const FunctionCall = Schema.Struct({
  name: Schema.String,
  arguments: Schema.optional(Schema.Array(Schema.Unknown)),
  service: Schema.optional(Schema.String)
})

/** A device id; clients send it as hex text or as an Extended JSON `$oid`. */
const DeviceId = Schema.Union([Schema.String, Schema.Struct({ $oid: Schema.String })]).pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (id: string | { readonly $oid: string }) => (typeof id === "string" ? id : id.$oid),
      encode: (id: string): string | { readonly $oid: string } => ({ $oid: id })
    })
  )
)

/** Device information: `options.device` of a login. All fields are optional; unknown ones are ignored. */
export const DeviceInformation = Schema.Struct({
  deviceId: Schema.optional(DeviceId),
  appId: Schema.optional(Schema.String),
  appVersion: Schema.optional(Schema.String),
  platform: Schema.optional(Schema.String),
  platformVersion: Schema.optional(Schema.String),
  sdk: Schema.optional(Schema.String),
  sdkVersion: Schema.optional(Schema.String)
})

/** Device information. */
export type DeviceInformation = typeof DeviceInformation.Type

/** The part of a login body that every provider shares. */
export const LoginOptions = Schema.Struct({
  options: Schema.optional(Schema.Struct({ device: Schema.optional(DeviceInformation) }))
})
