/**
 * The SDK, for any runtime: browsers, Node, Deno, Bun and workers.
 *
 * @since 0.1.0
 */

/** Ready-made layers: the whole SDK for one application. */
export * as AppServices from "./client/AppServices.ts"
/** The one error of the SDK, and its reasons. */
export * from "./client/AppServicesError.ts"
/** A user's API keys. */
export { type ApiKey, ApiKeysApi, type CreatedApiKey, type UserApiKeys } from "./client/ApiKeysApi.ts"
/** Logs users in and out and finds them again. */
export { AuthApi } from "./client/AuthApi.ts"
/** What a user logs in with. */
export * as Credentials from "./client/Credentials.ts"
/** Accounts with e-mail and password. */
export { EmailPasswordApi } from "./client/EmailPasswordApi.ts"
/** Calls functions as a user. */
export { type CallOptions, type Functions, FunctionsApi, type TypedFunctions } from "./client/FunctionsApi.ts"
/** Calls functions that answer with a stream. */
export { FunctionStreams } from "./client/FunctionStreams.ts"
/** MongoDB collections as a user reaches them. */
export { MongoDb } from "./client/MongoDb.ts"
/** Filters, updates and results of MongoDB collections. */
export type {
  ChangeEvent,
  Filter,
  MongoClient,
  MongoCollection,
  MongoDatabase,
  PlainDocument,
  Update,
  UpdateResult,
  WatchOptions
} from "./client/MongoDbTypes.ts"
/** Profiles and identities. */
export { Identity, Profile } from "./client/Profile.ts"
/** Reads profiles. */
export { ProfileApi } from "./client/ProfileApi.ts"
/** The wire client below the services. */
export { ProtocolClient } from "./client/ProtocolClient.ts"
/** Registers devices for push messages. */
export { PushApi, type PushClient } from "./client/PushApi.ts"
/** The token engine. */
export { Sessions } from "./client/Sessions.ts"
/** Keeps sessions. */
export { TokenStore } from "./client/TokenStore.ts"
/** What a persistent token store is made of. */
export { TokenRecords, TokenStoreError } from "./client/TokenRecords.ts"
/** Encrypts what a token store keeps. */
export * as EncryptedTokenRecords from "./client/EncryptedTokenRecords.ts"
/** One user's handle. */
export { type CustomData, type User, UserId } from "./client/User.ts"
/** What happens to users. */
export { type Listener, type UserEvent, UserEvents } from "./client/UserEvents.ts"
/** Whether a user can act. */
export type { UserState } from "./client/UserState.ts"
/** Schemas of the BSON classes. */
export * as Bson from "./protocol/Bson.ts"
/** MongoDB Extended JSON. */
export * as Ejson from "./protocol/Ejson.ts"
/** Streams of function results and change events. */
export * as EventStream from "./protocol/EventStream.ts"
/** The protocol's error codes. */
export type { ErrorCode } from "./protocol/ErrorCode.ts"
/** What functions take and answer, as one value. */
export * as FunctionContract from "./protocol/FunctionContract.ts"
/** The protocol's authentication providers. */
export { ProviderType } from "./protocol/Provider.ts"
