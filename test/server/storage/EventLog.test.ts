import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { defaultLimits, EventLog, isHistoryLost, type Limits } from "../../../src/server/storage/EventLog.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { write } from "../../../src/server/storage/Table.ts"
import * as FakeJournal from "../data/rowStore.ts"
import { directory } from "../support.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A log of texts, of the topics "" and their first letter. */
const open = (rowStore: RowStore["Service"], limits: Partial<Limits> = {}) => {
  const log = new EventLog<string>(rowStore, {
    table: "log",
    encode: (text) => encoder.encode(text),
    decode: (bytes) => decoder.decode(bytes),
    sizeOf: (text) => text.length,
    topicsOf: (text) => ["", text.slice(0, 1)],
    limits: { ...defaultLimits, ...limits }
  })
  const append = (texts: ReadonlyArray<string>, now = 0) => write(rowStore, [log.append(texts, now)])
  return { log, append }
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => `n${from + i}`)

/** All entries of a topic after a position, and the number of pages. */
const readAll = (log: EventLog<string>, position: number, topic = "") => {
  const texts: Array<string> = []
  let pages = 0
  for (let at = position; at < log.head; pages++) {
    const page = log.read(at, topic)
    texts.push(...page.entries.map(({ event }) => event))
    at = page.position
  }
  return { pages, texts }
}

const isLost = (use: () => unknown): boolean => {
  try {
    use()
    return false
  } catch (cause) {
    return isHistoryLost(cause)
  }
}

describe("an event log", () => {
  for (const [where, rowStore] of [
    ["in memory", () => RowStore.none],
    ["over rows", () => FakeJournal.make().service]
  ] as const) {
    it(`hands out its events in order, from any position and by topic, ${where}`, () => {
      const { append, log } = open(rowStore())
      append(["a1", "b1"])
      append(numbers(0, 5_000))
      append(["a2"])
      assert.deepStrictEqual(readAll(log, 0, "a").texts, ["a1", "a2"])
      assert.deepStrictEqual(readAll(log, 5_001).texts, ["n4999", "a2"])
      const all = readAll(log, 2)
      assert.deepStrictEqual(all.texts, [...numbers(0, 5_000), "a2"])
      // no page holds more than 256 events
      assert.isAtLeast(all.pages, 20)
      assert.deepStrictEqual(log.read(log.head, ""), { entries: [], position: log.head })
    })

    it(`drops the oldest events beyond its limits, and refuses positions before them, ${where}`, () => {
      for (const limits of [{ events: 1_000 }, { bytes: 10_000 }]) {
        const { append, log } = open(rowStore(), limits)
        for (let i = 0; i < 10_000; i += 10) append(numbers(i, 10))
        assert.isAtMost(log.bytes, 15_000)
        assert.isBelow(log.head - log.start, 2_000)
        assert.isTrue(isLost(() => log.read(log.start - 1, "")))
        assert.deepStrictEqual(readAll(log, log.start).texts, numbers(log.start, 10_000 - log.start))
      }
    })

    it(`drops events by age once the server has run for an hour, and never the newest, ${where}`, () => {
      const hour = 3_600_000
      const { append, log } = open(rowStore(), { events: 32, age: Duration.days(1) })
      append(numbers(0, 4), 0)
      append(numbers(4, 4), 30 * 24 * hour)
      append(["x"], 31 * 24 * hour)
      append(["y"], 60 * 24 * hour)
      assert.isAbove(log.start, 0)
      assert.deepStrictEqual(readAll(log, log.start).texts.at(-1), "y")
    })
  }

  it("is found again in a directory, and goes on with the next sequence", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const path = yield* directory({})
          const life = <A>(use: (opened: ReturnType<typeof open>) => A) =>
            RowStore.use((rowStore) => Effect.sync(() => use(open(rowStore, { events: 4_000 })))).pipe(
              Effect.provide(DataDirectory.layer(path), { local: true })
            )
          yield* life(({ append }) => append(numbers(0, 3_000)))
          const start = yield* life(({ append, log }) => {
            assert.strictEqual(log.head, 3_000)
            append(numbers(3_000, 2_000))
            return log.start
          })
          assert.isAbove(start, 0)
          yield* life(({ log }) => {
            assert.deepStrictEqual([log.start, log.head], [start, 5_000])
            assert.deepStrictEqual(readAll(log, start).texts, numbers(start, 5_000 - start))
          })
        })
      )
    ))

  it("keeps little of a log on disk in memory", () => {
    const { append, log } = open(FakeJournal.make().service)
    for (let i = 0; i < 100; i++) append([`x${"y".repeat(1_000_000)}`])
    assert.isAbove(log.bytes, 100_000_000)
    assert.isBelow(log.bytesInMemory, 20_000_000)
    assert.lengthOf(readAll(log, 0).texts, 100)
  })

  it.effect("yields each event once to a reader that waits while several are appended", () =>
    Effect.gen(function* () {
      const { append, log } = open(RowStore.none)
      const seen: Array<string> = []
      const follow = (position: number): Effect.Effect<never> =>
        Effect.flatMap(log.arrival(position, "n"), (from) => {
          const page = log.read(from, "n")
          seen.push(...page.entries.map(({ event }) => event))
          return follow(page.position)
        })
      yield* Effect.forkChild(follow(0), { startImmediately: true })
      append(["a", ...numbers(0, 3)])
      append(numbers(3, 2))
      for (let i = 0; i < 5; i++) yield* Effect.yieldNow
      assert.deepStrictEqual(seen, numbers(0, 5))
    })
  )

  it.effect("wakes those who wait for a topic, and from time to time those who wait for others", () =>
    Effect.gen(function* () {
      const { append, log } = open(RowStore.none, { events: 160 })
      const wait = (topic: string) => Effect.forkChild(log.arrival(log.head, topic), { startImmediately: true })
      append(["c"])
      const [a, b] = [yield* wait("a"), yield* wait("b")]
      append(["x", "a"])
      // what comes before the event of the topic need not be read
      assert.strictEqual(yield* Fiber.join(a), 2)
      assert.isUndefined(b.pollUnsafe())
      append(numbers(0, 10))
      assert.strictEqual(yield* Fiber.join(b), log.head)
    })
  )
})
