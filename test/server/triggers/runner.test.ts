import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Latch, Layer, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { AppFunction } from "../../../src/server/model/AppFunction.ts"
import type { DatabaseTrigger } from "../../../src/server/model/Trigger.ts"
import { EventLog, defaultLimits } from "../../../src/server/storage/EventLog.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import { write } from "../../../src/server/storage/Table.ts"
import { type Feed, FeedFailed, FeedLost } from "../../../src/server/triggers/feed.ts"
import type { Outcome } from "../../../src/server/triggers/firing.ts"
import * as Runner from "../../../src/server/triggers/runner.ts"
import { TriggerPositions } from "../../../src/server/triggers/TriggerPositions.ts"
import * as FakeJournal from "../data/rowStore.ts"
import { logging } from "./support.ts"

const fn: AppFunction = {
  name: "f",
  private: false,
  closed: false,
  gate: undefined,
  runAs: { _tag: "System" },
  body: { _tag: "Broken", code: "FunctionNotFound", message: "not called" }
}

const trigger = (options: Partial<DatabaseTrigger> = {}): DatabaseTrigger => ({
  _tag: "Database",
  name: "it",
  fn,
  disabled: false,
  service: "m",
  database: "d",
  collection: "c",
  operations: new Set(["insert"]),
  match: {},
  project: {},
  fullDocument: false,
  fullDocumentBeforeChange: false,
  unordered: false,
  maximumThroughput: false,
  skipsCatchup: false,
  toleratesLoss: false,
  ...options
})

/** A feed of numbers, which can fail. */
const numbers = () => {
  const log = new EventLog<number>(RowStore.none, {
    table: "t",
    encode: () => new Uint8Array(),
    decode: () => 0,
    sizeOf: () => 1,
    topicsOf: () => [""],
    limits: defaultLimits
  })
  const state: { failure: FeedFailed | FeedLost | undefined; opened: Array<string> } = {
    failure: undefined,
    opened: []
  }
  const feed: Feed = {
    now: Effect.sync(() => String(log.head)),
    open: (position) =>
      Stream.suspend(() => {
        state.opened.push(position)
        if (state.failure !== undefined) return Stream.fail(state.failure)
        return log.pages(Number(position), "").pipe(
          Stream.map((page) => ({
            position: String(page.position),
            events: page.entries.map(({ event, sequence }) => ({
              position: String(sequence),
              args: Effect.succeed([event])
            }))
          })),
          Stream.mapError(({ message }) => new FeedFailed({ message }))
        )
      })
  }
  return { feed, state, add: (...events: ReadonlyArray<number>) => write(RowStore.none, [log.append(events, 0)]) }
}

const outcome = (_tag: Outcome["_tag"], message = ""): Outcome => ({ _tag, at: 0, millis: 1, message })

const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })

/** A running trigger whose function is `run`. */
const running = (run: (event: number) => Effect.Effect<Outcome>, options: Partial<DatabaseTrigger> = {}) =>
  Effect.gen(function* () {
    const source = numbers()
    const positions = yield* TriggerPositions
    const runner = Runner.make({
      appId: "a",
      trigger: trigger(options),
      feed: source.feed,
      fire: (_, [event]) => run(Number(event)),
      positions,
      changed: () => {}
    })
    yield* runner.enter
    const fiber = yield* Effect.forkChild(runner.run, { startImmediately: true })
    return { ...source, runner, fiber }
  })

const test = <E>(
  name: string,
  run: Effect.Effect<void, E, TriggerPositions>,
  leaseTime: Duration.Input = Duration.infinity
) =>
  it.effect(name, () =>
    Effect.provide(run, Layer.mergeAll(Layer.provide(TriggerPositions.layer(leaseTime), RowStore.layerNone), logging))
  )

