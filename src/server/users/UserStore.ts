/**
 * The store of the applications' users, with their identities, e-mail accounts, sessions, API keys and push
 * registrations.
 *
 * It is one service, so that it can be replaced (`server/mongodb/MongoUsers` does). Every operation is atomic, and every
 * look-up is by an indexed key. Applications are separated by id and share nothing.
 *
 * In the implementation here everything is in memory. With a durable row store an operation's changes are on disk before it
 * succeeds. If the storage fails, an operation dies with its error, a `RowStoreError` or a `DatabaseError`: the server answers
 * 500, or 503 if it cannot be reached at the moment.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ProviderType } from "../../protocol/Provider.ts"
import { attempt, RowStore, type RowStoreError } from "../storage/RowStore.ts"
import * as Table from "../storage/Table.ts"
import { AuthEventRows } from "./internal/authEventRows.ts"
import { isIn, newRecords, putRecord, recordsOf } from "./internal/records.ts"
import {
  appIds,
  type AppTables,
  identityKey,
  epochOf,
  isOfGoodKey,
  isEmailPassword,
  open,
  pushKey,
  removeAccount,
  removeExpired,
  removeSessions,
  removeSessionsOf,
  removeUser
} from "./internal/tables.ts"
import type {
  Account,
  ApiKey,
  AuthEvent,
  EmailToken,
  Identity,
  PushRegistration,
  Session,
  User,
  UserRecord
} from "./UserModels.ts"

export type {
  Account,
  ApiKey,
  EmailToken,
  EmailTokenKind,
  Identity,
  PushRegistration,
  Session,
  User,
  UserRecord
} from "./UserModels.ts"

/** The name, address or identity exists already. */
export class AlreadyExists extends Schema.TaggedError<AlreadyExists>("effect-app-services/server/users/AlreadyExists")(
  "AlreadyExists",
  { what: Schema.Literals(["account", "identity", "provider", "apiKey"]) }
) {}

/** The account of an identity of `local-userpass` was deleted, so that it cannot belong to a user. */
export class AccountGone extends Schema.TaggedError<AccountGone>("effect-app-services/server/users/AccountGone")(
  "AccountGone",
  {}
) {}

/**
 * A record conflicts with an existing user or an earlier record. `index` counts from 0.
 */
export class RecordConflict extends Schema.TaggedError<RecordConflict>(
  "effect-app-services/server/users/RecordConflict"
)("RecordConflict", {
  index: Schema.Int,
  what: Schema.Literals(["user", "identity", "account", "apiKey"]),
  twice: Schema.Boolean
}) {}

