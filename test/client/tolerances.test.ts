/** What hosts answer that the protocol does not quite say: each variation was seen in one that is in use. */
import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Bson, Credentials, EmailPasswordApi, FunctionContract } from "effect-app-services"
import { type Answer, host, token } from "../support/scripted.ts"
import { logIn, sdk } from "../support/sdk.ts"

const plain = { "content-type": "text/plain" }

describe("a success is any 2xx, whatever its body and headers", () => {
  const bodies: ReadonlyArray<readonly [string, Answer]> = [
    ["201 without a body", { status: 201 }],
    ["200 with an unexpected body", { status: 200, body: { userId: "u" } }],
    ["202 with text", { status: 202, body: "ok", headers: plain }],
    ["204", { status: 204 }]
  ]
  it.effect.each(bodies)("%s", ([, answer]) => {
    const { layer } = host((request) => (request.path.endsWith("/register") ? answer : undefined))
    return Effect.gen(function* () {
      yield* (yield* EmailPasswordApi).registerUser({ email: "a@b.c", password: "s3cret!" })
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each(["application/json; charset=utf-8", "text/plain", "application/ejson"])("JSON as %s", (type) => {
    const { layer } = host((request) =>
      request.path.endsWith("/call") ? { body: "[1]", headers: { "content-type": type } } : undefined
    )
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* (yield* logIn).functions.f(), [1])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each([200, 201])("a refresh with status %d", (status) => {
    const { layer } = host((request) =>
      request.path.endsWith("/auth/session")
        ? { status, body: { access_token: token(), refresh_token: "ignored" } }
        : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* user.functions.f(), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

it.effect("a token of a host that puts other claims into it, and an opaque refresh token", () => {
  const claims = {
    typ: "access",
    id: "u",
    data: { _id: "u", email: "a@b.c" },
    user_data: {},
    custom_data: {},
    iss: "x",
    jti: "x"
  }
  const { layer } = host((request) =>
    request.path.endsWith("/login")
      ? {
          body: {
            access_token: token({ ...claims, iat: 1, exp: 18_001 }),
            refresh_token: "opaque",
            user_id: "u",
            device_id: ""
          }
        }
      : undefined
  )
  return Effect.gen(function* () {
    const user = yield* logIn
    yield* TestClock.adjust("4 hours")
    assert.strictEqual(yield* user.functions.f(), 42)
    assert.deepStrictEqual(yield* user.customData, {})
  }).pipe(Effect.provide(sdk(layer)))
})

const customData: ReadonlyArray<readonly [string, Record<string, unknown>, unknown]> = [
  ["no claim", {}, {}],
  ["null", { user_data: null }, {}],
  ["plain JSON", { user_data: { name: "Zoë 🦊", visits: 3 } }, { name: "Zoë 🦊", visits: 3 }],
  [
    "canonical Extended JSON",
    { user_data: { visits: { $numberInt: "3" }, gone: { $undefined: true } } },
    { visits: 3, gone: undefined }
  ],
  ["an id as text", { user_data: { _id: "5f1d7f3e9c1b2a0012345678" } }, { _id: "5f1d7f3e9c1b2a0012345678" }]
]
it.effect.each(customData)("custom data: %s", ([, claims, expected]) => {
  const { layer } = host((request) =>
    request.path.endsWith("/login")
      ? { body: { access_token: token(claims), refresh_token: token(), user_id: "u" } }
      : undefined
  )
  return Effect.gen(function* () {
    assert.deepStrictEqual<unknown>(yield* (yield* logIn).customData, expected)
  }).pipe(Effect.provide(sdk(layer)))
})

it.effect("ids of API keys as text or Extended JSON", () => {
  const { layer } = host((request) =>
    request.path.endsWith("/api_keys")
      ? {
          body: [
            { _id: "5f1d7f3e9c1b2a0012345678", name: "a", disabled: false },
            { _id: { $oid: "5f1d7f3e9c1b2a0012345679" }, name: "b", disabled: true, more: 1 }
          ]
        }
      : undefined
  )
  return Effect.gen(function* () {
    const user = yield* (yield* AuthApi).logIn(Credentials.apiKey("0123456789"))
    assert.deepStrictEqual(
      (yield* user.apiKeys.fetchAll).map(({ id }) => id),
      ["5f1d7f3e9c1b2a0012345678", "5f1d7f3e9c1b2a0012345679"]
    )
  }).pipe(Effect.provide(sdk(layer)))
})

describe("a typed result", () => {
  const Shop = FunctionContract.make({
    order: { args: [], returns: Schema.Struct({ _id: Bson.ObjectId, count: Schema.Int }) },
    text: { args: [], returns: Schema.String }
  })
  const answering = (body: string) => host((request) => (request.path.endsWith("/call") ? { body } : undefined)).layer

  it.effect.each([
    ["typed numbers", '{"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"count":{"$numberInt":"3"}}'],
    ["plain numbers", '{"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"count":3}'],
    ["its text in the place of it", JSON.stringify('{"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"count":3}')]
  ])("%s", ([, body]) =>
    Effect.gen(function* () {
      const order = yield* (yield* logIn).functionsOf(Shop).order()
      assert.deepStrictEqual(order, { _id: new ObjectId("5f1d7f3e9c1b2a0012345678"), count: 3 })
    }).pipe(Effect.provide(sdk(answering(body))))
  )

  it.effect("keeps a string as string, even if it looks like JSON", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* (yield* logIn).functionsOf(Shop).text(), '{"a":1}')
    }).pipe(Effect.provide(sdk(answering(JSON.stringify('{"a":1}')))))
  )
})
