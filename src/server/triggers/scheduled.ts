/** Scheduled triggers. */
import * as Clock from "effect/Clock"
import * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import type { ScheduledTrigger } from "../model/Trigger.ts"
import type { Fire } from "./firing.ts"

/**
 * Fires at every minute that matches, without end. A run that lasts longer than to the next one does not hold it up.
 * Minutes that pass while the machine sleeps are not made up for.
 */
export const run = (trigger: ScheduledTrigger, fire: Fire): Effect.Effect<never> =>
  Effect.scoped(
    Effect.forever(
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const next = Cron.next(trigger.schedule, now).getTime()
        yield* Effect.sleep(next - now)
        yield* Effect.forkScoped(fire(trigger, []), { startImmediately: true })
      })
    )
  )
