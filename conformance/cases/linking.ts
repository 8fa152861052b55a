/** Linking credentials to a user, raw; and the redirect flow of OAuth 2.0 where the provider is off. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import {
  fails,
  type LoggedIn,
  logIn,
  loginPath,
  type Reply,
  root,
  send,
  someone,
  succeeds,
  unique,
  userpassPath
} from "../wire.ts"

const link = (baseUrl: string, user: LoggedIn, provider: string, body: unknown): Promise<Reply> =>
  send(baseUrl, "POST", `${loginPath(provider)}?link=true`, { token: user.access, body })

const identities = async (baseUrl: string, { access }: LoggedIn): Promise<ReadonlyArray<string>> => {
  const { json } = succeeds(await send(baseUrl, "GET", `${root}/auth/profile`, { token: access }))
  const found: unknown = json["identities"]
  return Array.isArray(found) ? found.map(({ provider_type }) => String(provider_type)) : []
}

const register = async (baseUrl: string) => {
  const account = { email: `${unique("link")}@example.com`, password: "secret1" }
  succeeds(await send(baseUrl, "POST", userpassPath("register"), { body: account }), 201)
  return { username: account.email, password: account.password }
}

/** Asserts a failure that does not make a client refresh and repeat without end (§3.5). */
const harmless = ({ json, status, text }: Reply) => {
  assert.ok(status === 400 || status === 500, text)
  assert.notEqual(json["error_code"], "InvalidSession")
}

export default [
  topic("§3.5 linking", {
    "answers like a login, for the same user; identities keep the order of linking": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      const { json } = succeeds(await link(baseUrl, user, "local-userpass", await register(baseUrl)))
      assert.equal(json["user_id"], user.id)
      assert.equal(typeof json["access_token"], "string")
      assert.equal(typeof json["device_id"], "string")
      succeeds(await link(baseUrl, user, "custom-function", { id: unique("linked") }))
      assert.deepEqual(await identities(baseUrl, user), ["anon-user", "local-userpass", "custom-function"])
    },
    "a login with linked credentials is the same user": async ({ baseUrl }) => {
      const [user, credentials] = [await logIn(baseUrl), await register(baseUrl)]
      succeeds(await link(baseUrl, user, "local-userpass", credentials))
      assert.equal((await logIn(baseUrl, "local-userpass", credentials)).id, user.id)
    },
    "the session goes on": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      succeeds(await link(baseUrl, user, "custom-function", { id: unique("goes-on") }))
      succeeds(await send(baseUrl, "POST", `${root}/auth/session`, { token: user.refresh }), 201)
    },
    "1: rejects credentials of another user": async ({ baseUrl }) => {
      const id = unique("taken")
      await logIn(baseUrl, "custom-function", { id })
      const reply = await link(baseUrl, await logIn(baseUrl), "custom-function", { id })
      harmless(reply)
      assert.match(String(reply.json["error"]), /unauthorized/)
    },
    "2: rejects an address that is not registered": async ({ baseUrl }) => {
      const credentials = { username: "never-registered@example.com", password: "secret1" }
      harmless(await link(baseUrl, await logIn(baseUrl), "local-userpass", credentials))
    },
    "3: rejects a second address": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      succeeds(await link(baseUrl, user, "local-userpass", await register(baseUrl)))
      const reply = await link(baseUrl, user, "local-userpass", await register(baseUrl))
      harmless(reply)
      assert.match(String(reply.json["error"]), /unauthorized/)
    },
    "4: rejects another user's API key": async ({ baseUrl }) => {
      const owner = await someone(baseUrl)
      const created = await send(baseUrl, "POST", `${root}/auth/api_keys`, {
        token: owner.refresh,
        body: { name: "mine" }
      })
      const reply = await link(baseUrl, await logIn(baseUrl), "api-key", { key: created.json["key"] })
      fails(reply, 400, "InvalidParameter", /invalid user link request/)
    },
    "5: rejects credentials that are linked already": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      const id = unique("again")
      for (let i = 0; i < 2; i++) succeeds(await link(baseUrl, user, "custom-function", { id }))
      assert.deepEqual(await identities(baseUrl, user), ["anon-user", "custom-function"])
    },
    "rejects anonymous and wrong credentials, and an unknown provider": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      harmless(await link(baseUrl, user, "anon-user", {}))
      harmless(await link(baseUrl, user, "custom-function", { refuse: true }))
      harmless(await link(baseUrl, user, "api-key", { key: "nonsense" }))
      harmless(await link(baseUrl, user, "oauth2-google", { authCode: "x" }))
      assert.deepEqual(await identities(baseUrl, user), ["anon-user"])
    },
    "rejects a missing or invalid token": async ({ baseUrl }) => {
      const { refresh } = await logIn(baseUrl)
      const path = `${loginPath("custom-function")}?link=true`
      const body = { id: unique("nobody") }
      fails(await send(baseUrl, "POST", path, { body }), 401, undefined, "must authenticate first")
      for (const token of ["null", "", refresh]) {
        assert.equal((await send(baseUrl, "POST", path, { token, body })).status, 401)
      }
    }
  }),

  topic("§3.6 OAuth 2.0 by redirect", {
    "a login by redirect is answered with an error of the protocol": async ({ baseUrl }) => {
      for (const provider of ["oauth2-google", "oauth2-facebook", "oauth2-apple"]) {
        const path = `${loginPath(provider)}?state=abcdefghijkl&redirect=http%3A%2F%2Flocalhost%2F&device=e30%3D`
        const reply = await send(baseUrl, "GET", path)
        fails(reply, [400, 404], undefined, `authentication via '${provider}' is unsupported`)
      }
    },
    "a link by redirect is answered with an error of the protocol": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const query = "link=true&state=abcdefghijkl&redirect=http%3A%2F%2Flocalhost%2F&providerRedirectHeader=true"
      const reply = await send(baseUrl, "GET", `${loginPath("oauth2-google")}?${query}`, { token: access })
      fails(reply, [400, 404], undefined, "authentication via 'oauth2-google' is unsupported")
    },
    "an unknown app is answered with an error of the protocol": async ({ baseUrl }) => {
      const reply = await send(baseUrl, "GET", loginPath("oauth2-google", "no-such-app"))
      fails(reply, 404, undefined, "cannot find app using Client App ID 'no-such-app'")
    }
  })
]
