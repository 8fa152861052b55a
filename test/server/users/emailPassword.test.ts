import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { App, Inbox } from "effect-app-services/server"
import { ask, emailPassword, path, register, root, withApps } from "../support.ts"

const ada = { email: "ada@example.com", password: "correct horse" }

const post = (route: string, body: unknown, appId = "my-app") =>
  ask("POST", path(appId, `auth/providers/local-userpass/${route}`), { body })

const appWith = (options: App.EmailPasswordOptions | boolean) =>
  App.make({ id: "my-app", providers: { emailPassword: options } })

/** The last message, as the person who gets it sees it. */
const lastMail = Effect.gen(function* () {
  const { html, text, token, url, ...message } = (yield* (yield* Inbox.Inbox).messages()).at(-1)!
  const plain = (secret: Redacted.Redacted | undefined) => (secret === undefined ? undefined : Redacted.value(secret))
  return { ...message, html: plain(html), text: plain(text), token: Redacted.value(token), url: plain(url) }
})

const refused = { error: "unauthorized", error_code: "AuthError" }
const nonsense = { error: "invalid token data", error_code: "BadRequest" }
const spent = { error: "userpass token is expired or invalid", error_code: "UserpassTokenInvalid" }
const unknown = { error: "user not found", error_code: "UserNotFound" }
const confirmed = { error: "already confirmed", error_code: "UserAlreadyConfirmed" }

