import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError } from "effect/http"
import { AppServices, AuthApi, Credentials, EmailPasswordApi, FunctionStreams, TokenStore } from "effect-app-services"
import * as Secrets from "../../src/client/internal/secrets.ts"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const json = (text: string) => JSON.stringify(text).slice(1, -1)
const unicode = (text: string) =>
  text
    .split("")
    .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("")
const html = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;")

/** How a host writes what it was sent. */
const forms: Readonly<Record<string, (text: string) => string>> = {
  "as it is": (text) => text,
  "as JSON": json,
  "as JSON in JSON": (text) => json(json(text)),
  "as JSON with every character escaped": unicode,
  "as JSON with every character escaped in capitals": (text) => unicode(text).toUpperCase().replaceAll("\\U", "\\u"),
  "as JSON with escaped slashes": (text) => json(text).replaceAll("/", "\\/"),
  "in a URL": encodeURIComponent,
  "in a URL, escaped twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  "in a form": (text) => new URLSearchParams({ a: text }).toString().slice(2),
  "in HTML": html,
  "in HTML of JSON": (text) => html(json(text)),
  "in base64": (text) => Buffer.from(`user:${text}`).toString("base64"),
  "in base64url": (text) => Buffer.from(`{"p":"${text}"}`).toString("base64url")
}

const passwords = [
  "hunter2hunter2",
  'pw"quote"77',
  "back\\slash\\nnot",
  "grüße+äpfel 99%",
  "<a&b>'c'/d",
  "%41\\u0041&amp;x",
  "two\nlines"
]

/** Every text that a careless program may print of an error. */
const printed = (error: unknown): string =>
  [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)].join("\n")

const holds = (text: string, secret: string) =>
  Object.values(forms).some((form) => text.includes(form(secret).replace(/=+$/, "")))

