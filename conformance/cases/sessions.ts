/** Sessions, tokens, profiles (§5). */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { appPath, claimsOf, fails, logIn, root, send, someone, succeeds } from "../wire.ts"

const session = `${root}/auth/session`
const profile = `${root}/auth/profile`
const hex = /^[0-9a-f]{24}$/

/** A well-formed token with an invalid signature. */
const forged = (token: string): string => `${token.split(".").slice(0, 2).join(".")}.${"A".repeat(43)}`

export default [
  topic("§5.1 sessions", {
    "a refresh answers 201 with an access token only": async ({ baseUrl }) => {
      const { refresh } = await logIn(baseUrl)
      for (const body of [undefined, "", "{}"]) {
        const { json } = succeeds(await send(baseUrl, "POST", session, { token: refresh, body }), 201)
        assert.deepEqual(Object.keys(json), ["access_token"])
        succeeds(await send(baseUrl, "GET", profile, { token: String(json["access_token"]) }))
      }
    },
    "accepts concurrent refreshes": async ({ baseUrl }) => {
      const { refresh } = await logIn(baseUrl)
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => send(baseUrl, "POST", session, { token: refresh }))
      )
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [201])
    },
    "a logout answers 204; the refresh token is invalid at once, the access token stays valid": async ({ baseUrl }) => {
      const { access, refresh } = await logIn(baseUrl)
      succeeds(await send(baseUrl, "DELETE", session, { token: refresh }), 204)
      const text = "invalid session: failed to find refresh token"
      for (const method of ["POST", "DELETE"]) {
        fails(await send(baseUrl, method, session, { token: refresh }), 401, "InvalidSession", text)
      }
      succeeds(await send(baseUrl, "GET", profile, { token: access }))
    },
    "a logout ends one session of a user, not the others": async ({ baseUrl }) => {
      const one = await logIn(baseUrl, "custom-function", { id: "two-sessions" })
      const other = await logIn(baseUrl, "custom-function", { id: "two-sessions" })
      succeeds(await send(baseUrl, "DELETE", session, { token: one.refresh }), 204)
      succeeds(await send(baseUrl, "POST", session, { token: other.refresh }), 201)
    },
    "deleting a user ends all its sessions": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const deleted = await send(baseUrl, "DELETE", `${root}/auth/delete`, { token: user.access })
      assert.ok(deleted.status === 200 || deleted.status === 204, deleted.text)
      const text = "invalid session: failed to find refresh token"
      fails(await send(baseUrl, "POST", session, { token: user.refresh }), 401, "InvalidSession", text)
      fails(await send(baseUrl, "DELETE", session, { token: user.refresh }), 401, "InvalidSession", text)
      fails(await send(baseUrl, "GET", profile, { token: user.access }), 401, "InvalidSession", /invalid session/)
    },
    "rejects a missing token": async ({ baseUrl }) => {
      for (const [method, path] of [
        ["POST", session],
        ["DELETE", session],
        ["GET", profile],
        ["DELETE", `${root}/auth/delete`],
        ["GET", `${root}/auth/api_keys`],
        ["POST", appPath("functions/call")],
        ["GET", appPath("functions/call")],
        ["PUT", appPath("push/providers/gcm/registration")]
      ] as const) {
        fails(await send(baseUrl, method, path), 401, undefined, "must authenticate first")
      }
    },
    "rejects an empty token": async ({ baseUrl }) => {
      const text = "expected Authorization header with JWT (Bearer schema)"
      fails(await send(baseUrl, "GET", `${root}/auth/api_keys`, { token: "" }), 401, undefined, text)
      fails(await send(baseUrl, "POST", appPath("functions/call"), { token: "" }), 401, undefined, "unauthorized")
    },
    "rejects the wrong type of token": async ({ baseUrl }) => {
      const { access, refresh } = await logIn(baseUrl)
      const text = "invalid refresh token: incorrect token type"
      for (const method of ["POST", "DELETE"]) {
        fails(await send(baseUrl, method, session, { token: access }), 401, "InvalidSession", text)
      }
      const reply = await send(baseUrl, "GET", profile, { token: refresh })
      fails(reply, 401, "InvalidSession", /incorrect token type/)
    },
    // not observed on the hosted service: without the code, realm-web 2.0.1 and Stitch fail forever after a change of keys
    "malformed tokens and invalid signatures make clients refresh or end the session": async ({ baseUrl }) => {
      const { access, refresh } = await logIn(baseUrl)
      const gone = "invalid session: failed to find refresh token"
      fails(
        await send(baseUrl, "GET", profile, { token: forged(access) }),
        401,
        "InvalidSession",
        "signature is invalid"
      )
      for (const method of ["POST", "DELETE"]) {
        fails(await send(baseUrl, method, session, { token: forged(refresh) }), 401, "InvalidSession", gone)
      }
      for (const token of ["null", "undefined", "a.b.c", "...", "{}", `${access}x`, access.slice(0, 40)]) {
        fails(await send(baseUrl, "GET", profile, { token }), 401, "InvalidSession", /invalid|malformed/)
        fails(await send(baseUrl, "POST", session, { token }), 401, "InvalidSession", gone)
      }
    },
    "rejects another app's user": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl, "anon-user", undefined, "conform-asked")
      const reply = await send(baseUrl, "POST", appPath("functions/call"), { token: access, body: { name: "sum" } })
      assert.ok([401, 403].includes(reply.status), reply.text)
      assert.equal(reply.json["error_code"], "UserAppDomainMismatch")
      // these routes take the app from the token
      succeeds(await send(baseUrl, "GET", profile, { token: access }))
    }
  }),

  topic("§5.3 claims", {
    "an access token has the claims that clients read": async ({ baseUrl }) => {
      const { access, device, id, refresh } = await someone(baseUrl)
      const claims = claimsOf(access)
      const session = claimsOf(refresh)
      assert.equal(claims["sub"], id)
      assert.equal(claims["typ"], "access")
      assert.equal(claims["iss"], session["baas_id"])
      assert.equal(Number(claims["exp"]) - Number(claims["iat"]), 1800)
      assert.deepEqual([claims["baas_device_id"], claims["stitch_devId"]], [device, device])
      assert.match(String(claims["baas_domain_id"]), hex)
      assert.equal(claims["stitch_domainId"], claims["baas_domain_id"])
      assert.ok(!("user_data" in claims), "no claim for a user without custom data")
    },
    "a refresh token has the claims that clients read": async ({ baseUrl }) => {
      const { access, device, id, refresh } = await logIn(baseUrl, "custom-function", { id: "claims" })
      const claims = claimsOf(refresh)
      assert.equal(claims["sub"], id)
      assert.equal(claims["typ"], "refresh")
      assert.equal(Number(claims["exp"]) - Number(claims["iat"]), 60 * 24 * 3600)
      assert.equal(claims["stitch_id"], claims["baas_id"])
      assert.deepEqual([claims["baas_device_id"], claims["stitch_devId"]], [device, device])
      assert.equal(claims["baas_domain_id"], claimsOf(access)["baas_domain_id"])
      assert.deepEqual([claims["baas_data"], claims["stitch_data"]], [null, null])
      assert.deepEqual(claims["stitch_ident"], claims["baas_identity"])
      const identity: unknown = claims["baas_identity"]
      assert.ok(typeof identity === "object" && identity !== null && "provider_id" in identity)
      assert.match(String(identity.provider_id), hex)
      const { provider_id: _, ...rest } = identity
      assert.deepEqual(rest, { id: "claims", provider_type: "custom-function" })
    },
    "an anonymous session lasts for more than 20 years": async ({ baseUrl }) => {
      const { exp, iat } = claimsOf((await logIn(baseUrl)).refresh)
      assert.ok(Number(exp) - Number(iat) > 20 * 365 * 24 * 3600)
    }
  }),

  topic("§5.6 profile", {
    "has the fields that every client reads": async ({ baseUrl }) => {
      const { access, id } = await logIn(baseUrl, "custom-function", { named: "profile" })
      const { json } = succeeds(await send(baseUrl, "GET", profile, { token: access }))
      const { domain_id, identities, ...rest } = json
      assert.deepEqual(rest, { user_id: id, data: { name: "Ada" }, type: "normal" })
      assert.equal(domain_id, claimsOf(access)["baas_domain_id"])
      assert.ok(Array.isArray(identities) && identities.length === 1)
      const { provider_id, ...identity } = identities[0]
      assert.match(String(provider_id), hex)
      assert.deepEqual(identity, {
        id: "profile",
        provider_type: "custom-function",
        provider_data: { name: "Ada" }
      })
    }
  })
]
