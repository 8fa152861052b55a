/**
 * What is known of users: the models that {@link UserStore} keeps, each with the schema of the row that it is in a row store.
 * Fields that a later version adds are ignored when a row is read.
 */
import * as Schema from "effect/Schema"
import { ProviderType } from "../../protocol/Provider.ts"

const Secret = Schema.RedactedFromValue(Schema.String)

/**
 * One way of logging in as a user. Identities keep the order of linking, the first one being the first. Its `data` is
 * what JSON can say.
 */
export const Identity = Schema.Struct({
  id: Schema.String,
  providerType: ProviderType,
  providerId: Schema.String,
  data: Schema.Record(Schema.String, Schema.Unknown)
})

export type Identity = typeof Identity.Type

export const User = Schema.Struct({
  id: Schema.String,
  type: Schema.Literals(["normal", "server"]),
  identities: Schema.NonEmptyArray(Identity),
  /** Milliseconds since 1970. */
  createdAt: Schema.Finite,
  /** A disabled user can do nothing, and has no sessions. */
  disabled: Schema.Boolean
})

export type User = typeof User.Type

/** An e-mail address with its password. It exists from registration on; its user from the first login on. */
export const Account = Schema.Struct({
  /** The id of the identity that this account is. */
  id: Schema.String,
  /** As registered: addresses are compared case-sensitively. */
  email: Schema.String,
  passwordHash: Secret,
  confirmed: Schema.Boolean
})

export type Account = typeof Account.Type

const EmailTokenKind = Schema.Literals(["confirmation", "reset"])

/** What the links of e-mails do. */
export type EmailTokenKind = typeof EmailTokenKind.Type

/**
 * A token that proves that somebody reads the mail of an address. An account has one of each kind: a new one takes the
 * place of the last.
 */
export const EmailToken = Schema.Struct({
  id: Schema.String,
  kind: EmailTokenKind,
  accountId: Schema.String,
  email: Schema.String,
  /** Of the token itself only a digest is kept. */
  digest: Schema.String,
  expiresAt: Schema.Finite
})

export type EmailToken = typeof EmailToken.Type

/** A device that a push service may send to. */
export const PushRegistration = Schema.Struct({
  service: Schema.String,
  userId: Schema.String,
  deviceId: Schema.String,
  token: Secret
})

export type PushRegistration = typeof PushRegistration.Type

/** A login, from which access tokens are derived until it ends. */
export const Session = Schema.Struct({
  id: Schema.String,
  userId: Schema.String,
  identity: Identity,
  deviceId: Schema.String,
  createdAt: Schema.Finite,
  expiresAt: Schema.Finite
})

export type Session = typeof Session.Type

/** A user's API key; of the key itself only a digest is kept. */
export const ApiKey = Schema.Struct({
  id: Schema.String,
  userId: Schema.String,
  name: Schema.String,
  digest: Schema.String,
  disabled: Schema.Boolean
})

export type ApiKey = typeof ApiKey.Type

/**
 * Everything of a user that outlives a login. Without a `user` it is an address that was registered, and that nobody has
 * logged in with yet.
 */
export type UserRecord = {
  readonly apiKeys: ReadonlyArray<ApiKey>
  readonly pushRegistrations: ReadonlyArray<PushRegistration>
} & (
  | { readonly user: User; readonly account: Account | undefined }
  | { readonly user: undefined; readonly account: Account }
)
