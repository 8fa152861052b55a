/**
 * Registers a user's device for push messages.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { path, routes } from "../protocol/Routes.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import { redacted } from "./Credentials.ts"
import type { Secret } from "./Credentials.ts"
import { checkSegment } from "./internal/segments.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * One user and one push service of the application.
 *
 * @category models
 * @since 0.1.0
 */
export interface PushClient {
  /** Registers the token the messaging service gave this device. Registering again does no harm. */
  register(registrationToken: Secret): Effect.Effect<void, AppServicesError>
  /** Takes the registration back. Doing so again does no harm. */
  readonly deregister: Effect.Effect<void, AppServicesError>
}

/**
 * @category services
 * @since 0.1.0
 */
export class PushApi extends Context.Service<
  PushApi,
  {
    /** A push service of the application, such as `gcm`, for a user. */
    of(userId: string, serviceName: string): PushClient
  }
>()("effect-app-services/client/PushApi") {
  static readonly layer: Layer.Layer<PushApi, never, ProtocolClient | Sessions> = Layer.effect(
    this,
    Effect.gen(function* () {
      const client = yield* ProtocolClient
      const sessions = yield* Sessions
      const send = (
        userId: string,
        service: string,
        name: string,
        method: "PUT" | "DELETE",
        registrationToken?: Redacted.Redacted
      ) =>
        Effect.gen(function* () {
          yield* checkSegment(name, "the push service", service)
          const body =
            registrationToken === undefined
              ? undefined
              : Redacted.make(yield* Effect.orDie(encodeRegistration({ registrationToken })))
          yield* sessions.authorized(name, userId, (token) =>
            client.execute({
              operation: { name, kind: "general" },
              method,
              path: path(routes.pushRegistration, { appId: client.appId, service }),
              token,
              body,
              secrets: registrationToken === undefined ? [] : [registrationToken],
              idempotent: true
            })
          )
        }).pipe(Effect.withSpan(name))
      return {
        of: (userId, service) => ({
          register: (token) => send(userId, service, "PushApi.register", "PUT", redacted(token)),
          deregister: send(userId, service, "PushApi.deregister", "DELETE")
        })
      }
    })
  )
}

const encodeRegistration = Schema.encodeEffect(
  Schema.fromJsonString(Schema.Struct({ registrationToken: Schema.RedactedFromValue(Schema.String) }))
)
