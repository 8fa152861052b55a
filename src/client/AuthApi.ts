/**
 * Logs users in and out and finds them again. Any number of users can be logged in at once; the current user is a
 * convenience on top.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as Answers from "../protocol/Answers.ts"
import * as Ejson from "../protocol/Ejson.ts"
import { path, routes } from "../protocol/Routes.ts"
import { ApiKeysApi } from "./ApiKeysApi.ts"
import { AppServicesError, InvalidArguments, InvalidResponse, NotLoggedIn } from "./AppServicesError.ts"
import type { Credentials } from "./Credentials.ts"
import { FunctionsApi } from "./FunctionsApi.ts"
import { FunctionStreams } from "./FunctionStreams.ts"
import { deviceInformation } from "./internal/device.ts"
import { checkSegment } from "./internal/segments.ts"
import { isAnonymous } from "./internal/transitions.ts"
import { fromStore, getUser } from "./internal/users.ts"
import { MongoDb } from "./MongoDb.ts"
import type { Operation } from "./Operation.ts"
import { ProfileApi } from "./ProfileApi.ts"
import { PushApi } from "./PushApi.ts"
import { decodeAnswer, ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"
import { TokenStore } from "./TokenStore.ts"
import type { StoredUser } from "./TokenStore.ts"
import { UserHandle } from "./User.ts"
import type { User } from "./User.ts"
import { UserEvents } from "./UserEvents.ts"
import type { Listener, UserEvent } from "./UserEvents.ts"

const decodeLoggedIn = decodeAnswer(Answers.LoggedIn)
const decodeLinked = decodeAnswer(Answers.Linked)

/**
 * @category services
 * @since 0.1.0
 */
export class AuthApi extends Context.Service<
  AuthApi,
  {
    /** Logs a user in; it becomes the current one. Others stay logged in. */
    logIn(credentials: Credentials): Effect.Effect<User, AppServicesError>
    /** Logs a user out; see `User.logOut`. */
    logOut(userId: string): Effect.Effect<void, AppServicesError>
    /** Adds a way to log in to a logged-in user; see `User.linkCredentials`. */
    linkCredentials(userId: string, credentials: Credentials): Effect.Effect<void, AppServicesError>
    /** Logs a user out and forgets it here. The account stays at the host. */
    removeUser(userId: string): Effect.Effect<void, AppServicesError>
    /** Deletes a logged-in user's account at the host, by that user's own right, and forgets it here. */
    deleteUser(userId: string): Effect.Effect<void, AppServicesError>
    /**
     * A user that logged in earlier, here or in another process that shares the token store. It finds users that are logged
     * out as well, so that it does not tell who may act: {@link loggedInUser} does. Fails with `UnknownUser`.
     */
    user(userId: string): Effect.Effect<User, AppServicesError>
    /**
     * A user that may act: its session has an access token that is good now, a new one if need be. Fails with `UnknownUser`
     * or `NotLoggedIn` where there is no session, and with `SessionExpired` or `UserDisabled` where the host says that it is
     * over, which it is asked once in the life of an access token (30 minutes, unless the host is set to another time).
     * Where it has to be known sooner, ask for `user.refreshProfile` on top. Any other failure, such as `TransportError` or
     * `StoreUnavailable`, says that it could not be found out.
     */
    loggedInUser(userId: string): Effect.Effect<User, AppServicesError>
    /** The logged-in user that logged in, or was switched to, last. */
    readonly currentUser: Effect.Effect<Option.Option<User>, AppServicesError>
    /** Every user the token store has, logged out ones too, most recent first. */
    readonly allUsers: Effect.Effect<ReadonlyArray<User>, AppServicesError>
    /** Makes a logged-in user the current one. */
    switchUser(userId: string): Effect.Effect<User, AppServicesError>
    /** What happens to the users of the application, from the moment the stream runs. */
    readonly events: Stream.Stream<UserEvent>
    /** Adds a plain callback for the events of all users. */
    addListener(listener: Listener): void
    removeListener(listener: Listener): void
    /** Removes the callbacks for the events of all users; those of single users stay. */
    removeAllListeners(): void
  }
>()("effect-app-services/client/AuthApi") {
  static readonly layer: Layer.Layer<
    AuthApi,
    never,
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
  > = Layer.effect(
    this,
    Effect.suspend(() => make)
  )
}

