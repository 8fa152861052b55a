import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../server/support.ts"
import { ask, exampleSite, nginx } from "../support/nginx.ts"
import { anonymousApp, ended, serveJson } from "./support.ts"

const requests = [
  ["POST", "auth/providers/anon-user/login"],
  ["GET", "location"]
] as const

const statusOf = (url: string) => Effect.promise(async () => (await fetch(url)).status)

const site = readFileSync(join(import.meta.dirname, "../../examples/deploy/nginx.conf"), "utf8")

it.live(
  "answers every request of a rolling restart behind nginx",
  () =>
    Effect.gen(function* () {
      const folder = yield* directory(anonymousApp("rolling"))
      const start = (port: string) => serveJson([folder, "--drain", "2", "--quiet", "--port", port])
      const [first, second] = [yield* start("0"), yield* start("0")]
      const portOf = (server: typeof first) => new URL(server.ready.baseUrl).port
      const siteOf = exampleSite(site, ...[first, second].map((server) => Number(portOf(server))))
      const proxy = yield* nginx(siteOf)
      /** Stops a server as docs/many-servers.md says: nginx leaves it alone as soon as it is not ready. */
      const stop = Effect.fnUntraced(function* (server: typeof first) {
        server.child.kill("SIGTERM")
        while ((yield* statusOf(`${server.ready.baseUrl}/readyz`)) !== 503) yield* Effect.sleep("10 millis")
        yield* proxy.reload((place) =>
          siteOf(place).replace(`127.0.0.1:${portOf(server)};`, (it) => `${it.slice(0, -1)} down;`)
        )
        assert.deepStrictEqual(yield* ended(server), { code: 0, signal: null })
      })
      const statuses = new Map<string, number>()
      const until = { stopped: false }
      const client = Effect.gen(function* () {
        while (!until.stopped) {
          for (const [method, path] of requests) {
            const { status, text } = yield* ask(proxy, `/api/client/v2.0/app/rolling/${path}`, { method })
            const key = status === 200 ? "200" : `${status} ${text}`
            statuses.set(key, (statuses.get(key) ?? 0) + 1)
          }
        }
      })
      const clients = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 8 }), () => client, { concurrency: "unbounded", discard: true })
      )
      const answered = () => statuses.get("200") ?? 0
      const more = (count: number) =>
        Effect.gen(function* () {
          const enough = answered() + count
          while (answered() < enough) yield* Effect.sleep("5 millis")
        })
      yield* more(50)
      yield* stop(first)
      yield* more(50)
      // it is back under its address
      const third = yield* start(portOf(first))
      yield* proxy.reload(siteOf)
      yield* more(50)
      yield* stop(second)
      yield* more(50)
      until.stopped = true
      yield* Fiber.join(clients)
      assert.deepStrictEqual([...statuses.keys()], ["200"], proxy.log("error.log"))
      third.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(third), { code: 0, signal: null })
    }),
  180_000
)
