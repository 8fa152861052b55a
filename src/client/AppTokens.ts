/**
 * The part of a token store that belongs to one application.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { StoredUser } from "./StoredUser.ts"
import type { TokenStoreError } from "./TokenStoreError.ts"
import type { UserEventPayload } from "./UserEvents.ts"

/**
 * The users of one application.
 *
 * @category models
 * @since 0.1.0
 */
export interface AppTokens {
  readonly get: (userId: string) => Effect.Effect<Option.Option<StoredUser>, TokenStoreError>
  /**
   * Replaces a user by what `change` makes of the present one, atomically: no other change of that user happens in
   * between. `none` removes the user; a user that was not there becomes the most recent one. `change` may be run more
   * than once.
   */
  readonly modify: <A>(
    userId: string,
    change: (current: Option.Option<StoredUser>) => readonly [result: A, next: Option.Option<StoredUser>],
    options?: {
      /** Makes the user the most recent one. */
      readonly promote?: boolean | undefined
      /** What other processes that share the store are told of the change. */
      readonly announce?: ((result: A) => ReadonlyArray<UserEventPayload>) | undefined
    }
  ) => Effect.Effect<A, TokenStoreError>
  /** All users, most recent first. */
  readonly userIds: Effect.Effect<ReadonlyArray<string>, TokenStoreError>
  /** The id that the host gave this device. */
  readonly deviceId: Effect.Effect<Option.Option<string>, TokenStoreError>
  readonly setDeviceId: (deviceId: string) => Effect.Effect<void, TokenStoreError>
  /** Absent where one process has the store for itself. */
  readonly shared?: SharedUsers | undefined
}

/**
 * What processes that share a store do together.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedUsers {
  /** The user as the store has it now, whatever this process remembers. */
  readonly latest: (userId: string) => Effect.Effect<Option.Option<StoredUser>, TokenStoreError>
  /**
   * Has one process at a time do some work for a user: looks whether it is done already and, when it is not, does it or
   * waits for whoever does. A process that dies at it makes the others wait until its lease is over.
   */
  readonly exclusively: <A, B, E>(
    userId: string,
    look: Effect.Effect<Result.Result<A, B>, E>,
    work: (seen: B) => Effect.Effect<A, E>
  ) => Effect.Effect<A, E | TokenStoreError>
  /**
   * Hears what other processes change until the scope closes, and begins anew where touch was lost. Succeeds as soon as it
   * listens, or has found that the store is away.
   */
  readonly listen: (hear: (change: SharedChange) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * A change of a user that another process made.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedChange {
  readonly userId: string
  readonly events: ReadonlyArray<UserEventPayload>
}