describe("confirmation by e-mail", () => {
  const app = appWith({ emailConfirmationUrl: "https://shop.test/confirm?lang=en#top" })

  it.effect("rejects logins until the link is opened", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* register(ada.email, ada.password)).status, 201)
      const early = yield* emailPassword(ada.email, ada.password)
      assert.deepStrictEqual([early.status, early.body], [401, refused])
      const { at: _at, token, tokenId, ...mail } = yield* lastMail
      assert.deepStrictEqual(mail, {
        app: "my-app",
        to: ada.email,
        kind: "confirmation",
        subject: "Please confirm your email address",
        url: `https://shop.test/confirm?lang=en&token=${token}&tokenId=${tokenId}#top`,
        text: [
          `To confirm ${ada.email} for my-app, open this page:`,
          "",
          `https://shop.test/confirm?lang=en&token=${token}&tokenId=${tokenId}#top`,
          "",
          "The link is valid once, for 30 minutes. If you did not ask for this e-mail, ignore it.",
          ""
        ].join("\n"),
        html: [
          `<p>To confirm ${ada.email} for my-app, <a href="https://shop.test/confirm?lang=en&amp;token=${token}&amp;tokenId=${tokenId}#top">open this page</a>.</p>`,
          "<p>The link is valid once, for 30 minutes. If you did not ask for this e-mail, ignore it.</p>",
          ""
        ].join("\n")
      })
      const answer = yield* post("confirm", { token, tokenId })
      assert.deepStrictEqual([answer.status, answer.text, answer.headers["content-type"]], [204, "", undefined])
      assert.strictEqual((yield* emailPassword(ada.email, ada.password)).status, 200)
      const again = yield* post("confirm", { token, tokenId })
      assert.deepStrictEqual([again.status, again.body], [400, spent])
    }).pipe(withApps(app))
  )

  it.effect("takes its own tokens only, once, and for half an hour", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const { token, tokenId } = yield* lastMail
      const other = token.startsWith("0") ? `1${token.slice(1)}` : `0${token.slice(1)}`
      for (const [body, error] of [
        [{ token: "nonsense", tokenId }, nonsense],
        [{ token, tokenId: "nonsense" }, nonsense],
        [{ token: "", tokenId: "" }, nonsense],
        [{ token: other, tokenId }, spent],
        [{ token, tokenId: "5f1d7f3e9c1b2a0012345678" }, spent],
        [{ token }, { error: "'tokenId' is a required string", error_code: "MissingParameter" }]
      ] as const) {
        const answer = yield* post("confirm", body)
        assert.deepStrictEqual([answer.status, answer.body], [400, error])
      }
      const asReset = yield* post("reset", { token, tokenId, password: "another one" })
      assert.deepStrictEqual([asReset.status, asReset.body], [400, spent])
      yield* TestClock.adjust("30 minutes")
      const late = yield* post("confirm", { token, tokenId })
      assert.deepStrictEqual([late.status, late.body], [400, spent])
      yield* post("confirm/send", { email: ada.email })
      const fresh = yield* lastMail
      yield* TestClock.adjust("29 minutes")
      const answer = yield* post("confirm", { token: fresh.token, tokenId: fresh.tokenId })
      assert.strictEqual(answer.status, 204)
    }).pipe(withApps(app))
  )

  it.effect("can be sent again, and the last link counts", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const first = yield* lastMail
      const sent = yield* post("confirm/send", { email: ada.email })
      assert.deepStrictEqual([sent.status, sent.text], [200, "{}"])
      const second = yield* lastMail
      assert.strictEqual((yield* post("confirm", { token: first.token, tokenId: first.tokenId })).status, 400)
      assert.strictEqual((yield* post("confirm", { token: second.token, tokenId: second.tokenId })).status, 204)
      const late = yield* post("confirm/send", { email: ada.email })
      assert.deepStrictEqual([late.status, late.body], [400, confirmed])
      const unknownUser = yield* post("confirm/send", { email: "eve@example.com" })
      assert.deepStrictEqual([unknownUser.status, unknownUser.body], [404, unknown])
      const call = yield* post("confirm/call", { email: ada.email })
      assert.deepStrictEqual(
        [call.status, call.body],
        [
          400,
          {
            error: `cannot run confirmation for ${ada.email}: there is no confirmation function`,
            error_code: "BadRequest"
          }
        ]
      )
    }).pipe(withApps(app))
  )

  it.effect("has its own subject, and no link where no page is configured", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const { subject, token, tokenId, url } = yield* lastMail
      assert.deepStrictEqual([subject, url], ["Welcome", undefined])
      assert.strictEqual((yield* post("confirm", { token, tokenId })).status, 204)
    }).pipe(withApps(appWith({ autoConfirm: false, mails: { confirmation: { subject: "Welcome" } } })))
  )

  it.effect("has the texts of the application, in which nothing that a client sent is markup or another line", () =>
    Effect.gen(function* () {
      yield* register(`<b>"x'&\r\nBcc: eve@x.test`, ada.password)
      const { html, subject, text, token, tokenId } = yield* lastMail
      assert.deepStrictEqual(
        [subject, text, html],
        [
          `Hi <b>"x'& Bcc: eve@x.test`,
          `<b>"x'& Bcc: eve@x.test: https://x.test/c?token=${token}&tokenId=${tokenId} in 30 of my-app {{unknown}}`,
          `<a href="https://x.test/c?token=${token}&amp;tokenId=${tokenId}">&lt;b&gt;&quot;x&#39;&amp; Bcc: eve@x.test</a> ${tokenId}`
        ]
      )
    }).pipe(
      withApps(
        appWith({
          emailConfirmationUrl: "https://x.test/c",
          mails: {
            confirmation: {
              subject: "Hi {{email}}",
              text: "{{email}}: {{ url }} in {{minutes}} of {{app}} {{unknown}}",
              html: '<a href="{{url}}">{{email}}</a> {{tokenId}}'
            }
          }
        })
      )
    )
  )

  it.effect("has no HTML if the application has a plain text only", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const { html, text, token } = yield* lastMail
      assert.deepStrictEqual([text, html], [`token ${token}`, undefined])
    }).pipe(withApps(appWith({ autoConfirm: false, mails: { confirmation: { text: "token {{token}}" } } })))
  )

  it.effect("is not valid in another application", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      yield* register(ada.email, ada.password, "other")
      const [first] = yield* (yield* Inbox.Inbox).messages("my-app")
      const token = { token: Redacted.value(first.token), tokenId: first.tokenId }
      assert.deepStrictEqual((yield* post("confirm", token, "other")).body, spent)
      assert.strictEqual((yield* post("confirm", token)).status, 204)
    }).pipe(withApps([app, App.make({ id: "other", providers: { emailPassword: { autoConfirm: false } } })]))
  )
})

