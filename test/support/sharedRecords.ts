/** Token records on real engines, as a backend of several processes has them. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Logger, Redacted } from "effect"
import type { TokenRecords } from "effect-app-services"
import * as RedisTokenRecords from "effect-app-services/client/RedisTokenRecords"
import * as SqlTokenRecords from "effect-app-services/client/SqlTokenRecords"
import { missing, startPostgres, startRedis } from "./engines.ts"

/** The clients warn of every connection that an engine drops, which is what these tests are about. */
const Quiet = Logger.layer([])

type Times = Pick<RedisTokenRecords.Options, "timeout" | "lease" | "maxAge">

/** Each layer has connections of its own, as each process would. */
export const engines = {
  redis: {
    missing: missing.redis,
    start: startRedis,
    says: "Redis",
    records: (url: string, times: Times = {}): Layer.Layer<TokenRecords, unknown> =>
      RedisTokenRecords.layer(times).pipe(
        Layer.provide(NodeRedis.layer({ url, disableOfflineQueue: true })),
        Layer.provide(Quiet)
      )
  },
  postgres: {
    missing: missing.postgres,
    start: startPostgres,
    says: "the database",
    records: (url: string, times: Times = {}): Layer.Layer<TokenRecords, unknown> =>
      Layer.unwrap(Effect.map(PgClient.PgClient, ({ listen }) => SqlTokenRecords.layer({ listen, ...times }))).pipe(
        Layer.provide(PgClient.layer({ url: Redacted.make(url) })),
        Layer.provide(Quiet)
      )
  }
}
