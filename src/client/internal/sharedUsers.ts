import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { SharedTokenRecords } from "../TokenRecords.ts"
import type { AppTokens, SharedUsers } from "../AppTokens.ts"
import type { StoredUser } from "../StoredUser.ts"
import * as Notes from "./notes.ts"
import type { Views } from "./views.ts"

/** Between two looks at what another process does, in milliseconds; a change that is heard ends the wait. */
const firstLook = 25
const lastLook = 200

/**
 * What the processes that share an application's records do together.
 *
 * @internal
 */
export const make = (
  records: SharedTokenRecords,
  appId: string,
  views: Views,
  latest: AppTokens["get"]
): SharedUsers => {
  const waiting = new Map<string, Deferred.Deferred<void>>()
  let serial = 0

  /** The next change of a user that another process makes, from now on. */
  const nextChange = (userId: string) => {
    const present = waiting.get(userId)
    if (present !== undefined) return Deferred.await(present)
    const next = Deferred.makeUnsafe<void>()
    waiting.set(userId, next)
    return Deferred.await(next)
  }

  const hear = (userId: string) => {
    views.forget(userId)
    const heard = waiting.get(userId)
    waiting.delete(userId)
    return heard === undefined ? Effect.void : Deferred.succeed(heard, undefined)
  }

  return {
    latest,
    exclusively: Effect.fnUntraced(function* (userId, look, work) {
      for (let wait = firstLook; ; wait = Math.min(wait * 2, lastLook)) {
        const holder = `${records.process}:${++serial}`
        const changed = nextChange(userId)
        const turn = yield* Effect.acquireUseRelease(
          records.acquire(appId, userId, holder),
          (mine) =>
            Effect.flatMap(look, (seen) =>
              Result.isSuccess(seen)
                ? Effect.succeedSome(seen.success)
                : mine
                  ? Effect.asSome(work(seen.failure))
                  : Effect.succeedNone
            ),
          // one that cannot be given back ends by itself
          (mine) => (mine ? Effect.ignore(records.release(appId, userId, holder)) : Effect.void)
        )
        if (Option.isSome(turn)) return turn.value
        yield* Effect.raceFirst(changed, Effect.sleep(wait * (0.5 + (yield* Random.next))))
      }
    }),
    changes: Effect.map(records.notices(appId), (notices) => {
      views.forgetAll()
      return Stream.mapEffect(
        notices,
        Effect.fnUntraced(function* ({ id, note }) {
          const { events, process } = Notes.decode(note)
          if (process === records.process) return { userId: id, events: [] }
          yield* hear(id)
          const needed = events.some(({ _tag }) => _tag === "ProfileChanged")
          const user = needed
            ? yield* Effect.orElseSucceed(latest(id), (): Option.Option<StoredUser> => Option.none())
            : Option.none()
          return { userId: id, events: events.flatMap((event) => Notes.toEvent(event, user)) }
        })
      ).pipe(Stream.ensuring(Effect.sync(views.forgetAll)))
    })
  }
}

/**
 * What a process does that has its store for itself.
 *
 * @internal
 */
export const alone = ({ get }: AppTokens): Pick<SharedUsers, "latest" | "exclusively"> => ({
  latest: get,
  exclusively: (_, look, work) =>
    Effect.flatMap(look, (seen) => (Result.isSuccess(seen) ? Effect.succeed(seen.success) : work(seen.failure)))
})
