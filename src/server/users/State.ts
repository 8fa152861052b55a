/**
 * Everything a server remembers about its applications' users: the users with their identities, e-mail accounts,
 * sessions, API keys and push registrations.
 *
 * One service, so that another store can take the place of memory. Every operation is atomic, and every look-up is by
 * a key that an index can serve. Applications are told apart by id; nothing is shared between them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { ProviderType } from "../../protocol/Provider.ts"

/**
 * One way of logging in as a user. Identities keep the order of linking, the first one being the first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Identity {
  readonly id: string
  readonly providerType: ProviderType
  readonly providerId: string
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface User {
  readonly id: string
  readonly type: "normal" | "server"
  readonly identities: readonly [Identity, ...Array<Identity>]
  readonly createdAt: number
  /** A disabled user can do nothing, and has no sessions. */
  readonly disabled: boolean
}

/**
 * An e-mail address with its password. It exists from registration on; its user from the first login on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account {
  /** The id of the identity that this account is. */
  readonly id: string
  /** As registered: addresses are compared case-sensitively. */
  readonly email: string
  readonly passwordHash: Redacted.Redacted
  readonly confirmed: boolean
}

/**
 * What the links of e-mails do.
 *
 * @category models
 * @since 0.1.0
 */
export type EmailTokenKind = "confirmation" | "reset"

/**
 * A token that proves that somebody reads the mail of an address. An account has one of each kind: a new one takes the
 * place of the last.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmailToken {
  readonly id: string
  readonly kind: EmailTokenKind
  readonly accountId: string
  readonly email: string
  /** Of the token itself only a digest is kept. */
  readonly digest: string
  readonly expiresAt: number
}

/**
 * A device that a push service may send to.
 *
 * @category models
 * @since 0.1.0
 */
export interface PushRegistration {
  readonly service: string
  readonly userId: string
  readonly deviceId: string
  readonly token: Redacted.Redacted
}

/**
 * A login, from which access tokens are derived until it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly id: string
  readonly userId: string
  readonly identity: Identity
  readonly deviceId: string
  readonly createdAt: number
  readonly expiresAt: number
}

/**
 * A user's API key; of the key itself only a digest is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface ApiKey {
  readonly id: string
  readonly userId: string
  readonly name: string
  readonly digest: string
  readonly disabled: boolean
}

/**
 * Something of that name, address or identity exists already.
 *
 * @category errors
 * @since 0.1.0
 */
export class AlreadyExists extends Schema.TaggedError<AlreadyExists>("effect-app-services/server/users/AlreadyExists")(
  "AlreadyExists",
  { what: Schema.Literals(["account", "identity", "provider", "apiKey"]) }
) {}

/**
 * The store of users, accounts, sessions and API keys.
 *
 * @category services
 * @since 0.1.0
 */
