/**
 * Host calls: what the server does for functions of exported applications, which run in processes of their own. A new
 * host call gets a case in `answer`; `context/Context.ts` exposes it to functions.
 */
import * as Effect from "effect/Effect"
import * as JsonSize from "../../protocol/internal/jsonSize.ts"
import type { AppFunction } from "../model/App.ts"
import type { Database, DatabaseError, Operations } from "../data/Database.ts"
import * as Texts from "../data/Texts.ts"
import * as BulkWrites from "./BulkWrites.ts"
import type { Actor, Caller, FunctionAccess } from "./FunctionAccess.ts"
import type { FunctionActions } from "./FunctionActions.ts"
import { FunctionError } from "../model/FunctionContext.ts"
import type { ServiceError } from "./services/ServiceError.ts"
import type { Transactions } from "./Transactions.ts"
import { describe } from "./shared/failures.ts"
import type { HostCall, Operation, Reply } from "./shared/messages.ts"
import * as values from "./shared/values.ts"

/** A host call of a function. */
export interface Question {
  /** The identity under which the function runs. */
  readonly actor: Actor
  /** The calling function: the one called by the client, or one that it executes. */
  readonly fn: Pick<AppFunction, "name" | "runAs">
  readonly method: HostCall
  readonly args: string
  /** The transaction of an operation. */
  readonly transaction: string | undefined
  /** The transactions of the call. */
  readonly transactions: Transactions
}

/** Answers host calls. It never fails: a failure is an answer. */
export type FunctionHost = (question: Question) => Effect.Effect<Reply>

/**
 * Answers host calls with the database that the function may use, runs other functions with `execute`, and actions of
 * third-party services with `act`.
 */
export const make = (
  access: Pick<FunctionAccess, "databaseOf">,
  execute: (caller: Caller, name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>,
  act: FunctionActions
): FunctionHost => {
  /** The database as the function may use it in this call. This is the only place that decides for exported functions. */
  const databaseOf = ({ actor, fn }: Question): Database["Service"] => access.databaseOf(actor, fn)

  const result = (question: Question): Effect.Effect<unknown, Failed> => {
    if (JsonSize.isTooLarge(question.args)) return Effect.fail(tooLarge)
    const args = values.readList(question.args)
    const { actor, method, transactions, transaction } = question
    const [first, ...rest] = args
    switch (method) {
      case "execute":
        return execute(actor.caller, String(first), rest)
      case "action": {
        const [name, argument, region] = rest
        return act(actor, {
          service: String(first),
          name: String(name),
          argument,
          region: typeof region === "string" ? region : undefined
        })
      }
      case "commit":
        return transactions.commit(String(first))
      case "abort":
        return transactions.abort(String(first))
      case "collections":
      case "databases":
        return answerOf(Reflect.apply(databaseOf(question)[method], undefined, args))
      default:
        return Effect.flatMap(transactions.operations(databaseOf(question), transaction), (operations) =>
          operate(operations, method, args)
        )
    }
  }

  return (question) =>
    Effect.suspend(() => result(question)).pipe(
      Effect.map((value): Reply => {
        // what it repeats may make its text much larger than it is
        const text = Texts.isTooLarge(value) ? undefined : values.write(value)
        return text === undefined || text.length > largestReply
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

/** The maximum length of an answer, in characters: the process has to hold and parse all of it. */
const largestReply = 64 * 1024 ** 2

const tooLarge = new FunctionError({
  code: "FunctionExecutionError",
  message: `the arguments hold more than ${JsonSize.mostValues} values: send them in several operations`
})

/** Decodes the arguments of an operation, which the process's own port has written. */
const operate = (operations: Operations, operation: Operation, args: ReadonlyArray<unknown>) =>
  answerOf(
    operation === "bulkWrite"
      ? Reflect.apply(BulkWrites.run, undefined, [operations, ...args])
      : Reflect.apply(operations[operation], operations, args)
  )

const answerOf = (answered: unknown): Effect.Effect<unknown, DatabaseError> =>
  isDatabaseEffect(answered) ? answered : Effect.succeed(answered)

const isDatabaseEffect = (u: unknown): u is Effect.Effect<unknown, DatabaseError> => Effect.isEffect(u)

type Failed = FunctionError | DatabaseError | ServiceError

const failureOf = (error: Failed): Reply =>
  error._tag === "DatabaseError"
    ? { _tag: "DatabaseFailure", message: error.message, code: error.code, labels: error.labels ?? [] }
    : { _tag: "Failure", message: error.message }
