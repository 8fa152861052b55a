/** The error of data directories and their backups; `DataDirectory` re-exports it. */
import * as Schema from "effect/Schema"

/**
 * A data directory, or a backup of one, cannot be used: another process uses it, it belongs to another program, a later
 * version wrote it, it is damaged, it cannot be read or written, or it is missing; or something is there already. Nothing
 * in it was changed.
 */
export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>(
  "effect-app-services/server/storage/DataDirectoryError"
)("DataDirectoryError", {
  directory: Schema.String,
  reason: Schema.Literals(["inUse", "foreign", "newer", "damaged", "unusable", "missing", "exists"]),
  message: Schema.String
}) {}
