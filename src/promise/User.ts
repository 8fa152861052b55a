/**
 * A user in the entry point for promises, with the names and shapes of `realm-web` 2.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeysApi } from "../client/ApiKeysApi.ts"
import { FunctionsApi } from "../client/FunctionsApi.ts"
import * as Logins from "../client/internal/logins.ts"
import { ProfileApi } from "../client/ProfileApi.ts"
import { ProtocolClient } from "../client/ProtocolClient.ts"
import { PushApi } from "../client/PushApi.ts"
import { Sessions } from "../client/Sessions.ts"
import { UserEvents } from "../client/UserEvents.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import { accessTokenClaims, noDeviceId } from "../protocol/internal/token.ts"
import * as OAuth from "../web/internal/oauthFlow.ts"
import type { App } from "./App.ts"
import type { ApiKeyAuth } from "./Auth.ts"
import type { Credentials } from "./Credentials.ts"
import { argument } from "./internal/arguments.ts"
import { redirectOf, toInternal } from "./internal/credentials.ts"
import { mongoClient } from "./internal/mongo.ts"
import { streamedBytes } from "./internal/streamedBytes.ts"
import type { Runtime } from "./internal/runtime.ts"
import type { MongoDB, Push } from "./Services.ts"

/**
 * The state of a user.
 *
 * @category models
 * @since 0.1.0
 */
export const UserState = {
  /** Logged in. */
  Active: "active",
  /** Logged out, and still known. */
  LoggedOut: "logged-out",
  /** Not known any more. */
  Removed: "removed"
} as const

/**
 * The state of a user.
 *
 * @category models
 * @since 0.1.0
 */
export type UserState = (typeof UserState)[keyof typeof UserState]

/**
 * The type of a user.
 *
 * @category models
 * @since 0.1.0
 */
export const UserType = {
  /** A person. */
  Normal: "normal",
  /** A server, by an API key of the application. */
  Server: "server"
} as const

/**
 * The type of a user.
 *
 * @category models
 * @since 0.1.0
 */
export type UserType = (typeof UserType)[keyof typeof UserType]

/**
 * The application's functions as methods, of whatever types.
 *
 * @category models
 * @since 0.1.0
 */
export type DefaultFunctionsFactory = {
  // oxlint-disable-next-line typescript/no-explicit-any -- as in realm-web: code that compiled with it compiles here
  [name: string]: (...args: Array<any>) => Promise<any>
}

/**
 * What the functions of every application have.
 *
 * @category models
 * @since 0.1.0
 */
export interface BaseFunctionsFactory {
  /** Calls a function by name. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as in realm-web: code that compiled with it compiles here
  readonly callFunction: <ReturnType = any>(name: string, ...args: Array<unknown>) => Promise<ReturnType>
  /** Calls a function that answers with a stream of events, and returns the bytes of the stream. */
  readonly callFunctionStreaming: (name: string, ...args: Array<unknown>) => Promise<AsyncIterable<Uint8Array>>
}

/**
 * Profile data.
 *
 * @category models
 * @since 0.1.0
 */
export interface DefaultUserProfileData {
  name?: string
  email?: string
  pictureUrl?: string
  firstName?: string
  lastName?: string
  gender?: string
  birthday?: string
  minAge?: string
  maxAge?: string
  [field: string]: unknown
}

/**
 * One way a user can log in.
 *
 * @category models
 * @since 0.1.0
 */
export interface UserIdentity {
  readonly id: string
  readonly providerType: string
}

type SimpleObject = Record<string, unknown>

/**
 * A user of an application. Reads are synchronous and send nothing.
 *
 * @category models
 * @since 0.1.0
 */
export class User<
  FunctionsFactoryType = DefaultFunctionsFactory,
  CustomDataType = SimpleObject,
  UserProfileDataType = DefaultUserProfileData
