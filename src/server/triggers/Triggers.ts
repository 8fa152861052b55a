/** Runs the triggers of applications as long as their server runs. */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Database } from "../data/Database.ts"
import * as PlainNumbers from "../data/PlainNumbers.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import type { App } from "../model/App.ts"
import { Apps } from "../model/Apps.ts"
import type { Trigger } from "../model/Trigger.ts"
import { AppNotFound, InvalidRequest } from "../users/AdminModels.ts"
import { AuthEventLog } from "../users/AuthEventLog.ts"
import * as authentication from "./authentication.ts"
import * as database from "./database.ts"
import type { Feed, FeedFailed } from "./feed.ts"
import * as firing from "./firing.ts"
import * as Runner from "./runner.ts"
import * as scheduled from "./scheduled.ts"
import { type ResumeFrom, type TriggerInfo, TriggerNotFound, TriggerNotSuspended } from "./TriggerModels.ts"
import { type Failure, type State, TriggerPositions } from "./TriggerPositions.ts"

/** How long the states of triggers wait to be saved together, and to be saved again after a failure. */
const pauses = { usual: "100 millis", failed: "5 seconds" } as const

const noStates: ReadonlyMap<string, State> = new Map()

/** The shape of {@link Triggers}. */
export interface Service {
  /** The triggers of an application, and what became of their runs. */
  readonly list: (appId: string) => Effect.Effect<ReadonlyArray<TriggerInfo>, AppNotFound>
  /** Resumes a suspended trigger. */
  readonly resume: (
    appId: string,
    name: string,
    from: ResumeFrom
  ) => Effect.Effect<void, AppNotFound | TriggerNotFound | TriggerNotSuspended>
  /** Runs the function of a scheduled trigger now, in addition to its schedule. */
  readonly run: (appId: string, name: string) => Effect.Effect<void, AppNotFound | TriggerNotFound | InvalidRequest>
  /** Ends the runs under way, and goes on with the triggers that the applications have now. */
  readonly restart: Effect.Effect<void, FeedFailed | Failure>
}

/** The triggers of a server. */
export class Triggers extends Context.Service<Triggers, Service>()("effect-app-services/server/triggers/Triggers") {
  /**
   * Starts the triggers. Their functions run in the context `outside`: its clock, and its loggers.
   *
   * At the end no further event begins, the runs under way are waited for, and the positions are saved.
   */
  static readonly layer = (
    outside: Context.Context<never>
  ): Layer.Layer<Triggers, FeedFailed | Failure, Apps | Database | FunctionRuntime | AuthEventLog | TriggerPositions> =>
    Layer.effect(Triggers, restartable(outside))
}

const types = { Database: "DATABASE", Authentication: "AUTHENTICATION", Scheduled: "SCHEDULED" } as const

const restartable = Effect.fnUntraced(function* (outside: Context.Context<never>) {
  const context = yield* Effect.context<Apps | Database | FunctionRuntime | AuthEventLog | TriggerPositions>()
  const whole = yield* Effect.scope
  const start = Effect.gen(function* () {
    const scope = yield* Scope.fork(whole)
    const running = yield* make(outside).pipe(Scope.provide(scope), Effect.provideContext(context))
    return { ...running, end: Scope.close(scope, Exit.void) }
  })
  let running = yield* start
  return Triggers.of({
    list: (appId) => Effect.suspend(() => running.list(appId)),
    resume: (appId, name, from) => Effect.suspend(() => running.resume(appId, name, from)),
    run: (appId, name) => Effect.suspend(() => running.run(appId, name)),
    restart: Effect.gen(function* () {
      yield* running.end
      running = yield* start
    })
  })
})

