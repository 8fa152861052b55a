/**
 * CPU budget of database operations: they run on the server's main thread, so each computation over documents is a step
 * within the budget of its operation.
 *
 * The language counts its computations, so the budget is the same on every machine. Only regular expressions can take
 * longer than the count shows: steps with one have a time limit as well. A step with a high estimated cost waits for
 * its turn: between two of them, the event loop runs everything else.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as vm from "node:vm"
import { type Budget, within as withinBudget } from "../../language/budget.ts"
import type { Weight } from "./weights.ts"

/** The operation exceeded its limit and was aborted before it changed anything. */
export class TimeLimitExceeded extends Schema.TaggedError<TimeLimitExceeded>()("TimeLimitExceeded", {
  message: Schema.String
}) {}

const exceeded = () => new TimeLimitExceeded({ message: "operation exceeded time limit" })

/** The budget of one operation: steps and values of the language, and time for regular expressions. */
export interface Limits extends Readonly<Budget> {
  readonly time: Duration.Duration
}

/** Some seconds of computing, and some hundred megabytes. */
export const Limits = Context.Reference<Limits>("effect-app-services/server/data/internal/Limits", {
  defaultValue: () => ({ steps: 30_000_000, values: 20_000_000, time: Duration.seconds(3) })
})

/** The remaining budget of an operation, or of a stream, which gains budget over time. */
class Allowance {
  /** Counted down by the language. */
  readonly budget: Budget
  /** The share of elapsed time that is gained; zero for an operation. */
  readonly share: number
  readonly #most: number
  #left: number
  #since = performance.now()

  constructor({ steps, time, values }: Limits, share: number) {
    this.budget = { steps, values }
    this.share = share
    this.#most = Duration.toMillis(time)
    this.#left = this.#most
  }

  /** In milliseconds. */
  get left(): number {
    const now = performance.now()
    this.#left = Math.min(this.#most, this.#left + (now - this.#since) * this.share)
    this.#since = now
    return this.#left
  }

  spend(millis: number): void {
    this.#left -= millis
  }
}

/** The budget of the fiber's operation; without one each step is an operation. */
const Allowed = Context.Reference<Allowance | undefined>("effect-app-services/server/data/internal/Allowed", {
  defaultValue: () => undefined
})

/** The maximum units of a step that runs at once: some tens of milliseconds at worst. */
export const mostCheap = 100_000

/** Whether a step of this cost runs at once. */
export const isCheap = (cost: number): boolean => cost <= mostCheap

/** The cost of evaluating this over documents with a number of units. */
export const costOf = ({ units }: Pick<Weight, "units">, reach: number): number => units * (units + reach)

interface Running {
  readonly allowance: Allowance
  readonly timed: boolean
  /** Since when its time is not accounted for. */
  since: number
}

/** The step that runs now. */
let running: Running | undefined

/** The computing time of steps since the event loop ran, in milliseconds. */
let computed = 0

const account = (step: Running): void => {
  const now = performance.now()
  step.allowance.spend(now - step.since)
  computed += now - step.since
  step.since = now
}

const slot = "run"
const script = new vm.Script(`${slot}()`, { filename: "database" })
let realm: vm.Context | undefined

/**
 * Runs a function with a time limit; it must not have side effects, since it can be aborted at any point. Nothing else
 * can stop a regular expression that backtracks without end.
 */
const timeLimited = <A>(millis: number, run: () => A): A => {
  const outcome: { value?: { readonly of: A } } = {}
  realm ??= vm.createContext()
  realm[slot] = () => {
    outcome.value = { of: run() }
  }
  try {
    script.runInContext(realm, { timeout: millis })
  } catch (cause) {
    // an error of another realm is not an instance of this realm's Error
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
    throw code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? exceeded() : cause
  } finally {
    delete realm[slot]
  }
  if (outcome.value === undefined) throw exceeded()
  return outcome.value.of
}

/** A budget of its own, with a share of the elapsed time. */
export const allowance = (share = 0): Allowance =>
  new Allowance(Fiber.getCurrent()?.getRef(Limits) ?? Limits.defaultValue(), share)

const allowedNow = (): Allowance | undefined => running?.allowance ?? Fiber.getCurrent()?.getRef(Allowed)

const within = <A>(timed: boolean, run: () => A): A => {
  const outer = running
  if (outer !== undefined) account(outer)
  const inner: Running = (running = { allowance: allowedNow() ?? allowance(), timed, since: performance.now() })
  try {
    return limited(inner, run)
  } finally {
    account(inner)
    if (outer !== undefined) outer.since = inner.since
    running = outer
  }
}

const limited = <A>({ allowance, timed }: Running, run: () => A): A => {
  if (!timed && allowance.share === 0) return withinBudget(allowance.budget, run)
  const { budget, left } = allowance
  if (left <= 0) throw exceeded()
  return withinBudget(budget, timed ? () => timeLimited(Math.ceil(left), run) : run)
}

/** Evaluates the language in the current step, or in a step of its own if there is none or it has no time limit. */
export const evaluate = <A>(regex: boolean, run: () => A): A =>
  running !== undefined && (running.timed || !regex) ? run() : within(regex, run)

/** How long steps may compute before the event loop runs, in milliseconds. */
const mostAtOnce = 10

/** Steps that wait for the event loop; one continues at a time. */
const turns = Semaphore.makeUnsafe(1)
let waiting = 0

/** The maximum units that waiting steps keep in memory; beyond it the next one runs first. */
const mostKept = 2_000_000
let kept = 0

/** Runs an expensive step after the event loop has run. */
const inTurn = <A, E>(units: number, run: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    if ((waiting === 0 && computed < mostAtOnce) || kept + units > mostKept) return run
    waiting++
    kept += units
    let waits = true
    const over = () => {
      if (!waits) return
      waits = false
      waiting--
      kept -= units
    }
    const next = Effect.suspend(() => {
      over()
      computed = 0
      return run
    })
    return Effect.ensuring(turns.withPermit(Effect.andThen(Effect.yieldNow, next)), Effect.sync(over))
  })

/** A computation and its cost. */
export interface Step<A, B, E> {
  readonly cost: number
  /** The weight of what it keeps in memory while it waits. */
  readonly units: number
  /** Whether it can take longer than the language counts. */
  readonly timed: boolean
  /** Can be aborted at any point. */
  readonly compute: () => A
  /** Follows at once, without a limit, and completes. */
  readonly finish: (computed: A) => B
  readonly failure: (cause: unknown) => E
}

export const step = <A, B, E>({ compute, cost, failure, finish, timed, units }: Step<A, B, E>): Effect.Effect<B, E> => {
  const run = Effect.try({ try: () => finish(within(timed, compute)), catch: failure })
  return isCheap(cost) && !timed ? run : inTurn(units, run)
}

/** Runs several steps within the limits of one operation. */
export const operation = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | TimeLimitExceeded, R> =>
  Effect.suspend(() =>
    // evaluation outside of a step is an error
    Effect.catchDefect(allowed(allowedNow() ?? allowance(), effect), (defect) =>
      defect instanceof TimeLimitExceeded ? Effect.fail(defect) : Effect.die(defect)
    )
  )

/** Runs within the remaining budget. */
export const allowed = <A, E, R>(allowance: Allowance, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Allowed, allowance)
