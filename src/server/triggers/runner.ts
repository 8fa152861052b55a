/**
 * Runs one trigger: follows its feed from its position on, delivers each event at least once, and moves the position.
 *
 * The feed is pulled, so what waits for a slow function stays in the log that the feed reads, and not in memory. The
 * position is saved a little later than an event ends: after a kill, the events in between are delivered again.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Trigger } from "../model/Trigger.ts"
import type { Feed, FeedEvent, FeedFailed, FeedLost } from "./feed.ts"
import type { Fire, Outcome } from "./firing.ts"
import { Progress } from "./progress.ts"
import type { ResumeFrom } from "./TriggerModels.ts"
import {
  type Failure,
  type Lease,
  LeaseLost,
  resumed,
  type Save,
  type State,
  type TriggerPositions
} from "./TriggerPositions.ts"

/** The events of an unordered trigger that are processed at the same time. */
const together = { usually: 32, most: 128 }

/** The runs of a scheduled trigger that may overlap. */
const overlapping = 10

/** The events of an unordered trigger that may have ended behind one that has not. */
const ahead = 1_000

/** How often a run is repeated whose function was stopped, and the reading of a feed that failed. */
const repetitions = 5

/** The pause before a repetition, which doubles. */
const firstPause = Duration.seconds(1)

/** The pause before a repetition of what did not reach the database. */
const whileAway = Duration.seconds(2)

/** How often a server looks whether a lease is free that another one has. */
const leaseCheck = Duration.seconds(5)

/** How long the end of a server waits for the runs under way, in milliseconds. */
const drainMillis = 10_000

/** The longest text of a failure that is kept. */
const longest = 500

/** The trigger is suspended. */
class Suspended extends Schema.TaggedError<Suspended>()("Suspended", { reason: Schema.String }) {}

/** A trigger, and what it does. */
export interface Runner {
  readonly appId: string
  readonly trigger: Trigger
  /** Acquires the lease if it is free, and determines the position, so that no later event is missed. */
  readonly enter: Effect.Effect<void, FeedFailed | Failure>
  /** Follows the feed, without end. */
  readonly run: Effect.Effect<never>
  /** Ends a suspension, also of a trigger that another server runs. Returns whether there was one. */
  readonly resume: (from: ResumeFrom) => Effect.Effect<boolean, FeedFailed | Failure>
  /** Runs the function once without arguments, whatever the feed has. */
  readonly runNow: Effect.Effect<void>
  /** Begins no other event, and waits for those under way. */
  readonly drain: Effect.Effect<void>
  readonly release: Effect.Effect<void>
  /** Whether this server runs it. */
  readonly holds: () => boolean
  /** Undefined for a trigger that has not run, or is run by another server since the start of this one. */
  readonly state: () => State | undefined
  /** The state to save, if it changed since it was last taken. */
  readonly takeSave: () => ReadonlyArray<Save>
  /** A save failed, or its lease was lost. */
  readonly notSaved: (lost: boolean) => void
}

/** What a runner needs. */
export interface Options {
  readonly appId: string
  readonly trigger: Trigger
  readonly feed: Feed
  readonly fire: Fire
  readonly positions: TriggerPositions["Service"]
  /** Called when there is a state to save. */
  readonly changed: () => void
}

const concurrencyOf = (trigger: Trigger): number => {
  switch (trigger._tag) {
    case "Scheduled":
      return overlapping
    case "Authentication":
      return together.usually
    case "Database":
      return !trigger.unordered ? 1 : trigger.maximumThroughput ? together.most : together.usually
  }
}

const toleratesLoss = (trigger: Trigger): boolean =>
  trigger._tag === "Scheduled" || (trigger._tag === "Database" && trigger.toleratesLoss)

const skipsCatchup = (trigger: Trigger): boolean => trigger._tag !== "Authentication" && trigger.skipsCatchup

/** Waits in real time: a test's clock does not move while a server ends. */
const inRealTime = (millis: number) =>
  Effect.callback<void>((resume) => {
    // @effect-diagnostics-next-line globalTimersInEffect:off -- see above
    const timer = setTimeout(() => resume(Effect.void), millis)
    return Effect.sync(() => clearTimeout(timer))
  })

