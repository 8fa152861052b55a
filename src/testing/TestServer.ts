/**
 * The SDK over the embedded server, without a socket: a whole application in a test, on the test's clock.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials } from "effect-app-services"
 * import { App } from "effect-app-services/server"
 * import { TestServer } from "effect-app-services/testing"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const app = App.make({
 *   id: "my-app",
 *   providers: { anonymous: true, emailPassword: true },
 *   functions: { sum: (a: number, b: number) => a + b }
 * })
 *
 * const test = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   const guest = yield* auth.logIn(Credentials.anonymous())
 *   yield* TestClock.adjust("31 minutes") // the access token expires on both sides
 *   yield* guest.functions.sum(20, 22) // and is refreshed
 *
 *   const server = yield* TestServer.TestServer
 *   const ada = yield* auth.user((yield* server.user("ada")).id)
 *   return yield* ada.functions.sum(1, 2)
 * }).pipe(Effect.provide(TestServer.layer(app, {
 *   users: { ada: { email: "ada@example.com", password: "correct horse", session: "active" } }
 * })))
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ApiKeysApi } from "../client/ApiKeysApi.ts"
import * as AppServices from "../client/AppServices.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import { AuthApi } from "../client/AuthApi.ts"
import * as Credentials from "../client/Credentials.ts"
import { EmailPasswordApi } from "../client/EmailPasswordApi.ts"
import { TokenStore } from "../client/TokenStore.ts"
import { Admin } from "../server/Admin.ts"
import type { App, Collection } from "../server/App.ts"
import * as AppServicesServer from "../server/AppServicesServer.ts"
import { Database } from "../server/data/Database.ts"
import { Inbox } from "../server/Inbox.ts"
import * as Faults from "./Faults.ts"

/**
 * A user that is there when the test begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seed {
  /** An anonymous user unless given. */
  readonly email?: string | undefined
  /** `"password"` unless given. */
  readonly password?: string | undefined
  /**
   * `"confirmed"` unless given. A `"pending"` one has registered and not confirmed the address, so there is no user yet; a
   * `"disabled"` one can do nothing.
   */
  readonly state?: "confirmed" | "pending" | "disabled" | undefined
  /**
   * What the SDK has of the user: nothing unless given. With an `"active"` session `AuthApi.user` finds it logged in; with
   * an `"expired"` one, too, until the first call fails with `SessionExpired`.
   */
  readonly session?: "active" | "expired" | undefined
  /** Names of API keys. */
  readonly apiKeys?: ReadonlyArray<string> | undefined
  /** A document of the collection that the application has its custom user data in. */
  readonly customData?: Readonly<Record<string, unknown>> | undefined
}

/**
 * A seeded user.
 *
 * @category models
 * @since 0.1.0
 */
export interface SeededUser {
  /** The user's id; that of the account where it is pending. */
  readonly id: string
  /** The keys by the names that were given. */
  readonly apiKeys: Readonly<Record<string, Redacted.Redacted>>
}

/**
 * The test itself is wrong: there is no such user, mail or setting. It is a defect: code under test cannot handle it.
 *
 * @category errors
 * @since 0.1.0
 */
export class TestServerError extends Schema.TaggedError<TestServerError>()("TestServerError", {
  message: Schema.String
}) {}

/**
 * What a test does to the server, beside its services `Admin`, `Inbox` and `Database`.
 *
 * @category services
 * @since 0.1.0
 */
export class TestServer extends Context.Service<
  TestServer,
  {
    /** A user of the option `users`, by the name it has there. */
    readonly user: (name: string) => Effect.Effect<SeededUser>
    /** Opens the newest mail that asks to confirm an address, as its owner would. */
    readonly confirm: (email: string) => Effect.Effect<void, AppServicesError>
    /** Opens the newest mail that resets a password, as the owner of the address would. */
    readonly resetPassword: (email: string, password: string) => Effect.Effect<void, AppServicesError>
  }
>()("effect-app-services/testing/TestServer") {}

/**
 * How the SDK is used, what is there at first, and what goes wrong between the two.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<AppServices.Options, "appId" | "baseUrl"> {
  /** Users that are there at first, by names of the test's own. */
  readonly users?: Readonly<Record<string, Seed>> | undefined
  /** Documents that are there at first. */
  readonly documents?: ReadonlyArray<Collection> | undefined
  /** What happens to the SDK's requests. Those of the test's own `HttpClient` are left alone. */
  readonly faults?: ReadonlyArray<Faults.Rule> | undefined
}

const wrong = (message: string) => Effect.die(new TestServerError({ message }))

const baseUrl = "http://in-process.test"

