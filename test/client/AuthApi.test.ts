import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { AuthApi, Credentials, EmailPasswordApi, ProfileApi } from "effect-app-services"
import { sdkVersion } from "../../src/client/internal/device.ts"
import manifest from "../../package.json" with { type: "json" }
import { host, scripted, token } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

describe("a login sends what its provider expects", () => {
  const cases: ReadonlyArray<readonly [string, Credentials.Credentials, Record<string, unknown>]> = [
    ["anon-user", Credentials.anonymous(), {}],
    [
      "local-userpass",
      Credentials.emailPassword({ email: "ada@example.com", password: "s3cret!" }),
      { username: "ada@example.com", password: "s3cret!" }
    ],
    ["api-key", Credentials.apiKey(Redacted.make("the-key")), { key: "the-key" }],
    ["custom-token", Credentials.jwt("a.b.c"), { token: "a.b.c" }],
    ["custom-function", Credentials.function({ name: "ada", pin: 1234 }), { name: "ada", pin: { $numberInt: "1234" } }],
    ["oauth2-google", Credentials.google({ authCode: "code" }), { authCode: "code" }],
    ["oauth2-google", Credentials.google({ idToken: "a.b.c" }), { id_token: "a.b.c" }],
    ["oauth2-facebook", Credentials.facebook("token"), { accessToken: "token" }],
    ["oauth2-apple", Credentials.apple("a.b.c"), { id_token: "a.b.c" }]
  ]
  it.effect.each(cases)("%s", ([provider, credentials, payload]) => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* (yield* AuthApi).logIn(credentials)
      const request = seen.at(-1)!
      assert.strictEqual(request.path, `/api/client/v2.0/app/my-app/auth/providers/${provider}/login`)
      const { options, ...sent } = JSON.parse(request.body)
      assert.deepStrictEqual(sent, payload)
      assert.strictEqual(options.device.sdk, "effect-app-services")
      assert.strictEqual(yield* user.providerType, provider)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it("sends the version of this package", () => assert.strictEqual(sdkVersion, manifest.version))

  it.effect("sends the host's device id from the second login on", () => {
    const { layer, seen } = host()
    const device = () => JSON.parse(seen.at(-1)!.body).options.device.deviceId
    return Effect.gen(function* () {
      const user = yield* logIn
      assert.isUndefined(device())
      assert.deepStrictEqual(yield* user.deviceId, Option.some("5f1d7f3e9c1b2a0012345678"))
      yield* logIn
      assert.deepStrictEqual(device(), { $oid: "5f1d7f3e9c1b2a0012345678" })
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each(["", "000000000000000000000000", null, undefined])(
    "treats a device id of %s as missing",
    (deviceId) => {
      const { layer, seen } = host((request) =>
        request.path.endsWith("/login")
          ? { body: { access_token: token(), refresh_token: token(), user_id: "u", device_id: deviceId } }
          : undefined
      )
      return Effect.gen(function* () {
        const user = yield* logIn
        assert.deepStrictEqual(yield* user.deviceId, Option.none())
        yield* logIn
        assert.isUndefined(JSON.parse(seen.at(-1)!.body).options.device.deviceId)
      }).pipe(Effect.provide(sdk(layer)))
    }
  )

  it.effect("a payload that has no Extended JSON form is refused before anything is sent", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const error = yield* failure((yield* AuthApi).logIn(Credentials.function({ when: new Date(NaN) })))
      assert.strictEqual(error.reason._tag, "InvalidArguments")
      assert.strictEqual(seen.length, 0)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("many users at once", () => {
  it.effect("the most recent login is current, all are listed, each acts with its own token", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const [first, second, third] = [yield* logIn, yield* logIn, yield* logIn]
      const current = Effect.map(
        auth.currentUser,
        Option.map((user) => user.id)
      )
      assert.deepStrictEqual(yield* current, Option.some(third.id))
      assert.deepStrictEqual(
        (yield* auth.allUsers).map((user) => user.id),
        [third.id, second.id, first.id]
      )
      yield* first.functions.sum(1, 2)
      const used = Redacted.value(Option.getOrThrow(yield* first.accessToken))
      assert.strictEqual(seen.at(-1)!.headers["authorization"], `Bearer ${used}`)
      yield* auth.switchUser(first.id)
      assert.deepStrictEqual(yield* current, Option.some(first.id))
      yield* auth.logOut(first.id)
      assert.deepStrictEqual(yield* current, Option.some(third.id))
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a user is found again by id", () => {
    const { layer } = host()
    return Effect.gen(function* () {
      const { id } = yield* logIn
      const found = yield* (yield* AuthApi).user(id)
      assert.strictEqual(yield* found.functions.sum(1, 2), 42)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("an unknown id is UnknownUser, wherever it is used", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      for (const use of [
        auth.user("nobody"),
        auth.logOut("nobody"),
        auth.switchUser("nobody"),
        (yield* ProfileApi).get("nobody")
      ]) {
        const error = yield* failure(use)
        assert.strictEqual(error.reason._tag, "UnknownUser")
        assert.include(error.message, "nobody")
      }
      assert.strictEqual(seen.length, 0)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a logged-out user cannot become current, and an anonymous one is gone", () => {
    const { layer } = host()
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const named = yield* auth.logIn(Credentials.apiKey("0123456789"))
      const anonymous = yield* logIn
      yield* named.logOut
      yield* anonymous.logOut
      assert.strictEqual((yield* failure(auth.switchUser(named.id))).reason._tag, "NotLoggedIn")
      assert.deepStrictEqual([(yield* named.state)._tag, (yield* anonymous.state)._tag], ["LoggedOut", "Removed"])
      assert.deepStrictEqual(
        (yield* auth.allUsers).map((user) => user.id),
        [named.id]
      )
      assert.isTrue(Option.isNone(yield* auth.currentUser))
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("logging in again renews a known user and keeps its first provider", () => {
    let n = 0
    const { layer } = scripted((request) =>
      request.path.endsWith("/location")
        ? { body: { hostname: "" } }
        : request.path.endsWith("/session")
          ? { status: 204 }
          : { body: { access_token: token({ n: ++n }), refresh_token: token({ n }), user_id: "u" } }
    )
    return Effect.gen(function* () {
      const auth = yield* AuthApi
      const user = yield* auth.logIn(Credentials.emailPassword({ email: "a@b.c", password: "s3cret!" }))
      yield* user.logOut
      yield* auth.logIn(Credentials.apiKey("0123456789"))
      assert.deepStrictEqual([(yield* user.state)._tag, yield* user.providerType], ["Active", "local-userpass"])
      assert.strictEqual((yield* auth.allUsers).length, 1)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("the profile", () => {
  const answer = {
    user_id: "u",
    domain_id: "d",
    identities: [{ id: "i", provider_type: "local-userpass", provider_id: "p" }],
    data: {
      email: "a@b.c",
      first_name: "Ada",
      picture: "http://p",
      min_age: "21",
      born: { $date: { $numberLong: "5" } },
      name: { odd: true }
    },
    type: "normal"
  }

  it.effect("is fetched once, with Realm's names, and again on request", () => {
    const { layer, seen } = host((request) => (request.path.endsWith("/profile") ? { body: answer } : undefined))
    const fetched = () => seen.filter(({ path }) => path.endsWith("/profile")).length
    return Effect.gen(function* () {
      const user = yield* logIn
      assert.deepStrictEqual(yield* user.profile, {
        email: "a@b.c",
        firstName: "Ada",
        pictureUrl: "http://p",
        minAge: "21",
        born: new Date(5)
      })
      assert.deepStrictEqual(yield* user.identities, [{ id: "i", providerType: "local-userpass" }])
      assert.strictEqual(fetched(), 1)
      yield* user.refreshProfile
      assert.strictEqual(fetched(), 2)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect.each([{}, { identities: null, data: null }, { identities: [], data: {}, extra: 1 }])(
    "accepts missing fields: %j",
    (body) => {
      const { layer } = host((request) => (request.path.endsWith("/profile") ? { body } : undefined))
      return Effect.gen(function* () {
        const user = yield* logIn
        assert.deepStrictEqual(yield* user.profile, {})
        assert.deepStrictEqual(yield* user.identities, [])
      }).pipe(Effect.provide(sdk(layer)))
    }
  )
})

describe("registration", () => {
  it.effect("sends e-mail and password", () => {
    const { layer, seen } = host((request) =>
      request.path.endsWith("/register") ? { status: 201, body: "" } : undefined
    )
    return Effect.gen(function* () {
      yield* (yield* EmailPasswordApi).registerUser({ email: "ada@example.com", password: Redacted.make("s3cret!") })
      assert.deepStrictEqual(JSON.parse(seen.at(-1)!.body), { email: "ada@example.com", password: "s3cret!" })
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("under a name in use is AccountNameInUse", () => {
    const { layer } = host((request) =>
      request.path.endsWith("/register")
        ? { status: 409, body: { error: "name already in use", error_code: "AccountNameInUse" } }
        : undefined
    )
    return Effect.gen(function* () {
      const error = yield* failure(
        (yield* EmailPasswordApi).registerUser({ email: "ada@example.com", password: "s3cret!" })
      )
      assert.strictEqual(error.reason._tag, "AccountNameInUse")
    }).pipe(Effect.provide(sdk(layer)))
  })
})
