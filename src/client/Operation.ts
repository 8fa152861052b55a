/**
 * What is being done, for the errors that tell of it.
 *
 * @since 0.1.0
 */

/**
 * An operation, and how it takes the refusals that mean different things to different operations: status 401 says "wrong
 * credentials" to a login and "the session is over" to the refresh of a session.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operation {
  /** The name errors carry, such as `AuthApi.logIn`. */
  readonly name: string
  readonly kind: "general" | "login" | "link" | "session" | "function"
  /** The function, key or e-mail an error speaks of. */
  readonly subject?: string | undefined
}
