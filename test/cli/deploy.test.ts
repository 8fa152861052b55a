/** The files of `examples/deploy`, each run as far as it runs on one machine. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import * as Realm from "realm-web"
import { directory } from "../server/support.ts"
import { ask, exampleSite, nginx, open } from "../support/nginx.ts"
import { anonymousApp, program, running, serveJson } from "./support.ts"

const examples = join(import.meta.dirname, "../../examples/deploy")
const example = (name: string) => readFileSync(join(examples, name), "utf8")

const app = {
  ...anonymousApp("shop", {
    address: "exports = () => context.request.remoteIPAddress",
    length: "exports = (text) => text.length"
  }),
  "data_sources/mongodb-atlas/config.json": { name: "mongodb-atlas", type: "mongodb-atlas", config: {} },
  "data_sources/mongodb-atlas/d/c/rules.json": {
    database: "d",
    collection: "c",
    roles: [{ name: "all", apply_when: {}, read: true, write: true, insert: true, delete: true, search: true }]
  }
}

/** A server behind nginx with the site of the example, as clients on other machines reach it. */
const behindNginx = Effect.gen(function* () {
  const exported = yield* directory(app)
  const { child, output, ready } = yield* serveJson([exported])
  const proxy = yield* nginx(exampleSite(example("nginx.conf"), Number(new URL(ready.baseUrl).port)))
  return { child, output, proxy, ready }
})

