/**
 * Administrative operations on an application's users. They take effect at once: a revoked session cannot be refreshed,
 * and the next call of a disabled user is rejected.
 *
 * The layers of `AppServicesServer` provide this service, in process and on a socket. Over HTTP, a server with an
 * `adminToken` has the same below `/_admin`; see `AdminApi`.
 *
 * @example
 * ```ts
 * import { Admin, App, AppServicesServer } from "effect-app-services/server"
 * import { Effect } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { anonymous: true } })
 *
 * const disableAll = Effect.gen(function* () {
 *   const admin = yield* Admin.Admin
 *   for (const { id } of yield* admin.users("my-app")) yield* admin.disableUser("my-app", id)
 * }).pipe(Effect.provide(AppServicesServer.layerHttpClient(app)))
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import {
  type Account,
  AccountInUse,
  AccountNotFound,
  AppNotFound,
  type Page,
  InvalidRequest,
  SessionNotFound,
  type User,
  type UserDetails,
  UserNotFound
} from "./AdminModels.ts"
import { Apps } from "../model/Apps.ts"
import { EmailAccounts, type EmailPassword } from "./EmailAccounts.ts"
import { identityOf } from "./Logins.ts"
import type * as Stored from "./UserStore.ts"
import { UserStore } from "./UserStore.ts"
import { Users } from "./Users.ts"
import { AuthEvents, deletionOf } from "./AuthEvents.ts"

export {
  /** An e-mail address that may log in, possibly after its confirmation. */
  Account,
  /** The address is registered already, or belongs to a user. */
  AccountInUse,
  /** The e-mail address is not registered. */
  AccountNotFound,
  /** The server does not host the application. */
  AppNotFound,
  /** A page of a list. */
  type Page,
  /** The request conflicts with the current state. */
  InvalidRequest,
  /** Unknown session of a user. */
  SessionNotFound,
  /** A user in a list. */
  User,
  /** Everything about a user. */
  UserDetails,
  /** Unknown user. */
  UserNotFound
} from "./AdminModels.ts"

type NoUser = AppNotFound | UserNotFound

/**
 * The shape of {@link Admin}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /**
   * All users in the order of their creation, or a page of them, ordered by id. Ids begin with the time of creation.
   */
  readonly users: (appId: string, page?: Page) => Effect.Effect<ReadonlyArray<User>, AppNotFound>
  /** Everything about one user. */
  readonly user: (appId: string, userId: string) => Effect.Effect<UserDetails, NoUser>
  /**
   * Creates a user with a confirmed e-mail address. The application's creation function runs, as at a first login.
   */
  readonly createUser: (
    appId: string,
    account: EmailPassword
  ) => Effect.Effect<User, AppNotFound | AccountInUse | InvalidRequest>
  /** Ends the user's sessions; logins and access tokens are rejected with `UserDisabled`. */
  readonly disableUser: (appId: string, userId: string) => Effect.Effect<void, NoUser>
  /** Lets a disabled user log in again. */
  readonly enableUser: (appId: string, userId: string) => Effect.Effect<void, NoUser>
  /** Deletes a user with its accounts, sessions, API keys and push registrations. */
  readonly deleteUser: (appId: string, userId: string) => Effect.Effect<void, NoUser>
  /** Ends all sessions of a user. Access tokens stay valid until they expire, as on the original service. */
  readonly revokeSessions: (appId: string, userId: string) => Effect.Effect<void, NoUser>
  /** Ends one session of a user. */
  readonly revokeSession: (
    appId: string,
    userId: string,
    sessionId: string
  ) => Effect.Effect<void, NoUser | SessionNotFound>
  /**
   * Accounts with e-mail and password, including those without a login so far; a page of them is ordered by address.
   */
  readonly accounts: (appId: string, page?: Page) => Effect.Effect<ReadonlyArray<Account>, AppNotFound>
  /** Confirms an address; a confirmed one stays confirmed. */
  readonly confirmAccount: (appId: string, email: string) => Effect.Effect<void, AppNotFound | AccountNotFound>
  /** Sets the password of an account, and ends its user's sessions. A password has 6 to 128 characters. */
  readonly setPassword: (
    appId: string,
    account: EmailPassword
  ) => Effect.Effect<void, AppNotFound | AccountNotFound | InvalidRequest>
  /** Removes an account without a login so far. The account of a user is removed with the user. */
  readonly deleteAccount: (
    appId: string,
    email: string
  ) => Effect.Effect<void, AppNotFound | AccountNotFound | AccountInUse>
  /** The devices that are registered for push messages. */
  readonly pushRegistrations: (appId: string) => Effect.Effect<ReadonlyArray<Stored.PushRegistration>, AppNotFound>
}

