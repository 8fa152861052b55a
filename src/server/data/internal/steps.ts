/**
 * What keeps one client from taking the server away from all the others: everything that computes over documents runs on
 * the one thread that answers everybody, so it runs as a step, whose cost is estimated first.
 *
 * A cheap step runs as it is. Any other runs under a time limit, when it is its turn: between two of them, what else
 * there is to do is done. What the language of queries is evaluated for outside of a step is a step of its own.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as vm from "node:vm"
import type { Weight } from "./weights.ts"

/** The operation took too long, and was given up before it changed anything. */
export class TimeLimitExceeded extends Schema.TaggedError<TimeLimitExceeded>()("TimeLimitExceeded", {
  message: Schema.String
}) {}

const exceeded = () => new TimeLimitExceeded({ message: "operation exceeded time limit" })

/** How long one operation may compute. */
export const TimeLimit = Context.Reference<Duration.Duration>("effect-app-services/server/data/internal/TimeLimit", {
  defaultValue: () => Duration.seconds(3)
})

/** What is left of the time of an operation, or of something that gains time while it lasts. */
class Allowance {
  readonly #most: number
  readonly #share: number
  #left: number
  #since = performance.now()

  constructor(limit: Duration.Duration, share: number) {
    this.#most = Duration.toMillis(limit)
    this.#share = share
    this.#left = this.#most
  }

  /** In milliseconds. */
  get left(): number {
    const now = performance.now()
    this.#left = Math.min(this.#most, this.#left + (now - this.#since) * this.#share)
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

/** The most units of a step that needs no limit: some tens of milliseconds at worst, in which a limit costs 0.1. */
const mostCheap = 100_000

/** Whether a step of this cost runs as it is, at once. */
export const isCheap = (cost: number): boolean => cost <= mostCheap

/** What it costs to ask this of documents of so many units. Some of it is asked of itself. */
export const costOf = ({ bounded, units }: Weight, reach: number): number =>
  bounded ? units * (units + reach) : Infinity

interface Running {
  /** Absent for a cheap step that is an operation: a clock would cost as much. */
  readonly allowance: Allowance | undefined
  readonly limited: boolean
  /** Since when its time is not accounted for. */
  since: number
}

/** The step that runs now. */
let running: Running | undefined

const cheap: Running = { allowance: undefined, limited: false, since: 0 }

/** How long steps have computed since everything else had its turn, in milliseconds. */
let computed = 0

const account = (step: Running): void => {
  if (step.allowance === undefined) return
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
  new Allowance(Fiber.getCurrent()?.getRef(TimeLimit) ?? TimeLimit.defaultValue(), share)

const allowedNow = (): Allowance | undefined => running?.allowance ?? Fiber.getCurrent()?.getRef(Allowed)

const within = <A>(limited: boolean, run: () => A): A => {
  const outer = running
  const allowed = allowedNow()
  try {
    if (!limited && allowed === undefined) {
      running = cheap
      return run()
    }
    if (outer !== undefined) account(outer)
    const inner: Running = (running = { allowance: allowed ?? allowance(), limited, since: performance.now() })
    try {
      return metered(inner, run)
    } finally {
      account(inner)
      if (outer !== undefined) outer.since = inner.since
    }
  } finally {
    running = outer
  }
}

const metered = <A>({ allowance, limited }: Running, run: () => A): A => {
  const left = allowance?.left ?? 0
  if (left <= 0) throw exceeded()
  return limited ? timeLimited(Math.ceil(left), run) : run()
}

/** Whether the step that runs allows for this: it is one, and not a cheap one where this is not. */
export const covers = ({ bounded }: Weight): boolean => running !== undefined && (running.limited || bounded)

/** Evaluates the language of queries in the step that runs or, where that does not cover it, in one of its own. */
export const evaluate = <A>(asked: Weight, reach: () => number, run: () => A): A =>
  covers(asked) ? run() : within(!isCheap(costOf(asked, reach())), run)

/** Evaluates what a step has been made for already; outside of any, it is limited. */
export const inside = <A>(run: () => A): A => (running === undefined ? within(true, run) : run())

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
  /** May be given up at any place. */
  readonly compute: () => A
  /** Follows at once, and is not limited: all of it happens. */
  readonly finish: (computed: A) => B
  readonly failure: (cause: unknown) => E
}

export const step = <A, B, E>({ compute, cost, failure, finish, units }: Step<A, B, E>): Effect.Effect<B, E> => {
  const limited = !isCheap(cost)
  const run = Effect.try({ try: () => finish(within(limited, compute)), catch: failure })
  return limited ? inTurn(units, run) : run
}

/** Does something that takes several steps, in the time of one operation. */
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
