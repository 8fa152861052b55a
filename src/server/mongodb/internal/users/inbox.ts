/** E-mails in MongoDB: any server shows those of all, and each is sent by one. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Delivery, Message, type Service } from "../../../users/Inbox.ts"
import { dateOf } from "./documents.ts"
import { follow } from "./follow.ts"
import { ask, type Place } from "./place.ts"
import type { MessageDocument } from "./shapes.ts"

const lifetime = Duration.toMillis("7 days")

const most = 1_000

const json = Schema.fromJsonString(Message)
const encode = Schema.encodeResult(json)
const decode = Schema.decodeResult(json)

const storedMessage = ({ delivery, ...message }: Message): MessageDocument => ({
  _id: message.tokenId,
  app: message.app,
  at: DateTime.toDateUtc(message.at),
  message: Result.getOrThrowWith(encode(message), () => new Error("an e-mail cannot be written as JSON")),
  ...(delivery === undefined ? undefined : storedDelivery(delivery)),
  expiresAt: dateOf(DateTime.toEpochMillis(message.at) + lifetime)
})

const storedDelivery = ({ attempts, error, next, state }: Delivery) => ({
  state,
  attempts,
  ...(next === undefined ? undefined : { next: DateTime.toDateUtc(next) }),
  ...(error === undefined ? undefined : { error })
})

const messageOf = ({ _id, attempts = 0, error, message, next, state }: MessageDocument): Message => ({
  ...Result.getOrThrowWith(decode(message), () => new Error(`the e-mail ${_id} in the inbox is damaged`)),
  ...(state === undefined
    ? undefined
    : {
        delivery: {
          state,
          attempts,
          ...(next === undefined ? undefined : { next: DateTime.makeUnsafe(next) }),
          ...(error === undefined ? undefined : { error })
        }
      })
})

/** Creates the inbox. On a server without change streams, only the messages of this process arrive at once. */
export const make = Effect.fnUntraced(function* (place: Place): Effect.fn.Return<Service> {
  const collection = place.in("inbox")
  const own = yield* PubSub.sliding<Message>(most)
  const ofAll = follow(collection, {}).pipe(
    Stream.flatMap(({ inserted }) => Stream.fromIterable(inserted.map(({ document }) => messageOf(document)))),
    Stream.tapError(({ message }) => Effect.logWarning(`the e-mails of other servers cannot be followed: ${message}`)),
    Stream.retry(Schedule.spaced("5 seconds")),
    Stream.orDie
  )
  return {
    deliver: Effect.fn("Inbox.deliver")(function* (message) {
      yield* ask(() => collection.insertOne(storedMessage(message)))
      yield* PubSub.publish(own, message)
    }),
    messages: (app) =>
      ask(async () => {
        const options = { sort: { at: -1, _id: -1 }, limit: most } as const
        const newest = await collection.find(app === undefined ? {} : { app }, options).toArray()
        return newest.toReversed().map(messageOf)
      }),
    arrivals: place.isReplicaSet ? ofAll : Stream.fromPubSub(own),
    claim: Effect.fnUntraced(function* ({ limit, until }) {
      const now = dateOf(yield* Clock.currentTimeMillis)
      const due = {
        $or: [
          { state: { $exists: false } },
          { state: "waiting" as const, next: { $exists: false } },
          { state: "waiting" as const, next: { $lte: now } }
        ]
      }
      const claimed: Array<Message> = []
      while (claimed.length < limit) {
        const found = yield* ask(() =>
          collection.findOneAndUpdate(
            due,
            { $set: { state: "waiting", next: DateTime.toDateUtc(until) } },
            { sort: { at: 1, _id: 1 }, returnDocument: "before" }
          )
        )
        if (found === null) break
        claimed.push(messageOf(found))
      }
      return claimed
    }),
    record: (_id, { attempts, error, next, state }) =>
      Effect.asVoid(
        ask(() =>
          collection.updateOne({ _id }, [
            {
              $set: {
                state,
                attempts,
                next: next === undefined ? "$$REMOVE" : DateTime.toDateUtc(next),
                error: error === undefined ? "$$REMOVE" : { $literal: error }
              }
            }
          ])
        )
      )
  }
})
