/** Events of users' accounts in MongoDB. They are added in the commit of a user, and triggers follow them as a change stream. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { DatabaseError } from "../../../data/DatabaseError.ts"
import { HistoryLost } from "../../../storage/EventLog.ts"
import type { Service } from "../../../users/AuthEventLog.ts"
import { AuthEvent } from "../../../users/UserModels.ts"
import { dateOf } from "./documents.ts"
import { follow, type Part } from "./follow.ts"
import { ask, type Place } from "./place.ts"
import type { EventDocument } from "./shapes.ts"

/** How long events can be looked at. Triggers follow the change stream, which MongoDB's oplog keeps. */
const lifetime = Duration.toMillis("7 days")

const json = Schema.fromJsonString(AuthEvent)
const encode = Schema.encodeResult(json)
const decode = Schema.decodeResult(json)

/** An event as it is stored. */
export const stored = (app: string, event: AuthEvent, now: number): EventDocument => ({
  app,
  at: dateOf(now),
  event: Result.getOrThrowWith(encode(event), () => new Error("an event of a user cannot be written as JSON")),
  expiresAt: dateOf(now + lifetime)
})

const pageOf = ({ inserted, position }: Part<EventDocument>) =>
  Effect.map(
    Effect.forEach(inserted, ({ document, position }) =>
      Effect.map(
        Effect.mapError(
          Effect.fromResult(decode(document.event)),
          () => new DatabaseError({ message: "an event of a user is damaged: restore the data from a backup" })
        ),
        (event) => ({ position, time: document.at.getTime(), event })
      )
    ),
    (events) => ({ events, position })
  )

/** MongoDB's numbers of the errors of a stream that cannot be continued. */
const lost = new Set<number | undefined>([280, 286])

/** Creates the log. */
export const make = (place: Place): Service => {
  const collection = place.in("authEvents")
  const ofApp = (app: string) => ({ "fullDocument.app": app })
  return {
    append: (app, event) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.asVoid(ask(() => collection.insertOne(stored(app, event, now))))
      ),
    head: (app) =>
      place.isReplicaSet
        ? Effect.map(
            Stream.runHead(follow(collection, ofApp(app))),
            Option.match({ onNone: () => "", onSome: ({ position }) => position })
          )
        : Effect.fail(
            new DatabaseError({
              message:
                "authentication triggers need a replica set or a sharded cluster, which have change streams: make the MongoDB server a replica set of one member",
              code: 40_573
            })
          ),
    after: (app, position) =>
      follow(collection, ofApp(app), position).pipe(
        Stream.mapEffect(pageOf),
        Stream.mapError((error) => (lost.has(error.code) ? new HistoryLost() : error))
      )
  }
}
