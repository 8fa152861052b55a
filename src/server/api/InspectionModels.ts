/** What the administration API tells about the parts of an application: functions, endpoints, documents, notes. */
import * as Schema from "effect/Schema"
import { LogEntry } from "./ActivityModels.ts"

const optional = Schema.optionalKey

/**
 * A note about loading an application.
 *
 * @category schemas
 * @since 0.2.0
 */
export const Note = Schema.Struct({ file: optional(Schema.String), message: Schema.String })

/**
 * The decoded form of {@link Note}.
 *
 * @category models
 * @since 0.2.0
 */
export type Note = typeof Note.Type

/**
 * A function, without its code.
 *
 * @category schemas
 * @since 0.2.0
 */
export const FunctionInfo = Schema.Struct({
  name: Schema.String,
  /** Whether clients cannot call it. */
  private: Schema.Boolean,
  runsAs: Schema.Literals(["caller", "system", "user"]),
  /** Whether a rule decides who may call it. */
  hasRule: Schema.Boolean,
  /** The file of an exported one. */
  file: optional(Schema.String),
  /** Why calls of it fail. */
  unusable: optional(Schema.String)
})

/**
 * The decoded form of {@link FunctionInfo}.
 *
 * @category models
 * @since 0.2.0
 */
export type FunctionInfo = typeof FunctionInfo.Type

/**
 * A function to run: its arguments as the Extended JSON of an array, and the id of the user as whom it is called, by default the
 * system.
 *
 * @category schemas
 * @since 0.2.0
 */
export const FunctionCall = Schema.Struct({
  name: Schema.String,
  arguments: Schema.String,
  user: optional(Schema.String)
})

/**
 * What became of a function's run.
 *
 * @category schemas
 * @since 0.2.0
 */
export const FunctionRun = Schema.Struct({
  millis: Schema.Finite,
  /** Canonical Extended JSON; absent if it failed, and for `undefined`. */
  result: optional(Schema.String),
  error: optional(Schema.Struct({ code: Schema.String, message: Schema.String })),
  /** What it logged. */
  log: Schema.Array(LogEntry)
})

/**
 * The decoded form of {@link FunctionRun}.
 *
 * @category models
 * @since 0.2.0
 */
export type FunctionRun = typeof FunctionRun.Type

/**
 * An HTTPS endpoint or a webhook, with what the log has of its requests.
 *
 * @category schemas
 * @since 0.2.0
 */
export const EndpointInfo = Schema.Struct({
  kind: Schema.Literals(["endpoint", "webhook"]),
  method: Schema.String,
  /** The path on the server. */
  path: Schema.String,
  function: Schema.String,
  validation: Schema.Literals(["none", "secret", "signature", "github"]),
  requests: Schema.Int,
  failures: Schema.Int,
  lastRun: optional(
    Schema.Struct({
      at: Schema.Finite,
      millis: Schema.Finite,
      status: optional(Schema.Int),
      logId: optional(Schema.String)
    })
  )
})

/**
 * The decoded form of {@link EndpointInfo}.
 *
 * @category models
 * @since 0.2.0
 */
export type EndpointInfo = typeof EndpointInfo.Type

/** Names a collection. */
const named = { service: Schema.String, database: Schema.String, collection: Schema.String }

/**
 * A collection that has documents or rules.
 *
 * @category schemas
 * @since 0.2.0
 */
export const CollectionInfo = Schema.Struct({
  ...named,
  /** What users may do in it. */
  access: Schema.Literals(["open", "closed", "rules"]),
  hasSchema: Schema.Boolean
})

/**
 * The decoded form of {@link CollectionInfo}.
 *
 * @category models
 * @since 0.2.0
 */
export type CollectionInfo = typeof CollectionInfo.Type

/** A collection, and the id of the user under whose rules it is used; by default the system, which has none. */
const target = { ...named, user: optional(Schema.String) }

/**
 * Selects documents. Filter, projection and sort order are Extended JSON.
 *
 * @category schemas
 * @since 0.2.0
 */
export const DocumentQuery = Schema.Struct({
  ...target,
  filter: optional(Schema.String),
  projection: optional(Schema.String),
  sort: optional(Schema.String),
  skip: optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))),
  limit: optional(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 })))
})

/**
 * Documents as canonical Extended JSON.
 *
 * @category schemas
 * @since 0.2.0
 */
export const DocumentPage = Schema.Struct({
  documents: Schema.Array(Schema.String),
  /** How many match, counted up to 10,000. */
  count: Schema.Int,
  /** Whether further documents were left out because these are large. */
  truncated: Schema.Boolean
})

/**
 * The decoded form of {@link DocumentPage}.
 *
 * @category models
 * @since 0.2.0
 */
export type DocumentPage = typeof DocumentPage.Type

/**
 * A document to insert, as Extended JSON.
 *
 * @category schemas
 * @since 0.2.0
 */
export const DocumentInsertion = Schema.Struct({ ...target, document: Schema.String })

/**
 * A document that replaces the one with the same `_id`, as Extended JSON.
 *
 * @category schemas
 * @since 0.2.0
 */
export const DocumentReplacement = Schema.Struct({ ...target, id: Schema.String, document: Schema.String })

/**
 * The `_id` of a document to delete, as Extended JSON.
 *
 * @category schemas
 * @since 0.2.0
 */
export const DocumentDeletion = Schema.Struct({ ...target, id: Schema.String })

/**
 * 422: the database does not do what it is asked for. `message` says why, as for clients.
 *
 * @category errors
 * @since 0.2.0
 */
export class DatabaseRefused extends Schema.TaggedError<DatabaseRefused>(
  "effect-app-services/server/api/DatabaseRefused"
)("DatabaseRefused", { message: Schema.String, code: optional(Schema.Int) }, { httpApiStatus: 422 }) {}

/**
 * 404: the application does not have the function.
 *
 * @category errors
 * @since 0.2.0
 */
export class FunctionNotFound extends Schema.TaggedError<FunctionNotFound>(
  "effect-app-services/server/api/FunctionNotFound"
)("FunctionNotFound", { message: Schema.String, appId: Schema.String, name: Schema.String }, { httpApiStatus: 404 }) {}

/**
 * 404: there is no document with the `_id`, or the user may not see it.
 *
 * @category errors
 * @since 0.2.0
 */
export class DocumentNotFound extends Schema.TaggedError<DocumentNotFound>(
  "effect-app-services/server/api/DocumentNotFound"
)("DocumentNotFound", { message: Schema.String }, { httpApiStatus: 404 }) {}
