/** The client that most applications have: `realm-web`, as published, against the embedded server over a socket. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { ShopServer } from "./support/shop.ts"
import { sdks } from "./support/sdks.ts"

const account = { email: "ada@example.com", password: "correct horse" }

for (const [name, Sdk] of sdks) {
  /** A realm-web app of its own, so that no test sees another's users. */
  const connect = Effect.map(NodeAppServicesServer.baseUrl, (baseUrl) => new Sdk.App({ id: "shop-abcde", baseUrl }))

  /** What realm-web rejects with. */
  const refusal = (request: () => Promise<unknown>) =>
    Effect.promise(() =>
      request().then(
        () => assert.fail("realm-web was not refused"),
        (error: unknown) => (error instanceof Sdk.MongoDBRealmError ? error : assert.fail(String(error)))
      )
    )

  const { ObjectId, Long, Decimal128 } = Sdk.BSON

  layer(ShopServer, { excludeTestServices: true })(name, (it) => {
    it.effect("logs in anonymously and calls a function", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous()))
        assert.strictEqual(yield* Effect.promise(() => user.functions.sum(20, 22)), 42)
        assert.strictEqual(user.providerType, "anon-user")
        assert.strictEqual(user.state, "active")
      })
    )

    it.effect("registers, logs in by e-mail and password, and sees its profile", () =>
      Effect.gen(function* () {
        const app = yield* connect
        yield* Effect.promise(() => app.emailPasswordAuth.registerUser(account))
        const user = yield* Effect.promise(() =>
          app.logIn(Sdk.Credentials.emailPassword(account.email, account.password))
        )
        assert.deepStrictEqual(user.profile, { email: account.email })
        assert.deepStrictEqual(
          user.identities.map(({ providerType }) => providerType),
          ["local-userpass"]
        )
      })
    )

    it.effect("is refused with a wrong password as the hosted service refused it", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const credentials = Sdk.Credentials.emailPassword(account.email, "wrong one")
        const error = yield* refusal(() => app.logIn(credentials))
        assert.deepStrictEqual(
          [error.statusCode, error.error, error.errorCode],
          [401, "unauthorized", "InvalidPassword"]
        )
        assert.match(
          error.link ?? "",
          new RegExp(`^${yield* NodeAppServicesServer.baseUrl}/logs\\?co_id=[0-9a-f]{24}$`)
        )
      })
    )

    it.effect("sends and receives BSON", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous()))
        const value = {
          id: new ObjectId("5f1d7f3e9c1b2a0012345678"),
          at: new Date(5),
          price: Decimal128.fromString("9.99"),
          list: [1, 2.5, "three", null, { four: true }]
        }
        assert.deepStrictEqual(yield* Effect.promise(() => user.functions.echo(value)), value)
        // realm-web itself rounds 64-bit integers to numbers
        const big = yield* Effect.promise(() => user.functions.echo(Long.fromString("5000000000")))
        assert.strictEqual(big, 5_000_000_000)
      })
    )

    it.effect("sees a function's failure", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous()))
        const error = yield* refusal(() => user.functions.fail("boom"))
        assert.deepStrictEqual(
          [error.statusCode, error.error, error.errorCode],
          [400, "Error: boom", "FunctionExecutionError"]
        )
      })
    )

    it.effect("reads custom data and refreshes it", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "card-1" })))
        assert.strictEqual(user.customData["theme"], "light")
        yield* Effect.promise(() => user.functions.setTheme("dark"))
        const refreshed = yield* Effect.promise(() => user.refreshCustomData())
        assert.strictEqual(refreshed["theme"], "dark")
        assert.strictEqual(user.customData["theme"], "dark")
      })
    )

    it.effect("creates an API key and logs in with it as the same user", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "card-2" })))
        const created = yield* Effect.promise(() => user.apiKeys.create("laptop"))
        const again = yield* Effect.promise(() => app.logIn(Sdk.Credentials.apiKey(created.key)))
        assert.strictEqual(again.id, user.id)
        const keys = yield* Effect.promise(() => user.apiKeys.fetchAll())
        assert.deepStrictEqual(
          keys.map(({ name }) => name),
          ["laptop"]
        )
      })
    )

    it.effect("logs out, and its refresh token is dead", () =>
      Effect.gen(function* () {
        const app = yield* connect
        const baseUrl = yield* NodeAppServicesServer.baseUrl
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous()))
        const refreshToken = user.refreshToken
        yield* Effect.promise(() => user.logOut())
        assert.strictEqual(user.state, "logged-out")
        const answer = yield* Effect.promise(() =>
          fetch(`${baseUrl}/api/client/v2.0/auth/session`, {
            method: "POST",
            headers: { authorization: `Bearer ${refreshToken}` }
          })
        )
        assert.strictEqual(answer.status, 401)
        assert.include(yield* Effect.promise(() => answer.text()), "failed to find refresh token")
      })
    )

    const forged = (token: string | null) => `${token?.slice(0, token.lastIndexOf("."))}.${"A".repeat(43)}`
    const unusable = [
      ["with a signature that is invalid", forged],
      ["that is garbled", (token: string | null) => `${token?.slice(0, 40)}`],
      ["that is not a token", () => "invalid"]
    ] as const

    it.effect.each(unusable)("refreshes invalid access tokens: one %s", ([, spoil]) =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous(false)))
        Object.assign(user, { accessToken: spoil(user.accessToken) })
        const spoiled = user.accessToken
        assert.strictEqual(yield* Effect.promise(() => user.functions.sum(20, 22)), 42)
        assert.notStrictEqual(user.accessToken, spoiled)
      })
    )

    it.effect.each(unusable)("ends its session where the refresh token is refused too: both %s", ([, spoil]) =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "card-3" })))
        Object.assign(user, { accessToken: spoil(user.accessToken), refreshToken: spoil(user.refreshToken) })
        const error = yield* refusal(() => user.functions.sum(20, 22))
        assert.deepStrictEqual([error.method, error.errorCode], ["POST", "InvalidSession"])
        assert.deepStrictEqual([user.state, user.accessToken, user.refreshToken], ["logged-out", null, null])
        const again = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "card-3" })))
        assert.strictEqual(yield* Effect.promise(() => again.functions.sum(20, 22)), 42)
      })
    )

    it.effect.each(unusable)("logs out with a refresh token %s", ([, spoil]) =>
      Effect.gen(function* () {
        const app = yield* connect
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous(false)))
        Object.assign(user, { refreshToken: spoil(user.refreshToken) })
        yield* Effect.promise(() => user.logOut())
        assert.strictEqual(user.state, "logged-out")
      })
    )
  })
}
