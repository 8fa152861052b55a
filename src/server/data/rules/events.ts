/** The changes of a collection as one user sees them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Driver } from "../Driver.ts"
import { asError, bounded } from "../internal/failures.ts"
import type { Document } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import { describe } from "../../language/Update.ts"
import { equals, isDocument } from "../../language/Value.ts"
import * as EventFilters from "../store/eventFilters.ts"
import { visible } from "./rewrite.ts"

type Watch = Driver["watch"]

/**
 * Changes as far as their documents are shown. What an event says is made of what is shown of the document before the
 * change and after it, by what shows documents to queries: so it tells of no field that those do not, by whatever name,
 * and a change that makes no difference to what is shown is left out.
 */
export const watching = (watch: Watch, access: Access): Watch => {
  if (access.everything) return watch

  const seen = Effect.fnUntraced(function* (document: unknown) {
    if (!isDocument(document)) return undefined
    access.forget()
    return (yield* visible(access, [document]))[0]
  })

  const shown = Effect.fnUntraced(function* (event: Document, wantsBefore: boolean) {
    const { fullDocumentBeforeChange: old, ...told } = event
    // of a document that is gone, nothing says what was shown of it
    if (told["fullDocument"] === undefined) return access.readsAll ? [told] : []
    const [was, is] = [yield* seen(old), yield* seen(told["fullDocument"])]
    if (is === undefined || equals(was, is)) return []
    const { _id } = is
    return [
      {
        ...told,
        fullDocument: is,
        ...(told["updateDescription"] !== undefined && { updateDescription: { ...describe(was ?? { _id }, is) } }),
        ...(wantsBefore && was !== undefined && { fullDocumentBeforeChange: was })
      }
    ]
  })

  return Effect.fnUntraced(function* (namespace, { before = false, filter, resumeAfter }) {
    // the filter sees what is shown
    const wanted = yield* Effect.try({
      try: () => EventFilters.make(filter, asError),
      catch: asError
    })
    const events = yield* watch(namespace, { resumeAfter, before: true })
    return events.pipe(
      Stream.mapEffect((event) => bounded(shown(event, before))),
      Stream.flatMap(Stream.fromIterable),
      Stream.filterEffect(wanted)
    )
  })
}
