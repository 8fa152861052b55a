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
   * @default the URL that was given to {@link setDefaultBaseUrl}
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
  /**
   * How long one request may take, in milliseconds.
   *
   * @default 60_000
   */
  timeout?: number
}

let defaultBaseUrl: string | undefined

/**
 * Sets the host of applications that are constructed without `baseUrl`, and of those of {@link getApp}. Call it before them.
 * There is no other default: that of `realm-web` was switched off on 2025-09-30.
 *
 * @category options
 * @since 0.1.0
 */
export const setDefaultBaseUrl = (baseUrl: string): void => {
  defaultBaseUrl = baseUrl
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
  static readonly #apps = new Map<string, App>()

  /** The application with this id, the same object each time. Needs {@link setDefaultBaseUrl}. */
  static getApp(id: string): App {
    const present = App.#apps.get(id)
    if (present !== undefined) return present
    const app = new App(id)
    App.#apps.set(id, app)
    return app
  }

  static readonly Credentials = Credentials

  readonly id: string
  /** The accounts with e-mail address and password. */
  readonly emailPasswordAuth: EmailPasswordAuth
  readonly #runtime: Runtime.Runtime
  readonly #users = new Map<string, User<FunctionsFactoryType, CustomDataType>>()

  constructor(idOrConfiguration: string | AppConfiguration) {
    const configuration = typeof idOrConfiguration === "string" ? { id: idOrConfiguration } : idOrConfiguration
    const { baseUrl = defaultBaseUrl, fetch, id, skipLocationRequest, storage, timeout } = configuration
    if (typeof id !== "string") throw new Error("Missing an Atlas App Services app-id")
    if (baseUrl === undefined) {
      throw new Error(
        "baseUrl is missing: pass { id, baseUrl }, or call setDefaultBaseUrl first; the hosted service no longer exists"
      )
    }
    this.id = id
    this.#runtime = Runtime.make({
      id,
      baseUrl,
      storage: storage ?? defaultStorage(),
      fetch,
      skipLocationRequest,
      timeout
    })
    this.emailPasswordAuth = accounts(this.#runtime)
  }

  #user(id: string): User<FunctionsFactoryType, CustomDataType> {
    const present = this.#users.get(id)
    if (present !== undefined) return present
    const user = new User<FunctionsFactoryType, CustomDataType>(this, this.#runtime, id)
    this.#users.set(id, user)
    return user
  }

  /**
   * Logs a user in and makes it the current one. Rejects with a `MongoDBRealmError` if the host refuses.
   *
   * @param fetchProfile whether to fetch the profile too; `user.profile` throws until it was fetched
   */
  async logIn(credentials: Credentials, fetchProfile = true): Promise<User<FunctionsFactoryType, CustomDataType>> {
    const { logins, run } = this.#runtime
    const login = Credentials.redirectOf(credentials)
    const id = await run(
      ProtocolClient.use((client) =>
        login === undefined
          ? Logins.logIn(client, logins, Credentials.toInternal(credentials))
          : OAuth.popup(client, logins, login)
      )
    )
    if (fetchProfile) await run(ProfileApi.use((profiles) => profiles.refresh(id)))
    return this.#user(id)
  }

  /** The user that logged in, or was switched to, last; `null` if no user is logged in. */
  get currentUser(): User<FunctionsFactoryType, CustomDataType> | null {
    const { store } = this.#runtime
    const current = store.userIds().find((id) => store.read(id)?.session !== undefined)
    return current === undefined ? null : this.#user(current)
  }

  /** All users by id, logged-out ones included, the most recent first. */
  get allUsers(): Readonly<Record<string, User<FunctionsFactoryType, CustomDataType>>> {
    return Object.fromEntries(this.#runtime.store.userIds().map((id) => [id, this.#user(id)]))
  }

  /** Makes a user the current one. Throws if the application does not know it. */
  switchUser(nextUser: User<FunctionsFactoryType, CustomDataType>): void {
    this.#known(nextUser)
    if (nextUser.isLoggedIn)
      this.#runtime.runSync(Logins.makeCurrent(this.#runtime.logins, "App.switchUser", nextUser.id))
  }

  /** Logs a user out and forgets it. The account stays at the host. */
  async removeUser(user: User<FunctionsFactoryType, CustomDataType>): Promise<void> {
    this.#known(user)
    await this.#runtime.run(Sessions.use((sessions) => sessions.end("App.removeUser", user.id, "remove")))
    this.#users.delete(user.id)
  }

  /** Deletes the account of a user, even if another one is the current user, and forgets the user. */
  async deleteUser(user: User<FunctionsFactoryType, CustomDataType>): Promise<void> {
    this.#known(user)
    const { logins, run } = this.#runtime
    await run(ProtocolClient.use((client) => Logins.deleteUser(client, logins, user.id)))
    this.#users.delete(user.id)
  }

  #known({ id }: User<FunctionsFactoryType, CustomDataType>): void {
    if (this.#runtime.store.read(id) === undefined) throw new Error("The user was never logged into this app")
  }

  /** Adds a callback for every change of any user, also by another tab. */
  addListener(callback: () => void): void {
    this.#runtime.listen(undefined, callback)
  }

  removeListener(callback: () => void): void {
    this.#runtime.unlisten(undefined, callback)
  }

  removeAllListeners(): void {
    this.#runtime.runSync(UserEvents.useSync((events) => events.removeAllListeners(undefined)))
  }

  /** The URL of the host of the application. */
  get locationUrl(): Promise<string> {
    return this.#runtime.run(ProtocolClient.use((client) => client.host))
  }
}

const accounts = ({ run }: Runtime.Runtime): EmailPasswordAuth => ({
  registerUser: (details) => run(EmailPasswordApi.use((api) => api.registerUser(details))),
  confirmUser: (details) => run(EmailPasswordApi.use((api) => api.confirmUser(details))),
  resendConfirmationEmail: (details) => run(EmailPasswordApi.use((api) => api.resendConfirmationEmail(details))),
  retryCustomConfirmation: (details) => run(EmailPasswordApi.use((api) => api.retryCustomConfirmation(details))),
  resetPassword: (details) => run(EmailPasswordApi.use((api) => api.resetPassword(details))),
  sendResetPasswordEmail: (details) => run(EmailPasswordApi.use((api) => api.sendResetPasswordEmail(details))),
  callResetPasswordFunction: (details, ...args) =>
    run(EmailPasswordApi.use((api) => api.callResetPasswordFunction(details, ...args)))
})

/**
 * The application with this id, the same object each time. Needs {@link setDefaultBaseUrl}.
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
