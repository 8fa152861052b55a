/**
 * Tools for testing programs that use the SDK: a server in process, mocks, faults, recordings, leak detection, and contracts of
 * stores.
 *
 * @since 0.1.0
 */

/** The contract of `Database`, as a suite of tests. */
export * as DatabaseContract from "./testing/DatabaseContract.ts"
/** Injects network faults by rule. */
export * as Faults from "./testing/Faults.ts"
/** Detects leaked secrets. */
export * as LeakCheck from "./testing/LeakCheck.ts"
/** Mocks the services of the SDK. */
export * as Mock from "./testing/Mock.ts"
/** Records traffic with a real host once, and replays it in tests. */
export * as Recording from "./testing/Recording.ts"
/** The SDK with the embedded server behind it, without a socket. */
export * as TestServer from "./testing/TestServer.ts"
/** The contract of `TokenStore`, as a suite of tests. */
export * as TokenStoreContract from "./testing/TokenStoreContract.ts"
