/**
 * The tables of an application's users.
 *
 * Keys are ids or JSON, since strings of clients need not be well-formed Unicode.
 *
 * @internal
 */
import type { ProviderType } from "../../../protocol/Provider.ts"
import type { RowStore } from "../../storage/RowStore.ts"
import { type Edit, type Options, Table } from "../../storage/Table.ts"
import { Account, ApiKey, EmailToken, type Identity, PushRegistration, Session, User } from "../UserModels.ts"

const prefix = "users/"

type Model = "user" | "account" | "emailToken" | "session" | "apiKey" | "pushRegistration"

/** The name of a table in the row store. */
const tableName = (model: Model, appId: string): string => `${prefix}${model}/${appId}`

/** The applications whose users are in a row store. */
export const appIds = (rowStore: RowStore["Service"]): ReadonlySet<string> =>
  new Set(rowStore.tables(prefix).map((name) => name.slice(name.indexOf("/", prefix.length) + 1)))

const byId = ({ id }: { readonly id: string }) => id

/** The tables of one application. */
export const open = (rowStore: RowStore["Service"], appId: string) => {
  const table = <A>(model: Model, schema: Options<A>["schema"], key: (row: A) => string) =>
    new Table(rowStore, { name: tableName(model, appId), schema, key })
  const users = table("user", User, byId)
  const accounts = table("account", Account, byId)
  const emailTokens = table("emailToken", EmailToken, byId)
  const sessions = table("session", Session, byId)
  const apiKeys = table("apiKey", ApiKey, byId)
  const pushRegistrations = table("pushRegistration", PushRegistration, pushKey)
  return {
    users,
    accounts,
    emailTokens,
    sessions,
    apiKeys,
    pushRegistrations,
    usersByIdentity: users.index(({ identities }) => identities.map(identityKey)),
    accountsByEmail: accounts.index(({ email }) => [email]),
    emailTokensByAccount: emailTokens.index((token) => [token.accountId]),
    sessionsByUser: sessions.index(({ userId }) => [userId]),
    apiKeysByDigest: apiKeys.index(({ digest }) => [digest]),
    apiKeysByUser: apiKeys.index(({ userId }) => [userId]),
    pushRegistrationsByUser: pushRegistrations.index(({ userId }) => [userId])
  }
}

export type AppTables = ReturnType<typeof open>

export const identityKey = ({
  id,
  providerType
}: {
  readonly id: string
  readonly providerType: ProviderType
}): string => `${providerType} ${id}`

export const isEmailPassword = ({ providerType }: Identity): boolean => providerType === "local-userpass"

export const pushKey = ({ deviceId, service, userId }: Omit<PushRegistration, "token">): string =>
  JSON.stringify([userId, deviceId, service])

export const removeAccount = (
  { accounts, emailTokens, emailTokensByAccount }: AppTables,
  account: Account
): ReadonlyArray<Edit> => [
  accounts.remove(account),
  ...emailTokensByAccount.all(account.id).map((token) => emailTokens.remove(token))
]

/** The epoch of a user or a session. */
export const epochOf = ({ epoch = 0 }: { readonly epoch?: number }): number => epoch

/** Ends the sessions of a user, with another change of it. */
export const removeSessions = (
  { sessions, sessionsByUser, users }: AppTables,
  userId: string,
  change?: Partial<User>
): ReadonlyArray<Edit> => {
  const user = users.rows.get(userId)
  const ended = sessionsByUser.all(userId).map((session) => sessions.remove(session))
  return user === undefined ? ended : [users.put({ ...user, ...change, epoch: epochOf(user) + 1 }), ...ended]
}

/** Ends the sessions that began with an API key. */
export const removeSessionsOf = (
  { sessions, sessionsByUser }: AppTables,
  key: Pick<ApiKey, "id" | "userId">,
  except?: string
): ReadonlyArray<Edit> =>
  sessionsByUser
    .all(key.userId)
    .filter(({ id, identity }) => identity.providerType === "api-key" && identity.id === key.id && id !== except)
    .map((session) => sessions.remove(session))

/** Whether a session began without an API key, or with one that is still valid. */
export const isOfGoodKey = ({ apiKeys }: AppTables, { identity }: Pick<Session, "identity">): boolean =>
  identity.providerType !== "api-key" || apiKeys.rows.get(identity.id)?.disabled === false

/** Removes a user with all records. */
export const removeUser = (tables: AppTables, user: User): ReadonlyArray<Edit> => [
  tables.users.remove(user),
  ...user.identities.filter(isEmailPassword).flatMap(({ id }) => {
    const account = tables.accounts.rows.get(id)
    return account === undefined ? [] : removeAccount(tables, account)
  }),
  ...tables.sessionsByUser.all(user.id).map((session) => tables.sessions.remove(session)),
  ...tables.apiKeysByUser.all(user.id).map((key) => tables.apiKeys.remove(key)),
  ...tables.pushRegistrationsByUser.all(user.id).map((registration) => tables.pushRegistrations.remove(registration))
]

/** Removes expired records. */
export const removeExpired = ({ emailTokens, sessions }: AppTables, now: number): ReadonlyArray<Edit> => [
  ...expired(sessions, now),
  ...expired(emailTokens, now)
]

const expired = <A extends { readonly expiresAt: number }>(table: Table<A>, now: number): ReadonlyArray<Edit> =>
  Array.from(table.rows.values()).flatMap((row) => (row.expiresAt <= now ? table.remove(row) : []))