/** Seeds users as their owners and an administrator would make them, past what goes wrong for the test's SDK. */
const make = Effect.fnUntraced(function* (app: App, seeds: Readonly<Record<string, Seed>>) {
  const admin = yield* Admin
  const inbox = yield* Inbox
  const database = yield* Database
  const stored = (yield* TokenStore).forApp(app.id)
  const owner = yield* Layer.build(Layer.fresh(AppServices.layer({ appId: app.id, baseUrl })))
  const accounts = Context.get(owner, EmailPasswordApi)
  const auth = Context.get(owner, AuthApi)
  const apiKeys = Context.get(owner, ApiKeysApi)
  const tokens = Context.get(owner, TokenStore).forApp(app.id)

  const addCustomData = Effect.fnUntraced(function* (userId: string, data: Readonly<Record<string, unknown>>) {
    const source = app.customUserData
    if (typeof source !== "object") {
      return yield* wrong(`${app.id} has no collection of custom user data: give App.make { customUserData: { ... } }`)
    }
    const namespace = { ...source, appId: app.id, service: source.service ?? "mongodb-atlas" }
    yield* database.insert(namespace, [{ ...data, [source.userIdField]: userId }])
  })

  const seed = Effect.fnUntraced(function* (name: string, given: Seed) {
    const { email, password = "password", session, state = "confirmed" } = given
    if (state === "pending") {
      if (email === undefined) return yield* wrong(`the user "${name}" is pending, which needs an "email"`)
      yield* accounts.registerUser({ email, password })
      const account = (yield* admin.accounts(app.id)).find((it) => it.email === email)
      if (account === undefined || account.confirmed) {
        return yield* wrong(`${app.id} confirms addresses at once, so that "${name}" cannot be pending`)
      }
      return { id: account.id, apiKeys: {} }
    }
    if (email !== undefined) yield* admin.createUser(app.id, { email, password: Redacted.make(password) })
    const credentials = email === undefined ? Credentials.anonymous() : Credentials.emailPassword({ email, password })
    const { id } = yield* auth.logIn(credentials)
    const keys: Record<string, Redacted.Redacted> = {}
    for (const key of given.apiKeys ?? []) keys[key] = (yield* apiKeys.of(id).create(key)).key
    if (given.customData !== undefined) {
      yield* addCustomData(id, given.customData)
      yield* (yield* auth.user(id)).refreshCustomData
    }
    if (session !== undefined) {
      const user = yield* tokens.get(id)
      yield* stored.modify(id, () => [undefined, user])
    }
    if (session === "expired") {
      yield* admin.revokeSessions(app.id, id)
      const past = yield* Clock.currentTimeMillis
      yield* stored.modify(id, (user) => [
        undefined,
        Option.map(user, (it) =>
          it.session === undefined
            ? it
            : { ...it, session: { ...it.session, receivedAt: past - 1, expiresAt: past - 1 } }
        )
      ])
    }
    if (state === "disabled") yield* admin.disableUser(app.id, id)
    return { id, apiKeys: keys }
  })

  const seeded = new Map<string, SeededUser>()
  for (const [name, given] of Object.entries(seeds)) {
    seeded.set(
      name,
      yield* Effect.catch(seed(name, given), (error) => wrong(`the user "${name}" cannot be seeded: ${error.message}`))
    )
  }

  const newest = Effect.fnUntraced(function* (kind: "confirmation" | "reset", email: string) {
    const messages = (yield* inbox.messages(app.id)).filter((it) => it.kind === kind && it.to === email)
    return messages.at(-1) ?? (yield* wrong(`there is no mail for the ${kind} of ${email} in the inbox`))
  })

  return TestServer.of({
    user: (name) => {
      const user = seeded.get(name)
      return user === undefined
        ? wrong(`there is no user "${name}": TestServer.layer was given ${[...seeded.keys()].join(", ") || "none"}`)
        : Effect.succeed(user)
    },
    confirm: (email) => Effect.flatMap(newest("confirmation", email), (mail) => accounts.confirmUser(mail)),
    resetPassword: (email, password) =>
      Effect.flatMap(newest("reset", email), ({ token, tokenId }) =>
        accounts.resetPassword({ token, tokenId, password })
      )
  })
})

/**
 * Serves an application in process and connects the SDK to it. The `HttpClient` is provided too, for requests of a
 * test's own, and so are the server's services: `Inbox`, where e-mails end up, `Admin`, and `Database`. Passwords are
 * hashed cheaply.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  app: App,
  { documents, faults, users, ...options }: Options = {}
): Layer.Layer<
  AppServices.Services | AppServicesServer.Services | TestServer | TokenStore | HttpClient.HttpClient,
  AppServicesError
> => {
  const served = documents === undefined ? app : { ...app, data: [...app.data, ...documents] }
  return AppServices.layerNoDeps({ ...options, appId: app.id, baseUrl }).pipe(
    Layer.provide(Faults.layer(faults ?? [])),
    Layer.provideMerge(
      Layer.effect(
        TestServer,
        Effect.suspend(() => make(served, users ?? {}))
      )
    ),
    Layer.provideMerge(TokenStore.layerMemory),
    Layer.provideMerge(AppServicesServer.layerHttpClient(served, { passwordHashing: "testing" }))
  )
}
