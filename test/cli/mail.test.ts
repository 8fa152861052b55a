import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Redacted, Stdio } from "effect"
import { TestConsole } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { printer } from "../../src/cli/mail.ts"
import { directory } from "../server/support.ts"
import { smtpServer } from "../support/smtp.ts"
import { ask, run, serveJson } from "./support.ts"

const app = {
  "realm_config.json": { app_id: "mail-app" },
  "auth/providers.json": {
    "local-userpass": {
      type: "local-userpass",
      config: {
        autoConfirm: false,
        emailConfirmationUrl: "https://x.test/confirm",
        confirmEmailSubject: "Hi {{email}}"
      }
    }
  },
  "auth/mail/confirmation.txt": "Welcome! {{url}}"
}

const register = (baseUrl: string, email: string) =>
  ask(`${baseUrl}/api/client/v2.0/app/mail-app/auth/providers/local-userpass/register`, {
    method: "POST",
    body: JSON.stringify({ email, password: "correct horse" })
  })

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** The e-mails in the inbox, as the command prints them. */
const inbox = (baseUrl: string) =>
  Effect.map(run(["inbox", "--json", "--url", baseUrl]), ({ stdout }) =>
    stdout
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { readonly to: string; readonly delivery?: Record<string, unknown> })
  )

describe("serve, with mail", { timeout: 180_000 }, () => {
  it.live("delivers by SMTP what the server and the mail server lost time over", () =>
    Effect.gen(function* () {
      const data = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "mail-data-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      const folder = yield* directory(app)
      const port = yield* freePort
      const env = { SMTP_URL: `smtp://ada:hunter2-password@127.0.0.1:${port}`, MAIL_FROM: "Shop <no-reply@x.test>" }
      const flags = [folder, "--data", join(data, "data"), "--password-hashing", "testing"]
      // the mail server is away, and the server is killed
      const first = yield* serveJson(flags, env)
      assert.strictEqual((yield* register(first.ready.baseUrl, "a@b.c")).status, 201)
      while (!first.output.stderr.includes("will be tried again")) yield* Effect.sleep("5 millis")
      const [waiting] = yield* inbox(first.ready.baseUrl)
      assert.deepInclude(waiting.delivery, { state: "waiting", attempts: 1 })
      assert.match(String(waiting.delivery?.["error"]), /^127\.0\.0\.1:\d+: .*ECONNREFUSED/)
      first.child.kill("SIGKILL")
      yield* Effect.promise(() => first.exit)
      const { received } = yield* smtpServer(undefined, {
        port,
        onAuth: ({ username }, _, done) => done(null, { user: username ?? "" })
      })
      const second = yield* serveJson(flags, env)
      while (received.length === 0) yield* Effect.sleep("5 millis")
      assert.deepStrictEqual(received[0].recipients, ["a@b.c"])
      assert.include(received[0].text, "Subject: Hi a@b.c\r\n")
      assert.match(received[0].text, /Welcome! https:\/\/x\.test\/confirm\?token=[0-9a-f]{128}&tokenId=[0-9a-f]{24}/)
      while (!second.output.stderr.includes("an e-mail was sent")) yield* Effect.sleep("5 millis")
      assert.deepStrictEqual(
        (yield* inbox(second.ready.baseUrl)).map(({ delivery, to }) => [to, delivery?.["state"]]),
        [["a@b.c", "sent"]]
      )
      for (const { stderr, stdout } of [first.output, second.output]) {
        assert.notMatch(stdout + stderr, /token=|hunter2|correct horse/)
      }
    })
  )

  it.live("runs a command, and refuses settings that contradict each other", () =>
    Effect.gen(function* () {
      const folder = yield* directory(app)
      const out = join(yield* directory({}), "mail")
      const server = yield* serveJson([
        folder,
        "--password-hashing",
        "testing",
        "--mail-from",
        "no-reply@x.test",
        "--mail-command",
        `cat > ${out} && exit 67`
      ])
      assert.strictEqual((yield* register(server.ready.baseUrl, "a@b.c")).status, 201)
      while (!server.output.stderr.includes("will not be tried again")) yield* Effect.sleep("5 millis")
      assert.deepInclude((yield* inbox(server.ready.baseUrl))[0].delivery, { state: "failed", attempts: 1 })
      const [both, unsigned] = yield* Effect.all([
        run(["serve", folder, "--mail-command", "true", "--mail-from", "a@b.c"], { SMTP_URL: "smtp://u:hunter2@x" }),
        run(["serve", folder, "--smtp", "smtp://u:hunter2@x"])
      ])
      assert.deepStrictEqual([both.code, unsigned.code], [1, 1])
      assert.include(both.stderr, "--smtp and --mail-command (SMTP_URL, MAIL_COMMAND) exclude each other")
      assert.include(unsigned.stderr, "the sender of e-mails is missing: name it with --mail-from")
      assert.notInclude(both.stderr + unsigned.stderr, "hunter2")
    })
  )

  it.effect("prints links on a terminal if they are asked for, and not with --quiet or --json", () =>
    Effect.gen(function* () {
      const message = {
        app: "mail-app",
        to: "a@b.c",
        kind: "reset" as const,
        subject: "Reset",
        url: Redacted.make("https://x.test/r?token=t0ken"),
        token: Redacted.make("t0ken"),
        tokenId: "id",
        text: Redacted.make("https://x.test/r?token=t0ken"),
        at: yield* DateTime.now
      }
      const printed = Effect.fnUntraced(function* (terminal: boolean, flags: object) {
        const before = (yield* TestConsole.logLines).length
        const options = { json: false, quiet: false, showMail: false, ...flags }
        const print = yield* Effect.provide(
          printer(options),
          Stdio.layerTest({ stdoutIsTerminal: Effect.succeed(terminal) })
        )
        yield* print(message)
        return (yield* TestConsole.logLines).slice(before).join("\n").includes("t0ken")
      })
      assert.isTrue(yield* printed(true, { showMail: true }))
      for (const [terminal, flags] of [
        [true, {}],
        [false, { showMail: true }],
        [true, { showMail: true, quiet: true }],
        [true, { showMail: true, json: true }]
      ] as const) {
        assert.isFalse(yield* printed(terminal, flags))
      }
    }).pipe(Effect.provide(TestConsole.layer))
  )
})
