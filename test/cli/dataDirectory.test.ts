import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Realm from "realm-web"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { join } from "node:path"
import { directory } from "../server/support.ts"
import { client as accounts, startIssuer } from "../support/issuer.ts"
import { client, run, serve, serveApp } from "./processes.ts"

const exported = (id: string) =>
  directory({
    "realm_config.json": { app_id: id },
    "auth/providers.json": {
      "anon-user": { type: "anon-user" },
      "api-key": { type: "api-key" },
      "local-userpass": { type: "local-userpass", config: { autoConfirm: true } }
    },
    "functions/config.json": [{ name: "whoami" }],
    "functions/whoami.js": "exports = () => context.user.id"
  })
const app = { id: "my-app", providers: { anonymous: true, apiKey: true, emailPassword: { autoConfirm: true } } }

/** One address for clients, whatever port the server of the moment has. */
const forwarding = Effect.acquireRelease(
  Effect.promise(async () => {
    const target = { port: 0 }
    const server = createServer((from) => {
      const to = connect(target.port, "127.0.0.1")
      from.on("error", () => to.destroy())
      to.on("error", () => from.destroy())
      from.pipe(to)
      to.pipe(from)
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { baseUrl: `http://127.0.0.1:${port}`, server, target }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

describe("a data directory", () => {
  it.live(
    "keeps realm-web's users logged in from one server to the next, and when the keys are rotated",
    () =>
      Effect.gen(function* () {
        const folder = yield* exported("kept")
        const data = join(yield* directory({}), "data")
        const { baseUrl, target } = yield* forwarding
        const start = Effect.gen(function* () {
          const server = yield* serve(folder, "--data", data)
          target.port = Number(new URL(server.baseUrl).port)
          return server
        })
        const realm = new Realm.App({ id: "kept", baseUrl })
        const whoami = (user: Realm.User) => Effect.promise(() => user.callFunction("whoami"))

        const first = yield* start
        const user = yield* Effect.promise(() => realm.logIn(Realm.Credentials.anonymous()))
        const { key } = yield* Effect.promise(() => user.apiKeys.create("ci"))
        assert.strictEqual(yield* whoami(user), user.id)
        const locked = yield* run(["keys", "rotate", data])
        assert.strictEqual(locked.code, 1)
        assert.include(locked.stderr, `is in use by process ${first.pid}: stop it, or choose another directory`)
        yield* first.end("SIGKILL")

        const rotated = yield* run(["keys", "rotate", data, "--app", "kept"])
        assert.match(rotated.stdout, /^kept: new tokens are signed with key [0-9a-f]{16}; older keys.*: 1\n$/)
        const second = yield* start
        assert.strictEqual(yield* whoami(user), user.id)
        const before = user.accessToken
        yield* Effect.promise(() => user.refreshAccessToken())
        assert.notStrictEqual(user.accessToken, before)
        assert.strictEqual(yield* whoami(user), user.id)
        yield* second.end("SIGTERM")

        // revoked keys end the session, which realm-web takes for a logout instead of failing from then on
        const revoked = yield* run(["keys", "rotate", data, "--app", "kept", "--revoke"])
        assert.strictEqual(revoked.code, 0, revoked.stderr)
        yield* start
        const refused = yield* Effect.promise(() => user.callFunction("whoami").then(String, (error: Error) => error))
        assert.instanceOf(refused, Realm.MongoDBRealmError)
        assert.strictEqual(refused.errorCode, "InvalidSession")
        assert.deepStrictEqual([user.state, user.refreshToken], ["logged-out", null])
        yield* Effect.promise(() => user.logOut())
        const byKey = yield* Effect.promise(() => realm.logIn(Realm.Credentials.apiKey(key)))
        assert.strictEqual(byKey.id, user.id)
        assert.strictEqual(yield* whoami(byKey), user.id)
      }),
    180_000
  )

  it.live(
    "lets users leave, and arrive somewhere else where they log in as before",
    () =>
      Effect.gen(function* () {
        const here = yield* directory({})
        const there = join(yield* directory({}), "new")
        const server = yield* serveApp(app, here)
        const api = client(server.baseUrl, app.id)
        yield* Effect.promise(() => api.register("ada@example.com", "correct horse"))
        yield* Effect.promise(() => api.register("pending@example.com", "battery staple"))
        const ada = yield* Effect.promise(() => api.emailPassword("ada@example.com", "correct horse"))
        const anonymous = yield* Effect.promise(() => api.anonymous())
        const key = yield* Effect.promise(() => api.createKey(ada!.body["refresh_token"], "ci"))
        yield* server.end("SIGTERM")

        const leaving = yield* run(["users", "export", here, "--app", "my-app"])
        assert.strictEqual(leaving.code, 0)
        assert.strictEqual(leaving.stderr.trim(), "3 users of my-app; the output has their password hashes")
        assert.strictEqual(leaving.stdout.trim().split("\n").length, 3)
        assert.notInclude(leaving.stdout, "correct horse")
        assert.notInclude(leaving.stdout, key!.body["key"])

        const arriving = yield* run(["users", "import", there, "--app", "my-app"], leaving.stdout)
        assert.strictEqual(arriving.stdout, "3 users imported into my-app\n", arriving.stderr)

        const twice = yield* run(["users", "import", there, "--app", "my-app"], leaving.stdout)
        assert.strictEqual(twice.code, 1)
        assert.include(twice.stderr, "nothing was imported: line 1: the user's id exists already")
        const skipped = yield* run(["users", "import", there, "--app", "my-app", "--skip-existing"], leaving.stdout)
        assert.strictEqual(skipped.stdout, "0 users imported into my-app, 3 existed already\n")

        const next = yield* serveApp(app, there)
        const other = client(next.baseUrl, app.id)
        const login = yield* Effect.promise(() => other.emailPassword("ada@example.com", "correct horse"))
        assert.strictEqual(login?.body["user_id"], ada?.body["user_id"])
        const byKey = yield* Effect.promise(() => other.apiKey(key!.body["key"]))
        assert.strictEqual(byKey?.body["user_id"], ada?.body["user_id"])
        const wrong = yield* Effect.promise(() => other.emailPassword("ada@example.com", "correct horsE"))
        assert.strictEqual(wrong?.status, 401)
        const pending = yield* Effect.promise(() => other.emailPassword("pending@example.com", "battery staple"))
        assert.strictEqual(pending?.status, 200)
        assert.include(leaving.stdout, anonymous!.body["user_id"])
        // sessions stay behind
        const refreshed = yield* Effect.promise(() => other.refresh(ada!.body["refresh_token"]))
        assert.strictEqual(refreshed?.status, 401)
      }),
    180_000
  )

  it.live(
    "logs imported users of Google in again",
    () =>
      Effect.gen(function* () {
        const issuer = yield* Effect.acquireRelease(Effect.promise(startIssuer), (it) =>
          Effect.promise(() => it.stop())
        )
        const folder = yield* directory({
          "realm_config.json": { app_id: "my-app" },
          "auth/providers.json": { "oauth2-google": { type: "oauth2-google", config: { clientId: accounts.id } } }
        })
        const id = "000000000000000000000001"
        const line = {
          id,
          type: "normal",
          createdAt: "2026-01-31T12:00:00.000Z",
          identities: [{ id: "person-1", providerType: "oauth2-google" }]
        }
        const data = yield* directory({})
        const imported = yield* run(["users", "import", data, "--app", "my-app"], JSON.stringify(line))
        assert.deepStrictEqual([imported.stdout, imported.stderr], ["1 users imported into my-app\n", ""])
        const refused = yield* run(["serve", folder, "--oauth-issuer", "github=https://x.test"])
        assert.include(refused.stderr, 'unknown --oauth-issuer "github": expected google, facebook or apple')
        const server = yield* serve(folder, "--data", data, "--oauth-issuer", `google=${issuer.urls.google}`)
        const { ask } = client(server.baseUrl, "my-app")
        const path = "app/my-app/auth/providers/oauth2-google/login"
        const answer = yield* Effect.promise(() => ask("POST", path, { id_token: issuer.idToken("google") }))
        assert.strictEqual(answer?.body["user_id"], id)
      }),
    180_000
  )

  it.live(
    "tells what is wrong with a directory, an application or a file, and changes nothing",
    () =>
      Effect.gen(function* () {
        const folder = yield* exported("my-app")
        const strange = yield* directory({ "notes.txt": "mine" })
        const data = yield* directory({})
        const good = '{"type":"pending","account":{"id":"i1","email":"a@b.c","confirmed":true}}'
        const [unmakeable, serving, exporting, importing] = yield* Effect.all(
          [
            // Node's own way to make directories never ends there
            run(["serve", folder, "--port", "0", "--data", "/proc/1/data"]),
            run(["serve", folder, "--port", "0", "--data", strange]),
            run(["users", "export", join(strange, "nowhere"), "--app", "my-app"]),
            run(["users", "import", data, "--app", "my-app"], `${good}\n{"type":"pending","account":{"id":"i2"`),
            run(["users", "import", data, "--app", "my-app"])
          ],
          { concurrency: 2 }
        )
        assert.include(unmakeable.stderr, "the data directory /proc/1/data cannot be read and written")
        assert.include(serving.stderr, `the data directory ${strange} holds other files ("notes.txt") and no data`)
        assert.include(exporting.stderr, "does not exist")
        assert.include(importing.stderr, "nothing was imported: line 2: is not JSON: check that the file is complete")
        for (const { code, stderr, stdout } of [unmakeable, serving, exporting, importing]) {
          assert.strictEqual(code, 1)
          assert.strictEqual(stdout, "")
          assert.notMatch(stderr, /\n\s+at /)
        }
        assert.strictEqual(readFileSync(join(strange, "notes.txt"), "utf8"), "mine")
        const imported = yield* run(["users", "import", data, "--app", "my-app"], `${good}\n`)
        assert.strictEqual(imported.code, 0)
        const unknown = yield* run(["users", "export", data, "--app", "mine"])
        assert.include(unknown.stderr, 'has no users of "mine": it has users of my-app')
      }),
    180_000
  )
})
