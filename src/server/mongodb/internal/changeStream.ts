/** MongoDB's change streams, part by part. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ChangeStream, Document } from "mongodb"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import { asError, attempt } from "./errors.ts"

/** How long the server waits for a change before it answers without one, in milliseconds. */
export const patience = 1_000

/**
 * Opens a change stream, so that no later change is missed, and reads it: the first part is that of the opening. A part has one
 * event, or none but the position that was reached. The stream is closed with that of the parts, and if the opening fails or is
 * interrupted.
 */
export const read = <A extends Document, B>(
  watch: () => ChangeStream<A>,
  partOf: (stream: ChangeStream<A>, event: Awaited<ReturnType<ChangeStream<A>["tryNext"]>>) => B
): Effect.Effect<Stream.Stream<B, DatabaseError>, DatabaseError> =>
  Effect.flatMap(Effect.try({ try: watch, catch: asError }), (stream) => {
    const close = Effect.ignore(attempt(() => stream.close()))
    const next = attempt(async () => partOf(stream, await stream.tryNext()))
    return next.pipe(
      Effect.onError(() => close),
      Effect.map((first) =>
        Stream.concat(Stream.succeed(first), Stream.fromEffectRepeat(next)).pipe(Stream.ensuring(close))
      )
    )
  })
