/** The backend of the guide (docs/backend.md), which is examples/backend/routes.ts, with a user of each kind. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schedule } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { AppServices, AuthApi, TokenStore, TokenStoreError } from "effect-app-services"
import { Reason } from "effect-app-services/client/AppServicesError"
import { Admin, App } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Routes, statuses } from "../examples/backend/routes.ts"
import { host } from "./support/scripted.ts"
import { failure } from "./support/sdk.ts"

const app = App.make({
  id: "my-app",
  providers: { emailPassword: true },
  functions: { sum: (a: number, b: number) => a + b }
})
const ada = { email: "ada@example.com", password: "correct horse" }
const Server = TestServer.layer(app, { users: { ada } })

/** The backend, asked without a socket: on the clock of the test. */
const backend = Effect.map(
  HttpRouter.toHttpEffect(Routes),
  (answer) =>
    (method: "GET" | "POST", path: string, options: { readonly user?: string; readonly body?: unknown } = {}) =>
      Effect.gen(function* () {
        const request = new Request(`http://backend.test${path}`, {
          method,
          headers: {
            "content-type": "application/json",
            ...(options.user !== undefined && { "x-user": options.user })
          },
          ...(options.body !== undefined && { body: JSON.stringify(options.body) })
        })
        const response = yield* answer.pipe(
          Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request)),
          Effect.scoped
        )
        const web = HttpServerResponse.toWeb(response)
        return [web.status, yield* Effect.promise(() => web.json() as Promise<Record<string, unknown>>)] as const
      })
)

const loggedIn = Effect.gen(function* () {
  const ask = yield* backend
  const [status, { user }] = yield* ask("POST", "/login", { body: ada })
  assert.strictEqual(status, 200)
  const id = String(user)
  // the profile is fetched, and kept
  assert.deepStrictEqual(yield* ask("GET", "/me", { user: id }), [200, { user: id, email: ada.email }])
  assert.deepStrictEqual(yield* ask("GET", "/total", { user: id }), [200, { user: id, sum: 42 }])
  const admin = yield* Admin.Admin
  return { ask: (path: string) => ask("GET", path, { user: id }), post: ask, id, admin }
})

/** Every other way in which a backend may take a user for logged in. */
const isRefused = Effect.fnUntraced(function* (id: string, tags: ReadonlyArray<string>) {
  const auth = yield* AuthApi
  const found = yield* Effect.exit(auth.user(id))
  if (found._tag === "Success") {
    const user = found.value
    for (const read of [
      user.profile,
      user.identities,
      user.customData,
      user.refreshProfile,
      user.functions.sum(1, 2)
    ]) {
      assert.include(tags, (yield* failure(read)).reason._tag)
    }
    assert.isFalse(yield* user.isLoggedIn)
    assert.isTrue(Option.isNone(yield* user.refreshToken))
    assert.isTrue(Option.isNone(yield* auth.currentUser))
    assert.isTrue(Option.isNone(yield* user.accessToken))
  }
  assert.include(["NotLoggedIn", "UnknownUser"], (yield* failure(auth.loggedInUser(id))).reason._tag)
})

