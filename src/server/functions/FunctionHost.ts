/**
 * What the server does for functions of exported applications, which run in processes of their own: it answers their host
 * calls. A new one gets a case in `answer`; `SourceContext.ts` is where functions reach it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as JsonSize from "../../protocol/internal/jsonSize.ts"
import type { AppFunction } from "../model/App.ts"
import type { Database, DatabaseError, Operations } from "../data/Database.ts"
import * as BulkWrites from "./BulkWrites.ts"
import type { Actor, Caller, FunctionAccess } from "./FunctionAccess.ts"
import { FunctionError } from "../model/FunctionContext.ts"
import type { FunctionSessions } from "./FunctionSessions.ts"
import { describe } from "./internal/failures.ts"
import type { HostCall, Operation, Reply } from "./internal/messages.ts"
import * as values from "./internal/values.ts"

/**
 * What a function asks for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  /** As whom the function runs that asks. */
  readonly actor: Actor
  /** The function that asks: the one called, or one that it executes. */
  readonly fn: Pick<AppFunction, "name" | "runAs">
  readonly method: HostCall
  readonly args: string
  /** The transaction that an operation belongs to. */
  readonly transaction: string | undefined
  /** Those of the call that the function serves. */
  readonly sessions: FunctionSessions
}

/**
 * Answers host calls. It never fails: what goes wrong is the answer.
 *
 * @category models
 * @since 0.1.0
 */
export type FunctionHost = (question: Question) => Effect.Effect<Reply>

/**
 * Answers from the database that the access of a function yields, and runs functions with `execute`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  access: Pick<FunctionAccess, "databaseOf">,
  execute: (caller: Caller, name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
): FunctionHost => {
  /** The database as a function may use it, for this call: the one place that decides for functions of exported applications. */
  const databaseOf = ({ actor, fn }: Question): Database["Service"] => access.databaseOf(actor, fn)

  const result = (question: Question): Effect.Effect<unknown, FunctionError | DatabaseError> => {
    if (JsonSize.isTooLarge(question.args)) return Effect.fail(tooLarge)
    const args = values.readList(question.args)
    const { actor, method, sessions, transaction } = question
    const [first, ...rest] = args
    switch (method) {
      case "execute":
        return execute(actor.caller, String(first), rest)
      case "commit":
        return sessions.commit(String(first))
      case "abort":
        return sessions.abort(String(first))
      case "collections":
      case "databases":
        return answerOf(Reflect.apply(databaseOf(question)[method], undefined, args))
      default:
        return Effect.flatMap(sessions.operations(databaseOf(question), transaction), (operations) =>
          operate(operations, method, args)
        )
    }
  }

  return (question) =>
    Effect.suspend(() => result(question)).pipe(
      Effect.map((value): Reply => {
        const text = values.write(value)
        return text.length > largestReply
          ? {
              _tag: "Failure",
              message: `the result is larger than ${largestReply / 1024 ** 2} MiB: ask for less at once`
            }
          : { _tag: "Success", value: text }
      }),
      Effect.catch((error) => Effect.succeed(failureOf(error))),
      Effect.catchDefect((defect) => Effect.succeed<Reply>({ _tag: "Failure", message: describe(defect) }))
    )
}

/** The longest text that a function is answered with, in characters: its process has to hold and read all of it. */
const largestReply = 64 * 1024 ** 2

const tooLarge = new FunctionError({
  code: "FunctionExecutionError",
  message: `the arguments hold more than ${JsonSize.mostValues} values: send them in several operations`
})

/** A function's own port asks for operations with what their types ask for. */
const operate = (operations: Operations, operation: Operation, args: ReadonlyArray<unknown>) =>
  answerOf(
    operation === "bulkWrite"
      ? Reflect.apply(BulkWrites.run, undefined, [operations, ...args])
      : Reflect.apply(operations[operation], operations, args)
  )

const answerOf = (answered: unknown): Effect.Effect<unknown, DatabaseError> =>
  isDatabaseEffect(answered) ? answered : Effect.succeed(answered)

const isDatabaseEffect = (u: unknown): u is Effect.Effect<unknown, DatabaseError> => Effect.isEffect(u)

const failureOf = (error: FunctionError | DatabaseError): Reply =>
  error._tag === "FunctionError"
    ? { _tag: "Failure", message: error.message }
    : { _tag: "DatabaseFailure", message: error.message, code: error.code, labels: error.labels ?? [] }
