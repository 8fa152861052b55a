/** Expired tokens, time limits of functions, and users whom an administrator disables. */
import assert from "node:assert/strict"
import { hastily } from "../hasty.ts"
import { topic } from "../harness.ts"
import { connect, Realm, refused } from "../realmWeb.ts"
import { base64, decode, read } from "../events.ts"
import { appPath, call, fails, logIn, loginPath, root, send, someone, succeeds, unique } from "../wire.ts"

const profile = `${root}/auth/profile`
const session = `${root}/auth/session`

export default [
  topic("§5.1 expired tokens", {
    "an expired access token is InvalidSession, and a refresh helps": () =>
      hastily(async ({ baseUrl, pass }) => {
        const { access, refresh } = await someone(baseUrl)
        pass("29 minutes")
        succeeds(await send(baseUrl, "GET", profile, { token: access }))
        pass("1 minute")
        fails(await send(baseUrl, "GET", profile, { token: access }), 401, "InvalidSession", "invalid session")
        const query = `baas_request=${encodeURIComponent(base64({ name: "numbers", arguments: [1] }))}`
        const stream = await send(baseUrl, "GET", `${appPath("functions/call")}?${query}&baas_at=${access}`)
        fails(stream, 401, "InvalidSession", "invalid session")
        const { json } = succeeds(await send(baseUrl, "POST", session, { token: refresh }), 201)
        succeeds(await send(baseUrl, "GET", profile, { token: String(json["access_token"]) }))
        // routes that require no token ignore an expired one
        const body = { id: unique("expired") }
        succeeds(await send(baseUrl, "POST", loginPath("custom-function"), { token: access, body }))
      }),
    "an expired refresh token is InvalidSession, and the session is over": () =>
      hastily(async ({ baseUrl, pass }) => {
        const { refresh } = await someone(baseUrl)
        pass("59 days")
        succeeds(await send(baseUrl, "POST", session, { token: refresh }), 201)
        pass("1 day")
        for (const method of ["POST", "DELETE"]) {
          fails(await send(baseUrl, method, session, { token: refresh }), 401, "InvalidSession", /^invalid session/)
        }
      }),
    "realm-web refreshes by itself, and stops when it cannot": () =>
      hastily(async ({ baseUrl, pass }) => {
        const { app, requests } = connect(baseUrl)
        const user = await app.logIn(Realm.Credentials.function({ id: unique("expired") }))
        const first = user.accessToken
        pass("1 hour")
        requests()
        assert.equal(await user.functions.sum(1, 2), 3)
        assert.deepEqual(requests(), ["POST /functions/call", "POST /auth/session", "POST /functions/call"])
        assert.notEqual(user.accessToken, first)
        pass("60 days")
        await refused(user.functions.callFunction("sum", 1), 401, "InvalidSession", /^invalid session/)
        assert.deepEqual(requests(), ["POST /functions/call", "POST /auth/session"])
        assert.equal(user.state, "logged-out")
      })
  }),

  topic("§3.3 disabled users", {
    "disabled users are rejected everywhere until they are enabled": () =>
      hastily(async ({ baseUrl, disableUser, enableUser }) => {
        const body = { id: "disabled" }
        const user = await logIn(baseUrl, "custom-function", body)
        await disableUser(user.id)
        fails(await send(baseUrl, "POST", loginPath("custom-function"), { body }), [401, 403], "UserDisabled", /./)
        const called = await call(baseUrl, user, "sum", 1)
        assert.ok(called.status === 403, "a 401 would make clients refresh, which cannot help")
        assert.equal(called.json["error_code"], "UserDisabled")
        const refreshed = await send(baseUrl, "POST", session, { token: user.refresh })
        assert.ok(refreshed.status === 401 || refreshed.status === 403, refreshed.text)
        await enableUser(user.id)
        assert.equal((await logIn(baseUrl, "custom-function", body)).id, user.id)
      }),
    "realm-web does not repeat without end": () =>
      hastily(async ({ baseUrl, disableUser }) => {
        const { app, requests } = connect(baseUrl)
        const user = await app.logIn(Realm.Credentials.function({ id: "disabled" }))
        await disableUser(user.id)
        requests()
        await assert.rejects(user.functions.callFunction("sum", 1))
        await assert.rejects(user.refreshCustomData())
        await assert.rejects(app.logIn(Realm.Credentials.function({ id: "disabled" })))
        assert.ok(requests().length <= 5)
      })
  }),

  topic("§7.1 time limits", {
    "a function that never ends, or never yields, fails at its time limit": () =>
      hastily(async ({ baseUrl }) => {
        for (const name of ["never", "busy"]) {
          const reply = await call(baseUrl, await logIn(baseUrl), name)
          fails(reply, [400, 408], "ExecutionTimeLimitExceeded", "execution time limit exceeded")
        }
        assert.deepEqual((await call(baseUrl, await logIn(baseUrl), "sum", 1, 2)).value, { $numberInt: "3" })
      }),
    "a stream that stalls ends with an event": () =>
      hastily(async ({ baseUrl }) => {
        const { access: token } = await logIn(baseUrl)
        const query = `baas_request=${encodeURIComponent(base64({ name: "stalls", arguments: [] }))}`
        const [first, second] = await read(baseUrl, `${appPath("functions/call")}?${query}`, { token, until: "end" })
        assert.ok(first !== undefined && second !== undefined)
        assert.deepEqual(decode(first), { _id: { $numberInt: "1" } })
        assert.equal(second.event, "error")
        assert.deepEqual(decode(second), {
          error: "execution time limit exceeded",
          error_code: "ExecutionTimeLimitExceeded"
        })
      })
  })
]
