/** Events of users' accounts, for the triggers of their application. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import type { AuthenticationOperation } from "../model/Trigger.ts"
import type { User } from "./UserStore.ts"

/** An event. */
export interface AuthEvent {
  readonly appId: string
  readonly operation: AuthenticationOperation
  /** The provider of the login; of a deleted user, the providers of all identities. */
  readonly providers: ReadonlyArray<string>
  readonly user: User
  /** In milliseconds since the epoch. */
  readonly time: number
}

interface Service {
  /** Tells about an event. It does not wait for anything that follows from it. */
  readonly publish: (event: Omit<AuthEvent, "time">) => Effect.Effect<void>
  /** The events from now on. */
  readonly subscribe: Effect.Effect<PubSub.Subscription<AuthEvent>, never, Scope.Scope>
}

/** Distributes the events of users' accounts. */
export class AuthEvents extends Context.Service<AuthEvents, Service>()("effect-app-services/server/users/AuthEvents") {
  static readonly layer: Layer.Layer<AuthEvents> = Layer.effect(
    AuthEvents,
    Effect.map(PubSub.unbounded<AuthEvent>(), (events) =>
      AuthEvents.of({
        publish: (event) =>
          Effect.flatMap(Clock.currentTimeMillis, (time) => Effect.asVoid(PubSub.publish(events, { ...event, time }))),
        subscribe: PubSub.subscribe(events)
      })
    )
  )
}

/** The event of a user who was deleted. */
export const deletionOf = (appId: string, user: User): Omit<AuthEvent, "time"> => ({
  appId,
  operation: "DELETE",
  providers: user.identities.map(({ providerType }) => providerType),
  user
})
