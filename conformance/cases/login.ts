/** Logging in with every provider, raw: the payloads of every SDK, the format of the answer, and each failure. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import {
  claimsOf,
  coreHeaders,
  fails,
  loggedIn,
  logIn,
  loginPath,
  root,
  send,
  succeeds,
  unique,
  userpassPath
} from "../wire.ts"

const hex = /^[0-9a-f]{24}$/
const ofCore = {
  appId: "conform-main",
  platform: "Linux",
  platformVersion: "6.1",
  sdk: "JS",
  sdkVersion: "12.15.0",
  cpuArch: "x86_64",
  deviceName: "unknown",
  deviceVersion: "unknown",
  frameworkName: "Node.js",
  frameworkVersion: "v20.0.0",
  coreVersion: "14.14.0",
  bundleId: "unknown"
}
const ofRealmWeb = { sdkVersion: "2.0.1", platform: "node", platformVersion: "24.0.0" }

export default [
  topic("§3.2 the answer to a login", {
    "returns four strings; the ids are 24 hex digits": async ({ baseUrl }) => {
      const { device, id } = await logIn(baseUrl)
      assert.match(id, hex)
      assert.match(device, hex)
    },
    "returns two tokens that realm-core can parse": async ({ baseUrl }) => {
      const { access, refresh } = await logIn(baseUrl)
      for (const token of [access, refresh]) {
        const { exp, iat } = claimsOf(token)
        assert.ok(Number.isInteger(exp) && Number.isInteger(iat), "integer exp and iat")
      }
    }
  }),

  topic("§2 devices", {
    "a login requires no body, options or device": async ({ baseUrl }) => {
      const path = loginPath("anon-user")
      const bodies = [undefined, "", "{}", "null", { options: {} }, { options: { device: {} } }, { options: null }]
      for (const body of bodies) loggedIn(await send(baseUrl, "POST", path, { body }))
      loggedIn(await send(baseUrl, "POST", path, { headers: coreHeaders }))
    },
    "accepts the device information of each SDK": async ({ baseUrl }) => {
      const flavours = [
        ofCore,
        ofRealmWeb,
        { ...ofRealmWeb, appId: "shop", appVersion: "1.0" },
        { ...ofCore, appVersion: "1.0", unknown: { nested: true } },
        { deviceId: 5, platform: null, sdkVersion: [] },
        "nonsense"
      ]
      for (const device of flavours) await logIn(baseUrl, "anon-user", { provider: "anon-user", options: { device } })
    },
    "a device keeps the id that it sends, in either form": async ({ baseUrl }) => {
      const known = "5f1d7f3e9c1b2a0012345678"
      for (const deviceId of [known, { $oid: known }]) {
        const { access, device } = await logIn(baseUrl, "anon-user", { options: { device: { deviceId } } })
        assert.equal(device, known)
        assert.equal(claimsOf(access)["baas_device_id"], known)
      }
    },
    "a missing device id, or one of zeros, is replaced": async ({ baseUrl }) => {
      for (const deviceId of ["0".repeat(24), "", "not hex", { $oid: "0".repeat(24) }]) {
        const { device } = await logIn(baseUrl, "anon-user", { options: { device: { deviceId } } })
        assert.match(device, hex)
        assert.notEqual(device, "0".repeat(24))
      }
    }
  }),

  topic("§3.4 providers", {
    "anon-user creates a new user each time": async ({ baseUrl }) => {
      const [one, other] = [await logIn(baseUrl), await logIn(baseUrl)]
      assert.notEqual(one.id, other.id)
      const { json } = await send(baseUrl, "GET", `${root}/auth/profile`, { token: one.access })
      const identities: unknown = json["identities"]
      assert.ok(Array.isArray(identities) && identities.length === 1)
      assert.match(String(identities[0].id), /^[0-9a-f]{24}-[a-z]{24}$/)
    },
    "every provider ignores the provider's name in the body": async ({ baseUrl }) => {
      await logIn(baseUrl, "anon-user", { provider: "anon-user", options: { device: ofCore } })
      await logIn(baseUrl, "custom-function", { provider: "custom-function", id: unique("named") })
    },
    "a login ignores an Authorization header": async ({ baseUrl }) => {
      for (const authorization of ["Bearer null", "Bearer ", "Bearer undefined", "nonsense", "Basic abc"]) {
        loggedIn(await send(baseUrl, "POST", loginPath("anon-user"), { headers: { authorization } }))
      }
    },
    "custom-function: the same id is the same user, as string or in an object": async ({ baseUrl }) => {
      const id = unique("card")
      const first = await logIn(baseUrl, "custom-function", { id })
      assert.equal((await logIn(baseUrl, "custom-function", { id, options: { device: ofCore } })).id, first.id)
      assert.equal((await logIn(baseUrl, "custom-function", { named: id })).id, first.id)
    },
    "custom-function: concurrent first logins create one user": async ({ baseUrl }) => {
      const id = unique("at-once")
      const users = await Promise.all(Array.from({ length: 10 }, () => logIn(baseUrl, "custom-function", { id })))
      assert.equal(new Set(users.map(({ id }) => id)).size, 1)
    },
    "custom-function: the function sees the payload without the options": async ({ baseUrl }) => {
      const payload = { seen: unique("seen"), count: { $numberInt: "5" }, nested: { list: [1, null] } }
      const user = await logIn(baseUrl, "custom-function", { ...payload, options: { device: ofRealmWeb } })
      const { json } = await send(baseUrl, "GET", `${root}/auth/profile`, { token: user.access })
      const identities: unknown = json["identities"]
      assert.ok(Array.isArray(identities))
      assert.deepEqual(JSON.parse(String(identities[0].id)), { ...payload, count: 5 })
    }
  }),

  topic("§3.3 refused logins", {
    "rejects an unknown e-mail address": async ({ baseUrl }) => {
      const body = { username: "nobody@example.com", password: "secret1" }
      fails(await send(baseUrl, "POST", loginPath("local-userpass"), { body }), 401, "InvalidPassword", "unauthorized")
    },
    "rejects a wrong password, and the address in another case": async ({ baseUrl }) => {
      const email = `${unique("Wrong")}@example.com`
      succeeds(await send(baseUrl, "POST", userpassPath("register"), { body: { email, password: "secret1" } }), 201)
      for (const [username, password] of [
        [email, "secret2"],
        [email.toLowerCase(), "secret1"]
      ]) {
        const reply = await send(baseUrl, "POST", loginPath("local-userpass"), { body: { username, password } })
        fails(reply, 401, "InvalidPassword", "unauthorized")
      }
    },
    "rejects an address that is not confirmed": async ({ baseUrl }) => {
      const email = `${unique("unconfirmed")}@example.com`
      const account = { email, password: "secret1" }
      succeeds(await send(baseUrl, "POST", userpassPath("register", "conform-mail"), { body: account }), 201)
      const reply = await send(baseUrl, "POST", loginPath("local-userpass", "conform-mail"), {
        body: { username: email, password: "secret1" }
      })
      fails(reply, 401, "AuthError", "unauthorized")
    },
    "rejects an unknown API key": async ({ baseUrl }) => {
      const reply = await send(baseUrl, "POST", loginPath("api-key"), { body: { key: "nonsense" } })
      fails(reply, 401, "AuthError", "unauthorized")
    },
    "rejects a login whose authentication function throws": async ({ baseUrl }) => {
      const reply = await send(baseUrl, "POST", loginPath("custom-function"), { body: { refuse: true } })
      fails(reply, 401, "AuthError", /Authentication failed/)
    },
    "rejects a login whose authentication function returns no id": async ({ baseUrl }) => {
      for (const body of [{}, { noId: true }, undefined]) {
        fails(await send(baseUrl, "POST", loginPath("custom-function"), { body }), 401, "AuthError", /./)
      }
    },
    "does not create a user whose creation function throws": async ({ baseUrl }) => {
      for (let i = 0; i < 2; i++) {
        const reply = await send(baseUrl, "POST", loginPath("custom-function"), { body: { id: "unwanted" } })
        assert.ok(reply.status === 400 || reply.status === 401, reply.text)
        assert.match(String(reply.json["error"]), /this user is not wanted/)
      }
    },
    "answers a disabled, missing or unknown provider without a code": async ({ baseUrl }) => {
      const refused: ReadonlyArray<readonly [provider: string, app: string]> = [
        ["anon-user", "conform-mail"],
        ["api-key", "conform-mail"],
        ["custom-function", "conform-mail"],
        ["custom-token", "conform-mail"],
        ["oauth2-google", "conform-mail"],
        ["oauth2-google", "conform-main"],
        ["oauth2-facebook", "conform-main"],
        ["oauth2-apple", "conform-main"],
        ["nonsense", "conform-main"]
      ]
      for (const [provider, app] of refused) {
        for (const body of [{}, { authCode: "x" }, { id_token: "x" }, { accessToken: "x" }, { key: "x", token: "x" }]) {
          const reply = await send(baseUrl, "POST", loginPath(provider, app), { body })
          fails(reply, [400, 404], undefined, `authentication via '${provider}' is unsupported`)
        }
      }
    },
    "rejects incomplete credentials": async ({ baseUrl }) => {
      for (const [provider, body] of [
        ["local-userpass", {}],
        ["local-userpass", { username: "a@b.c" }],
        ["local-userpass", { username: 5, password: { $gt: "" } }],
        ["api-key", {}],
        ["api-key", { key: null }],
        ["custom-token", {}],
        ["custom-token", { token: 5 }]
      ] as const) {
        const reply = await send(baseUrl, "POST", loginPath(provider), { body })
        assert.ok(reply.status === 400 || reply.status === 401, reply.text)
      }
    }
  })
]