export class State extends Context.Service<
  State,
  {
    readonly createUser: (appId: string, user: User) => Effect.Effect<void, AlreadyExists>
    readonly user: (appId: string, userId: string) => Effect.Effect<Option.Option<User>>
    readonly userByIdentity: (
      appId: string,
      providerType: ProviderType,
      identityId: string
    ) => Effect.Effect<Option.Option<User>>
    /** All users, in the order in which they came. */
    readonly users: (appId: string) => Effect.Effect<ReadonlyArray<User>>
    /**
     * Adds an identity to a user; does nothing when the user has it or is gone. A user has no more than one identity of
     * `local-userpass`: another one fails with `provider`.
     */
    readonly addIdentity: (appId: string, userId: string, identity: Identity) => Effect.Effect<void, AlreadyExists>
    /** What an identity tells about its user has changed. */
    readonly setIdentityData: (appId: string, identity: Identity) => Effect.Effect<void>
    /** Whether there is such a user. Disabling ends the user's sessions. */
    readonly setUserDisabled: (appId: string, userId: string, disabled: boolean) => Effect.Effect<boolean>
    /** Removes a user with its accounts, sessions, API keys and push registrations. */
    readonly deleteUser: (appId: string, userId: string) => Effect.Effect<void>
    readonly createAccount: (appId: string, account: Account) => Effect.Effect<void, AlreadyExists>
    readonly account: (appId: string, email: string) => Effect.Effect<Option.Option<Account>>
    /** All accounts, those that nobody ever logged in with too. */
    readonly accounts: (appId: string) => Effect.Effect<ReadonlyArray<Account>>
    /** Changes an account that is still the one of that id; says whether it is. */
    readonly updateAccount: (
      appId: string,
      account: Pick<Account, "id" | "email"> & Partial<Account>
    ) => Effect.Effect<boolean>
    /** Removes an account with its tokens. */
    readonly deleteAccount: (appId: string, email: string) => Effect.Effect<void>
    readonly createEmailToken: (appId: string, token: EmailToken) => Effect.Effect<void>
    /** The token, which is thereby used up. A wrong digest or kind leaves it alone. */
    readonly takeEmailToken: (
      appId: string,
      token: Pick<EmailToken, "id" | "kind" | "digest">
    ) => Effect.Effect<Option.Option<EmailToken>>
    readonly createSession: (appId: string, session: Session) => Effect.Effect<void>
    readonly session: (appId: string, sessionId: string) => Effect.Effect<Option.Option<Session>>
    /** All sessions of a user, also those that have expired and are not removed yet. */
    readonly sessions: (appId: string, userId: string) => Effect.Effect<ReadonlyArray<Session>>
    readonly deleteSession: (appId: string, sessionId: string) => Effect.Effect<void>
    /** Ends all sessions of a user. */
    readonly deleteSessions: (appId: string, userId: string) => Effect.Effect<void>
    readonly createApiKey: (appId: string, key: ApiKey) => Effect.Effect<void, AlreadyExists>
    readonly apiKeys: (appId: string, userId: string) => Effect.Effect<ReadonlyArray<ApiKey>>
    readonly apiKey: (appId: string, keyId: string) => Effect.Effect<Option.Option<ApiKey>>
    readonly apiKeyByDigest: (appId: string, digest: string) => Effect.Effect<Option.Option<ApiKey>>
    readonly setApiKeyDisabled: (appId: string, keyId: string, disabled: boolean) => Effect.Effect<void>
    readonly deleteApiKey: (appId: string, keyId: string) => Effect.Effect<void>
    /** In place of an earlier one of the same device. */
    readonly setPushRegistration: (appId: string, registration: PushRegistration) => Effect.Effect<void>
    readonly deletePushRegistration: (
      appId: string,
      registration: Omit<PushRegistration, "token">
    ) => Effect.Effect<void>
    readonly pushRegistrations: (appId: string) => Effect.Effect<ReadonlyArray<PushRegistration>>
  }
>()("effect-app-services/server/users/State") {
  /** Keeps everything in memory, for the life of the layer. */
  static readonly layerMemory: Layer.Layer<State> = Layer.sync(State, () => makeMemory())
}

interface AppState {
  readonly users: Map<string, User>
  readonly userIdByIdentity: Map<string, string>
  readonly accounts: Map<string, Account>
  readonly emailTokens: Map<string, EmailToken>
  readonly emailTokenIds: Map<string, string>
  readonly sessions: Map<string, Session>
  readonly sessionIdsByUser: Map<string, Set<string>>
  readonly apiKeys: Map<string, ApiKey>
  readonly apiKeyIdByDigest: Map<string, string>
  readonly apiKeyIdsByUser: Map<string, Set<string>>
  readonly pushRegistrations: Map<string, PushRegistration>
}

