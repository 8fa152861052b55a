/**
 * Logs users in and out, and finds the users that logged in earlier. Any number of users can be logged in at once; the
 * current user is a convenience on top.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { ApiKeysApi } from "./ApiKeysApi.ts"
import { AppServicesError, NotLoggedIn } from "./AppServicesError.ts"
import type { Credentials } from "./Credentials.ts"
import { FunctionsApi } from "./FunctionsApi.ts"
import { FunctionStreams } from "./FunctionStreams.ts"
import { deleteUser, findLoggedIn, linkCredentials, logIn, makeCurrent } from "./internal/logins.ts"
import { fromStore, getUser } from "./internal/users.ts"
import { TokenStoreKey } from "./internal/tokenStoreKey.ts"
import { MongoDb } from "./MongoDb.ts"
import { ProfileApi } from "./ProfileApi.ts"
import { PushApi } from "./PushApi.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"
import type { TokenStore } from "./TokenStore.ts"
import { UserHandle } from "./User.ts"
import type { User, UserServices } from "./User.ts"
import { UserEvents } from "./UserEvents.ts"
import type { Listener, UserEvent } from "./UserEvents.ts"

/**
 * The shape of {@link AuthApi}. Every member fails with `StoreUnavailable` when the token store does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /**
   * Logs a user in and makes it the current one; users that are logged in stay so. Fails with `InvalidCredentials` or
   * `UserDisabled` if the host refuses, and with `AppNotFound`, `RateLimited` or `TransportError` as any request.
   */
  readonly logIn: (credentials: Credentials) => Effect.Effect<User, AppServicesError>
  /** Logs a user out; see `User.logOut`. Fails with `UnknownUser`. */
  readonly logOut: (userId: string) => Effect.Effect<void, AppServicesError>
  /** Adds an identity to a logged-in user; see `User.linkCredentials`. Fails with `LinkRefused`. */
  readonly linkCredentials: (userId: string, credentials: Credentials) => Effect.Effect<void, AppServicesError>
  /** Logs a user out and removes it from the token store. The account stays at the host. Fails with `UnknownUser`. */
  readonly removeUser: (userId: string) => Effect.Effect<void, AppServicesError>
  /**
   * Deletes a logged-in user's account at the host, with that user's own access token, and removes the user from the token
   * store. Fails with `NotLoggedIn` or `SessionExpired` without a session.
   */
  readonly deleteUser: (userId: string) => Effect.Effect<void, AppServicesError>
  /**
   * A user of the token store: one that logged in earlier, here or in another process that shares the store. Finds
   * logged-out users too, so it does not authenticate: use {@link loggedInUser} for that. Fails with `UnknownUser`.
   */
  readonly user: (userId: string) => Effect.Effect<User, AppServicesError>
  /**
   * A user with a valid session: its access token is valid now, refreshed if need be. Fails with `UnknownUser` or
   * `NotLoggedIn` without a session, and with `SessionExpired` or `UserDisabled` if the host has ended it. The host is asked
   * once in the lifetime of an access token (30 minutes by default): call `user.refreshProfile` to know sooner. Any other
   * failure, such as `TransportError` or `StoreUnavailable`, means that it could not be determined.
   */
  readonly loggedInUser: (userId: string) => Effect.Effect<User, AppServicesError>
  /** The logged-in user that logged in, or was switched to, last; `none` if no user is logged in. */
  readonly currentUser: Effect.Effect<Option.Option<User>, AppServicesError>
  /** All users of the token store, logged-out ones included, most recent first. */
  readonly allUsers: Effect.Effect<ReadonlyArray<User>, AppServicesError>
  /** Makes a logged-in user the current one. Fails with `UnknownUser` or `NotLoggedIn`. */
  readonly switchUser: (userId: string) => Effect.Effect<User, AppServicesError>
  /** The events of all users of the application, from the moment the stream runs; see `UserEvents` for what is delivered. */
  readonly events: Stream.Stream<UserEvent>
  /** Adds a callback for the events of all users; adding it again changes nothing. */
  readonly addListener: (listener: Listener) => void
  /** Removes a callback for the events of all users. */
  readonly removeListener: (listener: Listener) => void
  /** Removes the callbacks for the events of all users; those of single users stay. */
  readonly removeAllListeners: () => void
}

type Dependencies =
  | ProtocolClient
  | TokenStore
  | Sessions
  | FunctionsApi
  | FunctionStreams
  | MongoDb
  | ProfileApi
  | ApiKeysApi
  | PushApi
  | UserEvents

/**
 * Logs users in and out, and finds them again.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials } from "effect-app-services"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   const user = yield* auth.logIn(Credentials.emailPassword({ email: "ada@example.com", password: "s3cret!" }))
 *   return yield* user.functions.sum(20, 22)
 * })
 * ```
 *
 * @see `EmailPasswordApi` for registering accounts, `TokenStore` for where sessions are kept
 *
 * @category services
 * @since 0.1.0
 */
export class AuthApi extends Context.Service<AuthApi, Service>()("effect-app-services/client/AuthApi") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, Dependencies> = Effect.gen(function* () {
    const client = yield* ProtocolClient
    const events = yield* UserEvents
    const services: UserServices = {
      tokens: (yield* TokenStoreKey).forApp(client.appId),
      sessions: yield* Sessions,
      events,
      functions: yield* FunctionsApi,
      streams: yield* FunctionStreams,
      mongoDb: yield* MongoDb,
      profiles: yield* ProfileApi,
      apiKeys: yield* ApiKeysApi,
      push: yield* PushApi,
      link: (userId, credentials) => linkCredentials(client, services, userId, credentials)
    }
    const { link, sessions, tokens } = services
    const handle = (userId: string): User => new UserHandle(services, userId)
    const end = (operation: string, how: "log out" | "remove") =>
      Effect.fn(operation)(function* (userId: string) {
        yield* getUser(tokens, operation, userId)
        yield* sessions.end(operation, userId, how)
      })

    return {
      events: events.stream(undefined),
      addListener: (listener) => events.addListener(undefined, listener),
      removeListener: (listener) => events.removeListener(undefined, listener),
      removeAllListeners: () => events.removeAllListeners(undefined),
      logIn: Effect.fn("AuthApi.logIn")(function* (credentials) {
        return handle(yield* logIn(client, services, credentials))
      }),
      logOut: end("AuthApi.logOut", "log out"),
      linkCredentials: link,
      removeUser: end("AuthApi.removeUser", "remove"),
      deleteUser: Effect.fn("AuthApi.deleteUser")((userId) => deleteUser(client, services, userId)),
      user: (userId) => Effect.map(getUser(tokens, "AuthApi.user", userId), ({ id }) => handle(id)),
      loggedInUser: (userId) => Effect.map(sessions.accessToken("AuthApi.loggedInUser", userId), () => handle(userId)),
      currentUser: Effect.map(
        Effect.suspend(() => findLoggedIn(tokens, "AuthApi.currentUser", () => true)),
        Option.map(handle)
      ),
      allUsers: Effect.map(fromStore("AuthApi.allUsers")(tokens.userIds), (ids) => ids.map(handle)),
      switchUser: Effect.fn("AuthApi.switchUser")(function* (userId) {
        const operation = "AuthApi.switchUser"
        const { session } = yield* getUser(tokens, operation, userId)
        if (session === undefined) {
          return yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) })
        }
        yield* makeCurrent(services, operation, userId)
        return handle(userId)
      })
    }
  })

  /** The service over all others; `AppServices.layer` puts them together. */
  static readonly layer: Layer.Layer<AuthApi, never, Dependencies> = Layer.effect(this, this.make)
}
