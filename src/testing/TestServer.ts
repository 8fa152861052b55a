/**
 * The SDK with the embedded server behind it, without a socket: a whole application in a test, on the test's clock.
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
 *   const refreshes = yield* server.count("session.refresh") // 1
 *
 *   const ada = yield* server.user("ada")
 *   return [refreshes, yield* ada.functions.sum(1, 2)]
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
import { type AppTokens, TokenStore } from "../client/TokenStore.ts"
import type { User } from "../client/User.ts"
import { Admin } from "../server/users/Admin.ts"
import type { App, Collection } from "../server/model/App.ts"
import * as AppServicesServer from "../server/AppServicesServer.ts"
import { Database } from "../server/data/Database.ts"
import { Inbox } from "../server/users/Inbox.ts"
import type * as RequestLog from "../server/api/RequestLog.ts"
import * as Faults from "./Faults.ts"
import * as Operations from "./internal/operations.ts"

/**
 * A user that exists when the test begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seed {
  /**
   * The e-mail address of its account.
   *
   * @default none: an anonymous user
   */
  readonly email?: string | undefined
  /** @default "password" */
  readonly password?: string | undefined
  /**
   * A `"pending"` user has registered but not confirmed its address; requests of a `"disabled"` user fail with `UserDisabled`.
   *
   * @default "confirmed"
   */
  readonly state?: "confirmed" | "pending" | "disabled" | undefined
  /**
   * The user's session in the SDK's token store. With an `"active"` one `AuthApi.user` finds the user logged in; with an
   * `"expired"` one, too, until the first call fails with `SessionExpired`.
   *
   * @default the token store does not know the user
   */
  readonly session?: "active" | "expired" | undefined
  /** The names of its API keys; `TestServer.seeded` has the keys. */
  readonly apiKeys?: ReadonlyArray<string> | undefined
  /** Its document in the application's collection of custom user data. */
  readonly customData?: Readonly<Record<string, unknown>> | undefined
}

/**
 * A user that was created from a {@link Seed}.
 *
 * @category models
 * @since 0.1.0
 */
export interface SeededUser {
  /** The id of the user; that of the account while it is pending. */
  readonly id: string
  /** The API keys, by name. */
  readonly apiKeys: Readonly<Record<string, Redacted.Redacted>>
}

/**
 * A route of the client API by its group and name: `application.location`, `authentication.logIn` (links too),
 * `session.refresh`, `session.logOut`, `session.profile`, `session.deleteUser`, `functions.call` (operations of data
 * sources too), `functions.stream`, `apiKeys.create`, `emailPassword.register`, `push.register`, ...
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = Operations.Operation

/**
 * A request that the server has answered: method, path without the query, status, user, function. Contains no secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request extends RequestLog.Entry {
  /** Absent for paths outside of the client API. */
  readonly operation: Operation | undefined
}

/**
 * The test is wrong: it names a user, mail or setting that does not exist. It is a defect, so that code under test cannot
 * handle it.
 *
 * @category errors
 * @since 0.1.0
 */
export class TestServerError extends Schema.TaggedError<TestServerError>()("TestServerError", {
  message: Schema.String
}) {}

/**
 * The shape of {@link TestServer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /**
   * A user of the option `users`, by the name it has there, as `AuthApi.user` finds it: the seed needs a `session`, or
   * the user has to have logged in meanwhile.
   */
  readonly user: (name: string) => Effect.Effect<User>
  /** The id and the API keys of a user of the option `users`, by the name it has there. */
  readonly seeded: (name: string) => Effect.Effect<SeededUser>
  /**
   * The requests that the server has answered since the users were seeded, in the order of their answers. One that a
   * fault kept from the server is not among them; one whose client went away has no `status`.
   */
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
  /** How many of {@link requests} there are of an operation, whatever they were answered. */
  readonly count: (operation: Operation) => Effect.Effect<number>
  /** Opens the newest mail that asks to confirm an address, as its owner would. */
  readonly confirm: (email: string) => Effect.Effect<void, AppServicesError>
  /** Opens the newest mail that resets a password, as the owner of the address would. */
  readonly resetPassword: (email: string, password: string) => Effect.Effect<void, AppServicesError>
}

/**
 * Reads and changes the state of the server in a test, beside the server's own services `Admin`, `Inbox` and `Database`, which the
 * layer provides too.
 *
 * @category services
 * @since 0.1.0
 */
export class TestServer extends Context.Service<TestServer, Service>()("effect-app-services/testing/TestServer") {}

