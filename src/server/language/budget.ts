/**
 * What one operation may spend, counted and not timed: a limit that is the same on every machine.
 *
 * Every loop over data counts its steps with `spend`, and everything that makes values counts them with `make`. Outside
 * of `within` there is no limit.
 */
import { codes, exceeded } from "./LanguageError.ts"

/** What is left of what an operation may spend. One budget may be spent in several calls of `within`. */
export interface Budget {
  /** A step is about as much as comparing two small values. */
  steps: number
  /** How many more values may be made, as a measure of memory: a document, a list and what is in them. */
  values: number
}

let steps = Infinity
let values = Infinity

/** Counts steps before they are taken. */
export const spend = (count = 1): void => {
  steps -= count
  if (steps < 0) exceeded("operation exceeded time limit")
}

/** Counts values before they are made, and the steps that making them takes. */
export const make = (count = 1): void => {
  spend(count)
  take(count)
}

const take = (count: number): void => {
  values -= count
  if (values < 0) {
    exceeded("operation used too much memory: ask for fewer documents or smaller values", codes.ExceededMemoryLimit)
  }
}

/** How much more than a value that is made a copy of one takes: it is kept, written as text, and shares nothing. */
const weightOfCopy = 4

/**
 * Counts values before they are copied for the caller. Values that repeat one another share their memory until then, so
 * a few stages can describe more copies than any memory has.
 */
export const copy = (count = 1): void => {
  spend(count)
  take(count * weightOfCopy)
}

/**
 * Runs something that ends with a `LanguageError` of kind `limit` where it spends more than the budget has. What it
 * spends is taken from the budget, and from the one of a `within` around it.
 */
export const within = <A>(budget: Budget, run: () => A): A => {
  const outer = { steps, values }
  const most = { steps: Math.min(budget.steps, outer.steps), values: Math.min(budget.values, outer.values) }
  steps = most.steps
  values = most.values
  try {
    return run()
  } catch (error) {
    if (isOutOfStack(error)) return exceeded("operation nests values too deeply", codes.Overflow)
    throw error
  } finally {
    const spent = { steps: most.steps - steps, values: most.values - values }
    budget.steps = left(budget.steps, spent.steps)
    budget.values = left(budget.values, spent.values)
    steps = left(outer.steps, spent.steps)
    values = left(outer.values, spent.values)
  }
}

/** What is nested too deeply for the functions that walk through it. */
const isOutOfStack = (error: unknown): boolean => error instanceof RangeError && error.message.includes("call stack")

/** Infinity without Infinity would be NaN, which no limit would ever stop. */
const left = (had: number, spent: number): number => (had === Infinity ? Infinity : had - spent)
