import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Fiber, Layer, Redacted, Stdio, Stream } from "effect"
import * as Command from "effect/cli/Command"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import { Database } from "effect-app-services/server/data/Database"
import { TestConsole } from "effect/testing"
import { once } from "node:events"
import { statSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { inbox } from "../../src/cli/inbox.ts"
import { triggers } from "../../src/cli/triggers.ts"
import { users } from "../../src/cli/users.ts"
import { load } from "../server/functions/support.ts"
import { directory } from "../server/support.ts"
import { base, logged, logging, onDocuments, place, recorders, until } from "../server/triggers/support.ts"
import { anonymousApp, ask, ended, home, run, running, serveJson } from "./support.ts"

const token = "the administration token of these tests"
const emailPassword = { emailConfirmationUrl: "https://x.test/confirm" }
const mailApp = (id: string) => App.make({ id, providers: { anonymous: true, emailPassword } })

const serverOf = (...ids: ReadonlyArray<string>) =>
  Layer.suspend(() =>
    NodeAppServicesServer.layer(ids.map(mailApp), {
      adminToken: Redacted.make(token),
      passwordHashing: "testing"
    })
  )

const commands = Command.make("effect-app-services").pipe(Command.withSubcommands([inbox, triggers, users]))

interface Output {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

/** A command in this process, with the token of the server and a standard input. */
const command = (args: ReadonlyArray<string>, stdin = ""): Effect.Effect<Output> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Command.runWith(commands, { version: "0.0.0" })(args))
    const [stdout, stderr] = [yield* TestConsole.logLines, yield* TestConsole.errorLines]
    return { ok: Exit.isSuccess(exit), stdout: stdout.join("\n"), stderr: stderr.join("\n") }
  }).pipe(
    Effect.provide([
      TestConsole.layer,
      Layer.merge(
        NodeServices.layer,
        Stdio.layerTest({
          stdinIsTerminal: Effect.succeed(false),
          stdin: Stream.make(new TextEncoder().encode(stdin))
        })
      ),
      ConfigProvider.layer(ConfigProvider.fromUnknown({ APP_SERVICES_ADMIN_TOKEN: token }))
    ])
  )

/** A command for the server of the tests, which has to succeed, and what it prints. */
const succeed = (args: ReadonlyArray<string>, stdin?: string) =>
  Effect.gen(function* () {
    const { ok, stderr, stdout } = yield* command([...args, "--url", yield* NodeAppServicesServer.baseUrl], stdin)
    assert.isTrue(ok, `${args.join(" ")}: ${stderr}`)
    return stdout
  })

const fail = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { ok, stderr } = yield* command([...args, "--url", yield* NodeAppServicesServer.baseUrl])
    assert.isFalse(ok)
    return stderr
  })

const post = (path: string, body: unknown, bearer = "") =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) =>
    ask(`${baseUrl}/api/client/v2.0${path}`, {
      method: "POST",
      headers: bearer === "" ? {} : { authorization: `Bearer ${bearer}` },
      body: JSON.stringify(body)
    })
  )

const provider = "/app/mail-app/auth/providers/local-userpass"
const register = (email: string) => post(`${provider}/register`, { email, password: "correct horse" })
const logIn = (username: string, password: string) => post(`${provider}/login`, { username, password })

const parse = (line: string): Record<string, string> => JSON.parse(line) as Record<string, string>

