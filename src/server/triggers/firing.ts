/** Runs the function of a trigger, as the system, and says in the log what became of it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import type { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import type { App } from "../model/App.ts"
import { systemUser } from "../model/FunctionContext.ts"
import type { Trigger } from "../model/Trigger.ts"

/** Fires a trigger with the arguments of its function. It does not fail: a function that fails is logged. */
export type Fire = (trigger: Trigger, args: ReadonlyArray<unknown>) => Effect.Effect<void>

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

export const make = (runtime: FunctionRuntime["Service"], app: App): Fire => {
  const firesOften = makeWatch()
  return Effect.fnUntraced(
    function* (trigger, args) {
      const { fn, name } = trigger
      const from = yield* Clock.currentTimeMillis
      if (firesOften(trigger, from)) {
        yield* Effect.logWarning(
          `the trigger "${name}" fired ${many} times within a minute: does "${fn.name}" cause the events that fire it?`
        )
      }
      const exit = yield* Effect.exit(
        runtime.run({ app, user: systemUser, request: undefined, asSystem: true }, fn, args)
      )
      const took = (yield* Clock.currentTimeMillis) - from
      if (Exit.isSuccess(exit)) return yield* Effect.logInfo(`the trigger "${name}" ran "${fn.name}" in ${took} ms`)
      if (Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.interrupt
      const failure = Cause.squash(exit.cause)
      const text = failure instanceof Error ? failure.message : String(failure)
      yield* Effect.logError(`the trigger "${name}" failed: "${fn.name}" threw after ${took} ms: ${text}`)
    },
    (effect, trigger) => Effect.annotateLogs(effect, { app: app.id, trigger: trigger.name, function: trigger.fn.name })
  )
}
