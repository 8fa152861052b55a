import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { HttpClient } from "effect/http"
import { Admin, App } from "effect-app-services/server"
import { client, type Site } from "../../support/issuer.ts"
import { anonymous, claims, loginPath, root } from "../support.ts"
import {
  begin,
  callback,
  consented,
  failure,
  fragment,
  isUnknown,
  origin,
  page,
  redirected,
  send,
  type Sent,
  served,
  sites
} from "./oauthSupport.ts"

describe("a login by redirect", () => {
  for (const site of sites) {
    it.effect(
      `returns the login with ${site} to the page in the fragment`,
      served((issuer) =>
        Effect.gen(function* () {
          issuer.person = { id: "person-1", email: "ada@example.com" }
          const answer = yield* redirected(site, { state: "a$b&c=d" })
          assert.strictEqual(answer.status, 302, answer.text)
          assert.strictEqual(answer.location?.split("#")[0], page)
          assert.deepInclude(answer.headers, { "cache-control": "no-store", "referrer-policy": "no-referrer" })
          const found = fragment(answer.location)
          assert.deepStrictEqual(Object.keys(found), [
            "_baas_client_app_id",
            "_stitch_client_app_id",
            "_baas_state",
            "_stitch_state",
            "_baas_ua",
            "_stitch_ua"
          ])
          for (const prefix of ["_baas", "_stitch"]) {
            assert.strictEqual(found[`${prefix}_client_app_id`], "my-app")
            assert.strictEqual(found[`${prefix}_state`], "a$b&c=d")
            const [access, refresh, userId, deviceId, ...others] = found[`${prefix}_ua`]?.split("$") ?? []
            assert.strictEqual(claims(access)["sub"], userId)
            assert.deepInclude(claims(refresh), { baas_device_id: deviceId, typ: "refresh" })
            assert.deepStrictEqual(others, [])
          }
          // the cookie is used up
          assert.deepInclude(answer.cookies[0]?.options, { maxAge: 0, path: `${root}/auth/callback` })
        })
      )
    )
  }

  it.effect(
    "sends the browser to the consent page of each provider",
    served((issuer) =>
      Effect.gen(function* () {
        const parameters = (consent: string) => Object.fromEntries(new URL(consent).searchParams)
        const common = {
          response_type: "code",
          client_id: client.id,
          redirect_uri: `${origin}${root}/auth/callback`
        }
        const google = yield* begin("google")
        assert.strictEqual(google.consent.split("?")[0], `${issuer.urls.google}/authorize`)
        const { code_challenge, nonce, state, ...rest } = parameters(google.consent)
        assert.deepStrictEqual(rest, { ...common, scope: "openid email profile", code_challenge_method: "S256" })
        for (const random of [code_challenge, nonce, state]) assert.match(random ?? "", /^[\w-]{43}$/)
        const facebook = yield* begin("facebook")
        assert.strictEqual(facebook.consent.split("?")[0], `${issuer.urls.facebook}/dialog/oauth`)
        assert.deepInclude(parameters(facebook.consent), { ...common, scope: "email,public_profile" })
        const apple = yield* begin("apple")
        assert.deepInclude(parameters(apple.consent), {
          ...common,
          response_mode: "form_post",
          scope: "openid email name"
        })
      })
    )
  )

  it.effect(
    "returns only to a redirect URI that is listed, in exactly that spelling",
    served(() =>
      Effect.gen(function* () {
        for (const redirect of [
          "https://evil.test/",
          "http://127.0.0.1:3000/",
          `${page}/`,
          `${page}?x=1`,
          `${page}#x`,
          `${page}.evil.test`,
          page.toUpperCase(),
          "http://127.0.0.1:3000/x/../signed-in",
          "http://127.0.0.1:3000@evil.test/signed-in",
          "//127.0.0.1:3000/signed-in",
          "javascript:alert(1)",
          "myapp://signed-in"
        ]) {
          const { cookies, location, status, text } = yield* begin("google", { redirect })
          assert.deepStrictEqual([status, location, cookies], [400, undefined, []], redirect)
          assert.include(failure(text), "the redirect URI is not one of the redirect_uris")
        }
        const path = loginPath("my-app", "oauth2-google")
        const twice = `redirect=${encodeURIComponent("https://evil.test/")}`
        const both = yield* send("GET", `${path}?${twice}&redirect=${encodeURIComponent(page)}&state=abc`)
        assert.notInclude(both.location, "evil")
        assert.strictEqual((yield* begin("facebook", { redirect: "myapp://signed-in" })).status, 302)
        // without one in the request, the only one that is listed is meant
        assert.strictEqual((yield* send("GET", `${path}?state=abc`)).status, 302)
        assert.strictEqual((yield* send("GET", `${loginPath("my-app", "oauth2-facebook")}?state=abc`)).status, 400)
      })
    )
  )

  it.effect(
    "needs a state of the client, of a limited length",
    served(() =>
      Effect.gen(function* () {
        for (const state of ["", "x".repeat(501)]) {
          const { status, text } = yield* begin("google", { state })
          assert.deepStrictEqual(
            [status, failure(text)],
            [400, "'state' is a required parameter of 1 to 500 characters"]
          )
        }
        assert.strictEqual((yield* begin("google", { state: "x".repeat(500) })).status, 302)
      })
    )
  )

  it.effect(
    "keeps the id of the device that the client tells, and ignores anything else about it",
    served(() =>
      Effect.gen(function* () {
        const deviceId = "5f1d7f3e9c1b2a0012345678"
        const encoded = (device: unknown) => Buffer.from(JSON.stringify(device)).toString("base64")
        const deviceOf = (device: string) =>
          Effect.map(redirected("google", { device }), ({ location }) => fragment(location)["_baas_ua"]?.split("$")[3])
        assert.strictEqual(yield* deviceOf(encoded({ deviceId, platform: "chrome" })), deviceId)
        for (const device of ["%%%", encoded(5), encoded({ deviceId: "nonsense" }), encoded({ deviceId: 5 }), "e30="]) {
          assert.match((yield* deviceOf(device)) ?? "", /^[0-9a-f]{24}$/)
        }
      })
    )
  )

  it.effect(
    "ends with the error of the provider in the fragment",
    served((issuer) =>
      Effect.gen(function* () {
        issuer.denies = "access_denied"
        for (const site of sites) {
          const { location } = yield* redirected(site)
          assert.deepInclude(fragment(location), {
            _baas_error: "access_denied",
            _stitch_error: "access_denied",
            _baas_state: "abcdefghijkl"
          })
          assert.notProperty(fragment(location), "_baas_ua")
        }
        const { cookie, consent } = yield* begin("google")
        const { state = "" } = yield* consented(consent)
        const error_description = `<script>${"x".repeat(1000)}`
        const { location } = yield* callback("google", { state, error: "x", error_description }, cookie)
        const told = fragment(location)["_baas_error"] ?? ""
        assert.isTrue(told.startsWith("x: <script>xxx"))
        assert.strictEqual(told.length, 300)
        assert.notInclude(location ?? "", "<")
      })
    )
  )

  it.effect(
    "ends with an error if the provider is away",
    served((issuer) =>
      Effect.gen(function* () {
        const away = "the identity provider does not respond as expected at the moment: try again later"
        issuer.faults.set("/apple/.well-known/openid-configuration", { status: 503 })
        const { location } = yield* begin("apple")
        assert.strictEqual(location?.split("#")[0], page)
        assert.strictEqual(fragment(location)["_baas_error"], away)
        const byHeader = yield* begin("apple", { providerRedirectHeader: "true" })
        assert.deepStrictEqual([byHeader.status, failure(byHeader.text)], [503, away])
        issuer.faults.set("/google/token", { status: 500 })
        assert.strictEqual(fragment((yield* redirected("google")).location)["_baas_error"], away)
      })
    )
  )

  it.effect(
    "does not work without the client secret, or with a provider that is off",
    served(
      () =>
        Effect.gen(function* () {
          assert.strictEqual(
            fragment((yield* begin("google")).location)["_baas_error"],
            "error exchanging access code with OAuth2 provider"
          )
          const { status, text } = yield* begin("apple")
          assert.deepStrictEqual([status, failure(text)], [400, "authentication via 'oauth2-apple' is unsupported"])
        }),
      App.make({ id: "my-app", providers: { google: { clientId: client.id, redirectUris: [page] } } })
    )
  )
})

