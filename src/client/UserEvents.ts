/**
 * The events of users: logins, refreshes, changes, logouts, as streams and to plain callbacks.
 *
 * Delivery is at most once, in the order of `sequence`, and only to subscribers of that moment: nothing is replayed. An event
 * is published after the token store was written, so the store already agrees with it. Publishing never blocks: each
 * subscriber has a sliding buffer of 256 events and misses the oldest ones beyond that, which a subscriber to all users
 * notices by a gap in `sequence`. Changes by other processes that share the token store arrive as the same events; some may
 * be missed while the store is unreachable.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ProviderType } from "../protocol/Provider.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import type { StoredProfile } from "./Profile.ts"

/**
 * What happened, without when and to whom.
 *
 * @category models
 * @since 0.1.0
 */
export type UserEventPayload =
  /** The user logged in with this provider, perhaps over an earlier session. */
  | { readonly _tag: "LoggedIn"; readonly providerType: ProviderType }
  /** The user was made the current one. */
  | { readonly _tag: "Switched" }
  /** A new access token is being fetched. */
  | { readonly _tag: "RefreshStarted" }
  /** A new access token was stored. */
  | { readonly _tag: "TokenRefreshed" }
  /** A refresh failed for a reason that may pass; the session goes on. */
  | { readonly _tag: "RefreshFailed"; readonly error: AppServicesError }
  /** The new access token has other custom user data than the one before. */
  | { readonly _tag: "CustomDataChanged" }
  /** The user can log in with one more credential. */
  | { readonly _tag: "IdentityLinked"; readonly providerType: ProviderType }
  /** A fetched profile differs from the stored one. */
  | { readonly _tag: "ProfileChanged"; readonly profile: StoredProfile }
  /** The user was logged out by the application, or by another process. */
  | { readonly _tag: "LoggedOut" }
  /** The host ended the session: it refused the refresh token, or disabled the user. */
  | { readonly _tag: "SessionExpired"; readonly error: AppServicesError }
  /** The user was removed from the token store. */
  | { readonly _tag: "Removed" }

/**
 * An event: what happened to which user, and when.
 *
 * @category models
 * @since 0.1.0
 */
export type UserEvent = UserEventPayload & {
  readonly userId: string
  /** The number of the event among those of all users of the application in this process, from 1. */
  readonly sequence: number
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number
}

/**
 * A plain callback. It is called synchronously, after streams have got the event. What it throws, or its promise rejects
 * with, is logged at level Error and affects no other listener.
 *
 * @category models
 * @since 0.1.0
 */
export type Listener = (event: UserEvent) => unknown

/**
 * The shape of {@link UserEvents}. `userId` is the user whose events are meant, or `undefined` for those of all users.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** Publishes an event to all subscribers and listeners. Never waits for them. */
  readonly publish: (userId: string, event: UserEventPayload) => Effect.Effect<void>
  /** Subscribes: the stream has the events from the moment the effect succeeds, until the scope closes. */
  readonly subscribe: (userId: string | undefined) => Effect.Effect<Stream.Stream<UserEvent>, never, Scope.Scope>
  /** The events from the moment the stream runs. */
  readonly stream: (userId: string | undefined) => Stream.Stream<UserEvent>
  /** Adds a callback; adding it again changes nothing. */
  readonly addListener: (userId: string | undefined, listener: Listener) => void
  /** Removes a callback, if it was added for the same `userId`. */
  readonly removeListener: (userId: string | undefined, listener: Listener) => void
  /** Removes the callbacks that were added for this `userId`. */
  readonly removeAllListeners: (userId: string | undefined) => void
}

/**
 * Publishes the events of users within this process. `user.events`, `auth.events` and their listeners are made of it.
 *
 * @see `UserState` for what a user is now, `User.states` for its changes
 *
 * @category services
 * @since 0.1.0
 */
export class UserEvents extends Context.Service<UserEvents, Service>()("effect-app-services/client/UserEvents") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, Scope.Scope> = Effect.gen(function* () {
    const subscribers = new Map<Queue.Queue<UserEvent, Cause.Done>, string | undefined>()
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const queue of subscribers.keys()) Queue.endUnsafe(queue)
      })
    )
    const { deliver, ...listeners } = makeListeners()
    let sequence = 0

    // a queue for each subscriber rather than a `PubSub` for all: 5 kB less of a browser's bundle
    const subscribe = (userId: string | undefined) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.tap(Queue.sliding<UserEvent, Cause.Done>(capacity), (queue) => {
            subscribers.set(queue, userId)
            return closed ? Queue.end(queue) : Effect.void
          }),
          (queue) => {
            subscribers.delete(queue)
            return Queue.shutdown(queue)
          }
        ),
        Stream.fromQueue
      )

    return {
      ...listeners,
      subscribe,
      stream: (userId) => Stream.unwrap(subscribe(userId)),
      publish: Effect.fnUntraced(function* (userId, payload) {
        const at = yield* Clock.currentTimeMillis
        const event: UserEvent = { ...payload, userId, at, sequence: ++sequence }
        const context = yield* Effect.context<never>()
        for (const [queue, of] of subscribers) if (of === undefined || of === userId) Queue.offerUnsafe(queue, event)
        deliver(event, (cause) => {
          Effect.runForkWith(context)(Effect.logError("a listener of user events failed", cause))
        })
      })
    }
  })

  /** The service; its streams end with the layer. */
  static readonly layer: Layer.Layer<UserEvents> = Layer.effect(this, this.make)
}

/** The buffer of a subscriber, in events. */
const capacity = 256

type Report = (cause: unknown) => void

const makeListeners = () => {
  const listeners = new Map<string | undefined, Set<Listener>>()
  const pending: Array<UserEvent> = []
  let delivering = false

  const call = (event: UserEvent, report: Report) => {
    for (const key of [event.userId, undefined]) {
      for (const listener of Array.from(listeners.get(key) ?? [])) {
        // a listener that was called before may have removed it
        if (listeners.get(key)?.has(listener) !== true) continue
        try {
          Promise.resolve(listener(event)).catch(report)
        } catch (cause) {
          report(cause)
        }
      }
    }
  }

  return {
    /** An event that a listener causes is delivered after the present one. */
    deliver: (event: UserEvent, report: Report) => {
      if (listeners.size === 0) return
      pending.push(event)
      if (delivering) return
      delivering = true
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) call(next, report)
      delivering = false
    },
    addListener: (userId: string | undefined, listener: Listener) => {
      listeners.set(userId, (listeners.get(userId) ?? new Set()).add(listener))
    },
    removeListener: (userId: string | undefined, listener: Listener) => {
      const present = listeners.get(userId)
      if (present?.delete(listener) === true && present.size === 0) listeners.delete(userId)
    },
    removeAllListeners: (userId: string | undefined) => {
      listeners.delete(userId)
    }
  }
}