/** The shape of {@link UserStore}. */
export interface Service {
  /** Creates a user. The event is added to the log in the same commit. */
  readonly createUser: (
    appId: string,
    user: User,
    event?: AuthEvent
  ) => Effect.Effect<void, AlreadyExists | AccountGone>
  readonly user: (appId: string, userId: string) => Effect.Effect<Option.Option<User>>
  readonly userByIdentity: (
    appId: string,
    providerType: ProviderType,
    identityId: string
  ) => Effect.Effect<Option.Option<User>>
  /** All users, in the order of their creation. */
  readonly users: (appId: string) => Effect.Effect<ReadonlyArray<User>>
  /**
   * Adds an identity to a user; does nothing if the user has it or does not exist. A user has at most one identity of
   * `local-userpass`: another one fails with `provider`.
   */
  readonly addIdentity: (appId: string, userId: string, identity: Identity) => Effect.Effect<void, AlreadyExists>
  /** Replaces the data of an identity. */
  readonly setIdentityData: (appId: string, identity: Identity) => Effect.Effect<void>
  /** Returns whether the user exists. Disabling ends the user's sessions. */
  readonly setUserDisabled: (appId: string, userId: string, disabled: boolean) => Effect.Effect<boolean>
  /**
   * Deletes a user with its accounts, sessions, API keys and push registrations. The event, of the user as it is deleted, is
   * added to the log in the same commit.
   */
  readonly deleteUser: (
    appId: string,
    userId: string,
    event?: (user: User) => AuthEvent | undefined
  ) => Effect.Effect<void>
  readonly createAccount: (appId: string, account: Account) => Effect.Effect<void, AlreadyExists>
  readonly account: (appId: string, email: string) => Effect.Effect<Option.Option<Account>>
  /** All accounts, including those without a login so far. */
  readonly accounts: (appId: string) => Effect.Effect<ReadonlyArray<Account>>
  /**
   * Changes the account of an address if it still has that id and, if one is given, that password hash; returns whether it
   * did.
   */
  readonly updateAccount: (
    appId: string,
    account: Pick<Account, "id" | "email"> & Partial<Account>,
    expectedHash?: Account["passwordHash"]
  ) => Effect.Effect<boolean>
  /** Deletes an account with its tokens. One that belongs to a user stays: it is deleted with the user. */
  readonly deleteAccount: (appId: string, email: string) => Effect.Effect<void>
  readonly createEmailToken: (appId: string, token: EmailToken) => Effect.Effect<void>
  /** Takes a token, which is then used up. With another digest or kind it stays. */
  readonly takeEmailToken: (
    appId: string,
    token: Pick<EmailToken, "id" | "kind" | "digest">
  ) => Effect.Effect<Option.Option<EmailToken>>
  /**
   * Does nothing if the session's credentials are no longer valid: its user is disabled or deleted or is in a later epoch, or
   * its API key was disabled or deleted.
   */
  readonly createSession: (appId: string, session: Session) => Effect.Effect<void>
  readonly session: (appId: string, sessionId: string) => Effect.Effect<Option.Option<Session>>
  /** All sessions of a user, including expired ones that are not removed yet. */
  readonly sessions: (appId: string, userId: string) => Effect.Effect<ReadonlyArray<Session>>
  readonly deleteSession: (appId: string, sessionId: string) => Effect.Effect<void>
  /** Ends all sessions of a user. */
  readonly deleteSessions: (appId: string, userId: string) => Effect.Effect<void>
  readonly createApiKey: (appId: string, key: ApiKey) => Effect.Effect<void, AlreadyExists>
  readonly apiKeys: (appId: string, userId: string) => Effect.Effect<ReadonlyArray<ApiKey>>
  readonly apiKey: (appId: string, keyId: string) => Effect.Effect<Option.Option<ApiKey>>
  readonly apiKeyByDigest: (appId: string, digest: string) => Effect.Effect<Option.Option<ApiKey>>
  /** Disabling ends the sessions that began with the key, except the given one. Deleting ends all of them. */
  readonly setApiKeyDisabled: (
    appId: string,
    keyId: string,
    disabled: boolean,
    exceptSession?: string
  ) => Effect.Effect<void>
  readonly deleteApiKey: (appId: string, keyId: string) => Effect.Effect<void>
  /** Replaces an earlier registration of the same device. */
  readonly setPushRegistration: (appId: string, registration: PushRegistration) => Effect.Effect<void>
  readonly deletePushRegistration: (appId: string, registration: Omit<PushRegistration, "token">) => Effect.Effect<void>
  readonly pushRegistrations: (appId: string) => Effect.Effect<ReadonlyArray<PushRegistration>>
  /** All users with their records in the order of creation, then the accounts without a login so far. */
  readonly records: (appId: string) => Effect.Effect<ReadonlyArray<UserRecord>>
  /**
   * Adds users with their records, all or none, and returns how many. With `skipExisting`, existing users (by id,
   * identity or address) are left unchanged.
   */
  readonly addRecords: (
    appId: string,
    records: ReadonlyArray<UserRecord>,
    options?: { readonly skipExisting?: boolean | undefined }
  ) => Effect.Effect<number, RecordConflict>
}

