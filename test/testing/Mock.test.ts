import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Schema, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import {
  AuthApi,
  Credentials,
  EmailPasswordApi,
  FunctionContract,
  FunctionsApi,
  MongoDb,
  ProfileApi,
  TokenStore
} from "effect-app-services"
import { Mock } from "effect-app-services/testing"

const Shop = FunctionContract.make({
  total: { args: [Schema.Array(Schema.Finite)], returns: Schema.Finite },
  rename: { args: [Schema.String], returns: Schema.Boolean }
})
const total = (prices: ReadonlyArray<number>) => prices.reduce((sum, price) => sum + price, 0)

/** What a user's backend does: it acts for whoever the request is from. */
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
      assert.deepStrictEqual(yield* (yield* auth.user("eve")).state, { _tag: "LoggedOut", cause: "SessionExpired" })
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
})
