import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { AppServicesError } from "../AppServicesError.ts"
import { sessionOf } from "./sessionEngine.ts"
import type { SessionEngine } from "./sessionEngine.ts"
import { newerThan } from "./sessionRefresh.ts"
import * as SingleFlight from "./singleFlight.ts"
import * as Transitions from "./transitions.ts"
import { isOver } from "./verdicts.ts"

const defaultSchedule = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("5 minutes")]).pipe(
  Schedule.jittered
)

/** The shortest sleep between two refreshes, in milliseconds, however short the host's tokens live. */
const shortestSleep = 1_000

/**
 * Refreshes sessions ahead of expiry, without a caller.
 *
 * @internal
 */
export interface KeepAlive {
  /** Refreshes a session ahead of expiry, repeatedly, until it ends. */
  readonly run: (userId: string) => Effect.Effect<void>
  /** With `always`, does so in the background, over a session that began before this one. */
  readonly begin: (userId: string) => Effect.Effect<void>
  /** With `always`, does so in the background unless it is done already. */
  readonly ensure: (userId: string) => Effect.Effect<void>
  /** Stops doing so in the background. */
  readonly stop: (userId: string) => Effect.Effect<void>
}

/** @internal */
export const make = Effect.fnUntraced(function* (
  engine: SessionEngine,
  always: boolean,
  schedule: Schedule.Schedule<unknown, AppServicesError> = defaultSchedule
) {
  const running = yield* SingleFlight.make<void, never>()
  const retrySchedule = schedule.pipe(
    Schedule.setInputType<AppServicesError>(),
    Schedule.while(({ input }) => !isOver(input)),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(input.retryAfterMillis ?? 0)))
    )
  )
  const run = (userId: string) => Effect.ignore(refreshAhead(engine, retrySchedule, userId))
  const ensure = (userId: string) => (always ? running.start(userId, run(userId)) : Effect.void)
  const keepAlive: KeepAlive = {
    run,
    ensure,
    begin: (userId) => (always ? Effect.andThen(running.stop(userId), ensure(userId)) : Effect.void),
    stop: running.stop
  }
  return keepAlive
})

const refreshAhead = Effect.fnUntraced(function* (
  engine: SessionEngine,
  retrySchedule: Schedule.Schedule<unknown, AppServicesError>,
  userId: string
) {
  const operation = "Sessions.keepAlive"
  while (true) {
    const session = yield* sessionOf(engine, operation, userId)
    const left = yield* engine.deadlines.remaining(userId, session)
    const margin = Math.min(engine.renewalMargin, (session.expiresAt - session.receivedAt) / 4)
    yield* Effect.sleep(Math.max(shortestSleep, left - margin * (1 + (yield* Random.next))))
    // a refresh by a caller or another process, or a late wake-up, leaves one refresh to do at most
    const present = yield* sessionOf(engine, operation, userId)
    if (!Transitions.same(present.accessToken, session.accessToken)) continue
    yield* Effect.retry(newerThan(engine, operation, userId, session.accessToken), retrySchedule)
  }
})
