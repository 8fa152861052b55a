/**
 * The error of a database operation.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A rejected operation: `message` and `code` are MongoDB's if it has the error, `labels` tell whether to retry.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatabaseError extends Schema.TaggedError<DatabaseError>("effect-app-services/server/data/DatabaseError")(
  "DatabaseError",
  {
    message: Schema.String,
    code: Schema.optionalKey(Schema.Int),
    labels: Schema.optionalKey(Schema.Array(Schema.String)),
    /** How many documents an `Insert` inserted before the one that was refused. */
    inserted: Schema.optionalKey(Schema.Int),
    /** The unique index whose key another document has. */
    index: Schema.optionalKey(Schema.String)
  }
) {}

/**
 * The label of errors after which the whole transaction can be retried.
 *
 * @category constants
 * @since 0.1.0
 */
export const transientLabel = "TransientTransactionError"

/**
 * The code of operations that rules deny, MongoDB's `Unauthorized`.
 *
 * @category constants
 * @since 0.1.0
 */
export const forbiddenCode = 13

/**
 * The code of writes of a document that its schema does not accept, MongoDB's `DocumentValidationFailure`.
 *
 * @category constants
 * @since 0.1.0
 */
export const invalidDocumentCode = 121

/**
 * The code of documents with a key that another one has in a unique index, MongoDB's `DuplicateKey`.
 *
 * @category constants
 * @since 0.1.0
 */
export const duplicateCode = 11_000

/**
 * The code of operations that did not reach the database, MongoDB's `HostUnreachable`.
 *
 * @category constants
 * @since 0.2.0
 */
export const unavailableCode = 6

/**
 * The error of an operation that did not reach the database, or whose answer did not come: a change may have been made.
 * The same operation may succeed later.
 *
 * @category constructors
 * @since 0.2.0
 */
export const unavailable = (labels: ReadonlyArray<string> = []): DatabaseError =>
  new DatabaseError({
    message: "the database cannot be reached at the moment: try again later",
    code: unavailableCode,
    ...(labels.length === 0 ? undefined : { labels })
  })

/**
 * Whether an error says that the database cannot be reached at the moment.
 *
 * @category predicates
 * @since 0.2.0
 */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === unavailableCode
