/** Keeps the database of users from everything that works with documents. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DatabaseError, forbiddenCode } from "../../data/DatabaseError.ts"
import type { Driver, Run } from "../../data/Driver.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Namespace } from "../../data/Operation.ts"
import { usersDatabase } from "./usersDatabase.ts"

/** The databases that a pipeline writes to. */
const targetsOf = (pipeline: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  pipeline.flatMap((stage) => {
    if (!isDocument(stage)) return []
    const { $merge: merge, $out: out } = stage
    const into = isDocument(merge) ? merge["into"] : undefined
    return [out, into].flatMap((target) => (isDocument(target) ? [target["db"]] : []))
  })

const databasesOf = (operation: { readonly namespace: Namespace }): ReadonlyArray<unknown> => [
  operation.namespace.database,
  ...("pipeline" in operation && Array.isArray(operation.pipeline) ? targetsOf(operation.pipeline) : [])
]

/** A driver that does not reach the database of users, by name. */
export const withoutUsers = (driver: Driver, name: string = usersDatabase): Driver => {
  const refusal = Effect.fail(
    new DatabaseError({
      message: `the database "${name}" has the users of the server, and no documents of applications: use another database`,
      code: forbiddenCode
    })
  )
  const guarded =
    (run: Run): Run =>
    (operation) =>
      databasesOf(operation).includes(name) ? refusal : run(operation)
  const outside = <A>(database: string | undefined, use: Effect.Effect<A, DatabaseError>) =>
    database === name ? refusal : use
  return {
    ...driver,
    run: guarded(driver.run),
    transaction: Effect.map(driver.transaction, (transaction) => ({ ...transaction, run: guarded(transaction.run) })),
    collections: (place) => outside(place.database, driver.collections(place)),
    databases: (source) => Effect.map(driver.databases(source), (all) => all.filter((it) => it !== name)),
    index: (namespace, index) => outside(namespace.database, driver.index(namespace, index)),
    indexes: (namespace) => outside(namespace.database, driver.indexes(namespace)),
    dropIndex: (namespace, index) => outside(namespace.database, driver.dropIndex(namespace, index)),
    explain: (operation) => (databasesOf(operation).includes(name) ? refusal : driver.explain(operation)),
    changes: (watched, watch) =>
      outside(
        watched.database,
        watched.database === undefined
          ? Effect.map(
              driver.changes(watched, watch),
              Stream.map(({ events, token }) => ({
                events: events.filter(({ ns }) => !isDocument(ns) || ns["db"] !== name),
                token
              }))
            )
          : driver.changes(watched, watch)
      )
  }
}
