/** One process of a backend: executes its parent's orders and reports the outcome. Started by `stores.bench.ts`. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as AppServices from "effect-app-services/client/AppServices"
import type { AppServicesError } from "effect-app-services/client/AppServicesError"
import { AuthApi } from "effect-app-services/client/AuthApi"
import { TokenRecords, type TokenStoreError } from "effect-app-services/client/TokenRecords"
import { TokenStore } from "effect-app-services/client/TokenStore"
import { engines } from "../test/support/sharedRecords.ts"

export interface Start {
  readonly engine: keyof typeof engines
  readonly url: string
  readonly host: string
  readonly times: { readonly lease?: number; readonly timeout?: number; readonly maxAge?: number }
}

/** Calls of each user in this order, or until the time is over, or reads or refreshes as fast as possible. */
export type Order =
  | { readonly _tag: "calls"; readonly users: ReadonlyArray<string>; readonly concurrency: number }
  | { readonly _tag: "load"; readonly users: ReadonlyArray<string>; readonly millis: number }
  | { readonly _tag: "reads" | "refreshes"; readonly users: ReadonlyArray<string>; readonly millis: number }

export interface Outcome {
  readonly answers: number
  readonly wrong: number
  /** Requests to the engine. */
  readonly requests: number
  /** Notices of changes since the process started, its own included. */
  readonly heard: number
  readonly millis: number
  readonly slowest: number
  readonly errors: Record<string, number>
  /** The time of the last error, by the wall clock. */
  readonly lastError: number
}

/** The answer to an order, or the report of having started. */
export type Said = { readonly id: number; readonly outcome: Outcome } | { readonly id: number; readonly failed: string }

let requests = 0
let heard = 0
const counted =
  <Args extends ReadonlyArray<unknown>, A, E>(operation: (...args: Args) => Effect.Effect<A, E>) =>
  (...args: Args) =>
    Effect.suspend(() => {
      requests++
      return operation(...args)
    })
const counting = Layer.effect(
  TokenRecords,
  Effect.map(TokenRecords, (records) => {
    const { shared } = records
    return TokenRecords.of({
      read: counted((...args) => records.read(...args)),
      replace: counted((...args) => records.replace(...args)),
      ids: counted((...args) => records.ids(...args)),
      setAside: counted((...args) => records.setAside(...args)),
      ...(shared !== undefined && {
        shared: {
          ...shared,
          acquire: counted((...args) => shared.acquire(...args)),
          release: counted((...args) => shared.release(...args)),
          notices: (...args) =>
            Effect.map(
              shared.notices(...args),
              Stream.tap(() => Effect.sync(() => heard++))
            )
        }
      })
    })
  })
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
    const requestsBefore = requests
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
        // after a retryable error a caller waits before it retries
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
      heard,
      lastError,
      slowest,
      requests: requests - requestsBefore,
      millis: performance.now() - begun
    }
    return outcome
  })

let runtime: Runtime | undefined
const idle: Outcome = { answers: 0, wrong: 0, requests: 0, heard: 0, millis: 0, slowest: 0, errors: {}, lastError: 0 }
process.on("message", (message: { readonly id: number } & ({ readonly start: Start } | { readonly order: Order })) => {
  const { id } = message
  const say = (said: Said) => process.send?.({ ...said, cpu: Math.round(process.cpuUsage().user / 1000) })
  if ("start" in message) runtime = start(message.start)
  const doing =
    "start" in message ? runtime?.runPromise(Effect.succeed(idle)) : runtime?.runPromise(work(message.order))
  doing?.then(
    (outcome) => say({ id, outcome }),
    (error) => say({ id, failed: String(error) })
  )
})
// the parent has ended
process.on("disconnect", () => process.exit())
