/**
 * The documents of the hosted applications: what functions, clients and custom user data read and write.
 *
 * Operations are values: `run` executes any of them, and the methods beside it say the same by name. Documents go in and
 * come out as copies. The embedded database keeps everything in memory, and in a row store whatever has to outlive the
 * server: an operation's writes are committed there before they count. Another database stands behind the server as a
 * `Driver`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CurrentLimits, type Limits } from "../storage/EventLog.ts"
import { RowStore, RowStoreError } from "../storage/RowStore.ts"
import { DatabaseError, isUnavailable, transientLabel } from "./DatabaseError.ts"
import type { Driver, DriverTransaction, Run } from "./Driver.ts"
import { asError, ended } from "./internal/failures.ts"
import type {
  Answer,
  Delete,
  Document,
  Evaluation,
  Find,
  FindOneAnd,
  Namespace,
  Update,
  Watch,
  Watched
} from "./Operation.ts"
import * as Memory from "./store/memory.ts"

export { DatabaseError, duplicateCode, isUnavailable, transientLabel, unavailable } from "./DatabaseError.ts"
export { bounded } from "./internal/failures.ts"
export type { Driver, DriverTransaction, Run } from "./Driver.ts"
export type { Explanation, Search } from "./Explanation.ts"
export type { Index, IndexOptions } from "./Index.ts"
export type {
  Answer,
  Change,
  Changes,
  Delete,
  Document,
  Evaluation,
  Find,
  FindOneAnd,
  Kind,
  Namespace,
  Operation,
  Restricted,
  Update,
  UpdateResult,
  Viewed,
  Watch,
  Watched
} from "./Operation.ts"
export type { Case, Condition, Mask, View } from "./View.ts"

type Asking<A> = Effect.Effect<A, DatabaseError>

/**
 * Operations on documents, each in one atomic step: `run` takes them as values, the methods by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operations {
  readonly run: Run
  /** Inserts documents in order, up to the first that is refused; those before it stay. Answers with their ids. */
  readonly insert: (namespace: Namespace, documents: ReadonlyArray<Document>) => Asking<Answer<"Insert">>
  readonly find: (namespace: Namespace, find: Find) => Asking<Answer<"Find">>
  readonly update: (namespace: Namespace, update: Update) => Asking<Answer<"Update">>
  /** Answers with how many documents were deleted. */
  readonly delete: (namespace: Namespace, deletion: Delete) => Asking<Answer<"Delete">>
  /** Finds the first document, changes or deletes it, and answers with it, before the change by default. */
  readonly findOneAnd: (namespace: Namespace, find: FindOneAnd) => Asking<Answer<"FindOneAnd">>
  /** Runs a pipeline. One that ends with `$out` or `$merge` writes its results, and answers with none. */
  readonly aggregate: (
    namespace: Namespace,
    pipeline: ReadonlyArray<Document>,
    evaluation?: Evaluation
  ) => Asking<Answer<"Aggregate">>
  readonly count: (namespace: Namespace, find: Omit<Find, "projection">) => Asking<Answer<"Count">>
  readonly distinct: (
    namespace: Namespace,
    field: string,
    filter: Document,
    evaluation?: Evaluation
  ) => Asking<Answer<"Distinct">>
}

/**
 * Operations that are committed together, with snapshot isolation: see `DriverTransaction`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transaction extends Operations, DriverTransaction {}

/**
 * What the `Database` service offers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service extends Operations, Omit<Driver, "transaction"> {
  /** Opens a transaction; when the scope closes, one that is not committed is aborted. */
  readonly transaction: Effect.Effect<Transaction, DatabaseError, Scope.Scope>
  /** Opens the change events that match, from now on or after a resume token, without end: the events of `changes`. */
  readonly watch: (
    watched: Watched,
    watch: Watch
  ) => Effect.Effect<Stream.Stream<Document, DatabaseError>, DatabaseError>
}

/**
 * Documents by collection, each with an `_id` that is unique in it.
 *
 * @category services
 * @since 0.1.0
 */
export class Database extends Context.Service<Database, Service>()("effect-app-services/server/data/Database") {
  /** Makes the service of a driver. */
  static readonly make = (driver: Driver): Service => ({
    ...driver,
    ...operations(driver.run),
    watch: (watched, watch) =>
      Effect.map(
        driver.changes(watched, watch),
        Stream.flatMap(({ events }) => Stream.fromIterable(events))
      ),
    transaction: Effect.map(driver.transaction, (transaction) => ({ ...transaction, ...operations(transaction.run) }))
  })

  /**
   * Keeps documents in memory and in the row store. Fails where the row store holds anything but documents.
   *
   * Resume tokens are valid for as long as the row store keeps its rows, and the change log the events after them.
   */
  static readonly layer: Layer.Layer<Database, RowStoreError, RowStore> = Layer.effect(
    Database,
    Effect.gen(function* () {
      const rowStore = yield* RowStore
      const limits = yield* CurrentLimits
      return yield* Effect.try({
        try: () => makeMemory(rowStore, limits),
        catch: (cause) => new RowStoreError({ message: `the documents cannot be read: ${asError(cause).message}` })
      })
    })
  )

  /** Keeps everything in memory, for the lifetime of the layer. */
  static readonly layerMemory: Layer.Layer<Database> = Layer.sync(Database, () => makeMemory())
}

/**
 * The methods that say by name what `run` takes as values.
 *
 * @category constructors
 * @since 0.1.0
 */
export const operations = (run: Run): Operations => ({
  run,
  insert: (namespace, documents) => run({ _tag: "Insert", namespace, documents }),
  find: (namespace, find) => run({ ...find, _tag: "Find", namespace }),
  update: (namespace, update) => run({ ...update, _tag: "Update", namespace }),
  delete: (namespace, deletion) => run({ ...deletion, _tag: "Delete", namespace }),
  findOneAnd: (namespace, find) => run({ ...find, _tag: "FindOneAnd", namespace }),
  aggregate: (namespace, pipeline, evaluation) => run({ ...evaluation, _tag: "Aggregate", namespace, pipeline }),
  count: (namespace, find) => run({ ...find, _tag: "Count", namespace }),
  distinct: (namespace, field, filter, evaluation) => run({ ...evaluation, _tag: "Distinct", namespace, field, filter })
})

/**
 * Runs `use` in a transaction and retries it from the start on a write conflict, up to 20 times; side effects repeat. A
 * database that cannot be reached is not waited for.
 *
 * @category combinators
 * @since 0.1.0
 */
export const atomically = <A, E, T extends DriverTransaction>(
  database: { readonly transaction: Effect.Effect<T, DatabaseError, Scope.Scope> },
  use: (transaction: T) => Effect.Effect<A, E>
): Effect.Effect<A, E | DatabaseError> =>
  Effect.scoped(
    Effect.flatMap(database.transaction, (transaction) => Effect.tap(use(transaction), transaction.commit))
  ).pipe(Effect.retry({ times: 20, while: (error) => error instanceof DatabaseError && isTransient(error) }))

const isTransient = (error: DatabaseError): boolean =>
  error.labels?.includes(transientLabel) === true && !isUnavailable(error)

/**
 * The error of an operation in a transaction that has ended.
 *
 * @internal
 */
export const noTransaction = (): DatabaseError => asError(ended())

/**
 * A database in memory that nothing else reaches. Throws where the row store holds what it cannot read.
 *
 * @internal
 */
export const makeMemory = (rowStore?: RowStore["Service"], logLimits?: Limits): Service =>
  Database.make(Memory.make(rowStore, logLimits))
