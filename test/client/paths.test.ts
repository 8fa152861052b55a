import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AuthApi, Credentials, ProtocolClient } from "effect-app-services"
import { path, routes, segmentProblem } from "../../src/protocol/internal/routes.ts"
import { host } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const strays = [
  "",
  ".",
  "..",
  "%2e",
  "%2E%2e",
  "%252e%252e",
  "..%2f..",
  "a/b",
  "a%2Fb",
  "/",
  "a\\b",
  "%5c",
  "\n",
  "a%00"
]

describe("an id or a name that leads to another path", () => {
  it.effect.each(strays)("%j is refused before anything is sent", (stray) => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* logIn
      const before = seen.length
      const provider = { ...Credentials.anonymous(), providerType: stray as "anon-user" }
      for (const operation of [
        user.apiKeys.fetch(stray),
        user.apiKeys.enable(stray),
        user.apiKeys.disable(stray),
        user.apiKeys.delete(stray),
        user.push(stray).register("token"),
        user.push(stray).deregister,
        auth.logIn(provider)
      ]) {
        const error = yield* failure(operation)
        assert.strictEqual(error.reason._tag, "InvalidArguments")
        assert.match(error.message, /is empty|leads to another place|slash/)
      }
      assert.strictEqual(seen.length, before)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each(strays)("rejects %j as an app id", (stray) =>
    Effect.gen(function* () {
      const error = yield* failure(Effect.provide(logIn, sdk(host().layer, { appId: stray })))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.include(error.message, "appId")
    })
  )

  it.each(strays)("rejects %j as a part of a route", (stray) => {
    assert.throws(() => path(routes.apiKey, { id: stray }), "id cannot be part of")
  })
})

it("other names are parts of a path, percent-encoded", () => {
  for (const name of ["gcm", "5f1d7f3e9c1b2a0012345678", "...", ".a", "100%", "%zz", "grüße", "a b", "a?b#c"]) {
    assert.isUndefined(segmentProblem(name))
    const url = new URL(path(routes.apiKey, { id: name }), "http://h.test")
    assert.strictEqual(url.pathname, `/api/client/v2.0/auth/api_keys/${encodeURIComponent(name)}`)
    assert.strictEqual(url.search + url.hash, "")
  }
})

it.effect.each(["", "x", ".evil.test/", "@evil.test/", "://evil.test"])(
  "a request with the path %j, which would name another host, is not sent",
  (stray) => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const client = yield* ProtocolClient
      const operation = { name: "mine", kind: "general" } as const
      const error = yield* failure(client.execute({ operation, method: "GET", path: stray }))
      assert.strictEqual(error.reason._tag, "InvalidArguments")
      assert.isTrue(seen.every(({ path }) => path.endsWith("/location")))
    }).pipe(Effect.provide(sdk(layer)))
  }
)
