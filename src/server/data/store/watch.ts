/** Change streams of one collection. */
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { DatabaseError } from "../DatabaseError.ts"
import { own } from "../internal/evaluate.ts"
import { asError } from "../internal/failures.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Document, Watch } from "../Operation.ts"
import type { Collection } from "./documents.ts"
import * as EventFilters from "./eventFilters.ts"

/** Opens the matching change events of a collection. Each event is copied for each stream. */
export const watch = (
  { log }: Collection,
  { before = false, filter, resumeAfter }: Watch
): Stream.Stream<Document, DatabaseError> =>
  log.from(log.start(resumeAfter)).pipe(
    Stream.mapError(asError),
    Stream.map(({ fullDocumentBeforeChange, ...event }) =>
      before && fullDocumentBeforeChange !== undefined ? { ...event, fullDocumentBeforeChange } : event
    ),
    Stream.filterEffect(EventFilters.make(filter, asError)),
    Stream.mapEffect((event) => {
      const cost = Weights.of(event).units
      return Steps.step({ cost, units: 0, timed: false, compute: () => own(event), finish: identity, failure: asError })
    })
  )
