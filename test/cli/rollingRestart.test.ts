import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Agent, createServer, request } from "node:http"
import { directory } from "../server/support.ts"
import { anonymousApp, ended, serveJson } from "./support.ts"

/**
 * A proxy as load balancers are: it keeps connections open, takes the servers in turn, and asks the next one if a server
 * cannot be connected to. A request that was sent is not repeated.
 */
const proxy = (targets: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const agent = new Agent({ keepAlive: true })
      let turn = 0
      const server = createServer((incoming, outgoing) => {
        const chunks: Array<Buffer> = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("end", () => {
          const attempt = (left: number): void => {
            const target = new URL(targets[turn++ % targets.length] ?? "")
            const { headers, method, url: path } = incoming
            const sent = request(
              { agent, host: target.hostname, port: target.port, method, path, headers },
              (answer) => {
                const { connection: _, ...kept } = answer.headers
                outgoing.writeHead(answer.statusCode ?? 502, kept)
                answer.pipe(outgoing)
              }
            )
            sent.on("error", (cause: Error & { readonly code?: string }) => {
              if (cause.code === "ECONNREFUSED" && left > 0) return attempt(left - 1)
              outgoing.writeHead(502).end(`${cause.code}`)
            })
            sent.end(Buffer.concat(chunks))
          }
          attempt(targets.length)
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : ""
        const close = () => {
          agent.destroy()
          server.close().closeAllConnections()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

it.live(
  "answers every request of a rolling restart behind a proxy",
  () =>
    Effect.gen(function* () {
      const folder = yield* directory(anonymousApp("rolling"))
      const start = serveJson([folder, "--drain", "1", "--quiet"])
      const [first, second] = [yield* start, yield* start]
      const { url } = yield* proxy([first.ready.baseUrl, second.ready.baseUrl])
      const api = `${url}/api/client/v2.0/app/rolling`
      const statuses = new Map<string, number>()
      let stopped = false
      const ask = async () => {
        while (!stopped) {
          for (const [method, path] of [
            ["POST", "auth/providers/anon-user/login"],
            ["GET", "location"]
          ]) {
            const response = await fetch(`${api}/${path}`, { method: method ?? "" })
            const key = `${response.status}${response.status === 200 ? "" : ` ${await response.text()}`}`
            if (response.status === 200) await response.arrayBuffer()
            statuses.set(key, (statuses.get(key) ?? 0) + 1)
          }
        }
      }
      const clients = yield* Effect.forkChild(Effect.promise(() => Promise.all(Array.from({ length: 8 }, ask))))
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
      stopped = true
      yield* Fiber.join(clients)
      assert.deepStrictEqual([...statuses.keys()], ["200"])
      third.child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended(third), { code: 0, signal: null })
    }),
  180_000
)