/**
 * The options of the SDK and of the server, the initial users and documents, and the faults between the two.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<AppServices.Options, "appId" | "baseUrl"> {
  /** The users that exist at first, by names that the test chooses. */
  readonly users?: Readonly<Record<string, Seed>> | undefined
  /** The documents that exist at first. */
  readonly documents?: ReadonlyArray<Collection> | undefined
  /** Faults of the SDK's requests. Requests of the test's own `HttpClient` are not affected. */
  readonly faults?: ReadonlyArray<Faults.Rule> | undefined
  /**
   * The options of the server: time limit of functions, rate limits, a data directory, ...
   *
   * @default the server's, with cheap password hashing
   */
  readonly server?: AppServicesServer.Options | undefined
}

const wrong = (message: string) => Effect.die(new TestServerError({ message }))

const baseUrl = "http://in-process.test"

/** The seeded users, and the SDK of their owners, whose requests have no faults. */
class Owners extends Context.Service<
  Owners,
  {
    readonly seeded: ReadonlyMap<string, SeededUser>
    readonly accounts: EmailPasswordApi["Service"]
  }
>()("effect-app-services/testing/TestServer/Owners") {}

const makeOwners = Effect.fnUntraced(function* (app: App, seeds: Readonly<Record<string, Seed>>) {
  const owner = yield* Layer.build(Layer.fresh(AppServices.layer({ appId: app.id, baseUrl })))
  const accounts = Context.get(owner, EmailPasswordApi)
  const seeder: Seeder = {
    app,
    accounts,
    admin: yield* Admin,
    database: yield* Database,
    auth: Context.get(owner, AuthApi),
    apiKeys: Context.get(owner, ApiKeysApi),
    tokens: Context.get(owner, TokenStore).forApp(app.id),
    stored: (yield* TokenStore).forApp(app.id)
  }
  const seeded = new Map<string, SeededUser>()
  for (const [name, seed] of Object.entries(seeds)) {
    const created = Effect.catch(createSeed(seeder, name, seed), (error) =>
      wrong(`the user "${name}" cannot be seeded: ${error.message}`)
    )
    seeded.set(name, yield* created)
  }
  return Owners.of({ seeded, accounts })
})

/** What users are seeded with: services of an SDK of their own, whose requests have no faults. */
interface Seeder {
  readonly app: App
  readonly accounts: EmailPasswordApi["Service"]
  readonly admin: Admin["Service"]
  readonly database: Database["Service"]
  readonly auth: AuthApi["Service"]
  readonly apiKeys: ApiKeysApi["Service"]
  readonly tokens: AppTokens
  /** The token store of the test's SDK. */
  readonly stored: AppTokens
}

const createSeed = Effect.fnUntraced(function* (seeder: Seeder, name: string, seed: Seed) {
  const { admin, apiKeys, app, auth, stored, tokens } = seeder
  const { email, password = "password", session, state = "confirmed" } = seed
  if (state === "pending") return yield* seedPending(seeder, name, seed)
  if (email !== undefined) yield* admin.createUser(app.id, { email, password: Redacted.make(password) })
  const credentials = email === undefined ? Credentials.anonymous() : Credentials.emailPassword({ email, password })
  const { id } = yield* auth.logIn(credentials)
  const keys: Record<string, Redacted.Redacted> = {}
  for (const key of seed.apiKeys ?? []) keys[key] = (yield* apiKeys.forUser(id).create(key)).key
  if (seed.customData !== undefined) {
    yield* addCustomData(seeder, id, seed.customData)
    yield* (yield* auth.user(id)).refreshCustomData
  }
  if (session !== undefined) {
    const user = yield* tokens.get(id)
    yield* stored.modify(id, () => [undefined, user])
  }
  if (session === "expired") yield* expire(seeder, id)
  if (state === "disabled") yield* admin.disableUser(app.id, id)
  return { id, apiKeys: keys }
})

const seedPending = Effect.fnUntraced(function* (
  { accounts, admin, app }: Seeder,
  name: string,
  { email, password = "password" }: Seed
) {
  if (email === undefined) return yield* wrong(`the user "${name}" is pending, which needs an "email"`)
  yield* accounts.registerUser({ email, password })
  const account = (yield* admin.accounts(app.id)).find((account) => account.email === email)
  if (account === undefined || account.confirmed) {
    return yield* wrong(
      `${app.id} confirms addresses at once, so that "${name}" cannot be pending: ` +
        "give App.make { providers: { emailPassword: { autoConfirm: false } } }"
    )
  }
  return { id: account.id, apiKeys: {} }
})

