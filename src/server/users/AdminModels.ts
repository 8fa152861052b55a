/**
 * What administration tells about users, and how it fails: the shapes that `Admin` answers in code and that the
 * administration API answers as JSON. None holds a password, a key or a token.
 */
import * as Schema from "effect/Schema"
import { ProviderType } from "../../protocol/Provider.ts"

/** One way of logging in as a user, with what its provider tells. */
const Identity = Schema.Struct({
  id: Schema.String,
  providerType: ProviderType,
  data: Schema.Record(Schema.String, Schema.Unknown)
})

/**
 * A user, as lists show one.
 *
 * @category schemas
 * @since 0.1.0
 */
export const User = Schema.Struct({
  id: Schema.String,
  type: Schema.Literals(["normal", "server"]),
  disabled: Schema.Boolean,
  createdAt: Schema.DateTimeUtcFromString,
  identities: Schema.Array(Identity)
})

/**
 * @category models
 * @since 0.1.0
 */
export type User = typeof User.Type

/**
 * An e-mail address that may log in, or could once it is confirmed.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Account = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  confirmed: Schema.Boolean,
  /** Absent until somebody logs in for the first time. */
  userId: Schema.optionalKey(Schema.String)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Account = typeof Account.Type

/** A session that has not ended. */
const Session = Schema.Struct({
  id: Schema.String,
  providerType: ProviderType,
  deviceId: Schema.String,
  createdAt: Schema.DateTimeUtcFromString,
  expiresAt: Schema.DateTimeUtcFromString
})

/**
 * Everything about a user.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UserDetails = Schema.Struct({
  ...User.fields,
  account: Schema.optionalKey(Account),
  sessions: Schema.Array(Session),
  apiKeys: Schema.Array(Schema.Struct({ id: Schema.String, name: Schema.String, disabled: Schema.Boolean })),
  pushRegistrations: Schema.Array(Schema.Struct({ service: Schema.String, deviceId: Schema.String })),
  /** As canonical Extended JSON; absent where there is none, or where it cannot be read. */
  customData: Schema.optionalKey(Schema.Unknown)
})

/**
 * @category models
 * @since 0.1.0
 */
export type UserDetails = typeof UserDetails.Type

/**
 * Which part of a long list.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  /** A part of an id or of an e-mail address, in whatever case. */
  readonly search?: string | undefined
  /** The last of the page before: a user's id, an account's address. It need not exist any more. */
  readonly after?: string | undefined
  /** All of them unless given. */
  readonly limit?: number | undefined
}

/**
 * The server hosts no such application.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppNotFound extends Schema.TaggedError<AppNotFound>("effect-app-services/server/users/AppNotFound")(
  "AppNotFound",
  { message: Schema.String, appId: Schema.String },
  { httpApiStatus: 404 }
) {}

/**
 * There is no such user.
 *
 * @category errors
 * @since 0.1.0
 */
export class UserNotFound extends Schema.TaggedError<UserNotFound>("effect-app-services/server/users/UserNotFound")(
  "UserNotFound",
  { message: Schema.String, appId: Schema.String, userId: Schema.String },
  { httpApiStatus: 404 }
) {}

/**
 * The user has no such session: it ended, or is another user's.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionNotFound extends Schema.TaggedError<SessionNotFound>(
  "effect-app-services/server/users/SessionNotFound"
)(
  "SessionNotFound",
  { message: Schema.String, userId: Schema.String, sessionId: Schema.String },
  { httpApiStatus: 404 }
) {}

/**
 * Nobody registered that e-mail address. Addresses are compared case-sensitively.
 *
 * @category errors
 * @since 0.1.0
 */
export class AccountNotFound extends Schema.TaggedError<AccountNotFound>(
  "effect-app-services/server/users/AccountNotFound"
)("AccountNotFound", { message: Schema.String, appId: Schema.String, email: Schema.String }, { httpApiStatus: 404 }) {}

/**
 * The account cannot be made, or cannot be deleted by itself: the address is registered already, or somebody logs in
 * with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class AccountInUse extends Schema.TaggedError<AccountInUse>("effect-app-services/server/users/AccountInUse")(
  "AccountInUse",
  { message: Schema.String, appId: Schema.String, email: Schema.String },
  { httpApiStatus: 409 }
) {}

/**
 * What was asked cannot be; the message says what would have to be different.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>(
  "effect-app-services/server/users/InvalidRequest"
)("InvalidRequest", { message: Schema.String }, { httpApiStatus: 400 }) {}
