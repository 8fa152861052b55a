/**
 * The SDK with promises instead of effects, and the names and shapes of `realm-web` 2: a program that used it changes the
 * import and keeps its code.
 *
 * @since 0.1.0
 */

/** An application and its users. */
export { App, getApp, getEnvironment, handleAuthRedirect, setDefaultBaseUrl, setEnvironment } from "./promise/App.ts"
export type { AppConfiguration, Environment } from "./promise/App.ts"
/** Accounts and API keys. */
export type * as Auth from "./promise/Auth.ts"
/** What users log in with. */
export { Credentials } from "./promise/Credentials.ts"
/** What a promise rejects with. */
export { MongoDBRealmError } from "./promise/MongoDBRealmError.ts"
/** Collections and push services. */
export type * as Services from "./promise/Services.ts"
/** A user. */
export { User, UserState, UserType } from "./promise/User.ts"
export type {
  BaseFunctionsFactory,
  DefaultFunctionsFactory,
  DefaultUserProfileData,
  UserIdentity
} from "./promise/User.ts"
export type { ProviderType } from "./protocol/Provider.ts"
/** Where sessions are kept. */
export { LocalStorage, MemoryStorage } from "./web/WebStorage.ts"
export type { Storage } from "./web/WebStorage.ts"
/** The BSON values. */
export * as BSON from "bson"
