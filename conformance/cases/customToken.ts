/** The provider custom-token: signatures and claims of its tokens. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { good, inTheFuture, inThePast, jwt } from "../tokens.ts"
import { fails, logIn, loginPath, root, send, succeeds, unique } from "../wire.ts"

const attempt = (baseUrl: string, token: unknown) =>
  send(baseUrl, "POST", loginPath("custom-token"), { body: { token } })

const refused = async (baseUrl: string, token: string) =>
  fails(await attempt(baseUrl, token), 401, "AuthError", /unauthorized/)

const profileOf = async (baseUrl: string, token: string) =>
  succeeds(await send(baseUrl, "GET", `${root}/auth/profile`, { token })).json

export default [
  topic("§3.4 custom-token", {
    "the same `sub` is the same user": async ({ baseUrl }) => {
      const sub = unique("subject")
      const user = await logIn(baseUrl, "custom-token", { token: jwt(good(sub)) })
      assert.equal((await logIn(baseUrl, "custom-token", { token: jwt(good(sub)) })).id, user.id)
      const identities: unknown = (await profileOf(baseUrl, user.access))["identities"]
      assert.ok(Array.isArray(identities))
      assert.deepEqual([identities[0].id, identities[0].provider_type], [sub, "custom-token"])
    },
    "metadata fields become the profile, and are updated at each login": async ({ baseUrl }) => {
      const claims = { ...good(unique("meta")), person: { first: "Ada" } }
      const user = await logIn(baseUrl, "custom-token", { token: jwt(claims) })
      assert.deepEqual((await profileOf(baseUrl, user.access))["data"], { email: claims.email, first_name: "Ada" })
      await logIn(baseUrl, "custom-token", { token: jwt({ ...claims, person: { first: "Grace" } }) })
      assert.deepEqual((await profileOf(baseUrl, user.access))["data"], { email: claims.email, first_name: "Grace" })
    },
    "the audience may be one of several": async ({ baseUrl }) => {
      await logIn(baseUrl, "custom-token", {
        token: jwt({ ...good(unique("audience")), aud: ["another", "conform-main"] })
      })
    },
    "rejects a token without the audience, `sub`, `exp` or a required field": async ({ baseUrl }) => {
      const { aud: _aud, ...withoutAudience } = good(unique("refused"))
      await refused(baseUrl, jwt(withoutAudience))
      await refused(baseUrl, jwt({ ...good("x"), aud: "another-app" }))
      for (const claim of ["sub", "exp", "email"]) await refused(baseUrl, jwt({ ...good("x"), [claim]: undefined }))
    },
    "rejects a token that has expired or is not valid yet": async ({ baseUrl }) => {
      await refused(baseUrl, jwt({ ...good("x"), exp: inThePast() }))
      await refused(baseUrl, jwt({ ...good("x"), nbf: inTheFuture() }))
    },
    "rejects another key, another algorithm, `none`, and a changed payload": async ({ baseUrl }) => {
      const token = jwt(good("x"))
      const [header, , signature] = token.split(".")
      await refused(baseUrl, jwt(good("x"), { key: "another key of at least 32 characters" }))
      await refused(baseUrl, jwt(good("x"), { header: { alg: "none" } }))
      await refused(baseUrl, jwt(good("x"), { header: { alg: "RS256" } }))
      await refused(baseUrl, `${header}.${jwt(good("y")).split(".")[1]}.${signature}`)
      await refused(baseUrl, `${header}.${token.split(".")[1]}.`)
    },
    "rejects what is not a token": async ({ baseUrl }) => {
      for (const token of ["", "nonsense", "a.b.c", "..", "é.é.é", "x".repeat(1_000_001)]) await refused(baseUrl, token)
    }
  })
]
