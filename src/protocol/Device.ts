/**
 * The description of a client's device in a login, and the id that a host gives the device.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * The id that means "no device recorded".
 *
 * @category constants
 * @since 0.1.0
 */
export const noDeviceId = "000000000000000000000000"

/**
 * A device id; clients send it as hex text or as an Extended JSON `$oid`.
 *
 * @category schemas
 * @since 0.1.0
 */
const DeviceId = Schema.Union([Schema.String, Schema.Struct({ $oid: Schema.String })]).pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (id: string | { readonly $oid: string }) => (typeof id === "string" ? id : id.$oid),
      encode: (id: string): string | { readonly $oid: string } => ({ $oid: id })
    })
  )
)

/**
 * Device information: `options.device` of a login. All fields are optional; unknown ones are ignored.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DeviceInformation = Schema.Struct({
  deviceId: Schema.optional(DeviceId),
  appId: Schema.optional(Schema.String),
  appVersion: Schema.optional(Schema.String),
  platform: Schema.optional(Schema.String),
  platformVersion: Schema.optional(Schema.String),
  sdk: Schema.optional(Schema.String),
  sdkVersion: Schema.optional(Schema.String)
})

/**
 * Device information.
 *
 * @category models
 * @since 0.1.0
 */
export type DeviceInformation = typeof DeviceInformation.Type

/**
 * The part of a login body that every provider shares.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LoginOptions = Schema.Struct({
  options: Schema.optional(Schema.Struct({ device: Schema.optional(DeviceInformation) }))
})
