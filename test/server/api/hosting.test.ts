import { assert, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { type App, AppDirectory } from "effect-app-services/server"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { NodeAppServicesServer } from "effect-app-services/node"
import { anonymousApp, ask as over, serveJson } from "../../cli/support.ts"
import { ask, directory, inProcess, loginPath } from "../support.ts"
import { exported, load } from "../functions/support.ts"

const files = {
  "hosting/files/index.html": "<h1>home</h1>",
  "hosting/files/about/index.html": "<h1>about</h1>",
  "hosting/files/404.html": "<h1>not here</h1>",
  "hosting/files/app.js": "run()",
  "hosting/files/a page.html": "<h1>page</h1>",
  "hosting/files/old.html": "",
  "hosting/files/.env": "SECRET=1",
  "hosting/files/.git/config": "secret",
  "hosting/metadata.json": [
    { path: "/app.js", attrs: [{ name: "Content-Type", value: "application/x-javascript" }] },
    {
      path: "index.html",
      attrs: [
        { name: "Cache-Control", value: "max-age=60" },
        { name: "Content-Type", value: "application/html" }
      ]
    },
    { path: "/old.html", attrs: [{ name: "Website-Redirect-Location", value: "/about/" }] },
    { path: "/404.html", attrs: [{ name: "Set-Cookie", value: "a=1" }] }
  ],
  "hosting/config.json": { enabled: true, default_error_path: "/404.html", default_error_code: "404" }
}

layer(exported({ f: "exports = () => 1" }, files))("hosting", (it) => {
  it.effect("serves files with the headers of their kind, or those that are declared", () =>
    Effect.gen(function* () {
      const cases = [
        ["/", "<h1>home</h1>", "text/html; charset=utf-8", "max-age=60"],
        ["/index.html?a=b", "<h1>home</h1>", "text/html; charset=utf-8", "max-age=60"],
        ["/about/", "<h1>about</h1>", "text/html; charset=utf-8", "no-cache"],
        ["/app.js", "run()", "application/x-javascript", "no-cache"],
        ["/a%20page.html", "<h1>page</h1>", "text/html; charset=utf-8", "no-cache"]
      ] as const
      for (const [path, text, type, cache] of cases) {
        const answer = yield* ask("GET", path)
        assert.deepStrictEqual(
          [answer.status, answer.text, answer.headers["content-type"], answer.headers["cache-control"]],
          [200, text, type, cache],
          path
        )
      }
      const head = yield* ask("HEAD", "/app.js")
      assert.deepStrictEqual([head.status, head.headers["content-length"]], [200, "5"])
    })
  )

  it.effect("answers conditional requests and ranges", () =>
    Effect.gen(function* () {
      const { headers } = yield* ask("GET", "/app.js")
      const same = yield* ask("GET", "/app.js", { headers: { "if-none-match": headers["etag"] ?? "none" } })
      assert.strictEqual(same.status, 304)
      const part = yield* ask("GET", "/app.js", { headers: { range: "bytes=0-2" } })
      assert.deepStrictEqual([part.status, part.text], [206, "run"])
    })
  )

  it.effect("redirects where a file says so, and from a folder to its page", () =>
    Effect.gen(function* () {
      const old = yield* ask("GET", "/old.html")
      assert.deepStrictEqual([old.status, old.headers["location"]], [302, "/about/"])
      const folder = yield* ask("GET", "/about")
      assert.deepStrictEqual([folder.status, folder.headers["location"]], [301, "/about/"])
    })
  )

  it.effect("answers any other path with the error page, and serves nothing else", () =>
    Effect.gen(function* () {
      const paths = [
        "/none",
        "/.env",
        "/.git/config",
        "/../realm_config.json",
        "/..%2frealm_config.json",
        "/%2e%2e/realm_config.json",
        "/about/../../realm_config.json",
        "/functions/f.js",
        "//etc/passwd"
      ]
      for (const path of paths) {
        const { status, text } = yield* ask("GET", path)
        assert.deepStrictEqual([status, text], [404, "<h1>not here</h1>"], path)
      }
      assert.strictEqual((yield* ask("GET", "/%")).status, 404)
      assert.strictEqual((yield* ask("POST", "/index.html")).status, 404)
    })
  )

  it.effect("leaves the routes of the server alone", () =>
    Effect.gen(function* () {
      for (const path of ["/api/client/v2.0/none", "/app/my-app/endpoint/none", "/_admin/none", "/logs"]) {
        const { headers, status } = yield* ask("GET", path)
        assert.deepStrictEqual([status, headers["content-type"]], [404, "application/json"], path)
      }
      assert.strictEqual((yield* ask("GET", "/api/client/v2.0/app/my-app/location")).status, 200)
    })
  )
})

it.effect("hosting of an application of one page answers every path with it", () =>
  Effect.gen(function* () {
    const { status, text } = yield* ask("GET", "/deep/link")
    assert.deepStrictEqual([status, text], [200, "<h1>home</h1>"])
  }).pipe(
    Effect.provide(
      exported(
        { f: "exports = () => 1" },
        {
          ...files,
          "hosting/config.json": { enabled: true, default_error_path: "/index.html", default_error_code: "200" }
        }
      )
    )
  )
)

it.effect("hosting serves no file outside of its folder, whatever links there are", () =>
  Effect.gen(function* () {
    const folder = yield* directory({
      "realm_config.json": { app_id: "my-app" },
      "hosting/config.json": { enabled: true },
      "hosting/files/index.html": "home",
      "secrets.json": { secret: "s" }
    })
    symlinkSync(join(folder, "secrets.json"), join(folder, "hosting/files/secrets.json"))
    symlinkSync(folder, join(folder, "hosting/files/up"))
    const app = yield* AppDirectory.load(folder).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))
    yield* Effect.gen(function* () {
      assert.strictEqual((yield* ask("GET", "/")).text, "home")
      for (const path of ["/secrets.json", "/up/secrets.json", "/up/"]) {
        assert.strictEqual((yield* ask("GET", path)).status, 404, path)
      }
    }).pipe(Effect.provide(inProcess(app)))
  })
)

