import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, ProtocolClient } from "effect-app-services"
import { type Answer, host, location, scripted, type Seen } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const paths = (seen: ReadonlyArray<Seen>) => seen.map(({ method, url }) => `${method} ${url}`)
const locationUrl = "GET http://base.test/api/client/v2.0/app/my-app/location"
const loginUrl = "POST http://host.test/api/client/v2.0/app/my-app/auth/providers/anon-user/login"

describe("location", () => {
  it.effect("is asked once, and everything else goes to the host it names", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      yield* logIn
      yield* logIn
      assert.deepStrictEqual(paths(seen), [locationUrl, loginUrl, loginUrl])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is asked once by many at the same time", () => {
    const { layer, seen } = host((request) =>
      request.path.endsWith("/location") ? { body: location, after: "1 second" } : undefined
    )
    return Effect.gen(function* () {
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 50 }, () => logIn),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(all)).length, 50)
      assert.strictEqual(seen.filter(({ path }) => path.endsWith("/location")).length, 1)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is asked again after a failure", () => {
    let down = true
    const { layer, seen } = host((request) => (request.path.endsWith("/location") && down ? "unreachable" : undefined))
    return Effect.gen(function* () {
      assert.strictEqual((yield* failure(logIn)).reason._tag, "TransportError")
      down = false
      yield* logIn
      assert.deepStrictEqual(paths(seen), [locationUrl, locationUrl, loginUrl])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("is not asked where the options say so", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      yield* logIn
      assert.deepStrictEqual(paths(seen), [loginUrl.replace("host.test", "base.test")])
    }).pipe(Effect.provide(sdk(layer, { skipLocationRequest: true })))
  })

  it.effect("an empty host name means the base URL", () => {
    const { layer, seen } = host((request) =>
      request.path.endsWith("/location") ? { body: { hostname: "" } } : undefined
    )
    return Effect.gen(function* () {
      yield* logIn
      assert.deepStrictEqual(paths(seen), [locationUrl, loginUrl.replace("host.test", "base.test")])
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("rejects a host name that is not a URL as InvalidResponse", () => {
    const { layer } = host((request) =>
      request.path.endsWith("/location") ? { body: { hostname: "nonsense" } } : undefined
    )
    return Effect.gen(function* () {
      const error = yield* failure(logIn)
      assert.strictEqual(error.reason._tag, "InvalidResponse")
      assert.include(error.message, "hostname")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("options that cannot work stop the layer", () => {
  it.effect.each(["not a url", "ftp://host", "", "127.0.0.1:9090"])("base URL %s", (baseUrl) =>
    Effect.gen(function* () {
      const error = yield* failure(Effect.provide(logIn, sdk(host().layer, { baseUrl })))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.include(error.message, "baseUrl")
      assert.include(error.message, "http://127.0.0.1:9090")
    })
  )

  it.effect("an empty app id", () =>
    Effect.gen(function* () {
      const error = yield* failure(Effect.provide(logIn, sdk(host().layer, { appId: "" })))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
    })
  )
})

const page = "<html><body><h1>502 Bad Gateway</h1></body></html>"

describe("invalid answers", () => {
  const cases: ReadonlyArray<readonly [string, Answer, string, string, boolean]> = [
    ["a server that is not there", "unreachable", "TransportError", "ECONNREFUSED", true],
    ["a server that dies mid-answer", "dies mid-answer", "TransportError", "socket hang up", true],
    [
      "a proxy's HTML 502",
      { status: 502, body: page, headers: { "content-type": "text/html" } },
      "ServerUnavailable",
      "502",
      true
    ],
    [
      "an HTML page with status 200",
      { body: page, headers: { "content-type": "text/html" } },
      "InvalidResponse",
      "HTML page",
      false
    ],
    [
      "an HTML page with status 404",
      { status: 404, body: page, headers: { "content-type": "text/html" } },
      "InvalidResponse",
      "HTML page",
      false
    ],
    ["an empty 200", { body: "" }, "InvalidResponse", "empty", false],
    ["a body that is not JSON", { body: "hello" }, "InvalidResponse", "not JSON", false],
    ["half a body", { body: '{"access_tok' }, "InvalidResponse", "JSON", false],
    ["JSON without the tokens", { body: { user_id: "u" } }, "InvalidResponse", "access_token", false],
    [
      "a token that is not a JWT",
      { body: { access_token: "garbage", refresh_token: "garbage", user_id: "u", device_id: "" } },
      "InvalidResponse",
      "three parts",
      false
    ],
    [
      "too many requests",
      { status: 429, body: { message: "Too many requests" }, headers: { "retry-after": "7" } },
      "RateLimited",
      "7000 ms",
      true
    ],
    [
      "maintenance",
      { status: 503, body: { error: "later", error_code: "MaintenanceInProgress" } },
      "ServerUnavailable",
      "later",
      true
    ],
    [
      "an unknown app",
      { status: 404, body: { error: "cannot find app using Client App ID 'my-app'" } },
      "AppNotFound",
      '"my-app"',
      false
    ],
    [
      "a wrong password",
      { status: 401, body: { error: "unauthorized", error_code: "InvalidPassword" } },
      "InvalidCredentials",
      "InvalidPassword",
      false
    ],
    [
      "a disabled user",
      { status: 403, body: { error: "user disabled", error_code: "UserDisabled" } },
      "UserDisabled",
      "disabled",
      false
    ],
    [
      "a provider that is off",
      { status: 404, body: { error: "off", error_code: "AuthProviderNotFound" } },
      "RequestRejected",
      "off",
      false
    ],
    [
      "a redirect",
      { status: 308, body: "", headers: { location: "http://elsewhere.test/a" } },
      "Redirected",
      "set baseUrl",
      false
    ]
  ]
  it.effect.each(cases)("%s", ([, answer, tag, words, retryable]) => {
    const { layer } = host((request) => (request.path.endsWith("/login") ? answer : undefined))
    return Effect.gen(function* () {
      const error = yield* failure(logIn)
      assert.strictEqual(error._tag, "AppServicesError")
      assert.strictEqual(error.reason._tag, tag)
      assert.include(error.message, "AuthApi.logIn: ")
      assert.include(error.message, words)
      assert.strictEqual(error.retryable, retryable)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("keep code, status, link and the host's words", () => {
    const { layer } = host((request) =>
      request.path.endsWith("/login")
        ? { status: 409, body: { error: "odd", error_code: "Brandnew", link: "http://h/logs?co_id=1" } }
        : undefined
    )
    return Effect.gen(function* () {
      const error = yield* failure(logIn)
      assert.deepStrictEqual(
        [error.operation, error.code, error.status, error.link],
        ["AuthApi.logIn", "Brandnew", 409, "http://h/logs?co_id=1"]
      )
      assert.strictEqual(error.reason._tag, "RequestRejected")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a host that never answers is given up after the timeout, and the request is aborted", () => {
    let aborted = false
    const { layer } = host((request) =>
      request.path.endsWith("/login")
        ? Effect.onInterrupt(Effect.never, () =>
            Effect.sync(() => {
              aborted = true
            })
          )
        : undefined
    )
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(failure(logIn))
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "RequestTimeout")
      assert.include(error.message, "5000 ms")
      assert.isTrue(aborted)
    }).pipe(Effect.provide(sdk(layer, { timeout: "5 seconds" })))
  })
})

describe("retries", () => {
  const flaky = (failures: number, path: string, answer: Answer) => {
    let left = failures
    return host((request) => (request.path.endsWith(path) && left-- > 0 ? answer : undefined))
  }

  it.effect("a read is repeated by the schedule", () => {
    const { layer, seen } = flaky(2, "/location", "unreachable")
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(logIn)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(seen.filter(({ path }) => path.endsWith("/location")).length, 3)
    }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.spaced("1 second") })))
  })

  it.effect("the host's Retry-After is respected", () => {
    const { layer, seen } = flaky(1, "/location", {
      status: 429,
      body: { error: "slow down" },
      headers: { "retry-after": "30" }
    })
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(logIn)
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(seen.length, 1)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.recurs(3) })))
  })

  it.effect("a Retry-After of more than a minute is reported at once, not waited for", () => {
    const { layer, seen } = flaky(1, "/location", {
      status: 503,
      body: { error: "maintenance" },
      headers: { "retry-after": "3600" }
    })
    return Effect.gen(function* () {
      const error = yield* failure(logIn)
      assert.deepStrictEqual([error.reason._tag, error.retryAfterMillis], ["ServerUnavailable", 3_600_000])
      assert.strictEqual(seen.length, 1)
    }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.recurs(3) })))
  })

  it.effect("a final answer is not repeated", () => {
    const { layer, seen } = flaky(9, "/location", {
      status: 404,
      body: { error: "cannot find app using Client App ID 'my-app'" }
    })
    return Effect.gen(function* () {
      assert.strictEqual((yield* failure(logIn)).reason._tag, "AppNotFound")
      assert.strictEqual(seen.length, 1)
    }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.recurs(3) })))
  })

  it.effect("a login is sent once", () => {
    const { layer, seen } = flaky(1, "/login", { status: 503, body: { error: "later" } })
    return Effect.gen(function* () {
      assert.strictEqual((yield* failure(logIn)).reason._tag, "ServerUnavailable")
      assert.strictEqual(seen.filter(({ path }) => path.endsWith("/login")).length, 1)
    }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.recurs(3) })))
  })

  it.effect("a function call is sent once", () => {
    const { layer, seen } = flaky(1, "/functions/call", "dies mid-answer")
    return Effect.gen(function* () {
      const user = yield* logIn
      assert.strictEqual((yield* failure(user.callFunction("sum", 1, 2))).reason._tag, "TransportError")
      assert.strictEqual(seen.filter(({ path }) => path.endsWith("/functions/call")).length, 1)
    }).pipe(Effect.provide(sdk(layer, { retrySchedule: Schedule.recurs(3) })))
  })
})

