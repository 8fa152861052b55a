/** Logins with Google, Facebook and Apple: credentials in the body, and the redirect flow with unmodified realm-web in a browser. */
import assert from "node:assert/strict"
import { makeBrowser, realmWebIn } from "../../test/support/browser.ts"
import type { Person, Site } from "../../test/support/issuer.ts"
import { topic } from "../harness.ts"
import type { Host } from "../host.ts"
import { fails, loginPath, root, send, succeeds, unique } from "../wire.ts"

const app = "conform-accounts"
const page = "http://127.0.0.1:3000/signed-in"
const sites = ["google", "facebook", "apple"] as const

const someone = (): Person => ({ id: unique("person"), email: "ada@example.com", email_verified: true, name: "Ada L" })

const attempt = ({ baseUrl }: Host, site: Site, body: object, token?: string) =>
  send(baseUrl, "POST", `${loginPath(`oauth2-${site}`, app)}${token === undefined ? "" : "?link=true"}`, {
    token,
    body
  })

const payloadOf = ({ issuer }: Host, site: Site): object =>
  site === "facebook" ? { accessToken: issuer.accessToken(issuer.person) } : { id_token: issuer.idToken(site) }

const profileOf = async ({ baseUrl }: Host, token: unknown) =>
  succeeds(await send(baseUrl, "GET", `${root}/auth/profile`, { token: String(token) })).json

/** realm-web in a browser of its own. */
const connect = ({ baseUrl }: Host) => {
  const browser = makeBrowser()
  const realm = realmWebIn(browser, page)
  const { Credentials } = realm
  const byRedirect = {
    google: () => Credentials.google({ redirectUrl: page }),
    facebook: () => Credentials.facebook(page),
    apple: () => Credentials.apple(page)
  }
  return { app: new realm.App({ id: app, baseUrl }), browser, byRedirect, Credentials }
}

const redirectPath = (site: Site, redirect: string) =>
  `${loginPath(`oauth2-${site}`, app)}?state=abcdefghijkl&redirect=${encodeURIComponent(redirect)}&device=e30%3D`

