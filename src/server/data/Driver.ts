/**
 * What a database has to provide to stand behind the embedded server: it executes operations.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { DatabaseError } from "./DatabaseError.ts"
import type { Explanation } from "./Explanation.ts"
import type { Index, IndexOptions } from "./Index.ts"
import type { Answer, Changes, Kind, Namespace, Operation, Watch, Watched } from "./Operation.ts"

/**
 * Executes an operation: all of it happens, or none, but for an `Insert`, whose first documents stay where a later one is
 * refused.
 *
 * @category models
 * @since 0.1.0
 */
export type Run = <K extends Kind>(operation: Operation<K>) => Effect.Effect<Answer<K>, DatabaseError>

/**
 * A transaction with snapshot isolation: its operations see the state at its beginning and their own writes, and other
 * callers see these only after the commit.
 *
 * It never waits. Where another writer has changed the same document since, it fails with code 112 and the label
 * `TransientTransactionError`. An operation that fails ends the transaction.
 *
 * @category models
 * @since 0.1.0
 */
export interface DriverTransaction {
  readonly run: Run
  /** Makes all writes visible at once, and ends the transaction either way. */
  readonly commit: Effect.Effect<void, DatabaseError>
  /** Ends the transaction and discards its writes. */
  readonly abort: Effect.Effect<void>
}

/**
 * A database, as small as it can be. {@link Database.make} makes the service of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Driver {
  readonly run: Run
  /** Fails with `unavailable` while the database cannot be reached. Absent if that cannot be. */
  readonly ready?: Effect.Effect<void, DatabaseError> | undefined
  /** Opens a transaction; when the scope closes, one that is not committed is aborted. */
  readonly transaction: Effect.Effect<DriverTransaction, DatabaseError, Scope.Scope>
  /** The names of the collections of a database that hold documents, in order. */
  readonly collections: (database: Omit<Namespace, "collection">) => Effect.Effect<ReadonlyArray<string>, DatabaseError>
  /** The names of the databases of a data source that hold documents, in order. */
  readonly databases: (
    source: Pick<Namespace, "appId" | "service">
  ) => Effect.Effect<ReadonlyArray<string>, DatabaseError>
  /**
   * Creates an index, of one field or by its options, unless there is the same one; answers with its name. Fails if
   * documents break it. It is kept for the lifetime of the database.
   */
  readonly index: (namespace: Namespace, index: string | IndexOptions) => Effect.Effect<string, DatabaseError>
  /** The indexes of a collection, that of the `_id` first. */
  readonly indexes: (namespace: Namespace) => Effect.Effect<ReadonlyArray<Index>, DatabaseError>
  /** Drops an index by its name. */
  readonly dropIndex: (namespace: Namespace, name: string) => Effect.Effect<void, DatabaseError>
  /** Tells how an operation is executed. It is executed for that, and changes nothing. */
  readonly explain: <K extends Kind>(operation: Operation<K>) => Effect.Effect<Explanation, DatabaseError>
  /**
   * Opens the change events that match, from now on or after a resume token, without end. The first part comes at once:
   * its token is the place where the stream starts. A stream without events has a part now and then, whose token is
   * newer. Fails with code 286 if the changes after a token are no longer kept.
   */
  readonly changes: (
    watched: Watched,
    watch: Watch
  ) => Effect.Effect<Stream.Stream<Changes, DatabaseError>, DatabaseError>
}