const make = Effect.gen(function* () {
  const client = yield* ProtocolClient
  const sessions = yield* Sessions
  const tokens = (yield* TokenStore).forApp(client.appId)
  const events = yield* UserEvents
  const services = {
    tokens,
    sessions,
    events,
    functions: yield* FunctionsApi,
    streams: yield* FunctionStreams,
    mongoDb: yield* MongoDb,
    profiles: yield* ProfileApi,
    apiKeys: yield* ApiKeysApi,
    push: yield* PushApi,
    link: (userId: string, credentials: Credentials) => linkCredentials(userId, credentials)
  }
  const handle = (userId: string): User => new UserHandle(services, userId)

  const loginBody = Effect.fnUntraced(function* (operation: string, { payload }: Credentials) {
    const deviceId = yield* fromStore(operation)(tokens.deviceId)
    const device = deviceInformation(client.appId, Option.getOrUndefined(deviceId))
    const body = Ejson.stringify({
      ...Redacted.value(payload),
      options: { device: { ...device, ...(device.deviceId !== undefined && { deviceId: { $oid: device.deviceId } }) } }
    })
    if (Result.isFailure(body)) {
      return yield* new AppServicesError({ operation, reason: new InvalidArguments({ problem: body.failure.message }) })
    }
    return Redacted.make(body.success)
  })

  const send = Effect.fnUntraced(function* (operation: Operation, credentials: Credentials, token?: Redacted.Redacted) {
    yield* checkSegment(operation.name, "the provider", credentials.providerType)
    const url = path(routes.logIn, { appId: client.appId, provider: credentials.providerType })
    return yield* client.execute({
      operation,
      method: "POST",
      path: token === undefined ? url : `${url}?link=true`,
      token,
      body: yield* loginBody(operation.name, credentials),
      secrets: credentials.secrets
    })
  })

  const linkCredentials = Effect.fn("AuthApi.linkCredentials")(function* (userId: string, credentials: Credentials) {
    const operation = { name: "AuthApi.linkCredentials", kind: "link" } as const
    const fail = (reason: InvalidArguments | InvalidResponse) =>
      new AppServicesError({ operation: operation.name, reason })
    if (credentials.providerType === "anon-user") {
      return yield* fail(new InvalidArguments({ problem: "anonymous credentials cannot be added to a user" }))
    }
    // a refused link may look like a refused token, so it is not sent again
    const token = yield* sessions.accessToken(operation.name, userId)
    const answer = yield* decodeLinked(operation.name, yield* send(operation, credentials, token))
    if (answer.user_id !== userId) {
      return yield* fail(new InvalidResponse({ status: 200, problem: "the answer to a link is about another user" }))
    }
    yield* sessions.link(operation.name, userId, answer.access_token, credentials.providerType)
    yield* services.profiles.refresh(userId)
  })

  /** The most recent user that is logged in and fits. */
  const loggedIn = Effect.fnUntraced(function* (operation: string, fits: (user: StoredUser) => boolean) {
    const read = fromStore(operation)
    for (const userId of yield* read(tokens.userIds)) {
      const user = yield* read(tokens.get(userId))
      if (Option.isSome(user) && user.value.session !== undefined && fits(user.value)) return Option.some(userId)
    }
    return Option.none<string>()
  })

  const makeCurrent = Effect.fnUntraced(function* (operation: string, userId: string) {
    const switched = { _tag: "Switched" } as const
    yield* fromStore(operation)(
      tokens.modify(userId, (user) => [undefined, user], { promote: true, announce: () => [switched] })
    )
    yield* events.publish(userId, switched)
    return handle(userId)
  })

  return AuthApi.of({
    events: events.stream(undefined),
    addListener: (listener) => events.addListener(undefined, listener),
    removeListener: (listener) => events.removeListener(undefined, listener),
    removeAllListeners: () => events.removeAllListeners(undefined),
    logIn: Effect.fn("AuthApi.logIn")(function* (credentials) {
      const operation = { name: "AuthApi.logIn", kind: "login" } as const
      yield* Effect.annotateCurrentSpan("app_services.provider", credentials.providerType)
      const present = credentials.reuse === true ? yield* loggedIn(operation.name, isAnonymous) : Option.none()
      if (Option.isSome(present)) return yield* makeCurrent(operation.name, present.value)
      const login = yield* decodeLoggedIn(operation.name, yield* send(operation, credentials))
      return handle(yield* sessions.begin(operation.name, login, credentials.providerType))
    }),
    logOut: Effect.fn("AuthApi.logOut")(function* (userId) {
      yield* getUser(tokens, "AuthApi.logOut", userId)
      yield* sessions.end("AuthApi.logOut", userId, "log out")
    }),
    linkCredentials,
    removeUser: Effect.fn("AuthApi.removeUser")(function* (userId) {
      yield* getUser(tokens, "AuthApi.removeUser", userId)
      yield* sessions.end("AuthApi.removeUser", userId, "remove")
    }),
    deleteUser: Effect.fn("AuthApi.deleteUser")(function* (userId) {
      const operation = "AuthApi.deleteUser"
      yield* sessions.authorized(operation, userId, (token) =>
        client.execute({
          operation: { name: operation, kind: "general" },
          method: "DELETE",
          path: routes.deleteUser,
          token
        })
      )
      yield* sessions.end(operation, userId, "forget")
    }),
    user: Effect.fnUntraced(function* (userId) {
      return handle((yield* getUser(tokens, "AuthApi.user", userId)).id)
    }),
    loggedInUser: (userId) => Effect.map(sessions.accessToken("AuthApi.loggedInUser", userId), () => handle(userId)),
    currentUser: Effect.map(
      Effect.suspend(() => loggedIn("AuthApi.currentUser", () => true)),
      Option.map(handle)
    ),
    allUsers: Effect.map(fromStore("AuthApi.allUsers")(tokens.userIds), (ids) => ids.map(handle)),
    switchUser: Effect.fn("AuthApi.switchUser")(function* (userId) {
      const operation = "AuthApi.switchUser"
      const { session } = yield* getUser(tokens, operation, userId)
      if (session === undefined) return yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) })
      return yield* makeCurrent(operation, userId)
    })
  })
})
