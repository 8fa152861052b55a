/** Filters of streams, which are asked of every event as long as the stream lasts. */
import type * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Evaluate from "../internal/evaluate.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Document } from "../Operation.ts"

/** Of the time that passes, as much as a stream may compute with its filter. */
const share = 0.01

/**
 * Asks whether an event matches; throws where the filter is wrong. What is costly about it has the limits of one operation,
 * and a share of the time that the stream lasts: a write wakes up every stream of its collection.
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
