import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { directory } from "../server/support.ts"
import { client } from "./processes.ts"
import { anonymousApp, run, serveJson, uriOf } from "./support.ts"

const answer = <A>(request: () => Promise<A | undefined>) =>
  Effect.flatMap(Effect.promise(request), (found) =>
    found === undefined ? Effect.die(new Error("the server does not answer")) : Effect.succeed(found)
  )

// each test starts processes, which takes its time on a busy machine
describe("serve with users in MongoDB", { timeout: 180_000 }, () => {
  it.live("shares users, sessions and keys with other processes, and moves them to a data directory", () =>
    Effect.gen(function* () {
      const database = yield* serveJson(["examples/shop", "--mongodb-port", "0", "--mongodb-show-password"])
      const env = { MONGODB_URI: uriOf(database.ready) }
      const app = yield* directory({
        ...anonymousApp("my-app"),
        "auth/providers.json": {
          "anon-user": { name: "anon-user", type: "anon-user", disabled: false },
          "local-userpass": { name: "local-userpass", type: "local-userpass", config: { autoConfirm: true } }
        }
      })
      // both create what is missing at the same time
      const [one, other] = yield* Effect.all(
        [
          serveJson([app, "--password-hashing", "testing"], env),
          serveJson([app, "--password-hashing", "testing"], env)
        ],
        { concurrency: "unbounded" }
      )
      const [a, b] = [client(one.ready.baseUrl, "my-app"), client(other.ready.baseUrl, "my-app")]
      assert.strictEqual((yield* answer(() => a.register("ada@b.c", "correct horse"))).status, 201)
      const login = yield* answer(() => b.emailPassword("ada@b.c", "correct horse"))
      assert.strictEqual(login.status, 200)
      const token = login.body["refresh_token"] ?? ""
      assert.strictEqual((yield* answer(() => a.refresh(token))).status, 201)

      const rotated = yield* run(["keys", "rotate"], env)
      assert.match(
        rotated.stdout,
        /^my-app: new tokens are signed with key [0-9a-f]{16}; older keys that still verify tokens: 1\n$/
      )
      assert.strictEqual((yield* answer(() => a.refresh(token))).status, 201)
      const exported = yield* run(["users", "export", "--app", "my-app"], env)
      assert.strictEqual(exported.code, 0, exported.stderr)
      const data = join(yield* directory({}), "data")
      const imported = yield* run(["users", "import", data, "--app", "my-app"], {}, exported.stdout)
      assert.strictEqual(imported.stdout, "1 users imported into my-app\n", imported.stderr)
      const back = yield* run(["users", "import", "--app", "my-app", "--skip-existing"], env, exported.stdout)
      assert.strictEqual(back.stdout, "0 users imported into my-app, 1 existed already\n", back.stderr)
      const there = yield* run(
        ["users", "import", "--mongodb", env.MONGODB_URI, "--mongodb-users-database", "other", "--app", "my-app"],
        {},
        exported.stdout
      )
      assert.strictEqual(there.stdout, "1 users imported into my-app\n", there.stderr)

      assert.strictEqual((yield* answer(() => b.logOut(token))).status, 204)
      assert.strictEqual((yield* answer(() => a.refresh(token))).status, 401)
      const again = yield* answer(() => a.emailPassword("ada@b.c", "correct horse"))
      assert.strictEqual(again.body["user_id"], login.body["user_id"])
      const revoked = yield* run(["keys", "rotate", "--revoke"], env)
      assert.include(revoked.stdout, "all older tokens are invalid, 1 sessions ended")
      for (const server of [a, b]) {
        assert.strictEqual((yield* answer(() => server.refresh(again.body["refresh_token"] ?? ""))).status, 401)
      }
    })
  )

  it.live("says what is missing where a command finds no users", () =>
    Effect.gen(function* () {
      const nothing = yield* run(["users", "export", "--app", "my-app"])
      assert.strictEqual(nothing.code, 1)
      assert.include(nothing.stderr, "expected a data directory, or --mongodb or the variable MONGODB_URI")
      const both = yield* run(["keys", "rotate", "data", "--mongodb", "mongodb://ada:correct-horse@127.0.0.1:1"])
      assert.include(both.stderr, "a data directory cannot be combined with --mongodb")
      const unclear = yield* run(["keys", "rotate"], { MONGODB_URI: "ada:correct-horse@127.0.0.1:1" })
      assert.strictEqual(unclear.code, 1)
      assert.include(unclear.stderr, "MONGODB_URI take connection strings, mongodb://HOST or mongodb+srv://HOST")
      const away = yield* run(["keys", "rotate"], {
        MONGODB_URI: "mongodb://ada:correct-horse@127.0.0.1:1/?serverSelectionTimeoutMS=200"
      })
      assert.strictEqual(away.code, 1)
      assert.include(away.stderr, "cannot connect to MongoDB at 127.0.0.1:1")
      assert.notInclude(both.stderr + unclear.stderr + away.stderr, "correct-horse")
    })
  )
})