class TriggerRunner implements Runner {
  readonly appId: string
  readonly trigger: Trigger
  readonly #options: Options
  readonly #wake = Latch.makeUnsafe(false)
  #lease: Lease | undefined
  /**
   * When the lease ends by the clock of this process, in nanoseconds. It is read before the lease is asked for, so that it
   * ends here before another server can have it: one that hangs or does not reach the store begins nothing after that.
   */
  #until = 0n
  #state: State | undefined
  #dirty = false
  #closing = false
  #underWay = 0
  #idle: Deferred.Deferred<void> | undefined

  constructor(options: Options) {
    this.#options = options
    this.appId = options.appId
    this.trigger = options.trigger
  }

  state = (): State | undefined => this.#state

  holds = (): boolean => this.#lease !== undefined

  takeSave = (): ReadonlyArray<Save> => {
    if (!this.#dirty || this.#lease === undefined || this.#state === undefined) return []
    this.#dirty = false
    return [{ lease: this.#lease, state: this.#state }]
  }

  notSaved = (lost: boolean): void => {
    if (lost) this.#lease = undefined
    else this.#dirty = true
  }

  get enter(): Effect.Effect<void, FeedFailed | Failure> {
    return Effect.asVoid(this.#enter())
  }

  /** Returns whether it has the lease. */
  #enter = Effect.fnUntraced(function* (this: TriggerRunner) {
    const { appId, feed, positions, trigger } = this.#options
    const until = yield* this.#untilOf
    const held = yield* positions.acquire({ appId, name: trigger.name })
    if (Option.isNone(held)) return false
    const { lease, state: known } = held.value
    this.#lease = lease
    this.#until = until
    this.#state = known
    if (trigger.disabled) {
      if (known !== undefined) this.#set({ status: "disabled" })
      return true
    }
    if (known === undefined) {
      const position = yield* feed.now
      this.#state = { position, status: "running", runs: 0, failures: 0 }
      this.#set({})
    } else if (known.status === "disabled") {
      this.#set({ status: "running", ...(skipsCatchup(trigger) && { position: yield* feed.now }) })
    }
    return true
  })

  #set(change: Partial<State>): void {
    if (this.#state === undefined) return
    this.#state = { ...this.#state, ...change }
    this.#dirty = true
    this.#options.changed()
  }

  #log = (log: (message: string) => Effect.Effect<void>, what: string): Effect.Effect<void> =>
    Effect.annotateLogs(log(`the trigger "${this.trigger.name}" ${what}`), {
      app: this.appId,
      trigger: this.trigger.name
    })

  get run(): Effect.Effect<never> {
    return Effect.forever(
      Effect.suspend(() =>
        this.#lease === undefined
          ? this.#await()
          : this.trigger.disabled
            ? Effect.raceFirst(Effect.never, this.#renewing)
            : Effect.raceFirst(this.#stage(), this.#renewing)
      ).pipe(
        Effect.catchTag("LeaseLost", () =>
          Effect.suspend(() => {
            this.#lease = undefined
            return this.#log(Effect.logWarning, "is run by another server now: its lease was lost")
          })
        )
      )
    )
  }

  #await(): Effect.Effect<void> {
    return Effect.flatMap(
      Effect.catch(this.#enter(), ({ message }) =>
        Effect.as(this.#log(Effect.logError, `does not start: ${message}`), false)
      ),
      (entered) => (entered ? Effect.void : Effect.sleep(this.#leaseCheck))
    )
  }

  get #leaseTime(): Duration.Duration {
    return this.#options.positions.leaseTime
  }

  get #leaseCheck(): Duration.Duration {
    return Duration.min(leaseCheck, Duration.divideUnsafe(this.#leaseTime, 2))
  }

  /** When a lease ends that is asked for now. */
  get #untilOf(): Effect.Effect<bigint> {
    return Duration.isFinite(this.#leaseTime)
      ? Effect.map(Clock.currentTimeNanos, (now) => now + BigInt(Duration.toMillis(this.#leaseTime)) * 1_000_000n)
      : Effect.succeed(0n)
  }

  /** Fails once the lease has ended. */
  get #holding(): Effect.Effect<void, LeaseLost> {
    return Effect.flatMap(Clock.currentTimeNanos, (now) =>
      this.#lease === undefined || (Duration.isFinite(this.#leaseTime) && now >= this.#until)
        ? Effect.fail(new LeaseLost())
        : Effect.void
    )
  }

  get #renewing(): Effect.Effect<never, LeaseLost> {
    const { positions } = this.#options
    if (!Duration.isFinite(positions.leaseTime)) return Effect.never
    const renew: Effect.Effect<void, LeaseLost | Failure> = Effect.flatMap(this.#untilOf, (until) => {
      if (this.#lease === undefined) return Effect.fail(new LeaseLost())
      return Effect.map(positions.renew(this.#lease), () => {
        this.#until = until
      })
    })
    const often = Effect.sleep(Duration.divideUnsafe(positions.leaseTime, 3))
    // a store that does not answer is asked again until the lease ends
    const tried = Effect.raceFirst(
      Effect.catch(renew, (error) => (error._tag === "LeaseLost" ? Effect.fail(error) : this.#holding)),
      Effect.andThen(
        Effect.suspend(() => this.#untilEnd),
        Effect.fail(new LeaseLost())
      )
    )
    return Effect.forever(Effect.andThen(often, tried))
  }

  /** Waits until the lease ends. */
  get #untilEnd(): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeNanos, (now) =>
      now >= this.#until ? Effect.void : Effect.sleep(Duration.nanos(this.#until - now))
    )
  }

  /** Follows the feed, or waits while it is suspended. */
  #stage(): Effect.Effect<void, LeaseLost> {
    const { position, status } = this.#state ?? { position: "", status: "running" }
    if (status === "suspended") return this.#wake.await
    return this.#follow(position).pipe(
      Effect.catchTags({
        Suspended: ({ reason }) => this.#suspend(reason),
        FeedLost: (error) => this.#lost(error)
      })
    )
  }

  #suspend(reason: string): Effect.Effect<void> {
    this.#wake.closeUnsafe()
    this.#set({ status: "suspended", reason })
    return this.#log(Effect.logError, `is suspended until it is resumed: ${reason}`)
  }

  #lost({ message }: FeedLost): Effect.Effect<void> {
    if (!toleratesLoss(this.trigger)) return this.#suspend(message)
    return Effect.matchEffect(this.#options.feed.now, {
      onSuccess: (position) => {
        this.#set({ position })
        return this.#log(Effect.logWarning, `lost events and goes on with the next ones: ${message}`)
      },
      onFailure: (error) => this.#suspend(error.message)
    })
  }

  /** Follows the feed from a position on; repeats it a few times from the reached position if it cannot be read. */
  #follow(position: string): Effect.Effect<void, FeedLost | LeaseLost | Suspended> {
    const attempt = (from: string, left: number): Effect.Effect<void, FeedLost | LeaseLost | Suspended> =>
      Effect.catchTag(this.#consume(from), "FeedFailed", ({ message, unavailable }) => {
        const reached = this.#state?.position ?? from
        // a database that is away comes back, and the log says so already
        if (unavailable === true) return Effect.andThen(Effect.sleep(whileAway), attempt(reached, left))
        const remaining = reached === from ? left - 1 : repetitions
        if (remaining < 0) return Effect.fail(new Suspended({ reason: `its events cannot be read: ${message}` }))
        return Effect.andThen(
          this.#log(Effect.logWarning, `cannot read its events, and tries again: ${message}`),
          Effect.andThen(Effect.sleep(pauseOf(repetitions - remaining - 1)), attempt(reached, remaining))
        )
      })
    return attempt(position, repetitions)
  }

  #consume(position: string): Effect.Effect<void, FeedFailed | FeedLost | LeaseLost | Suspended> {
    const progress = new Progress(ahead)
    return this.#options.feed.open(position).pipe(
      Stream.flatMap(({ events, position }) => Stream.fromIterable([...events, { position, args: undefined }])),
      Stream.mapEffect((event) =>
        Effect.suspend(() =>
          this.#closing ? Effect.never : Effect.map(progress.begin(event.position), (slot) => ({ ...event, slot }))
        )
      ),
      Stream.mapEffect(
        ({ args, slot }) => {
          const end = Effect.sync(() => {
            const reached = progress.end(slot)
            if (reached !== undefined && reached !== this.#state?.position) this.#set({ position: reached })
          })
          return args === undefined ? end : this.#counted(Effect.andThen(this.#deliver(args), end))
        },
        { concurrency: concurrencyOf(this.trigger), unordered: true }
      ),
      Stream.runDrain
    )
  }

