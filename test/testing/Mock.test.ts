import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Redacted, Schema, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import {
  ApiKeysApi,
  AppServicesError,
  AuthApi,
  Credentials,
  EmailPasswordApi,
  FunctionContract,
  FunctionsApi,
  FunctionStreams,
  MongoDb,
  ProfileApi,
  PushApi,
  TokenStore,
  type User
} from "effect-app-services"
import { Mock } from "effect-app-services/testing"

const Shop = FunctionContract.make({
  total: { args: [Schema.Array(Schema.Finite)], returns: Schema.Finite },
  rename: { args: [Schema.String], returns: Schema.Boolean }
})
const total = (prices: ReadonlyArray<number>) => prices.reduce((sum, price) => sum + price, 0)

/** What a user's backend does: it acts for the user of the request. */
const checkOut = Effect.fn("checkOut")(function* (userId: string, prices: ReadonlyArray<number>) {
  const auth = yield* AuthApi
  const user = yield* auth.user(userId)
  const sum = yield* user.functionsOf(Shop).total(prices)
  return HttpServerResponse.jsonUnsafe({ user: user.id, email: (yield* user.profile).email, sum })
})

const defectOf = <A, E>(exit: Exit.Exit<A, E>): unknown => {
  assert.isTrue(Exit.isFailure(exit))
  return Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
}

const message = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defect = defectOf(exit)
    assert.instanceOf(defect, Mock.NotMocked)
    return defect.message
  })

describe("Mock.layer", () => {
  it.effect("a handler that acts for the request's user, with the functions mocked", () =>
    Effect.gen(function* () {
      const response = yield* checkOut("ada", [20, 22])
      assert.deepStrictEqual(JSON.parse(new TextDecoder().decode((response.body as { body: Uint8Array }).body)), {
        user: "ada",
        email: "ada@example.com",
        sum: 42
      })
    }).pipe(
      Effect.provide(
        Mock.layer({
          users: [{ id: "ada", profile: { email: "ada@example.com" } }],
          services: FunctionsApi.layerMock(Shop, { total: (prices) => Effect.succeed(total(prices)) })
        })
      )
    )
  )

  it.effect("knows users in the order given, with sessions, custom data and what else was stated", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      assert.deepStrictEqual(
        (yield* auth.allUsers).map(({ id }) => String(id)),
        ["ada", "bob", "eve"]
      )
      const ada = yield* auth.user("ada")
      assert.deepStrictEqual(yield* ada.customData, { since: new Date(0), theme: "dark", name: "Ada Ł" })
      assert.deepStrictEqual(yield* ada.identities, [{ id: "1", providerType: "api-key" }])
      assert.strictEqual((yield* ada.state)._tag, "Active")
      assert.isTrue(Option.isSome(yield* ada.accessToken))
      assert.deepStrictEqual(yield* (yield* auth.user("bob")).state, { _tag: "LoggedOut", cause: "LoggedOut" })
      assert.strictEqual((yield* (yield* auth.user("eve")).state)._tag, "Active")
      assert.strictEqual(Option.getOrThrow(yield* auth.currentUser).id, ada.id)
    }).pipe(
      Effect.provide(
        Mock.layer({
          users: [
            {
              id: "ada",
              providerType: "api-key",
              identities: [{ id: "1", providerType: "api-key" }],
              customData: { since: new Date(0), theme: "dark", name: "Ada Ł" }
            },
            { id: "bob", state: "logged out" },
            { id: "eve", state: "expired" }
          ]
        })
      )
    )
  )

  it.effect("says what to add when a request would be sent", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const ada = yield* auth.user("ada")
      assert.strictEqual(
        yield* message(ada.functions.total([1])),
        "FunctionsApi.call(total) was used, and there is no host in this test: give Mock.layer " +
          "{ services: FunctionsApi.layerMock(contract, { ... }) }"
      )
      assert.include(yield* message(ada.profile), 'give the user of Mock.layer a "profile"')
      assert.include(
        yield* message(auth.logIn(Credentials.anonymous())),
        "give Mock.layer { services: Mock.service(AuthApi, { ... }) }"
      )
      assert.include(
        yield* message(EmailPasswordApi.use((api) => api.registerUser({ email: "a@b.c", password: "s3cret!" }))),
        "EmailPasswordApi.registerUser was used"
      )
    }).pipe(Effect.provide(Mock.layer({ users: [{ id: "ada" }] })))
  )

  it.effect("several services stand in at once, also behind the user's handle", () =>
    Effect.gen(function* () {
      const ada = yield* AuthApi.use((auth) => auth.user("ada"))
      assert.strictEqual(yield* ada.functionsOf(Shop).rename("x"), true)
      assert.strictEqual((yield* ada.profile).name, "Ada")
    }).pipe(
      Effect.provide(
        Mock.layer({
          users: [{ id: "ada" }],
          services: Layer.mergeAll(
            FunctionsApi.layerMock(Shop, { rename: () => Effect.succeed(true) }),
            Mock.service(ProfileApi, {
              get: () => Effect.succeed({ type: "normal", identities: [], data: { name: "Ada" } })
            })
          )
        })
      )
    )
  )
})

