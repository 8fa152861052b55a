import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { once } from "node:events"
import { createServer } from "node:net"
import { directory } from "../server/support.ts"
import {
  anonymousApp,
  ask,
  call,
  ended,
  firstLine,
  type Ready,
  run,
  type Running,
  running,
  serveJson
} from "./support.ts"

// each test starts processes, which takes its time on a busy machine
describe("effect-app-services serve", { timeout: 180_000 }, () => {
  it.live("prints one line of JSON when ready, serves, and ends cleanly at SIGTERM", () =>
    Effect.gen(function* () {
      const server = yield* serveJson(["examples/shop"])
      assert.deepStrictEqual(Object.keys(server.ready), ["event", "baseUrl", "appIds"])
      assert.strictEqual(server.ready.event, "ready")
      assert.match(server.ready.baseUrl, /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.deepStrictEqual(server.ready.appIds, ["shop-abcde"])
      const answer = yield* call(server.ready, "sum", [20, 22])
      assert.deepStrictEqual(answer, { status: 200, body: { $numberInt: "42" } })
      server.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(server), { code: 0, signal: null })
      assert.strictEqual(server.output.stdout.trim().split("\n").length, 1)
    })
  )

  it.live("tells of e-mails without their links, which are in the inbox", () =>
    Effect.gen(function* () {
      const folder = yield* directory({
        "realm_config.json": { app_id: "mail-app" },
        "auth/providers.json": {
          "local-userpass": {
            type: "local-userpass",
            config: { autoConfirm: false, emailConfirmationUrl: "https://x.test/confirm" }
          }
        }
      })
      const registering = (baseUrl: string) =>
        ask(`${baseUrl}/api/client/v2.0/app/mail-app/auth/providers/local-userpass/register`, {
          method: "POST",
          body: JSON.stringify({ email: "a@b.c", password: "correct horse" })
        })
      const script = yield* serveJson([folder, "--show-mail"])
      assert.strictEqual((yield* registering(script.ready.baseUrl)).status, 201)
      while (script.output.stdout.split("\n").length < 3) yield* Effect.sleep("5 millis")
      const { at, tokenId, ...mail } = JSON.parse(script.output.stdout.split("\n")[1]) as Record<string, string>
      assert.deepStrictEqual(mail, {
        event: "mail",
        app: "mail-app",
        to: "a@b.c",
        kind: "confirmation",
        subject: "Please confirm your email address"
      })
      assert.deepStrictEqual([typeof at, typeof tokenId], ["string", "string"])
      for (const flags of [["--show-mail"], ["--quiet", "--show-mail"]]) {
        const person = yield* running(["serve", folder, "--port", "0", ...flags])
        while (!person.output.stdout.includes("stop with Ctrl+C")) yield* Effect.sleep("5 millis")
        const baseUrl = /listening on (http:\S+?),/.exec(person.output.stdout)![1]
        assert.strictEqual((yield* registering(baseUrl)).status, 201)
        if (flags.length === 1) {
          const line =
            "e-mail to a@b.c (mail-app, confirmation): Please confirm your email address: its link is in the inbox"
          while (!person.output.stdout.includes(line)) yield* Effect.sleep("5 millis")
        }
        const inbox = yield* run(["inbox", "--url", baseUrl])
        assert.match(inbox.stdout, /: https:\/\/x\.test\/confirm\?token=[0-9a-f]{128}&tokenId=[0-9a-f]{24}\n$/)
        assert.strictEqual(person.output.stdout.includes("e-mail to"), flags.length === 1)
        assert.include(person.output.stderr, "--show-mail prints links on a terminal only")
        assert.notMatch(person.output.stdout + person.output.stderr, /token=|correct horse/)
      }
      assert.notMatch(script.output.stdout + script.output.stderr, /token=|correct horse/)
    })
  )

  it.live("prints a line for each request, without secrets, unless it is to be quiet", () =>
    Effect.gen(function* () {
      const baseUrlOf = Effect.fnUntraced(function* ({ output }: Running) {
        while (!output.stdout.includes("stop with Ctrl+C")) yield* Effect.sleep("5 millis")
        return /listening on (http:\S+?),/.exec(output.stdout)![1]
      })
      const visit = Effect.fnUntraced(function* (baseUrl: string) {
        const ready: Ready = { event: "ready", baseUrl, appIds: ["shop-abcde"] }
        assert.strictEqual((yield* call(ready, "sum", [20, 22])).status, 200)
        const { status } = yield* ask(`${baseUrl}/api/client/v2.0/app/shop-abcde/caf\u00e9?baas_at=hush`)
        assert.strictEqual(status, 404)
        assert.strictEqual((yield* call(ready, "no user=1\n\u001b[2J")).status, 404)
      })
      const talking = yield* running(["serve", "examples/shop", "--port", "0"])
      const quiet = yield* running(["serve", "examples/shop", "--port", "0", "--quiet"])
      const script = yield* serveJson(["examples/shop"])
      yield* visit(yield* baseUrlOf(talking))
      yield* visit(yield* baseUrlOf(quiet))
      yield* visit(script.ready.baseUrl)
      while (talking.output.stderr.split("\n").length < 6) yield* Effect.sleep("5 millis")
      const app = "/api/client/v2.0/app/shop-abcde"
      const lines = talking.output.stderr.trim().split("\n")
      assert.strictEqual(lines.length, 5, talking.output.stderr)
      const user = /user=([0-9a-f]{24}) /.exec(lines[0])![1]
      const id = (line: string | undefined, name: string) =>
        new RegExp(` (${name}=[0-9a-f]{24})\\b`).exec(line ?? "")?.[1]
      const expected = [
        `200 POST .../auth/providers/anon-user/login app=shop-abcde user=${user} from=127.0.0.1`,
        `200 POST .../functions/call sum app=shop-abcde user=${user} from=127.0.0.1`,
        `404 GET ${app}/caf%C3%A9 from=127.0.0.1 ${id(lines[2], "co_id")}`,
        `404 POST .../functions/call no?user=1??[2J code=FunctionNotFound app=shop-abcde ${id(lines[4], "user")} from=127.0.0.1 ${id(lines[4], "co_id")}`
      ]
      assert.deepStrictEqual(
        lines.toSpliced(3, 1).map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} (\d+) +\d+ ms/, "$1")),
        expected
      )
      assert.notInclude(talking.output.stdout, "/api/client")
      assert.strictEqual(quiet.output.stderr, "")
      while (script.output.stderr.split("\n").length < 6) yield* Effect.sleep("5 millis")
      const parsed = script.output.stderr
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      const { millis, timestamp, userId, ...called } = parsed[1]
      assert.deepStrictEqual(called, {
        level: "INFO",
        event: "request",
        method: "POST",
        path: `${app}/functions/call`,
        status: 200,
        app: "shop-abcde",
        call: "sum",
        address: "127.0.0.1"
      })
      assert.deepStrictEqual([typeof millis, typeof timestamp, typeof userId], ["number", "string", "string"])
      assert.notInclude(script.output.stdout + script.output.stderr, "hush")
    })
  )

  it.live("tells people where it listens, and ends cleanly at SIGINT", () =>
    Effect.gen(function* () {
      const open = ["--open", "mongodb-atlas/shop.notes"]
      const server = yield* running(["serve", "examples/shop", "--port", "0", ...open])
      assert.strictEqual(yield* firstLine(server.child), "shop-abcde  (examples/shop)")
      while (!server.output.stdout.includes("listening on")) yield* Effect.sleep("5 millis")
      assert.match(server.output.stdout, /log in with {2}anon-user, local-userpass, api-key, custom-function/)
      const { stdout } = server.output
      const baseUrl = /listening on (http:\/\/127\.0\.0\.1:\d+), everything in memory; stop with Ctrl\+C\n$/.exec(
        stdout
      )![1]
      assert.include(stdout, "functions    sum, echo, fail, order, greeting, setTheme, whoAmI")
      assert.include(stdout, "data         mongodb-atlas: by rules: shop.widgets; open: shop.notes; others closed")
      assert.include(
        stdout,
        'the collection "mongodb-atlas/shop.notes" is open on request: every user can read and write'
      )
      assert.include(stdout, `clients      new Realm.App({ id: "shop-abcde", baseUrl: "${baseUrl}" })`)
      assert.include(stdout, `inbox        npx effect-app-services inbox --url ${baseUrl}`)
      server.child.kill("SIGINT")
      assert.deepStrictEqual(yield* ended(server), { code: 0, signal: null })
    })
  )

  it.live("serves several applications, reports what is wrong in them, and survives what their functions do", () =>
    Effect.gen(function* () {
      const one = yield* directory(
        anonymousApp("app-one", {
          broken: "exports = function () {\n  return )\n}",
          floating:
            "exports = () => { Promise.reject(new Error('left behind')); setTimeout(() => { throw new Error('thrown later') }, 1); return 1 }"
        })
      )
      const two = yield* directory({
        ...anonymousApp("app-two", { secret: "exports = () => context.values.get('s').length" }),
        "values/s.json": { name: "s", from_secret: true, value: "APP_SECRET" },
        "values/t.json": { name: "t", from_secret: true, value: "MISSING_SECRET" }
      })
      const server = yield* serveJson([one, two], { APP_SECRET: "from the environment" })
      assert.deepStrictEqual(server.ready.appIds, ["app-one", "app-two"])
      const { body, status } = yield* call(server.ready, "broken")
      assert.strictEqual(status, 400)
      assert.strictEqual(body["error_code"], "FunctionSyntaxError")
      assert.strictEqual((yield* call(server.ready, "floating")).status, 200)
      assert.strictEqual((yield* call(server.ready, "floating")).status, 200)
      const second = { ...server.ready, appIds: ["app-two"] }
      assert.deepStrictEqual((yield* call(second, "secret")).body, { $numberInt: "20" })
      assert.match(
        server.output.stderr,
        /app-one: functions\/broken\.js:2: the function \\"broken\\" does not parse: SyntaxError/
      )
      assert.match(server.output.stderr, /app-two: values\/t\.json: the secret \\"MISSING_SECRET\\"/)
      assert.match(server.output.stderr, /an error of a function that no call waits for/)
      assert.notInclude(server.output.stderr, "from the environment")
    })
  )

  it.live("lets a request finish that is under way when it is told to end", () =>
    Effect.gen(function* () {
      const folder = yield* directory(
        anonymousApp("app", {
          slow: "exports = () => { console.log('reached'); return new Promise((done) => setTimeout(() => done('done'), 300)) }"
        })
      )
      const server = yield* serveJson([folder])
      const request = yield* Effect.forkChild(call(server.ready, "slow"))
      while (!server.output.stderr.includes("reached")) yield* Effect.sleep("5 millis")
      server.child.kill("SIGTERM")
      const { body } = yield* Fiber.join(request)
      assert.strictEqual<unknown>(body, "done")
      assert.deepStrictEqual(yield* ended(server), { code: 0, signal: null })
    })
  )

  it.live(
    "ends within bounds when a request never does",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory(
          anonymousApp("app", { never: "exports = () => { console.log('reached'); return new Promise(() => {}) }" })
        )
        const server = yield* serveJson([folder])
        const request = yield* Effect.forkChild(Effect.exit(call(server.ready, "never")))
        while (!server.output.stderr.includes("reached")) yield* Effect.sleep("5 millis")
        server.child.kill("SIGTERM")
        assert.deepStrictEqual(yield* ended(server), { code: 0, signal: null })
        assert.isDefined(request)
      }),
    // the call would end by itself after 90 seconds
    80_000
  )

  it.live(
    "serves an application under the id it is given, with secrets of the environment",
    () =>
      Effect.gen(function* () {
        const { "realm_config.json": _, ...files } = anonymousApp("", {
          f: 'exports = () => context.values.get("key")'
        })
        const folder = yield* directory({
          ...files,
          "values/key.json": { name: "key", value: "keySecret", from_secret: true }
        })
        const server = yield* serveJson([folder, "--app-id", "shop-xyz"], { keySecret: "hush" })
        assert.deepStrictEqual(server.ready.appIds, ["shop-xyz"])
        assert.deepStrictEqual(yield* call(server.ready, "f"), { status: 200, body: "hush" as never })
        assert.notInclude(server.output.stderr, '"level":"WARN"')
        const { code, stderr } = yield* run(["serve", folder, folder, "--app-id", "shop-xyz"])
        assert.strictEqual(code, 1)
        assert.match(stderr, /--app-id cannot be combined with several applications/)
      }),
    180_000
  )

  it.live(
    "stops with a message and exit code 1 where there is nothing to serve",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({ "readme.txt": "hello" })
        const invalid = yield* directory({
          "realm_config.json": { app_id: "a" },
          "functions/config.json": '[\n  { "name": "f" ]\n]'
        })
        const [gone, none, broken, twice, ruled] = yield* Effect.all(
          [
            run(["serve", "/nowhere/at/all"]),
            run(["serve", folder]),
            run(["serve", invalid]),
            run(["serve", "examples/shop", "examples/shop", "--port", "0"]),
            run(["serve", "examples/shop", "--port", "0", "--open", "mongodb-atlas/shop.widgets"])
          ],
          { concurrency: 2 }
        )
        assert.match(gone.stderr, /\/nowhere\/at\/all does not exist/)
        assert.match(
          none.stderr,
          /is not the directory of an application.*`effect-app-services init DIR` makes a small/
        )
        assert.match(broken.stderr, /functions\/config\.json:2:17: is not JSON: expected ","/)
        assert.match(twice.stderr, /two applications have the id "shop-abcde"/)
        assert.match(ruled.stderr, /"mongodb-atlas\/shop\.widgets" of shop-abcde cannot be opened: it has rules/)
        for (const { code, stderr, stdout } of [gone, none, broken, twice, ruled]) {
          assert.strictEqual(code, 1)
          assert.strictEqual(stdout, "")
          assert.notMatch(stderr, /\n\s+at /)
        }
      }),
    180_000
  )

  it.live("stops with a message and exit code 1 where it cannot listen", () =>
    Effect.gen(function* () {
      const blocker = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const server = createServer()
          server.listen(0, "127.0.0.1")
          await once(server, "listening")
          return server
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = blocker.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const { code, stderr } = yield* run(["serve", "examples/shop", "--port", String(port)])
      assert.strictEqual(code, 1)
      assert.match(stderr, new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use: choose another one with --port`))
      assert.notMatch(stderr, /\n\s+at /)
    })
  )

  it.live("hashes passwords cheaply for this machine only", () =>
    Effect.gen(function* () {
      const everywhere = ["--port", "0", "--host", "0.0.0.0"]
      const { code, stderr } = yield* run(["serve", "examples/shop", "--password-hashing", "testing", ...everywhere])
      assert.strictEqual(code, 1)
      assert.match(stderr, /"testing" protects no password: it works on a loopback address only/)
    })
  )

  it.live("says how it is used where it is not", () =>
    Effect.gen(function* () {
      const [badPort, highPort, badFlag, badCommand] = yield* Effect.all(
        [
          run(["serve", "examples/shop", "--port", "x"]),
          run(["serve", "examples/shop", "--port", "65536"]),
          run(["serve", "examples/shop", "--wach"]),
          run(["srve", "examples/shop"])
        ],
        { concurrency: 2 }
      )
      for (const { code, stderr, stdout } of [badPort, highPort, badFlag, badCommand]) {
        assert.strictEqual(code, 1)
        // scripts read standard output, and the help is longer than a screen
        assert.strictEqual(stdout, "")
        assert.match(stderr, /\nUSAGE\n {2}effect-app-services .*\n\neffect-app-services .*--help tells more$/m)
        assert.isBelow(stderr.split("\n").length, 14)
      }
      assert.match(badPort.stderr, /Invalid value for flag --port: "x"/)
      assert.match(highPort.stderr, /for flag --port: "65536"\. Expected a value between 0 and 65535\n/)
      assert.match(badFlag.stderr, /Did you mean this\?\s+--watch/)
      assert.match(badCommand.stderr, /Did you mean this\?\s+serve/)
    })
  )
})
