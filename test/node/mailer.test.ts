import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, type Layer, Redacted } from "effect"
import { NodeMailer } from "effect-app-services/node"
import { type Inbox, Mailer } from "effect-app-services/server"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { directory } from "../server/support.ts"
import type { SMTPServerOptions } from "smtp-server"
import { certificate, smtpServer } from "../support/smtp.ts"

const from = "Shop <no-reply@shop.example>"
const tokenId = "6b0c41a97b67d13bd40a0f69"
const message: Inbox.Message = {
  app: "my-app",
  to: "ada@example.com",
  kind: "reset",
  subject: "Reset your password",
  url: Redacted.make("https://x.test/r?token=t0ken"),
  token: Redacted.make("t0ken"),
  tokenId,
  text: Redacted.make("Open https://x.test/r?token=t0ken\n"),
  html: Redacted.make('<a href="https://x.test/r?token=t0ken">open</a>'),
  at: DateTime.makeUnsafe("2026-11-29T12:00:00Z")
}

const send = <E>(mailer: Layer.Layer<Mailer.Mailer, E>) =>
  Mailer.Mailer.use((mailer) => mailer.send(message)).pipe(Effect.provide(mailer))

/** Why a message was not sent, and whether it is to be tried again. */
const failed = <E extends { readonly message: string }>(mailer: Layer.Layer<Mailer.Mailer, E>) =>
  Effect.map(Effect.flip(send(mailer)), (error) => ({
    message: error.message,
    retryable: "retryable" in error ? error.retryable : undefined,
    all: inspect(error, { depth: 10 })
  }))

const smtp = (url: string, ca?: string) => NodeMailer.layerSmtp({ url: Redacted.make(url), from, ca })

describe("mail by SMTP", () => {
  it.live("sends the text and the HTML, to one recipient, under an id that does not change", () =>
    Effect.gen(function* () {
      const { port, received } = yield* smtpServer()
      yield* send(smtp(`smtp://127.0.0.1:${port}`))
      yield* send(smtp(`smtp://127.0.0.1:${port}`))
      assert.deepStrictEqual(
        received.map(({ recipients, secure, user }) => ({ recipients, secure, user })),
        Array.from({ length: 2 }, () => ({ recipients: ["ada@example.com"], secure: false, user: undefined }))
      )
      for (const { text } of received) {
        assert.include(text, "From: Shop <no-reply@shop.example>\r\nTo: ada@example.com\r\n")
        assert.include(text, "Subject: Reset your password\r\n")
        assert.include(text, `Message-ID: <${tokenId}@shop.example>\r\n`)
        assert.include(text, "Date: Sun, 29 Nov 2026 12:00:00 +0000\r\n")
        assert.include(text, "Auto-Submitted: auto-generated\r\n")
        assert.include(text, "\r\nOpen https://x.test/r?token=t0ken\r\n")
        assert.include(text, '<a href="https://x.test/r?token=t0ken">open</a>')
      }
    })
  )

  it.live("uses TLS with a certificate that it trusts, and sends nothing otherwise", () =>
    Effect.gen(function* () {
      const { cert, key } = yield* certificate
      const auth: SMTPServerOptions = {
        authOptional: false,
        onAuth: ({ password, username }, _, done) =>
          password === "p%ss" ? done(null, { user: username ?? "" }) : done(new Error(`${password} is wrong`))
      }
      const starttls = yield* smtpServer(undefined, { key, cert, ...auth })
      const immediate = yield* smtpServer(undefined, { key, cert, secure: true, ...auth })
      const plain = yield* smtpServer()
      yield* send(smtp(`smtp://ada%40x:p%25ss@127.0.0.1:${starttls.port}?tls=required`, cert))
      yield* send(smtp(`smtps://ada%40x:p%25ss@localhost:${immediate.port}`, cert))
      for (const { received } of [starttls, immediate]) {
        assert.deepStrictEqual(
          received.map(({ secure, user }) => [secure, user]),
          [[true, "ada@x"]]
        )
      }
      const refused = yield* Effect.all([
        failed(smtp(`smtp://ada:p%25ss@127.0.0.1:${starttls.port}?tls=required`)),
        failed(smtp(`smtps://ada:p%25ss@127.0.0.1:${immediate.port}`)),
        failed(smtp(`smtp://ada:p%25ss@127.0.0.1:${plain.port}?tls=required`)),
        failed(smtp(`smtps://ada:hunter2-password@127.0.0.1:${immediate.port}`, cert))
      ])
      for (const { all, message, retryable } of refused) {
        assert.isTrue(retryable)
        assert.match(message, /^127\.0\.0\.1:\d+: /)
        assert.notMatch(all, /p%ss|p%25ss|hunter2|t0ken/)
      }
      assert.include(refused[3].message, "*** is wrong")
      assert.deepStrictEqual(
        [starttls, immediate, plain].map(({ received }) => received.length),
        [1, 1, 0]
      )
    })
  )

  it.live("tries again after 4xx and while the server is away, and gives up after 5xx", () =>
    Effect.gen(function* () {
      const answers = [
        [451, "greylisted"],
        [554, "spam: https://x.test"]
      ] as const
      const { port, received } = yield* smtpServer((count) => answers[count])
      const url = `smtp://127.0.0.1:${port}`
      const later = yield* failed(smtp(url))
      const never = yield* failed(smtp(url))
      yield* send(smtp(url))
      assert.deepStrictEqual([later.retryable, never.retryable, received.length], [true, false, 1])
      assert.include(later.message, "451 greylisted")
      assert.include(never.message, "554 spam")
      const unknown = yield* smtpServer(undefined, {
        onRcptTo: (_, __, done) => done(Object.assign(new Error("no such user"), { responseCode: 550 }))
      })
      const rejected = yield* failed(smtp(`smtp://127.0.0.1:${unknown.port}`))
      assert.isFalse(rejected.retryable)
      const gone = yield* Effect.scoped(smtpServer())
      const away = yield* failed(smtp(`smtp://127.0.0.1:${gone.port}`))
      assert.isTrue(away.retryable)
      assert.include(away.message, "ECONNREFUSED")
    })
  )

  it.effect("refuses invalid settings without repeating the password", () =>
    Effect.gen(function* () {
      for (const [url, expected] of [
        ["mail.example", /expected smtp:\/\/USER:PASSWORD@HOST:PORT/],
        ["http://u:hunter2@mail.example", /expected smtp:/],
        ["smtp://u:hunter2@mail.example/hunter2", /with a path/],
        ["smtp://u:hunter2@mail.example?hunter2=1", /unknown parameter/],
        ["smtp://u:hunter2@mail.example?tls=hunter2", /"required" or "off"/],
        ["smtps://u:hunter2@mail.example?tls=off", /choose one/],
        ["smtp://u:%hunter2@mail.example", /write "%" as "%25"/]
      ] as const) {
        const { all, message } = yield* failed(smtp(url))
        assert.match(message, expected)
        assert.notInclude(all, "hunter2")
      }
      const { message } = yield* failed(
        NodeMailer.layerSmtp({ url: Redacted.make("smtp://mail.example"), from: "Shop" })
      )
      assert.match(message, /invalid sender "Shop"/)
    })
  )
})

