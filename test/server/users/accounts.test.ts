import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Admin, App } from "effect-app-services/server"
import {
  anonymous,
  ask,
  callFunction,
  claims,
  emailPassword,
  loginPath,
  path,
  register,
  root,
  withApps
} from "../support.ts"

const ada = { email: "ada@example.com", password: "correct horse" }
const data = new Map<string, string>()
const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: true,
    apiKey: true,
    customFunction: ({ card }: { card: string }) => card
  },
  push: ["gcm", "my push"],
  functions: { ping: () => "pong" },
  customUserData: ({ id }) => {
    data.set(id, "kept")
    return { id }
  }
})

const profile = (token: string) => ask("GET", `${root}/auth/profile`, { token })
const refresh = (token: string) => ask("POST", `${root}/auth/session`, { token })
const key = (token: string) => ask("POST", `${root}/auth/api_keys`, { token, body: { name: "key" } })
const notFound = { error: "invalid session: failed to find refresh token", error_code: "InvalidSession" }
const disabled = { error: "user disabled", error_code: "UserDisabled" }

describe("a deleted user", () => {
  it.effect("leaves nothing that logs in, and no token that works", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const { body: user } = yield* emailPassword(ada.email, ada.password)
      const { body: second } = yield* emailPassword(ada.email, ada.password)
      yield* ask("POST", `${loginPath("my-app", "custom-function")}?link=true`, {
        token: user["access_token"],
        body: { card: "card-1" }
      })
      const { body: created } = yield* key(user["refresh_token"])
      yield* ask("PUT", path("my-app", "push/providers/gcm/registration"), {
        token: user["access_token"],
        body: { registrationToken: "device" }
      })
      const bystander = yield* anonymous()

      const deleted = yield* ask("DELETE", `${root}/auth/delete`, { token: user["access_token"] })
      assert.deepStrictEqual([deleted.status, deleted.text, deleted.headers["content-type"]], [204, "", undefined])

      for (const { access_token, refresh_token } of [user, second]) {
        for (const answer of [
          yield* profile(access_token),
          yield* callFunction(access_token, "ping"),
          yield* ask("DELETE", `${root}/auth/delete`, { token: access_token })
        ]) {
          assert.deepStrictEqual(
            [answer.status, answer.body],
            [401, { error: "invalid session", error_code: "InvalidSession" }]
          )
        }
        for (const answer of [yield* refresh(refresh_token), yield* key(refresh_token)]) {
          assert.deepStrictEqual([answer.status, answer.body], [401, notFound])
        }
      }
      assert.strictEqual((yield* emailPassword(ada.email, ada.password)).body["error_code"], "InvalidPassword")
      const byKey = yield* ask("POST", loginPath("my-app", "api-key"), { body: { key: created["key"] } })
      assert.deepStrictEqual([byKey.status, byKey.body["error_code"]], [401, "AuthError"])
      const byCard = yield* ask("POST", loginPath("my-app", "custom-function"), { body: { card: "card-1" } })
      assert.notStrictEqual(byCard.body["user_id"], user["user_id"])
      assert.strictEqual((yield* register(ada.email, "another password")).status, 201)
      const again = yield* emailPassword(ada.email, "another password")
      assert.notStrictEqual(again.body["user_id"], user["user_id"])
      assert.deepStrictEqual(yield* (yield* Admin.Admin).pushRegistrations("my-app"), [])
      assert.strictEqual((yield* profile(bystander["access_token"])).status, 200)
      assert.strictEqual(data.get(user["user_id"]), "kept")
    }).pipe(withApps(app))
  )
})

describe("a disabled user", () => {
  it.effect("can do nothing, until enabled", () =>
    Effect.gen(function* () {
      const admin = yield* Admin.Admin
      yield* register(ada.email, ada.password)
      const { body: user } = yield* emailPassword(ada.email, ada.password)
      const { body: created } = yield* key(user["refresh_token"])
      const bystander = yield* anonymous()
      yield* admin.disableUser("my-app", user["user_id"])
      const logInByKey = ask("POST", loginPath("my-app", "api-key"), { body: { key: created["key"] } })
      for (const [answer, status] of [
        [yield* emailPassword(ada.email, ada.password), 401],
        [yield* logInByKey, 401],
        [yield* refresh(user["refresh_token"]), 401],
        [yield* key(user["refresh_token"]), 401],
        // a refresh does not help, so these must not be a 401
        [yield* profile(user["access_token"]), 403],
        [yield* callFunction(user["access_token"], "ping"), 403],
        [yield* ask("DELETE", `${root}/auth/delete`, { token: user["access_token"] }), 403],
        [
          yield* ask("POST", `${loginPath("my-app", "custom-function")}?link=true`, {
            token: user["access_token"],
            body: { card: "card-1" }
          }),
          403
        ]
      ] as const) {
        assert.deepStrictEqual([answer.status, answer.body], [status, disabled])
      }
      assert.strictEqual((yield* emailPassword(ada.email, "wrong")).body["error_code"], "InvalidPassword")
      assert.strictEqual((yield* profile(bystander["access_token"])).status, 200)
      assert.deepStrictEqual(
        (yield* admin.users("my-app")).map(({ disabled, id }) => [id, disabled]),
        [
          [user["user_id"], true],
          [bystander["user_id"], false]
        ]
      )
      yield* admin.enableUser("my-app", user["user_id"])
      const again = yield* emailPassword(ada.email, ada.password)
      assert.strictEqual(again.body["user_id"], user["user_id"])
      assert.strictEqual((yield* logInByKey).body["user_id"], user["user_id"])
      assert.deepStrictEqual((yield* refresh(user["refresh_token"])).body, notFound)
    }).pipe(withApps(app))
  )

  it.effect("has to be there", () =>
    Effect.gen(function* () {
      const admin = yield* Admin.Admin
      const unknown = yield* Effect.flip(admin.disableUser("my-app", "unknown"))
      assert.strictEqual(unknown._tag, "UserNotFound")
      assert.match(unknown.message, /has no user unknown/)
      const elsewhere = yield* Effect.flip(admin.enableUser("other", "unknown"))
      assert.strictEqual(elsewhere._tag, "AppNotFound")
      assert.strictEqual(elsewhere.message, 'there is no application "other": the server hosts my-app')
    }).pipe(withApps(app))
  )
})

