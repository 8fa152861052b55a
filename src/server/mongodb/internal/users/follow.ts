/** Follows what is inserted into a collection, as a change stream. */
import * as Stream from "effect/Stream"
import type { ChangeStreamDocument, Collection, Document, ResumeToken } from "mongodb"
import type { DatabaseError } from "../../../data/DatabaseError.ts"
import * as ChangeStreams from "../changeStream.ts"

/** A part of what was inserted, and the position after it. */
export interface Part<A> {
  readonly inserted: ReadonlyArray<{ readonly document: A; readonly position: string }>
  readonly position: string
}

const positionOf = (token: unknown): string =>
  typeof token === "object" && token !== null ? String(Reflect.get(token, "_data")) : ""

const partOf = <A extends Document>(
  { resumeToken }: { readonly resumeToken: ResumeToken },
  event: ChangeStreamDocument<A> | null
): Part<A> => {
  if (event?.operationType !== "insert") return { inserted: [], position: positionOf(resumeToken) }
  const position = positionOf(event._id)
  return { inserted: [{ document: event.fullDocument, position }], position }
}

/**
 * What is inserted after a position, by default from now on. The first part comes when the stream is open: no later document
 * is missed.
 */
export const follow = <A extends Document>(
  collection: Collection<A>,
  filter: Document,
  position?: string
): Stream.Stream<Part<A>, DatabaseError> =>
  Stream.unwrap(
    ChangeStreams.read(
      () =>
        collection.watch<A>([{ $match: { operationType: "insert", ...filter } }], {
          maxAwaitTimeMS: ChangeStreams.patience,
          ...(position === undefined ? undefined : { resumeAfter: { _data: position } })
        }),
      partOf<A>
    )
  )