describe("sessions of Mock.layer", () => {
  const key = { id: "1", name: "ci", disabled: false }
  const done = Effect.succeed("done" as never)
  const Live = Mock.layer({
    users: [
      { id: "ada", customData: { theme: "dark" } },
      { id: "bob", state: "logged out" },
      { id: "eve", state: "expired" },
      { id: "zoe", providerType: "api-key" }
    ],
    services: Layer.mergeAll(
      FunctionsApi.layerMock(Shop, { total: (prices) => Effect.succeed(total(prices)) }),
      Mock.service(FunctionStreams, { stream: () => Stream.make(1, 2) }),
      Mock.service(ProfileApi, { get: () => done, refresh: () => done }),
      Mock.service(ApiKeysApi, {
        forUser: () =>
          Object.freeze({ ...Mock.user({ id: "x" }).apiKeys, create: () => done, fetchAll: Effect.succeed([key]) })
      }),
      Mock.service(PushApi, { client: () => ({ register: () => done, deregister: done }) }),
      Mock.service(MongoDb, {
        client: (_, serviceName) => ({
          serviceName,
          db: (databaseName) => ({
            name: databaseName,
            collection: (name: string): never =>
              Object.freeze({
                name,
                databaseName,
                count: () => Effect.succeed(7),
                watch: () => Stream.make(1)
              }) as never
          })
        })
      })
    )
  })
  const things = (user: User) => user.mongoClient("mongodb-atlas").db("shop").collection("things")
  const operations: ReadonlyArray<readonly [name: string, run: (user: User) => Effect.Effect<unknown, unknown>]> = [
    ["FunctionsApi.call(total)", (user) => user.functionsOf(Shop).total([20, 22])],
    ["FunctionStreams.stream(numbers)", (user) => Stream.runCollect(user.callFunctionStreaming("numbers"))],
    ["ProfileApi.get", (user) => user.profile],
    ["ProfileApi.refresh", (user) => user.refreshProfile],
    ["ApiKeysApi.create", (user) => user.apiKeys.create("ci")],
    ["ApiKeysApi.fetchAll", (user) => user.apiKeys.fetchAll],
    ["PushApi.register", (user) => user.push("gcm").register("token")],
    ["PushApi.deregister", (user) => user.push("gcm").deregister],
    ["MongoDb.count", (user) => things(user).count()],
    ["MongoDb.watch", (user) => Stream.runCollect(things(user).watch())]
  ]
  const refusal = (operation: (typeof operations)[number], user: User) =>
    Effect.map(Effect.flip(operation[1](user)), (error) => {
      assert.instanceOf(error, AppServicesError)
      assert.strictEqual(error.operation, operation[0])
      return error.reason._tag
    })

  it.effect.each(operations)("%s: refuses users who are logged out or expired", (...operation) =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      yield* operation[0][1](yield* auth.user("ada"))
      assert.strictEqual(yield* refusal(operation[0], yield* auth.user("bob")), "NotLoggedIn")
      const eve = yield* auth.user("eve")
      assert.isTrue(yield* eve.isLoggedIn)
      assert.strictEqual(yield* refusal(operation[0], eve), "SessionExpired")
      assert.deepStrictEqual(yield* eve.state, { _tag: "LoggedOut", cause: "SessionExpired" })
      assert.strictEqual(yield* refusal(operation[0], eve), "NotLoggedIn")
    }).pipe(Effect.provide(Live))
  )

  it.effect("a user that is unknown is refused, as with a host", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(FunctionsApi.use((api) => api.call("max", "total", [[1]])))
      assert.strictEqual(error.reason._tag, "UnknownUser")
    }).pipe(Effect.provide(Live))
  )

  it.effect("the functions are not called for a user that is refused", () => {
    let calls = 0
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      yield* Effect.flip(Effect.flatMap(auth.user("out"), (user) => user.functionsOf(Shop).rename("x")))
      assert.strictEqual(calls, 0)
    }).pipe(
      Effect.provide(
        Mock.layer({
          users: [{ id: "out", state: "logged out" }],
          services: FunctionsApi.layerMock(Shop, { rename: () => Effect.sync(() => ++calls > 0) })
        })
      )
    )
  })

  it.effect("end with a logout, and are renewed", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const [ada, zoe] = [yield* auth.user("ada"), yield* auth.user("zoe")]
      const before = Option.getOrThrow(yield* ada.accessToken)
      assert.deepStrictEqual(yield* ada.refreshCustomData, { theme: "dark" })
      assert.notDeepEqual(Redacted.value(Option.getOrThrow(yield* ada.accessToken)), Redacted.value(before))
      yield* zoe.logOut
      assert.strictEqual(yield* refusal(operations[0], zoe), "NotLoggedIn")
    }).pipe(Effect.provide(Live))
  )

  it.effect("what a stand-in does not state still says so", () =>
    Effect.gen(function* () {
      const ada = yield* AuthApi.use((auth) => auth.user("ada"))
      assert.include(yield* message(ada.apiKeys.disable("1")), 'add "apiKeys" to Mock.user')
      assert.include(
        yield* message(ada.profile),
        'ProfileApi.get was used, and is not mocked: add "get" to Mock.service(ProfileApi, { ... })'
      )
    }).pipe(
      Effect.provide(
        Mock.layer({
          users: [{ id: "ada" }],
          services: Layer.mergeAll(
            Mock.service(ProfileApi, {}),
            Mock.service(ApiKeysApi, { forUser: () => Mock.user({ id: "x" }).apiKeys })
          )
        })
      )
    )
  )
})

