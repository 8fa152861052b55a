import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Session } from "../TokenStore.ts"

/** How many deadlines are kept before the expired ones are removed. */
const firstSweep = 1024

/**
 * When access tokens expire, by the monotonic clock.
 *
 * The wall clock is read once per token, when this process first sees it. Later jumps of the wall clock do not change when
 * the token counts as expired.
 *
 * @internal
 */
export interface Deadlines {
  /** The milliseconds until the session's access token expires; zero or less if it has. */
  readonly remaining: (userId: string, session: Session) => Effect.Effect<number>
  readonly forget: (userId: string) => void
}

/**
 * The monotonic clock, which nothing sets back, in milliseconds since an arbitrary moment.
 *
 * @internal
 */
export const monotonicMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

/** @internal */
export const make = (): Deadlines => {
  const deadlines = new Map<string, { readonly token: string; readonly at: number }>()
  let sweepAt = firstSweep

  const sweep = (now: number) => {
    if (deadlines.size < sweepAt) return
    for (const [userId, { at }] of deadlines) if (at <= now) deadlines.delete(userId)
    sweepAt = Math.max(firstSweep, deadlines.size * 2)
  }

  return {
    remaining: Effect.fnUntraced(function* (userId, session) {
      const token = Redacted.value(session.accessToken)
      const now = yield* monotonicMillis
      const deadline = deadlines.get(userId)
      if (deadline?.token === token) return deadline.at - now
      // a wall clock that was set back since the token arrived does not prolong its lifetime
      const left = Math.min(
        session.expiresAt - (yield* Clock.currentTimeMillis),
        session.expiresAt - session.receivedAt
      )
      sweep(now)
      deadlines.set(userId, { token, at: now + left })
      return left
    }),
    forget: (userId) => {
      deadlines.delete(userId)
    }
  }
}
