/** Client sessions of functions, `startSession()` of a MongoDB service, with their transactions. */
import type { transientLabel } from "../../data/Database.ts"
import { isDocument } from "../../data/internal/bson.ts"

interface Host {
  readonly database: {
    readonly commit: (transactionId: string) => PromiseLike<void>
    readonly abort: (transactionId: string) => PromiseLike<void>
  }
}

/** The sessions of one call. */
export interface ClientSessions {
  readonly start: () => object
  /** The transaction of an operation with this `session`, if there is one. Throws if it is not a session of this call. */
  readonly transactionOf: (session: unknown) => string | undefined
}

/** The accepted options of a transaction; they hold for every transaction anyway. */
const optionNames = new Set(["readConcern", "writeConcern", "readPreference", "maxCommitTimeMS"])

/** Imported as a type only: the process of the functions does not load the database. */
const transient: typeof transientLabel = "TransientTransactionError"

interface State {
  transaction: string | undefined
  /** How the last transaction ended. */
  last: "committed" | "failed to commit" | "aborted" | undefined
  ended: boolean
}

/** The id of the last transaction of this process. */
let lastId = 0

const isTransient = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "errorLabels" in error &&
  Array.isArray(error.errorLabels) &&
  error.errorLabels.includes(transient)

/** The sessions of one call. The ids of their transactions are unique in the process. */
export const make = ({ database }: Host): ClientSessions => {
  const sessions = new WeakMap<object, State>()

  const start = (): object => {
    const state: State = { transaction: undefined, last: undefined, ended: false }

    const begin = (settings: unknown): void => {
      const options = isDocument(settings) ? Object.keys(settings) : []
      const unknown = options.find((name) => !optionNames.has(name))
      if (unknown !== undefined) throw new Error(`the option "${unknown}" of a transaction is not supported`)
      if (state.ended) throw new Error("Cannot use a session that has ended")
      if (state.transaction !== undefined) throw new Error("Transaction already in progress")
      state.transaction = String(++lastId)
      state.last = undefined
    }
    /** Commits the transaction. As in drivers, one that is committed may be committed again. */
    const commit = async (): Promise<void> => {
      const { last, transaction } = state
      if (transaction === undefined) {
        if (last === "committed") return
        throw new Error(
          last === "aborted" ? "Cannot call commitTransaction after calling abortTransaction" : "No transaction started"
        )
      }
      // later operations do not belong to it
      state.transaction = undefined
      state.last = "failed to commit"
      await database.commit(transaction)
      state.last = "committed"
    }
    /** Aborts the transaction, unless it is aborted already or could not be committed. */
    const abort = async (): Promise<void> => {
      const { last, transaction } = state
      if (transaction !== undefined) {
        state.transaction = undefined
        state.last = "aborted"
        return database.abort(transaction)
      }
      if (last === undefined) throw new Error("No transaction started")
      if (last === "committed") throw new Error("Cannot call abortTransaction after calling commitTransaction")
    }

    const withTransaction = async (callback: unknown, settings: unknown): Promise<unknown> => {
      if (typeof callback !== "function") throw new Error("withTransaction needs a function")
      begin(settings)
      try {
        const result: unknown = await Reflect.apply(callback, undefined, [session])
        // the callback may have committed or aborted itself
        if (state.transaction !== undefined) await commit()
        return result
      } catch (error) {
        if (state.transaction !== undefined) await abort()
        if (!isTransient(error)) throw error
      }
      return withTransaction(callback, settings)
    }

    const session: object = {
      startTransaction: begin,
      commitTransaction: commit,
      abortTransaction: abort,
      inTransaction: () => state.transaction !== undefined,
      withTransaction,
      endSession: () => {
        state.ended = true
        return state.transaction === undefined ? Promise.resolve() : abort()
      }
    }
    sessions.set(session, state)
    return session
  }

  return {
    start,
    transactionOf: (session) => {
      if (session === undefined || session === null) return undefined
      const state = typeof session === "object" ? sessions.get(session) : undefined
      if (state === undefined) throw new Error("the option session must be what startSession of this call answered")
      if (state.ended) throw new Error("Cannot use a session that has ended")
      return state.transaction
    }
  }
}
