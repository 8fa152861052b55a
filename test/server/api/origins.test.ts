import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { App } from "effect-app-services/server"
import { load } from "../directory/support.ts"
import { anonymous, ask, loginPath, path, root, withApps } from "../support.ts"

const error = "the origin of the request is not one of the application's allowed_request_origins"
const refused = { error }

const open = App.make({ id: "open-app", providers: { anonymous: true } })
const closed = App.make({
  id: "my-app",
  providers: { anonymous: true, apiKey: true },
  functions: { one: () => 1 },
  allowedRequestOrigins: ["https://App.test:443/", "http://localhost:3000", "capacitor://localhost"]
})

const from = (origin: string) => ({ headers: { origin } })
const allowed = ["https://app.test", "http://localhost:3000", "capacitor://localhost"]
const foreign = ["https://evil.test", "https://app.test.evil.test", "http://app.test", "http://localhost", "null", ""]

describe("the allowed origins of an application", () => {
  it.effect("rejects pages of other origins on every route", () =>
    Effect.gen(function* () {
      const { access_token: access, refresh_token: refresh } = yield* anonymous()
      const routes = [
        ["GET", path("my-app", "location"), undefined],
        ["POST", loginPath("my-app", "anon-user"), undefined],
        ["POST", path("my-app", "auth/providers/local-userpass/register"), undefined],
        ["POST", path("my-app", "functions/call"), access],
        ["GET", path("my-app", "functions/call?baas_request=e30="), access],
        ["GET", `${root}/auth/profile`, access],
        ["POST", `${root}/auth/session`, refresh],
        ["GET", `${root}/auth/api_keys`, refresh],
        ["PUT", path("my-app", "push/providers/gcm/registration"), access],
        // another spelling of the application's id
        ["GET", path("my%2Dapp", "location"), undefined],
        ["POST", path("my%2Dapp", "functions/call"), access]
      ] as const
      for (const [method, route, token] of routes) {
        for (const origin of foreign) {
          const { body, status } = yield* ask(method, route, { token, ...from(origin) })
          assert.deepStrictEqual([status, body], [403, refused], `${method} ${route} from ${origin}`)
        }
      }
      assert.strictEqual((yield* ask("POST", `${root}/auth/session`, { token: refresh })).status, 201)
    }).pipe(withApps([closed, open]))
  )

  it.effect("admits listed pages, the server's own pages, and programs", () =>
    Effect.gen(function* () {
      for (const origin of [...allowed, "http://127.0.0.1:1234"]) {
        const login = yield* ask("POST", loginPath("my-app", "anon-user"), { body: {}, ...from(origin) })
        assert.strictEqual(login.status, 200, origin)
        assert.strictEqual(login.headers["access-control-allow-origin"], origin)
        const called = yield* ask("POST", path("my-app", "functions/call"), {
          token: login.body["access_token"],
          body: { name: "one", arguments: [] },
          ...from(origin)
        })
        assert.strictEqual(called.status, 200)
      }
      assert.strictEqual((yield* ask("POST", loginPath("my-app", "anon-user"), { body: {} })).status, 200)
      // another application on the same server has its own
      const other = yield* ask("POST", loginPath("open-app", "anon-user"), { body: {}, ...from("https://evil.test") })
      assert.strictEqual(other.status, 200)
    }).pipe(withApps([closed, open]))
  )

  it.effect("reads both places of an exported application", () =>
    Effect.gen(function* () {
      for (const root of [
        { allowed_request_origins: ["https://app.test"] },
        { security: { allowed_request_origins: ["https://app.test/"] } }
      ]) {
        const app = yield* load({
          "realm_config.json": { app_id: "my-app", ...root },
          "auth/providers.json": { "anon-user": { type: "anon-user" } }
        })
        assert.deepStrictEqual(app.report, [])
        yield* Effect.gen(function* () {
          const login = (origin: string) => ask("POST", loginPath("my-app", "anon-user"), { body: {}, ...from(origin) })
          assert.strictEqual((yield* login("https://app.test")).status, 200)
          assert.strictEqual((yield* login("https://evil.test")).status, 403)
        }).pipe(withApps(app))
      }
    })
  )

  it("rejects what is not an origin", () => {
    for (const origin of ["app.test", "*", "", "file:///"]) {
      assert.throws(
        () => App.make({ id: "my-app", allowedRequestOrigins: [origin] }),
        `invalid allowedRequestOrigins "${origin}"`
      )
    }
  })
})
