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
import { TokenStore } from "../client/TokenStore.ts"
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
 * A user that is there when the test begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Seed {
  /** Without one it is an anonymous user. */
  readonly email?: string | undefined
  /** @default "password" */
  readonly password?: string | undefined
  /**
   * A `"pending"` user has registered and not confirmed the address, so there is no user yet; a `"disabled"` one can do
   * nothing.
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
  /** Names of API keys. */
  readonly apiKeys?: ReadonlyArray<string> | undefined
  /** A document of the collection that the application has its custom user data in. */
  readonly customData?: Readonly<Record<string, unknown>> | undefined
}

/**
 * What a seed became.
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
 * A route of the client API by its group and name: `application.location`, `authentication.logIn` (links too),
 * `session.refresh`, `session.logOut`, `session.profile`, `session.deleteUser`, `functions.call` (operations of data
 * sources too), `functions.stream`, `apiKeys.create`, `emailPassword.register`, `push.register`, ...
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = Operations.Operation

/**
 * A request that the server has answered: method, path without the query, status, user, function. It holds no secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request extends RequestLog.Entry {
  /** Absent for paths outside of the client API. */
  readonly operation: Operation | undefined
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
>()("effect-app-services/testing/TestServer") {}

/**
 * How the SDK is used, how the server runs, what is there at first, and what goes wrong between the two.
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
  /**
   * How the server runs: its time limit on functions, its rate limits, a data directory, ... Passwords are hashed
   * cheaply unless `passwordHashing` says otherwise.
   */
  readonly server?: AppServicesServer.Options | undefined
}

const wrong = (message: string) => Effect.die(new TestServerError({ message }))

const baseUrl = "http://in-process.test"

/** What the owners of addresses and an administrator do, past what goes wrong for the test's SDK. */
class Owners extends Context.Service<
  Owners,
  {
    readonly seeded: ReadonlyMap<string, SeededUser>
    readonly accounts: EmailPasswordApi["Service"]
  }
>()("effect-app-services/testing/TestServer/Owners") {}

const makeOwners = Effect.fnUntraced(function* (app: App, seeds: Readonly<Record<string, Seed>>) {
  const admin = yield* Admin
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

  const seedPending = Effect.fnUntraced(function* (name: string, { email, password = "password" }: Seed) {
    if (email === undefined) return yield* wrong(`the user "${name}" is pending, which needs an "email"`)
    yield* accounts.registerUser({ email, password })
    const account = (yield* admin.accounts(app.id)).find((it) => it.email === email)
    if (account === undefined || account.confirmed) {
      return yield* wrong(
        `${app.id} confirms addresses at once, so that "${name}" cannot be pending: ` +
          "give App.make { providers: { emailPassword: { autoConfirm: false } } }"
      )
    }
    return { id: account.id, apiKeys: {} }
  })

  const expire = Effect.fnUntraced(function* (userId: string) {
    yield* admin.revokeSessions(app.id, userId)
    const past = yield* Clock.currentTimeMillis
    yield* stored.modify(userId, (user) => [
      undefined,
      Option.map(user, (it) =>
        it.session === undefined ? it : { ...it, session: { ...it.session, receivedAt: past - 1, expiresAt: past - 1 } }
      )
    ])
  })

  const seed = Effect.fnUntraced(function* (name: string, given: Seed) {
    const { email, password = "password", session, state = "confirmed" } = given
    if (state === "pending") return yield* seedPending(name, given)
    if (email !== undefined) yield* admin.createUser(app.id, { email, password: Redacted.make(password) })
    const credentials = email === undefined ? Credentials.anonymous() : Credentials.emailPassword({ email, password })
    const { id } = yield* auth.logIn(credentials)
    const keys: Record<string, Redacted.Redacted> = {}
    for (const key of given.apiKeys ?? []) keys[key] = (yield* apiKeys.forUser(id).create(key)).key
    if (given.customData !== undefined) {
      yield* addCustomData(id, given.customData)
      yield* (yield* auth.user(id)).refreshCustomData
    }
    if (session !== undefined) {
      const user = yield* tokens.get(id)
      yield* stored.modify(id, () => [undefined, user])
    }
    if (session === "expired") yield* expire(id)
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
  return Owners.of({ seeded, accounts })
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