/**
 * Administers the users of applications. Errors name the application, user, session or account that does not exist.
 *
 * @see `AdminApi` for the same over HTTP
 * @category services
 * @since 0.1.0
 */
export class Admin extends Context.Service<Admin, Service>()("effect-app-services/server/users/Admin") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, AuthEvents | Apps | UserStore | EmailAccounts | Users> =
    Effect.gen(function* () {
      const { byId } = yield* Apps
      const store = yield* UserStore
      const emailAccounts = yield* EmailAccounts
      const users = yield* Users
      const events = yield* AuthEvents

      const find = (appId: string) => {
        const hosted = byId.get(appId)
        if (hosted !== undefined) return Effect.succeed(hosted)
        const names = [...byId.keys()].join(", ")
        return Effect.fail(
          new AppNotFound({ appId, message: `there is no application "${appId}": the server hosts ${names}` })
        )
      }

      const findUser = Effect.fnUntraced(function* (appId: string, userId: string) {
        const hosted = yield* find(appId)
        const user = Option.getOrUndefined(yield* store.user(appId, userId))
        return user === undefined ? yield* noUser(appId, userId) : { hosted, user }
      })

      const findAccount = Effect.fnUntraced(function* (appId: string, email: string) {
        yield* find(appId)
        const account = Option.getOrUndefined(yield* store.account(appId, email))
        return account ?? (yield* noAccount(appId, email))
      })

      const accountOf = Effect.fnUntraced(function* (appId: string, { confirmed, email, id }: Stored.Account) {
        const user = Option.getOrUndefined(yield* store.userByIdentity(appId, "local-userpass", id))
        const account: Account = { id, email, confirmed, ...(user === undefined ? undefined : { userId: user.id }) }
        return account
      })

      const setDisabled = Effect.fnUntraced(function* (appId: string, userId: string, disabled: boolean) {
        yield* find(appId)
        if (!(yield* store.setUserDisabled(appId, userId, disabled))) return yield* noUser(appId, userId)
      })

      return Admin.of({
        users: Effect.fn("Admin.users")(function* (appId, page = {}) {
          yield* find(appId)
          const matching = (yield* store.users(appId)).filter((user) =>
            matches(page, user.id, ...user.identities.map(({ data }) => data["email"]))
          )
          return pageOf(matching, ({ id }) => id, page).map(userOf)
        }),
        user: Effect.fn("Admin.user")(function* (appId, userId) {
          const { hosted, user } = yield* findUser(appId, userId)
          const now = yield* Clock.currentTimeMillis
          const email = user.identities.find(({ providerType }) => providerType === "local-userpass")?.data["email"]
          const account = typeof email === "string" ? yield* store.account(appId, email) : Option.none()
          const customData = yield* users.customData(hosted, user).pipe(
            // show the user although a function of the application fails
            Effect.catchDefect((defect) =>
              Effect.as(Effect.logWarning(`the custom data of the user ${userId} could not be read`, defect), undefined)
            )
          )
          return {
            ...userOf(user),
            ...(Option.isSome(account) ? { account: yield* accountOf(appId, account.value) } : undefined),
            sessions: (yield* store.sessions(appId, userId)).filter(({ expiresAt }) => expiresAt > now).map(sessionOf),
            apiKeys: (yield* store.apiKeys(appId, userId)).map(({ disabled, id, name }) => ({ id, name, disabled })),
            pushRegistrations: (yield* store.pushRegistrations(appId))
              .filter((registration) => registration.userId === userId)
              .map(({ deviceId, service }) => ({ service, deviceId })),
            ...(customData === undefined ? undefined : { customData })
          }
        }),
        createUser: Effect.fn("Admin.createUser")(function* (appId, given) {
          const hosted = yield* find(appId)
          const account = yield* emailAccounts.create(hosted, given).pipe(
            Effect.catchTags({
              BadRequest: ({ error }) => new InvalidRequest({ message: error }),
              Conflict: () => inUse(appId, given.email, "is registered already")
            })
          )
          const identity = identityOf(hosted, "local-userpass", account.id, { email: account.email })
          const user = yield* users.ofIdentity(hosted, identity, undefined).pipe(
            Effect.mapError(({ error }) => new InvalidRequest({ message: error })),
            // if a function rejects the user, the account is removed as well
            Effect.onError(() =>
              Effect.flatMap(accountOf(appId, account), ({ userId }) =>
                userId === undefined ? store.deleteAccount(appId, account.email) : Effect.void
              )
            )
          )
          return userOf(user)
        }),
        disableUser: Effect.fn("Admin.disableUser")((appId, userId) => setDisabled(appId, userId, true)),
        enableUser: Effect.fn("Admin.enableUser")((appId, userId) => setDisabled(appId, userId, false)),
        deleteUser: Effect.fn("Admin.deleteUser")(function* (appId, userId) {
          yield* findUser(appId, userId)
          yield* store.deleteUser(appId, userId, (user) => events.wanted(appId, deletionOf(user)))
        }),
        revokeSessions: Effect.fn("Admin.revokeSessions")(function* (appId, userId) {
          yield* findUser(appId, userId)
          yield* store.deleteSessions(appId, userId)
        }),
        revokeSession: Effect.fn("Admin.revokeSession")(function* (appId, userId, sessionId) {
          yield* findUser(appId, userId)
          const session = Option.getOrUndefined(yield* store.session(appId, sessionId))
          if (session?.userId !== userId) {
            const message = `the user ${userId} has no session ${sessionId}`
            return yield* new SessionNotFound({ userId, sessionId, message })
          }
          yield* store.deleteSession(appId, sessionId)
        }),
        accounts: Effect.fn("Admin.accounts")(function* (appId, page = {}) {
          yield* find(appId)
          const matching = (yield* store.accounts(appId)).filter(({ email, id }) => matches(page, id, email))
          return yield* Effect.forEach(
            pageOf(matching, ({ email }) => email, page),
            (account) => accountOf(appId, account)
          )
        }),
        confirmAccount: Effect.fn("Admin.confirmAccount")(function* (appId, email) {
          const { id } = yield* findAccount(appId, email)
          if (!(yield* store.updateAccount(appId, { id, email, confirmed: true })))
            return yield* noAccount(appId, email)
        }),
        setPassword: Effect.fn("Admin.setPassword")(function* (appId, account) {
          const hosted = yield* find(appId)
          yield* emailAccounts.setPassword(hosted, account).pipe(
            Effect.catchTags({
              BadRequest: ({ error }) => new InvalidRequest({ message: error }),
              NotFound: () => noAccount(appId, account.email)
            })
          )
        }),
        deleteAccount: Effect.fn("Admin.deleteAccount")(function* (appId, email) {
          const { userId } = yield* accountOf(appId, yield* findAccount(appId, email))
          if (userId !== undefined) {
            return yield* inUse(appId, email, `belongs to the user ${userId}: delete that user instead`)
          }
          yield* store.deleteAccount(appId, email)
        }),
        pushRegistrations: Effect.fn("Admin.pushRegistrations")((appId) =>
          Effect.andThen(find(appId), store.pushRegistrations(appId))
        )
      })
    })

  static readonly layer: Layer.Layer<Admin, never, AuthEvents | Apps | UserStore | EmailAccounts | Users> =
    Layer.effect(Admin, Admin.make)
}

