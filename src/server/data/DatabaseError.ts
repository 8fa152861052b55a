/**
 * Why a database refused an operation.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Why the database refused: `message` in the words of MongoDB where it has any, `code` its number, `labels` what it says
 * about trying again.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatabaseError extends Schema.TaggedError<DatabaseError>("effect-app-services/server/data/DatabaseError")(
  "DatabaseError",
  {
    message: Schema.String,
    code: Schema.optionalKey(Schema.Int),
    labels: Schema.optionalKey(Schema.Array(Schema.String))
  }
) {}

/**
 * The label of an error after which the whole transaction may be tried again.
 *
 * @category constants
 * @since 0.1.0
 */
export const transientLabel = "TransientTransactionError"

/**
 * The code of an error that rules made, as MongoDB numbers what is unauthorized.
 *
 * @category constants
 * @since 0.1.0
 */
export const forbiddenCode = 13
