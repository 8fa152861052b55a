import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SharedTokenRecords } from "../TokenRecords.ts"
import type { AppTokens, StoredUser } from "../TokenStore.ts"
import * as SharedCache from "./sharedCache.ts"
import * as SharedChanges from "./sharedChanges.ts"
import * as SharedLease from "./sharedLease.ts"

/**
 * The users of an application whose records several processes share: `tokens`, which asks the store each time, behind the
 * cache, with the lease and the notices of other processes.
 *
 * @internal
 */
export const make = (records: SharedTokenRecords, appId: string, tokens: AppTokens, scope: Scope.Scope): AppTokens => {
  const cache = Effect.runSync(Effect.provideService(SharedCache.make(records.maxAge), Scope.Scope, scope))
  const lease = SharedLease.make(records, appId, scope)
  /** Users whose last write by this process has an unknown outcome: its notice, if there is one, is heard as another's. */
  const uncertain = new Set<string>()
  const latest: AppTokens["get"] = (userId) => cache.caching(userId, tokens.get(userId), (user) => user)

  const modify: AppTokens["modify"] = (userId, change, options) => {
    const modified = tokens.modify(
      userId,
      (current) => {
        const [result, next] = change(current)
        return [{ result, next }, next]
      },
      { ...options, announce: ({ result }) => options?.announce?.(result) ?? [] }
    )
    return cache
      .caching(userId, modified, ({ next }) => next)
      .pipe(
        Effect.tapError(() =>
          Effect.sync(() => {
            uncertain.add(userId)
            cache.markStale(userId)
          })
        ),
        Effect.map(({ result }) => {
          uncertain.delete(userId)
          return result
        })
      )
  }

  /** The changes that other processes make, from the moment the effect succeeds. */
  const changes = Effect.map(records.notices(appId), (notices) => {
    cache.markAllStale()
    return notices.pipe(
      Stream.map(({ id, note }) => ({ id, ...SharedChanges.decode(note) })),
      Stream.filter(({ id, process }) => process !== records.process || uncertain.delete(id)),
      Stream.tap(({ id }) => {
        cache.invalidate(id)
        return lease.wake(id)
      }),
      // the cache is invalidated at once, however slow the listeners are
      Stream.buffer({ capacity: "unbounded" }),
      Stream.mapEffect(
        Effect.fnUntraced(function* ({ events, id }) {
          const reads = events.some(({ _tag }) => _tag === "ProfileChanged")
          const user = reads ? yield* Effect.orElseSucceed(latest(id), Option.none<StoredUser>) : Option.none()
          return { userId: id, events: events.flatMap((event) => SharedChanges.toEvent(event, user)) }
        })
      ),
      Stream.ensuring(Effect.sync(cache.markAllStale))
    )
  })

  return {
    ...tokens,
    get: (userId) => cache.get(userId, tokens.get(userId)),
    modify,
    shared: {
      latest,
      exclusively: lease.exclusively,
      listen: (hear) => SharedChanges.listen(changes, hear)
    }
  }
}
