import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { App, type AppServicesServer } from "effect-app-services/server"
import { TestClock } from "effect/testing"
import { renameSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { join } from "node:path"
import * as NodeAppServicesServer from "../../src/node/NodeAppServicesServer.ts"
import { answerWhileStarting } from "../../src/node/internal/starting.ts"
import { ask, directory, path, withApps } from "./support.ts"

const app = App.make({ id: "my-app", providers: { anonymous: true } })

const get = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    return { status: response.status, body: await response.json(), cache: response.headers.get("cache-control") }
  })

const ok = { status: 200, body: { status: "ok" }, cache: "no-store" }
const not = (reason: string) => ({ status: 503, body: { status: "unavailable", reason }, cache: "no-store" })

const onSocket = <A, E>(options: NodeAppServicesServer.Options, use: (url: string) => Effect.Effect<A, E>) =>
  NodeAppServicesServer.baseUrl.pipe(
    Effect.flatMap(use),
    Effect.provide(NodeAppServicesServer.layer(app, { passwordHashing: "testing", ...options }))
  )

describe("health", () => {
  it.live("answers without a token, and leaves the questions out of the request log", () => {
    const logged: Array<string> = []
    const onRequest = (entry: AppServicesServer.RequestEntry) => Effect.sync(() => void logged.push(entry.path))
    return onSocket({ onRequest }, (url) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* get(`${url}/healthz`), ok)
        assert.deepStrictEqual(yield* get(`${url}/readyz?verbose=1`), ok)
        assert.strictEqual((yield* get(`${url}/readyz/more`)).status, 404)
        const head = yield* Effect.promise(() => fetch(`${url}/readyz`, { method: "HEAD" }))
        assert.strictEqual(head.status, 200)
        const posted = yield* Effect.promise(() => fetch(`${url}/readyz`, { method: "POST" }))
        assert.strictEqual(posted.status, 404)
        assert.deepStrictEqual(logged, ["/readyz/more", "/readyz"])
      })
    )
  })

  it.live("is not ready while the server starts, which answers everything else with 503 and Retry-After", () =>
    Effect.acquireUseRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer()
        answerWhileStarting(server)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.gen(function* () {
          const address = server.address()
          const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
          assert.deepStrictEqual(yield* get(`${url}/healthz`), ok)
          assert.deepStrictEqual(yield* get(`${url}/readyz`), not("the server is starting"))
          const other = yield* Effect.promise(() => fetch(`${url}${path("my-app", "location")}`))
          assert.strictEqual(other.status, 503)
          assert.strictEqual(other.headers.get("retry-after"), "1")
          server.on("request", (_, response) => response.writeHead(200).end('"served"'))
          for (let i = 0; i < 2; i++) assert.strictEqual((yield* get(`${url}/readyz`)).body, "served")
        }),
      (server) => Effect.sync(() => server.close().closeAllConnections())
    )
  )

  it.effect("is not ready while the server drains, and still answers requests", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const options = { passwordHashing: "testing", drainTime: "10 seconds" } as const
      const services = yield* Layer.buildWithScope(NodeAppServicesServer.layer(app, options), scope)
      const url = yield* Effect.provide(NodeAppServicesServer.baseUrl, services)
      assert.deepStrictEqual(yield* get(`${url}/readyz`), ok)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.deepStrictEqual(yield* get(`${url}/readyz`), not("the server is draining: it is about to stop"))
      assert.deepStrictEqual(yield* get(`${url}/healthz`), ok)
      assert.strictEqual((yield* get(`${url}${path("my-app", "location")}`)).status, 200)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      yield* Effect.flip(Effect.tryPromise(() => fetch(`${url}/healthz`)))
    })
  )

  it.effect("is not ready while the data directory cannot be written", () => {
    const lines: Array<unknown> = []
    const logger = Logger.make(({ message }) => lines.push(message))
    return Effect.gen(function* () {
      const dataDirectory = yield* directory({})
      yield* Effect.gen(function* () {
        const ready = ask("GET", "/readyz")
        assert.strictEqual((yield* ready).status, 200)
        const [file, moved] = [join(dataDirectory, "data.sqlite"), join(dataDirectory, "moved")] as const
        renameSync(file, moved)
        // an outcome counts for a second
        assert.strictEqual((yield* ready).status, 200)
        yield* TestClock.adjust("1 second")
        for (let i = 0; i < 3; i++) {
          const { body, status } = yield* ready
          assert.strictEqual(status, 503)
          assert.match(body["reason"], /^the data directory cannot be written/)
          assert.notInclude(JSON.stringify(body), dataDirectory)
          assert.strictEqual((yield* ask("GET", "/healthz")).status, 200)
          yield* TestClock.adjust("1 second")
        }
        assert.strictEqual(lines.length, 1)
        renameSync(moved, file)
        assert.strictEqual((yield* ready).status, 200)
      }).pipe(withApps([app], { dataDirectory }), Effect.provide(Logger.layer([logger])))
    })
  })
})