const noUser = (appId: string, userId: string) =>
  new UserNotFound({ appId, userId, message: `the application "${appId}" has no user ${userId}` })

const noAccount = (appId: string, email: string) =>
  new AccountNotFound({ appId, email, message: `the application "${appId}" has no account of the address "${email}"` })

const inUse = (appId: string, email: string, why: string) =>
  new AccountInUse({ appId, email, message: `the address "${email}" ${why}` })

const userOf = ({ createdAt, disabled, id, identities, type }: Stored.User): User => ({
  id,
  type,
  disabled,
  createdAt: DateTime.makeUnsafe(createdAt),
  identities: identities.map(({ data, id, providerType }) => ({ id, providerType, data }))
})

const sessionOf = ({ createdAt, deviceId, expiresAt, id, identity }: Stored.Session) => ({
  id,
  providerType: identity.providerType,
  deviceId,
  createdAt: DateTime.makeUnsafe(createdAt),
  expiresAt: DateTime.makeUnsafe(expiresAt)
})

const matches = ({ search = "" }: Page, ...texts: ReadonlyArray<unknown>): boolean => {
  const part = search.toLowerCase()
  return part === "" || texts.some((text) => typeof text === "string" && text.toLowerCase().includes(part))
}

/** A page of a list; its order is stable while entries are added and removed. */
const pageOf = <A>(all: ReadonlyArray<A>, key: (item: A) => string, { after, limit }: Page): ReadonlyArray<A> =>
  after === undefined && limit === undefined
    ? all
    : all
        .filter((item) => after === undefined || key(item) > after)
        .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
        .slice(0, limit)
