import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
import { Admin, App, Database } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { failure } from "../support/sdk.ts"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    apiKey: true,
    emailPassword: { emailConfirmationUrl: "http://my.app/confirm", resetPasswordUrl: "http://my.app/reset" }
  },
  functions: { sum: (a: number, b: number) => a + b },
  customUserData: { database: "app", collection: "customers", userIdField: "owner" },
  mongodb: { "mongodb-atlas": "open" }
})

const users = {
  ada: {
    email: "ada@example.com",
    password: "correct horse",
    session: "active",
    apiKeys: ["ci", "laptop"],
    customData: { theme: "dark", since: new Date(0) }
  },
  bob: { email: "bob@example.com", state: "pending" },
  eve: { email: "eve@example.com", state: "disabled", session: "active" },
  old: { email: "old@example.com", session: "expired" },
  guest: { session: "active" },
  stranger: { email: "stranger@example.com" }
} as const satisfies TestServer.Options["users"]

const Server = TestServer.layer(app, {
  users,
  documents: [{ database: "app", collection: "things", documents: [{ _id: 1, name: "nut" }] }]
})
const idOf = (name: keyof typeof users) =>
  TestServer.TestServer.use((server) => Effect.map(server.seeded(name), ({ id }) => id))
const userOf = (name: keyof typeof users) => TestServer.TestServer.use((server) => server.user(name))
const logIn = (email: string, password = "password") =>
  AuthApi.use((auth) => auth.logIn(Credentials.emailPassword({ email, password })))

describe("seeded users", () => {
  it.effect("logs users in where that is stated, with their custom data", () =>
    Effect.gen(function* () {
      const ada = yield* userOf("ada")
      assert.strictEqual(yield* ada.functions.sum(20, 22), 42)
      const { since, theme } = yield* ada.customData
      assert.deepStrictEqual([theme, since], ["dark", new Date(0)])
      assert.strictEqual(yield* (yield* userOf("guest")).functions.sum(1, 2), 3)
      const stranger = AuthApi.use((auth) => Effect.flatMap(idOf("stranger"), (id) => auth.user(id)))
      assert.strictEqual((yield* failure(stranger)).reason._tag, "UnknownUser")
    }).pipe(Effect.provide(Server))
  )

  it.effect("log in by password and by key", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const { apiKeys, id } = yield* server.seeded("ada")
      assert.strictEqual((yield* logIn("ada@example.com", "correct horse")).id, id)
      assert.deepStrictEqual(Object.keys(apiKeys), ["ci", "laptop"])
      const auth = yield* AuthApi
      assert.strictEqual((yield* auth.logIn(Credentials.apiKey(apiKeys["laptop"] ?? ""))).id, id)
      assert.strictEqual((yield* logIn("stranger@example.com")).id, yield* idOf("stranger"))
      assert.strictEqual((yield* userOf("stranger")).id, yield* idOf("stranger"))
    }).pipe(Effect.provide(Server))
  )

  it.effect("seeds a user with an expired session", () =>
    Effect.gen(function* () {
      const user = yield* userOf("old")
      assert.isTrue(yield* user.isLoggedIn)
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "SessionExpired")
      assert.deepStrictEqual(yield* user.state, { _tag: "LoggedOut", cause: "SessionExpired" })
    }).pipe(Effect.provide(Server))
  )

  it.effect("seeds a disabled user", () =>
    Effect.gen(function* () {
      const error = yield* failure((yield* userOf("eve")).functions.sum(1, 2))
      assert.strictEqual(error.reason._tag, "UserDisabled")
      assert.strictEqual((yield* failure(logIn("eve@example.com"))).reason._tag, "UserDisabled")
      const admin = yield* Admin.Admin
      yield* admin.enableUser("my-app", yield* idOf("eve"))
      assert.strictEqual((yield* logIn("eve@example.com")).id, yield* idOf("eve"))
    }).pipe(Effect.provide(Server))
  )

  it.effect("seeds a pending user, until the mail is opened", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      assert.strictEqual((yield* failure(logIn("bob@example.com"))).reason._tag, "InvalidCredentials")
      yield* server.confirm("bob@example.com")
      yield* logIn("bob@example.com")
      yield* EmailPasswordApi.use((api) => api.sendResetPasswordEmail({ email: "bob@example.com" }))
      yield* server.resetPassword("bob@example.com", "another one")
      assert.strictEqual((yield* failure(logIn("bob@example.com"))).reason._tag, "InvalidCredentials")
      yield* logIn("bob@example.com", "another one")
    }).pipe(Effect.provide(Server))
  )
})

it.effect("documents are there at first, for clients and for the test itself", () =>
  Effect.gen(function* () {
    const things = (yield* userOf("guest")).mongoClient("mongodb-atlas").db("app").collection("things")
    assert.strictEqual(Option.getOrThrow(yield* things.findOne({ _id: 1 }))["name"], "nut")
    const database = yield* Database.Database
    const namespace = { appId: "my-app", service: "mongodb-atlas", database: "app", collection: "things" }
    yield* database.insert(namespace, [{ _id: 2, name: "bolt" }])
    assert.strictEqual(yield* things.count(), 2)
  }).pipe(Effect.provide(Server))
)

describe("a test that is wrong is told", () => {
  const told = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.map(Effect.exit(effect), (exit) => {
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, TestServer.TestServerError)
      return defect.message
    })

  it.effect("fails with a message for unknown names, mails and settings", () =>
    Effect.gen(function* () {
      assert.match(
        yield* told(TestServer.TestServer.use((server) => server.user("zoe")).pipe(Effect.provide(Server))),
        /^there is no user "zoe": TestServer\.layer was given ada, bob, eve, old, guest, stranger$/
      )
      assert.match(
        yield* told(userOf("stranger").pipe(Effect.provide(Server))),
        /^the SDK has no session of the user "stranger": give it \{ session: "active" \}/
      )
      assert.match(
        yield* told(
          TestServer.TestServer.use((server) => server.confirm("ada@example.com")).pipe(Effect.provide(Server))
        ),
        /^there is no mail for the confirmation of ada@example\.com in the inbox$/
      )
      const plain = App.make({ id: "plain", providers: { emailPassword: true, anonymous: true } })
      const seeded = (seed: TestServer.Seed) =>
        told(Effect.void.pipe(Effect.provide(TestServer.layer(plain, { users: { seed } }))))
      assert.match(
        yield* seeded({ email: "a@b.c", state: "pending" }),
        /confirms addresses at once, so that "seed" cannot be pending: give App\.make .*autoConfirm: false/
      )
      assert.match(yield* seeded({ state: "pending" }), /needs an "email"/)
      assert.match(yield* seeded({ customData: {} }), /has no collection of custom user data/)
      assert.match(yield* seeded({ email: "a@b.c", password: "short" }), /cannot be seeded: .*password/)
    })
  )
})
