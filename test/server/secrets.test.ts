import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted, Tracer } from "effect"
import { Admin, App, AppDirectory, AppServicesServer, Inbox } from "effect-app-services/server"
import { inspect } from "node:util"
import {
  anonymous,
  ask,
  callFunction,
  directory,
  emailPassword,
  inProcess,
  loginPath,
  path,
  register,
  root
} from "./support.ts"
import { hs256 } from "./users/tokens.ts"

const secrets = [
  "a-secret-that-signs-tokens-of-others",
  "push-token-of-a-device",
  "hunter2-password",
  "wrong-password",
  "top-secret-value",
  "signing-key-signing-key-signing-key"
]

describe("secrets", () => {
  it.effect("errors, log lines and spans of a server at work contain none", () => {
    const seen: Array<string> = []
    const logger = Logger.make((options) => void seen.push(inspect([options.message, options.cause], { depth: 10 })))
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        seen.push(options.name)
        const attribute = span.attribute.bind(span)
        span.attribute = (key, value) => {
          seen.push(`${key}=${String(value)}`)
          attribute(key, value)
        }
        return span
      }
    })
    const app = App.make({
      id: "my-app",
      providers: {
        anonymous: true,
        emailPassword: { emailConfirmationUrl: "https://x.test/c" },
        customToken: { algorithm: "HS256", keys: ["a-secret-that-signs-tokens-of-others"] },
        apiKey: true,
        customFunction: ({ bad }: { bad?: boolean }) => (bad === true ? "bad" : "ok")
      },
      push: ["gcm"],
      values: { secret: Redacted.make("top-secret-value") },
      functions: { fail: () => Effect.die(new Error("plain")) },
      customUserData: (user) => (user.identities[0]?.id === "bad" ? { at: new Date(NaN) } : {})
    })
    return Effect.gen(function* () {
      const answers = [
        yield* register("a@b.c", "hunter2-password"),
        yield* register("a@b.c", "hunter2-password"),
        yield* emailPassword("a@b.c", "wrong-password"),
        yield* ask("POST", loginPath("my-app", "local-userpass"), {
          raw: `{"username":"a","password":"hunter2-password"`
        }),
        yield* ask("POST", loginPath("my-app", "local-userpass"), {
          body: { username: 5, password: "hunter2-password" }
        }),
        yield* ask("POST", loginPath("my-app", "api-key"), { body: { key: "hunter2-password" } }),
        yield* ask("POST", loginPath("my-app", "custom-function"), {
          body: { bad: true, password: "hunter2-password" }
        })
      ]
      const user = yield* anonymous()
      const created = yield* ask("POST", `${root}/auth/api_keys`, {
        token: user["refresh_token"],
        body: { name: "ci" }
      })
      const [mail] = yield* (yield* Inbox.Inbox).messages()
      const [token, { tokenId }] = [Redacted.value(mail.token), mail]
      const jwt = hs256({ sub: "x", exp: 1 }, "a-secret-that-signs-tokens-of-others")
      const base = path("my-app", "auth/providers/local-userpass")
      answers.push(
        yield* ask("POST", `${base}/confirm`, { body: { token: `${token}x`, tokenId } }),
        yield* ask("POST", `${base}/confirm`, { body: { token, tokenId } }),
        yield* ask("POST", `${base}/confirm`, { body: { token, tokenId } }),
        yield* ask("POST", `${base}/reset/send`, { body: { email: "a@b.c" } }),
        yield* ask("POST", `${base}/reset/call`, { body: { email: "a@b.c", password: "hunter2-password" } }),
        yield* ask("POST", loginPath("my-app", "custom-token"), { body: { token: jwt } }),
        yield* ask("PUT", path("my-app", "push/providers/gcm/registration"), {
          token: user["access_token"],
          body: { registrationToken: "push-token-of-a-device" }
        })
      )
      const kept = [yield* (yield* Inbox.Inbox).messages(), yield* (yield* Admin.Admin).pushRegistrations("my-app")]
      assert.deepStrictEqual(
        kept.map(({ length }) => length),
        [2, 1]
      )
      seen.push(inspect(kept, { depth: 10 }), JSON.stringify(kept))
      answers.push(yield* callFunction(user["access_token"], "fail"))
      answers.push(yield* ask("GET", `${root}/auth/profile`, { token: `${user["access_token"]}x` }))
      answers.push(yield* ask("GET", `${root}/auth/api_keys`, { token: user["access_token"] }))
      assert.isTrue(answers.some(({ status }) => status === 500))
      const text = [
        ...seen,
        ...answers.map(({ headers, text }) => text + JSON.stringify(headers)),
        inspect(app, { depth: 10 })
      ].join("\n")
      for (const secret of [...secrets, token, jwt, user["access_token"], user["refresh_token"], created.body["key"]]) {
        assert.isAbove(secret.length, 10)
        assert.notInclude(text, secret)
      }
      assert.include(text, "Tokens.access")
      assert.include(text, "unexpected error while handling a request")
    }).pipe(
      Effect.provide(
        inProcess(app, { signingKey: Redacted.make("signing-key-signing-key-signing-key") }).pipe(
          Layer.provideMerge(Logger.layer([logger]))
        )
      ),
      Effect.withTracer(tracer)
    )
  })

  it.effect("the report and the errors of a directory contain none", () =>
    Effect.gen(function* () {
      const folder = yield* directory({
        "realm_config.json": {},
        "values/a.json": { name: "a", value: "s", from_secret: true },
        "values/b.json": { name: "b", value: "gone", from_secret: true },
        "secrets.json": { s: "top-secret-value" }
      })
      const app = yield* AppDirectory.load(folder)
      assert.notInclude(inspect(app, { depth: 10 }), "top-secret-value")
      assert.isAbove(app.report.length, 0)
    }).pipe(Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)))
  )

  it.effect("the error about an invalid signing key contains none", () =>
    Effect.gen(function* () {
      const short = Redacted.make("too-short-to-sign")
      const exit = yield* Effect.exit(
        Effect.provide(Effect.void, AppServicesServer.layerHttpClient([], { signingKey: short }))
      )
      assert.include(inspect(exit, { depth: 10 }), "at least 32 characters")
      assert.notInclude(inspect(exit, { depth: 10 }), "too-short-to-sign")
    })
  )
})
