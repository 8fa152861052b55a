import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DatabaseContract } from "effect-app-services/testing"
import { join } from "node:path"
import { Database, makeMemory } from "../../../src/server/data/Database.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import { directory } from "../support.ts"
import * as FakeJournal from "./rowStore.ts"

/** A database that is closed and opened again between any two steps, unless a transaction or a watcher is open. */
const reopened = Layer.sync(Database, () => {
  const { service } = FakeJournal.make()
  let present = makeMemory(service)
  let held = 0
  const now = () => (held > 0 ? present : (present = makeMemory(service)))
  const hold = Effect.sync(() => {
    held++
    return present
  })
  return Database.make({
    run: (operation) => now().run(operation),
    collections: (...args) => now().collections(...args),
    databases: (...args) => now().databases(...args),
    index: (...args) => now().index(...args),
    indexes: (...args) => now().indexes(...args),
    dropIndex: (...args) => now().dropIndex(...args),
    explain: (...args) => now().explain(...args),
    changes: (...args) => Effect.flatMap(hold, (database) => database.changes(...args)),
    transaction: Effect.flatMap(
      Effect.acquireRelease(hold, () => Effect.sync(() => held--)),
      (database) => database.transaction
    )
  })
})

describe("the contract of databases", () => {
  DatabaseContract.suite("memory", Database.layerMemory, it)
  DatabaseContract.suite(
    "rowStore",
    Layer.provide(
      Database.layer,
      Layer.sync(RowStore, () => FakeJournal.make().service)
    ),
    it
  )
  DatabaseContract.suite(
    "data directory",
    Layer.unwrap(
      Effect.map(directory({}), (folder) => Layer.provide(Database.layer, DataDirectory.layer(join(folder, "data"))))
    ),
    it
  )
  DatabaseContract.suite("reopened between any two steps", reopened, it)
})