const makeMemory = (): State["Service"] => {
  const apps = new Map<string, AppState>()
  const of = (appId: string): AppState => {
    let state = apps.get(appId)
    if (state === undefined) apps.set(appId, (state = emptyState()))
    return state
  }
  /** Every operation is one synchronous step, and so atomic. */
  const read = <A>(f: () => A) => Effect.sync(f)
  const find = <A>(f: () => A | undefined) => Effect.sync(() => Option.fromUndefinedOr(f()))

  return State.of({
    createUser: (appId, user) =>
      Effect.suspend(() => {
        const { userIdByIdentity, users } = of(appId)
        if (user.identities.some((identity) => userIdByIdentity.has(identityKey(identity)))) {
          return Effect.fail(new AlreadyExists({ what: "identity" }))
        }
        users.set(user.id, user)
        for (const identity of user.identities) userIdByIdentity.set(identityKey(identity), user.id)
        return Effect.void
      }),
    user: (appId, userId) => find(() => of(appId).users.get(userId)),
    userByIdentity: (appId, providerType, id) =>
      find(() => {
        const { userIdByIdentity, users } = of(appId)
        const userId = userIdByIdentity.get(identityKey({ providerType, id }))
        return userId === undefined ? undefined : users.get(userId)
      }),
    addIdentity: (appId, userId, identity) =>
      Effect.suspend(() => {
        const { userIdByIdentity, users } = of(appId)
        const user = users.get(userId)
        const owner = userIdByIdentity.get(identityKey(identity))
        if (user === undefined || owner === userId) return Effect.void
        if (owner !== undefined) return Effect.fail(new AlreadyExists({ what: "identity" }))
        if (identity.providerType === "local-userpass" && user.identities.some(isEmailPassword)) {
          return Effect.fail(new AlreadyExists({ what: "provider" }))
        }
        userIdByIdentity.set(identityKey(identity), userId)
        users.set(userId, { ...user, identities: [...user.identities, identity] })
        return Effect.void
      }),
    users: (appId) => read(() => Array.from(of(appId).users.values())),
    setIdentityData: (appId, identity) =>
      read(() => {
        const { userIdByIdentity, users } = of(appId)
        const user = users.get(userIdByIdentity.get(identityKey(identity)) ?? "")
        if (user === undefined) return
        const renew = (known: Identity) => (identityKey(known) === identityKey(identity) ? identity : known)
        const [first, ...others] = user.identities
        users.set(user.id, { ...user, identities: [renew(first), ...others.map(renew)] })
      }),
    setUserDisabled: (appId, userId, disabled) =>
      read(() => {
        const state = of(appId)
        const user = state.users.get(userId)
        if (user === undefined) return false
        state.users.set(userId, { ...user, disabled })
        if (disabled) deleteSessions(state, userId)
        return true
      }),
    deleteUser: (appId, userId) =>
      read(() => {
        const state = of(appId)
        const user = state.users.get(userId)
        if (user === undefined) return
        state.users.delete(userId)
        for (const identity of user.identities) {
          state.userIdByIdentity.delete(identityKey(identity))
          const email = identity.data["email"]
          if (isEmailPassword(identity) && typeof email === "string") deleteAccount(state, email)
        }
        deleteSessions(state, userId)
        for (const id of state.apiKeyIdsByUser.get(userId) ?? []) deleteApiKey(state, id)
        state.apiKeyIdsByUser.delete(userId)
        for (const [key, registration] of state.pushRegistrations) {
          if (registration.userId === userId) state.pushRegistrations.delete(key)
        }
      }),
    createAccount: (appId, account) =>
      Effect.suspend(() => {
        const { accounts } = of(appId)
        if (accounts.has(account.email)) return Effect.fail(new AlreadyExists({ what: "account" }))
        accounts.set(account.email, account)
        return Effect.void
      }),
    account: (appId, email) => find(() => of(appId).accounts.get(email)),
    accounts: (appId) => read(() => Array.from(of(appId).accounts.values())),
    updateAccount: (appId, change) =>
      read(() => {
        const { accounts } = of(appId)
        const account = accounts.get(change.email)
        if (account?.id !== change.id) return false
        accounts.set(change.email, { ...account, ...change })
        return true
      }),
    deleteAccount: (appId, email) => read(() => deleteAccount(of(appId), email)),
    createEmailToken: (appId, token) =>
      read(() => {
        const { emailTokenIds, emailTokens } = of(appId)
        const key = emailTokenKey(token)
        emailTokens.delete(emailTokenIds.get(key) ?? "")
        emailTokenIds.set(key, token.id)
        emailTokens.set(token.id, token)
      }),
    takeEmailToken: (appId, { digest, id, kind }) =>
      find(() => {
        const { emailTokenIds, emailTokens } = of(appId)
        const token = emailTokens.get(id)
        if (token?.kind !== kind || token.digest !== digest) return undefined
        emailTokens.delete(id)
        emailTokenIds.delete(emailTokenKey(token))
        return token
      }),
    createSession: (appId, session) =>
      read(() => {
        const { sessionIdsByUser, sessions } = of(appId)
        const ids = getOrAdd(sessionIdsByUser, session.userId)
        // who logs in often and never out must not fill the memory
        for (const id of ids) {
          const expiresAt = sessions.get(id)?.expiresAt
          if (expiresAt !== undefined && expiresAt > session.createdAt) continue
          sessions.delete(id)
          ids.delete(id)
        }
        ids.add(session.id)
        sessions.set(session.id, session)
      }),
    session: (appId, sessionId) => find(() => of(appId).sessions.get(sessionId)),
    sessions: (appId, userId) =>
      read(() => {
        const { sessionIdsByUser, sessions } = of(appId)
        return Array.from(sessionIdsByUser.get(userId) ?? []).flatMap((id) => sessions.get(id) ?? [])
      }),
    deleteSession: (appId, sessionId) =>
      read(() => {
        const { sessionIdsByUser, sessions } = of(appId)
        const session = sessions.get(sessionId)
        if (session === undefined) return
        sessions.delete(sessionId)
        sessionIdsByUser.get(session.userId)?.delete(sessionId)
      }),
    deleteSessions: (appId, userId) => read(() => deleteSessions(of(appId), userId)),
    createApiKey: (appId, key) =>
      Effect.suspend(() => {
        const { apiKeyIdByDigest, apiKeyIdsByUser, apiKeys } = of(appId)
        const ids = getOrAdd(apiKeyIdsByUser, key.userId)
        for (const id of ids) {
          if (apiKeys.get(id)?.name === key.name) return Effect.fail(new AlreadyExists({ what: "apiKey" }))
        }
        ids.add(key.id)
        apiKeys.set(key.id, key)
        apiKeyIdByDigest.set(key.digest, key.id)
        return Effect.void
      }),
    apiKeys: (appId, userId) =>
      read(() => {
        const { apiKeyIdsByUser, apiKeys } = of(appId)
        return Array.from(apiKeyIdsByUser.get(userId) ?? []).flatMap((id) => apiKeys.get(id) ?? [])
      }),
    apiKey: (appId, keyId) => find(() => of(appId).apiKeys.get(keyId)),
    apiKeyByDigest: (appId, digest) =>
      find(() => {
        const { apiKeyIdByDigest, apiKeys } = of(appId)
        const id = apiKeyIdByDigest.get(digest)
        return id === undefined ? undefined : apiKeys.get(id)
      }),
    setApiKeyDisabled: (appId, keyId, disabled) =>
      read(() => {
        const { apiKeys } = of(appId)
        const key = apiKeys.get(keyId)
        if (key !== undefined) apiKeys.set(keyId, { ...key, disabled })
      }),
    deleteApiKey: (appId, keyId) => read(() => deleteApiKey(of(appId), keyId)),
    setPushRegistration: (appId, registration) =>
      read(() => void of(appId).pushRegistrations.set(pushKey(registration), registration)),
    deletePushRegistration: (appId, registration) =>
      read(() => void of(appId).pushRegistrations.delete(pushKey(registration))),
    pushRegistrations: (appId) => read(() => Array.from(of(appId).pushRegistrations.values()))
  })
}

