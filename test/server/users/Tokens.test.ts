import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import { createHmac } from "node:crypto"
import { anonymous, ask, callFunction, claims, inProcess, respelled, root, signingKey, withApps } from "../support.ts"

const functions = { sum: (a: number, b: number) => a + b }
const app = App.make({ id: "my-app", providers: { anonymous: true }, functions })
const other = App.make({ id: "other-app", providers: { anonymous: true }, functions })

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const sign = (head: unknown, payload: unknown, key: string, hash = "sha256") => {
  const signed = `${encode(head)}.${encode(payload)}`
  return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`
}
const profile = (token: string) => ask("GET", `${root}/auth/profile`, { token })
const refresh = (token: string) => ask("POST", `${root}/auth/session`, { token })

describe("session tokens", () => {
  it.effect("carry the claims of the protocol, and nothing else", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 seconds")
      const { access_token, device_id, refresh_token, user_id } = yield* anonymous()
      const access = claims(access_token)
      const refresh = claims(refresh_token)
      const session = access["iss"]
      const domain = access["baas_domain_id"]
      assert.match(String(domain), /^[0-9a-f]{24}$/)
      assert.deepStrictEqual(access, {
        sub: user_id,
        iat: 10,
        exp: 1810,
        iss: session,
        typ: "access",
        baas_device_id: device_id,
        stitch_devId: device_id,
        baas_domain_id: domain,
        stitch_domainId: domain
      })
      const identity = refresh["baas_identity"]
      assert.deepStrictEqual(refresh, {
        sub: user_id,
        iat: 10,
        exp: 10 + 50 * 365 * 86400,
        typ: "refresh",
        baas_id: session,
        stitch_id: session,
        baas_identity: identity,
        stitch_ident: identity,
        baas_device_id: device_id,
        stitch_devId: device_id,
        baas_domain_id: domain,
        stitch_domainId: domain,
        baas_data: null,
        stitch_data: null
      })
      assert.deepInclude(identity as object, { provider_type: "anon-user" })
    }).pipe(withApps(app))
  )

  it.effect("rejects forged tokens", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const payload = claims(access_token)
      const [head, body, tag] = access_token.split(".")
      const header = JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, string>
      assert.deepStrictEqual(Object.keys(header), ["alg", "kid", "typ"])
      assert.match(header["kid"], /^[0-9a-f]{16}$/)
      const { kid, ...keyless } = header
      const forged = {
        "no algorithm": `${encode({ ...header, alg: "none" })}.${body}.`,
        "no algorithm, tag kept": `${encode({ ...header, alg: "none" })}.${body}.${tag}`,
        "another algorithm": sign({ ...header, alg: "HS512" }, payload, "key", "sha512"),
        "another key": sign(header, payload, "key"),
        "an empty key": sign(header, payload, "\0"),
        "the key's id as the key": sign(header, payload, kid),
        "no key's id": sign(keyless, payload, "key"),
        "a strange key's id": sign({ ...header, kid: "__proto__" }, payload, "key"),
        "a key id that is not a string": sign({ ...header, kid: 0 }, payload, "key"),
        "other claims": `${head}.${encode({ ...payload, sub: "0".repeat(24) })}.${tag}`,
        "a shorter tag": `${head}.${body}.${tag.slice(0, 20)}`,
        "no domain": sign(header, { ...payload, baas_domain_id: undefined }, "key"),
        "a strange domain": sign(header, { ...payload, baas_domain_id: "__proto__" }, "key")
      }
      for (const [how, token] of Object.entries(forged)) {
        const { body: answer, status } = yield* profile(token)
        assert.strictEqual(status, 401, how)
        assert.deepStrictEqual<object>(answer, { error: "signature is invalid", error_code: "InvalidSession" }, how)
      }
      assert.strictEqual((yield* profile(access_token)).status, 200)
    }).pipe(withApps(app))
  )

  it.effect("verifies a token each time, also one that was valid before", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      for (const token of [access_token, access_token]) assert.strictEqual((yield* profile(token)).status, 200)
      const forged = access_token.replace(/\.(.)(?=[^.]*$)/, (_, first: string) => (first === "A" ? ".B" : ".A"))
      assert.strictEqual((yield* profile(forged)).status, 401)
      assert.strictEqual((yield* refresh(access_token)).status, 401)
      assert.strictEqual((yield* refresh(refresh_token)).status, 201)
      assert.strictEqual((yield* profile(refresh_token)).status, 401)
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* profile(access_token)).status, 401)
      assert.strictEqual((yield* refresh(refresh_token)).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("rejects another spelling, also of a token that was valid before", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      // no header carries line breaks, and blanks around its value are not of it
      const others = (token: string | undefined) => respelled(token ?? "").filter((other) => !/\s/.test(other))
      for (const _ of ["new", "known"]) {
        for (const token of others(access_token)) assert.strictEqual((yield* profile(token)).status, 401, token)
        for (const token of others(refresh_token)) assert.strictEqual((yield* refresh(token)).status, 401, token)
        assert.strictEqual((yield* profile(access_token)).status, 200)
        assert.strictEqual((yield* refresh(refresh_token)).status, 201)
      }
    }).pipe(withApps(app))
  )

  it.effect("rejects what is not a token", () =>
    Effect.gen(function* () {
      for (const token of ["x", "a.b", "a.b.c", "....", "e30.e30.e30.e30", `e30.${"A".repeat(3000)}.e30`]) {
        const { body, status } = yield* profile(token)
        assert.strictEqual(status, 401, token)
        assert.strictEqual(body["error_code"], "InvalidSession", token)
        const session = yield* refresh(token)
        assert.strictEqual(session.status, 401, token)
        assert.deepStrictEqual(session.body, {
          error: "invalid session: failed to find refresh token",
          error_code: "InvalidSession"
        })
      }
    }).pipe(withApps(app))
  )

  it.effect("accepts tokens of the right type only", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      const a = yield* refresh(access_token)
      assert.strictEqual(a.status, 401)
      assert.deepStrictEqual(a.body, {
        error: "invalid refresh token: incorrect token type",
        error_code: "InvalidSession"
      })
      const b = yield* profile(refresh_token)
      assert.strictEqual(b.status, 401)
      assert.deepStrictEqual(b.body, {
        error: "invalid access token: incorrect token type",
        error_code: "InvalidSession"
      })
    }).pipe(withApps(app))
  )

  it.effect("accepts tokens of the right application only, even with a shared signing key", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous("my-app")
      assert.strictEqual((yield* callFunction(access_token, "sum", [1, 2])).text, `{"$numberInt":"3"}`)
      const { body, status } = yield* callFunction(access_token, "sum", [1, 2], "other-app")
      assert.strictEqual(status, 403)
      assert.strictEqual(body["error_code"], "UserAppDomainMismatch")
      const otherDomain = claims((yield* anonymous("other-app"))["access_token"])["baas_domain_id"]
      const [head, , tag] = access_token.split(".")
      const moved = `${head}.${encode({ ...claims(access_token), baas_domain_id: otherDomain })}.${tag}`
      assert.deepStrictEqual((yield* profile(moved)).body, {
        error: "signature is invalid",
        error_code: "InvalidSession"
      })
    }).pipe(withApps([app, other], { signingKey }))
  )

  it.effect("rejects tokens of another server unless it has the same key", () =>
    Effect.gen(function* () {
      const mine = Effect.provide(anonymous(), inProcess(app))
      const { access_token } = yield* mine
      assert.deepStrictEqual((yield* profile(access_token)).body, {
        error: "signature is invalid",
        error_code: "InvalidSession"
      })
      const sameKey = yield* Effect.provide(anonymous(), inProcess(app, { signingKey }))
      // the signature holds; the user is one that this server does not know
      assert.deepInclude((yield* profile(sameKey["access_token"])).body, { error_code: "InvalidSession" })
    }).pipe(withApps(app, { signingKey }))
  )

  it.effect("expires access tokens after 30 minutes of the test's clock", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      yield* TestClock.adjust("1799 seconds")
      assert.strictEqual((yield* profile(access_token)).status, 200)
      yield* TestClock.adjust("1 second")
      const expired = yield* profile(access_token)
      assert.strictEqual(expired.status, 401)
      assert.deepStrictEqual(expired.body, { error: "invalid session", error_code: "InvalidSession" })
      const renewed = yield* refresh(refresh_token)
      assert.strictEqual(renewed.status, 201)
      assert.deepStrictEqual(Object.keys(renewed.body), ["access_token"])
      assert.strictEqual((yield* profile(renewed.body["access_token"])).status, 200)
    }).pipe(withApps(app))
  )

  it.effect("live as long as the application says", () => {
    const app = App.make({
      id: "my-app",
      providers: { customFunction: () => "someone" },
      tokens: { accessTokenLifetime: "1 minute", refreshTokenLifetime: "1 hour" }
    })
    return Effect.gen(function* () {
      const { body } = yield* ask("POST", `${root}/app/my-app/auth/providers/custom-function/login`)
      assert.strictEqual(claims(body["access_token"])["exp"], 60)
      assert.strictEqual(claims(body["refresh_token"])["exp"], 3600)
      yield* TestClock.adjust("1 hour")
      const { body: expired, status } = yield* refresh(body["refresh_token"])
      assert.strictEqual(status, 401)
      const gone = "invalid session: failed to find refresh token"
      assert.deepStrictEqual(expired, { error: gone, error_code: "InvalidSession" })
    }).pipe(withApps(app))
  })
})
