/** Runs the function of a trigger, as the system, and says in the log what became of it. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import type { App } from "../model/App.ts"
import { FunctionError, systemUser } from "../model/FunctionContext.ts"
import * as Metrics from "../model/Metrics.ts"
import type { Trigger } from "../model/Trigger.ts"

/**
 * What became of a run. A function that was stopped, with its process, may be run again, and one that did not reach the
 * database is; one that failed is not.
 */
export interface Outcome {
  readonly _tag: "Ran" | "Failed" | "Stopped" | "Unavailable"
  /** In milliseconds since the epoch. */
  readonly at: number
  readonly millis: number
  readonly message: string
}

/** Fires a trigger with the arguments of its function. */
export type Fire = (trigger: Trigger, args: ReadonlyArray<unknown>) => Effect.Effect<Outcome>

/** The firings of one trigger within a minute from which on the log warns. */
const many = 1_000

/** Warns once a minute of triggers that fire so often that they may set themselves off. */
const makeWatch = () => {
  const counts = new Map<string, { readonly minute: number; count: number }>()
  return ({ name }: Trigger, now: number): boolean => {
    const minute = Math.floor(now / 60_000)
    let current = counts.get(name)
    if (current?.minute !== minute) counts.set(name, (current = { minute, count: 0 }))
    return ++current.count === many
  }
}

const wasStopped = (failure: unknown): boolean => failure instanceof FunctionError && failure.stopped === true

/** Creates the firing of an application's triggers. */
export const make = (runtime: FunctionRuntime["Service"], app: App): Fire => {
  const firesOften = makeWatch()
  return Effect.fnUntraced(
    function* (trigger: Trigger, args: ReadonlyArray<unknown>): Effect.fn.Return<Outcome> {
      const { fn, name } = trigger
      const at = yield* Clock.currentTimeMillis
      if (firesOften(trigger, at)) {
        yield* Effect.logWarning(
          `the trigger "${name}" fired ${many} times within a minute: does "${fn.name}" cause the events that fire it?`
        )
      }
      const exit = yield* Effect.exit(
        runtime.run({ app, user: systemUser, request: undefined, asSystem: true }, fn, args)
      )
      const millis = (yield* Clock.currentTimeMillis) - at
      const counted = (outcome: string) =>
        Effect.contextWith((context: Context.Context<never>) =>
          Effect.sync(() => Metrics.trigger(context, app.id, outcome, millis / 1000))
        )
      if (Exit.isSuccess(exit)) {
        yield* counted("success")
        yield* Effect.logInfo(`the trigger "${name}" ran "${fn.name}" in ${millis} ms`)
        return { _tag: "Ran", at, millis, message: "" }
      }
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      const failure = Cause.squash(exit.cause)
      const message = failure instanceof Error ? failure.message : String(failure)
      yield* counted(wasStopped(failure) ? "stopped" : "failed")
      if (failure instanceof FunctionError && failure.unavailable === true) {
        return { _tag: "Unavailable", at, millis, message }
      }
      if (wasStopped(failure)) return { _tag: "Stopped", at, millis, message }
      yield* Effect.logError(`the trigger "${name}" failed: "${fn.name}" threw after ${millis} ms: ${message}`)
      return { _tag: "Failed", at, millis, message }
    },
    (effect, trigger) => Effect.annotateLogs(effect, { app: app.id, trigger: trigger.name, function: trigger.fn.name })
  )
}
