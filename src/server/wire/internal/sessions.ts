/** Sessions of clients: their transaction, and the replies to their newest retryable write. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as KeyedLock from "../../../core/keyedLock.ts"
import type { DriverTransaction, Driver } from "../../data/Driver.ts"
import { transientLabel, type DatabaseError } from "../../data/DatabaseError.ts"
import type { Document } from "../../data/Operation.ts"
import { sizeOf } from "../../language/Value.ts"
import { fail, failure } from "./errors.ts"

/** How long a session may be idle, in minutes, as `hello` announces it. */
export const timeoutMinutes = 30

/** The most sessions; beyond it, the one that was idle for longest ends. */
const mostSessions = 10_000

/** How long a transaction may be open, in milliseconds. */
const mostOpen = 60_000

/** The most bytes of replies that are kept for retries. */
const mostReplies = 32 * 1024 * 1024

/** A transaction of a session. */
interface Transaction {
  readonly driver: DriverTransaction
  readonly scope: Scope.Closeable
  readonly since: number
  state: "open" | "committed" | "aborted"
  /** What becomes true with the commit, beside the documents. */
  readonly committed: Array<() => void>
}

/** A session. */
export interface Session {
  readonly key: string
  readonly user: string
  lastUse: number
  /** The newest number of a transaction or a retryable write. */
  number: bigint
  transaction: Transaction | undefined
  /** The reply to the retryable write of this number; `undefined` once it is no longer kept. */
  reply: { readonly size: number; document: Document | undefined } | undefined
}

/** All sessions of a server. */
export class Sessions {
  readonly #sessions = new Map<string, Session>()
  readonly #lock = KeyedLock.make()
  readonly #database: Pick<Driver, "transaction">
  readonly #scope: Scope.Scope
  /** The bytes of the replies that are kept. */
  #kept = 0

  /** The scope is that of the server: transactions that are open when it closes are aborted. */
  constructor(database: Pick<Driver, "transaction">, scope: Scope.Scope) {
    this.#database = database
    this.#scope = scope
  }

  /** How many there are. */
  get size(): number {
    return this.#sessions.size
  }

