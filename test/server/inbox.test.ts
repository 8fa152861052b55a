import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Redacted, Stream } from "effect"
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

  it.effect("forgets the oldest beyond a thousand", () =>
    Effect.gen(function* () {
      const { deliver } = yield* Inbox.Inbox
      for (let i = 0; i < 1001; i++) {
        yield* deliver({
          app: "one",
          to: `${i}`,
          kind: "reset",
          subject: "",
          token: Redacted.make(""),
          tokenId: "",
          at: yield* DateTime.now
        })
      }
      const all = yield* tos()
      assert.deepStrictEqual([all.length, all[0], all.at(-1)], [1000, "1", "1000"])
    }).pipe(Effect.provide(Inbox.Inbox.layerMemory))
  )
})