describe("mail by a command", () => {
  const command = (line: string, options: Partial<NodeMailer.CommandOptions> = {}) =>
    NodeMailer.layerCommand({ command: line, from, ...options })

  it.live("gives it the e-mail as JSON, or as sendmail takes it, on its standard input only", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      const file = join(folder, "mail")
      yield* send(command(`cat > ${file}; echo done; ps -o args= -p $$ >> ${file}.args`))
      assert.deepStrictEqual(JSON.parse(readFileSync(file, "utf8")), {
        app: "my-app",
        to: "ada@example.com",
        kind: "reset",
        subject: "Reset your password",
        url: "https://x.test/r?token=t0ken",
        token: "t0ken",
        tokenId,
        text: "Open https://x.test/r?token=t0ken\n",
        html: '<a href="https://x.test/r?token=t0ken">open</a>',
        at: "2026-11-29T12:00:00.000Z",
        from
      })
      assert.notInclude(readFileSync(`${file}.args`, "utf8"), "t0ken")
      yield* send(command(`cat > ${file}`, { format: "rfc822" }))
      const text = readFileSync(file, "utf8").replaceAll("=3D", "=")
      assert.include(text, "From: Shop <no-reply@shop.example>\nTo: ada@example.com\n")
      assert.include(text, "\n\nOpen https://x.test/r?token=t0ken\n")
    })
  )

  it.live("tries again after other exit codes than 65, 67 and 68, and after the time limit", () =>
    Effect.gen(function* () {
      for (const [line, retryable, expected] of [
        ["echo 'no such user' >&2; exit 67", false, /exit code 67: no such user/],
        ["exit 65", false, /exit code 65/],
        ["exit 75", true, /exit code 75/],
        ["exit 1", true, /exit code 1/],
        ["/nowhere/at/all", true, /exit code 127/]
      ] as const) {
        const failure = yield* failed(command(line))
        assert.deepStrictEqual([failure.retryable, expected.test(failure.message)], [retryable, true], failure.message)
      }
      const slow = yield* failed(command("sleep 600", { timeLimit: "200 millis" }))
      assert.isTrue(slow.retryable)
      assert.include(slow.message, "did not end within 200ms")
    })
  )
})