  /** The session of a user; a new one the first time. */
  find(id: string, user: string): Effect.Effect<Session> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const key = `${user}/${id}`
      const session = this.#sessions.get(key) ?? {
        key,
        user,
        lastUse: now,
        number: -1n,
        transaction: undefined,
        reply: undefined
      }
      session.lastUse = now
      // in the order of their use
      this.#sessions.delete(key)
      this.#sessions.set(key, session)
      const [oldest] = this.#sessions.values()
      return Effect.as(
        this.#sessions.size > mostSessions && oldest !== undefined ? this.end(oldest) : Effect.void,
        session
      )
    })
  }

  /** Commands of one session that change its state run one after the other. */
  exclusively(session: Session): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> {
    return this.#lock(session.key)
  }

  /** Makes a number of the client's the newest one; fails for an older one. */
  advance(session: Session, number: bigint): Effect.Effect<void, DatabaseError> {
    return Effect.suspend(() => {
      if (number < session.number) {
        return fail(
          "TransactionTooOld",
          `Cannot start transaction with { txnNumber: ${number} } on session because a newer transaction with txnNumber ${session.number} has already started`
        )
      }
      if (number === session.number) return Effect.void
      session.number = number
      this.#forget(session)
      return Effect.ensuring(
        this.#abort(session),
        Effect.sync(() => {
          session.transaction = undefined
        })
      )
    })
  }

  /** Begins a transaction with the newest number. */
  begin(session: Session, number: bigint): Effect.Effect<void, DatabaseError> {
    return Effect.gen({ self: this }, function* () {
      if (number === session.number) {
        return yield* fail("IllegalOperation", `the transaction ${number} was started before, or is a retryable write`)
      }
      yield* this.advance(session, number)
      const scope = yield* Scope.fork(this.#scope)
      const driver = yield* Effect.provideService(this.#database.transaction, Scope.Scope, scope)
      session.transaction = { driver, scope, since: yield* Clock.currentTimeMillis, state: "open", committed: [] }
    })
  }

  /** The open transaction with a number. */
  open(session: Session, number: bigint): Effect.Effect<DriverTransaction, DatabaseError> {
    return Effect.suspend(() => {
      const { transaction } = session
      if (number === session.number && transaction?.state === "open") return Effect.succeed(transaction.driver)
      if (number === session.number && transaction?.state === "committed") {
        return fail("TransactionCommitted", `Transaction with { txnNumber: ${number} } has been committed.`)
      }
      return Effect.fail(noTransaction(number))
    })
  }

  /** Commits. A second time it does nothing, since the client may not have received the first reply. */
  commit(session: Session, number: bigint): Effect.Effect<void, DatabaseError> {
    return Effect.suspend(() => {
      const { transaction } = session
      if (number === session.number && transaction?.state === "committed") return Effect.void
      return Effect.flatMap(this.open(session, number), (driver) =>
        driver.commit.pipe(
          Effect.tap(() => {
            for (const then of session.transaction?.committed ?? []) then()
            return this.#close(session, "committed")
          }),
          Effect.tapError(() => this.#close(session, "aborted"))
        )
      )
    })
  }

  abort(session: Session, number: bigint): Effect.Effect<void, DatabaseError> {
    return Effect.andThen(this.open(session, number), this.#abort(session))
  }

  /** Aborts the transaction of a session, if one is open. */
  #abort(session: Session): Effect.Effect<void> {
    return this.#close(session, "aborted")
  }

  #close(session: Session, state: "committed" | "aborted"): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { transaction } = session
      if (transaction?.state !== "open") return Effect.void
      transaction.state = state
      return Scope.close(transaction.scope, Exit.void)
    })
  }

  /** Notes that an operation of a transaction failed, which ended it. */
  failed(session: Session): Effect.Effect<void> {
    return this.#abort(session)
  }

  /** The reply that a retryable write was given before. */
  replyTo(session: Session, number: bigint): Effect.Effect<Document | undefined, DatabaseError> {
    return Effect.suspend(() => {
      if (number !== session.number) return Effect.as(this.advance(session, number), undefined)
      if (session.transaction !== undefined && session.reply === undefined) {
        return fail("IllegalOperation", `the number ${number} is that of a transaction, not of a retryable write`)
      }
      if (session.reply === undefined || session.reply.document !== undefined) {
        return Effect.succeed(session.reply?.document)
      }
      return fail(
        "IncompleteTransactionHistory",
        `the write ${number} was executed before, and its result is no longer kept`
      )
    })
  }

  /** Keeps the reply to the newest retryable write; the oldest ones are dropped where there are too many bytes. */
  keep(session: Session, reply: Document): void {
    const size = sizeOf(reply)
    this.#forget(session)
    session.reply = { size, document: reply }
    this.#kept += size
    for (const other of this.#sessions.values()) {
      if (this.#kept <= mostReplies) return
      if (other.reply?.document === undefined) continue
      this.#kept -= other.reply.size
      other.reply.document = undefined
    }
  }

  #forget(session: Session): void {
    if (session.reply?.document !== undefined) this.#kept -= session.reply.size
    session.reply = undefined
  }

  /** The sessions of a user. */
  of(user: string): ReadonlyArray<{ readonly id: string; readonly lastUse: number }> {
    return [...this.#sessions.values()]
      .filter((session) => session.user === user)
      .map(({ key, lastUse }) => ({ id: key.slice(user.length + 1), lastUse }))
  }

  /** Ends a session; its transaction is aborted. */
  end(session: Session): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#sessions.delete(session.key)
      this.#forget(session)
      return this.#abort(session)
    })
  }

  /** The session of a user, if there is one. */
  existing(id: string, user: string): Session | undefined {
    return this.#sessions.get(`${user}/${id}`)
  }

  /** Ends what has been open or idle for too long. */
  expire(now: number): Effect.Effect<void> {
    return Effect.forEach(
      [...this.#sessions.values()],
      (session) => {
        if (now - session.lastUse >= timeoutMinutes * 60_000) return this.end(session)
        const { transaction } = session
        const isOver = transaction?.state === "open" && now - transaction.since >= mostOpen
        return isOver ? this.#abort(session) : Effect.void
      },
      { discard: true }
    )
  }
}

const noTransaction = (number: bigint) =>
  failure(
    "NoSuchTransaction",
    `Given transaction number ${number} does not match any in-progress transactions: it was aborted, or open for more than ${mostOpen / 1000} seconds`,
    [transientLabel]
  )
