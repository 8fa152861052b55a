import { assert, describe, it } from "@effect/vitest"
import { NodeHttpClient } from "@effect/platform-node"
import { Effect, Layer, Option, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import { AppServices, AuthApi, Credentials, FunctionStreams } from "effect-app-services"
import { NodeAppServices } from "effect-app-services/node"
import { host, scripted, token } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"
import { type Arrived, onSocket } from "../support/sockets.ts"

const statuses = [301, 302, 303, 307, 308]
const account = Credentials.emailPassword({ email: "ada@example.com", password: "hunter2hunter2" })

/** What an attacker answers: everything that a host would. */
const evil = ({ path }: Arrived, baseUrl: string) =>
  path.endsWith("/location")
    ? { body: { hostname: baseUrl } }
    : path.endsWith("/login")
      ? { body: { access_token: token(), refresh_token: token({ typ: "refresh" }), user_id: "evil" } }
      : path.endsWith("/auth/session")
        ? { status: 201, body: { access_token: token({ n: 2 }) } }
        : { body: '{"$numberInt":"666"}' }

type Operation = "location" | "login" | "call" | "refresh" | "stream"

const isOf = (operation: Operation, { method, path }: Arrived): boolean =>
  operation === "location"
    ? path.endsWith("/location")
    : operation === "login"
      ? path.endsWith("/login")
      : operation === "refresh"
        ? path.endsWith("/auth/session")
        : path.endsWith("/functions/call") && (method === "GET") === (operation === "stream")

const run = Effect.fnUntraced(function* (operation: Operation) {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(account)
  switch (operation) {
    case "call":
      return yield* user.functions.sum(1, 2)
    case "refresh":
      return yield* user.refreshCustomData
    case "stream":
      return yield* Stream.runCollect((yield* FunctionStreams).stream(user.id, "ticks", []))
    default:
      return undefined
  }
})

const transports = [
  ["fetch", FetchHttpClient.layer],
  [
    "fetch that is told to follow",
    FetchHttpClient.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "follow", credentials: "include" }))
    )
  ],
  ["undici", NodeAppServices.layerHttpClient],
  ["undici of the platform package", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layerNodeHttp]
] as const

describe.each(transports)("a redirect to another host, over %s", (_, transport) => {
  it.live.each(["location", "login", "call", "refresh", "stream"] as const)(
    "is not followed by the operation %s, and says what to do",
    (operation) =>
      Effect.gen(function* () {
        const other = yield* onSocket(evil)
        for (const status of statuses) {
          const here = yield* onSocket((request, baseUrl) =>
            isOf(operation, request)
              ? { status, headers: { location: `${other.baseUrl}${request.path}` }, body: "" }
              : evil(request, baseUrl)
          )
          const error = yield* failure(run(operation)).pipe(
            Effect.provide(
              AppServices.layer({ appId: "my-app", baseUrl: here.baseUrl }).pipe(Layer.provide(transport)),
              { local: true }
            )
          )
          assert.deepInclude(error.reason, { _tag: "Redirected", status, origin: other.baseUrl })
          assert.include(error.message, `set baseUrl to that address`)
          assert.isFalse(error.retryable)
          assert.strictEqual(here.seen.filter((request) => isOf(operation, request)).length, 1)
        }
        assert.deepStrictEqual(other.seen, [])
      }).pipe(Effect.scoped)
  )
})

it.live("what goes around the client follows no redirect either", () =>
  Effect.gen(function* () {
    const other = yield* onSocket(evil)
    const here = yield* onSocket(() => ({ status: 307, headers: { location: other.baseUrl }, body: "" }))
    const error = yield* failure(logIn).pipe(
      Effect.provide(
        AppServices.layer({
          appId: "my-app",
          baseUrl: here.baseUrl,
          transformClient: HttpClient.followRedirects(5)
        }).pipe(Layer.provide(FetchHttpClient.layer))
      )
    )
    assert.strictEqual(error.reason._tag, "Redirected")
    assert.deepStrictEqual(other.seen, [])
  }).pipe(Effect.scoped)
)

