/**
 * A database as one user sees it: documents that the rules hide are not there, and what they forbid is refused.
 *
 * Nothing that is hidden decides what a user is told, since whatever is told is computed from what is shown:
 *
 * - **Filters, sort orders, counts, projections, pipelines**, and the errors of their expressions, stand behind a view of
 *   what is shown: `rules/rewrite.ts` says why nothing of them tells more. The collections that a pipeline joins are
 *   views, too.
 * - **Changes** are for documents that a filter finds so. A document that is shown in part is changed only if the change
 *   itself, before anything is computed, is seen to depend on nothing hidden: `$set`, `$unset` and `$currentDate` write
 *   the same whatever a field holds, every other operator and every element that is looked for needs all of its field to
 *   be shown, and `$rename`, pipelines and replacements need the whole document. Errors are those of the change applied
 *   to what is shown. A document counts as modified if that differs then, or if what is hidden was written to.
 * - **Events** are made of what is shown of a document before and after a change, and there is no event if that is the
 * same.
 *
 * What a user is told even so is what rules are there to tell: whether a change is allowed, by conditions on whatever
 * fields they name; that an `_id`, or the key of a unique index, is taken; and that a field has no room for one below it that may be written, since it
 * holds no document though the rules speak of its fields.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as KeyedLock from "../../core/keyedLock.ts"
import { atomically, Database, type Service } from "./Database.ts"
import { DatabaseError, duplicateCode } from "./DatabaseError.ts"
import type { Driver, DriverTransaction, Run } from "./Driver.ts"
import { ofId } from "./Index.ts"
import { duplicateMessage } from "./internal/failures.ts"
import { type Answer, type Kind, nameOf, type Namespace, type Operation } from "./Operation.ts"
import { watching } from "./rules/events.ts"
import { joinsOf, type Others } from "./rules/joins.ts"
import { rewrite } from "./rules/rewrite.ts"
import { forbidden, writes } from "./rules/writes.ts"
import type { Access } from "./Rules.ts"

const locks = new WeakMap<Pick<Driver, "run">, ReturnType<typeof KeyedLock.make>>()

/**
 * Serialises changes of a collection: a change is allowed for the current document, so no other change may come
 * between. There is a lock per collection, since functions of rules may be slow.
 */
const exclusively = (
  database: Pick<Driver, "run">,
  { appId, collection, database: name, service }: Namespace
): (<A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => {
  const lock = locks.get(database) ?? KeyedLock.make()
  locks.set(database, lock)
  return lock(JSON.stringify([appId, service, name, collection]))
}

/** The kinds of operations that change documents, which take several steps. */
const changes: ReadonlySet<Kind> = new Set<Kind>(["Update", "Delete", "FindOneAnd"])

/** Whether an operation can be executed as it is. A pipeline may reach other collections. */
const isFree = ({ checkSchema, everything }: Access, kind: Kind): boolean =>
  everything && kind !== "Aggregate" && (checkSchema === undefined || !(changes.has(kind) || kind === "Insert"))

/**
 * Executes operations under the rules of their collection; `others` are the rules of collections that a pipeline reaches.
 *
 * A change is checked and made in one transaction.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (database: Pick<Driver, "run" | "transaction">, access: Access, others: Others): Run => {
  const outside = runIn(database.run, access, others)
  return <K extends Kind>(operation: Operation<K>): Effect.Effect<Answer<K>, DatabaseError> =>
    isFree(access, operation._tag) || !changes.has(operation._tag)
      ? outside(operation)
      : exclusively(
          database,
          operation.namespace
        )(atomically(database, (transaction: DriverTransaction) => runIn(transaction.run, access, others)(operation)))
}

/**
 * What is for users with access to all of a collection: indexes break or speed up the operations of others, and an
 * explanation tells how many documents there are.
 */
export const administration = (
  database: Driver,
  access: Access
): Pick<Driver, "index" | "indexes" | "dropIndex" | "explain"> =>
  access.everything
    ? database
    : {
        index: () => Effect.fail(forbidden("createIndexes")),
        indexes: () => Effect.fail(forbidden("listIndexes")),
        dropIndex: () => Effect.fail(forbidden("dropIndexes")),
        explain: () => Effect.fail(forbidden("explain"))
      }

/**
 * A database whose collection is under rules.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Driver, access: Access, others: Others): Service =>
  Database.make({
    ...database,
    run: run(database, access, others),
    transaction: Effect.map(database.transaction, (transaction) => ({
      ...transaction,
      run: runIn(transaction.run, access, others)
    })),
    collections: () => Effect.fail(forbidden("listCollections")),
    databases: () => Effect.fail(forbidden("listDatabases")),
    ...administration(database, access),
    changes: watching(database.changes, access)
  })

/**
 * Executes operations under rules in a transaction. A change takes several of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runIn = (source: Run, access: Access, others: Others): Run => {
  const aggregate = Effect.fnUntraced(function* (operation: Operation<"Aggregate">) {
    const joins = yield* joinsOf(operation, access, others)
    return yield* source({ ...(yield* rewrite.Aggregate(operation, access, source)), joins })
  })
  const handlers: { readonly [K in Kind]: (operation: Operation<K>) => Effect.Effect<Answer<K>, DatabaseError> } = {
    ...writes(source, access),
    Find: (operation) => Effect.flatMap(rewrite.Find(operation, access, source), (it) => source(it)),
    Count: (operation) => Effect.flatMap(rewrite.Count(operation, access, source), (it) => source(it)),
    Distinct: (operation) => Effect.flatMap(rewrite.Distinct(operation, access, source), (it) => source(it)),
    Aggregate: aggregate
  }
  return (operation) => {
    if (isFree(access, operation._tag)) return source(operation)
    const answer = handlers[operation._tag](operation)
    return access.everything ? answer : Effect.mapError(answer, withoutKey(operation.namespace))
  }
}

/** The error of a duplicate key without its values, of which some may be hidden. That of an `_id` is not secret. */
const withoutKey =
  (namespace: Namespace) =>
  (error: DatabaseError): DatabaseError => {
    const { index, inserted } = error
    if (index === undefined || index === ofId.name) return error
    const message = duplicateMessage({ collection: nameOf(namespace), index })
    return new DatabaseError({ message, code: duplicateCode, index, ...(inserted !== undefined && { inserted }) })
  }
