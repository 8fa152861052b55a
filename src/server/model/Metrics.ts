/**
 * The metrics of a server. They are in the `MetricRegistry` of the fibers that they are about, so that an exporter of the host
 * program finds them beside its own. `docs/operating.md` has a table of all of them.
 *
 * Labels have few values: neither ids of users nor paths. A metric is updated synchronously, once per request or call.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { readFileSync } from "node:fs"

type Labels = Readonly<Record<string, string>>

/** In seconds: from a function call that does next to nothing to the time limit. */
const boundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90]

/** The series of a metric by their labels. Labels are looked up one after the other, which costs no text. */
class Series {
  readonly #create: (labels: Labels) => Metric.Metric<number, unknown>
  readonly #names: readonly [string, string]
  readonly #found = new Map<string, Map<string, Metric.Metric<number, unknown>>>()

  constructor(names: readonly [string, string], create: (labels: Labels) => Metric.Metric<number, unknown>) {
    this.#names = names
    this.#create = create
  }

  readonly update = (context: Context.Context<never>, first: string, second: string, value: number): void => {
    let bySecond = this.#found.get(first)
    if (bySecond === undefined) this.#found.set(first, (bySecond = new Map()))
    let metric = bySecond.get(second)
    if (metric === undefined) {
      metric = this.#create({ [this.#names[0]]: first, [this.#names[1]]: second })
      bySecond.set(second, metric)
    }
    metric.updateUnsafe(value, context)
  }
}

const durations = (name: string, description: string, labels: readonly [string, string]) =>
  new Series(labels, (attributes) =>
    Metric.histogram(name, { description, boundaries, attributes: { ...attributes, unit: "s" } })
  )

const counts = (name: string, description: string, labels: readonly [string, string]) =>
  new Series(labels, (attributes) => Metric.counter(name, { description, incremental: true, attributes }))

const requests = durations(
  "app_services_server_request_duration_seconds",
  "The time until the answer to a request, or until its first byte",
  ["method", "status"]
)

const calls = durations(
  "app_services_server_function_duration_seconds",
  "The time of a call of a function, or until its stream is open",
  ["app", "outcome"]
)

const triggers = durations("app_services_server_trigger_duration_seconds", "The time of a run of a trigger", [
  "app",
  "outcome"
])

const logins = counts("app_services_server_logins_total", "Logins, also those that failed", ["provider", "outcome"])

const refreshes = counts("app_services_server_refreshes_total", "Refreshes of access tokens, also those that failed", [
  "app",
  "outcome"
])

const mails = counts("app_services_server_mails_total", "Attempts to send e-mails", ["app", "outcome"])

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
const classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]

/** Counts a request; without a status if the client disconnected before it had an answer. */
export const request = (
  context: Context.Context<never>,
  method: string,
  status: number | undefined,
  seconds: number
): void =>
  requests.update(
    context,
    methods.has(method) ? method : "other",
    classes[status === undefined ? 0 : Math.floor(status / 100)] ?? "none",
    seconds
  )

/** Counts a run of a trigger. */
export const trigger = (context: Context.Context<never>, app: string, outcome: string, seconds: number): void =>
  triggers.update(context, app, outcome, seconds)

/** The end of a request that a client makes to become or to stay logged in. */
type Admission = Exit.Exit<unknown, unknown>

const admissionOf = (exit: Admission): string => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.hasInterruptsOnly(exit.cause)) return "interrupted"
  const refusal = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return refusal === undefined || Predicate.isTagged(refusal, "ServiceUnavailable") ? "failed" : "rejected"
}

/** Counts a login. */
export const login = (context: Context.Context<never>, provider: string, exit: Admission): void =>
  logins.update(context, provider, admissionOf(exit), 1)

/** Counts a refresh of an access token, which names its application unless its refresh token is invalid. */
export const refresh = (context: Context.Context<never>, app: string | undefined, exit: Admission): void =>
  refreshes.update(context, app ?? "unknown", admissionOf(exit), 1)