describe("logging out an anonymous user", () => {
  it.effect("ends the session, and the user lives on", () =>
    Effect.gen(function* () {
      const user = yield* anonymous()
      const out = yield* ask("DELETE", `${root}/auth/session`, { token: user["refresh_token"] })
      assert.deepStrictEqual([out.status, out.text], [204, ""])
      assert.deepStrictEqual((yield* refresh(user["refresh_token"])).body, notFound)
      assert.strictEqual((yield* profile(user["access_token"])).status, 200)
      assert.deepStrictEqual(
        (yield* (yield* Admin.Admin).users("my-app")).map(({ id }) => id),
        [user["user_id"]]
      )
    }).pipe(withApps(app))
  )
})

describe("push registrations", () => {
  const registration = (
    method: "PUT" | "DELETE",
    service: string,
    token: string | undefined,
    body?: unknown,
    id = "my-app"
  ) => ask(method, path(id, `push/providers/${service}/registration`), { token, body })
  const registered = Effect.flatMap(Admin.Admin, (admin) => admin.pushRegistrations("my-app"))

  it.effect("come and go, one for each device, however often", () =>
    Effect.gen(function* () {
      const user = yield* anonymous()
      const other = yield* anonymous()
      for (const token of ["first", "second"]) {
        const answer = yield* registration("PUT", "gcm", user["access_token"], { registrationToken: token })
        assert.deepStrictEqual([answer.status, answer.text, answer.headers["content-type"]], [204, "", undefined])
      }
      yield* registration("PUT", "gcm", other["access_token"], { registrationToken: "third" })
      yield* registration("PUT", "my push", user["access_token"], { registrationToken: "fourth" })
      assert.deepStrictEqual(
        (yield* registered).map(({ deviceId, service, token, userId }) => ({
          service,
          userId,
          deviceId,
          token: Redacted.value(token)
        })),
        [
          { service: "gcm", userId: user["user_id"], deviceId: user["device_id"], token: "second" },
          { service: "gcm", userId: other["user_id"], deviceId: other["device_id"], token: "third" },
          { service: "my push", userId: user["user_id"], deviceId: user["device_id"], token: "fourth" }
        ]
      )
      assert.strictEqual(claims(user["access_token"])["baas_device_id"], user["device_id"])
      for (let i = 0; i < 2; i++) {
        const answer = yield* registration("DELETE", "gcm", user["access_token"])
        assert.deepStrictEqual([answer.status, answer.text], [204, ""])
      }
      assert.deepStrictEqual(
        (yield* registered).map(({ token }) => Redacted.value(token)),
        ["third", "fourth"]
      )
    }).pipe(withApps(app))
  )

  it.effect("need a service, a user and a token", () =>
    Effect.gen(function* () {
      const user = yield* anonymous()
      const token = user["access_token"]
      const body = { registrationToken: "t" }
      const unknown = { error: "service not found: 'apns'", error_code: "ServiceNotFound" }
      const cases = [
        [yield* registration("PUT", "apns", token, body), 404, unknown],
        [yield* registration("DELETE", "apns", token), 404, unknown],
        [yield* registration("PUT", "gcm", undefined, body), 401, { error: "must authenticate first" }],
        [yield* registration("DELETE", "gcm", undefined), 401, { error: "must authenticate first" }],
        [
          yield* registration("PUT", "gcm", user["refresh_token"], body),
          401,
          { error: "invalid access token: incorrect token type", error_code: "InvalidSession" }
        ],
        [
          yield* registration("PUT", "gcm", token, {}),
          400,
          { error: "'registrationToken' is a required string", error_code: "MissingParameter" }
        ],
        [
          yield* registration("PUT", "gcm", token, body, "other-app"),
          403,
          { error: "the token belongs to a user of another app", error_code: "UserAppDomainMismatch" }
        ],
        [
          yield* registration("PUT", "gcm", token, body, "no-app"),
          404,
          { error: "cannot find app using Client App ID 'no-app'" }
        ]
      ] as const
      for (const [answer, status, error] of cases) assert.deepStrictEqual([answer.status, answer.body], [status, error])
      assert.deepStrictEqual(yield* registered, [])
    }).pipe(withApps([app, App.make({ id: "other-app", push: ["gcm"] })]))
  )
})