describe("a link by redirect", () => {
  const query = { link: "true", providerRedirectHeader: "true" }

  for (const site of sites) {
    it.effect(
      `adds the account at ${site} to the user`,
      served((issuer) =>
        Effect.gen(function* () {
          issuer.person = { id: "linked", email: "ada@example.com" }
          const guest = yield* anonymous()
          const begun = yield* begin(site, query, { token: guest["access_token"] })
          assert.deepStrictEqual([begun.status, begun.text], [200, ""])
          assert.strictEqual(begun.headers["x-baas-location"], begun.headers["x-stitch-location"])
          const brought = yield* consented(begun.headers["x-baas-location"] ?? "")
          const found = fragment((yield* callback(site, brought, begun.cookie)).location)
          assert.deepInclude(found, { _baas_link: "ok", _stitch_link: "ok", _stitch_link_user: guest["user_id"] })
          const [access, refresh, userId] = found["_baas_ua"]?.split("$") ?? []
          assert.deepStrictEqual([userId, refresh], [guest["user_id"], guest["refresh_token"]])
          const profile = yield* send("GET", `${root}/auth/profile`, { token: access })
          assert.include(profile.text, `"provider_type":"oauth2-${site}"`)
          const again = fragment((yield* redirected(site)).location)
          assert.strictEqual(again["_baas_ua"]?.split("$")[2], guest["user_id"])
        })
      )
    )
  }

  it.effect(
    "needs the access token of a session",
    served(() =>
      Effect.gen(function* () {
        const guest = yield* anonymous()
        for (const token of [undefined, "nonsense", guest["refresh_token"]]) {
          for (const link of ["true", "1", ""]) {
            const { cookies, status } = yield* begin("google", { ...query, link }, { token })
            assert.deepStrictEqual([status, cookies], [401, []])
          }
        }
        yield* send("DELETE", `${root}/auth/session`, { token: guest["refresh_token"] })
        assert.strictEqual((yield* begin("google", query, { token: guest["access_token"] })).status, 401)
      })
    )
  )

  it.effect(
    "does not give the account of a victim to an attacker who sends it the page of the provider",
    served((issuer) =>
      Effect.gen(function* () {
        const attacker = yield* anonymous()
        const begun = yield* begin("google", query, { token: attacker["access_token"] })
        issuer.person = { id: "victim" }
        const brought = yield* consented(begun.headers["x-baas-location"] ?? "")
        isUnknown(yield* callback("google", brought))
        const victim = fragment((yield* redirected("google")).location)["_baas_ua"]?.split("$")[2]
        assert.notStrictEqual(victim, attacker["user_id"])
      })
    )
  )

  it.effect(
    "ends with an error if the session or the user ended, or the account is of another user",
    served((issuer) =>
      Effect.gen(function* () {
        const admin = yield* Admin.Admin
        const errorAfter = (
          what: (userId: string, refresh: string) => Effect.Effect<unknown, unknown, HttpClient.HttpClient>
        ) =>
          Effect.gen(function* () {
            const guest = yield* anonymous()
            const begun = yield* begin("google", query, { token: guest["access_token"] })
            const brought = yield* consented(begun.headers["x-baas-location"] ?? "")
            yield* Effect.orDie(what(guest["user_id"] ?? "", guest["refresh_token"] ?? ""))
            const found = fragment((yield* callback("google", brought, begun.cookie)).location)
            assert.notProperty(found, "_baas_ua")
            return found["_baas_error"]
          })
        issuer.person = { id: "new" }
        assert.strictEqual(
          yield* errorAfter((_, token) => send("DELETE", `${root}/auth/session`, { token })),
          "invalid session"
        )
        assert.strictEqual(yield* errorAfter((id) => admin.disableUser("my-app", id)), "invalid session")
        yield* redirected("google")
        assert.strictEqual(yield* errorAfter(() => Effect.void), "unauthorized: the credentials belong to another user")
      })
    )
  )
})

