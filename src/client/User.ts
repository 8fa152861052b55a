/**
 * A handle of one user: the services of the SDK, bound to a user id. It holds no tokens and costs nothing to make; handles
 * of the same user are interchangeable.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Ejson from "../protocol/Ejson.ts"
import type * as FunctionContract from "../protocol/FunctionContract.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import { accessTokenClaims } from "../protocol/internal/token.ts"
import type { ApiKeysApi, UserApiKeys } from "./ApiKeysApi.ts"
import { AppServicesError, InvalidResponse, UnexpectedValue } from "./AppServicesError.ts"
import type { Credentials } from "./Credentials.ts"
import { functions, typedFunctions } from "./FunctionsApi.ts"
import type { CallOptions, Functions, FunctionsApi, TypedFunctions } from "./FunctionsApi.ts"
import type { FunctionStreams } from "./FunctionStreams.ts"
import { fromStore, getUser } from "./internal/users.ts"
import type { MongoDb } from "./MongoDb.ts"
import type { MongoClient } from "./MongoDbTypes.ts"
import type { Identity, Profile } from "./Profile.ts"
import type { ProfileApi } from "./ProfileApi.ts"
import type { PushApi, PushClient } from "./PushApi.ts"
import type { Sessions } from "./Sessions.ts"
import type { AppTokens } from "./TokenStore.ts"
import type { Listener, UserEvent, UserEvents } from "./UserEvents.ts"
import { isLoggedIn } from "./UserState.ts"
import type { UserState } from "./UserState.ts"

/**
 * The id of a user, unique within an application.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UserId = Schema.NonEmptyString.pipe(Schema.brand("UserId"))

/**
 * The id of a user, unique within an application.
 *
 * @category models
 * @since 0.1.0
 */
export type UserId = typeof UserId.Type

/**
 * Custom user data: a document that the application keeps for a user, with BSON values as `bson` classes.
 *
 * @category models
 * @since 0.1.0
 */
export type CustomData = { readonly [field: string]: unknown }

/**
 * A user of the application. Reads without arguments are effects, not functions.
 *
 * What needs a session fails with `UnknownUser` or `NotLoggedIn` without one, and with `SessionExpired` or `UserDisabled` if
 * the host has ended it. Every member fails with `StoreUnavailable` when the token store does.
 *
 * @example
 * ```ts
 * import { AuthApi } from "effect-app-services"
 * import { Effect } from "effect"
 *
 * const greeting = Effect.fn("greeting")(function*(userId: string) {
 *   const auth = yield* AuthApi
 *   const user = yield* auth.user(userId)
 *   const { email } = yield* user.profile
 *   return `Hello ${email ?? user.id}, you have ${yield* user.functions.countOrders()} orders`
 * })
 * ```
 *
 * @see `AuthApi` for where users come from
 *
 * @category models
 * @since 0.1.0
 */