const addCustomData = Effect.fnUntraced(function* (
  { app, database }: Seeder,
  userId: string,
  data: Readonly<Record<string, unknown>>
) {
  const source = app.customUserData
  if (typeof source !== "object") {
    return yield* wrong(`${app.id} has no collection of custom user data: give App.make { customUserData: { ... } }`)
  }
  const namespace = { ...source, appId: app.id, service: source.service ?? "mongodb-atlas" }
  yield* database.insert(namespace, [{ ...data, [source.userIdField]: userId }])
})

const expire = Effect.fnUntraced(function* ({ admin, app, stored }: Seeder, userId: string) {
  yield* admin.revokeSessions(app.id, userId)
  const now = yield* Clock.currentTimeMillis
  const times = { receivedAt: now - 1, expiresAt: now - 1 }
  yield* stored.modify(userId, (user) => [
    undefined,
    Option.map(user, (user) =>
      user.session === undefined ? user : { ...user, session: { ...user.session, ...times } }
    )
  ])
})

const make = Effect.fnUntraced(function* (app: App, requests: ReadonlyArray<Request>) {
  const { accounts, seeded } = yield* Owners
  const auth = yield* AuthApi
  const inbox = yield* Inbox

  const find = (name: string) => {
    const user = seeded.get(name)
    return user === undefined
      ? wrong(`there is no user "${name}": TestServer.layer was given ${[...seeded.keys()].join(", ") || "no users"}`)
      : Effect.succeed(user)
  }

  const newest = Effect.fnUntraced(function* (kind: "confirmation" | "reset", email: string) {
    const messages = (yield* inbox.messages(app.id)).filter((it) => it.kind === kind && it.to === email)
    return messages.at(-1) ?? (yield* wrong(`there is no mail for the ${kind} of ${email} in the inbox`))
  })

  return TestServer.of({
    seeded: find,
    user: Effect.fnUntraced(function* (name) {
      const { id } = yield* find(name)
      return yield* Effect.catch(auth.user(id), () =>
        wrong(
          `the SDK has no session of the user "${name}": give it { session: "active" } in TestServer.layer, or log it ` +
            `in first; its id is that of TestServer.seeded("${name}")`
        )
      )
    }),
    requests: Effect.sync(() => [...requests]),
    count: (operation) => Effect.sync(() => requests.filter((it) => it.operation === operation).length),
    confirm: (email) => Effect.flatMap(newest("confirmation", email), (mail) => accounts.confirmUser(mail)),
    resetPassword: (email, password) =>
      Effect.flatMap(newest("reset", email), ({ token, tokenId }) =>
        accounts.resetPassword({ token, tokenId, password })
      )
  })
})

/**
 * Serves an application in process and connects the SDK to it. The `HttpClient` is provided too, for requests of a
 * test's own, and so are the server's services: `Inbox`, where e-mails end up, `Admin`, and `Database`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  app: App,
  { documents, faults, server = {}, users = {}, ...options }: Options = {}
): Layer.Layer<
  AppServices.Services | AppServicesServer.Services | TestServer | TokenStore | HttpClient.HttpClient,
  AppServicesError
> =>
  Layer.unwrap(
    Effect.sync(() => {
      const served = documents === undefined ? app : { ...app, data: [...app.data, ...documents] }
      const requests: Array<Request> = []
      const note = (entry: RequestLog.Entry) =>
        Effect.andThen(
          Effect.sync(() => requests.push({ ...entry, operation: Operations.operationOf(entry.method, entry.path) })),
          server.onRequest?.(entry) ?? Effect.void
        )
      // users are seeded before the SDK is built, which may keep their sessions alive, and are not the test's requests
      const owners = Effect.tap(makeOwners(served, users), () => Effect.sync(() => requests.splice(0)))
      return Layer.effect(TestServer, make(served, requests)).pipe(
        Layer.provideMerge(AppServices.layerNoDeps({ ...options, appId: app.id, baseUrl })),
        Layer.provide(Faults.layer(faults ?? [])),
        Layer.provide(Layer.effect(Owners, owners)),
        Layer.provideMerge(TokenStore.layerMemory),
        Layer.provideMerge(
          AppServicesServer.layerHttpClient(served, { passwordHashing: "testing", ...server, onRequest: note })
        )
      )
    })
  )
