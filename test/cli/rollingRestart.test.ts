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

const site = readFileSync(join(import.meta.dirname, "../../examples/deploy/nginx.conf"), "utf8")

it.live(
  "answers every request of a rolling restart behind nginx",
  () =>
    Effect.gen(function* () {
      const folder = yield* directory(anonymousApp("rolling"))
      const start = serveJson([folder, "--drain", "1", "--quiet"])
      const [first, second] = [yield* start, yield* start]
      const ports = [first, second].map(({ ready }) => Number(new URL(ready.baseUrl).port))
      const proxy = yield* nginx((place) =>
        // the one that is back is asked at once, as docs/many-servers.md says
        exampleSite(site, ...ports)(place).replaceAll(/^( +server 127\.0\.0\.1:\d+);/gm, "$1 max_fails=0;")
      )
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
      first.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(first), { code: 0, signal: null })
      yield* more(50)
      // the first one is back under its address
      const third = yield* serveJson([folder, "--drain", "1", "--quiet", "--port", new URL(first.ready.baseUrl).port])
      yield* more(50)
      second.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(second), { code: 0, signal: null })
      yield* more(50)
      until.stopped = true
      yield* Fiber.join(clients)
      assert.deepStrictEqual([...statuses.keys()], ["200"], proxy.log("error.log"))
      third.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(third), { code: 0, signal: null })
    }),
  180_000
)
