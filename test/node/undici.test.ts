/** The transport of the Node layer, against sockets that answer in every form. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Stream, Tracer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { NodeHttpClient } from "@effect/platform-node"
import { NodeAppServices } from "effect-app-services/node"
import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"

/** A server until the scope closes. */
const serve = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(listener).listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

/** What a server sees of a client that gives up. */
const untilClosed = () => {
  let close = () => {}
  const closed = new Promise<void>((resolve) => (close = resolve))
  return { close, closed: Effect.promise(() => closed) }
}

const withTracer = Effect.withTracer(Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))

const clients = [
  ["ours", NodeAppServices.layerHttpClient, <A, E, R>(effect: Effect.Effect<A, E, R>) => effect],
  ["ours, with a tracer", NodeAppServices.layerHttpClient, withTracer],
  ["fetch", FetchHttpClient.layer, <A, E, R>(effect: Effect.Effect<A, E, R>) => effect]
] as const

describe.each(clients)("a client over sockets: %s", (_, layer, around) => {
  const run = <A, E>(
    title: string,
    effect: () => Effect.Effect<A, E, HttpClient.HttpClient | Effect.Services<ReturnType<typeof serve>>>
  ) => it.live(title, () => around(effect()).pipe(Effect.scoped, Effect.provide(layer, { local: true })))

  run("reads an answer in every form", () =>
    Effect.gen(function* () {
      const url = yield* serve((_, response) =>
        response
          .writeHead(200, { "content-type": "application/json", "x-many": ["a", "b"], "set-cookie": ["a=1", "b=2"] })
          .end('{"é":"☃"}')
      )
      const get = yield* HttpClient.get(`${url}/a?b=c`)
      assert.strictEqual(get.status, 200)
      assert.strictEqual(get.url, `${url}/a?b=c`)
      assert.strictEqual(get.headers["x-many"], "a, b")
      assert.strictEqual(get.cookies.cookies["b"]?.value, "2")
      assert.strictEqual(yield* get.text, '{"é":"☃"}')
      assert.deepStrictEqual(yield* Effect.flatMap(HttpClient.get(url), (it) => it.json), { é: "☃" })
      const bytes = yield* Effect.flatMap(HttpClient.get(url), (it) => it.arrayBuffer)
      assert.strictEqual(new TextDecoder().decode(bytes), '{"é":"☃"}')
      const streamed = yield* Effect.flatMap(HttpClient.get(url), (it) =>
        it.stream.pipe(Stream.decodeText(), Stream.mkString)
      )
      assert.strictEqual(streamed, '{"é":"☃"}')
      assert.strictEqual(yield* Effect.flatMap(HttpClient.head(url), (it) => it.text), "")
    })
  )

  run("sends a body with its headers, and reads long and chunked answers", () =>
    Effect.gen(function* () {
      const url = yield* serve((request, response) => {
        response.writeHead(request.headers["content-length"] === undefined ? 400 : 201)
        request.pipe(response)
      })
      for (const length of [0, 1, 65_536, 65_537, 1_000_000]) {
        const text = "é".repeat(length)
        const request = HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText(text, "text/plain"))
        const response = yield* HttpClient.execute(request)
        assert.strictEqual(response.status, 201)
        assert.strictEqual(yield* response.text, text)
      }
    })
  )

  run("reads an answer without a body", () =>
    Effect.gen(function* () {
      const url = yield* serve((_, response) => response.writeHead(204).end())
      const response = yield* HttpClient.del(url)
      assert.deepStrictEqual([response.status, yield* response.text], [204, ""])
    })
  )

  run("passes events on as they arrive, and ends the request with their stream", () =>
    Effect.gen(function* () {
      const { close, closed } = untilClosed()
      const url = yield* serve((_, response) => {
        response.on("close", close).writeHead(200, { "content-type": "text/event-stream" })
        response.write("data: 1\n\n")
      })
      const first = yield* Effect.flatMap(HttpClient.get(url), (it) =>
        it.stream.pipe(Stream.decodeText(), Stream.take(1), Stream.mkString)
      )
      assert.strictEqual(first, "data: 1\n\n")
      yield* closed
    })
  )

  run("aborts the request when it is interrupted", () =>
    Effect.gen(function* () {
      const { close, closed } = untilClosed()
      const arrived = yield* Deferred.make<void>()
      const url = yield* serve((_, response) => {
        response.on("close", close)
        Deferred.doneUnsafe(arrived, Exit.void)
      })
      const fiber = yield* Effect.forkChild(HttpClient.get(url))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(fiber)
      yield* closed
    })
  )

  run("fails with a transport error where the connection breaks", () =>
    Effect.gen(function* () {
      const url = yield* serve((request, response) => {
        if (request.url === "/within") response.writeHead(200, { "content-length": 100 }).write("half")
        setImmediate(() => request.socket.destroy())
      })
      const error = yield* Effect.flip(HttpClient.get(`${url}/before`))
      assert.strictEqual(error.reason._tag, "TransportError")
      const within = yield* Effect.flip(Effect.flatMap(HttpClient.get(`${url}/within`), (it) => it.text))
      assert.include(["TransportError", "DecodeError"], within.reason._tag)
      const invalid = yield* Effect.flip(HttpClient.get("http://[", {}))
      assert.strictEqual(invalid.reason._tag, "InvalidUrlError")
    })
  )

  run("sends a body that is a stream", () =>
    Effect.gen(function* () {
      const url = yield* serve((request, response) => {
        request.pipe(response)
      })
      const request = HttpClientRequest.post(url).pipe(
        HttpClientRequest.bodyStream(Stream.make("a", "b").pipe(Stream.encodeText))
      )
      assert.strictEqual(yield* Effect.flatMap(HttpClient.execute(request), (it) => it.text), "ab")
    })
  )
})

it.live("frees the connection of an answer that was dropped unread", () =>
  Effect.gen(function* () {
    const url = yield* serve((_, response) => response.end("x".repeat(100)))
    // one connection for all: each request waits for the answer before it
    for (let i = 0; i < 20; i++) yield* HttpClient.get(url)
    assert.strictEqual((yield* HttpClient.get(url)).status, 200)
  }).pipe(
    Effect.scoped,
    Effect.provide(
      NodeAppServices.layerHttpClientNoDeps.pipe(
        Layer.provide(NodeHttpClient.layerDispatcherOptions({ connections: 1 }))
      )
    )
  )
)
