import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { TestClock } from "effect/testing"
import { Apps } from "../../../src/server/model/Apps.ts"
import { PendingLogins, RedirectLogins } from "../../../src/server/users/RedirectLogins.ts"
import { root } from "../support.ts"
import {
  app,
  begin,
  callback,
  consented,
  fragment,
  isUnknown,
  page,
  redirected,
  send,
  served,
  sites
} from "./oauthSupport.ts"

describe("a login by redirect under attack", () => {
  it.effect(
    "is finished once",
    served(() =>
      Effect.gen(function* () {
        for (const site of sites) {
          const { consent, cookie } = yield* begin(site)
          const brought = yield* consented(consent)
          assert.property(fragment((yield* callback(site, brought, cookie)).location), "_baas_ua")
          isUnknown(yield* callback(site, brought, cookie))
        }
      })
    )
  )

  it.effect(
    "is finished in the browser that began it",
    served(() =>
      Effect.gen(function* () {
        for (const site of sites) {
          const mine = yield* begin(site)
          const others = yield* begin(site)
          const [name = ""] = mine.cookie?.split("=") ?? []
          const [, value = ""] = others.cookie?.split("=") ?? []
          for (const cookie of [undefined, others.cookie, `${name}=`, `${name}=${value}`]) {
            const { consent } = yield* begin(site)
            isUnknown(yield* callback(site, yield* consented(consent), cookie))
          }
          // an attempt uses the login up
          const brought = yield* consented(mine.consent)
          isUnknown(yield* callback(site, brought, others.cookie))
          isUnknown(yield* callback(site, brought, mine.cookie))
        }
      })
    )
  )

  it.effect(
    "expires after ten minutes",
    served(() =>
      Effect.gen(function* () {
        const [early, late] = [yield* begin("google"), yield* begin("google")]
        yield* TestClock.adjust("599 seconds")
        assert.strictEqual((yield* callback("google", yield* consented(early.consent), early.cookie)).status, 302)
        yield* TestClock.adjust("1 second")
        isUnknown(yield* callback("google", yield* consented(late.consent), late.cookie))
      })
    )
  )

  it.effect(
    "needs the server's own state",
    served(() =>
      Effect.gen(function* () {
        const { consent, cookie } = yield* begin("google")
        const { code = "", state = "" } = yield* consented(consent)
        for (const brought of [
          { code },
          { code, state: "" },
          { code, state: "abcdefghijkl" },
          { code, state: `${state}x` }
        ]) {
          isUnknown(yield* callback("google", { ...brought }, cookie))
        }
        isUnknown(yield* send("GET", `${root}/auth/callback?code=${code}&state=${state}&state=${state}`, { cookie }))
        isUnknown(yield* send("GET", `${root}/auth/callback`))
      })
    )
  )

  it.effect(
    "takes the answer of the provider that was asked, and no other one",
    served((issuer) =>
      Effect.gen(function* () {
        const rejected = "unauthorized"
        const refusedCode = "error exchanging access code with OAuth2 provider"
        const errorOf = (answer: Effect.Success<ReturnType<typeof send>>) => fragment(answer.location)["_baas_error"]
        // Google names itself in its answers
        for (const iss of [issuer.urls.apple, "https://accounts.google.com", undefined]) {
          const { consent, cookie } = yield* begin("google")
          const { iss: _, ...brought } = yield* consented(consent)
          const answer = yield* callback("google", { ...brought, ...(iss !== undefined && { iss }) }, cookie)
          assert.strictEqual(errorOf(answer), rejected)
        }
        // another provider does not accept a code of this one
        const ofApple = yield* consented((yield* begin("apple")).consent)
        const google = yield* begin("google")
        const brought = yield* consented(google.consent)
        const mixed = yield* callback("google", { ...brought, code: ofApple["code"] ?? "" }, google.cookie)
        assert.strictEqual(errorOf(mixed), refusedCode)
        // Apple answers by a form, and the others do not
        const apple = yield* begin("apple")
        isUnknown(yield* callback("google", yield* consented(apple.consent), apple.cookie))
        const facebook = yield* begin("facebook")
        isUnknown(yield* callback("apple", yield* consented(facebook.consent), facebook.cookie))
        assert.deepStrictEqual(
          issuer.requests.filter((it) => it.startsWith("POST") && it !== "POST /google/token"),
          []
        )
      })
    )
  )

  it.effect(
    "takes the code of its own request only",
    served(() =>
      Effect.gen(function* () {
        // a code that was stolen from another login is of another nonce, and at Google of another code verifier
        for (const [site, error] of [
          ["google", "error exchanging access code with OAuth2 provider"],
          ["apple", "unauthorized"]
        ] as const) {
          const stolen = yield* consented((yield* begin(site)).consent)
          const mine = yield* begin(site)
          const brought = yield* consented(mine.consent)
          const answer = yield* callback(site, { ...brought, code: stolen["code"] ?? "" }, mine.cookie)
          assert.strictEqual(fragment(answer.location)["_baas_error"], error)
        }
      })
    )
  )

  it.effect(
    "rejects id tokens of a provider that are not of this login",
    served((issuer) =>
      Effect.gen(function* () {
        for (const claims of [{ nonce: "another" }, { nonce: undefined }, { aud: "client-2" }, { exp: -61 }]) {
          issuer.claims = claims
          for (const site of ["google", "apple"] as const) {
            const { location } = yield* redirected(site)
            assert.strictEqual(fragment(location)["_baas_error"], "unauthorized", JSON.stringify(claims))
          }
        }
      })
    )
  )

  it.effect("is kept with 9,999 others at most", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        RedirectLogins.layer.pipe(
          Layer.provide([PendingLogins.layerMemory, SecureRandom.layerWebCrypto]),
          Layer.provideMerge(Apps.layer([app]))
        )
      )
      const hosted = Context.get(context, Apps).byId.get("my-app")
      const provider = app.providers.oauth.get("oauth2-google")
      if (hosted === undefined || provider === undefined) return assert.fail("the application is hosted")
      const logins = Context.get(context, RedirectLogins)
      const request = {
        hosted,
        provider,
        redirect: page,
        state: "s",
        deviceId: undefined,
        link: undefined,
        callback: ""
      }
      const [first, second] = [yield* logins.begin(request), yield* logins.begin(request)]
      for (let i = 0; i < 9999; i++) yield* logins.begin(request)
      const take = ({ cookie, flow }: typeof first) =>
        logins.take(flow.state, { [cookie.name]: Redacted.value(cookie.value) })
      assert.isUndefined(yield* take(first))
      assert.strictEqual((yield* take(second))?.request.redirect, page)
    }).pipe(Effect.scoped)
  )
})
