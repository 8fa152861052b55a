import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import { App, Inbox } from "effect-app-services/server"
import { register, withApps } from "./support.ts"

const app = (id: string) => App.make({ id, providers: { emailPassword: { emailConfirmationUrl: "http://x.test/c" } } })

const tos = (app?: string) =>
  Effect.map(
    Effect.flatMap(Inbox.Inbox, (inbox) => inbox.messages(app)),
    (messages) => messages.map(({ to }) => to)
  )

describe("the inbox", () => {
  it.effect("keeps what would have been mailed, the newest last, by application", () =>
    Effect.gen(function* () {
      const { arrivals } = yield* Inbox.Inbox
      const watching = yield* Effect.forkChild(Stream.runCollect(Stream.take(arrivals, 2)), { startImmediately: true })
      for (const [email, appId] of [
        ["1@b.c", "one"],
        ["2@b.c", "two"],
        ["3@b.c", "one"]
      ] as const) {
        yield* register(email, "correct horse", appId)
      }
      assert.deepStrictEqual(yield* tos(), ["1@b.c", "2@b.c", "3@b.c"])
      assert.deepStrictEqual(yield* tos("one"), ["1@b.c", "3@b.c"])
      assert.deepStrictEqual(yield* tos("three"), [])
      assert.deepStrictEqual(
        Array.from(yield* Fiber.join(watching), ({ to }) => to),
        ["1@b.c", "2@b.c"]
      )
    }).pipe(withApps([app("one"), app("two")]))
  )

  const message = (tokenId: string) =>
    Effect.map(DateTime.now, (at) => ({
      app: "one",
      to: tokenId,
      kind: "reset" as const,
      subject: "",
      token: Redacted.make(""),
      tokenId,
      text: Redacted.make(""),
      at
    }))

  const add = Effect.fnUntraced(function* (...ids: ReadonlyArray<string>) {
    const { deliver } = yield* Inbox.Inbox
    for (const id of ids) yield* deliver(yield* message(id))
  })

  it.effect("forgets the oldest beyond a thousand, and those of more than seven days ago", () =>
    Effect.gen(function* () {
      yield* add(...Array.from({ length: 1001 }, (_, i) => `${i}`))
      const all = yield* tos()
      assert.deepStrictEqual([all.length, all[0], all.at(-1)], [1000, "1", "1000"])
      yield* TestClock.adjust("8 days")
      yield* add("new")
      assert.deepStrictEqual(yield* tos(), ["new"])
    }).pipe(Effect.provide(Inbox.Inbox.layerMemory))
  )

  it.effect("gives a message to one sender at a time, until it is sent or has failed", () =>
    Effect.gen(function* () {
      const { claim, messages, record } = yield* Inbox.Inbox
      const next = Effect.gen(function* () {
        const until = DateTime.add(yield* DateTime.now, { minutes: 1 })
        return (yield* claim({ until, limit: 2 })).map(({ tokenId }) => tokenId)
      })
      yield* add("1", "2", "3")
      assert.deepStrictEqual([yield* next, yield* next, yield* next], [["1", "2"], ["3"], []])
      yield* record("1", { state: "sent", attempts: 1 })
      yield* record("2", { state: "failed", attempts: 1, error: "550 no such user" })
      yield* record("3", {
        state: "waiting",
        attempts: 1,
        next: DateTime.add(yield* DateTime.now, { minutes: 5 }),
        error: "451 later"
      })
      yield* record("4", { state: "sent", attempts: 1 })
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(yield* next, [])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([yield* next, yield* next], [["3"], []])
      // a sender that was killed records nothing
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* next, ["3"])
      assert.deepStrictEqual(
        (yield* messages()).map(({ delivery }) => [delivery?.state, delivery?.attempts, delivery?.error]),
        [
          ["sent", 1, undefined],
          ["failed", 1, "550 no such user"],
          ["waiting", 1, "451 later"]
        ]
      )
    }).pipe(Effect.provide(Inbox.Inbox.layerMemory))
  )
})