describe("effect-app-services triggers", () => {
  it.live("shows what became of their runs, and resumes one that is suspended, with or without what it missed", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const life = <A, E, R>(files: Record<string, object>, run: Effect.Effect<A, E, R>) =>
        Effect.gen(function* () {
          const app = yield* load(
            { ...recorders(["record"]), fails: "exports = () => { throw new Error('no\\nluck') }" },
            base(files)
          )
          const server = NodeAppServicesServer.layer(app, {
            adminToken: Redacted.make(token),
            passwordHashing: "testing",
            dataDirectory: path,
            changeLog: { events: 32 }
          })
          return yield* Effect.provide(run, Layer.provideMerge(server, logging), { local: true })
        })
      const insert = (collection: string, n: number) =>
        Database.use((database) => database.insert(place(collection), [{ n }]))
      const files = {
        fails: onDocuments("fails", { collection: "bad" }),
        it: onDocuments("record", {}),
        off: { ...onDocuments("record", {}), disabled: true }
      }
      yield* life(files, Effect.andThen(insert("orders", 0), logged("record", 1)))
      yield* life(
        {},
        Effect.forEach(
          Array.from({ length: 100 }, (_, i) => i),
          (i) => insert("orders", i)
        )
      )
      yield* life(
        files,
        Effect.gen(function* () {
          const status = (name: string) =>
            Effect.map(succeed(["triggers", "list", "--json"]), (text) =>
              text
                .split("\n")
                .map(parse)
                .find((trigger) => trigger["name"] === name)
            )
          const has = (name: string, wanted: string) =>
            until(Effect.map(status(name), (it) => it?.["status"] === wanted))
          yield* has("it", "suspended")
          yield* has("fails", "suspended")
          yield* succeed(["triggers", "resume", "fails", "--skip-events"])
          yield* insert("bad", 1)
          yield* until(Effect.map(status("fails"), (it) => Number(it?.["failures"]) === 1))
          const text = yield* succeed(["triggers", "list"])
          assert.match(text, /^NAME +TYPE +FUNCTION +STATUS +RUNS +FAILURES +LAST RUN +SUSPENDED OR FAILED BECAUSE$/m)
          assert.match(text, /^fails +DATABASE +fails +running +1 +1 +\d{4}-\S+Z +Error: no luck/m)
          assert.match(
            text,
            /^it +DATABASE +record +suspended +1 +0 +\S+Z +its events are lost: Resume of change stream was/m
          )
          assert.match(text, /^off +DATABASE +record +disabled +0 +0$/m)
          // what it missed is still lost
          yield* succeed(["triggers", "resume", "it"])
          yield* has("it", "suspended")
          assert.strictEqual(yield* succeed(["triggers", "resume", "it", "--skip-events"]), "resumed it")
          yield* insert("orders", 1)
          yield* logged("record", 2)
          assert.include(yield* fail(["triggers", "resume", "it"]), 'the trigger "it" is not suspended')
          assert.include(yield* fail(["triggers", "resume", "none"]), 'the application has no trigger "none"')
        })
      )
    })
  )
})

