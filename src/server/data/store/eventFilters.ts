/** Filters of change streams, which are evaluated for every event. */
import type * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Evaluate from "../internal/evaluate.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Document } from "../Operation.ts"

/** The share of elapsed time that a stream may compute with its filter. */
const share = 0.01

/**
 * Evaluates the filter for an event; throws if it is invalid. Expensive filters have the budget of one operation plus a
 * share of the time that the stream is open: a write wakes up every stream of its collection.
 */
export const make = <E>(
  filter: Document | undefined,
  failure: (cause: unknown) => E
): ((event: Document) => Effect.Effect<boolean, E>) => {
  const { matches } = Evaluate.filterOf(filter ?? {})
  const asked = Weights.of(filter)
  const allowance = Steps.allowance(share)
  return (event) => {
    const cost = Steps.costOf(asked, Weights.of(event).units)
    const compute = () => matches(event)
    const step = Steps.step({ cost, units: 0, timed: asked.regex, compute, finish: identity, failure })
    return Steps.isCheap(cost) && !asked.regex ? step : Steps.allowed(allowance, step)
  }
}
