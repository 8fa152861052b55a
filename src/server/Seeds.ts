/** Creates the indexes of applications, and inserts the documents that they start with. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type App, mainSource } from "./model/App.ts"
import { attempt, RowStore, type RowStoreError } from "./storage/RowStore.ts"
import { Table, write } from "./storage/Table.ts"
import { Database, type DatabaseError, type Namespace } from "./data/Database.ts"

const Seed = Schema.Struct({ service: Schema.String, database: Schema.String, collection: Schema.String })

const keyOf = ({ collection, database, service }: typeof Seed.Type): string =>
  JSON.stringify([service, database, collection])

/**
 * Inserts the documents of applications, each collection once: documents that were deleted since do not come back at the next
 * start. Also creates their indexes, and the one that custom user data is looked up by.
 */
export const plant = Effect.fnUntraced(function* (
  apps: ReadonlyArray<App>
): Effect.fn.Return<void, DatabaseError | RowStoreError, Database | RowStore> {
  const database = yield* Database
  const rowStore = yield* RowStore
  for (const app of apps) {
    const source = app.customUserData
    if (typeof source === "object") {
      const { collection, database: name, service = mainSource(app), userIdField } = source
      yield* database.index({ appId: app.id, service, database: name, collection }, userIdField)
    }
    for (const { collection, database: name, service = mainSource(app), ...index } of app.indexes) {
      yield* database.index({ appId: app.id, service, database: name, collection }, index)
    }
    if (app.data.length === 0) continue
    const seeds = yield* attempt(() => new Table(rowStore, { name: `seeds/${app.id}`, schema: Seed, key: keyOf }))
    for (const { collection, database: name, documents, service = mainSource(app) } of app.data) {
      const seed = { service, database: name, collection }
      if (seeds.rows.has(keyOf(seed))) continue
      const place: Namespace = { appId: app.id, ...seed }
      const [found] = yield* database.find(place, { filter: {}, limit: 1 })
      if (found === undefined) yield* database.insert(place, documents)
      yield* attempt(() => write(rowStore, [seeds.put(seed)]))
    }
  }
})