describe("effect-app-services inbox", () => {
  it.live("shows what would have been mailed, to people and to scripts", () =>
    Effect.gen(function* () {
      const empty = yield* command(["inbox", "--url", yield* NodeAppServicesServer.baseUrl])
      assert.deepStrictEqual(empty, { ok: true, stdout: "", stderr: "no e-mail" })
      yield* register("ada@b.c")
      yield* register("evil\u001b[2J@b.c")
      const [first, second] = (yield* succeed(["inbox"])).split("\n")
      assert.match(
        first,
        /^e-mail to ada@b\.c \(mail-app, confirmation\): .+: https:\/\/x\.test\/confirm\?token=[0-9a-f]{128}&/
      )
      assert.match(second, /^e-mail to evil\?\[2J@b\.c \(/)
      const line = yield* succeed(["inbox", "--json", "--to", "ada@b.c", "--app", "mail-app"])
      const { token, tokenId, ...mail } = parse(line)
      assert.deepInclude(mail, { event: "mail", app: "mail-app", to: "ada@b.c", kind: "confirmation" })
      const confirming = Effect.map(NodeAppServicesServer.baseUrl, (baseUrl) => `${baseUrl}/api/client/v2.0${provider}`)
      const { status } = yield* Effect.flatMap(confirming, (url) =>
        Effect.promise(() => fetch(`${url}/confirm`, { method: "POST", body: JSON.stringify({ token, tokenId }) }))
      )
      assert.strictEqual(status, 204)
      assert.include(yield* fail(["inbox", "--app", "shop"]), 'no application "shop": the server has mail-app')
    }).pipe(Effect.provide(serverOf("mail-app")))
  )

  it.live("follows", () =>
    Effect.gen(function* () {
      const baseUrl = yield* NodeAppServicesServer.baseUrl
      yield* register("1@b.c")
      const following = yield* Effect.forkChild(
        Command.runWith(commands, { version: "0.0.0" })(["inbox", "--url", baseUrl, "--json", "--follow"])
      )
      const seen = Effect.map(TestConsole.logLines, (lines) => lines.map((line) => parse(String(line))["to"]))
      while ((yield* seen).length < 1) yield* Effect.sleep("5 millis")
      yield* register("2@b.c")
      yield* register("3@b.c")
      while ((yield* seen).length < 3) yield* Effect.sleep("5 millis")
      assert.deepStrictEqual(yield* seen, ["1@b.c", "2@b.c", "3@b.c"])
      yield* Fiber.interrupt(following)
    }).pipe(
      Effect.provide([
        serverOf("mail-app"),
        TestConsole.layer,
        NodeServices.layer,
        ConfigProvider.layer(ConfigProvider.fromUnknown({ APP_SERVICES_ADMIN_TOKEN: token }))
      ])
    )
  )
})

layer(serverOf("mail-app"), { excludeTestServices: true })("effect-app-services users", (it) => {
  it.effect("makes, shows, confirms, disables, revokes and deletes", () =>
    Effect.gen(function* () {
      const act = (...args: ReadonlyArray<string>) => succeed(["users", ...args])
      assert.strictEqual(yield* act("list"), "none")
      const id = /^created ([0-9a-f]{24})$/.exec(yield* succeed(["users", "create", "ada@b.c"], "correct horse\n"))![1]
      yield* register("waits@b.c")
      assert.match(
        yield* act("list"),
        new RegExp(`^ID +SINCE +LOGS IN WITH +E-MAIL\n${id}  \\S+Z  local-userpass  ada@b.c$`)
      )
      const [head, ...rows] = (yield* act("accounts")).split("\n").map((line) => line.split(/ {2,}/))
      assert.deepStrictEqual(head, ["E-MAIL", "CONFIRMED", "USER"])
      assert.deepStrictEqual(rows, [
        ["ada@b.c", "yes", id],
        ["waits@b.c", "no", "never logged in"]
      ])
      const { body: session } = yield* logIn("ada@b.c", "correct horse")
      assert.strictEqual(session["user_id"], id)
      const shown = yield* act("show", "ada@b.c")
      const sessionId = /^session {6}([0-9a-f]{24}) local-userpass from/m.exec(shown)![1]
      assert.match(shown, new RegExp(`^user {9}${id}\nsince`))
      assert.deepInclude(parse(yield* act("show", id, "--json")), { id, type: "normal" })
      const refreshing = post("/auth/session", {}, session["refresh_token"])
      assert.strictEqual((yield* refreshing).status, 201)
      assert.strictEqual(yield* act("revoke", id, "--session", sessionId), `revoked ${sessionId}`)
      assert.strictEqual((yield* refreshing).body["error_code"], "InvalidSession")
      assert.strictEqual(yield* act("revoke", "ada@b.c"), `revoked ${id}`)
      assert.strictEqual(yield* act("disable", "ada@b.c"), `disabled ${id}`)
      assert.match(yield* act("list"), /disabled$/)
      assert.match(yield* act("show", id), /\(disabled\)\n/)
      assert.strictEqual((yield* logIn("ada@b.c", "correct horse")).body["error_code"], "UserDisabled")
      assert.strictEqual(yield* act("enable", id), `enabled ${id}`)
      assert.strictEqual(
        yield* succeed(["users", "password", "ada@b.c"], "battery staple\r\n"),
        "changed the password of ada@b.c"
      )
      assert.strictEqual((yield* logIn("ada@b.c", "battery staple")).status, 200)
      assert.strictEqual(yield* act("confirm", "waits@b.c"), "confirmed waits@b.c")
      assert.strictEqual((yield* logIn("waits@b.c", "correct horse")).status, 200)
      yield* register("never@b.c")
      assert.strictEqual(yield* act("delete", "never@b.c"), "deleted never@b.c")
      const deleted = { event: "deleted", app: "mail-app", subject: id }
      assert.deepStrictEqual(parse(yield* act("delete", id, "--json")), deleted)
      const left = (yield* act("list", "--json")).split("\n").map(parse)
      assert.strictEqual(left.length, 1)
      assert.notStrictEqual(left[0]["id"], id)
      for (const [args, message] of [
        [["show", id], `the application "mail-app" has no user ${id}`],
        [["delete", id], `the application "mail-app" has no user ${id}`],
        [["delete", "no@b.c"], 'has no account of the address "no@b.c"'],
        [["confirm", "no@b.c"], 'has no account of the address "no@b.c"'],
        [["create", "short@b.c"], "password must be between 6 and 128 characters"],
        [["list", "--app", "shop"], 'no application "shop": the server has mail-app']
      ] as const) {
        assert.include(yield* fail(["users", ...args]), message)
      }
    })
  )

  it.effect("lists long lists in pages to people, and whole to scripts", () =>
    Effect.gen(function* () {
      const url = ["--url", yield* NodeAppServicesServer.baseUrl]
      for (let i = 0; i < 5; i++) {
        yield* succeed(["users", "create", `page-${i}@b.c`], "correct horse")
      }
      const list = ["users", "list", "--search", "page-", ...url]
      const first = yield* command([...list, "--limit", "3"])
      const after = /^there are more: continue with --after ([0-9a-f]{24})$/.exec(first.stderr)![1]
      const second = yield* command([...list, "--limit", "3", "--after", after])
      assert.strictEqual(second.stderr, "")
      const ids = `${first.stdout}\n${second.stdout}`.match(/^[0-9a-f]{24}/gm)
      assert.strictEqual(new Set(ids).size, 5)
      const scripted = yield* command([...list, "--json"])
      assert.deepStrictEqual(
        scripted.stdout.split("\n").map((line) => parse(line)["id"]),
        Array.from(ids ?? [])
      )
    })
  )
})

describe("the commands that administer", () => {
  it.live("ask for the application where there are several", () =>
    Effect.gen(function* () {
      assert.include(yield* fail(["users", "list"]), "choose one with --app: one, two")
      assert.strictEqual(yield* succeed(["users", "list", "--app", "two"]), "none")
    }).pipe(Effect.provide(serverOf("one", "two")))
  )

  it.live("say what to do where no server is, or another one", () =>
    Effect.gen(function* () {
      const stranger = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const server = createServer((_, response) => response.end("<html>hello</html>"))
          server.listen(0, "127.0.0.1")
          await once(server, "listening")
          return server
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = stranger.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      for (const [url, message] of [
        ["http://127.0.0.1:1", "no server answers at http://127.0.0.1:1: start one"],
        [`http://127.0.0.1:${port}`, "it is another program, or another version"],
        ["http://192.168.7.7:9090", "a server can be administered from its own machine"],
        ["https://127.0.0.1", 'invalid --url "https://127.0.0.1": expected a URL such as http://127.0.0.1:9090'],
        ["9090", 'invalid --url "9090": expected a URL such as http://127.0.0.1:9090']
      ] as const) {
        const { ok, stderr, stdout } = yield* command(["users", "list", "--url", url])
        assert.deepStrictEqual([ok, stdout], [false, ""])
        assert.include(stderr, message)
        assert.notMatch(stderr, /\n\s+at /)
        assert.notInclude(stderr, token)
      }
    })
  )

  it.live(
    "find the token of their own user's server only, which leaves none behind",
    () =>
      Effect.gen(function* () {
        const server = yield* serveJson([yield* directory(anonymousApp("my-app"))])
        const { baseUrl } = server.ready
        const file = join(home, ".effect-app-services", `${new URL(baseUrl).port}.token`)
        assert.strictEqual(statSync(file).mode & 0o777, 0o600)
        const list = ["users", "list", "--url", baseUrl]
        const [own, other] = yield* Effect.all([run(list), run(list, { HOME: yield* directory({ "a/b": "" }) })], {
          concurrency: 2
        })
        assert.deepStrictEqual(own, { code: 0, stdout: "none\n", stderr: "" })
        assert.strictEqual(other.code, 1)
        assert.include(other.stderr, `the server at ${baseUrl} rejected the administration token`)
        const following = yield* running(["inbox", "--url", baseUrl, "--follow"])
        while (!following.output.stderr.includes("no e-mail yet")) yield* Effect.sleep("5 millis")
        following.child.kill("SIGINT")
        assert.deepStrictEqual(yield* ended(following), { code: 0, signal: null })
        server.child.kill("SIGTERM")
        yield* ended(server)
        assert.isUndefined(statSync(file, { throwIfNoEntry: false }))
      }),
    180_000
  )

  it.live(
    "take the token of the environment, where no file can be written as well",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({ ...anonymousApp("my-app"), "not-a-folder": "" })
        const env = { HOME: join(folder, "not-a-folder"), APP_SERVICES_ADMIN_TOKEN: token }
        const server = yield* serveJson([folder], env)
        while (!server.output.stderr.includes("set APP_SERVICES_ADMIN_TOKEN")) yield* Effect.sleep("5 millis")
        const { body } = yield* ask(`${server.ready.baseUrl}/_admin/apps`, {
          headers: { authorization: `Bearer ${token}` }
        })
        assert.deepStrictEqual<unknown>(body, [{ id: "my-app", providers: ["anon-user"] }])
        assert.notInclude(server.output.stdout + server.output.stderr, token)
        const short = yield* run(["serve", folder, "--port", "0"], { APP_SERVICES_ADMIN_TOKEN: "short" })
        assert.strictEqual(short.code, 1)
        assert.include(short.stderr, "adminToken is too short: expected at least 32 characters")
      }),
    180_000
  )
})