export default [
  topic("§3.1, §3.6 OAuth 2.0", {
    "the same account is the same user, with its metadata": async (host) => {
      for (const site of sites) {
        host.issuer.person = someone()
        const first = succeeds(await attempt(host, site, payloadOf(host, site))).json
        const again = succeeds(await attempt(host, site, payloadOf(host, site))).json
        assert.equal(again["user_id"], first["user_id"])
        const { data, identities } = await profileOf(host, first["access_token"])
        assert.ok(Array.isArray(identities))
        assert.deepEqual([identities[0].id, identities[0].provider_type], [host.issuer.person.id, `oauth2-${site}`])
        assert.deepEqual(data, { email: "ada@example.com", ...(site !== "apple" && { name: "Ada L" }) })
      }
    },
    "a code of Google is exchanged once": async (host) => {
      host.issuer.person = someone()
      const authCode = host.issuer.code("postmessage")
      succeeds(await attempt(host, "google", { authCode }))
      const again = await attempt(host, "google", { authCode })
      fails(again, 401, "AuthError", "error exchanging access code with OAuth2 provider")
    },
    "tokens of another application or issuer, and nonsense, are rejected": async (host) => {
      const { issuer } = host
      issuer.person = someone()
      for (const [site, body] of [
        ["google", { id_token: issuer.idToken("google", { aud: "client-2" }) }],
        ["google", { id_token: issuer.idToken("apple") }],
        ["google", { id_token: issuer.idToken("google", { exp: 1 }) }],
        ["apple", { id_token: issuer.idToken("google") }],
        ["apple", { id_token: "nonsense" }],
        ["facebook", { accessToken: issuer.accessToken(issuer.person, "client-2") }],
        ["facebook", { accessToken: "nonsense" }]
      ] as const) {
        fails(await attempt(host, site, body), 401, "AuthError", "unauthorized")
      }
    },
    "an e-mail address of another domain is rejected": async (host) => {
      host.issuer.person = { ...someone(), email: "ada@elsewhere.example" }
      const reply = await attempt(host, "google", payloadOf(host, "google"))
      fails(reply, 401, "DomainNotAllowed", "the domain of the e-mail address is not allowed")
    },
    "a link adds the identity, and a rejected one gets a 400": async (host) => {
      const guest = succeeds(await send(host.baseUrl, "POST", loginPath("anon-user", app), { body: {} })).json
      const token = String(guest["access_token"])
      host.issuer.person = someone()
      for (const site of sites) succeeds(await attempt(host, site, payloadOf(host, site), token))
      const { identities } = await profileOf(host, token)
      assert.ok(Array.isArray(identities))
      assert.deepEqual(
        identities.map((it) => it.provider_type),
        ["anon-user", "oauth2-google", "oauth2-facebook", "oauth2-apple"]
      )
      assert.equal((await attempt(host, "apple", { id_token: "nonsense" }, token)).status, 400)
    },
    "realm-web logs in by redirect": async (host) => {
      for (const site of sites) {
        host.issuer.person = someone()
        const { app, byRedirect } = connect(host)
        const user = await app.logIn(byRedirect[site]())
        assert.equal(user.profile["email"], "ada@example.com")
        const identities = user.identities.map(({ id, providerType }) => `${providerType} ${id}`)
        assert.deepEqual(identities, [`oauth2-${site} ${host.issuer.person.id}`])
        assert.equal((await app.logIn(byRedirect[site]())).id, user.id)
      }
    },
    "realm-web links by redirect": async (host) => {
      for (const site of sites) {
        host.issuer.person = someone()
        const { app, byRedirect, Credentials } = connect(host)
        const guest = await app.logIn(Credentials.anonymous())
        await guest.linkCredentials(byRedirect[site]())
        assert.deepEqual(
          guest.identities.map(({ providerType }) => providerType),
          ["anon-user", `oauth2-${site}`]
        )
      }
    },
    "realm-web logs in with tokens and codes": async (host) => {
      const { issuer } = host
      issuer.person = someone()
      const { app, Credentials } = connect(host)
      for (const credentials of [
        Credentials.google({ idToken: issuer.idToken("google") }),
        Credentials.google({ authCode: issuer.code("") }),
        Credentials.facebook(issuer.accessToken(issuer.person)),
        Credentials.apple(issuer.idToken("apple"))
      ]) {
        const user = await app.logIn(credentials)
        assert.equal(user.profile["email"], "ada@example.com")
      }
    },
    "the browser is sent to listed pages only": async ({ baseUrl }) => {
      for (const redirect of ["https://evil.example/", "http://127.0.0.1:3000/signed-in/", "http://localhost:3000"]) {
        for (const site of sites) {
          const reply = await send(baseUrl, "GET", redirectPath(site, redirect))
          fails(reply, 400, "BadRequest", /is not one of the redirect_uris/)
          assert.equal(reply.headers["location"], undefined)
        }
      }
    },
    "a login is finished once, and in the browser that began it": async ({ baseUrl }) => {
      const unknown = /^this login is unknown/
      const mine = makeBrowser()
      const others = makeBrowser()
      const start = baseUrl + redirectPath("google", page)
      let back = ""
      const stopAtCallback = (url: string) => {
        if (!url.includes("/auth/callback")) return false
        back = url
        return true
      }
      await mine.navigate(start, stopAtCallback)
      const refused = await others.navigate(back, () => false)
      assert.match(String(JSON.parse(refused.text).error), unknown)
      await mine.navigate(start, stopAtCallback)
      const reached = await mine.navigate(back, (url) => url.startsWith(page))
      assert.match(reached.url, /#.*_baas_ua=/)
      fails(await send(baseUrl, "GET", back.slice(baseUrl.length)), 400, "BadRequest", unknown)
    },
    "a denied consent is an error in the fragment": async ({ baseUrl, issuer }) => {
      issuer.denies = "access_denied"
      try {
        const reached = await makeBrowser().navigate(baseUrl + redirectPath("google", page), (url) =>
          url.startsWith(page)
        )
        assert.match(reached.url, /#.*_baas_error=access_denied/)
        assert.match(reached.url, /_baas_state=abcdefghijkl/)
      } finally {
        issuer.denies = undefined
      }
    },
    "an outage of the provider is a 503": async (host) => {
      host.issuer.faults.set("/facebook/debug_token", { status: 502, body: "<html>" })
      const reply = await attempt(host, "facebook", payloadOf(host, "facebook"))
      host.issuer.faults.clear()
      fails(reply, 503, undefined, /the identity provider does not respond as expected/)
    }
  })
]
