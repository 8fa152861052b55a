import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Long, ObjectId, UUID } from "bson"
import { Data, Effect, Fiber, Option, Redacted, Schema } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { AuthApi, Bson, Credentials, EmailPasswordApi } from "effect-app-services"
import { App, FunctionContext } from "effect-app-services/server"
import { Faults, TestServer } from "effect-app-services/testing"
import { failure } from "../support/sdk.ts"

const value = (token: Option.Option<Redacted.Redacted>) => Redacted.value(Option.getOrThrow(token))
let created = 0
const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: true,
    apiKey: true,
    customFunction: ({ name }: { name: string }) => name
  },
  functions: {
    sum: (a: number, b: number) => Effect.succeed(a + b),
    echo: (value: unknown) => value,
    explode: () => Effect.fail(new Boom()),
    whoAmI: () => Effect.map(FunctionContext, (context) => context.user.id),
    nothing: () => undefined,
    never: () => Effect.never,
    hidden: { private: true, handler: () => 1 }
  },
  customUserData: () => ({ theme: "dark", since: new Date(5), logins: ++created })
})

const Live = TestServer.layer(app)
class Boom extends Data.TaggedError("Boom")<{}> {
  override readonly message = "boom"
}
const account = { email: "ada@example.com", password: "correct horse" }

describe("the SDK against the embedded server, in process", () => {
  it.effect("an anonymous user calls functions", () =>
    Effect.gen(function* () {
      const user = yield* (yield* AuthApi).logIn(Credentials.anonymous())
      assert.strictEqual(yield* user.functions.sum(20, 22), 42)
      assert.strictEqual(yield* user.functions.whoAmI(), user.id)
      assert.isUndefined(yield* user.functions.nothing())
    }).pipe(Effect.provide(Live))
  )

  it.effect("BSON values arrive as what they were, both ways", () => {
    const value = {
      id: new ObjectId(),
      at: new Date(0),
      big: Long.fromString("9007199254740993"),
      price: Decimal128.fromString("9.99"),
      uuid: new UUID(),
      nested: [{ deep: [1, -0, 1.5, 1e17, "Zoë 🦊", null] }]
    }
    return Effect.gen(function* () {
      const user = yield* (yield* AuthApi).logIn(Credentials.anonymous())
      assert.deepStrictEqual(yield* user.functions.echo(value), value)
    }).pipe(Effect.provide(Live))
  })

  it.effect("a registered user logs in; profile, identities and custom data are there", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      yield* (yield* EmailPasswordApi).registerUser(account)
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      assert.strictEqual((yield* user.profile).email, account.email)
      assert.deepStrictEqual(
        (yield* user.identities).map(({ providerType }) => providerType),
        ["local-userpass"]
      )
      const Data = Schema.Struct({ theme: Schema.String, since: Schema.Date, logins: Schema.Int })
      const before = yield* user.customDataAs(Data)
      assert.deepStrictEqual([before.theme, before.since], ["dark", new Date(5)])
      yield* TestClock.adjust("1 second")
      assert.notDeepEqual(yield* user.refreshCustomData, before)
      assert.isTrue(Schema.is(Bson.ObjectId)(new ObjectId(user.id)))
    }).pipe(Effect.provide(Live))
  )

  it.effect("a custom function logs in, the same user each time", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const first = yield* auth.logIn(Credentials.function({ name: "ada" }))
      const again = yield* auth.logIn(Credentials.function({ name: "ada" }))
      const other = yield* auth.logIn(Credentials.function({ name: "bob" }))
      assert.strictEqual(first.id, again.id)
      assert.notStrictEqual(first.id, other.id)
    }).pipe(Effect.provide(Live))
  )

  it.effect("refusals are typed", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const accounts = yield* EmailPasswordApi
      yield* accounts.registerUser(account)
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      const tag = <A>(
        effect: Effect.Effect<A, { readonly reason: { readonly _tag: string }; readonly message: string }>
      ) => Effect.map(failure(effect), (error) => error.reason._tag)
      assert.deepStrictEqual(
        yield* Effect.all([
          tag(auth.logIn(Credentials.emailPassword({ ...account, password: "wrong one" }))),
          tag(auth.logIn(Credentials.emailPassword({ ...account, email: "unknown@example.com" }))),
          tag(auth.logIn(Credentials.apiKey("no such key"))),
          tag(accounts.registerUser(account)),
          tag(accounts.registerUser({ email: "bob@example.com", password: "short" })),
          tag(user.functions.missing()),
          tag(user.functions.hidden()),
          tag(user.functions.explode())
        ]),
        [
          "InvalidCredentials",
          "InvalidCredentials",
          "InvalidCredentials",
          "AccountNameInUse",
          "RequestRejected",
          "FunctionNotFound",
          "FunctionFailed",
          "FunctionFailed"
        ]
      )
      const exploded = yield* failure(user.functions.explode())
      assert.include(exploded.message, "boom")
      // the link leads to the request in the server's log
      const [request] = (yield* (yield* TestServer.TestServer).requests).slice(-1)
      assert.isDefined(request?.logId)
      assert.strictEqual(
        "link" in exploded.reason && exploded.reason.link,
        `http://in-process.test/logs?co_id=${request?.logId}`
      )
    }).pipe(Effect.provide(Live))
  )

  it.effect("one clock moves both sides: access tokens are renewed, and after 60 days the session is over", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      yield* (yield* EmailPasswordApi).registerUser(account)
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      const first = yield* user.accessToken
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual(yield* user.functions.sum(1, 2), 3)
      assert.notStrictEqual(value(yield* user.accessToken), value(first))
      yield* TestClock.adjust("61 days")
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "SessionExpired")
      assert.deepStrictEqual([(yield* user.state)._tag, yield* user.refreshToken], ["LoggedOut", Option.none()])
    }).pipe(Effect.provide(Live))
  )

  it.effect("rejects a call after logging out, and logs in again", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      yield* (yield* EmailPasswordApi).registerUser(account)
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      yield* user.logOut
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).reason._tag, "NotLoggedIn")
      yield* auth.logIn(Credentials.emailPassword(account))
      assert.strictEqual(yield* user.functions.sum(1, 2), 3)
    }).pipe(Effect.provide(Live))
  )

  it.effect("each layer is a server of its own", () =>
    Effect.gen(function* () {
      yield* (yield* EmailPasswordApi).registerUser(account)
    }).pipe(Effect.provide(TestServer.layer(app)))
  )
})