describe("nginx in front of the server", () => {
  it.live(
    "brings logins, calls and open streams by TLS, as soon as there is something in a stream",
    () =>
      Effect.gen(function* () {
        const { proxy } = yield* behindNginx
        const before = getCACertificates("default")
        setDefaultCACertificates([...before, proxy.ca])
        yield* Effect.addFinalizer(() => Effect.sync(() => setDefaultCACertificates(before)))
        const realm = new Realm.App({ id: "shop", baseUrl: proxy.origin })
        yield* Effect.promise(async () => {
          const user = await realm.logIn(Realm.Credentials.anonymous())
          assert.strictEqual(await user.callFunction("address"), "127.0.0.1")
          const collection = user.mongoClient("mongodb-atlas").db("d").collection<{ _id: string }>("c")
          const events = collection.watch()
          const first = events.next()
          // the stream stays open: a proxy that holds back what it gets would never pass on the event
          let n = 0
          const inserting = setInterval(() => void collection.insertOne({ _id: `n${n++}` }), 200)
          const { value } = await first
          clearInterval(inserting)
          assert.strictEqual((value as { readonly operationType: string }).operationType, "insert")
          await events.return(undefined)
        })
        // every address that clients are told leads through the proxy
        const location = yield* ask(proxy, "/api/client/v2.0/app/shop/location")
        assert.deepInclude(JSON.parse(location.text), { hostname: proxy.origin })
        // the query may hold access tokens
        const log = proxy.log("app-services.log")
        assert.match(log, /"POST \/api\/client\/v2\.0\/app\/shop\/functions\/call" 200/)
        assert.notMatch(log, /baas_at|baas_request|\?/)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "names the client's own address, and not what the client claims in headers",
    () =>
      Effect.gen(function* () {
        const { proxy, ready } = yield* behindNginx
        const login = yield* ask(proxy, "/api/client/v2.0/app/shop/auth/providers/anon-user/login", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: "{}"
        })
        const token = (JSON.parse(login.text) as Record<string, string>)["access_token"]
        const address = (headers: Record<string, string>) =>
          Effect.map(
            ask(proxy, "/api/client/v2.0/app/shop/functions/call", {
              method: "POST",
              headers: { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers },
              body: JSON.stringify({ name: "address", arguments: [] })
            }),
            ({ text }) => JSON.parse(text) as unknown
          )
        const forged = { "x-forwarded-for": "203.0.113.7", forwarded: "for=203.0.113.7;host=evil.example" }
        assert.strictEqual(yield* address(forged), "127.0.0.1")
        const location = yield* ask(proxy, "/api/client/v2.0/app/shop/location", {
          headers: { ...forged, "x-forwarded-host": "evil.example", "x-forwarded-proto": "http" }
        })
        assert.strictEqual((JSON.parse(location.text) as Record<string, string>)["hostname"], proxy.origin)
        // without the proxy the header of a trusted peer counts
        const direct = yield* Effect.promise(() =>
          fetch(`${ready.baseUrl}/api/client/v2.0/app/shop/functions/call`, {
            method: "POST",
            headers: { authorization: `Bearer ${token}`, "x-forwarded-for": "203.0.113.7" },
            body: JSON.stringify({ name: "address", arguments: [] })
          }).then((response) => response.json())
        )
        assert.strictEqual(direct, "203.0.113.7")
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "passes the largest bodies that the server reads, and neither larger ones nor the administration",
    () =>
      Effect.gen(function* () {
        const { child, proxy } = yield* behindNginx
        const login = yield* ask(proxy, "/api/client/v2.0/app/shop/auth/providers/anon-user/login", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: "{}"
        })
        const token = (JSON.parse(login.text) as Record<string, string>)["access_token"]
        const length = (size: number) =>
          ask(proxy, "/api/client/v2.0/app/shop/functions/call", {
            method: "POST",
            headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
            body: JSON.stringify({ name: "length", arguments: ["x".repeat(size)] })
          })
        const large = 17 * 2 ** 20
        assert.deepStrictEqual(JSON.parse((yield* length(large)).text), { $numberInt: String(large) })
        assert.strictEqual((yield* length(19 * 2 ** 20)).status, 413)
        assert.strictEqual((yield* ask(proxy, "/_admin/apps")).status, 404)
        // without a server behind it, clients get a status that they may repeat the request after
        child.kill("SIGKILL")
        assert.strictEqual((yield* ask(proxy, "/readyz")).status, 502)
        const plain = yield* Effect.promise(() =>
          fetch(`http://127.0.0.1:${proxy.httpPort}/api/x?y=1`, { redirect: "manual" })
        )
        assert.deepStrictEqual([plain.status, plain.headers.get("location")], [308, "https://127.0.0.1/api/x?y=1"])
        yield* Effect.promise(() => open(proxy, "/")).pipe(Effect.map((response) => response.destroy()))
      }).pipe(Effect.scoped),
    300_000
  )
})

describe("the units of systemd", () => {
  const units = readdirSync(examples).filter((name) => /\.(?:service|timer)$/.test(name))
  /** The programs of an operator's machine that another machine need not have. */
  const here = (text: string) => text.replaceAll("/usr/bin/node", process.execPath)

  it.effect("pass systemd's own check, and name commands that exist", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      for (const name of units) writeFileSync(join(folder, name), here(example(name)))
      const { error, status, stderr, stdout } = spawnSync(
        "systemd-analyze",
        ["verify", "--man=no", ...units.map((name) => join(folder, name))],
        { encoding: "utf8" }
      )
      assert.isUndefined(error, "systemd-analyze is missing: apt-get install systemd")
      assert.deepStrictEqual({ status, output: `${stdout}${stderr}` }, { status: 0, output: "" })
    })
  )

  it.effect("leave the server little of the machine, by systemd's own measure", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      for (const [name, most] of [
        ["app-services.service", 20],
        ["app-services-backup.service", 35]
      ] as const) {
        copyFileSync(join(examples, name), join(folder, name))
        const { status, stdout } = spawnSync(
          "systemd-analyze",
          ["security", "--offline=true", "--no-pager", `--threshold=${most}`, join(folder, name)],
          { encoding: "utf8" }
        )
        assert.strictEqual(status, 0, stdout)
      }
    })
  )

  it.live(
    "start the server and back it up with the commands in them",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const exported = yield* directory(app)
        const [data, backups] = [join(folder, "data"), join(folder, "backups")]
        yield* Effect.promise(() => import("node:fs/promises").then(({ mkdir }) => mkdir(backups)))
        const env = { APP_SERVICES_ADMIN_TOKEN: "administration token of tests, 32 characters" }
        const { args: served } = commandOf("app-services.service", data)
        assert.deepStrictEqual(served.slice(0, 2), ["serve", "/srv/app-services/shop"])
        const port = served.indexOf("--port")
        const server = yield* running(["serve", exported, ...served.slice(2).with(port - 1, "0")], env)
        const ready = yield* Effect.promise(
          () => new Promise<string>((resolve) => server.child.stdout.once("data", (line) => resolve(String(line))))
        )
        const { baseUrl } = JSON.parse(ready) as { readonly baseUrl: string }

        // the command of the timer, with the port of the test
        const script = /^ExecStart=\/bin\/sh -c '([^']*)'$/m.exec(joined("app-services-backup.service"))?.[1] ?? ""
        const cli = "node_modules/effect-app-services/dist/bin.js"
        const command = script
          .replace(/\/usr\/bin\/node \S+bin\.js backup/, `${process.execPath} ${program} backup --url ${baseUrl}`)
          .replaceAll("%%", "%")
          .replaceAll("${STATE_DIRECTORY}", backups)
        assert.include(script, cli)
        const made = spawnSync("/bin/sh", ["-c", command], { encoding: "utf8", env: { ...process.env, ...env } })
        assert.strictEqual(made.status, 0, made.stderr)
        const [name = ""] = readdirSync(backups)
        assert.match(name, /^\d{4}-\d\d-\d\dT\d{6}Z\.backup$/)
        assert.isTrue(existsSync(join(data, "data.sqlite")))
      }),
    300_000
  )
})

