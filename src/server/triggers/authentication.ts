/** The feed of an authentication trigger: the events of users' accounts. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { App } from "../model/App.ts"
import type { AuthenticationTrigger } from "../model/Trigger.ts"
import { isUnavailable } from "../data/Database.ts"
import type { AuthEventLog, ReadError } from "../users/AuthEventLog.ts"
import { type AuthEvent, concerns } from "../users/AuthEvents.ts"
import * as UserData from "../users/UserData.ts"
import { type Feed, FeedFailed, FeedLost } from "./feed.ts"

/** The first argument of the function. */
const argumentOf = ({ operation, providers, user }: AuthEvent, time: number): Record<string, unknown> => ({
  operationType: operation,
  providers: [...providers],
  user: {
    id: user.id,
    type: user.type,
    data: UserData.profileData(user),
    custom_data: {},
    identities: user.identities.map(({ data, id, providerType }) => ({ id, provider_type: providerType, data }))
  },
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  time: new Date(time)
})

const failed = (error: ReadError) =>
  new FeedFailed({ message: error.message, ...(isUnavailable(error) && { unavailable: true }) })

/** Creates the feed of a trigger. */
export const feed = (log: AuthEventLog["Service"], app: App, trigger: AuthenticationTrigger): Feed => ({
  now: Effect.mapError(log.head(app.id), failed),
  open: (position) =>
    log.after(app.id, position).pipe(
      Stream.map((page) => ({
        position: page.position,
        events: page.events
          .filter(({ event }) => concerns(trigger, event))
          .map(({ event, position, time }) => ({ position, args: Effect.sync(() => [argumentOf(event, time)]) }))
      })),
      Stream.mapError((error) =>
        error._tag === "HistoryLost"
          ? new FeedLost({ message: "its events are lost: they are no longer in the log" })
          : failed(error)
      )
    )
})