/** Counts an attempt to send an e-mail. */
export const mail = (context: Context.Context<never>, app: string, outcome: string): void =>
  mails.update(context, app, outcome, 1)

/** Measures each run of an effect by the clock of its fiber. */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  done: (context: Context.Context<never>, exit: Exit.Exit<A, E>, seconds: number) => Effect.Effect<void> | undefined
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const { context } = fiber
    const clock = fiber.getRef(Clock.Clock)
    const start = clock.monotonicTimeNanosUnsafe()
    return Effect.onExitPrimitive(effect, (exit) =>
      done(context, exit, Number(clock.monotonicTimeNanosUnsafe() - start) / 1e9)
    )
  })

/** Measures each run of a function call. */
export const timedCall = <A, E, R>(
  app: string,
  effect: Effect.Effect<A, E, R>,
  outcomeOf: (exit: Exit.Exit<A, E>) => string
): Effect.Effect<A, E, R> =>
  timed(effect, (context, exit, seconds) => {
    calls.update(context, app, outcomeOf(exit), seconds)
    return undefined
  })

/** What the processes of an application's functions use at the moment. */
export interface Usage {
  readonly processes: number
  /** The calls in them, and the open streams. */
  readonly running: number
  /** The calls that wait for a process. */
  readonly waiting: number
  /** In bytes. */
  readonly memory: number
}

/** The memory of a process in bytes, where the system tells it: on Linux. */
export const memoryOf = (pid: number | undefined): number => {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

const gauges = {
  processes: ["app_services_server_function_processes", "Processes that run functions"],
  running: ["app_services_server_function_calls_running", "Calls of exported functions that run"],
  waiting: ["app_services_server_function_calls_waiting", "Calls of exported functions that wait for a process"],
  memory: [
    "app_services_server_function_memory_bytes",
    "Resident memory of the processes that run functions; 0 on other systems than Linux"
  ]
} as const

/** Registers gauges that are read when they are exported. Returns what removes them. */
export const watchProcesses = (context: Context.Context<never>, app: string, usage: () => Usage): (() => void) => {
  const registered = (["processes", "running", "waiting", "memory"] as const).map((kind) => {
    const [name, description] = gauges[kind]
    return read(context, Metric.gauge(name, { description, attributes: { app } }), () => ({ value: usage()[kind] }))
  })
  return () => registered.forEach((registration) => registration.remove())
}

/** What the processes of some applications' functions use, as their gauges tell. */
export const processesOf = (
  context: Context.Context<never>,
  apps: ReadonlyArray<string>
): ReadonlyArray<Usage & { readonly app: string }> => {
  const known = Metric.snapshotUnsafe(context)
  return apps.flatMap((app) => {
    const valueOf = (kind: keyof typeof gauges) => {
      const found = known.find(({ attributes, id }) => id === gauges[kind][0] && attributes?.["app"] === app)
      return found?.type === "Gauge" ? Number(found.state.value) : undefined
    }
    const processes = valueOf("processes")
    return processes === undefined
      ? []
      : [
          {
            app,
            processes,
            running: valueOf("running") ?? 0,
            waiting: valueOf("waiting") ?? 0,
            memory: valueOf("memory") ?? 0
          }
        ]
  })
}

/** Registers what the server's own process uses. Returns what removes it. */
export const watchServer = (context: Context.Context<never>): (() => void) => {
  const memory = Metric.gauge("app_services_server_memory_bytes", {
    description: "Resident memory of the server's process"
  })
  const processor = Metric.counter("app_services_server_cpu_seconds_total", {
    description: "Processor time of the server's process",
    incremental: true
  })
  const registered = [
    read(context, memory, () => ({ value: process.memoryUsage.rss() })),
    read(context, processor, () => {
      const { system, user } = process.cpuUsage()
      return { count: (system + user) / 1e6, incremental: true }
    })
  ]
  return () => registered.forEach((registration) => registration.remove())
}

const read = <State>(
  context: Context.Context<never>,
  metric: Metric.Metric<number, State>,
  get: () => State
): Metric.Registration => Metric.registerUnsafe(metric, context, { get, update: () => {}, modify: () => {} })
