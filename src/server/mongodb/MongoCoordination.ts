/**
 * What servers with the same users and documents share beside them, in MongoDB: the positions and leases of triggers, and the
 * token buckets of rate limits. They are in the collections `triggers` and `rateLimits` of a database of their own.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { MongoClient } from "mongodb"
import type { DatabaseError } from "../data/DatabaseError.ts"
import { RateBuckets } from "../model/RateBuckets.ts"
import { TriggerPositions } from "../triggers/TriggerPositions.ts"
import * as Buckets from "./internal/buckets.ts"
import * as Clusters from "./internal/clusters.ts"
import { usersDatabase } from "./internal/usersDatabase.ts"
import * as Positions from "./internal/positions.ts"

/**
 * How servers share.
 *
 * @category options
 * @since 0.2.0
 */
export interface Options {
  /** The connection string. */
  readonly uri: Redacted.Redacted
  /** Options of the driver. */
  readonly client?: Clusters.ClientOptions | undefined
  /**
   * The name of the database, which is created.
   *
   * @default "effect_app_services"
   */
  readonly databaseName?: string | undefined
  /**
   * How long a server that was killed, or that hangs, keeps a trigger from running in another one. It renews its leases
   * three times as often.
   *
   * @default "10 seconds"
   */
  readonly leaseTime?: Duration.Input | undefined
}

/** The services on a connected client. */
const make = Effect.fnUntraced(function* (
  client: MongoClient,
  { databaseName = usersDatabase, leaseTime = "10 seconds" }: Pick<Options, "databaseName" | "leaseTime">
): Effect.fn.Return<Context.Context<TriggerPositions | RateBuckets>, DatabaseError, Scope.Scope> {
  const positions = Positions.make(client, databaseName, Duration.fromInputUnsafe(leaseTime))
  return Context.make(TriggerPositions, TriggerPositions.of(positions)).pipe(
    Context.add(RateBuckets, RateBuckets.of(yield* Buckets.make(client, databaseName)))
  )
})

/**
 * Shares in a cluster of MongoDB.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  options: Options
): Layer.Layer<TriggerPositions | RateBuckets, Clusters.MongoDatabaseError | DatabaseError> =>
  Layer.effectContext(
    Effect.flatMap(Clusters.make({ uri: options.uri, client: options.client }), (clusters) =>
      make(clusters.of(""), options)
    )
  )
