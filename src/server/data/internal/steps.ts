/**
 * What keeps one client from taking the server away from all the others: everything that computes over documents runs on
 * the one thread that answers everybody, so it runs as a step, within the budget of its operation.
 *
 * The language counts what it computes, so a budget is the same on every machine. Only a regular expression may take
 * longer than any count tells: what has one runs under a time limit as well. A step that is estimated to be costly waits
 * for its turn: between two of them, everything else that there is to do is done.
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

/** The operation took too long, and was given up before it changed anything. */
export class TimeLimitExceeded extends Schema.TaggedError<TimeLimitExceeded>()("TimeLimitExceeded", {
  message: Schema.String
}) {}

const exceeded = () => new TimeLimitExceeded({ message: "operation exceeded time limit" })

/** How much one operation may compute: steps and values of the language and, where they tell too little, time. */
export interface Limits extends Readonly<Budget> {
  readonly time: Duration.Duration
}

/** Some seconds of computing, and some hundred megabytes. */
export const Limits = Context.Reference<Limits>("effect-app-services/server/data/internal/Limits", {
  defaultValue: () => ({ steps: 30_000_000, values: 20_000_000, time: Duration.seconds(3) })
})

/** What is left of the limits of an operation, or of something that gains time while it lasts. */
class Allowance {
  /** Counted down by the language. */
  readonly budget: Budget
  /** Of the time that passes, as much is gained; an operation gains none. */
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

/** What the operation that a fiber runs is allowed; each step of one that has none is an operation. */
const Allowed = Context.Reference<Allowance | undefined>("effect-app-services/server/data/internal/Allowed", {
  defaultValue: () => undefined
})

/** The most units of a step that needs no turn: some tens of milliseconds at worst. */
const mostCheap = 100_000

/** Whether a step of this cost runs at once. */
export const isCheap = (cost: number): boolean => cost <= mostCheap

/** What it costs to ask this of documents of so many units. Some of it is asked of itself. */
export const costOf = ({ units }: Pick<Weight, "units">, reach: number): number => units * (units + reach)

interface Running {
  readonly allowance: Allowance
  readonly timed: boolean
  /** Since when its time is not accounted for. */
  since: number
}

/** The step that runs now. */
let running: Running | undefined

/** How long steps have computed since everything else had its turn, in milliseconds. */
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
 * Runs what must change nothing that outlives it, since it may be given up at any place. Nothing else can stop a regular
 * expression that backtracks without end.
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
    // an error of the realm is no instance of this one's Error
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
    throw code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? exceeded() : cause
  } finally {
    delete realm[slot]
  }
  if (outcome.value === undefined) throw exceeded()
  return outcome.value.of
}

/** An allowance of its own, with a share of the time that passes. */
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

const limited = <A>({ allowance: { budget, left, share }, timed }: Running, run: () => A): A => {
  if ((timed || share > 0) && left <= 0) throw exceeded()
  return withinBudget(budget, timed ? () => timeLimited(Math.ceil(left), run) : run)
}

/** Evaluates the language in the step that runs or, where there is none or it has no time limit, in one of its own. */
export const evaluate = <A>(regex: boolean, run: () => A): A =>
  running !== undefined && (running.timed || !regex) ? run() : within(regex, run)

/** How long steps may compute, in milliseconds, before everything else has its turn: that takes a while itself. */
const mostAtOnce = 10

/** Those who wait for everything else to have its turn, of whom one goes on at a time. */
const turns = Semaphore.makeUnsafe(1)
let waiting = 0

/** The most units of what those who wait keep in memory: beyond it, the next goes first. */
const mostKept = 2_000_000
let kept = 0

/** Runs a costly step when others have had their turn. */
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

/** What is computed, and what it costs. */
export interface Step<A, B, E> {
  readonly cost: number
  /** The weight of what is kept in memory until then. */
  readonly units: number
  /** Whether it may take longer than the language counts. */
  readonly timed: boolean
  /** May be given up at any place. */
  readonly compute: () => A
  /** Follows at once, and is not limited: all of it happens. */
  readonly finish: (computed: A) => B
  readonly failure: (cause: unknown) => E
}

export const step = <A, B, E>({ compute, cost, failure, finish, timed, units }: Step<A, B, E>): Effect.Effect<B, E> => {
  const run = Effect.try({ try: () => finish(within(timed, compute)), catch: failure })
  return isCheap(cost) && !timed ? run : inTurn(units, run)
}

/** Does something that takes several steps, in the limits of one operation. */
export const operation = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | TimeLimitExceeded, R> =>
  Effect.suspend(() =>
    // what is evaluated outside of a step throws
    Effect.catchDefect(allowed(allowedNow() ?? allowance(), effect), (defect) =>
      defect instanceof TimeLimitExceeded ? Effect.fail(defect) : Effect.die(defect)
    )
  )

/** Does something in what is left of an allowance. */
export const allowed = <A, E, R>(allowance: Allowance, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Allowed, allowance)