describe("a secret that a host echoes", () => {
  it.each(Object.entries(forms))("%s is taken out, and what stands around it stays", (name, form) => {
    for (const password of passwords) {
      const { clean } = Secrets.make([Redacted.make(password)])
      const cleaned = clean(`before ${form(password)} after`)
      if (name.includes("base64")) assert.match(cleaned, /^before .*<redacted>.* after$/)
      else assert.strictEqual(cleaned, "before <redacted> after", password)
    }
  })

  it("is taken out wherever it stands, and other words are not", () => {
    const { clean } = Secrets.make([Redacted.make("abcabc"), Redacted.make("bca"), Redacted.make("")])
    assert.strictEqual(clean("xabcabcabcx and \\n %20 &amp;"), "x<redacted>x and \\n %20 &amp;")
    assert.strictEqual(clean("nothing %zz \\u12 &#99999999; &nope; \\"), "nothing %zz \\u12 &#99999999; &nope; \\")
  })

  const positions: Readonly<Record<string, (echo: string) => unknown>> = {
    "its message": (echo) => ({ error: `refused: ${echo}`, error_code: "BadRequest" }),
    "its link": (echo) => ({ error: "refused", error_code: "BadRequest", link: `http://h/logs?q=${echo}` }),
    "its code": (echo) => ({ error: "refused", error_code: echo }),
    "the code of another spelling": (echo) => ({ error: "refused", errorCode: echo }),
    "JSON in its message": (echo) => ({ error: JSON.stringify({ message: echo, error_code: echo }) }),
    "a failure of a function": (echo) => ({
      error: JSON.stringify({ _tag: echo }),
      error_code: "FunctionExecutionError"
    })
  }
  const credentials = (secret: string): ReadonlyArray<readonly [string, Credentials.Credentials]> => [
    ["a password", Credentials.emailPassword({ email: "a@b.c", password: secret })],
    ["a key", Credentials.apiKey(secret)],
    ["a token", Credentials.jwt(secret)],
    ["a payload", Credentials.function({ deep: [{ secret }] })]
  ]
  it.effect.each(Object.entries(positions))("shows nowhere in the error of a login: %s", ([, body]) =>
    Effect.gen(function* () {
      for (const [form, write] of Object.entries(forms)) {
        for (const status of [400, 401, 403, 409, 429, 500]) {
          const secret = "pw-quote-77+/x"
          const { layer } = host((request) =>
            request.path.endsWith("/login") ? { status, body: body(write(secret)) } : undefined
          )
          yield* Effect.gen(function* () {
            const auth = yield* AuthApi
            for (const [kind, credential] of credentials(secret)) {
              const text = printed(yield* failure(auth.logIn(credential)))
              assert.isFalse(holds(text, secret), `${form} of ${kind} with status ${status}: ${text}`)
            }
          }).pipe(Effect.provide(sdk(layer), { local: true }))
        }
      }
    })
  )

  it.effect("does not appear as a token in errors of calls, refreshes, profiles, API keys and streams", () => {
    const bearer = ({ headers }: Seen) => (headers["authorization"] ?? "").replace("Bearer ", "")
    const { layer } = host((request): Answer | undefined => {
      const echo = bearer(request)
      if (request.path.endsWith("/login") || echo === "") return undefined
      if (request.method === "GET" && request.path.endsWith("/functions/call")) {
        const data = JSON.stringify({ error: `no: ${echo}`, error_code: echo })
        return { body: `event: error\ndata: ${data}\n\n`, headers: { "content-type": "text/event-stream" } }
      }
      return { status: 400, body: { error: `no: ${echo}`, error_code: echo, link: `http://h/${echo}` } }
    })
    return Effect.gen(function* () {
      const user = yield* logIn
      const streams = yield* FunctionStreams
      const tokens = (yield* TokenStore).forApp("my-app")
      const { session } = yield* Effect.flatMap(tokens.get(user.id), Effect.fromOption)
      for (const operation of [
        user.functions.sum(1, 2),
        user.refreshCustomData,
        user.refreshProfile,
        user.apiKeys.create("ci"),
        user.push("gcm").deregister,
        Stream.runCollect(streams.stream(user.id, "ticks", []))
      ]) {
        const text = printed(yield* failure(operation))
        assert.include(text, "no: <redacted>")
        for (const secret of [session?.accessToken, session?.refreshToken]) {
          assert.isFalse(holds(text, Redacted.value(secret ?? Redacted.make("missing"))), text)
        }
      }
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("from the payload of a custom function is known however deep, a number or a short PIN too", () => {
    const payload = { pin: 4711, deep: { list: ["s3", { n: 12.5, big: 9_007_199_254_740_993n }] }, on: true, no: null }
    const leaves = ["4711", "s3", "12.5", "9007199254740993"]
    const { layer } = host((request) =>
      request.path.endsWith("/login")
        ? { status: 401, body: { error: `bad pin in ${request.body}`, error_code: `Err4711` } }
        : undefined
    )
    return Effect.gen(function* () {
      const error = yield* failure(AuthApi.use((auth) => auth.logIn(Credentials.function(payload))))
      for (const leaf of leaves) assert.notInclude(JSON.stringify(error), leaf)
      assert.include(error.message, "bad pin in")
      assert.include(error.message, '"on":true')
      assert.isUndefined(error.code)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it("is taken out as a word where it has up to three characters, and leaves other words whole", () => {
    const { clean } = Secrets.make([Redacted.make("12")])
    for (const text of ["between 6 and 128 characters", "grüß12", "at 12th"]) assert.strictEqual(clean(text), text)
    for (const form of ["12", '"12"', "pin=12&", "%31%32", "\\u00312", "a 12."]) {
      assert.include(clean(form), "<redacted>", form)
      assert.isFalse(holds(clean(form), "12"), form)
    }
  })

  it.effect("from the arguments of a reset function is known", () => {
    const { layer } = host((request) =>
      request.path.endsWith("/reset/call") ? { status: 400, body: { error: request.body } } : undefined
    )
    return Effect.gen(function* () {
      const api = yield* EmailPasswordApi
      const account = { email: "a@b.c", password: "hunter2hunter2" }
      const error = yield* failure(api.callResetPasswordFunction(account, { answer: "first pet" }, 1234))
      for (const secret of ["hunter2hunter2", "first pet", "1234"]) assert.notInclude(printed(error), secret)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("the code of a host", () => {
  const codeOf = (code: string, secret: string) => Secrets.make([Redacted.make(secret)]).code(code)

  it("is kept where it is one of the protocol or looks like one", () => {
    for (const code of ["InvalidPassword", "Brandnew", "E_11000"]) assert.strictEqual(codeOf(code, "x".repeat(9)), code)
    // a short secret does not hide what kind of refusal it was
    assert.strictEqual(codeOf("InvalidPassword", "a"), "InvalidPassword")
  })

  it("is dropped if it is not an identifier, is a secret, or contains one", () => {
    for (const code of ["", "two words", "a.b.c", "<b>", "x".repeat(65), "1st"]) assert.isUndefined(codeOf(code, "zzz"))
    assert.isUndefined(codeOf("hunter2hunter2", "hunter2hunter2"))
    assert.isUndefined(codeOf("InvalidPassword", "InvalidPassword"))
    assert.isUndefined(codeOf("Err_hunter2", "hunter2"))
    assert.isUndefined(codeOf("signaturepart", "head.body.signaturepart"))
  })
})

describe("a token that no header can carry", () => {
  const bad = ["\n", "\r\nX: 1", "\0", " ", "é", "\u2028"].map((piece) => `${token({ n: 1 })}${piece}x`)

  it.effect("is refused when a host answers it, without being shown", () =>
    Effect.gen(function* () {
      for (const text of bad) {
        for (const body of [
          { access_token: text, refresh_token: token(), user_id: "u" },
          { access_token: token(), refresh_token: text, user_id: "u" }
        ]) {
          const { layer } = host((request) => (request.path.endsWith("/login") ? { body } : undefined))
          const error = yield* failure(logIn).pipe(Effect.provide(sdk(layer), { local: true }))
          assert.strictEqual(error.reason._tag, "InvalidResponse")
          assert.include(error.message, "visible ASCII")
          assert.notInclude(printed(error), token({ n: 1 }))
        }
        const { layer } = host((request) =>
          request.path.endsWith("/auth/session") ? { status: 201, body: { access_token: text } } : undefined
        )
        const error = yield* Effect.flatMap(logIn, (user) => failure(user.refreshCustomData)).pipe(
          Effect.provide(sdk(layer), { local: true })
        )
        assert.strictEqual(error.reason._tag, "InvalidResponse")
        assert.notInclude(printed(error), token({ n: 1 }))
      }
    })
  )

  it.effect("is not sent when a store has it", () =>
    Effect.gen(function* () {
      for (const text of bad) {
        let requests = 0
        const Fetch = Layer.succeed(FetchHttpClient.Fetch, async () => {
          requests++
          return Response.json({})
        })
        const Live = AppServices.layer({ appId: "my-app", baseUrl: "http://h.test", skipLocationRequest: true }).pipe(
          Layer.provide(FetchHttpClient.layer.pipe(Layer.provide(Fetch)))
        )
        yield* Effect.gen(function* () {
          const session = {
            accessToken: Redacted.make(text),
            refreshToken: Redacted.make(text),
            receivedAt: 0,
            expiresAt: 1_800_000
          }
          const tokens = (yield* TokenStore).forApp("my-app")
          yield* tokens.modify("u", () => [undefined, Option.some({ id: "u", providerType: "api-key", session })])
          const user = yield* AuthApi.use((auth) => auth.user("u"))
          for (const operation of [user.functions.sum(1, 2), user.refreshCustomData, user.apiKeys.fetchAll]) {
            const exit = yield* Effect.exit(operation)
            assert.isTrue(Exit.isFailure(exit))
            assert.include(printed(exit), "log in again")
            assert.notInclude(printed(exit), token({ n: 1 }))
          }
          assert.strictEqual(requests, 0)
        }).pipe(Effect.provide(Live, { local: true }))
      }
    })
  )
})

it.effect("a transport whose error quotes what it was to send gives a cause without it", () => {
  const well = host()
  const Quoting = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      HttpClient.make((request) =>
        request.url.endsWith("/functions/call")
          ? Effect.fail(
              new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({
                  request,
                  cause: new TypeError("fetch failed", {
                    cause: new Error(`cannot write "${request.headers["authorization"]}"`)
                  })
                })
              })
            )
          : client.execute(request)
      )
    )
  ).pipe(Layer.provide(well.layer))
  return Effect.gen(function* () {
    const user = yield* logIn
    const error = yield* failure(user.functions.sum(1, 2))
    const secret = Redacted.value(Option.getOrThrow(yield* user.accessToken))
    assert.strictEqual(error.reason._tag, "TransportError")
    assert.include(error.message, "cannot write")
    assert.notInclude(printed(error), secret)
  }).pipe(Effect.provide(sdk(Quoting)))
})
