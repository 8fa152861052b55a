/**
 * Registers a user's device for push messages.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { routes } from "../protocol/internal/routes.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import { redacted } from "./Credentials.ts"
import type { Secret } from "./Credentials.ts"
import * as Requests from "./internal/requests.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * A push service of the application, as one user reaches it. The user has to be logged in: both members fail with
 * `NotLoggedIn` or `SessionExpired` otherwise, and with `RequestRejected` where the application has no such service.
 *
 * @category models
 * @since 0.1.0
 */
export interface PushClient {
  /** Registers the token that the messaging service gave this device. Idempotent. */
  readonly register: (registrationToken: Secret) => Effect.Effect<void, AppServicesError>
  /** Removes the registration. Idempotent. */
  readonly deregister: Effect.Effect<void, AppServicesError>
}

/**
 * The shape of {@link PushApi}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** A push service of the application, such as `gcm`, for a user. */
  readonly client: (userId: string, serviceName: string) => PushClient
}

/**
 * Registers devices for push messages. `user.push("gcm")` is the same, bound to one user.
 *
 * @category services
 * @since 0.1.0
 */
export class PushApi extends Context.Service<PushApi, Service>()("effect-app-services/client/PushApi") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient | Sessions> = Effect.gen(function* () {
    const client = yield* ProtocolClient
    const { asUser } = Requests.make(client, yield* Sessions)

    const send = (
      userId: string,
      service: string,
      name: string,
      request: Pick<Requests.Request<string, void>, "method" | "body" | "secretFields">
    ) =>
      asUser(userId, {
        ...request,
        operation: { name, kind: "general" },
        route: routes.pushRegistration,
        parameters: { appId: client.appId, service },
        idempotent: true,
        decode: Requests.ignoreAnswer
      }).pipe(Effect.withSpan(name))

    return {
      client: (userId, service) => ({
        register: (token) =>
          send(userId, service, "PushApi.register", {
            method: "PUT",
            body: {},
            secretFields: { registrationToken: redacted(token) }
          }),
        deregister: send(userId, service, "PushApi.deregister", { method: "DELETE" })
      })
    }
  })

  /** The service over the wire client and the sessions. */
  static readonly layer: Layer.Layer<PushApi, never, ProtocolClient | Sessions> = Layer.effect(this, this.make)
}
