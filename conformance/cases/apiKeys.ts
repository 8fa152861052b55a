/** Users' API keys and push registrations, raw (§6 and §9). */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { appPath, coreHeaders, fails, type LoggedIn, logIn, root, send, someone, succeeds } from "../wire.ts"

const keys = `${root}/auth/api_keys`
const elsewhere = "5f1d7f3e9c1b2a0012345678"

const create = (baseUrl: string, { refresh }: LoggedIn, name: unknown) =>
  send(baseUrl, "POST", keys, { token: refresh, headers: coreHeaders, body: { name } })

const created = async (baseUrl: string, user: LoggedIn, name: string) => {
  const { json } = succeeds(await create(baseUrl, user, name), 201)
  return { id: String(json["_id"]), key: String(json["key"]) }
}

export default [
  topic("§6 API keys", {
    "creation returns the key, which no other answer has; the id is plain hex": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const { json } = succeeds(await create(baseUrl, user, "laptop"), 201)
      const { _id: id, key, ...rest } = json
      assert.match(String(id), /^[0-9a-f]{24}$/)
      assert.ok(typeof key === "string" && key.length >= 32)
      assert.deepEqual(rest, { name: "laptop", disabled: false })
      const shown = { _id: id, name: "laptop", disabled: false }
      assert.deepEqual(
        succeeds(await send(baseUrl, "GET", `${keys}/${String(id)}`, { token: user.refresh })).json,
        shown
      )
      assert.deepEqual(succeeds(await send(baseUrl, "GET", keys, { token: user.refresh })).value, [shown])
    },
    "a new user has an empty list of keys": async ({ baseUrl }) => {
      const { refresh } = await someone(baseUrl)
      assert.deepEqual(succeeds(await send(baseUrl, "GET", keys, { token: refresh })).value, [])
    },
    "a login with a key is the same user, with one more identity": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const { id, key } = await created(baseUrl, user, "login")
      const again = await logIn(baseUrl, "api-key", { key, provider: "api-key" })
      assert.equal(again.id, user.id)
      const { json } = await send(baseUrl, "GET", `${root}/auth/profile`, { token: again.access })
      const identities: unknown = json["identities"]
      assert.ok(Array.isArray(identities))
      assert.deepEqual([identities[1].provider_type, identities[1].id], ["api-key", id])
    },
    "a key is disabled, enabled, enabled again and deleted": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const { id, key } = await created(baseUrl, user, "switch")
      const token = user.refresh
      const change = async (method: string, path: string) =>
        succeeds(await send(baseUrl, method, `${keys}/${id}${path}`, { token, headers: coreHeaders }), 204)
      const attempt = () => send(baseUrl, "POST", appPath("auth/providers/api-key/login"), { body: { key } })
      await change("PUT", "/disable")
      fails(await attempt(), 401, "AuthError", "unauthorized")
      assert.equal((await send(baseUrl, "GET", `${keys}/${id}`, { token })).json["disabled"], true)
      await change("PUT", "/enable")
      await change("PUT", "/enable")
      succeeds(await attempt())
      await change("DELETE", "")
      fails(await attempt(), 401, "AuthError", "unauthorized")
      fails(await send(baseUrl, "GET", `${keys}/${id}`, { token }), 404, "APIKeyNotFound", "API key not found")
    },
    names: async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const text = "can only contain ASCII letters, numbers, underscores, and hyphens"
      for (const name of ["with space", "é", "a.b", "a/b"]) {
        fails(await create(baseUrl, user, name), 400, "InvalidParameter", text)
      }
      for (const name of ["", undefined, null, 5]) {
        fails(await create(baseUrl, user, name), 400, undefined, "'name' is a required string")
      }
      await created(baseUrl, user, "Az_09-")
      fails(await create(baseUrl, user, "Az_09-"), 409, "APIKeyAlreadyExists", "API key with name already exists")
      // names are unique per user
      await created(baseUrl, await someone(baseUrl), "Az_09-")
    },
    "an unknown key, and another user's, are not found": async ({ baseUrl }) => {
      const { id } = await created(baseUrl, await someone(baseUrl), "theirs")
      const { refresh: token } = await someone(baseUrl)
      for (const key of [id, elsewhere, "nonsense"]) {
        for (const [method, path] of [
          ["GET", ""],
          ["PUT", "/enable"],
          ["PUT", "/disable"],
          ["DELETE", ""]
        ] as const) {
          const reply = await send(baseUrl, method, `${keys}/${key}${path}`, { token })
          fails(reply, 404, "APIKeyNotFound", "API key not found")
        }
      }
    },
    "keys of a deleted user are invalid": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const { key } = await created(baseUrl, user, "orphan")
      await send(baseUrl, "DELETE", `${root}/auth/delete`, { token: user.access })
      const reply = await send(baseUrl, "POST", appPath("auth/providers/api-key/login"), { body: { key } })
      fails(reply, 401, "AuthError", "unauthorized")
    },
    "a session cannot delete the key that it began with": async ({ baseUrl }) => {
      const { id, key } = await created(baseUrl, await someone(baseUrl), "self")
      const { refresh } = await logIn(baseUrl, "api-key", { key })
      assert.equal((await send(baseUrl, "DELETE", `${keys}/${id}`, { token: refresh })).status, 403)
    },
    "a user has at most 20 keys": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      for (let i = 0; i < 20; i++) await created(baseUrl, user, `key-${i}`)
      assert.equal((await create(baseUrl, user, "key-20")).status, 400)
    },
    "an access token, or a missing token, is rejected": async ({ baseUrl }) => {
      const { access } = await someone(baseUrl)
      const reply = await send(baseUrl, "GET", keys, { token: access })
      fails(reply, 401, "InvalidSession", "invalid refresh token: incorrect token type")
      fails(await send(baseUrl, "GET", keys), 401, undefined, "must authenticate first")
    }
  }),

  topic("§9 push", {
    "registers and deregisters repeatedly": async ({ baseUrl }) => {
      const { access: token } = await logIn(baseUrl)
      const path = appPath("push/providers/gcm/registration")
      const body = { registrationToken: "a device" }
      for (let i = 0; i < 2; i++) {
        const reply = await send(baseUrl, "PUT", path, { token, headers: coreHeaders, body })
        assert.ok(reply.status >= 200 && reply.status < 300, reply.text)
      }
      for (let i = 0; i < 2; i++) {
        const reply = await send(baseUrl, "DELETE", path, { token, headers: coreHeaders })
        assert.ok(reply.status >= 200 && reply.status < 300, reply.text)
      }
    },
    "rejects an unknown service": async ({ baseUrl }) => {
      const { access: token } = await logIn(baseUrl)
      for (const method of ["PUT", "DELETE"]) {
        const body = method === "PUT" ? { registrationToken: "a device" } : undefined
        const reply = await send(baseUrl, method, appPath("push/providers/gcmmm/registration"), { token, body })
        fails(reply, 404, "ServiceNotFound", "service not found: 'gcmmm'")
      }
    },
    "requires a user and a registration token": async ({ baseUrl }) => {
      const path = appPath("push/providers/gcm/registration")
      fails(await send(baseUrl, "DELETE", path, { token: "" }), 401, undefined, /./)
      const { access: token } = await logIn(baseUrl)
      assert.equal((await send(baseUrl, "PUT", path, { token, body: {} })).status, 400)
    }
  })
]