/** The lines of a unit, with those that continue joined. */
const joined = (name: string): string => example(name).replace(/\\\n\s*/g, "")

/** The arguments of the command in a unit. */
const commandOf = (name: string, state: string) => {
  const [, text = ""] = /^ExecStart=\/usr\/bin\/node \S+\/bin\.js (.*)$/m.exec(joined(name)) ?? []
  return { args: text.replaceAll("${STATE_DIRECTORY}", state).split(" ") }
}

describe("the Dockerfile", () => {
  /** The instructions, in order. */
  const instructions = example("Dockerfile")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => /^([A-Z]+) (.*)$/.exec(line)!)
    .map(([, name = "", rest = ""]) => ({ name, rest }))

  it("runs as a user without rights, and keeps its data in a volume", () => {
    const names = instructions.map(({ name }) => name)
    assert.isBelow(names.indexOf("USER"), names.indexOf("CMD"))
    assert.deepStrictEqual(
      instructions.filter(({ name }) => ["USER", "VOLUME", "EXPOSE"].includes(name)).map(({ rest }) => rest),
      ["node", "/data", "9090"]
    )
  })

  it.live(
    "serves with its command, and its health check tells whether the server is ready",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const exported = yield* directory(app)
        const command = instructions.filter(({ name }) => name === "CMD").map(({ rest }) => rest)
        assert.lengthOf(command, 1)
        const args = JSON.parse(command[0]) as ReadonlyArray<string>
        assert.deepStrictEqual(args.slice(0, 4), [
          "node",
          "node_modules/effect-app-services/dist/bin.js",
          "serve",
          "shop"
        ])
        const port = args.indexOf("--port") + 1
        const host = args.indexOf("--host") + 1
        const data = args.indexOf("/data")
        const here = args.with(port, "0").with(host, "127.0.0.1").with(data, join(folder, "data")).slice(4)
        const server = yield* running(["serve", exported, ...here])
        const ready = yield* Effect.promise(
          () => new Promise<string>((resolve) => server.child.stdout.once("data", (line) => resolve(String(line))))
        )
        const { baseUrl } = JSON.parse(ready) as { readonly baseUrl: string }

        const [check = ""] = instructions.filter(({ name }) => name === "HEALTHCHECK").map(({ rest }) => rest)
        const [node, ...health] = JSON.parse(check.slice(check.indexOf("["))) as ReadonlyArray<string>
        assert.strictEqual(node, "node")
        const answers = (url: string) =>
          spawnSync(
            process.execPath,
            health.map((it) => it.replace("http://127.0.0.1:9090", url))
          ).status
        assert.strictEqual(answers(baseUrl), 0)
        server.child.kill("SIGKILL")
        yield* Effect.promise(() => server.exit)
        assert.strictEqual(answers(baseUrl), 1)
      }),
    300_000
  )
})
