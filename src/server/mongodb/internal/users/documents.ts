/**
 * The documents of users, and the models that they are read as.
 *
 * A user with its identities, API keys and devices is one document, so that what must hold at once is one write: MongoDB needs
 * no transaction for it. Strings of clients need not be well-formed Unicode, which BSON cannot have; such a string is stored as
 * its UTF-16 code units.
 */
import { Binary } from "bson"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { ProviderType } from "../../../../protocol/Provider.ts"
import type {
  Account,
  ApiKey,
  EmailToken,
  Identity,
  PushRegistration,
  Session,
  User
} from "../../../users/UserModels.ts"

/** A string, or the code units of one that is not well-formed. */
export type Text = string | Binary

/** A string as it is stored. */
export const textOf = (text: string): Text =>
  loneSurrogate.test(text) ? new Binary(Buffer.from(text, "utf16le")) : text

const loneSurrogate = /\p{Surrogate}/u

/** A stored string. */
export const stringOf = (text: Text): string =>
  typeof text === "string" ? text : Buffer.from(text.buffer).toString("utf16le")

/** A key that is unique in its application. */
export interface Id {
  readonly app: string
  readonly id: string
}

/** The time as a date, which MongoDB's tools show. */
// @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
export const dateOf = (millis: number): Date => new Date(millis)

interface StoredIdentity {
  readonly id: Text
  readonly providerType: ProviderType
  readonly providerId: string
  /** JSON, since the names of its fields may be anything. */
  readonly data: string
}

interface StoredKey {
  readonly id: string
  readonly name: string
  readonly digest: string
  readonly disabled: boolean
  /** Counts how often sessions of the key were ended. */
  readonly epoch: number
  /** The session that disabled the key, which goes on. */
  readonly spared?: string
}

interface StoredDevice {
  readonly service: Text
  readonly deviceId: Text
  readonly token: Text
}

/** A user. */
export interface UserDocument {
  readonly _id: Id
  readonly type: User["type"]
  readonly createdAt: Date
  readonly disabled: boolean
  readonly epoch: number
  readonly identities: Array<StoredIdentity>
  readonly apiKeys: Array<StoredKey>
  readonly devices: Array<StoredDevice>
  /** What no two users of an application have in common: identities, ids and digests of API keys. */
  readonly marks: Array<Text>
}

export const markOfIdentity = ({ id, providerType }: Pick<Identity, "id" | "providerType">): Text =>
  textOf(`identity ${providerType} ${id}`)

export const markOfKeyId = (id: string): string => `key ${id}`

export const markOfDigest = (digest: string): string => `digest ${digest}`

export const storedIdentity = ({ data, id, providerId, providerType }: Identity): StoredIdentity => ({
  id: textOf(id),
  providerType,
  providerId,
  data: JSON.stringify(data)
})

