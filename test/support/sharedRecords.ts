/** Token records on real engines, as a backend of several processes has them. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Logger, Redacted } from "effect"
import { Redis } from "effect/persistence"
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
      ),
    clients: (url: string): Effect.Effect<number, unknown> =>
      Redis.Redis.use((redis) => redis.send<string>("CLIENT", "LIST")).pipe(
        Effect.map((list) => list.trim().split("\n").length - 1),
        Effect.provide(NodeRedis.layer({ url }), { local: true })
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
      ),
    clients: (url: string): Effect.Effect<number, unknown> =>
      PgClient.PgClient.use(
        (sql) => sql<{ n: number }>`
          SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
      ).pipe(
        Effect.map(([row]) => row?.n ?? 0),
        Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }), { local: true })
      )
  }
}
