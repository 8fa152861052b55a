import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { SharedTokenRecords, TokenStoreError } from "../TokenRecords.ts"
import type { SharedUsers } from "../TokenStore.ts"

/** The first and the longest pause between two looks at what the holder of a lease does, in milliseconds. */
const firstPause = 25
const longestPause = 200

/** When to retry the release of a lease. */
const releaseSchedule = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 7 }))

/** When to release a lease again whose request may still be on its way to the engine, on another connection. */
const lateSchedule = Schedule.exponential("200 millis", 3).pipe(Schedule.upTo({ times: 4 }))

/** Over how many milliseconds those that wait for a lease to expire spread their attempts to acquire it. */
const spread = 20

/** An attempt to do some work: its result, if there is one, and for how many milliseconds another holder has the lease. */
interface Attempt<A> {
  readonly result: Option.Option<A>
  readonly heldFor: number
}

/**
 * A lease for each user, held by one process at a time.
 *
 * @internal
 */
export interface SharedLease {
  readonly exclusively: SharedUsers["exclusively"]
  /** Wakes those that wait for another process's change of a user. */
  readonly wake: (userId: string) => Effect.Effect<void>
}

/** @internal */
export const make = (
  records: Pick<SharedTokenRecords, "acquire" | "process" | "release">,
  appId: string,
  scope: Scope.Scope
): SharedLease => {
  const waiters = makeWaiters()
  let serial = 0

  /** In the background: an engine that was unreachable may be back before the lease expires. */
  const inBackground = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.forkIn(Effect.ignore(effect), scope, { startImmediately: true })
  const released = (userId: string, holder: string) =>
    Effect.retry(records.release(appId, userId, holder), releaseSchedule)
  const releaseLater = (userId: string, holder: string) => inBackground(released(userId, holder))
  const releaseUnknown = (userId: string, holder: string) =>
    inBackground(Effect.repeat(released(userId, holder), lateSchedule))

  /** Acquires the lease and works, unless the work is done already or another holder has the lease. */
  const attempt = <A, B, E>(
    userId: string,
    look: Effect.Effect<Result.Result<A, B>, E>,
    work: (seen: B) => Effect.Effect<A, E>
  ): Effect.Effect<Attempt<A>, E | TokenStoreError> => {
    const holder = `${records.process}:${++serial}`
    return Effect.acquireUseRelease(
      // the lease may have been acquired although the engine did not say so
      Effect.tapError(records.acquire(appId, userId, holder), () => releaseUnknown(userId, holder)),
      (heldFor) =>
        Effect.flatMap(look, (seen) =>
          Result.isSuccess(seen)
            ? Effect.succeed({ result: Option.some(seen.success), heldFor })
            : heldFor > 0
              ? Effect.succeed({ result: Option.none(), heldFor })
              : Effect.map(work(seen.failure), (result) => ({ result: Option.some(result), heldFor }))
        ),
      (heldFor) =>
        heldFor > 0
          ? Effect.void
          : Effect.catch(records.release(appId, userId, holder), () => releaseLater(userId, holder))
    )
  }

  return {
    wake: waiters.wake,
    exclusively: Effect.fnUntraced(function* (userId, look, work) {
      for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
        const result = yield* waiters.withNextChange(
          userId,
          Effect.fnUntraced(function* (changed) {
            const { heldFor, result } = yield* attempt(userId, look, work)
            if (Option.isSome(result)) return result
            // the lease of a holder that died is taken over as soon as it expires
            const wait = Math.min(pause * (0.5 + (yield* Random.next)), heldFor + spread * (yield* Random.next))
            yield* Effect.raceFirst(changed, Effect.sleep(wait))
            return result
          })
        )
        if (Option.isSome(result)) return result.value
      }
    })
  }
}

/** Those that wait for another process's change of a user. */
const makeWaiters = () => {
  const waiters = new Map<string, Set<Deferred.Deferred<void>>>()
  return {
    wake: (userId: string) =>
      Effect.forEach(waiters.get(userId) ?? [], (changed) => Deferred.succeed(changed, undefined), { discard: true }),
    /** Hands some work the next change of the user that another process makes from now on. */
    withNextChange: <A, E>(userId: string, work: (changed: Effect.Effect<void>) => Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        const changed = Deferred.makeUnsafe<void>()
        const ofUser = waiters.get(userId) ?? new Set()
        waiters.set(userId, ofUser.add(changed))
        return Effect.ensuring(
          work(Deferred.await(changed)),
          Effect.sync(() => {
            ofUser.delete(changed)
            if (ofUser.size === 0 && waiters.get(userId) === ofUser) waiters.delete(userId)
          })
        )
      })
  }
}
