/**
 * The SDK in a page of a browser.
 *
 * @since 0.1.0
 */

/** The SDK over `fetch`, with sessions in `localStorage`. */
export * as BrowserAppServices from "./web/BrowserAppServices.ts"
/** The same with sessions in IndexedDB. */
export * as IndexedDb from "./web/IndexedDb.ts"
/** Storages for sessions. */
export * as WebStorage from "./web/WebStorage.ts"
/** Logins with Google, Facebook and Apple. */
export * as OAuth from "./web/OAuth.ts"
