/** One process of a backend: does what its parent tells it to, and says how it went. Started by `stores.bench.ts`. */
import { Cause, Effect, Exit, Layer, ManagedRuntime, Option, Schedule } from "effect"
import { FetchHttpClient } from "effect/http"
import {
  AppServices,
  type AppServicesError,
  AuthApi,
  TokenRecords,
  TokenStore,
  type TokenStoreError
} from "effect-app-services"
import { engines } from "../test/support/sharedRecords.ts"

export interface Start {
  readonly engine: keyof typeof engines
  readonly url: string
  readonly host: string
  readonly times: { readonly lease?: number; readonly timeout?: number; readonly maxAge?: number }
}

/** Calls of each user in this order, or until the time is over, or reads or refreshes as fast as they go. */
export type Order =
  | { readonly _tag: "calls"; readonly users: ReadonlyArray<string>; readonly concurrency: number }
  | { readonly _tag: "load"; readonly users: ReadonlyArray<string>; readonly millis: number }
  | { readonly _tag: "reads" | "refreshes"; readonly users: ReadonlyArray<string>; readonly millis: number }

export interface Outcome {
  readonly answers: number
  readonly wrong: number
  /** Requests for a record, made of the engine. */
  readonly reads: number
  readonly millis: number
  readonly slowest: number
  readonly errors: Record<string, number>
  /** When the last error was, by the wall clock. */
  readonly lastError: number
}

let reads = 0
const counting = Layer.effect(
  TokenRecords,
  Effect.map(TokenRecords, (records) =>
    TokenRecords.of({
      ...records,
      read: (...args) =>
        Effect.andThen(
          Effect.sync(() => reads++),
          records.read(...args)
        )
    })
  )
)

const start = ({ engine, host, times, url }: Start) =>
  ManagedRuntime.make(
    AppServices.layerNoDeps({
      appId: "bench",
      baseUrl: host,
      retrySchedule: Schedule.recurs(0),
      skipLocationRequest: true
    }).pipe(
      Layer.provideMerge(TokenStore.layerRecords),
      Layer.provide(counting),
      Layer.provide(engines[engine].records(url, times)),
      Layer.provide(FetchHttpClient.layer)
    )
  )

type Runtime = ReturnType<typeof start>

const work = (order: Order) =>
  Effect.gen(function* () {
    const auth = yield* AuthApi
    const tokens = (yield* TokenStore).forApp("bench")
    const errors: Record<string, number> = {}
    const begun = performance.now()
    const readsBefore = reads
    let [answers, wrong, slowest, lastError] = [0, 0, 0, 0]
    const one = Effect.fnUntraced(function* (id: string) {
      const at = performance.now()
      const doing: Effect.Effect<unknown, AppServicesError | TokenStoreError> =
        order._tag === "reads"
          ? Effect.as(tokens.shared?.latest(id) ?? tokens.get(id), id)
          : Effect.flatMap(auth.user(id), (user) =>
              order._tag === "refreshes" ? Effect.as(user.refreshCustomData, id) : user.functions.whoAmI(id)
            )
      const exit = yield* Effect.exit(doing)
      slowest = Math.max(slowest, performance.now() - at)
      if (Exit.isSuccess(exit)) {
        answers++
        if (exit.value !== id) wrong++
      } else {
        const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
        const name = error === undefined ? "defect" : "reason" in error ? error.reason._tag : error._tag
        errors[name] = (errors[name] ?? 0) + 1
        lastError = Date.now()
        // a caller that was told to try again does not do so at once
        yield* Effect.sleep(50)
      }
    })
    if (order._tag === "calls") yield* Effect.forEach(order.users, one, { concurrency: order.concurrency })
    else {
      let next = 0
      const endless = Effect.suspend(() => one(order.users[next++ % order.users.length] ?? "")).pipe(
        Effect.repeat({ while: () => performance.now() - begun < order.millis })
      )
      yield* Effect.all(
        Array.from({ length: 16 }, () => endless),
        { concurrency: "unbounded", discard: true }
      )
    }
    const outcome: Outcome = {
      answers,
      wrong,
      errors,
      lastError,
      slowest,
      reads: reads - readsBefore,
      millis: performance.now() - begun
    }
    return outcome
  })

let runtime: Runtime | undefined
process.on("message", (message: { readonly start: Start } | { readonly order: Order }) => {
  if ("start" in message) {
    runtime = start(message.start)
    void runtime.runPromise(Effect.void).then(() => process.send?.("ready"))
  } else void runtime?.runPromise(work(message.order)).then((outcome) => process.send?.(outcome))
})
