import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Scope, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Admin, App } from "effect-app-services/server"
import { get, request as httpRequest } from "node:http"
import * as NodeAppServicesServer from "../../../src/node/NodeAppServicesServer.ts"
import { anonymous, ask, inProcess, loginPath, path, root } from "../support.ts"

const running = new Set<symbol>()
let calls = 0

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, apiKey: true },
  mongodb: { "mongodb-atlas": "open" },
  functions: {
    seconds: () => Stream.map(Stream.tick("1 second"), () => "tick"),
    silence: async function* () {
      const id = Symbol("a generator that runs")
      running.add(id)
      try {
        yield "begun"
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          yield "still here"
        }
      } finally {
        running.delete(id)
      }
    },
    never: () => Effect.never,
    counted: () => [++calls]
  }
})

const streamPath = (name: string) => {
  const request = Buffer.from(JSON.stringify({ name, arguments: [] })).toString("base64url")
  return `${path("my-app", "functions/call")}?baas_request=${request}`
}

/** What a stream says, as far as it came, in a fiber that ends with it. */
const listen = Effect.fnUntraced(function* (token: string | undefined, name: string) {
  const client = yield* HttpClient.HttpClient
  const request = HttpClientRequest.get(`http://127.0.0.1:1234${streamPath(name)}`)
  const response = yield* client.execute(HttpClientRequest.bearerToken(request, Redacted.make(token ?? "")))
  assert.strictEqual(response.status, 200)
  const heard: Array<string> = []
  const fiber = yield* Effect.forkChild(
    Stream.runForEach(Stream.decodeText(response.stream), (text) => Effect.sync(() => heard.push(text))),
    { startImmediately: true }
  )
  return { heard, fiber }
})

const eventually = (what: () => boolean) =>
  Effect.promise(async () => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 5))
  })

describe("an open stream", () => {
  it.effect("outlives the access token that it was opened with", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { fiber, heard } = yield* listen(access_token, "seconds")
      yield* TestClock.adjust("31 minutes")
      assert.strictEqual((yield* ask("GET", `${root}/auth/profile`, { token: access_token })).status, 401)
      const before = heard.length
      yield* TestClock.adjust("1 minute")
      assert.isAbove(heard.length, before)
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(inProcess(app)))
  )

  it.effect.each(["logged out", "disabled", "deleted"] as const)("says nothing more once its user is %s", (how) =>
    Effect.gen(function* () {
      const admin = yield* Admin.Admin
      const { access_token, refresh_token, user_id } = yield* anonymous()
      const { access_token: other } = yield* anonymous()
      const streams = yield* Effect.forEach(["seconds", "silence"], (name) => listen(access_token, name))
      const bystander = yield* listen(other, "seconds")
      yield* TestClock.adjust("2 seconds")
      switch (how) {
        case "logged out":
          yield* ask("DELETE", `${root}/auth/session`, { token: refresh_token })
          break
        case "disabled":
          yield* admin.disableUser("my-app", user_id)
          break
        case "deleted":
          yield* ask("DELETE", `${root}/auth/delete`, { token: access_token })
      }
      yield* TestClock.adjust("25 seconds")
      const code = how === "disabled" ? "UserDisabled" : "InvalidSession"
      for (const { fiber, heard } of streams) {
        yield* Fiber.join(fiber)
        assert.include(heard.at(-1), `event: error\ndata: {"error_code":"${code}"`)
      }
      assert.isUndefined(bystander.fiber.pollUnsafe())
      yield* Fiber.interrupt(bystander.fiber)
    }).pipe(Effect.provide(inProcess(app)))
  )

  it.effect("says nothing more once the API key that began its session is disabled", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* anonymous()
      const asOwner = { token: refresh_token }
      const { body } = yield* ask("POST", `${root}/auth/api_keys`, { ...asOwner, body: { name: "ci" } })
      const login = yield* ask("POST", loginPath("my-app", "api-key"), { body: { key: body["key"] } })
      const stream = yield* listen(login.body["access_token"], "seconds")
      const bystander = yield* listen(access_token, "seconds")
      yield* TestClock.adjust("2 seconds")
      yield* ask("PUT", `${root}/auth/api_keys/${body["_id"]}/disable`, asOwner)
      yield* TestClock.adjust("25 seconds")
      yield* Fiber.join(stream.fiber)
      assert.include(stream.heard.at(-1), 'event: error\ndata: {"error_code":"InvalidSession"')
      assert.isUndefined(bystander.fiber.pollUnsafe())
      yield* Fiber.interrupt(bystander.fiber)
    }).pipe(Effect.provide(inProcess(app)))
  )
})

const Server = NodeAppServicesServer.layer(app, { streams: { perUser: 3, total: 5 }, passwordHashing: "testing" })

