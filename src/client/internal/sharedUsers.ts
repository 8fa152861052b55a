import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SharedTokenRecords } from "../TokenRecords.ts"
import type { AppTokens, SharedUsers } from "../AppTokens.ts"
import type { StoredUser } from "../StoredUser.ts"
import * as Changes from "./changes.ts"
import * as Notes from "./notes.ts"
import type { Views } from "./views.ts"

/** Between two looks at what another process does, in milliseconds; a change that is heard ends the wait. */
const firstLook = 25
const lastLook = 200

/** When to give back again a lease that could not be given back. */
const releaseSchedule = Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 7 }))

/** How far apart those that wait for a lease to end ask for it, in milliseconds. */
const afterLease = 20

/**
 * What the processes that share an application's records do together.
 *
 * @internal
 */
export const make = (
  records: SharedTokenRecords,
  appId: string,
  views: Views,
  latest: AppTokens["get"],
  /** Users that this process has changed, or not: the engine did not say. */
  unsure: Set<string>,
  scope: Scope.Scope
): SharedUsers => {
  const waiting = new Map<string, Set<Deferred.Deferred<void>>>()
  let serial = 0

  /** Hands some work the next change of the user that another process makes from now on. */
  const withNextChange = <A, E>(userId: string, work: (changed: Effect.Effect<void>) => Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const changed = Deferred.makeUnsafe<void>()
      const all = waiting.get(userId) ?? new Set()
      waiting.set(userId, all.add(changed))
      return Effect.ensuring(
        work(Deferred.await(changed)),
        Effect.sync(() => {
          all.delete(changed)
          if (all.size === 0 && waiting.get(userId) === all) waiting.delete(userId)
        })
      )
    })

  const hear = (userId: string) => {
    views.forget(userId)
    return Effect.forEach(waiting.get(userId) ?? [], (changed) => Deferred.succeed(changed, undefined), {
      discard: true
    })
  }

  /** Behind what goes on: an engine that was away may be back before the lease ends by itself. */
  const releaseLater = (userId: string, holder: string) =>
    records
      .release(appId, userId, holder)
      .pipe(Effect.retry(releaseSchedule), Effect.ignore, Effect.forkIn(scope, { startImmediately: true }))

  const release = (userId: string, holder: string) =>
    Effect.catch(records.release(appId, userId, holder), () => releaseLater(userId, holder))

  /** One that was asked for and not answered may have been taken all the same. */
  const acquire = (userId: string, holder: string) =>
    Effect.tapError(records.acquire(appId, userId, holder), () => releaseLater(userId, holder))

  const changes = Effect.map(records.notices(appId), (notices) => {
    views.doubtAll()
    const others = notices.pipe(
      Stream.map(({ id, note }) => ({ id, ...Notes.decode(note) })),
      Stream.filter(({ id, process }) => process !== records.process || unsure.delete(id)),
      Stream.tap(({ id }) => hear(id)),
      // what is known is forgotten at once, whatever those that hear of it wait for
      Stream.buffer({ capacity: "unbounded" })
    )
    return Stream.mapEffect(
      others,
      Effect.fnUntraced(function* ({ events, id }) {
        const needed = events.some(({ _tag }) => _tag === "ProfileChanged")
        const user = needed
          ? yield* Effect.orElseSucceed(latest(id), (): Option.Option<StoredUser> => Option.none())
          : Option.none()
        return { userId: id, events: events.flatMap((event) => Notes.toEvent(event, user)) }
      })
    ).pipe(Stream.ensuring(Effect.sync(views.doubtAll)))
  })

  return {
    latest,
    exclusively: Effect.fnUntraced(function* (userId, look, work) {
      for (let wait = firstLook; ; wait = Math.min(wait * 2, lastLook)) {
        const holder = `${records.process}:${++serial}`
        const done = yield* withNextChange(
          userId,
          Effect.fnUntraced(function* (changed) {
            const turn = yield* Effect.acquireUseRelease(
              acquire(userId, holder),
              (left) =>
                Effect.flatMap(look, (seen) =>
                  Result.isSuccess(seen)
                    ? Effect.succeed({ done: Option.some(seen.success), left })
                    : left > 0
                      ? Effect.succeed({ done: Option.none(), left })
                      : Effect.map(work(seen.failure), (done) => ({ done: Option.some(done), left }))
                ),
              (left) => (left > 0 ? Effect.void : release(userId, holder))
            )
            if (Option.isSome(turn.done)) return turn.done
            // whoever waits takes over as soon as the lease is over
            const pause = Math.min(wait * (0.5 + (yield* Random.next)), turn.left + afterLease * (yield* Random.next))
            yield* Effect.raceFirst(changed, Effect.sleep(pause))
            return turn.done
          })
        )
        if (Option.isSome(done)) return done.value
      }
    }),
    listen: (hearing) => Changes.listen(changes, hearing)
  }
}
