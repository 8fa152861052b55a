import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { AuthApi, Credentials } from "effect-app-services"
import { App } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { type Input, RateLimits } from "../../../src/server/api/RateLimits.ts"
import { RateBuckets } from "../../../src/server/model/RateBuckets.ts"
import { anonymous, ask, emailPassword, loginPath, path, register, withApps } from "../support.ts"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    apiKey: true,
    emailPassword: { autoConfirm: false, emailConfirmationUrl: "https://x.test", resetPasswordUrl: "https://x.test" },
    customFunction: "authenticate"
  },
  functions: {
    authenticate: ({ id }: { readonly id: string }) => {
      if (id === "wrong") throw new Error("nobody")
      return id
    }
  }
})

const open = App.make({ id: "my-app", providers: { emailPassword: true } })

const times = (n: number) => Array.from({ length: n }, (_, i) => i)

const post = (rest: string, body: unknown) =>
  ask("POST", path("my-app", `auth/providers/local-userpass/${rest}`), { body })

describe("rate limits", () => {
  it.effect("refuse the eleventh failed login, and let one in again when its time has come", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "secret1")
      yield* register("b@b.c", "secret1")
      for (const _ of times(10)) assert.strictEqual((yield* emailPassword("a@b.c", "wrong-1")).status, 401)
      for (const attempt of ["wrong-1", "secret1"]) {
        const refused = yield* emailPassword("a@b.c", attempt)
        assert.strictEqual(refused.status, 429)
        assert.strictEqual(refused.headers["content-type"], "application/json")
        assert.strictEqual(refused.headers["retry-after"], "90")
        assert.deepStrictEqual(refused.body, { error: "too many requests: try again in 90 seconds" })
      }
      assert.strictEqual((yield* emailPassword("A@B.c", "secret1")).status, 429)
      assert.strictEqual((yield* emailPassword("b@b.c", "secret1")).status, 200)
      yield* TestClock.adjust("60500 millis")
      assert.strictEqual((yield* emailPassword("a@b.c", "secret1")).headers["retry-after"], "30")
      yield* TestClock.adjust("29500 millis")
      assert.strictEqual((yield* emailPassword("a@b.c", "secret1")).status, 200)
      yield* TestClock.adjust("15 minutes")
      for (const _ of times(10)) assert.strictEqual((yield* emailPassword("a@b.c", "wrong-1")).status, 401)
      assert.strictEqual((yield* emailPassword("a@b.c", "wrong-1")).status, 429)
    }).pipe(withApps(open))
  )

  it.effect("leave alone who is in the right", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "secret1")
      for (const _ of times(9)) assert.strictEqual((yield* emailPassword("a@b.c", "wrong-1")).status, 401)
      for (const _ of times(50)) assert.strictEqual((yield* emailPassword("a@b.c", "secret1")).status, 200)
      assert.strictEqual((yield* emailPassword("a@b.c", "wrong-1")).status, 401)
      assert.strictEqual((yield* emailPassword("a@b.c", "secret1")).status, 429)
    }).pipe(withApps(open))
  )

  it.effect("count attempts that are made at the same time", () =>
    Effect.gen(function* () {
      const answers = yield* Effect.all(
        times(30).map(() => emailPassword("a@b.c", "wrong-1")),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ status }) => status === 401).length, 10)
      assert.strictEqual(answers.filter(({ status }) => status === 429).length, 20)
    }).pipe(withApps(open))
  )

  it.effect("does not reveal which accounts exist", () =>
    Effect.gen(function* () {
      yield* register("known@b.c", "secret1")
      const seen = (
        email: string,
        attempt: Effect.Effect<{ readonly status: number; readonly body: unknown }, unknown, never>
      ) =>
        Effect.map(attempt, ({ body, status }) =>
          status === 429 ? JSON.stringify(body).replaceAll(email, "") : "let through"
        )
      const context = yield* Effect.context<Effect.Services<ReturnType<typeof ask>>>()
      const attempts = (email: string) =>
        Effect.forEach(times(12), () =>
          Effect.all([
            seen(email, Effect.provideContext(emailPassword(email, "wrong-1"), context)),
            seen(email, Effect.provideContext(post("confirm/send", { email }), context)),
            seen(email, Effect.provideContext(post("reset/send", { email }), context))
          ])
        )
      const known = yield* attempts("known@b.c")
      assert.deepStrictEqual(yield* attempts("unknown@b.c"), known)
      assert.deepStrictEqual(known[0], ["let through", "let through", "let through"])
      assert.isTrue(known[11].every((it) => it.includes("too many requests")))
    }).pipe(withApps(app))
  )

  it.effect("hold for e-mails, for registrations and for tokens", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "secret1")
      const statuses = (attempt: ReturnType<typeof ask>) =>
        Effect.map(
          Effect.forEach(times(11), () => attempt),
          (answers) => answers.map(({ status }) => status).slice(9)
        )
      assert.deepStrictEqual(yield* statuses(register("a@b.c", "secret1")), [409, 429])
      assert.deepStrictEqual(yield* statuses(post("reset/send", { email: "a@b.c" })), [202, 429])
      assert.strictEqual((yield* post("confirm/send", { email: "a@b.c" })).status, 429)
      assert.strictEqual((yield* post("reset/send", { email: "b@b.c" })).status, 404)
      const token = { token: "0".repeat(128), tokenId: "0".repeat(24) }
      assert.deepStrictEqual(yield* statuses(post("confirm", token)), [400, 429])
      assert.strictEqual((yield* post("reset", { ...token, password: "secret1" })).status, 429)
      assert.strictEqual((yield* post("confirm", { ...token, tokenId: "1".repeat(24) })).status, 400)
    }).pipe(withApps(app))
  )

  it.effect("hold for the other providers, and for links", () =>
    Effect.gen(function* () {
      const statuses = (attempt: ReturnType<typeof ask>) =>
        Effect.map(
          Effect.forEach(times(11), () => attempt),
          (answers) => answers.map(({ status }) => status).slice(9)
        )
      const { access_token } = yield* anonymous()
      const key = ask("POST", loginPath("my-app", "api-key"), { body: { key: "nope" } })
      assert.deepStrictEqual(yield* statuses(key), [401, 429])
      const custom = (id: string) => ask("POST", loginPath("my-app", "custom-function"), { body: { id } })
      assert.deepStrictEqual(yield* statuses(custom("wrong")), [401, 429])
      assert.deepStrictEqual(yield* statuses(custom("right")), [200, 200])
      const link = ask("POST", `${loginPath("my-app", "local-userpass")}?link=true`, {
        token: access_token,
        body: { username: "a@b.c", password: "wrong-1" }
      })
      assert.deepStrictEqual(yield* statuses(link), [400, 429])
      for (const _ of times(400)) yield* anonymous()
      const deep = `{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`
      assert.strictEqual((yield* ask("POST", loginPath("my-app", "custom-function"), { raw: deep })).status, 400)
    }).pipe(withApps(app))
  )

  it.effect("uses configured limits, or none if they are off", () =>
    Effect.gen(function* () {
      const failures = (n: number) =>
        Effect.map(
          Effect.forEach(times(n), () => emailPassword("a@b.c", "wrong-1")),
          (all) => all.map((it) => it.status)
        )
      const rateLimits = { logIn: { account: { limit: 2, window: "1 minute" } } } as const
      assert.deepStrictEqual(yield* failures(3).pipe(withApps(open, { rateLimits })), [401, 401, 429])
      assert.isTrue((yield* failures(50).pipe(withApps(open, { rateLimits: "off" }))).every((status) => status === 401))
    })
  )

  it.effect("reach the SDK as RateLimited", () =>
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const credentials = Credentials.emailPassword({ email: "a@b.c", password: "wrong-1" })
      for (const _ of times(10)) {
        assert.strictEqual((yield* Effect.flip(auth.logIn(credentials))).reason._tag, "InvalidCredentials")
      }
      const { reason } = yield* Effect.flip(auth.logIn(credentials))
      assert.deepInclude(reason, { _tag: "RateLimited", retryAfterMillis: 90_000 })
    }).pipe(Effect.provide(TestServer.layer(open)))
  )
})