export interface User {
  readonly id: UserId
  /**
   * An access token that is valid now, refreshed if need be; `none` while logged out.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect, Option, Redacted } from "effect"
   *
   * const authorization = (user: User) =>
   *   Effect.map(user.accessToken, Option.map((token) => `Bearer ${Redacted.value(token)}`))
   * ```
   */
  readonly accessToken: Effect.Effect<Option.Option<Redacted.Redacted>, AppServicesError>
  /** The refresh token; `none` while logged out. */
  readonly refreshToken: Effect.Effect<Option.Option<Redacted.Redacted>, AppServicesError>
  /** The id that the host gave the device this user logged in on; `none` if it gave none, or the all-zero id. */
  readonly deviceId: Effect.Effect<Option.Option<string>, AppServicesError>
  /**
   * The provider that the user logged in with first. Fails with `UnknownUser`.
   *
   * @deprecated A user can have several: see `identities`.
   */
  readonly providerType: Effect.Effect<ProviderType, AppServicesError>
  /**
   * Whether the token store has a session of the user. The host may have ended it: see `AuthApi.loggedInUser`.
   */
  readonly isLoggedIn: Effect.Effect<boolean, AppServicesError>
  /** The present state: logged in, refreshing, stale, logged out or removed. Sends nothing. */
  readonly state: Effect.Effect<UserState, AppServicesError>
  /**
   * The present state, then each change.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect, Stream } from "effect"
   *
   * const watch = (user: User) => Stream.runForEach(user.states, (state) => Effect.log(user.id, state._tag))
   * ```
   */
  readonly states: Stream.Stream<UserState, AppServicesError>
  /**
   * Refreshes the session ahead of expiry until the scope closes or the session ends. Without it a session is refreshed
   * when it is used, and costs no timer.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect } from "effect"
   *
   * const worker = (user: User) =>
   *   Effect.gen(function*() {
   *     yield* user.keepAlive
   *     yield* Effect.forever(Effect.andThen(user.functions.poll(), Effect.sleep("1 minute")))
   *   }).pipe(Effect.scoped)
   * ```
   */
  readonly keepAlive: Effect.Effect<void, AppServicesError, Scope.Scope>
  /** The events of this user, from the moment the stream runs; see `UserEvents` for what is delivered. */
  readonly events: Stream.Stream<UserEvent>
  /**
   * Adds a callback for the events of this user, shared by all handles of the user; adding it again changes nothing.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   *
   * const promptLogin = (user: User) =>
   *   user.addListener((event) => {
   *     if (event._tag === "SessionExpired") console.log("please log in again", event.error.message)
   *   })
   * ```
   */
  readonly addListener: (listener: Listener) => void
  /** Removes a callback for the events of this user. */
  readonly removeListener: (listener: Listener) => void
  /** Removes all callbacks for the events of this user; those for all users stay. */
  readonly removeAllListeners: () => void
  /**
   * The ways this user can log in, in the order they were added. Fetched once, then kept until the session ends. Needs a
   * session.
   */
  readonly identities: Effect.Effect<ReadonlyArray<Identity>, AppServicesError>
  /**
   * Profile data. Fetched once, then kept until the session ends; `refreshProfile` fetches it again. Needs a session.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect } from "effect"
   *
   * const name = (user: User) => Effect.map(user.profile, ({ email, firstName }) => firstName ?? email ?? user.id)
   * ```
   */
  readonly profile: Effect.Effect<Profile, AppServicesError>
  /** Fetches the profile, so that the host is asked whether the session is still valid. Needs a session. */
  readonly refreshProfile: Effect.Effect<Profile, AppServicesError>
  /**
   * Custom user data as of the present access token, which is refreshed if it has expired; an empty document if the
   * application has none for the user. Needs a session.
   */
  readonly customData: Effect.Effect<CustomData, AppServicesError>
  /** Fetches a new access token and returns the custom user data in it. Needs a session. */
  readonly refreshCustomData: Effect.Effect<CustomData, AppServicesError>
  /**
   * Custom user data, decoded by a schema. Fails with `UnexpectedValue` if it does not match. Needs a session.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect, Schema } from "effect"
   *
   * const Preferences = Schema.Struct({ theme: Schema.Literals(["dark", "light"]) })
   * const theme = (user: User) => Effect.map(user.customDataAs(Preferences), ({ theme }) => theme)
   * ```
   */
  readonly customDataAs: <S extends Schema.Constraint>(
    schema: S
  ) => Effect.Effect<S["Type"], AppServicesError, S["DecodingServices"]>
  /**
   * Adds an identity: the credentials log the same user in from then on. Credentials that are wrong, unconfirmed or another
   * user's fail with `LinkRefused`; the session goes on. Needs a session.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Credentials } from "effect-app-services"
   * import { Effect } from "effect"
   *
   * const addAccount = (user: User, email: string, password: string) =>
   *   user.linkCredentials(Credentials.emailPassword({ email, password })).pipe(
   *     Effect.catchReason("AppServicesError", "LinkRefused", () => Effect.log("this account belongs to another user"))
   *   )
   * ```
   */
  readonly linkCredentials: (credentials: Credentials) => Effect.Effect<void, AppServicesError>
  /** The user's API keys. Needs a session. */
  readonly apiKeys: UserApiKeys
  /**
   * A push service of the application, such as `gcm`. Needs a session.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   *
   * const register = (user: User, deviceToken: string) => user.push("gcm").register(deviceToken)
   * ```
   */
  readonly push: (serviceName: string) => PushClient
  /**
   * The application's functions as methods; see `FunctionsApi` for how a call fails. Needs a session.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect } from "effect"
   *
   * const total = (user: User) => Effect.map(user.functions.sum(20, 22), (sum) => `total: ${sum}`)
   * ```
   */
  readonly functions: Functions
  /** The application's functions, called with options: a timeout, retries, or a service instead of functions. */
  readonly functionsWith: (options: CallOptions) => Functions
  /**
   * The functions of a contract, typed: arguments are encoded and results decoded by its schemas, and declared failures are
   * failures of the method. Fails with `InvalidArguments` or `UnexpectedValue` where a value does not match its schema.
   *
   * @see `FunctionContract.make`
   */
  readonly functionsOf: <Definitions extends Record<string, FunctionContract.Definition>>(
    contract: FunctionContract.FunctionContract<Definitions>,
    options?: CallOptions
  ) => TypedFunctions<Definitions>
  /** Calls a function by name: for names that cannot be property names of `functions`. */
  readonly callFunction: (name: string, ...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AppServicesError>
  /**
   * Calls a function that answers with a stream of events, when the stream runs.
   *
   * @see `FunctionStreams.decoded` for typed events, `FunctionStreams` for reconnecting
   */
  readonly callFunctionStreaming: (
    name: string,
    ...args: ReadonlyArray<unknown>
  ) => Stream.Stream<unknown, AppServicesError>
  /** A data source of the application, such as `"mongodb-atlas"`. */
  readonly mongoClient: (serviceName: string) => MongoClient
  /**
   * Ends the session, here first and then at the host; an anonymous user is removed. If the host cannot be reached, it fails
   * with `TransportError` or `RequestTimeout`, and the user is logged out here nevertheless.
   *
   * @example
   * ```ts
   * import type { User } from "effect-app-services"
   * import { Effect } from "effect"
   *
   * // offline it logs out here; the session at the host expires by itself
   * const leave = (user: User) => Effect.catchReason(user.logOut, "AppServicesError", "TransportError", () => Effect.void)
   * ```
   */
  readonly logOut: Effect.Effect<void, AppServicesError>
}

/** @internal */
export interface UserServices {
  readonly tokens: AppTokens
  readonly sessions: Sessions["Service"]
  readonly events: UserEvents["Service"]
  readonly functions: FunctionsApi["Service"]
  readonly streams: FunctionStreams["Service"]
  readonly mongoDb: MongoDb["Service"]
  readonly profiles: ProfileApi["Service"]
  readonly apiKeys: ApiKeysApi["Service"]
  readonly push: PushApi["Service"]
  readonly link: (userId: string, credentials: Credentials) => Effect.Effect<void, AppServicesError>
}

/** @internal */
export class UserHandle implements User {
  readonly id: UserId
  readonly #services: UserServices

