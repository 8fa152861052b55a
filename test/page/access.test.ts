import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { buildPage } from "../../scripts/page.ts"
import { host, send, server, token } from "./support.ts"

const app = App.make({ id: "shop", providers: { anonymous: true }, functions: { ping: () => "pong" } })
const authorization = `Bearer ${token}`

const port = Effect.map(NodeAppServicesServer.baseUrl, (url) => new URL(url).port)
/** The `Host` header of the page, and its origin. */
const own = Effect.map(port, (port) => ({ host: `${host}:${port}`, origin: `http://${host}:${port}` }))

layer(server([app]), { excludeTestServices: true })("the page for people", (it) => {
  it.effect("serves its three files at a host name of its own, and nothing else there", () =>
    Effect.gen(function* () {
      const { host } = yield* own
      for (const [path, type] of [
        ["/", "text/html; charset=utf-8"],
        ["/page.js", "text/javascript; charset=utf-8"],
        ["/page.css", "text/css; charset=utf-8"]
      ] as const) {
        const { headers, status, text } = yield* send("GET", path, { host })
        assert.strictEqual(status, 200)
        assert.strictEqual(headers["content-type"], type)
        assert.isAbove(text.length, 100)
        assert.strictEqual((yield* send("HEAD", path, { host })).status, 200)
        assert.strictEqual((yield* send("POST", path, { host })).status, 405)
      }
      for (const path of [
        "/index.html",
        "/../package.json",
        "/%2e%2e/package.json",
        "/page.js/",
        "/app/shop/endpoint/x",
        "/api/client/v2.0/app/shop/location",
        "/logs"
      ]) {
        assert.strictEqual((yield* send("GET", path, { host })).status, 404, path)
      }
      const call = JSON.stringify({ name: "ping", arguments: [] })
      const called = yield* send("POST", "/api/client/v2.0/app/shop/functions/call", { host }, call)
      assert.strictEqual(called.status, 404)
    })
  )

  it.effect("sends a strict policy with every file, and lets no cache keep one", () =>
    Effect.gen(function* () {
      const { host } = yield* own
      for (const path of ["/", "/page.js", "/page.css", "/unknown"]) {
        const { headers } = yield* send("GET", path, { host })
        const policy = String(headers["content-security-policy"])
        assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
        assert.include(policy, "frame-ancestors 'none'")
        assert.include(policy, "form-action 'none'")
        assert.notMatch(policy, /unsafe|\*|https?:/)
        assert.strictEqual(headers["x-frame-options"], "DENY")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["referrer-policy"], "no-referrer")
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.isUndefined(headers["set-cookie"])
      }
      const { text } = yield* send("GET", "/", { host })
      assert.notMatch(text, /<script(?![^>]* src=)|<style|style=|\son\w+=/)
    })
  )

  it.effect("answers the administration API to its own origin with the token, and to no other page", () =>
    Effect.gen(function* () {
      const { host, origin } = yield* own
      const number = yield* port
      const status = (headers: Record<string, string>, method = "GET") =>
        Effect.map(
          send(method, method === "GET" ? "/_admin/apps" : "/_admin/apps/shop/users/x/disable", headers),
          ({ status }) => status
        )
      assert.strictEqual(yield* status({ host, origin, authorization }), 200)
      assert.strictEqual(yield* status({ host, authorization, "sec-fetch-site": "same-origin" }), 200)
      // the token is all that counts: no cookie, no query, no basic authentication
      assert.strictEqual(yield* status({ host, origin }), 401)
      assert.strictEqual(yield* status({ host, origin, cookie: `token=${token}` }), 401)
      for (const foreign of [
        "null",
        "https://evil.test",
        `http://${host}.evil.test`,
        `https://${host}`,
        `http://app-services-admin.localhost`,
        `http://app-services-admin.localhost:1`,
        `http://127.0.0.1:${number}`,
        `http://localhost:${number}`,
        `http://shop.localhost:${number}`
      ]) {
        assert.strictEqual(yield* status({ host, origin: foreign, authorization }), 403, foreign)
        assert.strictEqual(yield* status({ host, origin: foreign, authorization }, "POST"), 403, foreign)
      }
      for (const site of ["cross-site", "same-site"]) {
        assert.strictEqual(yield* status({ host, authorization, "sec-fetch-site": site }), 403, site)
        assert.strictEqual(yield* status({ host, origin, authorization, "sec-fetch-site": site }, "POST"), 403, site)
      }
      // the origin of the page counts under its own name only
      assert.strictEqual(yield* status({ host: `127.0.0.1:${number}`, origin, authorization }), 403)
    })
  )

  it.effect("refuses names that only resolve to this machine, and requests through a proxy", () =>
    Effect.gen(function* () {
      const { host } = yield* own
      const number = yield* port
      for (const other of [`evil.test:${number}`, `app-services-admin.localhost.evil.test:${number}`]) {
        assert.strictEqual((yield* send("GET", "/_admin/apps", { host: other, authorization })).status, 403, other)
        // nothing of the page is at another name
        assert.strictEqual((yield* send("GET", "/", { host: other })).status, 404, other)
        assert.strictEqual((yield* send("GET", "/_admin", { host: other })).status, 404, other)
      }
      for (const header of ["x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip"]) {
        const headers = { host, [header]: "192.0.2.1" }
        assert.strictEqual((yield* send("GET", "/", headers)).status, 403, header)
        assert.strictEqual((yield* send("GET", "/_admin/apps", { ...headers, authorization })).status, 403, header)
      }
    })
  )

  it.effect("is reached from the server's address, and from the link of an error", () =>
    Effect.gen(function* () {
      const { origin } = yield* own
      for (const [path, target] of [
        ["/_admin", `${origin}/`],
        ["/_admin/", `${origin}/`],
        ["/logs?co_id=0123456789abcdef01234567", `${origin}/#/log?text=0123456789abcdef01234567`],
        ["/logs?co_id=%22%3E%3Cscript%3E", `${origin}/`]
      ] as const) {
        const { headers, status } = yield* send("GET", path)
        assert.deepStrictEqual([status, headers["location"]], [302, target])
      }
    })
  )

  it.effect("takes the token neither from the address nor from a cookie, and sets no cookie", () =>
    Effect.gen(function* () {
      const { host } = yield* own
      const { headers, status } = yield* send("GET", `/?token=${encodeURIComponent(token)}`, { host })
      assert.strictEqual(status, 200)
      assert.isUndefined(headers["set-cookie"])
      const api = yield* send("GET", `/_admin/apps?token=${encodeURIComponent(token)}`, { host })
      assert.strictEqual(api.status, 401)
    })
  )
})

layer(NodeAppServicesServer.layer(app, { passwordHashing: "testing" }), { excludeTestServices: true })(
  "a server without an administration token",
  (it) => {
    it.effect("has no page", () =>
      Effect.gen(function* () {
        const { host } = yield* own
        assert.strictEqual((yield* send("GET", "/", { host })).status, 404)
        assert.strictEqual((yield* send("GET", "/_admin")).status, 404)
      })
    )
  }
)

layer(server([app]), { excludeTestServices: true })("the files of the page", (it) => {
  it.effect("a build has at most 150 KB of gzip, and no module of the server", () =>
    Effect.promise(async () => {
      const folder = join(import.meta.dirname, "../../node_modules/.cache/effect-app-services/page")
      const bytes = ["index.html", "page.css", "page.js"].map(
        (file) => gzipSync(readFileSync(join(folder, file))).length
      )
      assert.isAtMost(
        bytes.reduce((sum, size) => sum + size),
        150_000
      )
      // throws if anything but the page and its framework would be in it
      const { inputs } = await buildPage(`${folder}.checked`)
      assert.isTrue(Object.keys(inputs).some((input) => input.includes("node_modules/preact/")))
    })
  )
})
