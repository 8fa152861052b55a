/**
 * The transactions of one call of a function, by the ids that the function's side gives them: what it sends to the
 * database says in which transaction it belongs, or in none.
 *
 * They last as long as the scope of the call. Whatever is not committed by then, because the function forgot, failed or
 * ran out of time, is aborted; what comes later under its id fails.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Database, DatabaseError, Operations, Transaction } from "../data/Database.ts"

/**
 * The transactions of a call.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionSessions {
  /** Where an operation goes: to the transaction of this id, which its first operation opens, or to the database. */
  readonly operations: (transactionId: string | undefined) => Effect.Effect<Operations, DatabaseError>
  /** Commits a transaction; one without operations has nothing to commit. */
  readonly commit: (transactionId: string) => Effect.Effect<void, DatabaseError>
  /** Aborts a transaction; one that has ended stays as it is. */
  readonly abort: (transactionId: string) => Effect.Effect<void>
}

/**
 * Transactions of a call that ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Database["Service"], scope: Scope.Scope): FunctionSessions => {
  // those that have ended stay, so that an operation that comes late finds its transaction ended
  const transactions = new Map<string, Transaction>()
  const open = (id: string) =>
    Effect.tap(Effect.provideService(database.transaction, Scope.Scope, scope), (transaction) =>
      Effect.sync(() => transactions.set(id, transaction))
    )
  return {
    operations: (id) =>
      id === undefined
        ? Effect.succeed(database)
        : Effect.suspend(() => {
            const found = transactions.get(id)
            return found === undefined ? open(id) : Effect.succeed(found)
          }),
    commit: (id) => Effect.suspend(() => transactions.get(id)?.commit ?? Effect.void),
    abort: (id) => Effect.suspend(() => transactions.get(id)?.abort ?? Effect.void)
  }
}
