/** Accounts through `realm-web`, as published: what it asks of a server beyond logging in. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { MemoryStorage } from "effect-app-services/promise"
import { App, Inbox } from "effect-app-services/server"
import type * as Realm from "realm-web"
import { hs256, secret } from "./server/users/tokens.ts"
import { sdks } from "./support/sdks.ts"

type Question = { readonly username: string; readonly token: string; readonly tokenId: string }

const asked: Array<Question> = []
const decide = (question: Question, answer?: string) => {
  asked.push(question)
  return { status: answer ?? (question.username.includes("pending") ? "pending" : "success") }
}

const Server = Layer.suspend(() =>
  NodeAppServicesServer.layer(
    [
      App.make({
        id: "by-mail",
        providers: {
          anonymous: true,
          apiKey: true,
          emailPassword: { emailConfirmationUrl: "https://x.test/c", resetPasswordUrl: "https://x.test/r" },
          customFunction: ({ card }: { card: string }) => card,
          customToken: { algorithm: "HS256", keys: [Redacted.make(secret)] }
        }
      }),
      App.make({
        id: "by-function",
        providers: { emailPassword: { confirmationFunction: decide, resetFunction: decide } }
      }),
      App.make({ id: "at-once", providers: { anonymous: true, emailPassword: true } })
    ],
    { passwordHashing: "testing" }
  )
)

for (const [name, Sdk] of sdks) {
  /** A realm-web app of its own, so that no test sees another's users. */
  const connect = (id: string, storage?: MemoryStorage) =>
    Effect.map(
      NodeAppServicesServer.baseUrl,
      (baseUrl) => new Sdk.App({ id, baseUrl, ...(storage !== undefined && { storage }) })
    )

  const refusal = (request: () => Promise<unknown>) =>
    Effect.promise(() =>
      request().then(
        () => assert.fail("realm-web was not refused"),
        (error: unknown) => {
          if (!(error instanceof Sdk.MongoDBRealmError)) return assert.fail(String(error))
          return [error.statusCode, error.errorCode, error.error] as const
        }
      )
    )

  const lastMail = (to: string) =>
    Effect.map(
      Effect.flatMap(Inbox.Inbox, (inbox) => inbox.messages("by-mail")),
      (messages) => {
        const { token, tokenId } = messages.findLast((message) => message.to === to)!
        return { token: Redacted.value(token), tokenId }
      }
    )

  const password = "correct horse"
  const types = (user: Realm.User) => user.identities.map(({ providerType }) => providerType as string)

  layer(Server, { excludeTestServices: true })(name, (it) => {
    it.effect("registers, confirms, and has the mail sent again", () =>
      Effect.gen(function* () {
        const { emailPasswordAuth: auth } = yield* connect("by-mail")
        const email = "ada@example.com"
        assert.isUndefined(yield* Effect.promise(() => auth.registerUser({ email, password })))
        assert.isUndefined(yield* Effect.promise(() => auth.resendConfirmationEmail({ email })))
        const mail = yield* lastMail(email)
        assert.isUndefined(yield* Effect.promise(() => auth.confirmUser(mail)))
        assert.deepStrictEqual(yield* refusal(() => auth.confirmUser(mail)), [
          400,
          "UserpassTokenInvalid",
          "userpass token is expired or invalid"
        ])
        assert.deepStrictEqual(yield* refusal(() => auth.resendConfirmationEmail({ email })), [
          400,
          "UserAlreadyConfirmed",
          "already confirmed"
        ])
      })
    )

    it.effect("resets a password by e-mail", () =>
      Effect.gen(function* () {
        const app = yield* connect("by-mail")
        const auth = app.emailPasswordAuth
        const email = "bob@example.com"
        yield* Effect.promise(() => auth.registerUser({ email, password }))
        const confirmation = yield* lastMail(email)
        yield* Effect.promise(() => auth.confirmUser(confirmation))
        assert.isUndefined(yield* Effect.promise(() => auth.sendResetPasswordEmail({ email })))
        const mail = yield* lastMail(email)
        assert.isUndefined(yield* Effect.promise(() => auth.resetPassword({ ...mail, password: "battery staple" })))
        const credentials = Sdk.Credentials.emailPassword(email, "battery staple")
        assert.isTrue((yield* Effect.promise(() => app.logIn(credentials))).isLoggedIn)
        assert.deepStrictEqual(yield* refusal(() => auth.sendResetPasswordEmail({ email: "eve@example.com" })), [
          404,
          "UserNotFound",
          "user not found"
        ])
      })
    )

    it.effect("confirms and resets by function, with arguments", () =>
      Effect.gen(function* () {
        const app = yield* connect("by-function")
        const auth = app.emailPasswordAuth
        const email = "pending@example.com"
        yield* Effect.promise(() => auth.registerUser({ email, password }))
        assert.isUndefined(yield* Effect.promise(() => auth.retryCustomConfirmation({ email })))
        const { token, tokenId } = asked.at(-1)!
        yield* Effect.promise(() => auth.confirmUser({ token, tokenId }))
        const reset = (answer: string) => auth.callResetPasswordFunction({ email, password: "battery staple" }, answer)
        // any other answer fails; a text that may be a secret is not repeated in errors here
        assert.deepStrictEqual(yield* refusal(() => reset("neither")), [
          400,
          undefined,
          `failed to reset password for user "${email}"`
        ])
        assert.isUndefined(yield* Effect.promise(() => reset("success")))
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.emailPassword(email, "battery staple")))
        assert.deepStrictEqual(user.profile, { email })
        assert.deepStrictEqual(yield* refusal(() => auth.sendResetPasswordEmail({ email })), [
          400,
          "BadRequest",
          "please use reset password via function"
        ])
      })
    )

    it.effect("gets an error when it confirms although users are confirmed automatically", () =>
      Effect.gen(function* () {
        const { emailPasswordAuth: auth } = yield* connect("at-once")
        const email = "carl@example.com"
        yield* Effect.promise(() => auth.registerUser({ email, password }))
        assert.deepStrictEqual(yield* refusal(() => auth.retryCustomConfirmation({ email })), [
          400,
          "BadRequest",
          `cannot run confirmation for ${email}: automatic confirmation is enabled`
        ])
      })
    )

    it.effect("links credentials of every kind, and sees them in the order of linking", () =>
      Effect.gen(function* () {
        const app = yield* connect("by-mail")
        const email = "dora@example.com"
        yield* Effect.promise(() => app.emailPasswordAuth.registerUser({ email, password }))
        const mail = yield* lastMail(email)
        yield* Effect.promise(() => app.emailPasswordAuth.confirmUser(mail))
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous()))
        const { key } = yield* Effect.promise(() => user.apiKeys.create("laptop"))
        const jwt = hs256({ sub: "dora", aud: "by-mail", exp: 4_000_000_000 })
        const all = [
          Sdk.Credentials.emailPassword(email, password),
          Sdk.Credentials.apiKey(key),
          Sdk.Credentials.function({ card: "card-1" }),
          Sdk.Credentials.jwt(jwt)
        ]
        for (const credentials of all) yield* Effect.promise(() => user.linkCredentials(credentials))
        assert.deepStrictEqual(types(user), [
          "anon-user",
          "local-userpass",
          "api-key",
          "custom-function",
          "custom-token"
        ])
        for (const credentials of all) {
          const again = yield* Effect.promise(() => app.logIn(credentials))
          assert.strictEqual(again.id, user.id)
        }
      })
    )

    it.effect("stops after one rejected link", () =>
      Effect.gen(function* () {
        const app = yield* connect("by-mail")
        const owner = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "hers" })))
        const { key } = yield* Effect.promise(() => owner.apiKeys.create("hers"))
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "his" })))
        for (const credentials of [
          Sdk.Credentials.function({ card: "hers" }),
          Sdk.Credentials.emailPassword("ada@example.com", "wrong"),
          Sdk.Credentials.apiKey(key),
          Sdk.Credentials.apiKey("nonsense"),
          Sdk.Credentials.jwt("nonsense"),
          Sdk.Credentials.anonymous()
        ]) {
          const [status] = yield* refusal(() => user.linkCredentials(credentials))
          assert.strictEqual(status, 400)
        }
        assert.isTrue(user.isLoggedIn)
        assert.deepStrictEqual(types(user), ["custom-function"])
      })
    )

    it.effect("stops linking when its session is over", () =>
      Effect.gen(function* () {
        const app = yield* connect("by-mail")
        const baseUrl = yield* NodeAppServicesServer.baseUrl
        const user = yield* Effect.promise(() => app.logIn(Sdk.Credentials.anonymous()))
        yield* Effect.promise(() =>
          fetch(`${baseUrl}/api/client/v2.0/auth/session`, {
            method: "DELETE",
            headers: { authorization: `Bearer ${user.refreshToken}` }
          })
        )
        const refused = yield* refusal(() => user.linkCredentials(Sdk.Credentials.function({ card: "new" })))
        assert.deepStrictEqual(refused.slice(0, 2), [401, "InvalidSession"])
        assert.match(refused[2] ?? "", /^invalid session/)
      })
    )

    it.effect("manages API keys", () =>
      Effect.gen(function* () {
        const app = yield* connect("by-mail")
        // elsewhere: logging in by a key would take the place of the session that manages it
        const elsewhere = yield* connect("by-mail", new MemoryStorage())
        const { apiKeys } = yield* Effect.promise(() => app.logIn(Sdk.Credentials.function({ card: "keys" })))
        const { _id, key } = yield* Effect.promise(() => apiKeys.create("ci"))
        const fetched: object = yield* Effect.promise(() => apiKeys.fetch(_id))
        assert.deepStrictEqual(fetched, { _id, name: "ci", disabled: false })
        yield* Effect.promise(() => apiKeys.disable(_id))
        assert.deepStrictEqual(yield* refusal(() => elsewhere.logIn(Sdk.Credentials.apiKey(key))), [
          401,
          "AuthError",
          "unauthorized"
        ])
        yield* Effect.promise(() => apiKeys.enable(_id))
        assert.isTrue((yield* Effect.promise(() => elsewhere.logIn(Sdk.Credentials.apiKey(key)))).isLoggedIn)
        yield* Effect.promise(() => apiKeys.delete(_id))
        assert.deepStrictEqual(yield* refusal(() => apiKeys.fetch(_id)), [404, "APIKeyNotFound", "API key not found"])
      })
    )

    it.effect("deletes a user", () =>
      Effect.gen(function* () {
        const app = yield* connect("at-once")
        const email = "fred@example.com"
        yield* Effect.promise(() => app.emailPasswordAuth.registerUser({ email, password }))
        const credentials = Sdk.Credentials.emailPassword(email, password)
        const user = yield* Effect.promise(() => app.logIn(credentials))
        yield* Effect.promise(() => app.deleteUser(user))
        assert.isFalse(user.isLoggedIn)
        assert.deepStrictEqual(yield* refusal(() => app.logIn(credentials)), [401, "InvalidPassword", "unauthorized"])
      })
    )
  })
}
