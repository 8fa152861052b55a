/**
 * The transactions of one call, by the ids that the process of its functions gives them: what it sends to the database says
 * in which transaction it belongs, or in none.
 *
 * They last as long as the call. Whatever is not committed by its end, because the function forgot, failed, ran out of
 * time or has no process any more, is aborted; what comes later under its id fails.
 *
 * @since 0.1.0
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

/**
 * The transactions of a call.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionSessions {
  /** Where an operation goes: to the transaction of this id, which its first operation opens, or to the database. */
  readonly operations: (
    database: Database["Service"],
    transactionId: string | undefined
  ) => Effect.Effect<Operations, DatabaseError>
  /** Commits a transaction; one without operations has nothing to commit. */
  readonly commit: (transactionId: string) => Effect.Effect<void, DatabaseError>
  /** Aborts a transaction; one that has ended stays as it is. */
  readonly abort: (transactionId: string) => Effect.Effect<void>
  /** Aborts what is not committed. */
  readonly end: Effect.Effect<void>
}

/**
 * The transactions of a call that begins; whoever makes them must end them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): FunctionSessions => {
  // most calls open none
  let scope: Scope.Closeable | undefined
  // those that have ended stay, so that an operation that comes late finds its transaction ended
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

/**
 * Those of a call that is over.
 *
 * @category constants
 * @since 0.1.0
 */
export const ended: FunctionSessions = {
  operations: (database, id) => (id === undefined ? Effect.succeed(database) : Effect.fail(noTransaction())),
  commit: () => Effect.fail(noTransaction()),
  abort: () => Effect.void,
  end: Effect.void
}
