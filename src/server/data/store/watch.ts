/** Change streams of a collection, a database or a data source. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import type { DatabaseError } from "../DatabaseError.ts"
import { own } from "../internal/evaluate.ts"
import { asError } from "../internal/failures.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import { invalid } from "../../language/LanguageError.ts"
import type { Changes, Document, Watch, Watched } from "../Operation.ts"
import type { ChangeLog } from "./changeLog.ts"
import * as EventFilters from "./eventFilters.ts"

/** Opens the matching change events. Each event is copied for each stream. Throws if the stream cannot be opened. */
export const watch = (
  log: ChangeLog,
  watched: Watched,
  { before = false, describeAll = false, filter, resumeAfter, startAfter }: Watch
): Stream.Stream<Changes, DatabaseError> => {
  if (resumeAfter !== undefined && startAfter !== undefined) {
    invalid("a change stream starts at one place: give resumeAfter or startAfter, and not both")
  }
  const matches = EventFilters.make(filter, asError)
  const shown = ({ fullDocumentBeforeChange, ...event }: Document): Document =>
    before && fullDocumentBeforeChange !== undefined ? { ...event, fullDocumentBeforeChange } : event
  const copied = (event: Document) => {
    const cost = Weights.of(event).units
    return Steps.step({ cost, units: 0, timed: false, compute: () => own(event), finish: identity, failure: asError })
  }
  return log.changes(log.position(resumeAfter ?? startAfter), watched, describeAll).pipe(
    Stream.mapEffect(({ events, token }) =>
      Effect.map(
        Effect.flatMap(Effect.filter(events.map(shown), matches), (found) => Effect.forEach(found, copied)),
        (events) => ({ events, token })
      )
    )
  )
}
