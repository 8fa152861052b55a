/**
 * The positions of triggers in MongoDB, for servers that share them: a document per trigger, with its lease and its state.
 *
 * MongoDB's clock decides when a lease ends, so those of the servers may differ.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { MongoClient } from "mongodb"
import { DatabaseError, duplicateCode } from "../../data/DatabaseError.ts"
import { type Key, LeaseLost, resumed, type Service, State } from "../../triggers/TriggerPositions.ts"
import { attempt } from "./errors.ts"

interface TriggerDocument {
  readonly _id: string
  readonly appId: string
  readonly name: string
  readonly fence: number
  /** The end of the lease. */
  readonly until: Date
  readonly state?: unknown
}

const idOf = ({ appId, name }: Key): string => JSON.stringify([appId, name])

/** Plain numbers; and nothing that a failover takes back, since a fencing token must not be given twice. */
const options = {
  promoteValues: true,
  promoteLongs: true,
  bsonRegExp: false,
  ignoreUndefined: true,
  readPreference: "primary",
  writeConcern: { w: "majority" }
} as const

const decode = Schema.decodeUnknownEffect(State)

const stateOf = ({ name, state }: Pick<TriggerDocument, "name" | "state">) =>
  state === undefined || state === null
    ? Effect.undefined
    : Effect.mapError(
        decode(state),
        () => new DatabaseError({ message: `the position of the trigger "${name}" in MongoDB cannot be read` })
      )

/** The lease of a document has ended. */
const isFree = { $expr: { $lte: ["$until", "$$NOW"] } }

/** Creates the store of positions in a database of a cluster. */
export const make = (client: MongoClient, database: string, leaseTime: Duration.Duration): Service => {
  const triggers = client
    .db(database, options)
    .collection<TriggerDocument>("triggers", { readConcern: { level: "majority" } })
  const until = { $add: ["$$NOW", Duration.toMillis(leaseTime)] }
  /** Of several servers that create a document at once, the others find that it is held. */
  const unlessHeld = (error: DatabaseError) =>
    error.code === duplicateCode ? Effect.succeed(null) : Effect.fail(error)

  return {
    leaseTime,
    acquire: Effect.fnUntraced(function* (key) {
      const found = yield* Effect.catch(
        attempt(() =>
          triggers.findOneAndUpdate(
            { _id: idOf(key), ...isFree },
            [{ $set: { ...key, fence: { $add: [{ $ifNull: ["$fence", 0] }, 1] }, until } }],
            { upsert: true, returnDocument: "after" }
          )
        ),
        unlessHeld
      )
      return found === null
        ? Option.none()
        : Option.some({ lease: { key, fence: found.fence }, state: yield* stateOf(found) })
    }),
    renew: ({ fence, key }) =>
      Effect.flatMap(
        attempt(() => triggers.updateOne({ _id: idOf(key), fence }, [{ $set: { until } }])),
        ({ matchedCount }) => (matchedCount === 0 ? Effect.fail(new LeaseLost()) : Effect.void)
      ),
    release: ({ fence, key }) =>
      Effect.ignore(attempt(() => triggers.updateOne({ _id: idOf(key), fence }, [{ $set: { until: "$$NOW" } }]))),
    save: (saves) =>
      saves.length === 0
        ? Effect.succeed([])
        : attempt(async () => {
            const { matchedCount } = await triggers.bulkWrite(
              saves.map(({ lease: { fence, key }, state }) => ({
                updateOne: { filter: { _id: idOf(key), fence }, update: { $set: { state } } }
              })),
              { ordered: false }
            )
            if (matchedCount === saves.length) return []
            const found = await triggers
              .find({ _id: { $in: saves.map(({ lease }) => idOf(lease.key)) } }, { projection: { fence: 1 } })
              .toArray()
            const fences = new Map(found.map(({ _id, fence }) => [_id, fence]))
            return saves.flatMap(({ lease }) => (fences.get(idOf(lease.key)) === lease.fence ? [] : [lease]))
          }),
    states: (appId) =>
      Effect.flatMap(
        attempt(() => triggers.find({ appId }).toArray()),
        (all) =>
          Effect.map(
            Effect.forEach(all, (one) => Effect.map(stateOf(one), (state) => [one.name, state] as const)),
            (states) => new Map(states.flatMap(([name, state]) => (state === undefined ? [] : [[name, state]])))
          )
      ),
    resume: Effect.fnUntraced(function* (key, position) {
      const found = yield* attempt(() => triggers.findOne({ _id: idOf(key), "state.status": "suspended" }))
      const state = found === null ? undefined : yield* stateOf(found)
      if (found === null || state === undefined) return false
      const { matchedCount } = yield* attempt(() =>
        triggers.updateOne({ _id: idOf(key), fence: found.fence, "state.status": "suspended" }, [
          {
            $set: {
              fence: { $add: ["$fence", 1] },
              until: "$$NOW",
              state: { $literal: resumed(state, position) }
            }
          }
        ])
      )
      return matchedCount === 1
    })
  }
}
