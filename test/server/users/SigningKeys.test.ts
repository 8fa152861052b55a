import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { App, type AppServicesServer } from "effect-app-services/server"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import * as SigningKeys from "../../../src/server/users/SigningKeys.ts"
import {
  anonymous,
  ask,
  directory,
  emailPassword,
  inProcess,
  register,
  root,
  signingKey,
  withApps
} from "../support.ts"

const options = { id: "my-app", providers: { anonymous: true, emailPassword: { autoConfirm: true } } }
const app = App.make({ ...options, tokens: { refreshTokenLifetime: "10 days" } })
const other = App.make({ id: "other-app", providers: { anonymous: true } })

type InServer = HttpClient.HttpClient | AppServicesServer.Services | Scope.Scope

/** One life of a server on a directory. */
const serving = <A, E>(dataDirectory: string, use: Effect.Effect<A, E, InServer>) =>
  Effect.scoped(use).pipe(withApps([app, other], { dataDirectory }))

const rotate = (path: string, revoke = false, appId = "my-app") =>
  SigningKeys.rotate(appId, { revoke }).pipe(Effect.provide([DataDirectory.layer(path), SecureRandom.layerWebCrypto]))
const keys = (path: string) =>
  RowStore.use((rowStore) => Effect.sync(() => Array.from(rowStore.rows("keys/my-app"), ({ key }) => key))).pipe(
    Effect.provide(DataDirectory.layer(path))
  )

const profile = (token: string) => Effect.map(ask("GET", `${root}/auth/profile`, { token }), ({ status }) => status)
const refresh = (token: string) => ask("POST", `${root}/auth/session`, { token })
const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[0], "base64url").toString()) as Record<string, string>)["kid"]
const logIn = Effect.map(emailPassword("a@b.c", "correct horse"), ({ body }) => body)

describe("signing keys in a data directory", () => {
  it.effect("outlive the server, and so do the tokens that they signed", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const before = yield* serving(path, anonymous())
      yield* TestClock.adjust("10 minutes")
      yield* serving(
        path,
        Effect.gen(function* () {
          assert.strictEqual(yield* profile(before["access_token"]), 200)
          const renewed = yield* refresh(before["refresh_token"])
          assert.strictEqual(renewed.status, 201)
          assert.strictEqual(kidOf(renewed.body["access_token"]), kidOf(before["access_token"]))
          // each application has its own
          assert.notStrictEqual(kidOf((yield* anonymous("other-app"))["access_token"]), kidOf(before["access_token"]))
          yield* TestClock.adjust("20 minutes")
          assert.strictEqual(yield* profile(before["access_token"]), 401)
        })
      )
    })
  )

  it.effect("verify what they signed after a rotation, and sign nothing new", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const old = yield* serving(path, Effect.andThen(register("a@b.c", "correct horse"), logIn))
      const { current, older } = yield* rotate(path)
      assert.strictEqual(older, 1)
      yield* serving(
        path,
        Effect.gen(function* () {
          assert.strictEqual(yield* profile(old["access_token"]), 200)
          const { body, status } = yield* refresh(old["refresh_token"])
          assert.strictEqual(status, 201)
          assert.strictEqual(kidOf(body["access_token"]), current)
          assert.strictEqual(kidOf((yield* logIn)["refresh_token"]), current)
          assert.notStrictEqual(kidOf(old["refresh_token"]), current)
        })
      )
    })
  )

  it.effect("rejects access tokens of a rotated key once the last of them has expired", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      // a life of the application whose access tokens live longer, as one that a thief could make does
      const long = App.make({ ...options, tokens: { accessTokenLifetime: "5 hours", refreshTokenLifetime: "10 days" } })
      const old = yield* anonymous().pipe(withApps(long, { dataDirectory: path }))
      yield* rotate(path)
      yield* serving(
        path,
        Effect.gen(function* () {
          assert.strictEqual(yield* profile(old["access_token"]), 200)
          yield* TestClock.adjust("30 minutes")
          assert.strictEqual(yield* profile(old["access_token"]), 401)
          assert.strictEqual((yield* refresh(old["refresh_token"])).status, 201)
        })
      )
    })
  )

  it.effect("drops a rotated key with its last session", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const old = yield* serving(path, Effect.andThen(register("a@b.c", "correct horse"), logIn))
      const first = kidOf(old["access_token"])
      const { current } = yield* rotate(path)
      yield* TestClock.adjust("9 days")
      yield* serving(
        path,
        Effect.gen(function* () {
          assert.strictEqual((yield* refresh(old["refresh_token"])).status, 201)
          yield* logIn
        })
      )
      assert.deepStrictEqual(yield* keys(path), [first, current])
      yield* TestClock.adjust("1 day")
      yield* serving(path, Effect.void)
      assert.deepStrictEqual(yield* keys(path), [current])
    })
  )

  it.effect("rejects all tokens of revoked keys, and ends their sessions", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const [old, others] = yield* serving(
        path,
        Effect.andThen(register("a@b.c", "correct horse"), Effect.all([logIn, anonymous("other-app")]))
      )
      yield* rotate(path)
      const { current, sessions } = yield* rotate(path, true)
      assert.strictEqual(sessions, 1)
      assert.deepStrictEqual(yield* keys(path), [current])
      yield* serving(
        path,
        Effect.gen(function* () {
          assert.strictEqual(yield* profile(old["access_token"]), 401)
          assert.strictEqual((yield* refresh(old["refresh_token"])).status, 401)
          assert.strictEqual((yield* logIn)["user_id"], old["user_id"])
          assert.strictEqual(yield* profile(others["access_token"]), 200)
        })
      )
    })
  )

  it.effect("leave no room for one in the options, and show in no error", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const both = yield* Effect.exit(
        Effect.scoped(Effect.provide(Effect.void, inProcess(app, { dataDirectory: path, signingKey })))
      )
      assert.include(JSON.stringify(both), "signingKey cannot be combined with dataDirectory")
      assert.notInclude(JSON.stringify(both), "long enough")
    })
  )
})
