/**
 * The pool of processes that run the functions of one exported application, outside of the server's process.
 *
 * A function that never yields blocks its thread, and one that exhausts memory ends its process, so neither may be the
 * server's. The first call starts one process. If it stops responding, calls that it has not begun are taken back and
 * run in another one, as do later calls; it gets no calls until it responds again, and is killed when a call in it
 * exceeds its time limit. A process above its memory limit, buffers included, is killed too; its calls fail, and the
 * next call starts another process. A process is not a sandbox: functions can do what the server's user can do.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { EjsonError } from "../../protocol/Ejson.ts"
import type { App, AppFunction } from "../model/App.ts"
import { idOf } from "../model/Apps.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import { type Actor, isSystem } from "./FunctionAccess.ts"
import type { FunctionError } from "../model/FunctionContext.ts"
import type { FunctionHost } from "./FunctionHost.ts"
import * as FunctionSessions from "./FunctionSessions.ts"
import { readCaller, writeCaller } from "./internal/caller.ts"
import { type End, FunctionProcess, type Job, type Outcome, type Waiting } from "./internal/FunctionProcess.ts"
import type { AnswerKind, Arguments, FromProcess, Origin, Setup, Source, SourceFunction } from "./internal/messages.ts"
import { failed, failureOf, gone, reasonOf, stopped, together } from "./internal/outcomes.ts"
import * as values from "./internal/values.ts"

/** Whether a call exceeded its time limit: set before the call is interrupted. */
export interface Deadline {
  passed: boolean
}

/** A call of a function of the application. */
export interface ProcessCall {
  readonly actor: Actor
  readonly fn: AppFunction
  readonly source: Source
  readonly args: Arguments
  readonly kind: AnswerKind
  /** Set if the caller enforces the time limit by interrupting the call; otherwise it is enforced here. */
  readonly deadline: Deadline | undefined
}

/**
 * The result of a call: text, which is Extended JSON unless a full value was requested, or a stream of such texts.
 */
export type ProcessResult = { readonly _tag: "Done"; readonly text: string } | OpenStream

/** A stream that is read step by step; the caller must close it. */
export interface OpenStream {
  readonly _tag: "Streaming"
  /** The next text, or `undefined` at the end. */
  readonly next: (deadline: Deadline) => Effect.Effect<string | undefined, FunctionError | EjsonError>
  readonly close: Effect.Effect<void>
}

/** The processes of an application. */
export interface FunctionProcesses {
  readonly call: (call: ProcessCall) => Effect.Effect<ProcessResult, FunctionError | EjsonError>
  readonly close: Effect.Effect<void>
}

/** The maximum number of processes of an application. If none of them responds, calls wait. */
const most = 3

/** The interval of checking busy processes, in milliseconds. */
const lookEvery = 50

/** How long an unresponsive process lives beyond the time limit, in milliseconds, so that its calls time out first. */
const grace = 250

/** The limits of an application's functions. */
export interface Limits {
  /** The time limit of a call, and of running without yielding, in milliseconds. */
  readonly timeLimitMillis: number
  /** The memory limit of the functions in one process, buffers included, in bytes. */
  readonly memoryLimit: number
}

