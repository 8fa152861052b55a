import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import { join } from "node:path"
import * as Backup from "../../src/server/storage/Backup.ts"
import { directory } from "../server/support.ts"
import { anonymousApp, ask, ended, program, run, running, serveJson } from "./support.ts"

const adminToken = "administration token of tests, 32 characters"
const env = { APP_SERVICES_ADMIN_TOKEN: adminToken }

const app = anonymousApp("shop", {
  add: `exports = async (n) => {
    const documents = context.services.get("mongodb-atlas").db("d").collection("c")
    await documents.insertOne({ n })
    return n
  }`,
  all: `exports = async () => (await context.services.get("mongodb-atlas").db("d").collection("c").find({}).toArray())
    .map(({ n }) => n)`
})
for (const entry of app["functions/config.json"] as ReadonlyArray<object>) Object.assign(entry, { run_as_system: true })

const url = (baseUrl: string) => `${baseUrl}/api/client/v2.0/app/shop`

const logIn = (baseUrl: string) =>
  Effect.map(ask(`${url(baseUrl)}/auth/providers/anon-user/login`, { method: "POST" }), ({ body }) => body)

const call = (baseUrl: string, token: string, name: string, args: ReadonlyArray<unknown>) =>
  Effect.promise(async () => {
    const response = await fetch(`${url(baseUrl)}/functions/call`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ name, arguments: args })
    })
    assert.strictEqual(response.status, 200)
    return await response.json()
  })

/** A server that answers a request for a backup with what a test writes. */
const answering = (answer: (response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((_, response) => {
        response.writeHead(200, { "content-type": "application/vnd.sqlite3" })
        answer(response)
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      return { server, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` }
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

describe("backup and restore", () => {
  it.live(
    "bring users, sessions and documents of a running server to a new one, with all that was acknowledged before",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const exported = yield* directory(app)
        const file = join(folder, "shop.backup")
        const first = yield* serveJson([exported, "--data", join(folder, "data")], env)
        const { baseUrl } = first.ready
        const user = yield* logIn(baseUrl)
        const add = (n: number) => call(baseUrl, user["access_token"], "add", [n])
        for (let n = 0; n < 10; n++) yield* add(n)
        let n = 10
        const writer = yield* Effect.forkChild(Effect.forever(Effect.suspend(() => add(n++))))
        const made = yield* run(["backup", file, "--url", baseUrl, "--json"], env)
        assert.strictEqual(made.code, 0, made.stderr)
        assert.deepInclude(JSON.parse(made.stdout), { event: "backup", path: file, users: 1 })
        assert.strictEqual(statSync(file).mode & 0o777, 0o600)
        yield* Effect.sync(() => writer.interruptUnsafe())
        first.child.kill("SIGKILL")
        yield* ended(first)

        const restored = yield* run(["restore", file, join(folder, "restored")])
        assert.match(restored.stdout, /restored: restored, 1 users, \d+ documents\n$/)
        const second = yield* serveJson([exported, "--data", join(folder, "restored")], env)
        const { body } = yield* ask(`${second.ready.baseUrl}/api/client/v2.0/auth/session`, {
          method: "POST",
          headers: { authorization: `Bearer ${user["refresh_token"]}` }
        })
        const found = (yield* call(second.ready.baseUrl, body["access_token"], "all", [])) as ReadonlyArray<{
          readonly $numberInt: string
        }>
        const numbers = new Set(found.map((it) => Number(it.$numberInt)))
        for (let i = 0; i < 10; i++) assert.isTrue(numbers.has(i), `${i} was acknowledged before the backup`)

        const twice = yield* run(["restore", file, join(folder, "restored")])
        assert.strictEqual(twice.code, 1)
        assert.include(twice.stderr, "holds data already: choose an empty or a new directory")
      }),
    300_000
  )

  it.live(
    "leave no file that passes for a backup when the command is killed, or the server, in the middle",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const content = Buffer.alloc(1 << 16, "SQLite format 3\0")
        const file = join(folder, "b.backup")

        const stopping = yield* answering((response) => {
          response.write(content, () => response.destroy())
        })
        const cut = yield* run(["backup", file, "--url", stopping.url], env)
        assert.strictEqual(cut.code, 1)
        assert.include(cut.stderr, "the server stopped in the middle of the backup: nothing was written")
        assert.deepStrictEqual(readdirSync(folder), [])

        const stalling = yield* answering((response) => {
          response.write(content)
        })
        const command = yield* running(["backup", file, "--url", stalling.url], env)
        const written = () => readdirSync(folder).some((name) => statSync(join(folder, name)).size >= content.length)
        while (!written()) yield* Effect.sleep(20)
        command.child.kill("SIGKILL")
        yield* ended(command)
        const [partial = ""] = readdirSync(folder)
        assert.match(partial, /^b\.backup\.\d+\.partial$/)
        assert.isFalse(existsSync(file))
        const refused = yield* Effect.flip(Backup.restore(join(folder, partial), join(folder, "restored")))
        assert.include(["damaged", "foreign"], refused.reason)
      }),
    300_000
  )

  it.live(
    "say what is wrong: in memory, a disk that is full, a directory in use",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const exported = yield* directory(app)
        const data = join(folder, "data")
        const memory = yield* serveJson([exported], env)
        const nothing = yield* run(["backup", join(folder, "a"), "--url", memory.ready.baseUrl], env)
        assert.include(nothing.stderr, "the server has no data directory to back up")
        const kept = yield* serveJson([exported, "--data", data], env)
        const inUse = yield* run(["backup", join(folder, "a"), "--data", data])
        assert.include(inUse.stderr, `is in use by process ${kept.child.pid}`)
        kept.child.kill("SIGTERM")
        yield* ended(kept)

        // a file must not grow beyond 16 kB, as on a full disk
        const { spawnSync } = yield* Effect.promise(() => import("node:child_process"))
        const full = spawnSync(
          "bash",
          ["-c", `ulimit -f 16; exec ${process.execPath} ${program} backup ${join(folder, "a")} --data ${data}`],
          { encoding: "utf8" }
        )
        assert.strictEqual(full.status, 1)
        assert.match(full.stderr, /no backup|full disk|cannot be read and written/)
        assert.deepStrictEqual(readdirSync(folder), ["data"])
        assert.isFalse(readFileSync(join(data, "data.sqlite")).length === 0)
        const good = yield* run(["backup", join(folder, "a"), "--data", data, "--json"])
        assert.strictEqual(good.code, 0, good.stderr)
      }),
    300_000
  )
})