const deleteAccount = (state: AppState, email: string): void => {
  const account = state.accounts.get(email)
  if (account === undefined) return
  state.accounts.delete(email)
  for (const kind of ["confirmation", "reset"] as const) {
    const key = emailTokenKey({ accountId: account.id, kind })
    state.emailTokens.delete(state.emailTokenIds.get(key) ?? "")
    state.emailTokenIds.delete(key)
  }
}

const deleteSessions = (state: AppState, userId: string): void => {
  for (const id of state.sessionIdsByUser.get(userId) ?? []) state.sessions.delete(id)
  state.sessionIdsByUser.delete(userId)
}

const deleteApiKey = (state: AppState, keyId: string): void => {
  const key = state.apiKeys.get(keyId)
  if (key === undefined) return
  state.apiKeys.delete(keyId)
  state.apiKeyIdByDigest.delete(key.digest)
  state.apiKeyIdsByUser.get(key.userId)?.delete(keyId)
}

const emptyState = (): AppState => ({
  users: new Map(),
  userIdByIdentity: new Map(),
  accounts: new Map(),
  emailTokens: new Map(),
  emailTokenIds: new Map(),
  sessions: new Map(),
  sessionIdsByUser: new Map(),
  apiKeys: new Map(),
  apiKeyIdByDigest: new Map(),
  apiKeyIdsByUser: new Map(),
  pushRegistrations: new Map()
})

const identityKey = ({ id, providerType }: { readonly id: string; readonly providerType: ProviderType }): string =>
  `${providerType} ${id}`

const isEmailPassword = ({ providerType }: Identity): boolean => providerType === "local-userpass"

const emailTokenKey = ({ accountId, kind }: Pick<EmailToken, "accountId" | "kind">): string => `${kind} ${accountId}`

const pushKey = ({ deviceId, service, userId }: Omit<PushRegistration, "token">): string =>
  `${userId} ${deviceId} ${service}`

const getOrAdd = (sets: Map<string, Set<string>>, key: string): Set<string> => {
  let set = sets.get(key)
  if (set === undefined) sets.set(key, (set = new Set()))
  return set
}