describe("the cookie of a login by redirect", () => {
  const attributes = (site: Site, query: Record<string, string>, sent: Sent) =>
    Effect.map(begin(site, query, sent), ({ cookies }) => cookies[0]?.options)

  it.effect(
    "is for the callback only, and crosses sites only where it has to",
    served(() =>
      Effect.gen(function* () {
        const common = { httpOnly: true, path: `${root}/auth/callback` } as const
        const https = { headers: { "x-forwarded-proto": "https" } }
        const { access_token: token } = yield* anonymous()
        const link = { link: "true", providerRedirectHeader: "true" }
        const lax = { ...common, secure: false, sameSite: "lax" } as const
        for (const site of sites) assert.deepInclude(yield* attributes(site, {}, {}), lax)
        assert.deepInclude(yield* attributes("google", link, { token }), lax)
        const secure = { ...common, secure: true } as const
        assert.deepInclude(yield* attributes("google", {}, https), { ...secure, sameSite: "lax" })
        assert.deepInclude(yield* attributes("facebook", {}, https), { ...secure, sameSite: "lax" })
        assert.deepInclude(yield* attributes("apple", {}, https), { ...secure, sameSite: "none" })
        assert.deepInclude(yield* attributes("google", link, { ...https, token }), { ...secure, sameSite: "none" })
        const { consent } = yield* begin(
          "google",
          {},
          { headers: { ...https.headers, "x-forwarded-host": "app.test" } }
        )
        assert.strictEqual(new URL(consent).searchParams.get("redirect_uri"), `https://app.test${root}/auth/callback`)
      })
    )
  )
})
