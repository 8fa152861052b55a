/** Why a data directory is not used; `DataDirectory` has it too. */
import * as Schema from "effect/Schema"

/**
 * Why a directory is not used: another process has it, it is not ours, a later version wrote it, it is damaged, it cannot
 * be read or written, or it is not there. Nothing in it was changed.
 */
export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>(
  "effect-app-services/server/storage/DataDirectoryError"
)("DataDirectoryError", {
  directory: Schema.String,
  reason: Schema.Literals(["inUse", "foreign", "newer", "damaged", "unusable", "missing"]),
  message: Schema.String
}) {}