describe("the requests that the server got", () => {
  const users = {
    ada: { email: account.email, password: account.password, session: "active", apiKeys: ["ci"] }
  } as const

  it.effect("counts requests by operation: concurrent calls share one refresh", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const ada = yield* server.user("ada")
      yield* TestClock.adjust("31 minutes")
      yield* Effect.all(
        Array.from({ length: 20 }, (_, index) => ada.functions.sum(index, 1)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* server.count("session.refresh"), 1)
      assert.strictEqual(yield* server.count("functions.call"), 20)
      assert.strictEqual(yield* server.count("session.logOut"), 0)
    }).pipe(Effect.provide(TestServer.layer(app, { users })))
  )

  it.effect("lists requests without seeding and without secrets", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      assert.deepStrictEqual(yield* server.requests, [])
      const ada = yield* server.user("ada")
      yield* ada.functions.sum(20, 22)
      yield* failure(AuthApi.use((auth) => auth.logIn(Credentials.emailPassword({ ...account, password: "wrong" }))))
      yield* failure(ada.functions.missing())
      yield* ada.apiKeys.fetch("64b7a1f2c3d4e5f6a7b8c9d0").pipe(failure)
      yield* HttpClient.get("http://in-process.test/other?secret=hush")
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map(({ call, method, operation, path, status, userId }) => [
          `${method} ${path.replace("/api/client/v2.0", "")}`,
          operation,
          status,
          userId === ada.id,
          call
        ]),
        [
          ["GET /app/my-app/location", "application.location", 200, false, undefined],
          ["POST /app/my-app/functions/call", "functions.call", 200, true, "sum"],
          ["POST /app/my-app/auth/providers/local-userpass/login", "authentication.logIn", 401, false, undefined],
          ["POST /app/my-app/functions/call", "functions.call", 404, true, "missing"],
          ["GET /auth/api_keys/64b7a1f2c3d4e5f6a7b8c9d0", "apiKeys.fetch", 404, true, undefined],
          ["GET /other", undefined, 404, false, undefined]
        ]
      )
      const { accessToken, refreshToken } = ada
      const told = JSON.stringify(requests)
      for (const secret of [value(yield* accessToken), value(yield* refreshToken), account.password, "hush", "wrong"]) {
        assert.notInclude(told, secret)
      }
    }).pipe(Effect.provide(TestServer.layer(app, { users })))
  )

  it.effect("does not list requests that a fault kept from the server", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const ada = yield* server.user("ada")
      yield* failure(ada.functions.sum(1, 2))
      assert.strictEqual(yield* server.count("functions.call"), 0)
      assert.strictEqual(yield* server.count("application.location"), 1)
    }).pipe(
      Effect.provide(
        TestServer.layer(app, { users, faults: [{ on: "/functions/call", nth: 1, fault: Faults.unreachable }] })
      )
    )
  )
})

describe("the options of the server", () => {
  it.effect("limit functions and attempts, and may ask to be told about requests", () => {
    const paths: Array<string> = []
    return Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.anonymous())
      const call = yield* Effect.forkChild(failure(user.functions.never()))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(call)).code, "ExecutionTimeLimitExceeded")
      const wrong = failure(auth.logIn(Credentials.emailPassword({ ...account, password: "wrong" })))
      assert.strictEqual((yield* wrong).reason._tag, "InvalidCredentials")
      assert.strictEqual((yield* wrong).reason._tag, "RateLimited")
      assert.strictEqual(paths.length, (yield* server.requests).length)
    }).pipe(
      Effect.provide(
        TestServer.layer(app, {
          server: {
            functionTimeLimit: "1 second",
            rateLimits: { logIn: { account: { limit: 1, window: "1 minute" } } },
            onRequest: ({ path }) => Effect.sync(() => void paths.push(path))
          }
        })
      )
    )
  })
})
