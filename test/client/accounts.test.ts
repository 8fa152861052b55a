import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, EmailPasswordApi, type UserEvent } from "effect-app-services"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const account = { email: "ada@example.com", password: "s3cret!" }
const isLink = (request: Seen) => request.url.includes("link=true")
const isRefresh = (request: Seen) => request.method === "POST" && request.path.endsWith("/auth/session")
const bearerOf = (request: Seen | undefined) => request?.headers["authorization"]
const named = AuthApi.use((auth) => auth.logIn(Credentials.apiKey("0123456789")))

describe("linking", () => {
  const linking = (answer: (request: Seen) => Answer) =>
    host((request) =>
      isLink(request)
        ? answer(request)
        : request.path.endsWith("/profile")
          ? {
              body: {
                identities: [
                  { id: "a", provider_type: "anon-user" },
                  { id: "b", provider_type: "local-userpass" }
                ],
                data: account.email
              }
            }
          : undefined
    )

  it.effect("sends the credentials with the user's token, and takes the new token and the new identities", () => {
    let userId = ""
    const linkedToken = token({ n: "linked" })
    const { layer, seen } = host((request) =>
      isLink(request)
        ? { body: { access_token: linkedToken, user_id: userId, device_id: "" } }
        : request.path.endsWith("/profile")
          ? {
              body: {
                identities: [
                  { id: "a", provider_type: "anon-user" },
                  { id: "b", provider_type: "local-userpass" }
                ],
                data: {}
              }
            }
          : undefined
    )
    return Effect.gen(function* () {
      const user = yield* logIn
      userId = user.id
      const before = Redacted.value(Option.getOrThrow(yield* user.accessToken))
      const events: Array<UserEvent["_tag"]> = []
      user.addListener(({ _tag }) => events.push(_tag))
      yield* user.linkCredentials(Credentials.emailPassword(account))
      const link = seen.find(isLink)
      assert.strictEqual(bearerOf(link), `Bearer ${before}`)
      assert.include(JSON.parse(link?.body ?? ""), { username: account.email, password: account.password })
      assert.strictEqual(Redacted.value(Option.getOrThrow(yield* user.accessToken)), linkedToken)
      assert.deepStrictEqual(
        (yield* user.identities).map(({ providerType }) => providerType),
        ["anon-user", "local-userpass"]
      )
      assert.deepStrictEqual(events, ["IdentityLinked", "ProfileChanged"])
      yield* user.logOut
      assert.strictEqual((yield* user.state)._tag, "LoggedOut", "a linked user is no longer anonymous")
    }).pipe(Effect.provide(sdk(layer)))
  })

  const refusals: ReadonlyArray<readonly [string, Answer]> = [
    ["the credentials of another user", { status: 401, body: { error: "unauthorized", error_code: "InvalidSession" } }],
    ["a second e-mail identity", { status: 500, body: { error: "unauthorized" } }],
    [
      "another user's API key",
      { status: 400, body: { error: "invalid user link request", error_code: "InvalidParameter" } }
    ],
    ["a wrong password", { status: 401, body: { error: "unauthorized", error_code: "InvalidPassword" } }]
  ]
  it.effect.each(refusals)("%s: LinkRefused, sent once, and the session goes on", ([, answer]) => {
    const { layer, seen } = linking(() => answer)
    return Effect.gen(function* () {
      const user = yield* logIn
      const error = yield* failure(user.linkCredentials(Credentials.emailPassword(account)))
      assert.strictEqual(error.reason._tag, "LinkRefused")
      assert.strictEqual(seen.filter(isLink).length, 1)
      assert.strictEqual(seen.filter(isRefresh).length, 0)
      assert.strictEqual(yield* user.functions.sum(1, 2), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a host that is down refuses nothing", () => {
    const { layer } = linking(() => ({ status: 503, body: { error: "later" } }))
    return Effect.gen(function* () {
      const error = yield* failure((yield* logIn).linkCredentials(Credentials.emailPassword(account)))
      assert.strictEqual(error.reason._tag, "ServerUnavailable")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("changes nothing for anonymous credentials, or for an answer about another user", () => {
    const { layer, seen } = linking(() => ({ body: { access_token: token({ n: "other" }), user_id: "somebody else" } }))
    return Effect.gen(function* () {
      const user = yield* logIn
      const before = Redacted.value(Option.getOrThrow(yield* user.accessToken))
      assert.strictEqual(
        (yield* failure(user.linkCredentials(Credentials.anonymous()))).reason._tag,
        "InvalidArguments"
      )
      assert.strictEqual(seen.filter(isLink).length, 0)
      assert.strictEqual(
        (yield* failure(user.linkCredentials(Credentials.apiKey("0123456789")))).reason._tag,
        "InvalidResponse"
      )
      assert.strictEqual(Redacted.value(Option.getOrThrow(yield* user.accessToken)), before)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("accounts", () => {
  it.effect("deleteUser uses the token of the deleted user, not of the current one", () => {
    const { layer, seen } = host((request) => (request.path.endsWith("/auth/delete") ? { status: 204 } : undefined))
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const first = yield* named
      const second = yield* named
      const mine = Redacted.value(Option.getOrThrow(yield* first.accessToken))
      yield* auth.deleteUser(first.id)
      assert.deepStrictEqual([seen.at(-1)?.method, bearerOf(seen.at(-1))], ["DELETE", `Bearer ${mine}`])
      assert.strictEqual((yield* first.state)._tag, "Removed")
      assert.deepStrictEqual(
        Option.map(yield* auth.currentUser, ({ id }) => id),
        Option.some(second.id)
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a user whose deletion failed is still there", () => {
    const { layer } = host((request) => (request.path.endsWith("/auth/delete") ? "unreachable" : undefined))
    return Effect.gen(function* () {
      const user = yield* named
      yield* failure((yield* AuthApi).deleteUser(user.id))
      assert.isTrue(yield* user.isLoggedIn)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("removeUser logs out at the host and forgets; a logged-out user is forgotten without a request", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const events: Array<UserEvent["_tag"]> = []
      auth.addListener(({ _tag }) => events.push(_tag))
      const [first, second] = yield* Effect.all([named, named])
      yield* auth.removeUser(first.id)
      assert.strictEqual(seen.at(-1)?.method, "DELETE")
      yield* second.logOut
      const sent = seen.length
      yield* auth.removeUser(second.id)
      assert.strictEqual(seen.length, sent)
      assert.deepStrictEqual(yield* auth.allUsers, [])
      assert.deepStrictEqual(events.slice(2), ["LoggedOut", "Removed", "LoggedOut", "Removed"])
      assert.strictEqual((yield* failure(auth.removeUser(first.id))).reason._tag, "UnknownUser")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("an anonymous user is reused where that is asked for, but never a logged-out or linked one", () => {
    const { layer, seen } = host()
    const reuse = AuthApi.use((auth) => auth.logIn(Credentials.anonymous({ reuse: true })))
    const logins = () => seen.filter(({ path }) => path.endsWith("/login")).length
    return Effect.gen(function* () {
      const first = yield* reuse
      yield* named
      const again = yield* reuse
      assert.strictEqual(again.id, first.id)
      assert.strictEqual(logins(), 2)
      assert.deepStrictEqual(
        Option.map(yield* (yield* AuthApi).currentUser, ({ id }) => id),
        Option.some(first.id)
      )
      yield* first.logOut
      assert.notStrictEqual((yield* reuse).id, first.id)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("e-mail and password", () => {
  it.effect("each operation sends what the protocol says", () => {
    const { layer, seen } = host((request) =>
      request.path.includes("local-userpass") ? { status: 200, body: "" } : undefined
    )
    return Effect.gen(function* () {
      const accounts = yield* EmailPasswordApi
      yield* accounts.confirmUser({ token: Redacted.make("t"), tokenId: "i" })
      yield* accounts.resendConfirmationEmail({ email: account.email })
      yield* accounts.retryCustomConfirmation({ email: account.email })
      yield* accounts.sendResetPasswordEmail({ email: account.email })
      yield* accounts.resetPassword({ token: "t", tokenId: "i", password: "n3w pass" })
      yield* accounts.callResetPasswordFunction({ email: account.email, password: "n3w pass" }, "blue", 7)
      const base = "/api/client/v2.0/app/my-app/auth/providers/local-userpass"
      assert.deepStrictEqual(
        seen.slice(1).map(({ body, path }) => [path.slice(base.length), JSON.parse(body)]),
        [
          ["/confirm", { tokenId: "i", token: "t" }],
          ["/confirm/send", { email: account.email }],
          ["/confirm/call", { email: account.email }],
          ["/reset/send", { email: account.email }],
          ["/reset", { tokenId: "i", token: "t", password: "n3w pass" }],
          ["/reset/call", { email: account.email, arguments: ["blue", { $numberInt: "7" }], password: "n3w pass" }]
        ]
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("an unknown account is UserNotFound", () => {
    const { layer } = host((request) =>
      request.path.endsWith("/reset/send")
        ? { status: 404, body: { error: "user not found", error_code: "UserNotFound" } }
        : undefined
    )
    return Effect.gen(function* () {
      const error = yield* failure((yield* EmailPasswordApi).sendResetPasswordEmail({ email: "nobody@example.com" }))
      assert.strictEqual(error.reason._tag, "UserNotFound")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("API keys", () => {
  const key = { _id: "5f1d7f3e9c1b2a0012345678", name: "ci", disabled: false }

  it.effect("go with the refresh token, and the key is shown once, redacted", () => {
    const { layer, seen } = host((request) =>
      request.path.endsWith("/api_keys")
        ? {
            status: request.method === "POST" ? 201 : 200,
            body: request.method === "POST" ? { ...key, key: "the-secret-key" } : [key]
          }
        : request.path.includes("/api_keys/")
          ? request.method === "GET"
            ? { body: key }
            : { status: 204 }
          : undefined
    )
    return Effect.gen(function* () {
      const user = yield* named
      const refreshToken = Redacted.value(Option.getOrThrow(yield* user.refreshToken))
      const created = yield* user.apiKeys.create("ci")
      assert.strictEqual(Redacted.value(created.key), "the-secret-key")
      assert.notInclude(JSON.stringify(created), "the-secret-key")
      assert.deepStrictEqual(yield* user.apiKeys.fetch(created.id), { id: key._id, name: "ci", disabled: false })
      assert.strictEqual((yield* user.apiKeys.fetchAll).length, 1)
      yield* user.apiKeys.disable(created.id)
      yield* user.apiKeys.enable(created.id)
      yield* user.apiKeys.delete(created.id)
      const requests = seen.filter(({ path }) => path.includes("/api_keys"))
      assert.deepStrictEqual(
        requests.map(({ method, path }) => `${method} ${path.slice("/api/client/v2.0/auth".length)}`),
        [
          "POST /api_keys",
          `GET /api_keys/${key._id}`,
          "GET /api_keys",
          `PUT /api_keys/${key._id}/disable`,
          `PUT /api_keys/${key._id}/enable`,
          `DELETE /api_keys/${key._id}`
        ]
      )
      assert.deepStrictEqual(new Set(requests.map(bearerOf)), new Set([`Bearer ${refreshToken}`]))
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("an unknown id is ApiKeyNotFound, a dead session SessionExpired", () => {
    let dead = false
    const { layer } = host((request) =>
      !request.path.includes("/api_keys")
        ? undefined
        : dead
          ? {
              status: 401,
              body: { error: "invalid session: failed to find refresh token", error_code: "InvalidSession" }
            }
          : { status: 404, body: { error: "API key not found", error_code: "APIKeyNotFound" } }
    )
    return Effect.gen(function* () {
      const user = yield* named
      const unknown = yield* failure(user.apiKeys.enable("5f1d7f3e9c1b2a0012345678"))
      assert.strictEqual(unknown.reason._tag, "ApiKeyNotFound")
      assert.include(unknown.message, "5f1d7f3e9c1b2a0012345678")
      assert.isTrue(yield* user.isLoggedIn)
      dead = true
      assert.strictEqual((yield* failure(user.apiKeys.fetchAll)).reason._tag, "SessionExpired")
      assert.deepStrictEqual(yield* user.state, { _tag: "LoggedOut", cause: "SessionExpired" })
    }).pipe(Effect.provide(sdk(layer)))
  })
})

it.effect("push registers and deregisters a device, with the access token", () => {
  const { layer, seen } = host((request) => (request.path.includes("/push/") ? { status: 204 } : undefined))
  return Effect.gen(function* () {
    const user = yield* logIn
    yield* TestClock.adjust("1 hour")
    yield* user.push("gcm").register("device token")
    yield* user.push("gcm").deregister
    const requests = seen.filter(({ path }) => path === "/api/client/v2.0/app/my-app/push/providers/gcm/registration")
    assert.deepStrictEqual(
      requests.map(({ body, method }) => [method, body]),
      [
        ["PUT", '{"registrationToken":"device token"}'],
        ["DELETE", ""]
      ]
    )
    assert.strictEqual(bearerOf(requests[0]), `Bearer ${Redacted.value(Option.getOrThrow(yield* user.accessToken))}`)
  }).pipe(Effect.provide(sdk(layer)))
})
