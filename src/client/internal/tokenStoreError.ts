/** Apart from the stores, so that a bundle that needs the error alone has none of them. */
import * as Schema from "effect/Schema"

/**
 * The store could not be read or written. The SDK turns it into an `AppServicesError` with the reason `StoreUnavailable`.
 *
 * `message` says what failed and must hold no token; `cause` is the engine's own error, where that holds none either.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>()("TokenStoreError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
