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
  readonly registerUser: (details: { email: string; password: string }) => Promise<void>
  readonly confirmUser: (details: { token: string; tokenId: string }) => Promise<void>
  readonly resendConfirmationEmail: (details: { email: string }) => Promise<void>
  readonly retryCustomConfirmation: (details: { email: string }) => Promise<void>
  readonly resetPassword: (details: { token: string; tokenId: string; password: string }) => Promise<void>
  readonly sendResetPasswordEmail: (details: { email: string }) => Promise<void>
  readonly callResetPasswordFunction: (
    details: { email: string; password: string },
    ...args: Array<unknown>
  ) => Promise<void>
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
  readonly create: (name: string) => Promise<ApiKey & { key: string }>
  readonly fetch: (keyId: string) => Promise<ApiKey>
  readonly fetchAll: () => Promise<Array<ApiKey>>
  readonly delete: (keyId: string) => Promise<void>
  readonly enable: (keyId: string) => Promise<void>
  readonly disable: (keyId: string) => Promise<void>
}
