/** Token stores that many processes share, on real engines. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Redacted } from "effect"
import { EncryptedTokenRecords, type TokenRecords, TokenStore } from "effect-app-services"
import * as RedisTokenRecords from "effect-app-services/client/RedisTokenRecords"
import * as SqlTokenRecords from "effect-app-services/client/SqlTokenRecords"
import { TokenStoreContract } from "effect-app-services/testing"
import { type Engine, missing, startPostgres, startRedis } from "../support/engines.ts"

type Records = Layer.Layer<TokenRecords, unknown>

const engines = {
  redis: {
    start: startRedis,
    records: ({ url }: Engine): Records =>
      RedisTokenRecords.layer().pipe(Layer.provide(NodeRedis.layer({ url, disableOfflineQueue: true })))
  },
  postgres: {
    start: startPostgres,
    records: ({ url }: Engine): Records =>
      Layer.unwrap(Effect.map(PgClient.PgClient, ({ listen }) => SqlTokenRecords.layer({ listen }))).pipe(
        Layer.provide(PgClient.layer({ url: Redacted.make(url) }))
      )
  }
}

const keys = [{ id: "k", key: Redacted.make(Buffer.alloc(32, 1).toString("base64")) }] as const

for (const [name, { records, start }] of Object.entries(engines)) {
  const why = missing[name as keyof typeof missing]
  if (why !== "") {
    // loud in the list of tests; on a machine that checks changes it is a failure
    it.skipIf(process.env["CI"] === undefined)(`${name}: not tested, since ${why}`, () => assert.fail(why))
    continue
  }
  describe(name, () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await start()
    }, 60_000)
    afterAll(() => engine?.stop())
    const Records = Layer.unwrap(Effect.sync(() => records(engine)))
    const Encrypted = EncryptedTokenRecords.layer({ keys }).pipe(Layer.provide(Records))

    TokenStoreContract.suite(name, TokenStore.layerRecords.pipe(Layer.provide(Records)), it)
    TokenStoreContract.suite(`${name}, encrypted`, TokenStore.layerRecords.pipe(Layer.provide(Encrypted)), it)
  })
}
