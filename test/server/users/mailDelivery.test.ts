import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { App, Inbox, Mailer } from "effect-app-services/server"
import { inspect } from "node:util"
import { directory, register, withApps } from "../support.ts"

const app = App.make({ id: "my-app", providers: { emailPassword: { emailConfirmationUrl: "https://x.test/c" } } })

type Answer = "sent" | "later" | "never" | "hangs"

/** A mailer that answers what it is told to, in order, and then sends. */
const scripted = (answers: Array<Answer>) => {
  const asked: Array<Inbox.Message> = []
  const mailer = Layer.succeed(Mailer.Mailer, {
    send: (message) =>
      Effect.suspend(() => {
        asked.push(message)
        const answer = answers.shift() ?? "sent"
        if (answer === "hangs") return Effect.never
        // a server that repeats what it was sent
        const echo = `${Redacted.value(message.url!)} and ${Redacted.value(message.token)}\r\n is bad`
        return answer === "sent"
          ? Effect.void
          : Effect.fail(new Mailer.MailerError({ message: echo, retryable: answer === "later" }))
      })
  })
  return { asked, mailer }
}

const states = Effect.map(
  Effect.flatMap(Inbox.Inbox, ({ messages }) => messages()),
  (messages) => messages.map(({ delivery }) => delivery)
)

describe("the delivery of e-mails", () => {
  it.effect("sends each e-mail once, and leaves it in the inbox", () => {
    const { asked, mailer } = scripted([])
    return Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      yield* register("d@e.f", "correct horse")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(
        asked.map(({ kind, to }) => [kind, to]),
        [
          ["confirmation", "a@b.c"],
          ["confirmation", "d@e.f"]
        ]
      )
      assert.deepStrictEqual(yield* states, [
        { state: "sent", attempts: 1 },
        { state: "sent", attempts: 1 }
      ])
    }).pipe(withApps(app, { mailer }))
  })

  it.effect("retries after 10, 20 and 40 seconds, and tells no secret when it fails", () => {
    const { asked, mailer } = scripted(["later", "later", "later", "sent"])
    const lines: Array<string> = []
    const logger = Logger.make(
      ({ cause, message }) =>
        void lines.push(
          `${[message].flat().map(String).join(" ")}${cause.reasons.map((reason) => inspect(reason)).join("")}`
        )
    )
    return Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const seen: Array<number> = []
      for (let second = 0; second <= 80; second += 5) {
        yield* TestClock.adjust(second === 0 ? "0 seconds" : "5 seconds")
        if (asked.length > seen.length) seen.push(second)
      }
      assert.deepStrictEqual(seen, [0, 10, 30, 70])
      assert.deepStrictEqual(yield* states, [{ state: "sent", attempts: 4 }])
      assert.deepStrictEqual(
        lines.filter((line) => line.includes("e-mail")),
        [
          ...Array.from({ length: 3 }, () => "an e-mail was not sent, and will be tried again: *** and *** is bad"),
          "an e-mail was sent"
        ]
      )
    }).pipe(withApps(app, { mailer }), Effect.provide(Logger.layer([logger])))
  })

  it.effect("gives up after a refusal, at the expiry of the link, and never asks for several recipients", () => {
    const { asked, mailer } = scripted(["never", ...Array.from({ length: 100 }, (): Answer => "later")])
    return Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      yield* TestClock.adjust("1 second")
      yield* register("d@e.f", "correct horse")
      for (const to of ["x@y.z, v@w.x", "x@y.z\r\nBcc: v@w.x", "<x@y.z>", "ada"]) yield* register(to, "correct horse")
      yield* TestClock.adjust("2 hours")
      const [refused, expired, ...others] = yield* states
      assert.deepStrictEqual(refused, { state: "failed", attempts: 1, error: "*** and *** is bad" })
      assert.deepStrictEqual([expired?.state, expired?.error], ["failed", "*** and *** is bad"])
      for (const other of others) {
        assert.deepStrictEqual(other, {
          state: "failed",
          attempts: 1,
          error: "it is not the address of one recipient"
        })
      }
      assert.deepStrictEqual([...new Set(asked.map(({ to }) => to))], ["a@b.c", "d@e.f"])
      // 10, 20, 40, 80 and 160 seconds, then every 5 minutes, within the 30 minutes of the link
      assert.strictEqual(asked.length, 1 + 10)
    }).pipe(withApps(app, { mailer }))
  })

  it.effect("retries one that hangs, while others are sent", () => {
    const { asked, mailer } = scripted(["hangs"])
    return Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      yield* TestClock.adjust("1 second")
      yield* register("d@e.f", "correct horse")
      yield* TestClock.adjust("58 seconds")
      assert.deepStrictEqual(
        asked.map(({ to }) => to),
        ["a@b.c", "d@e.f"]
      )
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* states, [
        { state: "sent", attempts: 2 },
        { state: "sent", attempts: 1 }
      ])
    }).pipe(withApps(app, { mailer }))
  })

  it.effect("goes on after a restart, and records what it gave up meanwhile", () =>
    Effect.gen(function* () {
      const dataDirectory = yield* directory({})
      const first = scripted(["later", "sent"])
      yield* Effect.gen(function* () {
        yield* register("a@b.c", "correct horse")
        yield* TestClock.adjust("1 second")
        yield* register("d@e.f", "correct horse")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(
          (yield* states).map((it) => it?.state),
          ["waiting", "sent"]
        )
      }).pipe(Effect.scoped, withApps(app, { dataDirectory, mailer: first.mailer }))
      const second = scripted([])
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(
          second.asked.map(({ to }) => to),
          ["a@b.c"]
        )
        assert.deepStrictEqual(yield* states, [
          { state: "sent", attempts: 2 },
          { state: "sent", attempts: 1 }
        ])
      }).pipe(Effect.scoped, withApps(app, { dataDirectory, mailer: second.mailer }))

      yield* Effect.gen(function* () {
        yield* register("g@h.i", "correct horse")
        yield* TestClock.adjust("1 hour")
      }).pipe(Effect.scoped, withApps(app, { dataDirectory }))
      const third = scripted([])
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("30 seconds")
        const error = "its link expired before it could be sent: no attempt was made"
        assert.deepStrictEqual((yield* states).at(-1), { state: "failed", attempts: 0, error })
        assert.deepStrictEqual(third.asked, [])
      }).pipe(Effect.scoped, withApps(app, { dataDirectory, mailer: third.mailer }))
    })
  )
})
