import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Agent, createServer, get as httpGet } from "node:http"
import { directory } from "../server/support.ts"
import { anonymousApp, ask, call, serveJson } from "./support.ts"

const app = anonymousApp("my-app", {
  sum: "exports = (a, b) => a + b",
  broken: "exports = () => { throw new Error('on purpose') }"
})

const metricsOf = (url: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, { headers })
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
  })

/** The value of a series. */
const valueOf = (text: string, series: string) => {
  const line = text.split("\n").find((it) => it.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

/** A collector of OpenTelemetry, and the requests that it got. */
const collector = Effect.acquireRelease(
  Effect.callback<{
    readonly url: string
    readonly got: Array<readonly [path: string, text: string]>
    readonly close: () => void
  }>((resume) => {
    const got: Array<readonly [string, string]> = []
    const server = createServer((request, response) => {
      let text = ""
      request.on("data", (chunk: Buffer) => (text += chunk.toString()))
      request.on("end", () => {
        got.push([request.url ?? "", text])
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : undefined
      const close = () => server.close().closeAllConnections()
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, got, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

describe("serve, on a server", () => {
  it.live("answers health checks, and is not ready from SIGTERM until it stops", () =>
    Effect.gen(function* () {
      // longer than the test: it does not wait for the end
      const { child, ready } = yield* serveJson([yield* directory(app), "--drain", "600"])
      const readiness = ask(`${ready.baseUrl}/readyz`)
      assert.strictEqual((yield* ask(`${ready.baseUrl}/healthz`)).status, 200)
      assert.strictEqual((yield* readiness).status, 200)
      child.kill("SIGTERM")
      let answer = yield* readiness
      while (answer.status === 200) answer = yield* readiness
      assert.strictEqual(answer.status, 503)
      assert.match(answer.body["reason"], /draining/)
      assert.strictEqual((yield* ask(`${ready.baseUrl}/healthz`)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("keeps idle connections open while it drains, and closes each after its next answer", () =>
    Effect.gen(function* () {
      const { child, ready } = yield* serveJson([yield* directory(app), "--drain", "600"])
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const get = Effect.callback<{ readonly reused: boolean; readonly connection: string | undefined }>((resume) => {
        const request = httpGet(`${ready.baseUrl}/healthz`, { agent }, (response) => {
          response.resume()
          response.on("end", () =>
            resume(Effect.succeed({ reused: request.reusedSocket, connection: response.headers.connection }))
          )
        })
        request.on("error", (error) => resume(Effect.die(error)))
      })
      assert.deepStrictEqual(yield* get, { reused: false, connection: "keep-alive" })
      child.kill("SIGTERM")
      while ((yield* ask(`${ready.baseUrl}/readyz`)).status === 200);
      // a proxy that keeps connections may send its next request at any moment
      yield* Effect.sleep("200 millis")
      assert.deepStrictEqual(yield* get, { reused: true, connection: "close" })
      agent.destroy()
    }).pipe(Effect.scoped)
  )

  it.live("serves metrics on a port of their own, and to the administration", () =>
    Effect.gen(function* () {
      const token = "t".repeat(32)
      const args = [yield* directory(app), "--metrics-port", "0"]
      const { ready } = yield* serveJson(args, { APP_SERVICES_ADMIN_TOKEN: token })
      const { metricsUrl = "" } = ready
      assert.strictEqual((yield* call(ready, "sum", [20, 22])).status, 200)
      assert.strictEqual((yield* call(ready, "broken")).status, 400)
      const bearer = { authorization: `Bearer ${token}` }
      for (const scraped of [
        yield* metricsOf(metricsUrl),
        yield* metricsOf(`${ready.baseUrl}/_admin/metrics`, bearer)
      ]) {
        assert.strictEqual(scraped.status, 200)
        assert.match(scraped.type ?? "", /^text\/plain; version=0\.0\.4/)
        const calls = "app_services_server_function_duration_seconds_count"
        assert.strictEqual(valueOf(scraped.text, `${calls}{app="my-app",outcome="success"}`), 1)
        assert.strictEqual(valueOf(scraped.text, `${calls}{app="my-app",outcome="failed"}`), 1)
        const logins = 'app_services_server_logins_total{provider="anon-user",outcome="success"}'
        assert.strictEqual(valueOf(scraped.text, logins), 2)
        assert.strictEqual(valueOf(scraped.text, 'app_services_server_function_processes{app="my-app"}'), 1)
        assert.isAbove(
          valueOf(scraped.text, 'app_services_server_function_memory_bytes{app="my-app"}') ?? 0,
          10_000_000
        )
        assert.isAbove(valueOf(scraped.text, "app_services_server_memory_bytes") ?? 0, 10_000_000)
      }
      // a page of another origin, also one that has this machine's address under its own name
      assert.strictEqual((yield* metricsOf(metricsUrl, { origin: "https://evil.example" })).status, 403)
      assert.strictEqual((yield* metricsOf(`${new URL(metricsUrl).origin}/`)).status, 404)
      assert.strictEqual((yield* metricsOf(`${ready.baseUrl}/_admin/metrics`)).status, 401)
      assert.strictEqual((yield* metricsOf(`${ready.baseUrl}/metrics`)).status, 404)
    }).pipe(Effect.scoped)
  )

  it.live("sends metrics to a collector that the variables of OpenTelemetry name", () =>
    Effect.gen(function* () {
      const { got, url } = yield* collector
      const { ready } = yield* serveJson([yield* directory(app)], {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_METRIC_EXPORT_INTERVAL: "50"
      })
      yield* call(ready, "sum", [20, 22])
      const hasCall = () => got.some(([, text]) => text.includes("app_services_server_function_duration_seconds"))
      while (!hasCall()) yield* Effect.sleep("10 millis")
      assert.deepStrictEqual([...new Set(got.map(([path]) => path))], ["/v1/metrics"])
      assert.include(got.at(-1)?.[1], '"effect-app-services"')
    }).pipe(Effect.scoped)
  )
})
