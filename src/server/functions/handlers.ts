/** Functions written in code: any function, whose result may be an effect, a promise or a stream. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isUnavailable } from "../data/DatabaseError.ts"
import type { Handler } from "../model/App.ts"
import { FunctionContext, FunctionError } from "../model/FunctionContext.ts"
import * as failures from "./shared/failures.ts"
import { isThenable } from "./shared/iterators.ts"

/** The requirements of functions are checked where an application is defined. */
const isHandlerEffect = (u: unknown): u is Effect.Effect<unknown, unknown, FunctionContext> => Effect.isEffect(u)

const isHandlerStream = (u: unknown): u is Stream.Stream<unknown, unknown, FunctionContext> => Stream.isStream(u)

/** Calls a function with its context. Whatever it throws becomes a {@link FunctionError}. */
export const run = (handler: Handler, args: ReadonlyArray<unknown>, context: FunctionContext["Service"]) =>
  Effect.suspend((): Effect.Effect<unknown, FunctionError, FunctionContext> => {
    const result: unknown = Reflect.apply(handler, undefined, args)
    // @effect-diagnostics-next-line anyUnknownInErrorContext:off -- a handler may fail with anything
    if (isHandlerEffect(result)) return Effect.mapError(result, thrown)
    return isThenable(result) ? Effect.tryPromise({ try: () => result, catch: thrown }) : Effect.succeed(result)
  }).pipe(
    Effect.map((result) =>
      isHandlerStream(result) ? Stream.provideService(result, FunctionContext, context) : result
    ),
    Effect.provideService(FunctionContext, context),
    Effect.catchDefect((defect) => Effect.fail(thrown(defect))),
    // an interruption of the caller does not get here: this is a function that interrupts itself, which is a failure
    Effect.catchCauseIf(Cause.hasInterruptsOnly, () => Effect.fail(thrown("the function was interrupted")))
  )

/** A value that a function threw, as an error that clients may see. */
export const thrown = (cause: unknown): FunctionError => {
  // inspecting a thrown value may throw
  try {
    if (cause instanceof FunctionError) return cause
  } catch {
    return new FunctionError({ code: "FunctionExecutionError", message: failures.noText })
  }
  return new FunctionError({
    code: "FunctionExecutionError",
    message: failures.describe(cause),
    ...(isUnavailable(cause) && { unavailable: true })
  })
}