  constructor(services: UserServices, id: string) {
    this.id = UserId.make(id)
    this.#services = services
  }

  /** The stored user, or `UnknownUser`. */
  #stored(member: string) {
    return getUser(this.#services.tokens, `User.${member}`, this.id)
  }

  get accessToken() {
    const operation = "User.accessToken"
    return this.#services.sessions.accessToken(operation, this.id).pipe(
      Effect.map(Option.some),
      Effect.catchReasons("AppServicesError", {
        NotLoggedIn: () => Effect.succeedNone,
        UnknownUser: () => Effect.succeedNone
      })
    )
  }

  get refreshToken() {
    return Effect.map(
      this.#find("refreshToken"),
      Option.flatMap((user) => Option.fromUndefinedOr(user.session?.refreshToken))
    )
  }

  #find(member: string) {
    return fromStore(`User.${member}`)(this.#services.tokens.get(this.id))
  }

  get deviceId() {
    return Effect.map(
      this.#find("deviceId"),
      Option.flatMap((user) => Option.fromUndefinedOr(user.deviceId))
    )
  }

  get providerType() {
    return Effect.map(this.#stored("providerType"), (user) => user.providerType)
  }

  get state() {
    return this.#services.sessions.state("User.state", this.id)
  }

  get isLoggedIn() {
    return Effect.map(this.state, isLoggedIn)
  }

  get states() {
    return this.#services.sessions.states("User.states", this.id)
  }

  get keepAlive() {
    return this.#services.sessions.keepAlive("User.keepAlive", this.id)
  }

  get events() {
    return this.#services.events.stream(this.id)
  }

  addListener(listener: Listener) {
    this.#services.events.addListener(this.id, listener)
  }

  removeListener(listener: Listener) {
    this.#services.events.removeListener(this.id, listener)
  }

  removeAllListeners() {
    this.#services.events.removeAllListeners(this.id)
  }

  get identities() {
    return Effect.map(this.#services.profiles.get(this.id), (profile) => profile.identities)
  }

  get profile() {
    return Effect.map(this.#services.profiles.get(this.id), (profile) => profile.data)
  }

  get refreshProfile() {
    return Effect.map(this.#services.profiles.refresh(this.id), (profile) => profile.data)
  }

  get customData() {
    const operation = "User.customData"
    return Effect.flatMap(this.#services.sessions.accessToken(operation, this.id), (token) =>
      customDataOf(operation, token)
    )
  }

  get refreshCustomData() {
    const operation = "User.refreshCustomData"
    return Effect.flatMap(this.#services.sessions.refresh(operation, this.id), (session) =>
      customDataOf(operation, session.accessToken)
    )
  }

  customDataAs<S extends Schema.Constraint>(schema: S) {
    return Effect.flatMap(this.customData, (data) =>
      Effect.mapError(
        Schema.decodeUnknownEffect(schema)(data),
        (error) =>
          new AppServicesError({
            operation: "User.customDataAs",
            reason: new UnexpectedValue({ problem: error.message })
          })
      )
    )
  }

  get functions() {
    return functions((name, args) => this.#services.functions.call(this.id, name, args))
  }

  functionsWith(options: CallOptions) {
    return functions((name, args) => this.#services.functions.call(this.id, name, args, options))
  }

  functionsOf<Definitions extends Record<string, FunctionContract.Definition>>(
    contract: FunctionContract.FunctionContract<Definitions>,
    options?: CallOptions
  ) {
    return typedFunctions(contract, (name, args) => this.#services.functions.call(this.id, name, args, options))
  }

  linkCredentials(credentials: Credentials) {
    return this.#services.link(this.id, credentials)
  }

  get apiKeys() {
    return this.#services.apiKeys.forUser(this.id)
  }

  push(serviceName: string) {
    return this.#services.push.client(this.id, serviceName)
  }

  callFunction(name: string, ...args: ReadonlyArray<unknown>) {
    return this.#services.functions.call(this.id, name, args)
  }

  callFunctionStreaming(name: string, ...args: ReadonlyArray<unknown>) {
    return this.#services.streams.stream(this.id, name, args)
  }

  mongoClient(serviceName: string) {
    return this.#services.mongoDb.client(this.id, serviceName)
  }

  get logOut() {
    return this.#services.sessions.end("User.logOut", this.id, "log out")
  }

  /** Logs and `JSON.stringify` show the id, and no secret. */
  toJSON(): unknown {
    return { _id: "User", id: this.id }
  }
}

const customDataOf = Effect.fnUntraced(function* (
  operation: string,
  token: Redacted.Redacted
): Effect.fn.Return<CustomData, AppServicesError> {
  const invalid = (problem: string) =>
    new AppServicesError({ operation, reason: new InvalidResponse({ status: 200, problem }) })
  const { user_data } = yield* Effect.mapError(accessTokenClaims(token), (error) => invalid(error.message))
  const data = Ejson.fromJson(user_data ?? {})
  return Result.isSuccess(data) && Predicate.isObject(data.success)
    ? data.success
    : yield* invalid('invalid "user_data" of the access token: expected an Extended JSON document')
})