/** Creates the pool of an application; the first call starts a process. */
export const make = (app: App, host: FunctionHost, limits: Limits): FunctionProcesses => {
  const { timeLimitMillis } = limits
  const processes: Array<FunctionProcess> = []
  /** Processes to be killed once the calls that they have not begun are taken back. */
  const stopping = new Set<FunctionProcess>()
  const queue = new Set<Job>()
  let setup: Setup | undefined
  /** The services of the latest caller, used to log what does not belong to a call. */
  let latest: Context.Context<never> | undefined
  let watch: NodeJS.Timeout | undefined
  let closed = false

  const start = (): FunctionProcess => {
    const process = new FunctionProcess((setup ??= setupOf(app, limits)), { onMessage, onEnd })
    processes.push(process)
    return process
  }

  const place = (job: Job): void => {
    let best: FunctionProcess | undefined
    for (const process of processes) {
      if (process.answering && (best === undefined || process.load < best.load)) best = process
    }
    if (best === undefined && processes.length < most) best = start()
    if (best === undefined) queue.add(job)
    else best.call(job)
    lookAfter()
  }

  /** Runs while a call waits, and keeps the server's process alive. */
  const lookAfter = (): void => {
    // @effect-diagnostics-next-line globalTimers:off -- a test's clock does not move a process that does not answer
    watch ??= setInterval(look, lookEvery)
  }

  const placeAll = (jobs: ReadonlyArray<Job>): void => {
    for (const job of jobs) place(job)
  }

  const placeQueued = (): void => {
    const jobs = [...queue]
    queue.clear()
    placeAll(jobs)
  }

  const look = (): void => {
    const now = performance.now()
    for (const process of processes.slice()) {
      const before = process.answering
      const silent = process.check(now)
      if (!process.answering && (process.overdue || silent >= timeLimitMillis + grace)) {
        stop(process, now)
      } else if (!process.answering && before) {
        process.takeBack(placeAll)
      }
    }
    // after the processes, so that one has until the next check to respond to the cancellation
    for (const job of [...queue, ...processes.flatMap(({ calls }) => calls.values())]) expire(job)
    if (queue.size > 0) placeQueued()
    if (queue.size === 0 && !processes.some((process) => process.isBusy)) {
      clearInterval(watch)
      watch = undefined
    }
  }

  /** Kills a process whose functions do not yield; calls that it has not begun run elsewhere. */
  const stop = (process: FunctionProcess, now: number): void => {
    processes.splice(processes.indexOf(process), 1)
    tell(latest, Effect.logWarning("functions that did not yield were stopped at their time limit"))
    stopping.add(process)
    process.takeBack((jobs) => {
      stopping.delete(process)
      if (process.ended) return
      void process.end()
      settle(process, ({ since }) => (now - since >= timeLimitMillis ? { _tag: "TimedOut" } : together))
      placeAll(jobs)
    })
  }

  const onEnd = (process: FunctionProcess, end: End): void => {
    const why = reasonOf(end)
    tell(latest, Effect.logError("the process of the functions ended", why))
    if (end._tag === "Killed") tell(latest, Effect.logDebug("its last output", end.output))
    const at = processes.indexOf(process)
    if (at !== -1) processes.splice(at, 1)
    stopping.delete(process)
    void process.end()
    if (end._tag === "OutOfMemory") process.takeBack(placeAll)
    settle(process, () => ({ _tag: "Stopped", why }))
    if (queue.size > 0) placeQueued()
  }

  /** Fails the callers of a process that has ended. */
  const settle = (process: FunctionProcess, outcome: (waiting: Waiting) => Outcome): void => {
    for (const waiting of [...process.calls.values(), ...process.steps.values()]) waiting.settle(outcome(waiting))
    for (const { services, sessions } of process.streams.values()) Effect.runForkWith(services)(sessions.end)
  }

  const onMessage = (process: FunctionProcess, message: FromProcess): void => {
    switch (message._tag) {
      case "Answer": {
        const { answer, id } = message
        const job = process.calls.take(id)
        if (job === undefined) return process.steps.take(id)?.settle(answer)
        if (answer._tag === "Streaming") process.streams.add(id, job)
        return job.settle(answer)
      }
      case "Ask": {
        const { args, id, method, origin, transaction } = message
        const { caller, fn, services, sessions } = behind(process, origin)
        const question = { actor: { caller, isSystem: origin.isSystem }, fn, method, args, transaction, sessions }
        const fiber = Effect.runForkWith(services)(host(question))
        process.hostCalls.add(fiber)
        fiber.addObserver((exit) => {
          process.hostCalls.delete(fiber)
          if (!process.ended && Exit.isSuccess(exit)) process.reply(id, exit.value)
        })
        return
      }
      case "Log": {
        const { level, origin, text } = message
        return tell(behind(process, origin).services, Effect.logWithLevel(level)(text), origin.name)
      }
      case "Stray":
        return tell(
          latest,
          Effect.logWarning("an error of a function that no call waits for", message.text),
          message.name
        )
    }
  }

  /** The call that a message belongs to, which may have ended. */
  const behind = (
    process: FunctionProcess,
    { call, caller, name }: Origin
  ): Pick<Job, "caller" | "fn" | "services" | "sessions"> => {
    const job = process.calls.get(call) ?? process.streams.get(call)
    return {
      caller: job?.caller ?? { app, ...readCaller(caller) },
      fn: job?.fn.name === name ? job.fn : (app.functions.get(name) ?? { name, runAs: { _tag: "Caller" } }),
      services: job?.services ?? latest ?? Context.empty(),
      sessions: job?.sessions ?? FunctionSessions.ended
    }
  }

  const tell = (services: Context.Context<never> | undefined, log: Effect.Effect<void>, name?: string): void => {
    const annotations = { app: app.id, ...(name !== undefined && { function: name }) }
    Effect.runForkWith(services ?? Context.empty())(Effect.annotateLogs(log, annotations))
  }

  /** Logs the failure of a call: the error that the client gets has the id of the request in the log. */
  const report = ({ caller, fn, services, since }: Job, outcome: Outcome): void => {
    const why = failureOf(outcome)
    if (why === undefined || closed) return
    const took = Math.round(performance.now() - since)
    const line = Effect.logError(`the function "${fn.name}" failed after ${took} ms: ${why}`)
    const user = caller.user.id === "" ? {} : { user: caller.user.id }
    tell(services, CurrentRequest.annotated(Effect.annotateLogs(line, user)), fn.name)
  }

  /** Ends a call at its time limit, by the clock of its caller. */
  const expire = (job: Job): void => {
    if (job.until === undefined || job.until.clock.currentTimeMillisUnsafe() < job.until.millis) return
    queue.delete(job)
    cancel(job, { passed: true })
    job.settle({ _tag: "TimedOut" })
  }

  const cancel = ({ place }: Job, { passed }: Deadline): void => {
    if (place === undefined || place.process.ended) return
    place.process.cancel(place.id)
    if (passed) exceeded(place.process)
  }

  /** A call exceeded its time limit: its process has to prove that it responds. */
  const exceeded = (process: FunctionProcess): void => {
    process.exceed()
    if (!process.answering) stop(process, performance.now())
  }

  const untilOf = (services: Context.Context<never>) => {
    const clock = Context.get(services, Clock.Clock)
    return { clock, millis: clock.currentTimeMillisUnsafe() + timeLimitMillis }
  }

  const streamOf = (job: Job): OpenStream => {
    const { place, services, sessions } = job
    const touch = () => clearTimeout(untouched)
    const close = Effect.suspend(() => {
      touch()
      if (place !== undefined && !place.process.ended && place.process.streams.has(place.id)) {
        place.process.cancel(place.id)
      }
      return sessions.end
    })
    // the caller may have been interrupted before it could close the stream
    // @effect-diagnostics-next-line globalTimers:off -- it guards the memory of a process, no caller waits for it
    const untouched = setTimeout(() => Effect.runForkWith(services)(close), timeLimitMillis).unref()
    return {
      _tag: "Streaming",
      close,
      next: (deadline) =>
        Effect.callback((resume) => {
          touch()
          if (place === undefined || place.process.ended) return resume(Effect.fail(stopped(gone)))
          const { id: call, process } = place
          const settle = (outcome: Outcome) => {
            report(job, outcome)
            if (outcome._tag === "Done") return resume(Effect.succeed(outcome.text))
            process.streams.take(call)
            resume(outcome._tag === "End" ? Effect.undefined : failed(outcome))
          }
          const id = process.next(call, { since: performance.now(), settle })
          lookAfter()
          return Effect.sync(() => {
            process.steps.take(id)
            if (deadline.passed && !process.ended) exceeded(process)
          })
        })
    }
  }

  return {
    call: ({ actor, args, deadline, fn, kind, source }) =>
      Effect.contextWith((services: Context.Context<never>) => {
        const sessions = FunctionSessions.make()
        return Effect.callback<ProcessResult, FunctionError | EjsonError>((resume) => {
          if (closed) return resume(Effect.fail(stopped(gone)))
          latest = services
          const { caller } = actor
          const { name } = fn
          const job: Job = {
            call: {
              name,
              source: app.functions.get(name) === fn ? undefined : { text: source.text, file: source.file },
              caller: writeCaller(caller),
              args,
              kind,
              isSystem: actor.isSystem,
              bySystem: isSystem(caller)
            },
            caller,
            fn,
            sessions,
            services,
            since: performance.now(),
            until: deadline === undefined ? untilOf(services) : undefined,
            place: undefined,
            settle: (outcome) => {
              report(job, outcome)
              resume(
                outcome._tag === "Done"
                  ? Effect.succeed(outcome)
                  : outcome._tag === "Streaming"
                    ? Effect.succeed(streamOf(job))
                    : failed(outcome)
              )
            }
          }
          place(job)
          return Effect.sync(() => {
            queue.delete(job)
            cancel(job, deadline ?? { passed: false })
          })
        }).pipe(
          // the transactions of a stream live as long as the stream
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && exit.value._tag === "Streaming" ? Effect.void : sessions.end
          )
        )
      }),
    close: Effect.suspend(() => {
      closed = true
      clearInterval(watch)
      const left: Array<Waiting> = [...queue]
      queue.clear()
      const ending = [...processes.splice(0), ...stopping].map((process) => {
        left.push(...process.calls.values(), ...process.steps.values())
        return process.end()
      })
      for (const waiting of left) waiting.settle({ _tag: "Stopped", why: gone })
      return Effect.promise(() => Promise.all(ending))
    })
  }
}

