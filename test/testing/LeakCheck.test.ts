import { assert, describe, expectTypeOf, it, vi } from "@effect/vitest"
import { Console, Data, Deferred, Effect, Fiber, Redacted } from "effect"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
import { App } from "effect-app-services/server"
import { LeakCheck, TestServer } from "effect-app-services/testing"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string; readonly password?: string }> {}

/** The places that a careless program is caught at. */
const places = <A, E>(program: (secret: string) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(LeakCheck.run((canary) => program(Redacted.value(canary("the password")))))
    assert.instanceOf(error, LeakCheck.SecretLeaked)
    assert.notInclude(error.message, "canary")
    assert.isTrue(error.leaks.every(({ secret }) => secret === "the password"))
    return error.leaks.map(({ place }) => place)
  })

describe("a leak is found", () => {
  const careless: ReadonlyArray<
    readonly [place: string, program: (secret: string) => Effect.Effect<unknown, unknown>]
  > = [
    ["a log line", (secret) => Effect.log("logging in with", { secret })],
    ["a log line", (secret) => Effect.logTrace("deep").pipe(Effect.annotateLogs({ secret }))],
    ["a log line", (secret) => Effect.logDebug(`https://h/?p=${encodeURIComponent(secret)}`)],
    ["a log line", (secret) => Effect.log(`Basic ${Buffer.from(secret).toString("base64")}`)],
    ["console.error", (secret) => Console.error("no", secret)],
    [
      'the attribute "password" of the span "logIn"',
      (secret) => Effect.void.pipe(Effect.withSpan("logIn", { attributes: { password: secret } }))
    ],
    [
      'the failure of the span "logIn"',
      (secret) => Effect.ignore(Effect.fail(new Refused({ message: secret })).pipe(Effect.withSpan("logIn")))
    ],
    ["the name of a span", (secret) => Effect.void.pipe(Effect.withSpan(`logIn ${secret}`))],
    ["the failure", (secret) => Effect.fail(new Refused({ message: "no", password: secret }))],
    ["the failure, as it is printed", (secret) => Effect.die(new Error("no", { cause: new Error(secret) }))],
    ["the result", (secret) => Effect.succeed({ user: { secret } })],
    ["the result", (secret) => Effect.succeed(new Map([["key", secret]]))]
  ]
  it.effect.each(careless)("in %s", ([place, program]) =>
    Effect.gen(function* () {
      assert.include(yield* places(program), place)
    })
  )
})

describe("a careful program ends as it does", () => {
  const app = App.make({ id: "my-app", providers: { emailPassword: true, apiKey: true } })
  const Server = TestServer.layer(app, { transformClient: LeakCheck.watchTokens })

  it.effect("succeeds with the program's result", () =>
    Effect.gen(function* () {
      const user = yield* LeakCheck.run((canary) =>
        Effect.gen(function* () {
          const account = { email: "ada@example.com", password: canary("password") }
          yield* EmailPasswordApi.use((api) => api.registerUser(account))
          const auth = yield* AuthApi
          const user = yield* auth.logIn(Credentials.emailPassword(account))
          yield* Effect.log("a user", user, yield* user.accessToken, yield* user.apiKeys.create("ci"), account)
          return user
        }).pipe(Effect.provide(Server))
      )
      assert.match(user.id, /^[0-9a-f]{24}$/)
    })
  )

  it.effect("fails with the program's failure", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        LeakCheck.run((canary) =>
          AuthApi.use((auth) =>
            auth.logIn(Credentials.emailPassword({ email: "unknown@example.com", password: canary("password") }))
          ).pipe(Effect.provide(Server))
        )
      )
      assert.strictEqual(error._tag === "AppServicesError" && error.reason._tag, "InvalidCredentials")
    })
  )

  it.effect("tokens and keys that a host issues are secrets too", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        LeakCheck.run((canary) =>
          Effect.gen(function* () {
            const account = { email: "ada@example.com", password: canary("password") }
            yield* EmailPasswordApi.use((api) => api.registerUser(account))
            const user = yield* AuthApi.use((auth) => auth.logIn(Credentials.emailPassword(account)))
            yield* Effect.log(Redacted.value((yield* user.apiKeys.create("ci")).key))
            yield* Effect.log((yield* user.accessToken).pipe((token) => JSON.stringify(token)))
          }).pipe(Effect.provide(Server))
        )
      )
      assert.deepStrictEqual(error._tag === "SecretLeaked" && error.leaks, [{ secret: "key", place: "a log line" }])
    })
  )
})

describe("the global console", () => {
  const methods = () => [console.log, console.error, console.warn, console.table]
  /** A quiet console, so that the tests print nothing. */
  const quietly = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const spies = (["log", "error", "warn", "table"] as const).map((method) =>
          vi.spyOn(console, method).mockImplementation(() => {})
        )
        return { spies, before: methods() }
      }),
      ({ before }) =>
        Effect.tap(
          effect,
          Effect.sync(() => assert.deepStrictEqual(methods(), before))
        ),
      ({ spies }) => Effect.sync(() => spies.forEach((spy) => spy.mockRestore()))
    )

  it.effect.each(["log", "error", "warn", "table"] as const)("is watched: console.%s", (method) =>
    quietly(
      Effect.gen(function* () {
        const found = yield* places((secret) => Effect.sync(() => console[method](secret)))
        assert.deepStrictEqual(found, [`console.${method}`])
      })
    )
  )

  it.effect("prints as before during a check, and is restored after a failure and an interrupt", () =>
    quietly(
      Effect.gen(function* () {
        const before = methods()
        yield* LeakCheck.run(() => Effect.sync(() => console.log("hello")))
        assert.deepStrictEqual(vi.mocked(console.log).mock.calls, [["hello"]])
        yield* Effect.flip(LeakCheck.run(() => Effect.fail("no")))
        assert.deepStrictEqual(methods(), before)
        const running = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          LeakCheck.run(() => Effect.andThen(Deferred.succeed(running, undefined), Effect.never))
        )
        yield* Deferred.await(running)
        assert.notDeepEqual(methods(), before)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(methods(), before)
      })
    )
  )

  it.effect("is watched by each of several checks at once, for its own secrets", () =>
    quietly(
      Effect.gen(function* () {
        const printed = yield* Deferred.make<void>()
        const careful = LeakCheck.run((canary) => {
          canary("of the careful one")
          return Deferred.await(printed)
        })
        const first = yield* Effect.forkChild(careful)
        const found = yield* places((secret) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => console.error(secret))
          )
        )
        assert.deepStrictEqual(found, ["console.error"])
        yield* Deferred.succeed(printed, undefined)
        yield* Fiber.join(first)
        assert.deepStrictEqual(yield* places((secret) => Effect.sync(() => console.warn(secret))), ["console.warn"])
      })
    )
  )
})

it("keeps the requirements of the program as they are", () => {
  const check = LeakCheck.run(() => AuthApi.use((auth) => auth.currentUser))
  expectTypeOf<Effect.Services<typeof check>>().toEqualTypeOf<AuthApi>()
  const generic = <R>(program: Effect.Effect<void, never, R>): Effect.Effect<void, LeakCheck.SecretLeaked, R> =>
    LeakCheck.run(() => program)
  assert.isFunction(generic)
})
