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
