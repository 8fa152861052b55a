/**
 * What happens to users, as a stream and to plain callbacks.
 *
 * An event is published after the token store was written, so whoever hears it finds the store as the event says.
 * Publishing waits for nobody: a subscriber that falls more than 256 of its events behind misses the oldest; whoever
 * hears of all users sees it by the gap in `sequence`.
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
 * What happened, without when.
 *
 * @category models
 * @since 0.1.0
 */
export type UserEventPayload =
  | { readonly _tag: "LoggedIn"; readonly providerType: ProviderType }
  /** The user was made the current one. */
  | { readonly _tag: "Switched" }
  /** A new access token is being fetched. */
  | { readonly _tag: "RefreshStarted" }
  | { readonly _tag: "TokenRefreshed" }
  /** The refresh did not succeed for a reason that may pass; the session goes on. */
  | { readonly _tag: "RefreshFailed"; readonly error: AppServicesError }
  /** The new access token holds other custom data than the one before. */
  | { readonly _tag: "CustomDataChanged" }
  /** The user can log in with one more credential. */
  | { readonly _tag: "IdentityLinked"; readonly providerType: ProviderType }
  | { readonly _tag: "ProfileChanged"; readonly profile: StoredProfile }
  | { readonly _tag: "LoggedOut" }
  /** The host ended the session: its refresh token was refused. */
  | { readonly _tag: "SessionExpired"; readonly error: AppServicesError }
  /** The token store has forgotten the user. */
  | { readonly _tag: "Removed" }

/**
 * Something that happened to a user.
 *
 * @category models
 * @since 0.1.0
 */
export type UserEvent = UserEventPayload & {
  readonly userId: string
  /** Counts the events of the application in this process, from 1. */
  readonly sequence: number
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number
}

/**
 * A plain callback. What it throws, or rejects with, is logged and disturbs nobody else.
 *
 * @category models
 * @since 0.1.0
 */
export type Listener = (event: UserEvent) => unknown

/**
 * @category services
 * @since 0.1.0
 */
export class UserEvents extends Context.Service<
  UserEvents,
  {
    /** Tells everybody. */
    publish(userId: string, event: UserEventPayload): Effect.Effect<void>
    /** The events of one user, or of all, from the moment the effect ran. */
    subscribe(userId: string | undefined): Effect.Effect<Stream.Stream<UserEvent>, never, Scope.Scope>
    /** The events of one user, or of all, from the moment the stream runs. */
    stream(userId: string | undefined): Stream.Stream<UserEvent>
    /** Adds a callback for the events of one user, or of all; one that is there already stays there once. */
    addListener(userId: string | undefined, listener: Listener): void
    removeListener(userId: string | undefined, listener: Listener): void
    removeAllListeners(userId: string | undefined): void
  }
>()("effect-app-services/client/UserEvents") {
  static readonly layer: Layer.Layer<UserEvents> = Layer.effect(
    this,
    Effect.suspend(() => make)
  )
}

const capacity = 256

const make = Effect.gen(function* () {
  const subscribers = new Map<Queue.Queue<UserEvent, Cause.Done>, string | undefined>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const queue of subscribers.keys()) Queue.endUnsafe(queue)
    })
  )
  const listeners = new Map<string | undefined, Set<Listener>>()
  const waiting: Array<UserEvent> = []
  let delivering = false
  let sequence = 0

  const tell = (event: UserEvent, report: (cause: unknown) => void) => {
    for (const key of [event.userId, undefined]) {
      for (const listener of Array.from(listeners.get(key) ?? [])) {
        // it may have been removed by one that was called before it
        if (listeners.get(key)?.has(listener) !== true) continue
        try {
          Promise.resolve(listener(event)).catch(report)
        } catch (cause) {
          report(cause)
        }
      }
    }
  }

  /** A listener may cause events itself: those wait until everybody has heard the present one. */
  const deliver = (event: UserEvent, report: (cause: unknown) => void) => {
    if (listeners.size === 0) return
    waiting.push(event)
    if (delivering) return
    delivering = true
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) tell(next, report)
    delivering = false
  }

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

  return UserEvents.of({
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
    }),
    addListener: (userId, listener) => {
      const present = listeners.get(userId)
      if (present === undefined) listeners.set(userId, new Set([listener]))
      else present.add(listener)
    },
    removeListener: (userId, listener) => {
      const present = listeners.get(userId)
      if (present?.delete(listener) === true && present.size === 0) listeners.delete(userId)
    },
    removeAllListeners: (userId) => {
      listeners.delete(userId)
    }
  })
})