describe("Mock.service", () => {
  it.effect("what a test does not state fails with the member's name, whatever kind of member it is", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const text = (member: string) =>
        `AuthApi.${member} was used, and is not mocked: add "${member}" to Mock.service(AuthApi, { ... })`
      assert.strictEqual(yield* message(auth.logIn(Credentials.anonymous())), text("logIn"))
      assert.strictEqual(yield* message(auth.currentUser), text("currentUser"))
      assert.strictEqual(yield* message(Effect.asVoid(auth.allUsers)), text("allUsers"))
      assert.strictEqual(yield* message(Stream.runCollect(auth.events)), text("events"))
      assert.strictEqual(yield* message(Stream.runDrain(Stream.take(auth.events, 1))), text("events"))
    }).pipe(Effect.provide(Mock.service(AuthApi, {})))
  )

  it.effect("a stated member is what it is, methods and effects", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      assert.isTrue(Option.isNone(yield* auth.currentUser))
      assert.strictEqual((yield* auth.user("x")).id, "x")
    }).pipe(
      Effect.provide(
        Mock.service(AuthApi, {
          currentUser: Effect.succeedNone,
          user: (id) => Effect.succeed(Mock.user({ id }))
        })
      )
    )
  )

  it.effect("members that answer with objects of effects are stood in for to the end", () =>
    Effect.gen(function* () {
      const store = yield* TokenStore
      const things = (yield* MongoDb).client("ada", "mongodb-atlas").db("shop").collection("things")
      assert.include(yield* message(store.forApp("my-app").get("ada")), "TokenStore.forApp was used")
      assert.include(yield* message(things.findOne({})), "MongoDb.client was used")
    }).pipe(Effect.provide(Layer.mergeAll(Mock.service(TokenStore, {}), Mock.service(MongoDb, {}))))
  )
})

describe("Mock.user", () => {
  it.effect("callFunction is behind every way to call a function", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const ada = Mock.user({
        id: "ada",
        callFunction: (name, ...args) => Effect.sync(() => (seen.push([name, args]), 42))
      })
      assert.strictEqual(yield* ada.functions.total([1]), 42)
      assert.strictEqual(yield* ada.functionsOf(Shop).total([2]), 42)
      assert.strictEqual(yield* ada.functionsWith({ service: "s" }).total([3]), 42)
      assert.deepStrictEqual(seen, [
        ["total", [[1]]],
        ["total", [[2]]],
        ["total", [[3]]]
      ])
    })
  )

  it.effect("what is not stated says so", () =>
    Effect.gen(function* () {
      const ada = Mock.user({ id: "ada" })
      assert.strictEqual(
        yield* message(ada.logOut),
        'User.logOut of "ada" was used, and is not mocked: add "logOut" to Mock.user({ id, ... })'
      )
      assert.include(yield* message(Stream.runDrain(ada.states)), "User.states")
      assert.include(yield* message(ada.linkCredentials(Credentials.apiKey("k"))), "User.linkCredentials")
    })
  )

  it.effect("what is undefined is not stated", () =>
    Effect.gen(function* () {
      const ada = Mock.user({
        id: "ada",
        callFunction: () => Effect.succeed(42),
        functions: undefined,
        logOut: undefined
      })
      assert.strictEqual(yield* ada.functions.total([1]), 42)
      assert.include(yield* message(ada.logOut), "User.logOut")
    })
  )
})