const decodeData = Schema.decodeSync(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const identityOf = ({ data, id, providerId, providerType }: StoredIdentity): Identity => ({
  id: stringOf(id),
  providerType,
  providerId,
  data: decodeData(data)
})

export const storedKey = ({ digest, disabled, id, name }: ApiKey): StoredKey => ({
  id,
  name,
  digest,
  disabled,
  epoch: 0
})

export const keysOf = ({ _id, apiKeys }: UserDocument): ReadonlyArray<ApiKey> =>
  apiKeys.map(({ digest, disabled, id, name }) => ({ id, userId: _id.id, name, digest, disabled }))

export const marksOfKeys = (keys: ReadonlyArray<ApiKey>): Array<Text> =>
  keys.flatMap(({ digest, id }) => [markOfKeyId(id), markOfDigest(digest)])

export const storedDevice = ({ deviceId, service, token }: PushRegistration): StoredDevice => ({
  service: textOf(service),
  deviceId: textOf(deviceId),
  token: textOf(Redacted.value(token))
})

export const devicesOf = ({ _id, devices }: UserDocument): ReadonlyArray<PushRegistration> =>
  devices.map(({ deviceId, service, token }) => ({
    service: stringOf(service),
    userId: _id.id,
    deviceId: stringOf(deviceId),
    token: Redacted.make(stringOf(token))
  }))

export const storedUser = (
  app: string,
  user: User,
  apiKeys: ReadonlyArray<ApiKey> = [],
  devices: ReadonlyArray<PushRegistration> = []
): UserDocument => ({
  _id: { app, id: user.id },
  type: user.type,
  createdAt: dateOf(user.createdAt),
  disabled: user.disabled,
  epoch: user.epoch ?? 0,
  identities: user.identities.map(storedIdentity),
  apiKeys: apiKeys.map(storedKey),
  devices: devices.map(storedDevice),
  marks: [...user.identities.map(markOfIdentity), ...marksOfKeys(apiKeys)]
})

export const userOf = ({ _id, createdAt, disabled, epoch, identities, type }: UserDocument): User => {
  const [first, ...others] = identities.map(identityOf)
  if (first === undefined) throw new Error(`the user ${_id.id} of "${_id.app}" has no identity`)
  return {
    id: _id.id,
    type,
    identities: [first, ...others],
    createdAt: createdAt.getTime(),
    disabled,
    ...(epoch === 0 ? undefined : { epoch })
  }
}

/** An e-mail address with its password. */
export interface AccountDocument {
  readonly _id: Id
  readonly email: Text
  readonly passwordHash: string
  readonly confirmed: boolean
  /** The user, after the first login. */
  readonly user?: string
}

export const storedAccount = (app: string, account: Account, user?: string): AccountDocument => ({
  _id: { app, id: account.id },
  email: textOf(account.email),
  passwordHash: Redacted.value(account.passwordHash),
  confirmed: account.confirmed,
  ...(user === undefined ? undefined : { user })
})

export const accountOf = ({ _id, confirmed, email, passwordHash }: AccountDocument): Account => ({
  id: _id.id,
  email: stringOf(email),
  passwordHash: Redacted.make(passwordHash),
  confirmed
})

/** A token of an e-mail: an account has one of each kind. */
export interface EmailTokenDocument {
  readonly _id: { readonly app: string; readonly account: string; readonly kind: EmailToken["kind"] }
  readonly id: string
  readonly email: Text
  readonly digest: string
  readonly expiresAt: Date
}

export const storedToken = (app: string, token: EmailToken): EmailTokenDocument => ({
  _id: { app, account: token.accountId, kind: token.kind },
  id: token.id,
  email: textOf(token.email),
  digest: token.digest,
  expiresAt: dateOf(token.expiresAt)
})

export const tokenOf = ({ _id, digest, email, expiresAt, id }: EmailTokenDocument): EmailToken => ({
  id,
  kind: _id.kind,
  accountId: _id.account,
  email: stringOf(email),
  digest,
  expiresAt: expiresAt.getTime()
})

/** A session. It is valid as long as its user is enabled and in its epoch, and so is its API key if it began with one. */
export interface SessionDocument {
  readonly _id: Id
  readonly user: string
  readonly identity: StoredIdentity
  readonly deviceId: string
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly epoch: number
  readonly keyEpoch?: number
}

/** A session that begins now; `undefined` if its user or its API key does not let it. */
export const storedSession = (
  app: string,
  { createdAt, deviceId, epoch = 0, expiresAt, id, identity, userId }: Session,
  user: UserDocument | undefined
): SessionDocument | undefined => {
  if (user === undefined || user.disabled || user.epoch !== epoch) return undefined
  const key = user.apiKeys.find((it) => it.id === identity.id)
  const begunWithKey = identity.providerType === "api-key"
  if (begunWithKey && key?.disabled !== false) return undefined
  return {
    _id: { app, id },
    user: userId,
    identity: storedIdentity(identity),
    deviceId,
    createdAt: dateOf(createdAt),
    expiresAt: dateOf(expiresAt),
    epoch,
    ...(begunWithKey && key !== undefined ? { keyEpoch: key.epoch } : undefined)
  }
}

/** Whether a session is still valid. */
export const isValid = (session: SessionDocument, user: UserDocument | undefined): user is UserDocument => {
  if (user === undefined || user.disabled || user.epoch !== session.epoch) return false
  if (session.keyEpoch === undefined) return true
  const key = user.apiKeys.find(({ id }) => id === session.identity.id)
  return key !== undefined && (key.epoch === session.keyEpoch || key.spared === session._id.id)
}

export const sessionOf = (session: SessionDocument): Session => ({
  id: session._id.id,
  userId: session.user,
  identity: identityOf(session.identity),
  deviceId: session.deviceId,
  createdAt: session.createdAt.getTime(),
  expiresAt: session.expiresAt.getTime(),
  ...(session.epoch === 0 ? undefined : { epoch: session.epoch })
})