describe("the backend of the guide", () => {
  it.effect("lets in who is logged in, with the session renewed", () =>
    Effect.gen(function* () {
      const { ask } = yield* loggedIn
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* ask("/me"))[0], 200)
      assert.strictEqual((yield* ask("/total"))[0], 200)
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("answers 401 where there is no user, or an unknown one", () =>
    Effect.gen(function* () {
      const { post } = yield* loggedIn
      for (const path of ["/me", "/total"]) {
        for (const options of [{}, { user: "" }, { user: "5f1d7f3e9c1b2a0012345678" }, { user: ".." }]) {
          assert.deepStrictEqual(yield* post("GET", path, options), [401, { error: "UnknownUser" }])
        }
      }
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("answers 401 to a wrong password", () =>
    Effect.gen(function* () {
      const { post } = yield* loggedIn
      const [status] = yield* post("POST", "/login", { body: { ...ada, password: "wrong password" } })
      assert.strictEqual(status, 401)
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a user who is logged out", () =>
    Effect.gen(function* () {
      const { ask, id, post } = yield* loggedIn
      assert.strictEqual((yield* post("POST", "/logout", { user: id }))[0], 200)
      for (const path of ["/me", "/total"]) assert.deepStrictEqual(yield* ask(path), [401, { error: "NotLoggedIn" }])
      yield* isRefused(id, ["NotLoggedIn"])
      yield* post("POST", "/login", { body: ada })
      assert.strictEqual((yield* ask("/me"))[0], 200)
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a user whose session has expired, whichever route is asked first", () =>
    Effect.gen(function* () {
      const { ask, id } = yield* loggedIn
      yield* TestClock.adjust("61 days")
      assert.deepStrictEqual(yield* ask("/me"), [401, { error: "SessionExpired" }])
      for (const path of ["/me", "/total"]) assert.deepStrictEqual(yield* ask(path), [401, { error: "NotLoggedIn" }])
      yield* isRefused(id, ["NotLoggedIn"])
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a user whose sessions were revoked, once the access token has expired", () =>
    Effect.gen(function* () {
      const { admin, ask, id } = yield* loggedIn
      yield* admin.revokeSessions("my-app", id)
      yield* TestClock.adjust("31 minutes")
      assert.deepStrictEqual(yield* ask("/me"), [401, { error: "SessionExpired" }])
      yield* isRefused(id, ["NotLoggedIn"])
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a disabled user at the next call, and everywhere from then on", () =>
    Effect.gen(function* () {
      const { admin, ask, id, post } = yield* loggedIn
      yield* admin.disableUser("my-app", id)
      assert.deepStrictEqual(yield* ask("/total"), [403, { error: "UserDisabled" }])
      for (const path of ["/me", "/total"]) assert.deepStrictEqual(yield* ask(path), [401, { error: "NotLoggedIn" }])
      yield* isRefused(id, ["NotLoggedIn"])
      assert.deepStrictEqual(yield* post("POST", "/login", { body: ada }), [403, { error: "UserDisabled" }])
      const wrong = { ...ada, password: "wrong password" }
      assert.strictEqual((yield* post("POST", "/login", { body: wrong }))[0], 401)
      yield* admin.enableUser("my-app", id)
      yield* post("POST", "/login", { body: ada })
      assert.strictEqual((yield* ask("/me"))[0], 200)
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a disabled user without a call once the access token has expired, and at once where it asks", () =>
    Effect.gen(function* () {
      const { admin, ask, id } = yield* loggedIn
      yield* admin.disableUser("my-app", id)
      yield* TestClock.adjust("31 minutes")
      assert.deepStrictEqual(yield* ask("/me"), [403, { error: "UserDisabled" }])
      yield* isRefused(id, ["NotLoggedIn"])
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("rejects a disabled user at once when it fetches the profile again", () =>
    Effect.gen(function* () {
      const { admin, id } = yield* loggedIn
      yield* admin.disableUser("my-app", id)
      const user = yield* AuthApi.use((auth) => auth.loggedInUser(id))
      assert.strictEqual((yield* failure(user.refreshProfile)).reason._tag, "UserDisabled")
      yield* isRefused(id, ["NotLoggedIn"])
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a user who was removed here", () =>
    Effect.gen(function* () {
      const { ask, id } = yield* loggedIn
      yield* AuthApi.use((auth) => auth.removeUser(id))
      for (const path of ["/me", "/total"]) assert.deepStrictEqual(yield* ask(path), [401, { error: "UnknownUser" }])
      yield* isRefused(id, [])
    }).pipe(Effect.scoped, Effect.provide(Server))
  )

  it.effect("refuses a user who was deleted at the host", () =>
    Effect.gen(function* () {
      const { admin, ask, id } = yield* loggedIn
      yield* admin.deleteUser("my-app", id)
      assert.deepStrictEqual(yield* ask("/total"), [401, { error: "SessionExpired" }])
      for (const path of ["/me", "/total"]) assert.deepStrictEqual(yield* ask(path), [401, { error: "NotLoggedIn" }])
      yield* isRefused(id, ["NotLoggedIn"])
    }).pipe(Effect.scoped, Effect.provide(Server))
  )
})

it.effect(
  "the backend of the guide answers 503 where the host or the store is away: nothing is known of the user",
  () =>
    Effect.gen(function* () {
      let away: "host" | "store" | undefined
      const { layer } = host((request) =>
        request.path.endsWith("/auth/session") && away === "host" ? "unreachable" : undefined
      )
      const Store = Layer.effect(
        TokenStore,
        Effect.map(TokenStore, (store) => ({
          forApp: (appId: string) => {
            const tokens = store.forApp(appId)
            return {
              ...tokens,
              get: (id: string) =>
                away === "store" ? Effect.fail(new TokenStoreError({ message: "gone" })) : tokens.get(id)
            }
          }
        }))
      ).pipe(Layer.provide(TokenStore.layerMemory))
      const Live = AppServices.layerNoDeps({
        appId: "my-app",
        baseUrl: "http://base.test",
        retrySchedule: Schedule.recurs(0)
      }).pipe(Layer.provide([Store, layer]))
      yield* Effect.gen(function* () {
        const ask = yield* backend
        const [, { user }] = yield* ask("POST", "/login", { body: ada })
        yield* TestClock.adjust("31 minutes")
        const total = ask("GET", "/total", { user: String(user) })
        away = "host"
        assert.deepStrictEqual(yield* total, [503, { error: "TransportError" }])
        away = "store"
        assert.deepStrictEqual(yield* total, [503, { error: "StoreUnavailable" }])
        away = undefined
        assert.strictEqual((yield* total)[0], 200)
      }).pipe(Effect.provide(Live))
    }).pipe(Effect.scoped)
)

describe("the guide", () => {
  const guide = readFileSync(join(import.meta.dirname, "../docs/backend.md"), "utf8")

  it("shows the backend that is tested", () => {
    const routes = readFileSync(join(import.meta.dirname, "../examples/backend/routes.ts"), "utf8")
    const [, shown] = /```ts\n([^]*?)```/.exec(guide) ?? []
    assert.strictEqual(shown, routes.replaceAll(/^export |^\/\/ @effect-diagnostics.*\n/gm, ""))
  })

  it("maps every reason to the status that the backend answers", () => {
    const rows = [...guide.matchAll(/^\| +(\d{3}) +\| (.*?) +\|/gm)].flatMap(([, status, reasons = ""]) =>
      [...reasons.matchAll(/`(\w+)`/g)].map(([, reason]) => [reason, Number(status)] as const)
    )
    const reasons = Reason.members.map(({ identifier }) => identifier)
    assert.deepStrictEqual(rows.map(([reason]) => reason).toSorted(), reasons.toSorted())
    assert.deepStrictEqual(Object.fromEntries(rows), statuses)
  })
})