const setupOf = (app: App, limits: Limits): Setup => {
  const sources = new Map<string, SourceFunction>()
  for (const [name, fn] of app.functions) {
    if (fn.body._tag !== "Source") continue
    const { file, text } = fn.body
    sources.set(name, { text, file, openTo: openTo(fn), asSystem: fn.runAs._tag === "System" })
  }
  const plain = (value: unknown) => values.write(Redacted.isRedacted(value) ? Redacted.value(value) : value)
  return {
    appId: app.id,
    root: app.root,
    sources,
    values: new Map([...app.values].map(([name, value]) => [name, plain(value)])),
    app: values.write(metadata(app)),
    dataSources: new Set(app.dataSources.keys()),
    services: new Map(
      Array.from(app.services, ([name, { rules, type }]) => [name, { type, hasRules: rules.length > 0 }])
    ),
    ...limits,
    environment: values.write({
      tag: app.environment.tag,
      values: Object.fromEntries(app.environment.values)
    })
  }
}

/** The object `context.app`. */
const metadata = ({ deployment: { model, providerRegion }, hosting, id, name }: App) => ({
  id: idOf(id),
  clientAppId: id,
  name,
  projectId: idOf(`the project of ${id}`),
  deployment: { model, providerRegion },
  ...(hosting?.uri !== undefined && { hostingUri: hosting.uri }),
  // @effect-diagnostics-next-line globalDate:off -- the application was deployed where the process began
  lastDeployed: new Date(performance.timeOrigin).toISOString()
})

/** Which functions may call a function without the server, which has to evaluate rules and settings. */
const openTo = ({ closed, gate, runAs }: AppFunction): SourceFunction["openTo"] => {
  if (closed || (runAs._tag !== "System" && runAs._tag !== "Caller")) return "none"
  return gate === undefined ? "all" : "system"
}
