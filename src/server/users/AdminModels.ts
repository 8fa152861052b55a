/**
 * The models and failures of administration: `Admin` uses them in code, the administration API as JSON. They contain no
 * password, key or token.
 */
import * as Schema from "effect/Schema"
import { ProviderType } from "../../protocol/Provider.ts"

/** An identity of a user, with its provider's data. */
const Identity = Schema.Struct({
  id: Schema.String,
  providerType: ProviderType,
  data: Schema.Record(Schema.String, Schema.Unknown)
})

/**
 * A user in a list: its identities, and whether it is disabled.
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
 * The decoded form of {@link User}.
 *
 * @category models
 * @since 0.1.0
 */
export type User = typeof User.Type

/**
 * An e-mail address that may log in, possibly after its confirmation.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Account = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  confirmed: Schema.Boolean,
  /** Absent until the first login. */
  userId: Schema.optionalKey(Schema.String)
})

/**
 * The decoded form of {@link Account}.
 *
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
 * A user with its account, sessions, API keys, push registrations and custom data.
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
  /** As canonical Extended JSON; absent if there is none, or if it cannot be read. */
  customData: Schema.optionalKey(Schema.Unknown)
})

/**
 * The decoded form of {@link UserDetails}.
 *
 * @category models
 * @since 0.1.0
 */
export type UserDetails = typeof UserDetails.Type

/**
 * Selects a page of a list.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  /** A part of an id or of an e-mail address; case is ignored. */
  readonly search?: string | undefined
  /** The last entry of the previous page: a user's id, an account's address. It may have been deleted. */
  readonly after?: string | undefined
  /** The number of entries. @default all of them */
  readonly limit?: number | undefined
}

/**
 * 404: the server does not host the application.
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
 * 404: the application does not have the user.
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
 * 404: the user does not have the session. It has ended, or belongs to another user.
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
 * 404: the e-mail address is not registered. Addresses are compared case-sensitively.
 *
 * @category errors
 * @since 0.1.0
 */
export class AccountNotFound extends Schema.TaggedError<AccountNotFound>(
  "effect-app-services/server/users/AccountNotFound"
)("AccountNotFound", { message: Schema.String, appId: Schema.String, email: Schema.String }, { httpApiStatus: 404 }) {}

/**
 * 409: the account cannot be created or deleted: the address is registered already, or belongs to a user.
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
 * 400: the request is invalid. `message` says what was expected.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>(
  "effect-app-services/server/users/InvalidRequest"
)("InvalidRequest", { message: Schema.String }, { httpApiStatus: 400 }) {}