it.effect("no tracing header leaves unless asked for", () => {
  const { layer, seen } = host()
  const names = (request: Seen | undefined) =>
    Object.keys(request?.headers ?? {}).filter((name) => name === "traceparent")
  return Effect.gen(function* () {
    yield* Effect.provide(logIn, sdk(layer), { local: true })
    assert.deepStrictEqual(seen.flatMap(names), [])
    yield* Effect.provide(logIn, sdk(layer, { tracePropagation: true }), { local: true })
    assert.deepStrictEqual(names(seen.at(-1)), ["traceparent"])
  }).pipe(Effect.withSpan("test"))
})

it.effect("every request goes through the user's transformation of the client", () => {
  const { layer, seen } = host()
  return Effect.gen(function* () {
    yield* logIn
    assert.deepStrictEqual(
      seen.map(({ headers }) => headers["x-team"]),
      ["blue", "blue"]
    )
  }).pipe(
    Effect.provide(
      sdk(layer, { transformClient: HttpClient.mapRequest(HttpClientRequest.setHeader("x-team", "blue")) })
    )
  )
})

it.effect("credentials in the base URL are not sent or shown", () => {
  const { layer, seen } = scripted(() => "unreachable")
  return Effect.gen(function* () {
    const error = yield* failure(AuthApi.use((auth) => auth.logIn(Credentials.anonymous())))
    assert.notInclude(error.message, "hunter2")
    assert.notInclude(seen[0].url, "hunter2")
  }).pipe(Effect.provide(sdk(layer, { baseUrl: "http://bob:hunter2@base.test" })))
})

it.effect("execute reaches what the SDK has no service for", () => {
  const { layer } = host((request) => (request.path === "/api/custom" ? { body: { hello: "there" } } : undefined))
  return Effect.gen(function* () {
    const client = yield* ProtocolClient
    const body = yield* client.execute({
      operation: { name: "custom", kind: "general" },
      method: "GET",
      path: "/api/custom"
    })
    assert.strictEqual(body, '{"hello":"there"}')
  }).pipe(Effect.provide(sdk(layer)))
})
