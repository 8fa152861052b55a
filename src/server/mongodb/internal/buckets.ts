/**
 * Token buckets in MongoDB, for servers that share them: a document each, which one update by a pipeline changes. MongoDB's
 * clock counts, so those of the servers may differ.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { MongoClient } from "mongodb"
import { duplicateCode } from "../../data/DatabaseError.ts"
import type { Service, Take, Taken } from "../../model/RateBuckets.ts"
import { attempt } from "./errors.ts"

interface BucketDocument {
  readonly _id: string
  readonly tokens: number
  readonly lastRefill: number
  /** Of the last attempt: the tokens that remained, negative if it was refused, and the time since the last refill. */
  readonly remaining: number
  readonly elapsed: number
  /** When the bucket is full again, so that the document says nothing any more. */
  readonly expiresAt: Date
}

const options = { promoteValues: true, promoteLongs: true, bsonRegExp: false } as const

/** How often buckets that are full again are removed. */
const sweepEvery = Duration.hours(1)

/** The update that takes tokens: each stage computes with the fields of the one before. */
const taking = ({ limit, refillMillis, tokens }: Take) => [
  {
    $set: {
      now: { $toDouble: { $toLong: "$$NOW" } },
      tokens: { $ifNull: ["$tokens", limit] },
      lastRefill: { $ifNull: ["$lastRefill", { $toDouble: { $toLong: "$$NOW" } }] }
    }
  },
  {
    $set: {
      refills: { $max: [0, { $floor: { $divide: [{ $subtract: ["$now", "$lastRefill"] }, refillMillis] } }] }
    }
  },
  { $set: { before: { $min: [limit, { $add: ["$tokens", "$refills"] }] } } },
  {
    $set: {
      remaining: { $min: [limit, { $subtract: ["$before", tokens] }] },
      lastRefill: {
        $cond: [
          { $gte: ["$before", limit] },
          "$now",
          { $add: ["$lastRefill", { $multiply: ["$refills", refillMillis] }] }
        ]
      }
    }
  },
  {
    $set: {
      tokens: { $cond: [{ $gte: ["$remaining", 0] }, "$remaining", "$before"] },
      elapsed: { $max: [0, { $subtract: ["$now", "$lastRefill"] }] },
      expiresAt: { $add: ["$$NOW", Math.ceil(limit * refillMillis)] }
    }
  },
  { $unset: ["now", "refills", "before"] }
]

/** Creates the buckets in a database of a cluster. */
export const make = Effect.fnUntraced(function* (client: MongoClient, database: string) {
  const buckets = client.db(database, options).collection<BucketDocument>("rateLimits")
  yield* attempt(() => buckets.createIndex({ expiresAt: 1 }, { name: "expiry" }))
  const sweep = attempt(() => buckets.deleteMany({ $expr: { $lte: ["$expiresAt", "$$NOW"] } })).pipe(
    // full buckets cost nothing but room, and the next time removes them
    Effect.ignore,
    Effect.repeat(Schedule.spaced(sweepEvery))
  )
  yield* Effect.forkScoped(sweep)
  const service: Service = {
    take: (take) =>
      attempt(() =>
        buckets.findOneAndUpdate({ _id: `${take.of} ${take.key}` }, taking(take), {
          upsert: true,
          returnDocument: "after"
        })
      ).pipe(
        // of two servers that create a bucket at once, one finds it then
        Effect.retry({ times: 1, while: ({ code }) => code === duplicateCode }),
        Effect.map((found): Taken => [found?.remaining ?? 0, found?.elapsed ?? 0])
      )
  }
  return service
})