> {
  readonly app: App<FunctionsFactoryType, CustomDataType>
  readonly id: string
  /** The application's functions as methods. */
  readonly functions: FunctionsFactoryType & BaseFunctionsFactory
  /** The provider that the user logged in with first. */
  readonly providerType: ProviderType
  readonly apiKeys: ApiKeyAuth
  /** A function, like that of `App`: an object would be replaced by a proxy. */
  private readonly runtime: () => Runtime

  /** @internal */
  constructor(app: App<FunctionsFactoryType, CustomDataType>, runtime: Runtime, id: string) {
    this.app = app
    this.id = id
    this.runtime = () => runtime
    this.providerType = runtime.store.read(id)?.providerType ?? "anon-user"
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller says which functions there are
    this.functions = functions({
      callFunction: (name, ...args) => this.callFunction(name, ...args),
      callFunctionStreaming: (name, ...args) => streamedBytes(runtime, id, name, args)
    }) as FunctionsFactoryType & BaseFunctionsFactory
    this.apiKeys = apiKeys(runtime, id)
  }

  /** The access token as stored, perhaps expired; `null` while logged out. Calls renew it themselves. */
  get accessToken(): string | null {
    return this.runtime().store.token(this.id, "accessToken")
  }
  set accessToken(token: string | null) {
    this.runtime().store.setToken(this.id, "accessToken", token)
  }

  /**
   * The name that the tests of `realm-web` assign to.
   *
   * @internal
   */
  set _accessToken(token: string | null) {
    this.accessToken = token
  }

  /** The refresh token; `null` while logged out. */
  get refreshToken(): string | null {
    return this.runtime().store.token(this.id, "refreshToken")
  }
  set refreshToken(token: string | null) {
    this.runtime().store.setToken(this.id, "refreshToken", token)
  }

  get state(): UserState {
    const user = this.runtime().store.read(this.id)
    if (user === undefined) return UserState.Removed
    return user.session === undefined ? UserState.LoggedOut : UserState.Active
  }

  get isLoggedIn(): boolean {
    return this.state === UserState.Active
  }

  /** The custom user data in the access token, as plain JSON. Throws while logged out. */
  get customData(): CustomDataType {
    const claims = this.claims()
    if (claims === undefined) throw new Error("Cannot read custom data without an access token")
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller says which data there are
    return (claims.user_data ?? {}) as CustomDataType
  }

  private claims() {
    const token = this.accessToken
    return token === null
      ? undefined
      : Option.getOrUndefined(Effect.runSync(Effect.option(accessTokenClaims(Redacted.make(token)))))
  }

  /** The profile as fetched by the login or by `refreshProfile`. Throws if it was never fetched. */
  get profile(): UserProfileDataType {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller says which data there are
    return this.fetched().data as UserProfileDataType
  }

  /** The ways this user can log in, as of the profile. Throws if it was never fetched. */
  get identities(): Array<UserIdentity> {
    return this.fetched().identities.map(({ id, providerType }) => ({ id, providerType }))
  }

  private fetched() {
    const profile = this.runtime().store.read(this.id)?.profile
    if (profile === undefined) throw new Error("A profile was never fetched for this user")
    return profile
  }

  /** The id that the host gave this device; `null` if it gave none. */
  get deviceId(): string | null {
    const id = this.claims()?.baas_device_id
    return id === undefined || id === noDeviceId ? null : id
  }

  async refreshProfile(): Promise<void> {
    await this.runtime().run(ProfileApi.use((profiles) => profiles.refresh(this.id)))
  }

  /** Ends the session, here and at the host. */
  logOut(): Promise<void> {
    const { run, store } = this.runtime()
    return run(
      store.keeping(
        this.id,
        Sessions.use((sessions) => sessions.end("User.logOut", this.id, "log out"))
      )
    )
  }

  /** Adds a way to log in; credentials with a redirect URL open a window. */
  linkCredentials(credentials: Credentials): Promise<void> {
    const { logins, run } = this.runtime()
    const login = redirectOf(credentials)
    return run(
      ProtocolClient.use((client) =>
        login === undefined
          ? Logins.linkCredentials(client, logins, this.id, toInternal(credentials))
          : Effect.asVoid(OAuth.popup(client, logins, login, this.id))
      )
    )
  }

  /** Fetches a new access token, however valid the present one is. */
  async refreshAccessToken(): Promise<void> {
    await this.runtime().run(Sessions.use((sessions) => sessions.refresh("User.refreshAccessToken", this.id)))
  }

  /** Fetches a new access token and returns the custom user data in it. */
  async refreshCustomData(): Promise<CustomDataType> {
    await this.refreshAccessToken()
    return this.customData
  }

  /** Adds a callback for every change of this user, also by another tab: of its session, its profile, its custom data. */
  addListener(callback: () => void): void {
    this.runtime().listen(this.id, callback)
  }

  removeListener(callback: () => void): void {
    this.runtime().unlisten(this.id, callback)
  }

  removeAllListeners(): void {
    this.runtime().runSync(UserEvents.useSync((events) => events.removeAllListeners(this.id)))
  }

  /** Calls a function by name. The result of one that returns nothing is `null`. */
  async callFunction<ReturnType = unknown>(name: string, ...args: Array<unknown>): Promise<ReturnType> {
    const called = await this.runtime().run(
      FunctionsApi.use((functions) => functions.call(this.id, name, args.map(argument)))
    )
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller says what the function returns
    return (called === undefined ? null : called) as ReturnType
  }

  /** A push service of the application, such as `gcm`. */
  push(serviceName: string): Push {
    const { run } = this.runtime()
    const client = PushApi.useSync((push) => push.client(this.id, serviceName))
    return {
      register: (token) => run(Effect.flatMap(client, (push) => push.register(token))),
      deregister: () => run(Effect.flatMap(client, (push) => push.deregister))
    }
  }

  /** A data source of the application, such as `mongodb-atlas`. */
  mongoClient(serviceName = "mongo-db"): MongoDB {
    return mongoClient(this.runtime(), this.id, serviceName)
  }

  /** Shows no token, unlike that of `realm-web`. */
  toJSON(): Record<string, unknown> {
    const { id, state } = this
    const claims = this.claims()
    const customData = claims && (claims.user_data ?? {})
    return { id, profile: this.runtime().store.read(id)?.profile, state, customData }
  }
}

