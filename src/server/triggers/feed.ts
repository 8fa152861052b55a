/** What triggers follow: events in order, each with its position. */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

/** The events after a position are lost. */
export class FeedLost extends Schema.TaggedError<FeedLost>("effect-app-services/server/triggers/FeedLost")("FeedLost", {
  message: Schema.String
}) {}

/** The events could not be read. */
export class FeedFailed extends Schema.TaggedError<FeedFailed>("effect-app-services/server/triggers/FeedFailed")(
  "FeedFailed",
  {
    message: Schema.String,
    /** Whether the database cannot be reached, which passes: the trigger waits for it. */
    unavailable: Schema.optionalKey(Schema.Boolean)
  }
) {}

/** An event. */
export interface FeedEvent {
  /** The position after it. */
  readonly position: string
  /** The arguments of the trigger's function; `undefined` if the event does not concern the trigger. */
  readonly args: Effect.Effect<ReadonlyArray<unknown> | undefined, FeedFailed>
}

/** A part of a feed: its events, and the position after them. */
export interface FeedPart {
  readonly events: ReadonlyArray<FeedEvent>
  readonly position: string
}

/** The events that a trigger follows. */
export interface Feed {
  /** The position after the newest event. */
  readonly now: Effect.Effect<string, FeedFailed>
  /** The events after a position, without end. */
  readonly open: (position: string) => Stream.Stream<FeedPart, FeedLost | FeedFailed>
}
