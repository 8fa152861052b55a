/**
 * What the server does for functions of exported applications, which run in threads of their own: it answers their host
 * calls. A new one gets a case in `answer`; `SourceContext.ts` is where functions reach it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { App } from "../App.ts"
import type { Database, DatabaseError } from "../data/Database.ts"
import type { FunctionError, FunctionRequest, FunctionUser } from "./FunctionContext.ts"
import { describe } from "./internal/failures.ts"
import type { HostCall, Reply } from "./internal/messages.ts"
import * as values from "./internal/values.ts"

/**
 * One call, and who makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Caller {
  readonly app: App
  readonly user: FunctionUser
  readonly request: FunctionRequest | undefined
}

/**
 * What a function asks for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly caller: Caller
  /** The function that asks: the one called, or one that it executes. */
  readonly name: string
  readonly method: HostCall
  readonly args: string
}

/**
 * Answers host calls. It never fails: what goes wrong is the answer.
 *
 * @category models
 * @since 0.1.0
 */
export type FunctionHost = (question: Question) => Effect.Effect<Reply>

/**
 * Answers from a database, and runs functions with `execute`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  database: Database["Service"],
  execute: (caller: Caller, name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
): FunctionHost => {
  /**
   * The database as a function may use it, for this call and this data source. This is the one place that decides:
   * functions reach everything.
   */
  const databaseFor = (_question: Question, _service: string): Database["Service"] => database

  const result = (question: Question): Effect.Effect<unknown, FunctionError | DatabaseError> => {
    const args = values.readList(question.args)
    if (question.method === "execute") {
      const [name, ...rest] = args
      return execute(question.caller, String(name), rest)
    }
    const view = databaseFor(question, serviceOf(args[0]))
    // a function's own port calls these methods with what their types ask for
    const answered: unknown = Reflect.apply(view[question.method], view, args)
    return isDatabaseEffect(answered) ? answered : Effect.succeed(answered)
  }

  return (question) =>
    Effect.suspend(() => result(question)).pipe(
      Effect.map((value): Reply => ({ _tag: "Success", value: values.write(value) })),
      Effect.catch((error) => Effect.succeed(failureOf(error))),
      Effect.catchDefect((defect) => Effect.succeed<Reply>({ _tag: "Failure", message: describe(defect) }))
    )
}

const serviceOf = (namespace: unknown): string =>
  typeof namespace === "object" && namespace !== null && "service" in namespace ? String(namespace.service) : ""

const isDatabaseEffect = (u: unknown): u is Effect.Effect<unknown, DatabaseError> => Effect.isEffect(u)

const failureOf = (error: FunctionError | DatabaseError): Reply =>
  error._tag === "FunctionError"
    ? { _tag: "Failure", message: error.message }
    : { _tag: "Failure", message: error.message, name: "MongoError", code: error.code }
