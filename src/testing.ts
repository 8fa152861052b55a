/**
 * What a user's tests import.
 *
 * @since 0.1.0
 */

/** What every `Database` must do. */
export * as DatabaseContract from "./testing/DatabaseContract.ts"
/** A network that misbehaves by rule. */
export * as Faults from "./testing/Faults.ts"
/** Looks for secrets where none may be. */
export * as LeakCheck from "./testing/LeakCheck.ts"
/** Stand-ins for the services of the SDK. */
export * as Mock from "./testing/Mock.ts"
/** Traffic with a real host, recorded once and replayed in tests. */
export * as Recording from "./testing/Recording.ts"
/** The SDK over the embedded server, without a socket. */
export * as TestServer from "./testing/TestServer.ts"
/** What every `TokenStore` must do. */
export * as TokenStoreContract from "./testing/TokenStoreContract.ts"
