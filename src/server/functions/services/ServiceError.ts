/** Errors of third-party services, and their settings. */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Service } from "../../model/Service.ts"

/** An action of a service failed, or is not allowed or not supported. The message has no secret. */
export class ServiceError extends Schema.TaggedError<ServiceError>(
  "effect-app-services/server/functions/services/ServiceError"
)("ServiceError", { message: Schema.String }) {}

export const failed = (message: string): ServiceError => new ServiceError({ message })

/** A text setting. */
export const textOf = ({ config }: Service, key: string): string | undefined => {
  const value = config[key]
  return typeof value === "string" && value !== "" ? value : undefined
}

/** A secret, or the setting of the same name, which older exports have in plain text. */
export const secretOf = (service: Service, key: string): Redacted.Redacted<unknown> | undefined =>
  service.secrets.get(key) ?? (key in service.config ? Redacted.make(service.config[key]) : undefined)

/** A secret that is a text. */
export const secretTextOf = (service: Service, key: string): Redacted.Redacted | undefined => {
  const secret = secretOf(service, key)
  const text: unknown = secret === undefined ? undefined : Redacted.value(secret)
  return typeof text === "string" && text !== "" ? Redacted.make(text) : undefined
}

/** The error of a setting without which no action works. */
export const missing = ({ name }: Service, key: string): ServiceError =>
  failed(`the service "${name}" has no "${key}": the report at the start names what to supply`)

/** The address in place of the service's own, for tests and compatible servers. */
export const endpointOf = (service: Service, otherwise: string): string =>
  (textOf(service, "endpoint") ?? otherwise).replace(/\/+$/, "")
