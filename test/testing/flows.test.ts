/** Whole flows of accounts: the SDK and the server together, in process. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
import { Admin, App, Inbox } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { SignJWT } from "jose"
import { failure } from "../support/sdk.ts"

const account = { email: "ada@example.com", password: "correct horse" }
const secret = "a signing key of at least thirty-two characters"
const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: {
      autoConfirm: false,
      emailConfirmationUrl: "https://shop.test/confirm",
      resetPasswordUrl: "https://shop.test/reset"
    },
    apiKey: true,
    customToken: { algorithm: "HS256", keys: [secret] }
  },
  push: ["gcm"],
  functions: { sum: (a: number, b: number) => a + b }
})
const Live = TestServer.layer(app)

const newestMail = Effect.gen(function* () {
  const inbox = yield* Inbox.Inbox
  const mail = (yield* inbox.messages("my-app")).at(-1)
  return mail === undefined ? assert.fail("no mail") : mail
})

const confirmed = Effect.gen(function* () {
  const accounts = yield* EmailPasswordApi
  yield* accounts.registerUser(account)
  const { token, tokenId } = yield* newestMail
  yield* accounts.confirmUser({ token, tokenId })
})

describe("an account", () => {
  it.effect("logs in once its e-mail is confirmed; a link works once", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const accounts = yield* EmailPasswordApi
      yield* accounts.registerUser(account)
      const early = yield* failure(auth.logIn(Credentials.emailPassword(account)))
      assert.deepStrictEqual([early.reason._tag, early.code], ["InvalidCredentials", "AuthError"])
      yield* accounts.resendConfirmationEmail({ email: account.email })
      const mail = yield* newestMail
      assert.strictEqual(mail.to, account.email)
      yield* accounts.confirmUser(mail)
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      assert.strictEqual((yield* user.profile).email, account.email)
      assert.strictEqual((yield* failure(accounts.confirmUser(mail))).reason._tag, "RequestRejected")
      assert.strictEqual(
        (yield* failure(accounts.resendConfirmationEmail({ email: account.email }))).code,
        "UserAlreadyConfirmed"
      )
    }).pipe(Effect.provide(Live))
  )

  it.effect("a new password ends the sessions of the old one; a link lives 30 minutes", () =>
    Effect.gen(function* () {
      yield* confirmed
      const auth = yield* AuthApi
      const accounts = yield* EmailPasswordApi
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      yield* accounts.sendResetPasswordEmail({ email: account.email })
      const late = yield* newestMail
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual(
        (yield* failure(accounts.resetPassword({ ...late, password: "n3w password" }))).code,
        "UserpassTokenInvalid"
      )
      yield* accounts.sendResetPasswordEmail({ email: account.email })
      yield* accounts.resetPassword({ ...(yield* newestMail), password: Redacted.make("n3w password") })
      assert.strictEqual(
        (yield* failure(auth.logIn(Credentials.emailPassword(account)))).reason._tag,
        "InvalidCredentials"
      )
      assert.strictEqual((yield* failure(user.refreshCustomData)).reason._tag, "SessionExpired")
      yield* auth.logIn(Credentials.emailPassword({ ...account, password: "n3w password" }))
    }).pipe(Effect.provide(Live))
  )

  it.effect("an anonymous user becomes it by linking; another user cannot link it", () =>
    Effect.gen(function* () {
      yield* confirmed
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.anonymous())
      const other = yield* auth.logIn(Credentials.anonymous())
      const wrong = yield* failure(
        user.linkCredentials(Credentials.emailPassword({ ...account, password: "wrong one" }))
      )
      assert.strictEqual(wrong.reason._tag, "LinkRefused")
      yield* user.linkCredentials(Credentials.emailPassword(account))
      assert.strictEqual(
        (yield* failure(other.linkCredentials(Credentials.emailPassword(account)))).reason._tag,
        "LinkRefused"
      )
      assert.strictEqual(yield* other.functions.sum(1, 2), 3)
      assert.strictEqual((yield* auth.logIn(Credentials.emailPassword(account))).id, user.id)
    }).pipe(Effect.provide(Live))
  )

  it.effect("is gone after deleteUser, and disabled by an administrator", () =>
    Effect.gen(function* () {
      yield* confirmed
      const auth = yield* AuthApi
      const admin = yield* Admin.Admin
      const user = yield* auth.logIn(Credentials.emailPassword(account))
      yield* admin.disableUser("my-app", user.id)
      assert.strictEqual((yield* failure(user.functions.sum(1, 2))).code, "UserDisabled")
      assert.strictEqual((yield* failure(auth.logIn(Credentials.emailPassword(account)))).code, "UserDisabled")
      yield* admin.enableUser("my-app", user.id)
      const again = yield* auth.logIn(Credentials.emailPassword(account))
      yield* auth.deleteUser(again.id)
      assert.strictEqual(
        (yield* failure(auth.logIn(Credentials.emailPassword(account)))).reason._tag,
        "InvalidCredentials"
      )
    }).pipe(Effect.provide(Live))
  )
})

it.effect("a JSON Web Token of another provider logs in, until it expires", () =>
  Effect.gen(function* () {
    const auth = yield* AuthApi
    const token = yield* Effect.promise(() =>
      new SignJWT({ sub: "external-1" })
        .setProtectedHeader({ alg: "HS256" })
        .setAudience("my-app")
        .setExpirationTime(600)
        .sign(new TextEncoder().encode(secret))
    )
    const user = yield* auth.logIn(Credentials.jwt(token))
    assert.deepStrictEqual(yield* user.identities, [{ id: "external-1", providerType: "custom-token" }])
    yield* TestClock.adjust("11 minutes")
    assert.strictEqual((yield* failure(auth.logIn(Credentials.jwt(token)))).reason._tag, "InvalidCredentials")
  }).pipe(Effect.provide(Live))
)

it.effect("a device registers for push messages", () =>
  Effect.gen(function* () {
    const user = yield* (yield* AuthApi).logIn(Credentials.anonymous())
    const admin = yield* Admin.Admin
    yield* user.push("gcm").register("device-token")
    yield* user.push("gcm").register("device-token")
    const [registration, ...more] = yield* admin.pushRegistrations("my-app")
    assert.deepStrictEqual([registration?.userId, registration?.service, more.length], [user.id, "gcm", 0])
    yield* user.push("gcm").deregister
    yield* user.push("gcm").deregister
    assert.deepStrictEqual(yield* admin.pushRegistrations("my-app"), [])
    assert.strictEqual((yield* failure(user.push("apns").register("t"))).code, "ServiceNotFound")
  }).pipe(Effect.provide(Live))
)
