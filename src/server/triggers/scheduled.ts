/** The feed of a scheduled trigger: the minutes that match its schedule. */
import * as Clock from "effect/Clock"
import * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { App } from "../model/App.ts"
import type { ScheduledTrigger } from "../model/Trigger.ts"
import type { Feed } from "./feed.ts"

/** The most missed runs that are counted for the log. */
const counted = 10_000

/** Creates the feed of a trigger. */
export const feed = (app: App, { name, schedule, skipsCatchup }: ScheduledTrigger): Feed => {
  const after = (millis: number): number => Cron.next(schedule, millis).getTime()

  /** The next run after a position; the last one of those that were missed, if there are any. */
  const next = (last: number): Effect.Effect<number> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      let due = after(last)
      if (due > now) return Effect.as(Effect.sleep(due - now), due)
      let missed = 1
      for (let later = after(due); later <= now && missed < counted; later = after(due), missed++) due = later
      if (missed === counted) due = now
      const what = `the trigger "${name}" missed ${missed === counted ? `${counted} or more` : missed} of its runs`
      return skipsCatchup
        ? Effect.andThen(log(app, name, `${what} and skips them`), next(now))
        : Effect.as(
            log(app, name, missed === 1 ? `${what} and makes up for it` : `${what} and makes up for the last one`),
            due
          )
    })

  return {
    now: Effect.map(Clock.currentTimeMillis, String),
    open: (position) =>
      Stream.unfold(Number(position), (last) =>
        Effect.map(next(last), (due) => {
          const at = String(due)
          return [{ position: at, events: [{ position: at, args: Effect.succeed([]) }] }, due] as const
        })
      )
  }
}

const log = (app: App, trigger: string, message: string) =>
  Effect.annotateLogs(Effect.logInfo(message), { app: app.id, trigger })
