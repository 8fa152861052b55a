/**
 * Accounts and API keys in the entry point for promises, with the names and shapes of `realm-web` 2.
 *
 * @since 0.1.0
 */

/**
 * The accounts with e-mail address and password. Each promise rejects with a `MongoDBRealmError` where the host refuses.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmailPasswordAuth {
  registerUser(details: { email: string; password: string }): Promise<void>
  confirmUser(details: { token: string; tokenId: string }): Promise<void>
  resendConfirmationEmail(details: { email: string }): Promise<void>
  retryCustomConfirmation(details: { email: string }): Promise<void>
  resetPassword(details: { token: string; tokenId: string; password: string }): Promise<void>
  sendResetPasswordEmail(details: { email: string }): Promise<void>
  callResetPasswordFunction(details: { email: string; password: string }, ...args: Array<unknown>): Promise<void>
}

/**
 * An API key of a user. The host shows `key` only when it creates it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ApiKey {
  _id: string
  key?: string
  name: string
  disabled: boolean
}

/**
 * The API keys of a user.
 *
 * @category models
 * @since 0.1.0
 */
export interface ApiKeyAuth {
  create(name: string): Promise<ApiKey & { key: string }>
  fetch(keyId: string): Promise<ApiKey>
  fetchAll(): Promise<Array<ApiKey>>
  delete(keyId: string): Promise<void>
  enable(keyId: string): Promise<void>
  disable(keyId: string): Promise<void>
}
