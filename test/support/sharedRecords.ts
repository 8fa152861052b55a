/** Token records on real engines, as in a backend of several processes. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import type { TokenRecords } from "effect-app-services"
import type { Options } from "effect-app-services/client/RedisTokenRecords"
import { missing, startPostgres, startRedis } from "./engines.ts"

/** Drops the clients' warnings about lost connections, which these tests cause. */
const Quiet = Logger.layer([])

type Times = Pick<Options, "timeout" | "lease" | "maxAge">

// a process imports only the client of its engine, which is most of its startup time
const loadRedis = Effect.promise(() =>
  Promise.all([import("@effect/platform-node/NodeRedis"), import("effect-app-services/client/RedisTokenRecords")])
)
const loadPostgres = Effect.promise(() =>
  Promise.all([import("@effect/sql-pg/PgClient"), import("effect-app-services/client/SqlTokenRecords")])
)

/** Each layer has its own connections, as each process would. */
export const engines = {
  redis: {
    name: "Redis",
    missing: missing.redis,
    start: startRedis,
    says: "Redis",
    records: (url: string, times: Times = {}): Layer.Layer<TokenRecords, unknown> =>
      Layer.unwrap(
        Effect.map(loadRedis, ([NodeRedis, RedisTokenRecords]) =>
          RedisTokenRecords.layer(times).pipe(
            Layer.provide(NodeRedis.layer({ url, disableOfflineQueue: true })),
            Layer.provide(Quiet)
          )
        )
      ),
    clients: (url: string): Effect.Effect<number, unknown> =>
      Effect.flatMap(loadRedis, ([NodeRedis]) =>
        Redis.Redis.use((redis) => redis.send<string>("CLIENT", "LIST")).pipe(
          Effect.map((list) => list.trim().split("\n").length - 1),
          Effect.provide(NodeRedis.layer({ url }), { local: true })
        )
      )
  },
  postgres: {
    name: "PostgreSQL",
    missing: missing.postgres,
    start: startPostgres,
    says: "the database",
    records: (url: string, times: Times = {}): Layer.Layer<TokenRecords, unknown> =>
      Layer.unwrap(
        Effect.map(loadPostgres, ([PgClient, SqlTokenRecords]) =>
          Layer.unwrap(Effect.map(PgClient.PgClient, ({ listen }) => SqlTokenRecords.layer({ listen, ...times }))).pipe(
            Layer.provide(PgClient.layer({ url: Redacted.make(url) })),
            Layer.provide(Quiet)
          )
        )
      ),
    clients: (url: string): Effect.Effect<number, unknown> =>
      Effect.flatMap(loadPostgres, ([PgClient]) =>
        PgClient.PgClient.use(
          (sql) => sql<{ n: number }>`
            SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
        ).pipe(
          Effect.map(([row]) => row?.n ?? 0),
          Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }), { local: true })
        )
      )
  }
}
