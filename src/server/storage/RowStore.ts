/**
 * Durable row store: rows of bytes by key, in tables.
 *
 * Users and documents are held and looked up in memory. A change writes its rows here first, in one commit, and changes
 * the memory afterwards (write-ahead). Nothing is acknowledged that a restart would not find.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

/** A row of a table. */
export interface Row {
  readonly key: string
  readonly value: Uint8Array
}

/** A write of a row: replaces the row of its key, or removes it if there is no `value`. */
export interface RowWrite {
  readonly table: string
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** Removes the rows of a table up to a key and including it. */
export interface RowRemoval {
  readonly table: string
  readonly through: string
}

/** A change of rows. */
export type RowChange = RowWrite | RowRemoval

/** A consistent copy of all rows: the bytes of one file. */
export type Snapshot = Stream.Stream<Uint8Array, RowStoreError>

/** A commit failed, and nothing of it was written: the disk is full, or the directory was removed. */
export class RowStoreError extends Schema.TaggedError<RowStoreError>(
  "effect-app-services/server/storage/RowStoreError"
)("RowStoreError", { message: Schema.String }) {}

/** The shape of {@link RowStore}. */
export interface Service {
  /** Whether rows are stored at all. If not, values need not be encoded. */
  readonly keeps: boolean
  /** The names of the tables with a prefix. */
  readonly tables: (prefix: string) => ReadonlyArray<string>
  /** The rows of a table, in the order in which their keys were first written. */
  readonly rows: (table: string) => Iterable<Row>
  /** The rows of a table after a key, in the order of their keys. */
  readonly rowsAfter: (table: string, key: string) => Iterable<Row>
  /**
   * Commits all writes or none, and returns when they are on the disk. It is synchronous, so that no other fiber runs
   * between the commit and the change in memory. Throws a {@link RowStoreError}.
   */
  readonly commit: (changes: ReadonlyArray<RowChange>) => void
  /**
   * Copies all rows while commits go on: it has every commit that was acknowledged before it began, and each later one as a
   * whole or not at all. It can be read until the scope closes. `undefined` if no rows are stored.
   */
  readonly snapshot: Effect.Effect<Snapshot, RowStoreError, Scope.Scope> | undefined
}

/** The rows of a server. */
export class RowStore extends Context.Service<RowStore, Service>()("effect-app-services/server/storage/RowStore") {
  /** Stores nothing. */
  static readonly none: Service = {
    keeps: false,
    tables: () => [],
    rows: () => [],
    rowsAfter: () => [],
    commit: () => {},
    snapshot: undefined
  }
  /** Stores nothing. */
  static readonly layerNone: Layer.Layer<RowStore> = Layer.sync(RowStore, () => RowStore.none)
}

/**
 * A synchronous step as an effect that fails with a {@link RowStoreError} that the step throws. Other exceptions are
 * defects.
 */
export const attempt = <A>(step: () => A): Effect.Effect<A, RowStoreError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(step())
    } catch (error) {
      return isRowStoreError(error) ? Effect.fail(error) : Effect.die(error)
    }
  })

/** Whether an exception is a {@link RowStoreError}. */
export const isRowStoreError = Schema.is(RowStoreError)
