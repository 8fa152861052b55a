/**
 * The transactions of one call, by ids that the process of its functions assigns. Each operation names its transaction,
 * or none.
 *
 * They live as long as the call. A transaction that is not committed at its end (forgotten, failed, timed out, or the
 * process ended) is aborted; later operations with its id fail.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import {
  type Database,
  type DatabaseError,
  noTransaction,
  type Operations,
  type Transaction
} from "../data/Database.ts"

/** The transactions of a call. */
export interface Transactions {
  /** The target of an operation: the transaction of this id, which its first operation opens, or the database. */
  readonly operations: (
    database: Database["Service"],
    transactionId: string | undefined
  ) => Effect.Effect<Operations, DatabaseError>
  /** Commits a transaction; does nothing for one without operations. */
  readonly commit: (transactionId: string) => Effect.Effect<void, DatabaseError>
  /** Aborts a transaction; does nothing if it has ended. */
  readonly abort: (transactionId: string) => Effect.Effect<void>
  /** Aborts all uncommitted transactions. */
  readonly end: Effect.Effect<void>
}

/** The transactions of a new call; the caller must end them. */
export const make = (): Transactions => {
  // most calls do not open a transaction
  let scope: Scope.Closeable | undefined
  // ended ones are kept, so that late operations fail
  const transactions = new Map<string, Transaction>()
  let over = false
  const open = (database: Database["Service"], id: string) =>
    Effect.tap(
      Effect.provideService(database.transaction, Scope.Scope, (scope ??= Scope.makeUnsafe())),
      (transaction) => Effect.sync(() => transactions.set(id, transaction))
    )
  const unlessOver = <A>(effect: () => Effect.Effect<A, DatabaseError>) =>
    Effect.suspend(() => (over ? Effect.fail(noTransaction()) : effect()))
  return {
    operations: (database, id) =>
      id === undefined
        ? Effect.succeed(database)
        : unlessOver(() => {
            const found = transactions.get(id)
            return found === undefined ? open(database, id) : Effect.succeed(found)
          }),
    commit: (id) => unlessOver(() => transactions.get(id)?.commit ?? Effect.void),
    abort: (id) => Effect.suspend(() => transactions.get(id)?.abort ?? Effect.void),
    end: Effect.suspend(() => {
      over = true
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    })
  }
}

/** The transactions of a call that has ended. */
export const ended: Transactions = {
  operations: (database, id) => (id === undefined ? Effect.succeed(database) : Effect.fail(noTransaction())),
  commit: () => Effect.fail(noTransaction()),
  abort: () => Effect.void,
  end: Effect.void
}