it.effect("hosting reports what it cannot do", () =>
  Effect.gen(function* () {
    const report = (config: object, more: object = {}) =>
      Effect.map(load({ f: "exports = () => 1" }, { ...files, ...more, "hosting/config.json": config }), ({ report }) =>
        report.map(({ message }) => message).join("\n")
      )
    assert.include(yield* report({ enabled: true }), 'the header "Set-Cookie" of /404.html is not supported')
    assert.include(
      yield* report({ enabled: true, default_error_path: "/none.html" }),
      '"default_error_path" names "/none.html", which does not exist'
    )
    assert.include(
      yield* report({ enabled: true, default_error_path: "/404.html", default_error_code: "soft" }),
      '"default_error_code" is not a status: "soft"; it is taken for 404'
    )
    const { hosting, report: without } = yield* load(
      { f: "exports = () => 1" },
      { "hosting/config.json": { enabled: true } }
    )
    assert.strictEqual(hosting, undefined)
    assert.include(without.map(({ message }) => message).join(), "there are no files in hosting/files")
    const off = yield* load({ f: "exports = () => 1" }, { ...files, "hosting/config.json": { enabled: false } })
    assert.strictEqual(off.hosting, undefined)
  })
)

/** An application with a page that says which one it is. */
const site = (id: string, config: object = {}) =>
  Effect.flatMap(
    directory({
      ...anonymousApp(id, { uri: "exports = () => context.app.hostingUri" }),
      "hosting/config.json": { enabled: true, ...config },
      "hosting/files/index.html": id
    }),
    (folder) => AppDirectory.load(folder)
  ).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))

it.effect("hosting serves each of several applications under a host name of its own", () =>
  Effect.gen(function* () {
    const apps = [yield* site("shop-abcde"), yield* site("blog-fghij", { custom_domain: "Blog.example" })]
    yield* Effect.gen(function* () {
      const hosts = [
        ["shop-abcde.localhost:9090", "shop-abcde"],
        ["BLOG-FGHIJ.localhost", "blog-fghij"],
        ["blog-fghij.apps.example:443", "blog-fghij"],
        ["blog.example", "blog-fghij"],
        ["shop-abcde.blog.example", "shop-abcde"],
        ["127.0.0.1:9090", "shop-abcde"],
        ["elsewhere.example", "shop-abcde"]
      ] as const
      for (const [host, text] of hosts) {
        assert.strictEqual((yield* ask("GET", "/", { headers: { host } })).text, text, host)
        // the client API is the same everywhere
        const login = yield* ask("POST", loginPath("blog-fghij", "anon-user"), { headers: { host } })
        assert.strictEqual(login.status, 200, host)
      }
    }).pipe(Effect.provide(inProcess(apps)))
  })
)

it.live("functions read the address of their application's files", () =>
  Effect.gen(function* () {
    const one = yield* site("shop")
    const two = yield* site("blog")
    const three = yield* site("news", { custom_domain: "news.example" })
    const uris = (...apps: ReadonlyArray<App.App>) =>
      Effect.gen(function* () {
        const baseUrl = yield* NodeAppServicesServer.baseUrl
        const found: Array<unknown> = []
        for (const { id } of apps) {
          const app = `${baseUrl}/api/client/v2.0/app/${id}`
          const { body } = yield* over(`${app}/auth/providers/anon-user/login`, { method: "POST" })
          const called = yield* over(`${app}/functions/call`, {
            method: "POST",
            headers: { authorization: `Bearer ${body["access_token"]}` },
            body: JSON.stringify({ name: "uri", arguments: [] })
          })
          found.push(called.body)
        }
        return { port: new URL(baseUrl).port, found }
      }).pipe(Effect.provide(NodeAppServicesServer.layer(apps, { passwordHashing: "testing" })))
    const only = yield* uris(one, { ...two, hosting: undefined })
    assert.deepStrictEqual(only.found, [`http://127.0.0.1:${only.port}`, { $undefined: true }])
    const several = yield* uris(one, two, three)
    assert.deepStrictEqual(several.found, [
      `http://shop.localhost:${several.port}`,
      `http://blog.localhost:${several.port}`,
      "https://news.example"
    ])
  })
)

it.live("hosting is turned off by a flag of the command", () =>
  Effect.gen(function* () {
    const folder = yield* directory({
      ...anonymousApp("shop"),
      "hosting/config.json": { enabled: true },
      "hosting/files/index.html": "home"
    })
    const status = (...args: ReadonlyArray<string>) =>
      Effect.flatMap(serveJson([folder, ...args]), ({ ready }) =>
        Effect.promise(async () => (await fetch(`${ready.baseUrl}/`)).status)
      )
    assert.strictEqual(yield* status(), 200)
    assert.strictEqual(yield* status("--no-hosting"), 404)
  })
)
