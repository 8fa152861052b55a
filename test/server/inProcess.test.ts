import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Scope } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { App, AppDirectory } from "effect-app-services/server"
import { anonymous, ask, callFunction, claims, inProcess, loginPath, path, root } from "./support.ts"

const simple = (id: string, functions: Record<string, App.Handler> = {}) =>
  App.make({ id, providers: { anonymous: true }, functions })

describe("the server in process", () => {
  it.effect("answers under any host name, and says so in its location", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      for (const origin of ["https://services.cloud.mongodb.com", "http://localhost", "http://x.test:1234"]) {
        const response = yield* client.get(`${origin}${path("my-app", "location")}`)
        assert.deepStrictEqual(yield* response.json, {
          hostname: origin,
          ws_hostname: origin.replace("http", "ws"),
          location: "US-VA",
          deployment_model: "GLOBAL"
        })
      }
    }).pipe(Effect.provide(inProcess(simple("my-app"))))
  )

  it.effect("uses the clock of the caller, not of the layer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Effect.promise(() =>
        // @effect-diagnostics-next-line runEffectInsideEffect:off -- built on the live clock, unlike the rest of the test
        Effect.runPromise(Layer.buildWithScope(inProcess(simple("my-app")), scope))
      )
      yield* TestClock.adjust("5 seconds")
      const { access_token } = yield* Effect.provideContext(anonymous(), context)
      assert.strictEqual(claims(access_token)["iat"], 5)
    })
  )

  it.effect("is interrupted with its caller", () => {
    const started = Deferred.makeUnsafe<void>()
    const stopped = Deferred.makeUnsafe<string>()
    const app = simple("my-app", {
      wait: () =>
        Deferred.succeed(started, undefined).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(stopped, "interrupted"))
        )
    })
    return Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const fiber = yield* Effect.forkChild(callFunction(access_token, "wait"))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Deferred.await(stopped), "interrupted")
    }).pipe(Effect.provide(inProcess(app)))
  })

  it.effect("logs to the logger of the caller", () => {
    const seen: Array<unknown> = []
    const logger = Logger.make(({ message }) => void seen.push(message))
    const app = simple("my-app", { log: (text: string) => Effect.log(text) })
    return Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      yield* callFunction(access_token, "log", ["hello"]).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(seen, [["hello"]])
    }).pipe(Effect.provide(inProcess(app)))
  })

  it.effect("hosts many applications, each with users of its own", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* anonymous("a"), yield* anonymous("b")]
      assert.notStrictEqual(claims(a["access_token"])["baas_domain_id"], claims(b["access_token"])["baas_domain_id"])
      assert.strictEqual((yield* callFunction(a["access_token"], "name", [], "a")).text, '"a"')
      assert.strictEqual((yield* callFunction(b["access_token"], "name", [], "b")).text, '"b"')
    }).pipe(Effect.provide(inProcess([simple("a", { name: () => "a" }), simple("b", { name: () => "b" })])))
  )

  it.effect("starts empty each time its layer is built", () =>
    Effect.gen(function* () {
      const { access_token } = yield* Effect.provide(anonymous(), inProcess(simple("my-app")))
      const { status } = yield* Effect.provide(
        ask("GET", `${root}/auth/profile`, { token: access_token }),
        inProcess(simple("my-app"))
      )
      assert.strictEqual(status, 401)
    })
  )

  it.effect("starts a hundred times in a row without leaving anything behind", () =>
    Effect.gen(function* () {
      const listeners = process.listenerCount("unhandledRejection")
      for (let i = 0; i < 100; i++) yield* Effect.provide(anonymous(), Layer.fresh(inProcess(simple("my-app"))))
      assert.strictEqual(process.listenerCount("unhandledRejection"), listeners)
    })
  )
})

describe("the example application", () => {
  const Shop = Layer.unwrap(Effect.map(AppDirectory.load("examples/shop"), (app) => inProcess(app))).pipe(
    Layer.provide([NodeFileSystem.layer, NodePath.layer])
  )

  it.effect("gives each new user a document, which a function changes and the next token shows", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token, user_id } = yield* anonymous("shop-abcde")
      const data = claims(access_token)["user_data"] as Record<string, unknown>
      assert.deepInclude(data, { userId: user_id, theme: "light", points: { $numberLong: "0" } })
      assert.property(data["_id"], "$oid")
      assert.strictEqual((yield* callFunction(access_token, "setTheme", ["dark"], "shop-abcde")).text, "true")
      const { body } = yield* ask("POST", `${root}/auth/session`, { token: refresh_token })
      assert.deepInclude(claims(body["access_token"])["user_data"], { theme: "dark" })
      const who = JSON.parse((yield* callFunction(body["access_token"], "whoAmI", [], "shop-abcde")).text) as {
        custom_data: object
      }
      assert.deepInclude(who.custom_data, { theme: "dark", userId: user_id })
    }).pipe(Effect.provide(Shop))
  )

  it.effect("does what its functions say", () =>
    Effect.gen(function* () {
      const { access_token, user_id } = yield* anonymous("shop-abcde")
      const call = (name: string, ...args: ReadonlyArray<unknown>) =>
        callFunction(access_token, name, args, "shop-abcde")
      assert.strictEqual((yield* call("sum", 20, 22)).text, '{"$numberInt":"42"}')
      assert.deepStrictEqual((yield* call("fail", "boom")).body, {
        error: "Error: boom",
        error_code: "FunctionExecutionError"
      })
      assert.deepInclude((yield* call("order", { item: "tea", count: 3 })).body as object, {
        total: { $numberInt: "9" },
        customer: user_id
      })
      assert.strictEqual((yield* call("greeting")).text, '"Welcome to the Corner Shop"')
      assert.strictEqual((yield* call("priceOf", "tea")).status, 400)
      const card = yield* ask("POST", loginPath("shop-abcde", "custom-function"), { body: { card: "card-1" } })
      assert.strictEqual(card.status, 200)
      const thief = yield* ask("POST", loginPath("shop-abcde", "custom-function"), { body: { card: "stolen" } })
      assert.deepStrictEqual(thief.body, { error: "Error: Authentication failed", error_code: "AuthError" })
    }).pipe(Effect.provide(Shop))
  )
})

describe("a user creation function", () => {
  const app = (onUserCreation: string) =>
    App.make({
      id: "my-app",
      providers: { anonymous: true },
      onUserCreation,
      functions: {
        welcome: (user: Record<string, unknown>) => {
          seen.push(user)
        },
        refuse: () => Effect.die(new Error("no room"))
      }
    })
  const seen: Array<Record<string, unknown>> = []

  it.effect("gets the new user", () =>
    Effect.gen(function* () {
      const { user_id } = yield* anonymous()
      assert.deepInclude(seen[0], { id: user_id, type: "normal", creation_time: 0, data: {}, custom_data: {} })
    }).pipe(Effect.provide(inProcess(app("welcome"))))
  )

  it.effect("prevents the creation of the user if it fails or does not exist", () =>
    Effect.gen(function* () {
      for (const [name, error] of [
        ["refuse", "Error: no room"],
        ["gone", "function not found: 'gone'"]
      ] as const) {
        const { body, status } = yield* Effect.provide(
          ask("POST", loginPath("my-app", "anon-user")),
          Layer.fresh(inProcess(app(name)))
        )
        assert.strictEqual(status, 400)
        assert.strictEqual(body["error"], error)
      }
    })
  )
})