  /** Delivers an event. What becomes of its function does not matter to the next ones, unless it cannot be run. */
  #deliver(args: FeedEvent["args"]): Effect.Effect<void, LeaseLost | Suspended> {
    return Effect.matchEffect(args, {
      onSuccess: (values) => (values === undefined ? Effect.void : this.#fire(values, repetitions)),
      onFailure: ({ message, unavailable }) =>
        unavailable === true
          ? Effect.andThen(Effect.sleep(whileAway), this.#deliver(args))
          : Effect.andThen(
              Effect.map(Clock.currentTimeMillis, (at) => this.#failed(at, message)),
              this.#log(Effect.logError, `skipped an event: ${message}`)
            )
    })
  }

  /** Counts what the end of the server waits for; does not begin it after that. */
  #counted<E>(effect: Effect.Effect<void, E>): Effect.Effect<void, E> {
    return Effect.suspend(() => {
      if (this.#closing) return Effect.never
      this.#underWay++
      return Effect.ensuring(
        effect,
        Effect.sync(() => {
          if (--this.#underWay === 0 && this.#idle !== undefined) Deferred.doneUnsafe(this.#idle, Effect.void)
        })
      )
    })
  }

  #fire(args: ReadonlyArray<unknown>, left: number): Effect.Effect<void, LeaseLost | Suspended> {
    const fired = Effect.andThen(
      this.#holding,
      Effect.suspend(() => this.#options.fire(this.trigger, args))
    )
    return Effect.flatMap(fired, (outcome) => {
      this.#record(outcome)
      if (outcome._tag === "Unavailable") return Effect.andThen(Effect.sleep(whileAway), this.#fire(args, left))
      if (outcome._tag !== "Stopped") return Effect.void
      const { fn } = this.trigger
      if (left === 0) {
        return Effect.fail(
          new Suspended({ reason: `"${fn.name}" was stopped ${repetitions + 1} times: ${outcome.message}` })
        )
      }
      return Effect.andThen(
        this.#log(Effect.logWarning, `runs "${fn.name}" again for an event: ${outcome.message}`),
        Effect.andThen(Effect.sleep(pauseOf(repetitions - left)), this.#fire(args, left - 1))
      )
    })
  }

  #record({ _tag, at, message, millis }: Outcome): void {
    const failed = _tag !== "Ran"
    this.#set({ runs: (this.#state?.runs ?? 0) + 1, lastRun: { at, millis, failed } })
    if (failed) this.#failed(at, message)
  }

  #failed(at: number, message: string): void {
    this.#set({ failures: (this.#state?.failures ?? 0) + 1, lastFailure: { at, message: message.slice(0, longest) } })
  }

  resume = (from: ResumeFrom): Effect.Effect<boolean, FeedFailed | Failure> => {
    const { feed, positions } = this.#options
    if (this.#lease !== undefined && this.#state?.status !== "suspended") return Effect.succeed(false)
    const now = from === "now" || skipsCatchup(this.trigger)
    return Effect.flatMap(now ? feed.now : Effect.undefined, (position) => {
      if (this.#lease === undefined) return positions.resume({ appId: this.appId, name: this.trigger.name }, position)
      if (this.#state === undefined) return Effect.succeed(false)
      this.#state = resumed(this.#state, position)
      this.#set({})
      this.#wake.openUnsafe()
      return Effect.succeed(true)
    })
  }

  get runNow(): Effect.Effect<void> {
    const fired = Effect.suspend(() => this.#options.fire(this.trigger, []))
    return this.#counted(Effect.map(fired, (outcome) => this.#record(outcome)))
  }

  get drain(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#closing = true
      if (this.#underWay === 0) return Effect.void
      this.#idle = Deferred.makeUnsafe()
      return Effect.raceFirst(
        Deferred.await(this.#idle),
        Effect.andThen(
          inRealTime(drainMillis),
          this.#log(Effect.logWarning, "is interrupted: its events are delivered again at the next start")
        )
      )
    })
  }

  get release(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.#lease === undefined ? Effect.void : this.#options.positions.release(this.#lease)
    )
  }
}

/** The pause before a repetition; they count from 0. */
const pauseOf = (repetition: number): Duration.Duration =>
  Duration.millis(Duration.toMillis(firstPause) * 2 ** Math.max(0, repetition))

/** Creates the runner of a trigger. */
export const make = (options: Options): Runner => new TriggerRunner(options)
