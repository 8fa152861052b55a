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
import { type Database, noTransaction, type Operations, type Transaction } from "../data/Database.ts"
import { DatabaseError } from "../data/DatabaseError.ts"

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
  /** Refuses all further operations of transactions. Returns what aborts the uncommitted ones, if there may be any. */
  readonly end: () => Effect.Effect<void> | undefined
}

/** How many transactions a call can open: each holds memory until the call ends. */
const most = 10_000

const tooMany = () =>
  new DatabaseError({ message: `a call can open at most ${most} transactions: put several operations into each` })

/** The transactions of a new call; the caller must end them. */
export const make = (): Transactions => new OfCall()

class OfCall implements Transactions {
  // most calls do not open a transaction
  #scope: Scope.Closeable | undefined
  // ended ones are kept, so that late operations fail
  #transactions: Map<string, Transaction> | undefined
  #over = false

  operations(
    database: Database["Service"],
    transactionId: string | undefined
  ): Effect.Effect<Operations, DatabaseError> {
    if (transactionId === undefined) return Effect.succeed(database)
    return this.#unlessOver(() => {
      const found = this.#transactions?.get(transactionId)
      if (found !== undefined) return Effect.succeed(found)
      return (this.#transactions?.size ?? 0) < most ? this.#open(database, transactionId) : Effect.fail(tooMany())
    })
  }

  commit(transactionId: string): Effect.Effect<void, DatabaseError> {
    return this.#unlessOver(() => this.#transactions?.get(transactionId)?.commit ?? Effect.void)
  }

  abort(transactionId: string): Effect.Effect<void> {
    return Effect.suspend(() => this.#transactions?.get(transactionId)?.abort ?? Effect.void)
  }

  end(): Effect.Effect<void> | undefined {
    this.#over = true
    return this.#scope === undefined ? undefined : Scope.close(this.#scope, Exit.void)
  }

  #open(database: Database["Service"], id: string): Effect.Effect<Transaction, DatabaseError> {
    return Effect.tap(
      Effect.provideService(database.transaction, Scope.Scope, (this.#scope ??= Scope.makeUnsafe())),
      (transaction) => Effect.sync(() => (this.#transactions ??= new Map()).set(id, transaction))
    )
  }

  #unlessOver<A>(effect: () => Effect.Effect<A, DatabaseError>): Effect.Effect<A, DatabaseError> {
    return Effect.suspend(() => (this.#over ? Effect.fail(noTransaction()) : effect()))
  }
}

/** The transactions of a call that has ended. */
export const ended: Transactions = {
  operations: (database, id) => (id === undefined ? Effect.succeed(database) : Effect.fail(noTransaction())),
  commit: () => Effect.fail(noTransaction()),
  abort: () => Effect.void,
  end: () => undefined
}
