import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Option } from "effect"
import { HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { App, FunctionContext } from "effect-app-services/server"
import * as AppServicesServer from "../../../src/server/AppServicesServer.ts"
import { loginPath, path } from "../support.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  functions: { address: () => Effect.map(FunctionContext, ({ request }) => request?.remoteIPAddress) }
})

interface Sent {
  /** The address of the connection. */
  readonly peer: string
  readonly headers?: Record<string, string>
  readonly token?: string
  readonly body?: unknown
}

/** A server, asked from any address. */
const serving = (options?: AppServicesServer.Options) =>
  Effect.map(AppServicesServer.make(app, options), ({ app }) =>
    Effect.fnUntraced(function* (target: string, { body, headers = {}, peer, token }: Sent) {
      let request = HttpClientRequest.make(body === undefined ? "GET" : "POST")(`http://internal:9090${target}`)
      request = HttpClientRequest.setHeaders(request, { host: "internal:9090", ...headers })
      if (token !== undefined) request = HttpClientRequest.bearerToken(request, token)
      if (body !== undefined) request = HttpClientRequest.bodyJsonUnsafe(request, body)
      const served = HttpServerRequest.fromClientRequest(request).modify({ remoteAddress: Option.some(peer) })
      const response = yield* Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, served))
      const text = yield* Effect.promise(() => HttpServerResponse.toWeb(response).text())
      return JSON.parse(text) as Record<string, string>
    })
  )

const https = { "x-forwarded-proto": "https", "x-forwarded-host": "shop.example" }

const hostname = (peer: string, headers: Record<string, string>, options?: AppServicesServer.Options) =>
  Effect.gen(function* () {
    const send = yield* serving(options)
    return (yield* send(path("my-app", "location"), { peer, headers })).hostname
  })

const addressFor = (peer: string, forwardedFor: string, options?: AppServicesServer.Options) =>
  Effect.gen(function* () {
    const send = yield* serving(options)
    const headers = { "x-forwarded-for": forwardedFor }
    const { access_token: token } = yield* send(loginPath("my-app", "anon-user"), { peer, headers, body: {} })
    const called = { name: "address", arguments: [] }
    const answer: unknown = yield* send(path("my-app", "functions/call"), { peer, headers, token, body: called })
    return answer
  })

describe("trusted proxies", () => {
  it.effect("a proxy on the server's machine names the public address by default", () =>
    Effect.gen(function* () {
      for (const peer of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
        assert.strictEqual(yield* hostname(peer, https), "https://shop.example", peer)
      }
    })
  )

  it.effect("the forwarding headers of any other peer are ignored by default", () =>
    Effect.gen(function* () {
      for (const peer of ["203.0.113.9", "10.1.2.3", "2001:db8::1", "fe80::1%eth0"]) {
        assert.strictEqual(yield* hostname(peer, https), "http://internal:9090", peer)
        const { peer: _, ...forwarded } = { peer, forwarded: "for=1.2.3.4;proto=https;host=evil.example" }
        assert.strictEqual(yield* hostname(peer, forwarded), "http://internal:9090", peer)
      }
    })
  )

  it.effect("trustedProxies lists addresses and networks, and replaces the default", () =>
    Effect.gen(function* () {
      const options = { trustedProxies: ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"] }
      for (const peer of ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::1"]) {
        assert.strictEqual(yield* hostname(peer, https, options), "https://shop.example", peer)
      }
      for (const peer of ["127.0.0.1", "192.0.2.8", "11.0.0.1"]) {
        assert.strictEqual(yield* hostname(peer, https, options), "http://internal:9090", peer)
      }
      assert.strictEqual(yield* hostname("127.0.0.1", https, { trustedProxies: [] }), "http://internal:9090")
    })
  )

  it.effect("functions see the client's address, not the proxy's and not one that the client made up", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* addressFor("127.0.0.1", "198.51.100.7"), "198.51.100.7")
      assert.strictEqual(yield* addressFor("127.0.0.1", "6.6.6.6, 198.51.100.7"), "198.51.100.7")
      assert.strictEqual(yield* addressFor("203.0.113.9", "198.51.100.7"), "203.0.113.9")
    })
  )

  it.effect("rate limits by address count the client, not the proxy", () =>
    Effect.gen(function* () {
      const rateLimits = { logIn: { address: { limit: 1, window: "1 minute" } } } as const
      const send = yield* serving({ rateLimits })
      const logIn = (client: string) =>
        send(loginPath("my-app", "anon-user"), { peer: "127.0.0.1", headers: { "x-forwarded-for": client }, body: {} })
      assert.property(yield* logIn("198.51.100.7"), "access_token")
      assert.include((yield* logIn("198.51.100.7")).error, "too many requests")
      assert.property(yield* logIn("198.51.100.8"), "access_token")
    })
  )

  it.effect("logs the first request whose headers are ignored, and says what to do", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const send = yield* serving()
      for (const _ of [1, 2]) yield* send(path("my-app", "location"), { peer: "10.1.2.3", headers: https })
      const warnings = lines.filter((line) => line.includes("forwarding headers"))
      assert.strictEqual(warnings.length, 1)
      for (const part of ["10.1.2.3", "trustedProxies", "--trusted-proxy"]) assert.include(warnings[0], part)
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])))
  })

  it.effect("refuses to start with a proxy that is not an address or a network", () =>
    Effect.gen(function* () {
      for (const text of ["proxy.internal", "10.0.0.1/8", "10.0.0.0/33", ""]) {
        const { message } = yield* Effect.flip(AppServicesServer.make(app, { trustedProxies: [text] }))
        assert.include(message, `invalid trusted proxy "${text}": expected an IP address or a network`)
      }
    })
  )
})
