/**
 * The models of {@link UserStore}, each as the schema of its rows. Unknown fields, of a later version, are ignored.
 */
import * as Schema from "effect/Schema"
import { ProviderType } from "../../protocol/Provider.ts"

const Secret = Schema.RedactedFromValue(Schema.String)

/**
 * An identity of a user. Identities keep the order of linking. `data` is JSON.
 */
export const Identity = Schema.Struct({
  id: Schema.String,
  providerType: ProviderType,
  providerId: Schema.String,
  data: Schema.Record(Schema.String, Schema.Unknown)
})

export type Identity = typeof Identity.Type

/** A user of an application. */
export const User = Schema.Struct({
  id: Schema.String,
  type: Schema.Literals(["normal", "server"]),
  identities: Schema.NonEmptyArray(Identity),
  /** Milliseconds since the epoch. */
  createdAt: Schema.Finite,
  /** A disabled user is rejected everywhere, and has no sessions. */
  disabled: Schema.Boolean,
  /** Counts what ended all sessions of the user at once, from 0: being disabled, a new password, a revocation. */
  epoch: Schema.optionalKey(Schema.Int)
})

export type User = typeof User.Type

/** An e-mail address with its password. It is created by the registration; its user by the first login. */
export const Account = Schema.Struct({
  /** The id of the account's identity. */
  id: Schema.String,
  /** As registered: addresses are case-sensitive. */
  email: Schema.String,
  passwordHash: Secret,
  confirmed: Schema.Boolean
})

export type Account = typeof Account.Type

const EmailTokenKind = Schema.Literals(["confirmation", "reset"])

/** The purpose of an e-mail's link. */
export type EmailTokenKind = typeof EmailTokenKind.Type

/**
 * A token that proves access to an address's mail. An account has one of each kind: a new one replaces the last.
 */
export const EmailToken = Schema.Struct({
  id: Schema.String,
  kind: EmailTokenKind,
  accountId: Schema.String,
  email: Schema.String,
  /** The digest of the token; the token itself is not stored. */
  digest: Schema.String,
  expiresAt: Schema.Finite
})

export type EmailToken = typeof EmailToken.Type

/** A device of a push service. */
export const PushRegistration = Schema.Struct({
  service: Schema.String,
  userId: Schema.String,
  deviceId: Schema.String,
  token: Secret
})

export type PushRegistration = typeof PushRegistration.Type

/** A session: the source of access tokens from a login until its end. */
export const Session = Schema.Struct({
  id: Schema.String,
  userId: Schema.String,
  identity: Identity,
  deviceId: Schema.String,
  createdAt: Schema.Finite,
  expiresAt: Schema.Finite,
  /** The epoch of its user when the credentials were checked: what ends the sessions of a user ends this one too. */
  epoch: Schema.optionalKey(Schema.Int)
})

export type Session = typeof Session.Type

/** A user's API key, with the digest of the key. */
export const ApiKey = Schema.Struct({
  id: Schema.String,
  userId: Schema.String,
  name: Schema.String,
  digest: Schema.String,
  disabled: Schema.Boolean
})

export type ApiKey = typeof ApiKey.Type

/** An event of a user's account, for the triggers of its application. */
export const AuthEvent = Schema.Struct({
  operation: Schema.Literals(["CREATE", "LOGIN", "DELETE"]),
  /** The provider of the login; of a deleted user, the providers of all identities. */
  providers: Schema.Array(Schema.String),
  user: User
})

export type AuthEvent = typeof AuthEvent.Type

/**
 * A user with all records except sessions. Without a `user` it is a registered address without a login so far.
 */
export type UserRecord = {
  readonly apiKeys: ReadonlyArray<ApiKey>
  readonly pushRegistrations: ReadonlyArray<PushRegistration>
} & (
  | { readonly user: User; readonly account: Account | undefined }
  | { readonly user: undefined; readonly account: Account }
)
