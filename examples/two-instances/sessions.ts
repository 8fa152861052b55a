/** Where the sessions of all instances are: Redis or PostgreSQL, by the URL. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Redacted } from "effect"
import type { RedisError } from "effect/persistence/Redis"
import type { SqlError } from "effect/sql/SqlError"
import { type TokenRecords, TokenStore, type TokenStoreError } from "effect-app-services"
import * as RedisTokenRecords from "effect-app-services/client/RedisTokenRecords"
import * as SqlTokenRecords from "effect-app-services/client/SqlTokenRecords"

const InRedis = (url: Redacted.Redacted) =>
  RedisTokenRecords.layer().pipe(
    Layer.provide(NodeRedis.layer({ url: Redacted.value(url), disableOfflineQueue: true }))
  )

const InPostgres = (url: Redacted.Redacted) =>
  Layer.unwrap(Effect.map(PgClient.PgClient, ({ listen }) => SqlTokenRecords.layer({ listen }))).pipe(
    Layer.provide(PgClient.layer({ url }))
  )

export const layer = (url: Redacted.Redacted) => {
  const records: Layer.Layer<TokenRecords, TokenStoreError | RedisError | SqlError> = Redacted.value(url).startsWith(
    "redis"
  )
    ? InRedis(url)
    : InPostgres(url)
  return TokenStore.layerRecords.pipe(Layer.provide(records))
}
