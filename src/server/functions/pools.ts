/** The processes of all applications that have exported functions: a pool for each, which its first call creates. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { App } from "../model/App.ts"
import * as Metrics from "../model/Metrics.ts"
import * as ExportedFunctions from "./ExportedFunctions.ts"
import type { FunctionHost } from "./FunctionHost.ts"
import type { Limits } from "./functionSetup.ts"

/** The pools of a server. */
export interface Pools {
  readonly of: (app: App) => ExportedFunctions.ExportedFunctions
  /** Ends the processes of an application that was replaced, after the calls in them. */
  readonly retire: (app: App) => Effect.Effect<void>
}

/** Creates no process yet. All processes end with the scope. */
export const make: (host: FunctionHost, limits: Limits) => Effect.Effect<Pools, never, Scope.Scope> = Effect.fnUntraced(
  function* (host, limits) {
    const context = yield* Effect.context<never>()
    const scope = yield* Effect.scope
    const pools = new Map<App, ExportedFunctions.ExportedFunctions>()
    const retired = new WeakSet<App>()

    const open = (app: App): ExportedFunctions.ExportedFunctions => {
      const functions = ExportedFunctions.make(app, host, limits)
      const unwatch = Metrics.watchProcesses(context, app.id, functions.usage)
      return { ...functions, close: Effect.ensuring(functions.close, Effect.sync(unwatch)) }
    }

    const close = (app: App) =>
      Effect.suspend(() => {
        const found = pools.get(app)
        pools.delete(app)
        return found?.close ?? Effect.void
      })

    yield* Effect.addFinalizer(() =>
      Effect.forEach(Array.from(pools.keys()), close, { concurrency: "unbounded", discard: true })
    )

    const closeWhenIdle = (app: App, { usage }: ExportedFunctions.ExportedFunctions): Effect.Effect<void> => {
      const isIdle = Effect.sync(() => {
        const { running, waiting } = usage()
        return running + waiting === 0
      })
      const idle = Effect.repeat(Effect.andThen(Effect.sleep(retireEvery), isIdle), { until: (it) => it })
      return Effect.asVoid(Effect.forkIn(Effect.andThen(idle, close(app)), scope))
    }

    return {
      of: (app) => {
        const found = pools.get(app)
        if (found !== undefined) return found
        const opened = open(app)
        pools.set(app, opened)
        // requests and streams that began before the application was replaced may still call its functions
        if (retired.has(app)) Effect.runForkWith(context)(closeWhenIdle(app, opened))
        return opened
      },
      retire: (app) =>
        Effect.suspend(() => {
          retired.add(app)
          const found = pools.get(app)
          return found === undefined ? Effect.void : closeWhenIdle(app, found)
        })
    }
  }
)

/** The interval of looking at the processes of a replaced application. */
const retireEvery = "500 millis"
