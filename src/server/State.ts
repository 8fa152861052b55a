/**
 * Everything a server remembers about its applications' users: the users with their identities, e-mail accounts,
 * sessions and API keys.
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
import type { ProviderType } from "../protocol/Provider.ts"

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
export class AlreadyExists extends Schema.TaggedError<AlreadyExists>("effect-app-services/server/AlreadyExists")(
  "AlreadyExists",
  { what: Schema.Literals(["account", "identity", "apiKey"]) }
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
    /** Adds an identity to a user; does nothing when the user has it or is gone. */
    readonly addIdentity: (appId: string, userId: string, identity: Identity) => Effect.Effect<void, AlreadyExists>
    /** Removes a user with its accounts, sessions and API keys. */
    readonly deleteUser: (appId: string, userId: string) => Effect.Effect<void>
    readonly createAccount: (appId: string, account: Account) => Effect.Effect<void, AlreadyExists>
    readonly account: (appId: string, email: string) => Effect.Effect<Option.Option<Account>>
    readonly createSession: (appId: string, session: Session) => Effect.Effect<void>
    readonly session: (appId: string, sessionId: string) => Effect.Effect<Option.Option<Session>>
    readonly deleteSession: (appId: string, sessionId: string) => Effect.Effect<void>
    readonly createApiKey: (appId: string, key: ApiKey) => Effect.Effect<void, AlreadyExists>
    readonly apiKeys: (appId: string, userId: string) => Effect.Effect<ReadonlyArray<ApiKey>>
    readonly apiKey: (appId: string, keyId: string) => Effect.Effect<Option.Option<ApiKey>>
    readonly apiKeyByDigest: (appId: string, digest: string) => Effect.Effect<Option.Option<ApiKey>>
    readonly setApiKeyDisabled: (appId: string, keyId: string, disabled: boolean) => Effect.Effect<void>
    readonly deleteApiKey: (appId: string, keyId: string) => Effect.Effect<void>
  }
>()("effect-app-services/server/State") {
  /** Keeps everything in memory, for the life of the layer. */
  static readonly layerMemory: Layer.Layer<State> = Layer.sync(State, () => makeMemory())
}

interface AppState {
  readonly users: Map<string, User>
  readonly userIdByIdentity: Map<string, string>
  readonly accounts: Map<string, Account>
  readonly sessions: Map<string, Session>
  readonly sessionIdsByUser: Map<string, Set<string>>
  readonly apiKeys: Map<string, ApiKey>
  readonly apiKeyIdByDigest: Map<string, string>
  readonly apiKeyIdsByUser: Map<string, Set<string>>
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
        userIdByIdentity.set(identityKey(identity), userId)
        users.set(userId, { ...user, identities: [...user.identities, identity] })
        return Effect.void
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
          if (identity.providerType === "local-userpass" && typeof email === "string") state.accounts.delete(email)
        }
        for (const id of state.sessionIdsByUser.get(userId) ?? []) state.sessions.delete(id)
        state.sessionIdsByUser.delete(userId)
        for (const id of state.apiKeyIdsByUser.get(userId) ?? []) deleteApiKey(state, id)
        state.apiKeyIdsByUser.delete(userId)
      }),
    createAccount: (appId, account) =>
      Effect.suspend(() => {
        const { accounts } = of(appId)
        if (accounts.has(account.email)) return Effect.fail(new AlreadyExists({ what: "account" }))
        accounts.set(account.email, account)
        return Effect.void
      }),
    account: (appId, email) => find(() => of(appId).accounts.get(email)),
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
    deleteSession: (appId, sessionId) =>
      read(() => {
        const { sessionIdsByUser, sessions } = of(appId)
        const session = sessions.get(sessionId)
        if (session === undefined) return
        sessions.delete(sessionId)
        sessionIdsByUser.get(session.userId)?.delete(sessionId)
      }),
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
    deleteApiKey: (appId, keyId) => read(() => deleteApiKey(of(appId), keyId))
  })
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
  sessions: new Map(),
  sessionIdsByUser: new Map(),
  apiKeys: new Map(),
  apiKeyIdByDigest: new Map(),
  apiKeyIdsByUser: new Map()
})

const identityKey = ({ id, providerType }: { readonly id: string; readonly providerType: ProviderType }): string =>
  `${providerType} ${id}`

const getOrAdd = (sets: Map<string, Set<string>>, key: string): Set<string> => {
  let set = sets.get(key)
  if (set === undefined) sets.set(key, (set = new Set()))
  return set
}
