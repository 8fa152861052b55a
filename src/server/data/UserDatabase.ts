/**
 * The database as one user of an application may use it: every collection under its rules, and no collection without rules.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as DataAccess from "./DataAccess.ts"
import { Database, type Service } from "./Database.ts"
import { DatabaseError, forbiddenCode } from "./DatabaseError.ts"
import type { Driver, Run } from "./Driver.ts"
import { bounded } from "./internal/failures.ts"
import type { Namespace } from "./Operation.ts"
import * as RuledDatabase from "./RuledDatabase.ts"
import { watching } from "./rules/events.ts"
import * as Rules from "./Rules.ts"

/** The rules of an open collection: it has rules too, so that its pipelines are restricted like those of others. */
const openRules = Result.getOrThrow(Rules.compile({ roles: [{ read: true, write: true, insert: true, delete: true }] }))

const refused = (message: string) => new DatabaseError({ message, code: forbiddenCode })

/**
 * Creates a user's database from the whole one. An operation that the rules deny fails with the code `forbiddenCode`;
 * `explain` may add to any error.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  whole: Driver,
  sources: ReadonlyMap<string, DataAccess.DataSource>,
  given: Rules.Given,
  explain: (error: DatabaseError, namespace: Namespace) => DatabaseError = (error) => error
): Service => {
  const sourceOf = (service: string) => {
    const source = sources.get(service)
    return source === undefined
      ? Effect.fail(refused(`the application has no data source "${service}"`))
      : Effect.succeed(source)
  }
  const accessOf = (source: DataAccess.DataSource, { collection, database }: Namespace) => {
    const access = DataAccess.accessTo(source, database, collection)
    if (access === false) return Effect.undefined
    const rules = (access === true ? openRules : access).accessOf(given)
    const schema = DataAccess.schemaOf(source, database, collection)
    return schema === undefined
      ? rules
      : Effect.map(rules, (access): Rules.Access => ({ ...access, checkSchema: schema.checkFor(given) }))
  }
  /** The access to a collection, and to others. */
  const rulesOf = Effect.fnUntraced(function* (namespace: Namespace) {
    const { collection, database, service } = namespace
    const source = yield* sourceOf(service)
    const access = yield* accessOf(source, namespace)
    if (access === undefined) {
      return yield* refused(`no rule exists for namespace '${database}.${collection}': it is closed to clients`)
    }
    return { access, others: (other: Namespace) => accessOf(source, other) }
  })

  type Ruled = Effect.Success<ReturnType<typeof rulesOf>>
  /** Uses a collection under its rules, within the limits of one operation. */
  const ruled = <A>(namespace: Namespace, use: (rules: Ruled) => Effect.Effect<A, DatabaseError>) =>
    Effect.mapError(bounded(Effect.flatMap(rulesOf(namespace), use)), (error) => explain(error, namespace))

  type Administration = ReturnType<typeof RuledDatabase.administration>
  const administer = <A>(namespace: Namespace, use: (it: Administration) => Effect.Effect<A, DatabaseError>) =>
    ruled(namespace, ({ access }) => use(RuledDatabase.administration(whole, access)))

  const run: Run = (operation) =>
    ruled(operation.namespace, ({ access, others }) => RuledDatabase.run(whole, access, others)(operation))

  return Database.make({
    run,
    transaction: Effect.map(whole.transaction, (transaction) => ({
      ...transaction,
      run: (operation) =>
        ruled(operation.namespace, ({ access, others }) =>
          RuledDatabase.runIn(transaction.run, access, others)(operation)
        )
    })),
    // names of collections are not documents: users of a data source may list them
    collections: (name) => Effect.andThen(sourceOf(name.service), whole.collections(name)),
    databases: (source) => Effect.andThen(sourceOf(source.service), whole.databases(source)),
    index: (namespace, index) => administer(namespace, (it) => it.index(namespace, index)),
    indexes: (namespace) => administer(namespace, (it) => it.indexes(namespace)),
    dropIndex: (namespace, name) => administer(namespace, (it) => it.dropIndex(namespace, name)),
    explain: (operation) => administer(operation.namespace, (it) => it.explain(operation)),
    changes: ({ appId, collection, database, service }, watch) => {
      if (database === undefined || collection === undefined) {
        return Effect.fail(refused("a whole database cannot be watched under rules: name a collection"))
      }
      const namespace = { appId, service, database, collection }
      return ruled(namespace, ({ access }) => watching(whole.changes, access)(namespace, watch))
    }
  })
}
