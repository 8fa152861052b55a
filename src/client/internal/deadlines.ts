import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Session } from "../TokenStore.ts"

/** How many users are remembered before those whose tokens have expired are forgotten. */
const firstSweep = 1024

/**
 * How long access tokens still live, by the monotonic clock.
 *
 * The wall clock is asked once for a token, when this process meets it first. From then on it may jump by hours without
 * a token looking older or younger than it is.
 *
 * @internal
 */
export interface Deadlines {
  /** Milliseconds until the session's access token expires; zero or less when it has. */
  readonly remaining: (userId: string, session: Session) => Effect.Effect<number>
  readonly forget: (userId: string) => void
}

/**
 * The time that nobody sets, in milliseconds since some moment.
 *
 * @internal
 */
export const monotonicMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

/** @internal */
export const make = (): Deadlines => {
  const known = new Map<string, { readonly token: string; readonly at: number }>()
  let sweepAt = firstSweep

  const sweep = (now: number) => {
    if (known.size < sweepAt) return
    for (const [userId, { at }] of known) if (at <= now) known.delete(userId)
    sweepAt = Math.max(firstSweep, known.size * 2)
  }

  return {
    remaining: Effect.fnUntraced(function* (userId, session) {
      const token = Redacted.value(session.accessToken)
      const now = yield* monotonicMillis
      const deadline = known.get(userId)
      if (deadline?.token === token) return deadline.at - now
      // a clock that was set back since the token arrived cannot make it live longer than it does
      const left = Math.min(
        session.expiresAt - (yield* Clock.currentTimeMillis),
        session.expiresAt - session.receivedAt
      )
      sweep(now)
      known.set(userId, { token, at: now + left })
      return left
    }),
    forget: (userId) => {
      known.delete(userId)
    }
  }
}
