/**
 * An application in the entry point for promises, with the names and shapes of `realm-web` 2.
 *
 * @since 0.1.0
 */
import { EmailPasswordApi } from "../client/EmailPasswordApi.ts"
import * as Logins from "../client/internal/logins.ts"
import { ProfileApi } from "../client/ProfileApi.ts"
import { ProtocolClient } from "../client/ProtocolClient.ts"
import { Sessions } from "../client/Sessions.ts"
import { UserEvents } from "../client/UserEvents.ts"
import { defaultStorage } from "../web/WebStorage.ts"
import type { Storage } from "../web/WebStorage.ts"
import * as OAuth from "../web/internal/oauthFlow.ts"
import type { EmailPasswordAuth } from "./Auth.ts"
import { Credentials } from "./Credentials.ts"
import { nulls } from "./internal/arguments.ts"
import { redirectOf, toInternal } from "./internal/credentials.ts"
import * as Runtime from "./internal/runtime.ts"
import { User } from "./User.ts"
import type { DefaultFunctionsFactory } from "./User.ts"

/**
 * How to reach an application.
 *
 * @category options
 * @since 0.1.0
 */
export interface AppConfiguration {
  /** The client app id, such as `myapp-abcde`. */
  id: string
  /**
   * The http or https URL of the host.
   *
   * @default the URL that is given to {@link setDefaultBaseUrl} before the first request
   */
  baseUrl?: string
  /** @default the global `fetch` */
  fetch?: (url: string, init?: RequestInit) => Promise<Response>
  /**
   * Where sessions are kept.
   *
   * @default in a page `localStorage`, elsewhere memory
   */
  storage?: Storage
  /**
   * Use the base URL for every request instead of asking the host where the application lives.
   *
   * @default false
   */
  skipLocationRequest?: boolean
  /** Name and version of the program. Accepted, as by `realm-web`; they have no effect. */
  app?: { name?: string; version?: string }
  /**
   * How long one request may take, in milliseconds.
   *
   * @default 60_000
   */
  timeout?: number
}

/**
 * What applications share that are constructed without options of their own.
 *
 * @category options
 * @since 0.1.0
 */
export interface Environment {
  /** Where sessions are kept: in a page `localStorage`, elsewhere memory. */
  defaultStorage: Storage
}

let environment: Environment | undefined

/**
 * What applications share that are constructed without options of their own.
 *
 * @category options
 * @since 0.1.0
 */
export const getEnvironment = (): Environment => (environment ??= { defaultStorage: defaultStorage() })

/**
 * Replaces what applications share; those that exist keep what they have.
 *
 * @category options
 * @since 0.1.0
 */
export const setEnvironment = (next: Environment): void => {
  environment = next
}

let defaultBaseUrl: string | undefined

/**
 * Sets the host of applications that are constructed without `baseUrl`, and of those of {@link getApp}. Call it before they send
 * a request. There is no other default: that of `realm-web` was switched off on 2025-09-30.
 *
 * @category options
 * @since 0.1.0
 */
export const setDefaultBaseUrl = (baseUrl: string): void => {
  defaultBaseUrl = baseUrl
}

const theDefaultBaseUrl = (): string => {
  if (defaultBaseUrl !== undefined) return defaultBaseUrl
  throw new Error(
    "baseUrl is missing: pass { id, baseUrl }, or call setDefaultBaseUrl; the hosted service no longer exists"
  )
}

type SimpleObject = Record<string, unknown>