describe("confirmation by a function", () => {
  type Question = { readonly token: string; readonly tokenId: string; readonly username: string }
  const asking = (answer: (question: Question) => unknown) => {
    const asked: Array<Question> = []
    const confirmationFunction = (question: Question) => {
      asked.push(question)
      return answer(question)
    }
    return { asked, app: appWith({ confirmationFunction }) }
  }

  it.effect("allows logging in at once if it succeeds", () => {
    const { app, asked } = asking(() => ({ status: "success" }))
    return Effect.gen(function* () {
      assert.strictEqual((yield* register(ada.email, ada.password)).status, 201)
      assert.strictEqual((yield* emailPassword(ada.email, ada.password)).status, 200)
      assert.deepStrictEqual(Object.keys(asked[0]).toSorted(), ["token", "tokenId", "username"])
      assert.strictEqual(asked[0].username, ada.email)
      const { token, tokenId } = asked[0]
      assert.deepStrictEqual((yield* post("confirm", { token, tokenId })).body, spent)
      const again = yield* post("confirm/call", { email: ada.email })
      assert.deepStrictEqual([again.status, again.body], [400, confirmed])
      assert.deepStrictEqual(yield* (yield* Inbox.Inbox).messages(), [])
    }).pipe(withApps(app))
  })

  it.effect("is completed by the token, or by calling it again, if it is pending", () => {
    const { app, asked } = asking(() => ({ status: "pending" }))
    return Effect.gen(function* () {
      assert.strictEqual((yield* register(ada.email, ada.password)).status, 201)
      assert.deepStrictEqual((yield* emailPassword(ada.email, ada.password)).body, refused)
      const again = yield* post("confirm/call", { email: ada.email })
      assert.deepStrictEqual([again.status, again.body], [202, { status: "pending" }])
      assert.strictEqual(asked.length, 2)
      const { token, tokenId } = asked[1]
      assert.strictEqual((yield* post("confirm", { token, tokenId })).status, 204)
      assert.strictEqual((yield* emailPassword(ada.email, ada.password)).status, 200)
      const unknownUser = yield* post("confirm/call", { email: "eve@example.com" })
      assert.deepStrictEqual([unknownUser.status, unknownUser.body], [404, unknown])
      const send = yield* post("confirm/send", { email: ada.email })
      assert.deepStrictEqual(send.body, confirmed)
    }).pipe(withApps(app))
  })

  it.effect("cannot be gone around by e-mail", () => {
    const { app } = asking(() => ({ status: "pending" }))
    return Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const { body, status } = yield* post("confirm/send", { email: ada.email })
      assert.deepStrictEqual(
        [status, body],
        [400, { error: "please confirm the email via function", error_code: "BadRequest" }]
      )
    }).pipe(withApps(app))
  })

  it.effect("registers no user if it fails, throws or returns an invalid result", () => {
    let answer: () => unknown = () => undefined
    const { app } = asking(() => answer())
    return Effect.gen(function* () {
      const failed = { error: `failed to confirm user "${ada.email}"`, error_code: "BadRequest" }
      for (const [next, error] of [
        [() => ({ status: "fail" }), failed],
        [() => ({ status: "ok" }), failed],
        [() => "success", failed],
        [() => null, failed],
        [
          () => {
            throw new Error("boom")
          },
          { error: "Error: boom", error_code: "FunctionExecutionError" }
        ]
      ] as const) {
        answer = next
        const { body, status } = yield* register(ada.email, ada.password)
        assert.deepStrictEqual([status, body], [400, error])
      }
      answer = () => ({ status: "pending" })
      assert.strictEqual((yield* register(ada.email, ada.password)).status, 201)
      answer = () => ({ status: "fail" })
      const again = yield* post("confirm/call", { email: ada.email })
      assert.deepStrictEqual([again.status, again.body], [400, failed])
      assert.strictEqual((yield* register(ada.email, ada.password)).status, 409)
    }).pipe(withApps(app))
  })

  it.effect("is an error if the function does not exist", () =>
    Effect.gen(function* () {
      const { body, status } = yield* register(ada.email, ada.password)
      assert.deepStrictEqual(
        [status, body],
        [400, { error: "function not found: 'gone'", error_code: "FunctionNotFound" }]
      )
    }).pipe(withApps(appWith({ confirmationFunction: "gone" })))
  )

  it.effect("is not called if users are confirmed automatically", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* register(ada.email, ada.password)).status, 201)
      assert.strictEqual((yield* emailPassword(ada.email, ada.password)).status, 200)
      for (const email of [ada.email, "eve@example.com"]) {
        const { body, status } = yield* post("confirm/call", { email })
        assert.deepStrictEqual(
          [status, body],
          [
            400,
            {
              error: `cannot run confirmation for ${email}: automatic confirmation is enabled`,
              error_code: "BadRequest"
            }
          ]
        )
      }
    }).pipe(withApps(appWith({ autoConfirm: true, confirmationFunction: () => ({ status: "fail" }) })))
  )
})