describe("the runner of a trigger", () => {
  test(
    "goes on after an event whose function fails, and does not repeat it",
    Effect.gen(function* () {
      const seen: Array<number> = []
      const { add, runner } = yield* running((event) => {
        seen.push(event)
        return Effect.succeed(event === 2 ? outcome("Failed", "broken") : outcome("Ran"))
      })
      add(1, 2, 3)
      yield* settle
      assert.deepStrictEqual(seen, [1, 2, 3])
      assert.deepInclude(runner.state(), {
        status: "running",
        position: "3",
        runs: 3,
        failures: 1,
        lastFailure: { at: 0, message: "broken" }
      })
    })
  )

  test(
    "repeats an event whose function was stopped, more slowly each time, then suspends until it is resumed",
    Effect.gen(function* () {
      const seen: Array<number> = []
      let stops = true
      const { add, runner } = yield* running((event) => {
        seen.push(event)
        return Effect.succeed(event === 2 && stops ? outcome("Stopped", "out of memory") : outcome("Ran"))
      })
      add(1, 2, 3)
      yield* settle
      assert.deepStrictEqual(seen, [1, 2])
      for (const seconds of [1, 2, 4, 8]) yield* TestClock.adjust(Duration.seconds(seconds))
      assert.deepStrictEqual(seen, [1, 2, 2, 2, 2, 2])
      assert.isFalse(yield* runner.resume("position"))
      yield* TestClock.adjust("16 seconds")
      assert.deepInclude(runner.state(), {
        status: "suspended",
        position: "1",
        reason: '"f" was stopped 6 times: out of memory'
      })
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(seen, 7)
      stops = false
      assert.isTrue(yield* runner.resume("position"))
      yield* settle
      assert.deepStrictEqual(seen.slice(7), [2, 3])
      assert.deepInclude(runner.state(), { status: "running", position: "3" })
      assert.notProperty(runner.state(), "reason")
    })
  )

  test(
    "is suspended by the loss of its events, unless it tolerates that",
    Effect.gen(function* () {
      const positions = yield* TriggerPositions
      for (const toleratesLoss of [false, true]) {
        const { add, feed, state } = numbers()
        const seen: Array<unknown> = []
        const runner = Runner.make({
          appId: "a",
          trigger: trigger({ name: `loss ${toleratesLoss}`, toleratesLoss }),
          feed,
          fire: (_, [event]) => Effect.sync(() => (seen.push(event), outcome("Ran"))),
          positions,
          changed: () => {}
        })
        yield* runner.enter
        state.failure = new FeedLost({ message: "gone" })
        add(1)
        const restored = Effect.sync(() => (state.failure = undefined))
        const fiber = yield* Effect.forkChild(runner.run, { startImmediately: !toleratesLoss })
        if (toleratesLoss) yield* Effect.yieldNow
        yield* restored
        yield* settle
        if (!toleratesLoss) {
          assert.deepInclude(runner.state(), { status: "suspended", reason: "gone", position: "0" })
          assert.isTrue(yield* runner.resume("now"))
          yield* settle
        }
        add(2)
        yield* settle
        assert.strictEqual(runner.state()?.status, "running")
        assert.deepStrictEqual(seen.at(-1), 2)
        yield* Fiber.interrupt(fiber)
      }
    })
  )

  test(
    "reads again a feed that fails, and is suspended after a few times",
    Effect.gen(function* () {
      const positions = yield* TriggerPositions
      const { feed, state } = numbers()
      state.failure = new FeedFailed({ message: "the disk is broken" })
      const runner = Runner.make({
        appId: "a",
        trigger: trigger(),
        feed,
        fire: () => Effect.succeed(outcome("Ran")),
        positions,
        changed: () => {}
      })
      yield* runner.enter
      yield* Effect.forkChild(runner.run, { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(state.opened, 6)
      assert.strictEqual(runner.state()?.reason, "its events cannot be read: the disk is broken")
    })
  )

  test(
    "moves the position of an unordered trigger to the first event that has not ended, and bounds the work behind it",
    Effect.gen(function* () {
      const begun: Array<number> = []
      const open = yield* Latch.make()
      const { add, runner } = yield* running(
        (event) => {
          begun.push(event)
          return Effect.as(event === 3 ? open.await : Effect.void, outcome("Ran"))
        },
        { unordered: true }
      )
      add(...Array.from({ length: 5_000 }, (_, i) => i + 1))
      for (let i = 0; i < 200; i++) yield* settle
      assert.strictEqual(runner.state()?.position, "2")
      // a thousand events behind it, and the markers of pages
      assert.isAbove(begun.length, 900)
      assert.isAtMost(begun.length, 1_002)
      yield* open.open
      for (let i = 0; i < 200; i++) yield* settle
      assert.lengthOf(begun, 5_000)
      assert.strictEqual(runner.state()?.position, "5000")
    })
  )

  test(
    "has a state to save until it is saved, and none for a lease that is lost",
    Effect.gen(function* () {
      const { add, runner } = yield* running(() => Effect.succeed(outcome("Ran")))
      add(1)
      yield* settle
      const [save] = runner.takeSave()
      assert.deepInclude(save?.state, { position: "1", runs: 1 })
      assert.deepStrictEqual(runner.takeSave(), [])
      runner.notSaved(false)
      assert.deepStrictEqual(runner.takeSave(), [save])
      add(2)
      yield* settle
      runner.notSaved(true)
      assert.deepStrictEqual(runner.takeSave(), [])
    })
  )

  test(
    "waits at the end for the runs under way, and begins no other one",
    Effect.gen(function* () {
      const begun: Array<number> = []
      const open = yield* Latch.make()
      const { add, runner } = yield* running((event) => {
        begun.push(event)
        return Effect.as(open.await, outcome("Ran"))
      })
      add(1, 2)
      yield* settle
      const drain = yield* Effect.forkChild(runner.drain, { startImmediately: true })
      yield* settle
      assert.isUndefined(drain.pollUnsafe())
      yield* open.open
      yield* Fiber.join(drain)
      yield* settle
      assert.deepStrictEqual([begun, runner.state()?.position], [[1], "1"])
    })
  )

  test(
    "stops when its lease is lost, and takes over when it is free",
    Effect.gen(function* () {
      const positions = yield* TriggerPositions
      const key = { appId: "a", name: "it" }
      const other = Option.getOrThrow(yield* positions.acquire(key))
      const seen: Array<number> = []
      const { add, runner } = yield* running((event) => Effect.sync(() => (seen.push(event), outcome("Ran"))))
      assert.isUndefined(runner.state())
      assert.deepStrictEqual(
        yield* positions.save([
          { lease: other.lease, state: { position: "0", status: "running", runs: 7, failures: 0 } }
        ]),
        []
      )
      add(1)
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(seen, [])
      // the other one no longer renews
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([seen, runner.state()?.runs], [[1], 8])
      const late = [{ lease: other.lease, state: { position: "9", status: "running", runs: 0, failures: 0 } }] as const
      assert.deepStrictEqual(yield* positions.save(late), [other.lease])
      // it renews its own lease
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(Option.isNone(yield* positions.acquire(key)))
      add(2)
      yield* settle
      assert.deepStrictEqual(seen, [1, 2])
    }),
    "30 seconds"
  )
})

describe("the positions of triggers", () => {
  it.effect("last in a row store, with fencing tokens that grow", () =>
    Effect.gen(function* () {
      const { service, state } = FakeJournal.make()
      const life = <A, E>(use: (positions: TriggerPositions["Service"]) => Effect.Effect<A, E>) =>
        Effect.flatMap(TriggerPositions, use).pipe(
          Effect.provide(Layer.provide(TriggerPositions.layer(), Layer.succeed(RowStore, service)), { local: true })
        )
      const key = { appId: "a", name: "it" }
      const saved = { position: "5", status: "suspended", reason: "why", runs: 3, failures: 1 } as const
      yield* life((positions) =>
        Effect.gen(function* () {
          const { lease, state: before } = Option.getOrThrow(yield* positions.acquire(key))
          assert.deepStrictEqual([lease.fence, before], [1, undefined])
          assert.deepStrictEqual(yield* positions.save([{ lease, state: saved }]), [])
          state.full = true
          assert.strictEqual(
            (yield* Effect.flip(positions.save([{ lease, state: saved }]))).message,
            "the disk is full"
          )
          state.full = false
        })
      )
      // a process that was killed released no lease
      const next = Option.getOrThrow(yield* life((positions) => positions.acquire(key)))
      assert.deepStrictEqual(next, { lease: { key, fence: 2 }, state: saved })
    })
  )
})