const limits = (input?: Input) => RateLimits.layer(input).pipe(Layer.provide(RateBuckets.layerMemory))

describe("the limits of an address", () => {
  const request = (address: string | undefined) =>
    HttpServerRequest.fromWeb(new Request("http://x.test/")).modify({ remoteAddress: Option.fromUndefinedOr(address) })

  const attempts = Effect.fnUntraced(function* (address: string | undefined, n: number) {
    const { limit } = yield* RateLimits
    const one = limit({ kind: "logIn", appId: "my-app", request: request(address) })(Effect.succeed("done"))
    const results = yield* Effect.forEach(times(n), () => Effect.option(one))
    return results.filter(Option.isSome).length
  })

  it.effect("count all accounts together, by network where there are many addresses to each", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* attempts("203.0.113.1", 301), 300)
      assert.strictEqual(yield* attempts("::ffff:203.0.113.1", 1), 0)
      assert.strictEqual(yield* attempts("203.0.113.2", 1), 1)
      assert.strictEqual(yield* attempts("2001:db8::1", 301), 300)
      assert.strictEqual(yield* attempts("2001:db8::2", 1), 0)
      assert.strictEqual(yield* attempts("2001:db8:0:1::1", 1), 1)
      yield* TestClock.adjust("15 minutes")
      assert.strictEqual(yield* attempts("203.0.113.1", 301), 300)
    }).pipe(Effect.provide(limits()))
  )

  it.effect("allows more from this machine, and everything in process", () =>
    Effect.gen(function* () {
      for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", undefined]) {
        assert.strictEqual(yield* attempts(address, 1000), 1000)
      }
    }).pipe(Effect.provide(limits()))
  )

  it.effect("uses the standard limits for undefined settings", () =>
    Effect.gen(function* () {
      const { limit } = yield* RateLimits
      const fail = limit({ kind: "token", appId: "my-app", request: request(undefined), account: "a" })(
        Effect.fail("no")
      )
      for (const _ of times(10)) assert.strictEqual(yield* Effect.flip(fail), "no")
      assert.strictEqual(Reflect.get(Object(yield* Effect.flip(fail)), "_tag"), "TooManyRequests")
    }).pipe(Effect.provide(Layer.fresh(limits({ token: { account: undefined }, logIn: undefined }))))
  )

  it.effect("keeps the counter of an account despite attempts from many addresses", () =>
    Effect.gen(function* () {
      const { limit } = yield* RateLimits
      const asAccount = limit({ kind: "logIn", appId: "my-app", request: request("192.0.2.1"), account: "first" })
      yield* Effect.forEach(times(10), () => Effect.option(asAccount(Effect.fail("no"))))
      yield* Effect.forEach(
        times(50_001),
        (i) => limit({ kind: "logIn", appId: "my-app", request: request(`10.0.${i >> 8}.${i & 255}`) })(Effect.void),
        { discard: true }
      )
      assert.isTrue(yield* Effect.isFailure(asAccount(Effect.void)))
    }).pipe(Effect.provide(Layer.fresh(limits())))
  )

  it.effect("evicts the least recently used accounts", () =>
    Effect.gen(function* () {
      const { limit } = yield* RateLimits
      const account = (name: string) =>
        Effect.option(
          limit({ kind: "token", appId: "my-app", request: request(undefined), account: name })(Effect.fail("no"))
        )
      const refused = (name: string) =>
        Effect.isFailure(
          limit({ kind: "token", appId: "my-app", request: request(undefined), account: name })(Effect.void)
        )
      yield* Effect.forEach(times(10), () => account("first"))
      assert.isTrue(yield* refused("first"))
      yield* Effect.forEach(times(50_001), (i) => account(String(i)), { discard: true })
      assert.isFalse(yield* refused("first"))
    }).pipe(Effect.provide(Layer.fresh(limits())))
  )
})
