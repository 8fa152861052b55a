/** Unmodified realm-web: accounts with e-mail and password, and API keys. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { connect, Realm, refused } from "../realmWeb.ts"
import { unique } from "../wire.ts"

const { Credentials } = Realm
const password = "secret1"

export default [
  topic("realm-web: emailPasswordAuth", {
    "registers, logs in and links; rejects a wrong password and a name in use": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const email = `${unique("web")}@example.com`
      await app.emailPasswordAuth.registerUser({ email, password })
      const taken = app.emailPasswordAuth.registerUser({ email, password })
      await refused(taken, 409, "AccountNameInUse", "name already in use")
      const wrong = app.logIn(Credentials.emailPassword(email, "another"))
      await refused(wrong, 401, "InvalidPassword", "unauthorized")
      const user = await app.logIn(Credentials.anonymous())
      await user.linkCredentials(Credentials.emailPassword(email, password))
      assert.deepEqual(user.profile, { email })
    },
    "rejects with the messages of the hosted service": async ({ baseUrl }) => {
      const { emailPasswordAuth } = connect(baseUrl).app
      const email = "nobody@example.com"
      const short = emailPasswordAuth.registerUser({ email, password: "short" })
      await refused(short, 400, "BadRequest", "password must be between 6 and 128 characters")
      await refused(
        emailPasswordAuth.retryCustomConfirmation({ email }),
        400,
        "BadRequest",
        `cannot run confirmation for ${email}: automatic confirmation is enabled`
      )
      const byMail = emailPasswordAuth.sendResetPasswordEmail({ email })
      await refused(byMail, 400, "BadRequest", "please use reset password via function")
      const unknown = emailPasswordAuth.resendConfirmationEmail({ email })
      await refused(unknown, 404, "UserNotFound", "user not found")
      const nonsense = { token: "bad", tokenId: "bad" }
      await refused(emailPasswordAuth.confirmUser(nonsense), 400, "BadRequest", "invalid token data")
      const reset = emailPasswordAuth.resetPassword({ ...nonsense, password })
      await refused(reset, 400, "BadRequest", "invalid token data")
    },
    "resets by a function, which gets the arguments unchanged": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const email = `${unique("web")}@example.com`
      await app.emailPasswordAuth.registerUser({ email, password })
      const account = { email, password: "secret2" }
      const refusedBy = app.emailPasswordAuth.callResetPasswordFunction(account, "fail")
      await refused(refusedBy, 400, undefined, `failed to reset password for user "${email}"`)
      await app.emailPasswordAuth.callResetPasswordFunction(account, "success")
      await app.logIn(Credentials.emailPassword(email, "secret2"))
    },
    "confirms and resets by e-mail": async ({ baseUrl, mail }) => {
      const { app } = connect(baseUrl, { id: "conform-mail" })
      const email = `${unique("web")}@example.com`
      await app.emailPasswordAuth.registerUser({ email, password })
      await mail(email)
      await app.emailPasswordAuth.resendConfirmationEmail({ email })
      const { token, tokenId } = await mail(email)
      await app.emailPasswordAuth.confirmUser({ token, tokenId })
      await app.emailPasswordAuth.sendResetPasswordEmail({ email })
      const reset = await mail(email)
      await app.emailPasswordAuth.resetPassword({ password: "secret2", token: reset.token, tokenId: reset.tokenId })
      await app.logIn(Credentials.emailPassword(email, "secret2"))
    },
    "confirms by a function": async ({ baseUrl }) => {
      const { app } = connect(baseUrl, { id: "conform-asked" })
      const email = `fail-${unique("web")}@example.com`
      const failed = app.emailPasswordAuth.registerUser({ email, password })
      await refused(failed, 400, "BadRequest", `failed to confirm user "${email}"`)
      const retried = app.emailPasswordAuth.retryCustomConfirmation({ email })
      await refused(retried, 404, "UserNotFound", "user not found")
    }
  }),

  topic("realm-web: apiKeys", {
    "creates, fetches, disables, enables and deletes a key": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const user = await app.logIn(Credentials.function({ id: unique("web") }))
      const { _id: id, key, ...rest } = await user.apiKeys.create("laptop")
      assert.equal(typeof id, "string")
      assert.deepEqual(rest, { name: "laptop", disabled: false })
      assert.deepEqual(await user.apiKeys.fetch(id), { _id: id, name: "laptop", disabled: false })
      assert.deepEqual(await user.apiKeys.fetchAll(), [{ _id: id, name: "laptop", disabled: false }])
      assert.equal((await app.logIn(Credentials.apiKey(key))).id, user.id)
      await user.apiKeys.disable(id)
      await refused(app.logIn(Credentials.apiKey(key)), 401, "AuthError", "unauthorized")
      await user.apiKeys.enable(id)
      await connect(baseUrl).app.logIn(Credentials.apiKey(key))
    },
    "deletes a key that the session did not begin with": async ({ baseUrl }) => {
      const { app } = connect(baseUrl)
      const user = await app.logIn(Credentials.function({ id: unique("web") }))
      const { _id: id } = await user.apiKeys.create("laptop")
      await user.apiKeys.delete(id)
      await refused(user.apiKeys.fetch(id), 404, "APIKeyNotFound", "API key not found")
      await refused(user.apiKeys.create("é"), 400, "InvalidParameter", /can only contain ASCII letters/)
    }
  })
]