describe("resetting a password", () => {
  const refresh = (token: string) => ask("POST", `${root}/auth/session`, { token })

  it.effect("ends the user's sessions and the old password after an e-mail", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const before = yield* emailPassword(ada.email, ada.password)
      const sent = yield* post("reset/send", { email: ada.email })
      assert.deepStrictEqual([sent.status, sent.text], [202, "{}"])
      const { kind, subject, token, tokenId, url } = yield* lastMail
      assert.deepStrictEqual([kind, subject], ["reset", "Reset your password"])
      assert.strictEqual(url, `https://shop.test/reset?token=${token}&tokenId=${tokenId}`)
      const short = yield* post("reset", { token, tokenId, password: "short" })
      assert.deepStrictEqual(
        [short.status, short.body],
        [400, { error: "password must be between 6 and 128 characters", error_code: "BadRequest" }]
      )
      const asConfirmation = yield* post("confirm", { token, tokenId })
      assert.deepStrictEqual(asConfirmation.body, spent)
      const done = yield* post("reset", { token, tokenId, password: "battery staple" })
      assert.deepStrictEqual([done.status, done.text], [204, ""])
      assert.deepStrictEqual((yield* refresh(before.body["refresh_token"])).body, {
        error: "invalid session: failed to find refresh token",
        error_code: "InvalidSession"
      })
      assert.strictEqual((yield* emailPassword(ada.email, ada.password)).body["error_code"], "InvalidPassword")
      const after = yield* emailPassword(ada.email, "battery staple")
      assert.strictEqual(after.body["user_id"], before.body["user_id"])
      assert.deepStrictEqual((yield* post("reset", { token, tokenId, password: "a third one" })).body, spent)
      assert.strictEqual((yield* refresh(after.body["refresh_token"])).status, 201)
    }).pipe(withApps(appWith({ resetPasswordUrl: "https://shop.test/reset" })))
  )

  it.effect("rejects invalid and expired tokens and unknown users", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const unknownUser = yield* post("reset/send", { email: "eve@example.com" })
      assert.deepStrictEqual([unknownUser.status, unknownUser.body], [404, unknown])
      const bad = yield* post("reset", { token: "t", tokenId: "t", password: "another one" })
      assert.deepStrictEqual([bad.status, bad.body], [400, nonsense])
      yield* post("reset/send", { email: ada.email })
      const { token, tokenId } = yield* lastMail
      yield* TestClock.adjust("31 minutes")
      const late = yield* post("reset", { token, tokenId, password: "another one" })
      assert.deepStrictEqual([late.status, late.body], [400, spent])
      const call = yield* post("reset/call", { ...ada, arguments: [] })
      assert.deepStrictEqual(
        [call.status, call.body],
        [400, { error: "please use reset password via email", error_code: "BadRequest" }]
      )
    }).pipe(withApps(appWith(true)))
  )

  it.effect("dies with the account it is of", () =>
    Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const { body } = yield* emailPassword(ada.email, ada.password)
      yield* post("reset/send", { email: ada.email })
      const { token, tokenId } = yield* lastMail
      yield* ask("DELETE", `${root}/auth/delete`, { token: body["access_token"] })
      yield* register(ada.email, "somebody else's")
      assert.deepStrictEqual((yield* post("reset", { token, tokenId, password: "taken over" })).body, spent)
      assert.strictEqual((yield* emailPassword(ada.email, "somebody else's")).status, 200)
    }).pipe(withApps(appWith(true)))
  )

  it.effect("follows the decision of a function", () => {
    const asked: Array<ReadonlyArray<unknown>> = []
    let status: unknown = "success"
    const resetFunction = (...args: ReadonlyArray<unknown>) => {
      asked.push(args)
      return { status }
    }
    const call = (password: string, args?: unknown, email = ada.email) =>
      post("reset/call", { email, password, ...(args === undefined ? undefined : { arguments: args }) })
    return Effect.gen(function* () {
      yield* register(ada.email, ada.password)
      const before = yield* emailPassword(ada.email, ada.password)

      const done = yield* call("battery staple", [{ $numberInt: "42" }, { at: { $date: { $numberLong: "5" } } }, null])
      assert.deepStrictEqual([done.status, done.body], [202, { status: "success" }])
      const [question, ...args] = asked[0] as [Record<string, unknown>, ...ReadonlyArray<unknown>]
      const { token, tokenId, ...rest } = question
      assert.deepStrictEqual(rest, { username: ada.email, password: "battery staple", currentPasswordValid: false })
      assert.deepStrictEqual(args, [42, { at: new Date(5) }, null])
      assert.strictEqual((yield* emailPassword(ada.email, "battery staple")).status, 200)
      assert.strictEqual((yield* refresh(before.body["refresh_token"])).status, 401)
      assert.deepStrictEqual((yield* post("reset", { token, tokenId, password: "another one" })).body, spent)

      status = "fail"
      const failed = yield* call("battery staple")
      assert.deepStrictEqual(
        [failed.status, failed.body],
        [400, { error: `failed to reset password for user "${ada.email}"` }]
      )
      assert.deepInclude(asked[1][0], { currentPasswordValid: true })
      assert.strictEqual(asked[1].length, 1)

      status = "pending"
      const pending = yield* call("ignored password", [])
      assert.deepStrictEqual([pending.status, pending.body], [202, { status: "pending" }])
      assert.strictEqual((yield* emailPassword(ada.email, "battery staple")).status, 200)
      const last = asked[2][0] as { token: string; tokenId: string }
      const reset = yield* post("reset", { token: last.token, tokenId: last.tokenId, password: "chosen later" })
      assert.strictEqual(reset.status, 204)
      assert.strictEqual((yield* emailPassword(ada.email, "chosen later")).status, 200)

      const cases = [
        [yield* call("battery staple", [], "eve@example.com"), 404, unknown],
        [yield* call("battery staple", null, "eve@example.com"), 404, unknown],
        [
          yield* call("short"),
          400,
          { error: "password must be between 6 and 128 characters", error_code: "BadRequest" }
        ],
        [
          yield* call("battery staple", 5),
          400,
          { error: "'arguments' must be an array", error_code: "InvalidParameter" }
        ],
        [
          yield* post("reset/send", { email: ada.email }),
          400,
          { error: "please use reset password via function", error_code: "BadRequest" }
        ]
      ] as const
      for (const [answer, code, error] of cases) assert.deepStrictEqual([answer.status, answer.body], [code, error])
      assert.strictEqual(asked.length, 3)
      assert.deepStrictEqual(yield* (yield* Inbox.Inbox).messages(), [])
    }).pipe(withApps(appWith({ resetFunction })))
  })

  it.effect("changes nothing if the function throws or does not exist", () =>
    Effect.gen(function* () {
      for (const appId of ["throws", "gone"]) {
        yield* register(ada.email, ada.password, appId)
        const { body, status } = yield* post("reset/call", { ...ada, password: "another one" }, appId)
        assert.deepStrictEqual(
          [status, body],
          appId === "gone"
            ? [400, { error: "function not found: 'gone'", error_code: "FunctionNotFound" }]
            : [400, { error: "Error: boom", error_code: "FunctionExecutionError" }]
        )
        assert.strictEqual((yield* emailPassword(ada.email, ada.password, appId)).status, 200)
      }
    }).pipe(
      withApps([
        App.make({ id: "gone", providers: { emailPassword: { resetFunction: "gone" } } }),
        App.make({
          id: "throws",
          providers: { emailPassword: { resetFunction: () => Effect.die(new Error("boom")) } }
        })
      ])
    )
  )
})

describe("accounts with e-mail and password", () => {
  it.effect("rejects every request if the provider is disabled or the application unknown", () =>
    Effect.gen(function* () {
      const bodies = {
        confirm: { token: "t", tokenId: "t" },
        "confirm/send": { email: "a" },
        "confirm/call": { email: "a" },
        reset: { token: "t", tokenId: "t", password: "battery staple" },
        "reset/send": { email: "a" },
        "reset/call": { email: "a", password: "battery staple", arguments: [] }
      }
      for (const [route, body] of Object.entries(bodies)) {
        const off = yield* post(route, body)
        assert.deepStrictEqual(
          [off.status, off.body],
          [400, { error: "authentication via 'local-userpass' is unsupported" }],
          route
        )
        const nowhere = yield* post(route, body, "no-app")
        assert.deepStrictEqual(
          [nowhere.status, nowhere.body],
          [404, { error: "cannot find app using Client App ID 'no-app'" }],
          route
        )
        const empty = yield* post(route, {})
        assert.deepInclude(empty.body, { error_code: "MissingParameter" }, route)
      }
    }).pipe(withApps(App.make({ id: "my-app" })))
  )
})
