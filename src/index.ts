/**
 * The SDK: users and functions of an App Services application, in browsers, Node, Deno, Bun and workers.
 *
 * @since 0.1.0
 */

/** Layers that provide the whole SDK for one application. */
export * as AppServices from "./client/AppServices.ts"
/** The error of every operation, and its reasons. */
export * from "./client/AppServicesError.ts"
/** Manages the API keys of users. */
export { type ApiKey, ApiKeysApi, type CreatedApiKey, type UserApiKeys } from "./client/ApiKeysApi.ts"
/** Logs users in and out, and finds the users that logged in earlier. */
export { AuthApi } from "./client/AuthApi.ts"
/** Credentials of a login: a constructor for each authentication provider. */
export * as Credentials from "./client/Credentials.ts"
/** Registers, confirms and resets accounts with e-mail address and password. */
export { EmailPasswordApi } from "./client/EmailPasswordApi.ts"
/** Calls an application's functions as a user. */
export { type CallOptions, type Functions, FunctionsApi, type TypedFunctions } from "./client/FunctionsApi.ts"
/** Calls functions that answer with a stream of events. */
export { FunctionStreams } from "./client/FunctionStreams.ts"
/** Reads and writes MongoDB collections as a user. */
export { MongoDb } from "./client/MongoDb.ts"
/** Collections, filters, updates and results of MongoDB. */
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
/** Profile data and identities of users. */
export { Identity, Profile } from "./client/Profile.ts"
/** Reads the profiles of users. */
export { ProfileApi } from "./client/ProfileApi.ts"
/** The wire client below the services. */
export { ProtocolClient } from "./client/ProtocolClient.ts"
/** Registers devices for push messages. */
export { PushApi, type PushClient } from "./client/PushApi.ts"
/** Keeps users logged in: valid access tokens, refreshes, states. */
export { Sessions } from "./client/Sessions.ts"
/** Keeps the users of an application, with their tokens. */
export { type AppTokens, type Session, type StoredUser, TokenStore } from "./client/TokenStore.ts"
/** The storage backend of a token store. */
export { TokenRecords, TokenStoreError } from "./client/TokenRecords.ts"
/** Encrypts the records of a token store. */
export * as EncryptedTokenRecords from "./client/EncryptedTokenRecords.ts"
/** A handle of one user. */
export { type CustomData, type User, UserId } from "./client/User.ts"
/** The events of users. */
export { type Listener, type UserEvent, UserEvents } from "./client/UserEvents.ts"
/** The state of a user. */
export type { UserState } from "./client/UserState.ts"
/** Schemas of the BSON classes. */
export * as Bson from "./protocol/Bson.ts"
/** MongoDB Extended JSON: the encoding of arguments, results and documents. */
export * as Ejson from "./protocol/Ejson.ts"
/** The encoding of streams of function results and change events. */
export * as EventStream from "./protocol/EventStream.ts"
/** The error codes of the protocol. */
export type { ErrorCode } from "./protocol/ErrorCode.ts"
/** The types of an application's functions as one value. */
export * as FunctionContract from "./protocol/FunctionContract.ts"
/** The types of authentication provider. */
export { ProviderType } from "./protocol/Provider.ts"
