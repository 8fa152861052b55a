/** Accounts with e-mail and password, raw: every endpoint, with every configuration of an application (§4). */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import type { Host } from "../host.ts"
import { coreHeaders, fails, loggedIn, loginPath, type Reply, root, send, unique, userpassPath } from "../wire.ts"

/** The applications: confirmed at once and reset by a function; both by e-mail; confirmed by a function. */
type Mode = "conform-main" | "conform-mail" | "conform-asked"

const post = ({ baseUrl }: Host, app: Mode, path: string, body: unknown): Promise<Reply> =>
  send(baseUrl, "POST", userpassPath(path, app), { headers: coreHeaders, body })

const logIn = ({ baseUrl }: Host, app: Mode, email: string, password: string): Promise<Reply> =>
  send(baseUrl, "POST", loginPath("local-userpass", app), { body: { username: email, password } })

const isDone = ({ status, text }: Reply) => assert.ok(status >= 200 && status < 300, `${status} ${text}`)

const password = "secret1"
/** A new address each time, because requests per address are rate-limited. */
const stranger = () => ({ email: `${unique("nobody")}@example.com`, password, arguments: [] })
const wellFormed = { token: "0".repeat(128), tokenId: "5f1d7f3e9c1b2a0012345678" }

export default [
  topic("§4 confirmed at once", {
    "registers and logs in; the profile has the address": async (host) => {
      const email = `${unique("auto")}@example.com`
      const reply = await post(host, "conform-main", "register", { email, password })
      assert.equal(reply.status, 201)
      const { access } = loggedIn(await logIn(host, "conform-main", email, password))
      const { json } = await send(host.baseUrl, "GET", `${root}/auth/profile`, { token: access })
      assert.deepEqual(json["data"], { email })
      const identities: unknown = json["identities"]
      assert.ok(Array.isArray(identities))
      assert.match(String(identities[0].id), /^[0-9a-f]{24}$/)
      assert.deepEqual(identities[0].provider_data, { email })
      fails(
        await post(host, "conform-main", "register", { email, password }),
        409,
        "AccountNameInUse",
        "name already in use"
      )
      fails(
        await post(host, "conform-main", "confirm/send", { email }),
        400,
        "UserAlreadyConfirmed",
        "already confirmed"
      )
    },
    "a deleted user's address is unknown and can be registered again": async (host) => {
      const email = `${unique("deleted")}@example.com`
      isDone(await post(host, "conform-main", "register", { email, password }))
      const { access, id } = loggedIn(await logIn(host, "conform-main", email, password))
      isDone(await send(host.baseUrl, "DELETE", `${root}/auth/delete`, { token: access }))
      fails(await logIn(host, "conform-main", email, password), 401, "InvalidPassword", "unauthorized")
      isDone(await post(host, "conform-main", "register", { email, password }))
      assert.notEqual(loggedIn(await logIn(host, "conform-main", email, password)).id, id)
    },
    "requires a password of 6 to 128 characters and a non-empty address": async (host) => {
      const text = "password must be between 6 and 128 characters"
      for (const bad of ["", "short", "x".repeat(129)]) {
        const body = { email: "length@example.com", password: bad }
        fails(await post(host, "conform-main", "register", body), 400, "BadRequest", text)
      }
      fails(await post(host, "conform-main", "register", { email: "", password }), 400, "BadRequest", "email invalid")
    },
    "a field that is missing or not a string is a 400": async (host) => {
      for (const body of [{}, { email: "a@b.c" }, { password }, { email: 5, password }, undefined, "[]"]) {
        assert.equal((await post(host, "conform-main", "register", body)).status, 400)
      }
      for (const path of ["confirm", "confirm/send", "confirm/call", "reset", "reset/send", "reset/call"]) {
        assert.equal((await post(host, "conform-main", path, {})).status, 400, path)
      }
    },
    "ignores another user's token in the header": async ({ baseUrl }) => {
      for (const token of ["null", "", "a.b.c"]) {
        const reply = await send(baseUrl, "POST", userpassPath("reset/send"), { token, body: stranger() })
        assert.notEqual(reply.status, 401)
      }
    },
    "has no confirmation function to run": async (host) => {
      for (const email of ["nobody@example.com", "anybody@example.com"]) {
        const reply = await post(host, "conform-main", "confirm/call", { email })
        fails(reply, 400, "BadRequest", `cannot run confirmation for ${email}: automatic confirmation is enabled`)
      }
    },
    "sends no confirmation to an unknown address": async (host) => {
      fails(await post(host, "conform-main", "confirm/send", stranger()), 404, "UserNotFound", "user not found")
    }
  }),

  topic("§4 reset by a function", {
    "the reset function decides alone, whatever the tokens are": async (host) => {
      const email = `${unique("reset")}@example.com`
      isDone(await post(host, "conform-main", "register", { email, password }))
      const ask = (next: string, ...args: ReadonlyArray<unknown>) =>
        post(host, "conform-main", "reset/call", { email, password: next, arguments: args })
      const refused = await ask("secret2", "fail")
      fails(refused, 400, undefined, `failed to reset password for user "${email}"`)
      fails(await ask("secret2"), 400, undefined, `failed to reset password for user "${email}"`)
      isDone(await ask("secret2", "pending"))
      isDone(await ask(password, "if-valid"))
      fails(await ask("secret2", "if-valid"), 400, undefined, /failed to reset password/)
      isDone(await ask("secret3", "success"))
      fails(await logIn(host, "conform-main", email, password), 401, "InvalidPassword", "unauthorized")
      loggedIn(await logIn(host, "conform-main", email, "secret3"))
    },
    "accepts a missing list of arguments": async (host) => {
      const { arguments: _, ...body } = stranger()
      for (const given of [body, { ...body, arguments: null }]) {
        fails(await post(host, "conform-main", "reset/call", given), 404, "UserNotFound", "user not found")
      }
    },
    "rejects an unknown user": async (host) => {
      fails(await post(host, "conform-main", "reset/call", stranger()), 404, "UserNotFound", "user not found")
    },
    "does not send e-mails": async (host) => {
      const text = "please use reset password via function"
      fails(await post(host, "conform-main", "reset/send", stranger()), 400, "BadRequest", text)
    }
  }),

  topic("§4 by e-mail", {
    "confirms once with the token of the e-mail": async (host) => {
      const email = `${unique("mail")}@example.com`
      isDone(await post(host, "conform-mail", "register", { email, password }))
      const { token, tokenId, url } = await host.mail(email)
      const page = new URL(url ?? "")
      assert.equal(page.origin + page.pathname, "https://example.com/confirm")
      assert.deepEqual([page.searchParams.get("token"), page.searchParams.get("tokenId")], [token, tokenId])
      isDone(await post(host, "conform-mail", "confirm", { token, tokenId }))
      loggedIn(await logIn(host, "conform-mail", email, password))
      const again = await post(host, "conform-mail", "confirm", { token, tokenId })
      fails(again, 400, "UserpassTokenInvalid", "userpass token is expired or invalid")
      const resent = await post(host, "conform-mail", "confirm/send", { email })
      fails(resent, 400, "UserAlreadyConfirmed", "already confirmed")
    },
    "sends the e-mail again, and resets once with its token": async (host) => {
      const email = `${unique("resend")}@example.com`
      isDone(await post(host, "conform-mail", "register", { email, password }))
      await host.mail(email)
      isDone(await post(host, "conform-mail", "confirm/send", { email }))
      const { token, tokenId } = await host.mail(email)
      isDone(await post(host, "conform-mail", "confirm", { token, tokenId }))
      isDone(await post(host, "conform-mail", "reset/send", { email }))
      const mail = await host.mail(email)
      assert.equal(new URL(mail.url ?? "").searchParams.get("from"), "mail")
      const reset = { token: mail.token, tokenId: mail.tokenId }
      fails(
        await post(host, "conform-mail", "reset", { ...reset, password: "short" }),
        400,
        "BadRequest",
        "password must be between 6 and 128 characters"
      )
      isDone(await post(host, "conform-mail", "reset", { ...reset, password: "secret2" }))
      loggedIn(await logIn(host, "conform-mail", email, "secret2"))
      fails(
        await post(host, "conform-mail", "reset", { ...reset, password: "secret3" }),
        400,
        "UserpassTokenInvalid",
        "userpass token is expired or invalid"
      )
    },
    "distinguishes a malformed token from a used one": async (host) => {
      for (const path of ["confirm", "reset"]) {
        for (const nonsense of [
          { token: "bad", tokenId: "bad" },
          { ...wellFormed, tokenId: "bad" }
        ]) {
          const reply = await post(host, "conform-mail", path, { ...nonsense, password })
          fails(reply, 400, "BadRequest", "invalid token data")
        }
        const spent = await post(host, "conform-mail", path, { ...wellFormed, password })
        fails(spent, 400, "UserpassTokenInvalid", "userpass token is expired or invalid")
      }
    },
    "rejects an unknown user": async (host) => {
      for (const path of ["confirm/send", "reset/send"]) {
        fails(await post(host, "conform-mail", path, stranger()), 404, "UserNotFound", "user not found")
      }
    },
    "has no functions to run": async (host) => {
      for (const path of ["confirm/call", "reset/call"]) {
        assert.equal((await post(host, "conform-mail", path, stranger())).status, 400)
      }
    }
  }),

  topic("§4 confirmed by a function", {
    "`success` confirms, `pending` waits, `fail` registers no user": async (host) => {
      const email = `success-${unique("asked")}@example.com`
      assert.equal((await post(host, "conform-asked", "register", { email, password })).status, 201)
      const pending = `pending-${unique("asked")}@example.com`
      assert.equal((await post(host, "conform-asked", "register", { email: pending, password })).status, 201)
      fails(await logIn(host, "conform-asked", pending, password), 401, "AuthError", "unauthorized")
      isDone(await post(host, "conform-asked", "confirm/call", { email: pending }))
      const again = await post(host, "conform-asked", "confirm/call", { email })
      fails(again, 400, "UserAlreadyConfirmed", "already confirmed")
      const failing = { email: `fail-${unique("asked")}@example.com`, password }
      for (let i = 0; i < 2; i++) {
        const reply = await post(host, "conform-asked", "register", failing)
        fails(reply, 400, "BadRequest", `failed to confirm user "${failing.email}"`)
      }
    },
    "rejects an unknown user": async (host) => {
      for (const path of ["confirm/call", "confirm/send"]) {
        fails(await post(host, "conform-asked", path, stranger()), 404, "UserNotFound", "user not found")
      }
    }
  }),

  topic("§4 without the provider", {
    "every endpoint answers with the same error": async ({ baseUrl }) => {
      // without the provider there is neither login nor registration
      for (const path of ["register", "confirm/send", "reset/send", "confirm/call", "reset/call"]) {
        const reply = await send(baseUrl, "POST", userpassPath(path, "conform-bare"), { body: stranger() })
        fails(reply, [400, 404], undefined, "authentication via 'local-userpass' is unsupported")
      }
    }
  })
]