/** The store of users, accounts, sessions and API keys. */
export class UserStore extends Context.Service<UserStore, Service>()("effect-app-services/server/users/UserStore") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, RowStoreError, AuthEventRows | RowStore> = Effect.gen(function* () {
    const rowStore = yield* RowStore
    const events = yield* AuthEventRows
    const now = yield* Clock.currentTimeMillis
    const apps = new Map<string, AppTables>()
    const of = (appId: string): AppTables => {
      let tables = apps.get(appId)
      if (tables === undefined) apps.set(appId, (tables = open(rowStore, appId)))
      return tables
    }
    const write = (edits: ReadonlyArray<Table.Edit>): void => Table.write(rowStore, edits)
    const logged = (appId: string, event: AuthEvent | undefined, now: number): ReadonlyArray<Table.Edit> =>
      event === undefined ? [] : [events.edit(appId, event, now)]
    let sweptAt = now
    yield* attempt(() => {
      for (const appId of appIds(rowStore)) write(removeExpired(of(appId), now))
    })

    /** Every operation is one synchronous step, and therefore atomic. */
    const step = <A>(f: () => A) => Effect.sync(f)
    const stepAt = <A, E>(f: (now: number) => Effect.Effect<A, E>) =>
      Clock.clockWith((clock) => f(clock.currentTimeMillisUnsafe()))
    const find = <A>(f: () => A | undefined) => Effect.sync(() => Option.fromUndefinedOr(f()))

    return UserStore.of({
      createUser: (appId, user, event) =>
        stepAt((now): Effect.Effect<void, AlreadyExists | AccountGone> => {
          const { accounts, users, usersByIdentity } = of(appId)
          if (user.identities.some((identity) => usersByIdentity.has(identityKey(identity)))) {
            return Effect.fail(new AlreadyExists({ what: "identity" }))
          }
          if (!user.identities.filter(isEmailPassword).every(({ id }) => accounts.rows.has(id))) {
            return Effect.fail(new AccountGone())
          }
          write([users.put(user), ...logged(appId, event, now)])
          return Effect.void
        }),
      user: (appId, userId) => find(() => of(appId).users.rows.get(userId)),
      userByIdentity: (appId, providerType, id) =>
        find(() => of(appId).usersByIdentity.get(identityKey({ providerType, id }))),
      addIdentity: (appId, userId, identity) =>
        Effect.suspend(() => {
          const { users, usersByIdentity } = of(appId)
          const user = users.rows.get(userId)
          const owner = usersByIdentity.get(identityKey(identity))
          if (user === undefined || owner?.id === userId) return Effect.void
          if (owner !== undefined) return Effect.fail(new AlreadyExists({ what: "identity" }))
          if (isEmailPassword(identity) && user.identities.some(isEmailPassword)) {
            return Effect.fail(new AlreadyExists({ what: "provider" }))
          }
          write([users.put({ ...user, identities: [...user.identities, identity] })])
          return Effect.void
        }),
      users: (appId) => step(() => Array.from(of(appId).users.rows.values())),
      setIdentityData: (appId, identity) =>
        step(() => {
          const { users, usersByIdentity } = of(appId)
          const user = usersByIdentity.get(identityKey(identity))
          // most logins do not change the identity's data
          if (user === undefined || user.identities.some((known) => Equal.equals(known, identity))) return
          const renew = (known: Identity) => (identityKey(known) === identityKey(identity) ? identity : known)
          const [first, ...others] = user.identities
          write([users.put({ ...user, identities: [renew(first), ...others.map(renew)] })])
        }),
      setUserDisabled: (appId, userId, disabled) =>
        step(() => {
          const tables = of(appId)
          const user = tables.users.rows.get(userId)
          if (user === undefined) return false
          write(disabled ? removeSessions(tables, userId, { disabled }) : [tables.users.put({ ...user, disabled })])
          return true
        }),
      deleteUser: (appId, userId, event) =>
        stepAt((now) => {
          const tables = of(appId)
          const user = tables.users.rows.get(userId)
          if (user !== undefined) write([...removeUser(tables, user), ...logged(appId, event?.(user), now)])
          return Effect.void
        }),
      createAccount: (appId, account) =>
        Effect.suspend(() => {
          const { accounts, accountsByEmail } = of(appId)
          if (accountsByEmail.has(account.email)) return Effect.fail(new AlreadyExists({ what: "account" }))
          write([accounts.put(account)])
          return Effect.void
        }),
      account: (appId, email) => find(() => of(appId).accountsByEmail.get(email)),
      accounts: (appId) => step(() => Array.from(of(appId).accounts.rows.values())),
      updateAccount: (appId, change, expectedHash) =>
        step(() => {
          const { accounts, accountsByEmail } = of(appId)
          const account = accountsByEmail.get(change.email)
          if (account?.id !== change.id) return false
          if (expectedHash !== undefined && !Equal.equals(account.passwordHash, expectedHash)) return false
          write([accounts.put({ ...account, ...change })])
          return true
        }),
      deleteAccount: (appId, email) =>
        step(() => {
          const tables = of(appId)
          const account = tables.accountsByEmail.get(email)
          const owner = tables.usersByIdentity.get(
            identityKey({ providerType: "local-userpass", id: account?.id ?? "" })
          )
          if (account !== undefined && owner === undefined) write(removeAccount(tables, account))
        }),
      createEmailToken: (appId, token) =>
        step(() => {
          const { emailTokens, emailTokensByAccount } = of(appId)
          const last = emailTokensByAccount.all(token.accountId).filter(({ kind }) => kind === token.kind)
          write([...last.map((it) => emailTokens.remove(it)), emailTokens.put(token)])
        }),
      takeEmailToken: (appId, { digest, id, kind }) =>
        find(() => {
          const { emailTokens } = of(appId)
          const token = emailTokens.rows.get(id)
          if (token?.kind !== kind || token.digest !== digest) return undefined
          write([emailTokens.remove(token)])
          return token
        }),
      createSession: (appId, session) =>
        step(() => {
          const tables = of(appId)
          const user = tables.users.rows.get(session.userId)
          if (user === undefined || user.disabled || epochOf(user) !== epochOf(session)) return
          if (!isOfGoodKey(tables, session)) return
          const due = session.createdAt - sweptAt >= sweepEvery
          // frequent logins without a logout must not fill the memory
          const outdated = due
            ? Array.from(apps.values()).flatMap((it) => removeExpired(it, session.createdAt))
            : tables.sessionsByUser
                .all(session.userId)
                .flatMap((it) => (it.expiresAt <= session.createdAt ? tables.sessions.remove(it) : []))
          write([...outdated, tables.sessions.put(session)])
          if (due) sweptAt = session.createdAt
        }),
      session: (appId, sessionId) => find(() => of(appId).sessions.rows.get(sessionId)),
      sessions: (appId, userId) => step(() => of(appId).sessionsByUser.all(userId)),
      deleteSession: (appId, sessionId) =>
        step(() => {
          const { sessions } = of(appId)
          const session = sessions.rows.get(sessionId)
          if (session !== undefined) write([sessions.remove(session)])
        }),
      deleteSessions: (appId, userId) => step(() => write(removeSessions(of(appId), userId))),
      createApiKey: (appId, key) =>
        Effect.suspend(() => {
          const { apiKeys, apiKeysByUser } = of(appId)
          if (apiKeysByUser.all(key.userId).some(({ name }) => name === key.name)) {
            return Effect.fail(new AlreadyExists({ what: "apiKey" }))
          }
          write([apiKeys.put(key)])
          return Effect.void
        }),
      apiKeys: (appId, userId) => step(() => of(appId).apiKeysByUser.all(userId)),
      apiKey: (appId, keyId) => find(() => of(appId).apiKeys.rows.get(keyId)),
      apiKeyByDigest: (appId, digest) => find(() => of(appId).apiKeysByDigest.get(digest)),
      setApiKeyDisabled: (appId, keyId, disabled, exceptSession) =>
        step(() => {
          const tables = of(appId)
          const key = tables.apiKeys.rows.get(keyId)
          if (key === undefined) return
          const ended = disabled ? removeSessionsOf(tables, key, exceptSession) : []
          write([tables.apiKeys.put({ ...key, disabled }), ...ended])
        }),
      deleteApiKey: (appId, keyId) =>
        step(() => {
          const tables = of(appId)
          const key = tables.apiKeys.rows.get(keyId)
          if (key !== undefined) write([tables.apiKeys.remove(key), ...removeSessionsOf(tables, key)])
        }),
      setPushRegistration: (appId, registration) => step(() => write([of(appId).pushRegistrations.put(registration)])),
      deletePushRegistration: (appId, registration) =>
        step(() => {
          const { pushRegistrations } = of(appId)
          const found = pushRegistrations.rows.get(pushKey(registration))
          if (found !== undefined) write([pushRegistrations.remove(found)])
        }),
      pushRegistrations: (appId) => step(() => Array.from(of(appId).pushRegistrations.rows.values())),
      records: (appId) => step(() => recordsOf(of(appId))),
      addRecords: (appId, records, options) =>
        Effect.suspend(() => {
          const tables = of(appId)
          const added = newRecords(isIn(tables), records, options?.skipExisting === true)
          if ("what" in added) return Effect.fail(new RecordConflict(added))
          write(added.records.flatMap((record) => putRecord(tables, record)))
          return Effect.succeed(added.records.length)
        })
    })
  })

  /** Reads a row store. Fails on a damaged row and names its table and key. */
  static readonly layer: Layer.Layer<UserStore, RowStoreError, RowStore> = Layer.provide(
    Layer.effect(UserStore, UserStore.make),
    AuthEventRows.layer
  )
  /** Keeps everything in memory, for the lifetime of the layer. */
  static readonly layerMemory: Layer.Layer<UserStore> = Layer.provide(Layer.orDie(UserStore.layer), RowStore.layerNone)
}

/** The interval of removing expired records. A login also removes its own user's. */
const sweepEvery = Duration.toMillis("1 hour")