/**
 * An application and its users.
 *
 * @example
 * ```ts
 * import * as Realm from "effect-app-services/promise"
 *
 * const app = new Realm.App({ id: "shop-abcde", baseUrl: "http://127.0.0.1:9090" })
 *
 * const greet = async () => {
 *   const user = await app.logIn(Realm.Credentials.anonymous())
 *   return user.functions["greet"]?.("Ada")
 * }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export class App<FunctionsFactoryType = DefaultFunctionsFactory, CustomDataType = SimpleObject> {
  /** The application with this id, the same object each time. Its host is that of {@link setDefaultBaseUrl}. */
  static getApp(id: string): App {
    const app = apps.get(id) ?? new App(id)
    apps.set(id, app)
    return app
  }

  static readonly Credentials = Credentials

  readonly id: string
  /** The accounts with e-mail address and password. */
  readonly emailPasswordAuth: EmailPasswordAuth
  /**
   * A function, because a framework that observes an object, such as Vue, puts proxies around its members, and calls its methods
   * on a proxy, which has no private names.
   */
  private readonly own: () => {
    readonly runtime: Runtime.Runtime
    readonly users: Map<string, User<FunctionsFactoryType, CustomDataType>>
  }

  constructor(idOrConfiguration: string | AppConfiguration) {
    const configuration = typeof idOrConfiguration === "string" ? { id: idOrConfiguration } : idOrConfiguration
    if (typeof configuration?.id !== "string") throw new Error("Missing an Atlas App Services app-id")
    const { baseUrl, fetch, id, skipLocationRequest, storage, timeout }: AppConfiguration = configuration
    this.id = id
    const runtime = Runtime.make({
      id,
      baseUrl: baseUrl ?? defaultBaseUrl ?? theDefaultBaseUrl,
      storage: storage ?? getEnvironment().defaultStorage,
      fetch,
      skipLocationRequest,
      timeout
    })
    const own = { runtime, users: new Map<string, User<FunctionsFactoryType, CustomDataType>>() }
    this.own = () => own
    this.emailPasswordAuth = accounts(runtime)
  }

  private user(id: string): User<FunctionsFactoryType, CustomDataType> {
    const { runtime, users } = this.own()
    const user = users.get(id) ?? new User<FunctionsFactoryType, CustomDataType>(this, runtime, id)
    users.set(id, user)
    return user
  }

  /**
   * Logs a user in and makes it the current one. Rejects with a `MongoDBRealmError` if the host refuses.
   *
   * @param fetchProfile whether to fetch the profile too; `user.profile` throws until it was fetched
   */
  async logIn(credentials: Credentials, fetchProfile = true): Promise<User<FunctionsFactoryType, CustomDataType>> {
    const { logins, run } = this.own().runtime
    const login = redirectOf(credentials)
    const id = await run(
      ProtocolClient.use((client) =>
        login === undefined ? Logins.logIn(client, logins, toInternal(credentials)) : OAuth.popup(client, logins, login)
      )
    )
    if (fetchProfile) await run(ProfileApi.use((profiles) => profiles.refresh(id)))
    return this.user(id)
  }

  /** The user that logged in, or was switched to, last; `null` if no user is logged in. */
  get currentUser(): User<FunctionsFactoryType, CustomDataType> | null {
    const { store } = this.own().runtime
    const current = store.userIds().find((id) => store.read(id)?.session !== undefined)
    return current === undefined ? null : this.user(current)
  }

  /** All users by id, logged-out ones included, the most recent first. */
  get allUsers(): Readonly<Record<string, User<FunctionsFactoryType, CustomDataType>>> {
    return Object.fromEntries(
      this.own()
        .runtime.store.userIds()
        .map((id) => [id, this.user(id)])
    )
  }

  /** Makes a user the current one. Throws if the application does not know it. */
  switchUser(nextUser: User<FunctionsFactoryType, CustomDataType>): void {
    const { logins, runSync } = this.known(nextUser).runtime
    if (nextUser.isLoggedIn) runSync(Logins.makeCurrent(logins, "App.switchUser", nextUser.id))
  }

  /** Logs a user out and forgets it. The account stays at the host. */
  async removeUser(user: User<FunctionsFactoryType, CustomDataType>): Promise<void> {
    const { runtime, users } = this.known(user)
    await runtime.run(Sessions.use((sessions) => sessions.end("App.removeUser", user.id, "remove")))
    users.delete(user.id)
  }

  /** Deletes the account of a user, even if another one is the current user, and forgets the user. */
  async deleteUser(user: User<FunctionsFactoryType, CustomDataType>): Promise<void> {
    const { runtime, users } = this.known(user)
    const { logins, run } = runtime
    await run(ProtocolClient.use((client) => Logins.deleteUser(client, logins, user.id)))
    users.delete(user.id)
  }

  private known(user: User<FunctionsFactoryType, CustomDataType> | null) {
    const own = this.own()
    if (!user || own.runtime.store.read(user.id) === undefined) {
      throw new Error("The user was never logged into this app")
    }
    return own
  }

  /** Adds a callback for every change of any user, also by another tab. */
  addListener(callback: () => void): void {
    this.own().runtime.listen(undefined, callback)
  }

  removeListener(callback: () => void): void {
    this.own().runtime.unlisten(undefined, callback)
  }

  removeAllListeners(): void {
    this.own().runtime.runSync(UserEvents.useSync((events) => events.removeAllListeners(undefined)))
  }

  /** The URL of the host of the application. */
  get locationUrl(): Promise<string> {
    return this.own().runtime.run(ProtocolClient.use((client) => client.host))
  }
}

const apps = new Map<string, App>()

const accounts = ({ run }: Runtime.Runtime): EmailPasswordAuth => ({
  registerUser: (details) => run(EmailPasswordApi.use((api) => api.registerUser(details))),
  confirmUser: (details) => run(EmailPasswordApi.use((api) => api.confirmUser(details))),
  resendConfirmationEmail: (details) => run(EmailPasswordApi.use((api) => api.resendConfirmationEmail(details))),
  retryCustomConfirmation: (details) => run(EmailPasswordApi.use((api) => api.retryCustomConfirmation(details))),
  resetPassword: (details) => run(EmailPasswordApi.use((api) => api.resetPassword(details))),
  sendResetPasswordEmail: (details) => run(EmailPasswordApi.use((api) => api.sendResetPasswordEmail(details))),
  callResetPasswordFunction: (details, ...args) =>
    run(EmailPasswordApi.use((api) => api.callResetPasswordFunction(details, ...args.map(nulls))))
})

/**
 * The application with this id, the same object each time. Its host is that of {@link setDefaultBaseUrl}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const getApp = (id: string): App => App.getApp(id)

/**
 * Reports a login by redirect to the page that opened this window, which then closes it. Call it in the page at
 * `redirectUrl`.
 *
 * @example
 * ```ts
 * import * as Realm from "effect-app-services/promise"
 *
 * // in the page with the button: a browser blocks a window that opens later than the click
 * export const onClick = (app: Realm.App) =>
 *   app.logIn(Realm.Credentials.google({ redirectUrl: "http://127.0.0.1:3000/signed-in" }))
 *
 * // in the page at http://127.0.0.1:3000/signed-in
 * export const onStart = () => Realm.handleAuthRedirect()
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const handleAuthRedirect = (): void => {
  OAuth.handleRedirect()
}