layer(Server, { excludeTestServices: true })("over a socket", (it) => {
  const logIn = Effect.flatMap(NodeAppServicesServer.baseUrl, (url) =>
    Effect.promise(async () => {
      const response = await fetch(`${url}${loginPath("my-app", "anon-user")}`, { method: "POST" })
      return ((await response.json()) as Record<string, string>)["access_token"]
    })
  )

  /** Opens a stream; answers when its first bytes came. The client goes away with the scope. */
  const open = (token: string | undefined, name: string) =>
    Effect.flatMap(NodeAppServicesServer.baseUrl, (url) =>
      Effect.acquireRelease(
        Effect.callback<{ status: number; text: string; retryAfter: string | undefined; close: () => void }>(
          (resume) => {
            const request = get(
              `${url}${streamPath(name)}`,
              { headers: { authorization: `Bearer ${token}` }, agent: false },
              (response) => {
                response.once("data", (chunk: Buffer) =>
                  resume(
                    Effect.succeed({
                      status: response.statusCode ?? 0,
                      retryAfter: response.headers["retry-after"],
                      text: chunk.toString(),
                      close: () => request.destroy()
                    })
                  )
                )
                response.on("error", () => {})
              }
            )
            request.on("error", () => {})
          }
        ),
        ({ close }) => Effect.sync(close)
      )
    )

  it.effect("a user has no more than so many streams, and neither has the server", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* logIn, yield* logIn]
      const streams = yield* Effect.forEach([1, 2, 3], () => open(first, "silence"))
      const fourth = yield* open(first, "silence")
      assert.deepInclude(fourth, { status: 429, retryAfter: "30" })
      assert.include(fourth.text, "too many open streams: a user may have 3 streams open at the same time")
      yield* open(second, "silence")
      yield* open(second, "silence")
      const sixth = yield* open(second, "silence")
      assert.strictEqual(sixth.status, 429)
      assert.include(sixth.text, "the server has 5 streams open")
      assert.strictEqual(running.size, 5)
      streams[0]?.close()
      // a client that disconnects frees its place, and its function is stopped
      yield* eventually(() => running.size === 4)
      assert.strictEqual((yield* open(second, "silence")).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("a request that only validates a stream is answered to its end, and runs nothing", () =>
    Effect.gen(function* () {
      yield* eventually(() => running.size === 0)
      const [url, token] = [yield* NodeAppServicesServer.baseUrl, yield* logIn]
      // as Stitch's browser SDK sends it; the answer's text is there when the answer has ended
      const validate = (target: string, token: string | undefined) =>
        Effect.promise(async () => {
          const query = `&stitch_at=${token}&stitch_validate=true`
          const response = await fetch(`${url}${target}${query}`, { headers: { origin: "https://shop.example" } })
          assert.strictEqual(response.headers.get("access-control-allow-origin"), "https://shop.example")
          return { status: response.status, text: await response.text() }
        })
      const before = calls
      assert.deepStrictEqual(yield* validate(streamPath("counted"), token), { status: 200, text: "" })
      const watch = { name: "watch", service: "mongodb-atlas", arguments: [{ database: "d", collection: "c" }] }
      const watching = `${path("my-app", "functions/call")}?stitch_request=${encodeURIComponent(btoa(JSON.stringify(watch)))}`
      assert.deepStrictEqual(yield* validate(watching, token), { status: 200, text: "" })
      assert.strictEqual(calls, before)
      const refusals = [
        [yield* validate(streamPath("missing"), token), 404, "FunctionNotFound"],
        [yield* validate(streamPath("counted"), "nonsense"), 401, "InvalidSession"]
      ] as const
      for (const [{ status, text }, expected, code] of refusals) {
        assert.deepStrictEqual([status, (JSON.parse(text) as Record<string, string>)["error_code"]], [expected, code])
      }
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Effect.forEach([1, 2, 3], () => open(token, "silence"))
          assert.strictEqual((yield* validate(streamPath("counted"), token)).status, 429)
        })
      )
      yield* eventually(() => running.size === 0)
      assert.strictEqual((yield* open(token, "counted")).status, 200)
      assert.strictEqual(calls, before + 1)
    }).pipe(Effect.scoped)
  )

  it.effect("nothing runs for clients that went away", () =>
    Effect.gen(function* () {
      yield* eventually(() => running.size === 0)
      const token = yield* logIn
      yield* Effect.scoped(Effect.forEach([1, 2, 3], () => open(token, "silence")))
      yield* eventually(() => running.size === 0)
      yield* Effect.forEach([1, 2, 3], () => Effect.map(open(token, "silence"), ({ status }) => status)).pipe(
        Effect.scoped,
        Effect.map((statuses) => assert.deepStrictEqual(statuses, [200, 200, 200]))
      )
      yield* eventually(() => running.size === 0)
    })
  )
})

describe("a server that stops", () => {
  it.live("ends the streams that are open, and does not wait for calls that do not end", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        NodeAppServicesServer.layer(app, { passwordHashing: "testing", shutdownTimeout: "100 millis" }),
        scope
      )
      const url = yield* Effect.provideContext(NodeAppServicesServer.baseUrl, context)
      const token = yield* Effect.promise(async () => {
        const response = await fetch(`${url}${loginPath("my-app", "anon-user")}`, { method: "POST" })
        return ((await response.json()) as Record<string, string>)["access_token"]
      })
      const headers = { authorization: `Bearer ${token}` }
      let begun = 0
      const ended: Array<string> = []
      const stream = new Promise<void>((resolve) => {
        get(`${url}${streamPath("silence")}`, { headers, agent: false }, (response) => {
          response.once("data", () => begun++)
          response.on("end", () => ended.push("stream"))
          response.on("close", resolve)
        })
      })
      const call = new Promise<void>((resolve) => {
        const request = httpRequest(`${url}${path("my-app", "functions/call")}`, { method: "POST", headers })
        request.on("finish", () => begun++)
        request.on("response", ({ statusCode }) => ended.push(`call ${statusCode}`))
        request.on("close", resolve)
        request.end(`{"name":"never"}`)
      })
      yield* eventually(() => begun === 2)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => Promise.all([stream, call]))
      // an end, and no broken connection, is what the stream's client saw
      assert.sameMembers(ended, ["stream", "call 503"])
      assert.strictEqual(running.size, 0)
    })
  )
})
