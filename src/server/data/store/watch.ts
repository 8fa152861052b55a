/** Change streams of one collection. */
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { DatabaseError } from "../DatabaseError.ts"
import * as Bson from "../internal/bson.ts"
import { asError } from "../internal/failures.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Document, Watch } from "../Operation.ts"
import type { Collection } from "./documents.ts"
import * as EventFilters from "./eventFilters.ts"

const own = (document: Document): Document => {
  const copy = Bson.copy(document)
  return Bson.isDocument(copy) ? copy : document
}

/** Opens the changes of a collection that match. Each event is copied for each stream, one after the other. */
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
      const cost = Weights.ofValue(event).units
      return Steps.step({ cost, units: 0, compute: () => own(event), finish: identity, failure: asError })
    })
  )
