/** The models and failures of the administration of triggers. */
import * as Schema from "effect/Schema"

/**
 * A trigger, and what became of its runs.
 *
 * @category schemas
 * @since 0.2.0
 */
export const TriggerInfo = Schema.Struct({
  name: Schema.String,
  type: Schema.Literals(["DATABASE", "AUTHENTICATION", "SCHEDULED"]),
  function: Schema.String,
  /** `suspended` until it is resumed; `waiting` while another server runs it. */
  status: Schema.Literals(["running", "suspended", "disabled", "waiting"]),
  /** Why it is suspended. */
  reason: Schema.optionalKey(Schema.String),
  runs: Schema.Int,
  failures: Schema.Int,
  lastRun: Schema.optionalKey(
    Schema.Struct({ at: Schema.DateTimeUtcFromString, millis: Schema.Finite, failed: Schema.Boolean })
  ),
  lastFailure: Schema.optionalKey(Schema.Struct({ at: Schema.DateTimeUtcFromString, message: Schema.String }))
})

/**
 * The decoded form of {@link TriggerInfo}.
 *
 * @category models
 * @since 0.2.0
 */
export type TriggerInfo = typeof TriggerInfo.Type

/**
 * Where a suspended trigger goes on: with the event at which it was suspended, or with the next one that happens.
 *
 * @category schemas
 * @since 0.2.0
 */
export const ResumeFrom = Schema.Literals(["position", "now"])

/**
 * The decoded form of {@link ResumeFrom}.
 *
 * @category models
 * @since 0.2.0
 */
export type ResumeFrom = typeof ResumeFrom.Type

/**
 * 404: the application does not have the trigger.
 *
 * @category errors
 * @since 0.2.0
 */
export class TriggerNotFound extends Schema.TaggedError<TriggerNotFound>(
  "effect-app-services/server/triggers/TriggerNotFound"
)("TriggerNotFound", { message: Schema.String, appId: Schema.String, name: Schema.String }, { httpApiStatus: 404 }) {}

/**
 * 409: the trigger is not suspended.
 *
 * @category errors
 * @since 0.2.0
 */
export class TriggerNotSuspended extends Schema.TaggedError<TriggerNotSuspended>(
  "effect-app-services/server/triggers/TriggerNotSuspended"
)(
  "TriggerNotSuspended",
  { message: Schema.String, appId: Schema.String, name: Schema.String },
  { httpApiStatus: 409 }
) {}
