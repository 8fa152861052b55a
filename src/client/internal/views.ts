import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { TokenStoreError } from "../TokenRecords.ts"
import type { StoredUser } from "../StoredUser.ts"
import { monotonicMillis } from "./deadlines.ts"
import * as SingleFlight from "./singleFlight.ts"

/** How many users are remembered; the one that was read longest ago makes room. */
const capacity = 10_000

/** How long a store that did not answer is not asked again for what is known, at least, in milliseconds. */
const pause = 1_000

type Found = Option.Option<StoredUser>

/**
 * The logged-in users that this process has read of a store that others write too.
 *
 * @internal
 */
export interface Views {
  /**
   * A user as it was read not longer than the age ago, or reads it now: once for all that ask meanwhile. Where the store
   * does not answer, what is known goes on, and is answered at once; now and then the store is tried again behind that.
   */
  readonly get: (userId: string, read: Effect.Effect<Found, TokenStoreError>) => Effect.Effect<Found, TokenStoreError>
  /** Reads or writes, and remembers the user that stands in the store then unless somebody else has changed it meanwhile. */
  readonly through: <A>(
    userId: string,
    work: Effect.Effect<A, TokenStoreError>,
    standing: (result: A) => Found
  ) => Effect.Effect<A, TokenStoreError>
  /** Somebody else has changed a user. */
  readonly forget: (userId: string) => void
  /** A change of a user may have been made or not: what is known of it is not good without another look. */
  readonly doubt: (userId: string) => void
  /** Changes may have gone unheard: nothing that is known is good without another look. */
  readonly doubtAll: () => void
}

/** @internal */
export const make = (maxAge: number): Effect.Effect<Views, never, Scope.Scope> =>
  Effect.map(SingleFlight.make<Found, TokenStoreError>(), (reads) => {
    const views = new Map<string, { readonly user: StoredUser; goodUntil: number }>()
    const underWay = new Map<string, Set<{ overtaken: boolean }>>()
    /** Set while the store is away: when it is to be tried again. */
    let awayUntil: number | undefined

    const remember = (userId: string, found: Found, readAt: number) => {
      views.delete(userId)
      if (Option.isNone(found) || found.value.session === undefined) return
      views.set(userId, { user: found.value, goodUntil: readAt + maxAge })
      if (views.size <= capacity) return
      for (const oldest of views.keys()) {
        views.delete(oldest)
        return
      }
    }

    const through: Views["through"] = (userId, work, standing) =>
      Effect.suspend(() => {
        const mine = { overtaken: false }
        const present = underWay.get(userId)
        if (present === undefined) underWay.set(userId, new Set([mine]))
        else present.add(mine)
        return Effect.flatMap(monotonicMillis, (readAt) =>
          Effect.tap(work, (result) =>
            Effect.sync(() => {
              awayUntil = undefined
              if (mine.overtaken) views.delete(userId)
              else remember(userId, standing(result), readAt)
            })
          )
        ).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              const all = underWay.get(userId)
              if (all?.delete(mine) === true && all.size === 0) underWay.delete(userId)
            })
          )
        )
      })

    const overtake = (userId: string) => {
      for (const it of underWay.get(userId) ?? []) it.overtaken = true
    }

    const away = Effect.gen(function* () {
      awayUntil = (yield* monotonicMillis) + pause * (1 + (yield* Random.next))
    })

    return {
      get: (userId, read) =>
        Effect.flatMap(monotonicMillis, (now) => {
          const view = views.get(userId)
          if (view !== undefined && now < view.goodUntil) return Effect.succeedSome(view.user)
          const found = Effect.tapCause(
            through(userId, read, (found) => found),
            () => away
          )
          if (view === undefined) return reads.run(userId, found)
          if (awayUntil === undefined) {
            return Effect.catch(reads.run(userId, found), () =>
              // a change that was heard while the store was asked counts
              views.get(userId) === view ? Effect.succeedSome(view.user) : read
            )
          }
          if (now < awayUntil) return Effect.succeedSome(view.user)
          // by one of all that ask
          awayUntil = Infinity
          return Effect.as(reads.start(userId, found), Option.some(view.user))
        }),
      through,
      forget: (userId) => {
        views.delete(userId)
        overtake(userId)
      },
      doubt: (userId) => {
        const view = views.get(userId)
        if (view !== undefined) view.goodUntil = -Infinity
        overtake(userId)
      },
      doubtAll: () => {
        for (const view of views.values()) view.goodUntil = -Infinity
        for (const userId of underWay.keys()) overtake(userId)
      }
    }
  })