it.live("the answer of another host is not taken from a client that follows redirects by itself", () => {
  const Careless = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.map(
        Effect.promise(() => fetch(url, { method: request.method, headers: request.headers })),
        (response) => HttpClientResponse.fromWeb(request, response)
      )
    )
  )
  return Effect.gen(function* () {
    const other = yield* onSocket(evil)
    const here = yield* onSocket((request) => ({
      status: 302,
      headers: { location: other.baseUrl + request.path },
      body: ""
    }))
    const error = yield* failure(logIn).pipe(
      Effect.provide(
        AppServices.layer({ appId: "my-app", baseUrl: here.baseUrl, skipLocationRequest: true }).pipe(
          Layer.provide(Careless)
        )
      )
    )
    assert.deepInclude(error.reason, { _tag: "Redirected", origin: other.baseUrl })
  }).pipe(Effect.scoped)
})

it.effect("a redirect that a browser keeps back, with status 0, is one", () => {
  const opaque = new Response(null)
  Object.defineProperties(opaque, { status: { value: 0 }, type: { value: "opaqueredirect" } })
  const Browser = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, opaque)))
  )
  return Effect.gen(function* () {
    const error = yield* failure(logIn)
    assert.deepInclude(error.reason, { _tag: "Redirected", status: 0 })
    assert.include(error.message, "set baseUrl to the address it redirects to")
  }).pipe(Effect.provide(sdk(Browser)))
})

it.effect("options of fetch reach it all the same, and stay what they were for the caller", () => {
  const inits: Array<RequestInit | undefined> = []
  const { layer } = host()
  const Fetch = Layer.succeed(FetchHttpClient.Fetch, (input, init) => {
    inits.push(init)
    return Effect.runPromise(
      Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const response = yield* client.post(new Request(input).url)
        return new Response(yield* response.text, { status: response.status })
      }).pipe(Effect.provide(layer))
    )
  })
  const Transport = FetchHttpClient.layer.pipe(
    Layer.provide(Layer.merge(Fetch, Layer.succeed(FetchHttpClient.RequestInit, { credentials: "include" })))
  )
  return Effect.gen(function* () {
    yield* logIn
    assert.isAbove(inits.length, 0)
    for (const init of inits) assert.deepInclude(init, { credentials: "include", redirect: "manual" })
    assert.deepStrictEqual(yield* Effect.serviceOption(FetchHttpClient.RequestInit), Option.none())
  }).pipe(Effect.provide(sdk(Transport)))
})

describe("an answer of the location request", () => {
  const at = (baseUrl: string, hostname: string) => {
    const { layer, seen } = scripted((request) =>
      request.path.endsWith("/location") ? { body: { hostname } } : { body: { user_id: "u" } }
    )
    return { Live: sdk(layer, { baseUrl }), seen }
  }

  it.effect("is rejected if it leaves TLS, before anything is sent there", () => {
    const { Live, seen } = at("https://apps.example.com", "http://127.0.0.1:9290")
    return Effect.gen(function* () {
      const error = yield* failure(AuthApi.use((auth) => auth.logIn(account)))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      for (const words of ["without TLS", "X-Forwarded-Proto", "skipLocationRequest"])
        assert.include(error.message, words)
      assert.deepStrictEqual(
        seen.map(({ url }) => new URL(url).protocol),
        ["https:"]
      )
    }).pipe(Effect.provide(Live))
  })

  it.effect.each([
    ["https://apps.example.com", "https://eu.example.com"],
    ["http://apps.example.com", "https://apps.example.com"],
    ["http://127.0.0.1:9090", "http://127.0.0.1:9290"]
  ])("from %s to %s is followed", ([baseUrl, hostname]) => {
    const { Live, seen } = at(baseUrl, hostname)
    return Effect.gen(function* () {
      yield* failure(logIn)
      assert.isTrue(seen.at(-1)?.url.startsWith(hostname))
    }).pipe(Effect.provide(Live))
  })
})
