import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { App } from "effect-app-services/server"
import { anonymous, ask, type Asked, claims, emailPassword, register, root, withApps } from "../support.ts"
import { app, profile, refresh } from "./app.ts"

describe("a session", () => {
  it.effect("is renewed with the refresh token, which stays the same", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      yield* TestClock.adjust("1 minute")
      const { body, status } = yield* refresh(refresh_token)
      assert.strictEqual(status, 201)
      assert.notStrictEqual(body["access_token"], access_token)
      assert.strictEqual(claims(body["access_token"])["iss"], claims(refresh_token)["baas_id"])
      assert.strictEqual((yield* refresh(refresh_token)).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("ends at logging out; its access token lives on until it expires", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      const out = yield* ask("DELETE", `${root}/auth/session`, { token: refresh_token })
      assert.strictEqual(out.status, 204)
      assert.strictEqual(out.text, "")
      assert.isUndefined(out.headers["content-type"])
      for (const method of ["POST", "DELETE"] as const) {
        const { body, status } = yield* ask(method, `${root}/auth/session`, { token: refresh_token })
        assert.strictEqual(status, 401)
        assert.deepStrictEqual(body, {
          error: "invalid session: failed to find refresh token",
          error_code: "InvalidSession"
        })
      }
      assert.strictEqual((yield* profile(access_token)).status, 200)
    }).pipe(withApps(app))
  )

  it.effect("goes on when another session of the user ends", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const [a, b] = [
        (yield* emailPassword("a@b.c", "correct horse")).body,
        (yield* emailPassword("a@b.c", "correct horse")).body
      ]
      yield* ask("DELETE", `${root}/auth/session`, { token: a["refresh_token"] })
      assert.strictEqual((yield* refresh(b["refresh_token"])).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("ends with its user", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const { access_token, refresh_token } = (yield* emailPassword("a@b.c", "correct horse")).body
      const deleted = yield* ask("DELETE", `${root}/auth/delete`, { token: access_token })
      assert.strictEqual(deleted.status, 204)
      assert.deepStrictEqual((yield* refresh(refresh_token)).body, {
        error: "invalid session: failed to find refresh token",
        error_code: "InvalidSession"
      })
      assert.strictEqual((yield* profile(access_token)).body["error_code"], "InvalidSession")
      assert.strictEqual((yield* emailPassword("a@b.c", "correct horse")).body["error_code"], "InvalidPassword")
      assert.strictEqual((yield* register("a@b.c", "correct horse")).status, 201)
    }).pipe(withApps(app))
  )

  it.effect("is told apart from none, an empty one and no bearer", () =>
    Effect.gen(function* () {
      const header = (authorization: string) => ({ headers: { authorization } })
      const session = (asked: Asked) => ask("POST", `${root}/auth/session`, asked)
      const user = (asked: Asked) => ask("GET", `${root}/auth/profile`, asked)
      assert.deepStrictEqual((yield* session({})).body, { error: "must authenticate first" })
      assert.deepStrictEqual((yield* session(header("Bearer "))).body, {
        error: "expected Authorization header with JWT (Bearer schema)"
      })
      assert.deepStrictEqual((yield* session(header("Basic abc"))).body, {
        error: "expected Authorization header with JWT (Bearer schema)"
      })
      assert.deepStrictEqual((yield* user({})).body, { error: "must authenticate first" })
      assert.deepStrictEqual((yield* user(header("Bearer "))).body, { error: "unauthorized" })
    }).pipe(withApps(app))
  )

  it.effect("is found by an access token in the query, header first", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const name of ["baas_at", "stitch_at"]) {
        assert.strictEqual((yield* ask("GET", `${root}/auth/profile?${name}=${access_token}`)).status, 200)
      }
      assert.strictEqual(
        (yield* ask("GET", `${root}/auth/profile?baas_at=${access_token}`, { token: "x.y.z" })).status,
        401
      )
    }).pipe(withApps(app))
  )
})

describe("custom user data", () => {
  const fresh = (options: Partial<App.Options<{}>>) =>
    App.make({ id: "my-app", providers: { anonymous: true }, ...options })

  it.effect("is in the access token as canonical Extended JSON, updated at each refresh", () => {
    let visits = 0
    const app = fresh({
      customUserData: (user) => ({ owner: user.id, visits: ++visits, since: new Date(5), none: undefined })
    })
    return Effect.gen(function* () {
      const { access_token, refresh_token, user_id } = yield* anonymous()
      const data = (visits: string) => ({
        owner: user_id,
        visits: { $numberInt: visits },
        since: { $date: { $numberLong: "5" } }
      })
      assert.deepStrictEqual(claims(access_token)["user_data"], data("1"))
      assert.deepStrictEqual(claims((yield* refresh(refresh_token)).body["access_token"])["user_data"], data("2"))
    }).pipe(withApps(app))
  })

  it.effect("is left out of the token if there is no document", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      assert.notProperty(claims(access_token), "user_data")
    }).pipe(withApps(fresh({ customUserData: () => undefined })))
  )
})
