/** The change events of a collection for one user. */
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

type Watch = Driver["changes"]

/**
 * Filters and rewrites change events. An event is computed from the visible parts of the document before and after the
 * change, as queries see them, so it reveals no field that they do not. A change that makes no difference to them is
 * omitted.
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
    const was = yield* seen(old)
    const before = wantsBefore && was !== undefined ? { fullDocumentBeforeChange: was } : {}
    // whether a document that is gone was readable may depend on what is gone too
    if (told["fullDocument"] === undefined) return access.readsAll ? [{ ...told, ...before }] : []
    const is = yield* seen(told["fullDocument"])
    if (is === undefined || equals(was, is)) return []
    const { _id } = is
    return [
      {
        ...told,
        fullDocument: is,
        ...(told["updateDescription"] !== undefined && { updateDescription: { ...describe(was ?? { _id }, is) } }),
        ...before
      }
    ]
  })

  return Effect.fnUntraced(function* (watched, { before = false, filter, ...place }) {
    // the filter applies to the visible event
    const wanted = yield* Effect.try({
      try: () => EventFilters.make(filter, asError),
      catch: asError
    })
    const changes = yield* watch(watched, { ...place, before: true, describeAll: true })
    return Stream.mapEffect(changes, ({ events, token }) =>
      Effect.forEach(events, (event) => bounded(shown(event, before))).pipe(
        Effect.flatMap((found) => Effect.filter(found.flat(), wanted)),
        Effect.map((events) => ({ events, token }))
      )
    )
  })
}
