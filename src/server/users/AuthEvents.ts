/**
 * Events of users' accounts that concern triggers of their application. Others are not kept.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Apps } from "../model/Apps.ts"
import type { AuthenticationTrigger } from "../model/Trigger.ts"
import { AuthEventLog, type ReadError } from "./AuthEventLog.ts"
import type { AuthEvent, User } from "./UserModels.ts"

export type { AuthEvent } from "./UserModels.ts"

/** Whether a trigger fires for an event. */
export const concerns = ({ operations, providers }: AuthenticationTrigger, event: AuthEvent): boolean =>
  operations.has(event.operation) && event.providers.some((provider) => providers.has(provider))

/** The shape of {@link AuthEvents}. */
export interface Service {
  /** The event if it concerns a trigger, to be added to the log in the commit of what it tells of. */
  readonly wanted: (appId: string, event: AuthEvent) => AuthEvent | undefined
  /** Adds an event to the log if it concerns a trigger. It does not wait for what follows from it. */
  readonly publish: (appId: string, event: AuthEvent) => Effect.Effect<void>
}

/** Keeps the events that triggers are waiting for. */
export class AuthEvents extends Context.Service<AuthEvents, Service>()("effect-app-services/server/users/AuthEvents") {
  static readonly layer: Layer.Layer<AuthEvents, ReadError, Apps | AuthEventLog> = Layer.effect(
    AuthEvents,
    Effect.gen(function* () {
      const log = yield* AuthEventLog
      const { byId } = yield* Apps
      const triggersOf = (appId: string): ReadonlyArray<AuthenticationTrigger> =>
        (byId.get(appId)?.app.triggers ?? []).filter((it): it is AuthenticationTrigger => it._tag === "Authentication")
      // a log that cannot be read is found at the start, and not by a login
      for (const appId of byId.keys()) if (triggersOf(appId).length > 0) yield* log.head(appId)
      const wanted: Service["wanted"] = (appId, event) =>
        triggersOf(appId).some((trigger) => concerns(trigger, event)) ? event : undefined
      return AuthEvents.of({
        wanted,
        publish: (appId, event) => (wanted(appId, event) === undefined ? Effect.void : log.append(appId, event))
      })
    })
  )
}

/** The event of a user who was deleted. */
export const deletionOf = (user: User): AuthEvent => ({
  operation: "DELETE",
  providers: user.identities.map(({ providerType }) => providerType),
  user
})