/** Names that are not functions of the application, as in `realm-web`. */
const reserved = new Set(["inspect", "then", "toJSON"])

const functions = (base: BaseFunctionsFactory) =>
  new Proxy(base, {
    get: (target, name) =>
      typeof name === "symbol" || reserved.has(name) || name in target
        ? Reflect.get(target, name)
        : (...args: Array<unknown>) => base.callFunction(name, ...args)
  })

const apiKeys = ({ run }: Runtime, userId: string): ApiKeyAuth => {
  const keys = ApiKeysApi.useSync((api) => api.forUser(userId))
  const plain = ({ disabled, id, name }: { id: string; name: string; disabled: boolean }) => ({
    _id: id,
    name,
    disabled
  })
  return {
    create: async (name) => {
      const created = await run(Effect.flatMap(keys, (api) => api.create(name)))
      return { ...plain(created), key: Redacted.value(created.key) }
    },
    fetch: async (id) => plain(await run(Effect.flatMap(keys, (api) => api.fetch(id)))),
    fetchAll: async () => (await run(Effect.flatMap(keys, (api) => api.fetchAll))).map(plain),
    delete: (id) => run(Effect.flatMap(keys, (api) => api.delete(id))),
    enable: (id) => run(Effect.flatMap(keys, (api) => api.enable(id))),
    disable: (id) => run(Effect.flatMap(keys, (api) => api.disable(id)))
  }
}
