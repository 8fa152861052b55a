/** Filters of streams, which are asked of every event as long as the stream lasts. */
import type * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Language from "../internal/mongoLanguage.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"

/** Of the time that passes, as much as a stream may compute with its filter. */
const share = 0.01

/**
 * Asks whether an event matches; throws where the filter is none. What is costly about it has the time of one operation,
 * and a share of the time that the stream lasts: a write wakes up every stream of its collection.
 */
export const make = <E>(
  filter: Document | undefined,
  failure: (cause: unknown) => E
): ((event: Document) => Effect.Effect<boolean, E>) => {
  const criteria = Bson.criteria(filter ?? {})
  if (!Bson.isDocument(criteria)) throw new Error("a filter must be a document")
  const asked = Weights.ofFilters(criteria)
  const matches = Language.matcher(criteria)
  const allowance = Steps.allowance(share)
  return (event) => {
    const cost = Steps.costOf(asked, Weights.ofValue(event).units)
    const step = Steps.step({ cost, units: 0, compute: () => matches(event), finish: identity, failure })
    return Steps.isCheap(cost) ? step : Steps.allowed(allowance, step)
  }
}
