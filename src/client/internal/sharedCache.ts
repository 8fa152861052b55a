import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Lru from "../../core/lru.ts"
import type { TokenStoreError } from "../TokenRecords.ts"
import type { StoredUser } from "../TokenStore.ts"
import { monotonicMillis } from "./deadlines.ts"
import * as SingleFlight from "./singleFlight.ts"

/** How many users are cached; beyond that the least recently read one is evicted. */
const capacity = 10_000

/** For at least how many milliseconds a store that did not answer is not asked again for a user that is cached. */
const retryAfterMillis = 1_000

type Stored = Option.Option<StoredUser>

/**
 * A cache of the logged-in users of a token store that other processes write too. `sharedTokens` puts it together with the
 * lease (`sharedLease`), by which one process at a time refreshes a user, and with the notices that invalidate it
 * (`sharedChanges`).
 *
 * - An entry is answered without asking the store until it is `maxAge` old; reads of one user are deduplicated.
 * - While the store is unreachable, an entry is answered whatever its age, and one caller in a second or two retries the
 *   store in the background.
 * - A notice of another process's change drops the entry; a write whose outcome is unknown and a lost subscription make
 *   entries stale. Both also reach the reads in flight, which may have seen the store as it was before.
 *
 * @internal
 */
export interface SharedCache {
  /** The user as cached; read by `read` where there is no entry, or a stale one. */
  readonly get: (userId: string, read: Effect.Effect<Stored, TokenStoreError>) => Effect.Effect<Stored, TokenStoreError>
  /** Runs a read or a write and caches the user in its result, unless it was invalidated meanwhile. */
  readonly caching: <A>(
    userId: string,
    operation: Effect.Effect<A, TokenStoreError>,
    userOf: (result: A) => Stored
  ) => Effect.Effect<A, TokenStoreError>
  /** Drops a user that another process has changed. */
  readonly invalidate: (userId: string) => void
  /** Marks a user stale: the outcome of a write is unknown. */
  readonly markStale: (userId: string) => void
  /** Marks every user stale: notices may have been missed. */
  readonly markAllStale: () => void
}

/** @internal */
export const make = (maxAge: number): Effect.Effect<SharedCache, never, Scope.Scope> =>
  Effect.map(SingleFlight.make<Stored, TokenStoreError>(), (reads) => {
    const entries = new Map<string, { readonly user: StoredUser; freshUntil: number }>()
    const inFlight = makeInFlight()
    /** When to ask an unreachable store again; undefined while it answers. */
    let unreachableUntil: number | undefined

    const put = (userId: string, user: Stored, readAt: number) => {
      if (Option.isNone(user) || user.value.session === undefined) entries.delete(userId)
      else Lru.put(entries, userId, { user: user.value, freshUntil: readAt + maxAge }, capacity)
    }

    const caching: SharedCache["caching"] = (userId, operation, userOf) =>
      inFlight.track(userId, (isValid) =>
        Effect.flatMap(monotonicMillis, (readAt) =>
          Effect.tap(operation, (result) =>
            Effect.sync(() => {
              unreachableUntil = undefined
              put(userId, isValid() ? userOf(result) : Option.none(), readAt)
            })
          )
        )
      )

    const noteUnreachable = Effect.gen(function* () {
      unreachableUntil = (yield* monotonicMillis) + retryAfterMillis * (1 + (yield* Random.next))
    })

    return {
      get: (userId, read) =>
        Effect.flatMap(monotonicMillis, (now) => {
          const entry = entries.get(userId)
          if (entry !== undefined && now < entry.freshUntil) return Effect.succeedSome(entry.user)
          const reading = Effect.tapCause(
            caching(userId, read, (user) => user),
            () => noteUnreachable
          )
          if (entry === undefined) return reads.run(userId, reading)
          if (unreachableUntil === undefined) {
            return Effect.catch(reads.run(userId, reading), () =>
              // an invalidation that came while the store was asked counts
              entries.get(userId) === entry ? Effect.succeedSome(entry.user) : read
            )
          }
          if (now < unreachableUntil) return Effect.succeedSome(entry.user)
          // one of all callers retries
          unreachableUntil = Infinity
          return Effect.as(reads.start(userId, reading), Option.some(entry.user))
        }),
      caching,
      invalidate: (userId) => {
        entries.delete(userId)
        inFlight.invalidate(userId)
      },
      markStale: (userId) => {
        const entry = entries.get(userId)
        if (entry !== undefined) entry.freshUntil = -Infinity
        inFlight.invalidate(userId)
      },
      markAllStale: () => {
        for (const entry of entries.values()) entry.freshUntil = -Infinity
        inFlight.invalidateAll()
      }
    }
  })

/** The operations in flight, by user, and whether what they yield is still valid. */
const makeInFlight = () => {
  const byUser = new Map<string, Set<{ valid: boolean }>>()

  const end = (userId: string, operation: { valid: boolean }) => {
    const operations = byUser.get(userId)
    if (operations?.delete(operation) === true && operations.size === 0) byUser.delete(userId)
  }

  const invalidate = (userId: string) => {
    for (const operation of byUser.get(userId) ?? []) operation.valid = false
  }

  return {
    track: <A, E>(userId: string, use: (isValid: () => boolean) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        const operation = { valid: true }
        byUser.set(userId, (byUser.get(userId) ?? new Set()).add(operation))
        return Effect.ensuring(
          use(() => operation.valid),
          Effect.sync(() => end(userId, operation))
        )
      }),
    invalidate,
    invalidateAll: () => {
      for (const userId of byUser.keys()) invalidate(userId)
    }
  }
}
