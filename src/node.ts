/**
 * The SDK and the server on Node's platform: needs `@effect/platform-node`.
 *
 * @since 0.1.0
 */

/** The SDK over `undici`. */
export * as NodeAppServices from "./node/NodeAppServices.ts"
/** Sessions in files. */
export * as NodeTokenStore from "./node/NodeTokenStore.ts"
/** Sends the e-mails of a server. */
export * as NodeMailer from "./node/NodeMailer.ts"
/** The server on a socket. */
export * as NodeAppServicesServer from "./node/NodeAppServicesServer.ts"