const make = Effect.fnUntraced(function* (outside: Context.Context<never>) {
  const { byId } = yield* Apps
  const db = PlainNumbers.make(yield* Database)
  const runtime = yield* FunctionRuntime
  const authEvents = yield* AuthEventLog
  const positions = yield* TriggerPositions
  const changed = Latch.makeUnsafe(false)

  const feedOf = (app: App, trigger: Trigger): Feed => {
    switch (trigger._tag) {
      case "Database":
        return database.feed(db, app, trigger)
      case "Authentication":
        return authentication.feed(authEvents, app, trigger)
      case "Scheduled":
        return scheduled.feed(app, trigger)
    }
  }

  const runners = Array.from(byId.values()).flatMap(({ app }) => {
    const fire = firing.make(runtime, app)
    return app.triggers.map((trigger) =>
      Runner.make({
        appId: app.id,
        trigger,
        feed: feedOf(app, trigger),
        fire,
        positions,
        changed: () => changed.openUnsafe()
      })
    )
  })

  const runnerOf = (appId: string, name: string) =>
    runners.find((runner) => runner.appId === appId && runner.trigger.name === name)

  const save = Effect.suspend(() => {
    changed.closeUnsafe()
    const saves = runners.map((runner) => [runner, runner.takeSave()] as const)
    return Effect.match(positions.save(saves.flatMap(([, save]) => save)), {
      onSuccess: (lost) => {
        for (const { key } of lost) runnerOf(key.appId, key.name)?.notSaved(true)
        return undefined
      },
      onFailure: (error) => {
        for (const [runner, { length }] of saves) if (length > 0) runner.notSaved(false)
        changed.openUnsafe()
        return error
      }
    })
  })

  const saving = Effect.forever(
    Effect.andThen(
      changed.await,
      Effect.andThen(save, (error) =>
        error === undefined
          ? Effect.sleep(pauses.usual)
          : Effect.andThen(
              Effect.logError(`the positions of triggers cannot be saved: ${error.message}`),
              Effect.sleep(pauses.failed)
            )
      )
    )
  )

  const here = <A, E>(effect: Effect.Effect<A, E>) => Effect.provideContext(effect, outside)
  // before the server accepts a write, so that none is missed
  for (const { enter } of runners) yield* here(enter)
  const error = yield* save
  if (error !== undefined) return yield* error
  yield* Effect.addFinalizer(() =>
    here(
      Effect.andThen(
        save,
        Effect.forEach(runners, ({ release }) => release, { discard: true })
      )
    )
  )
  yield* Effect.forkScoped(here(saving))
  for (const { run } of runners) yield* Effect.forkScoped(here(run))
  // finalizers run in reverse: first the runs under way end, then the fibers are interrupted, then the positions are saved
  yield* Effect.addFinalizer(() =>
    here(Effect.forEach(runners, ({ drain }) => drain, { concurrency: "unbounded", discard: true }))
  )

  /** A trigger that another server runs has the state that this one has saved. */
  const infoOf = ({ holds, state, trigger }: Runner.Runner, saved: ReadonlyMap<string, State>): TriggerInfo => {
    const known = holds() ? state() : (saved.get(trigger.name) ?? state())
    const { failures = 0, lastFailure, lastRun, reason, runs = 0 } = known ?? {}
    return {
      name: trigger.name,
      type: types[trigger._tag],
      function: trigger.fn.name,
      status: trigger.disabled ? "disabled" : (known?.status ?? "waiting"),
      runs,
      failures,
      ...(known?.status === "suspended" && reason !== undefined && { reason }),
      ...(lastRun !== undefined && { lastRun: { ...lastRun, at: DateTime.makeUnsafe(lastRun.at) } }),
      ...(lastFailure !== undefined && { lastFailure: { ...lastFailure, at: DateTime.makeUnsafe(lastFailure.at) } })
    }
  }

  const known = (appId: string) =>
    byId.has(appId)
      ? Effect.void
      : Effect.fail(
          new AppNotFound({
            appId,
            message: `there is no application "${appId}": the server hosts ${[...byId.keys()].join(", ")}`
          })
        )

  const find = Effect.fnUntraced(function* (appId: string, name: string) {
    yield* known(appId)
    const runner = runnerOf(appId, name)
    return runner ?? (yield* new TriggerNotFound({ appId, name, message: `the application has no trigger "${name}"` }))
  })

  return {
    list: (appId: string) =>
      Effect.gen(function* () {
        yield* known(appId)
        const all = runners.filter((runner) => runner.appId === appId)
        const saved = all.every(({ holds }) => holds()) ? noStates : yield* Effect.orDie(positions.states(appId))
        return all.map((runner) => infoOf(runner, saved))
      }),
    resume: Effect.fnUntraced(function* (appId: string, name: string, from: ResumeFrom) {
      const runner = yield* find(appId, name)
      if (!(yield* Effect.orDie(here(runner.resume(from))))) {
        return yield* new TriggerNotSuspended({ appId, name, message: `the trigger "${name}" is not suspended` })
      }
      // an acknowledged resumption survives a kill
      const error = yield* here(save)
      if (error !== undefined) return yield* Effect.die(error)
    }),
    run: Effect.fnUntraced(function* (appId: string, name: string) {
      const runner = yield* find(appId, name)
      if (runner.trigger._tag !== "Scheduled") {
        const message = `the trigger "${name}" has no schedule: it runs with the events that it is about`
        return yield* new InvalidRequest({ message })
      }
      yield* here(runner.runNow)
    })
  }
})
