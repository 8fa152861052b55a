/**
 * What outlives the server: rows of bytes in tables, written before they count.
 *
 * Users and documents are kept in memory, where they are looked up; whatever changes them writes its rows here first, in
 * one commit, and changes the memory only after that. So nothing is ever acknowledged that a restart would not find.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

export interface Row {
  readonly key: string
  readonly value: Uint8Array
}

/** A row that is written in place of the one of its key, or without a `value` removed. */
export interface RowWrite {
  readonly table: string
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** Why nothing of a commit was written: a full disk, a directory that is gone. */
export class RowStoreError extends Schema.TaggedError<RowStoreError>(
  "effect-app-services/server/storage/RowStoreError"
)("RowStoreError", { message: Schema.String }) {}

/** The shape of {@link RowStore}. */
export interface Service {
  /** Whether anything is kept at all: where it is not, nobody needs to make bytes of values. */
  readonly keeps: boolean
  /** The names of the tables that begin so. */
  readonly tables: (prefix: string) => ReadonlyArray<string>
  /** The rows of a table, in the order in which their keys first came. */
  readonly rows: (table: string) => Iterable<Row>
  /**
   * Writes all changes or none, and returns when they are on the disk. It is synchronous, so that it can be one step
   * with what it is about. Throws a {@link RowStoreError}.
   */
  readonly commit: (changes: ReadonlyArray<RowWrite>) => void
}

/** The rows that a server keeps. */
export class RowStore extends Context.Service<RowStore, Service>()("effect-app-services/server/storage/RowStore") {
  /** Keeps nothing. */
  static readonly layerNone: Layer.Layer<RowStore> = Layer.succeed(RowStore, {
    keeps: false,
    tables: () => [],
    rows: () => [],
    commit: () => {}
  })
}

/**
 * A step with a row store as an effect, which fails with the {@link RowStoreError} that the step throws. Anything else that
 * it throws is a defect.
 */
export const attempt = <A>(step: () => A): Effect.Effect<A, RowStoreError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(step())
    } catch (error) {
      return isRowStoreError(error) ? Effect.fail(error) : Effect.die(error)
    }
  })

/** Whether something thrown is a row store's. */
export const isRowStoreError = Schema.is(RowStoreError)
