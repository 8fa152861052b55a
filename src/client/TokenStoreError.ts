/**
 * What goes wrong with a token store.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A store that could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>()("TokenStoreError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
