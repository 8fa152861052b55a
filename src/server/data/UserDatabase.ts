/**
 * The database as one user of an application may use it: every collection by its own rules, and nothing of those that
 * have none.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as DataAccess from "./DataAccess.ts"
import { bounded, Database, DatabaseError, type Namespace, type Operations } from "./Database.ts"
import * as RuledDatabase from "./RuledDatabase.ts"
import * as Rules from "./Rules.ts"

/** The rules of an open collection: it is a ruled one, so that its pipelines reach no more than those of others. */
const openRules = Result.getOrThrow(Rules.compile({ roles: [{ read: true, write: true, insert: true, delete: true }] }))

/**
 * Makes a user's database of the whole one. An operation that no rule allows fails with the code
 * `RuledDatabase.forbiddenCode`; `explain` may say more of any failure.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  whole: Database["Service"],
  sources: ReadonlyMap<string, DataAccess.DataSource>,
  given: Rules.Given,
  explain: (error: DatabaseError, namespace: Namespace) => DatabaseError = (error) => error
): Database["Service"] => {
  /** What the rules of a collection allow, and which others they leave open. */
  const rulesOf = Effect.fnUntraced(function* ({ collection, database, service }: Namespace) {
    const source = sources.get(service)
    if (source === undefined) {
      return yield* new DatabaseError({
        message: `the application has no data source "${service}"`,
        code: RuledDatabase.forbiddenCode
      })
    }
    const access = DataAccess.accessTo(source, database, collection)
    if (access === false) {
      return yield* new DatabaseError({
        message: `no rule exists for namespace '${database}.${collection}': it is closed to clients`,
        code: RuledDatabase.forbiddenCode
      })
    }
    const isOpen: RuledDatabase.IsOpen = (other) => {
      const access = DataAccess.accessTo(source, other.database, other.collection)
      return typeof access === "boolean"
        ? Effect.succeed(access)
        : Effect.map(access.accessOf(given), ({ everything }) => everything)
    }
    return { access: yield* (access === true ? openRules : access).accessOf(given), isOpen }
  })
  const open = (namespace: Namespace) =>
    Effect.map(rulesOf(namespace), ({ access, isOpen }) => RuledDatabase.make(whole, access, isOpen))
  const openIn = (transaction: Operations) => (namespace: Namespace) =>
    Effect.map(rulesOf(namespace), ({ access, isOpen }) => RuledDatabase.operations(transaction, access, isOpen))
  const operations = (open: (namespace: Namespace) => Effect.Effect<Operations, DatabaseError>): Operations => {
    const use = using(open, explain)
    return {
      insert: use((database, ...args) => database.insert(...args)),
      find: use((database, ...args) => database.find(...args)),
      update: use((database, ...args) => database.update(...args)),
      delete: use((database, ...args) => database.delete(...args)),
      findOneAnd: use((database, ...args) => database.findOneAnd(...args)),
      aggregate: use((database, ...args) => database.aggregate(...args)),
      count: use((database, ...args) => database.count(...args)),
      distinct: use((database, ...args) => database.distinct(...args))
    }
  }
  const use = using(open, explain)

  return Database.of({
    ...operations(open),
    transaction: Effect.map(whole.transaction, (transaction) => ({
      ...operations(openIn(transaction)),
      commit: transaction.commit,
      abort: transaction.abort
    })),
    // names are no documents: who may use any of the data source may know what there is
    collections: (name) =>
      sources.has(name.service)
        ? whole.collections(name)
        : Effect.fail(
            new DatabaseError({
              message: `the application has no data source "${name.service}"`,
              code: RuledDatabase.forbiddenCode
            })
          ),
    index: use((database, ...args) => database.index(...args)),
    watch: use((database, ...args) => database.watch(...args))
  })
}

/** Runs an operation where its collection is open. */
const using =
  <Opened>(
    open: (namespace: Namespace) => Effect.Effect<Opened, DatabaseError>,
    explain: (error: DatabaseError, namespace: Namespace) => DatabaseError
  ) =>
  <A extends ReadonlyArray<unknown>, B>(
    operation: (database: Opened, namespace: Namespace, ...args: A) => Effect.Effect<B, DatabaseError>
  ) =>
  (namespace: Namespace, ...args: A): Effect.Effect<B, DatabaseError> =>
    Effect.mapError(
      bounded(Effect.flatMap(open(namespace), (database) => operation(database, namespace, ...args))),
      (error) => explain(error, namespace)
    )
