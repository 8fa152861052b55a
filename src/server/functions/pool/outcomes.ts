/** The outcomes of calls: what callers and the log are told of those that failed. */
import * as Effect from "effect/Effect"
import { EjsonError } from "../../../protocol/Ejson.ts"
import { FunctionError } from "../../model/FunctionContext.ts"
import { describe } from "../shared/failures.ts"
import type { End, Outcome } from "./FunctionProcess.ts"

/** The failure of a call at its time limit. */
export const timedOut: FunctionError = new FunctionError({
  code: "ExecutionTimeLimitExceeded",
  message: "execution time limit exceeded"
})

/** The outcome of calls beside one that did not yield. */
export const together: Outcome = {
  _tag: "Stopped",
  why: "the function was stopped together with another one of the application, which did not yield within its time limit"
}

export const gone = "the process of the function has ended"

/** The failure of a function that did not end by itself. */
export const stopped = (message: string): FunctionError =>
  new FunctionError({ code: "FunctionExecutionError", message, stopped: true })

/** What the log says of a failure; an error in the client's arguments is not one of the function. */
export const failureOf = (outcome: Outcome): string | undefined => {
  switch (outcome._tag) {
    case "Failed":
      return outcome.trace === undefined ? outcome.message : `${outcome.message}\n${outcome.trace}`
    case "Stopped":
      return outcome.why
    case "TimedOut":
      return timedOut.message
    default:
      return undefined
  }
}

/** The failure of a call for its caller. */
export const failed = (outcome: Outcome): Effect.Effect<never, FunctionError | EjsonError> => {
  switch (outcome._tag) {
    case "Unreadable":
      return Effect.fail(new EjsonError({ message: outcome.message }))
    case "Failed":
      return Effect.fail(new FunctionError({ code: "FunctionExecutionError", message: outcome.message }))
    case "Stopped":
      return Effect.fail(stopped(outcome.why))
    case "TimedOut":
      return Effect.fail(timedOut)
    default:
      return Effect.fail(stopped(gone))
  }
}

/** Why a process exited. */
export const reasonOf = (end: End): string => {
  switch (end._tag) {
    case "OutOfMemory":
      return outOfMemory
    case "Exited":
      return "a function of the application exited its process, as process.exit does"
    case "Killed":
      return fatalMemory.test(end.output) ? outOfMemory : `the process of the function was ended by ${end.signal}`
    case "NotStarted":
      return `the process of the function could not be started: ${describe(end.cause)}`
  }
}

const outOfMemory = "the functions of the application used more memory than they may"

/** The engine's output when it aborts for lack of memory. */
const fatalMemory = /out of memory|invalid size error|Allocation failed/
