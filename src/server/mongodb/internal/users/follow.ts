/** Follows what is inserted into a collection, as a change stream. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ChangeStream, Collection, Document } from "mongodb"
import type { DatabaseError } from "../../../data/DatabaseError.ts"
import { attempt } from "../errors.ts"

/** A part of what was inserted, and the position after it. */
export interface Part<A> {
  readonly inserted: ReadonlyArray<{ readonly document: A; readonly position: string }>
  readonly position: string
}

/** How long the server waits for a change before it answers without one, in milliseconds. */
const patience = 1_000

const positionOf = (token: unknown): string =>
  typeof token === "object" && token !== null ? String(Reflect.get(token, "_data")) : ""

const open = async <A extends Document>(
  collection: Collection<A>,
  filter: Document,
  position: string | undefined
): Promise<{ readonly stream: ChangeStream<A>; readonly first: Part<A> }> => {
  const stream = collection.watch<A>([{ $match: { operationType: "insert", ...filter } }], {
    maxAwaitTimeMS: patience,
    ...(position === undefined ? undefined : { resumeAfter: { _data: position } })
  })
  return { stream, first: await next(stream) }
}

const next = async <A extends Document>(stream: ChangeStream<A>): Promise<Part<A>> => {
  const event = await stream.tryNext()
  if (event?.operationType !== "insert") return { inserted: [], position: positionOf(stream.resumeToken) }
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
    Effect.map(
      attempt(() => open(collection, filter, position)),
      ({ first, stream }) =>
        Stream.concat(Stream.succeed(first), Stream.fromEffectRepeat(attempt(() => next(stream)))).pipe(
          Stream.ensuring(Effect.ignore(attempt(() => stream.close())))
        )
    )
  )
