/**
 * The threads that run the functions of one exported application, apart from the thread that serves.
 *
 * A function that never yields, before or after its first `await`, would stop everything else in its thread, so it has
 * one that can be ended. There is one thread, from the first call on. When it does not answer, what it has not begun is
 * taken back and runs in another one, and so do later calls; it gets no call until it answers again, and is ended when a
 * call in it is past its time limit. A thread is no sandbox: whoever may write the functions may do what the server's
 * process may do, end it or use up its memory included.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import { EjsonError } from "../../protocol/Ejson.ts"
import type { App, AppFunction } from "../App.ts"
import { type Actor, isSystem } from "./FunctionAccess.ts"
import { FunctionError } from "./FunctionContext.ts"
import type { FunctionHost } from "./FunctionHost.ts"
import * as FunctionSessions from "./FunctionSessions.ts"
import { readCaller, writeCaller } from "./internal/caller.ts"
import { describe } from "./internal/failures.ts"
import { FunctionThread, type Job, type Outcome, type Waiting } from "./internal/FunctionThread.ts"
import type { AnswerKind, Arguments, FromThread, Origin, Setup, Source, SourceFunction } from "./internal/messages.ts"
import * as values from "./internal/values.ts"

/**
 * Whether the time of a call is up: set before the call is interrupted for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadline {
  passed: boolean
}

/**
 * A call of a function of the application.
 *
 * @category models
 * @since 0.1.0
 */
export interface ThreadCall {
  readonly actor: Actor
  readonly fn: AppFunction
  readonly source: Source
  readonly args: Arguments
  readonly kind: AnswerKind
  /** Who waits watches the time and interrupts the call when it is up; where nobody does, it is watched here. */
  readonly deadline: Deadline | undefined
}

/**
 * What a call came to: a text, Extended JSON unless a value in full was asked for, or a stream of such texts.
 *
 * @category models
 * @since 0.1.0
 */
export type ThreadResult = { readonly _tag: "Done"; readonly text: string } | OpenStream

/**
 * A stream that is read step by step; whoever has it must close it.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenStream {
  readonly _tag: "Streaming"
  /** The next text, `undefined` at the end. */
  readonly next: (deadline: Deadline) => Effect.Effect<string | undefined, FunctionError | EjsonError>
  readonly close: Effect.Effect<void>
}

/**
 * The threads of an application.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionThreads {
  readonly call: (call: ThreadCall) => Effect.Effect<ThreadResult, FunctionError | EjsonError>
  readonly close: Effect.Effect<void>
}

/**
 * How a call ends at its time limit.
 *
 * @category errors
 * @since 0.1.0
 */
export const timedOut: FunctionError = new FunctionError({
  code: "ExecutionTimeLimitExceeded",
  message: "execution time limit exceeded"
})

/** The most threads of an application. When none of them answers, calls wait. */
const most = 3

/** How often threads that are busy are looked after, in milliseconds. */
const lookEvery = 50

/**
 * Makes the threads of an application; none is started before the first call. `timeLimitMillis` is how long a function
 * may not yield.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (app: App, host: FunctionHost, timeLimitMillis: number): FunctionThreads => {
  const threads: Array<FunctionThread> = []
  const queue = new Set<Job>()
  let setup: Omit<Setup, "shared"> | undefined
  /** The services of whoever called last: what is told about no call in particular is told there. */
  let latest: Context.Context<never> | undefined
  let watch: NodeJS.Timeout | undefined
  let closed = false

  const start = (): FunctionThread => {
    const thread = new FunctionThread((setup ??= setupOf(app, timeLimitMillis)), { onMessage, onExit })
    threads.push(thread)
    return thread
  }

  const place = (job: Job): void => {
    let best: FunctionThread | undefined
    for (const thread of threads) {
      if (thread.answering && (best === undefined || thread.load < best.load)) best = thread
    }
    if (best === undefined && threads.length < most) best = start()
    if (best === undefined) queue.add(job)
    else best.call(job)
    lookAfter()
  }

  const lookAfter = (): void => {
    // @effect-diagnostics-next-line globalTimers:off -- a test's clock does not move a thread that does not answer
    watch ??= setInterval(look, lookEvery).unref()
  }

  const placeQueued = (): void => {
    const jobs = [...queue]
    queue.clear()
    for (const job of jobs) place(job)
  }

  const look = (): void => {
    const now = performance.now()
    for (const thread of threads.slice()) {
      const before = thread.answering
      const silent = thread.check(now)
      if (!thread.answering && (thread.overdue || silent >= timeLimitMillis)) {
        stop(thread, now)
      } else if (!thread.answering && before) {
        for (const job of thread.takeBack()) place(job)
      }
    }
    // after the threads: one that is told that a call has ended has until the next look to show that it answers
    for (const job of [...queue, ...threads.flatMap(({ calls }) => [...calls.values()])]) expire(job)
    if (queue.size > 0) placeQueued()
    if (queue.size === 0 && !threads.some((thread) => thread.isBusy)) {
      clearInterval(watch)
      watch = undefined
    }
  }

  /** Ends a thread whose functions do not yield. */
  const stop = (thread: FunctionThread, now: number): void => {
    tell(latest, Effect.logWarning("functions that did not yield were stopped at their time limit"))
    remove(thread, ({ since }) => (now - since >= timeLimitMillis ? { _tag: "TimedOut" } : together))
  }

  const onExit = (thread: FunctionThread, problem: unknown): void => {
    const why = reasonOf(problem)
    tell(latest, Effect.logError("the thread of the functions ended", why))
    remove(thread, () => ({ _tag: "Stopped", why }))
    if (queue.size > 0) placeQueued()
  }

  /** Forgets a thread: what it has not begun runs elsewhere, whoever waits for the rest is told why it has no answer. */
  const remove = (thread: FunctionThread, outcome: (waiting: Waiting) => Outcome): void => {
    threads.splice(threads.indexOf(thread), 1)
    // a thread that never ran would not run another time
    const jobs = thread.started ? thread.takeBack() : []
    void thread.end()
    for (const waiting of [...thread.calls.values(), ...thread.steps.values()]) waiting.settle(outcome(waiting))
    for (const { services, sessions } of thread.streams.values()) Effect.runForkWith(services)(sessions.end)
    for (const job of jobs) place(job)
  }

  const onMessage = (thread: FunctionThread, message: FromThread): void => {
    switch (message._tag) {
      case "Answer": {
        const { answer, id } = message
        const job = thread.calls.get(id)
        if (job === undefined) {
          const step = thread.steps.get(id)
          thread.steps.delete(id)
          return step?.settle(answer)
        }
        thread.calls.delete(id)
        if (answer._tag === "Streaming") thread.streams.set(id, job)
        return job.settle(answer)
      }
      case "Ask": {
        const { args, id, method, origin, transaction } = message
        const { caller, fn, services, sessions } = behind(thread, origin)
        const question = { actor: { caller, isSystem: origin.isSystem }, fn, method, args, transaction, sessions }
        const fiber = Effect.runForkWith(services)(host(question))
        thread.hostCalls.add(fiber)
        fiber.addObserver((exit) => {
          thread.hostCalls.delete(fiber)
          if (!thread.ended && Exit.isSuccess(exit)) thread.reply(id, exit.value)
        })
        return
      }
      case "Log": {
        const { level, origin, text } = message
        return tell(behind(thread, origin).services, Effect.logWithLevel(level)(text), origin.name)
      }
      case "Stray":
        return tell(
          latest,
          Effect.logWarning("an error of a function that no call waits for", message.text),
          message.name
        )
    }
  }

  /** Who is behind what a thread tells, also when nobody waits for the call any more. */
  const behind = (
    thread: FunctionThread,
    { call, caller, name }: Origin
  ): Pick<Job, "caller" | "fn" | "services" | "sessions"> => {
    const job = thread.calls.get(call) ?? thread.streams.get(call)
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

  /** Ends the call whose time is up, by the clock of whoever made it. */
  const expire = (job: Job): void => {
    if (job.until === undefined || job.until.clock.currentTimeMillisUnsafe() < job.until.millis) return
    queue.delete(job)
    cancel(job, { passed: true })
    job.settle({ _tag: "TimedOut" })
  }

  const cancel = ({ place }: Job, { passed }: Deadline): void => {
    if (place === undefined || place.thread.ended) return
    place.thread.cancel(place.id)
    if (passed) exceeded(place.thread)
  }

  /** The time of a call is up: its thread has to show that it answers. */
  const exceeded = (thread: FunctionThread): void => {
    thread.overdue = true
    if (!thread.answering) stop(thread, performance.now())
  }

  const untilOf = (services: Context.Context<never>) => {
    const clock = Context.get(services, Clock.Clock)
    return { clock, millis: clock.currentTimeMillisUnsafe() + timeLimitMillis }
  }

  const streamOf = ({ place, services, sessions }: Job): OpenStream => {
    const touch = () => clearTimeout(untouched)
    const close = Effect.suspend(() => {
      touch()
      if (place !== undefined && !place.thread.ended && place.thread.streams.has(place.id)) {
        place.thread.cancel(place.id)
      }
      return sessions.end
    })
    // whoever asked for the stream may have gone before it was theirs to close
    // @effect-diagnostics-next-line globalTimers:off -- it guards the memory of a thread, no caller waits for it
    const untouched = setTimeout(() => Effect.runForkWith(services)(close), timeLimitMillis).unref()
    return {
      _tag: "Streaming",
      close,
      next: (deadline) =>
        Effect.callback((resume) => {
          touch()
          if (place === undefined || place.thread.ended) return resume(Effect.fail(stopped(gone)))
          const { id: call, thread } = place
          const settle = (outcome: Outcome) => {
            if (outcome._tag === "Done") return resume(Effect.succeed(outcome.text))
            thread.streams.delete(call)
            resume(outcome._tag === "End" ? Effect.undefined : failed(outcome))
          }
          const id = thread.next(call, { since: performance.now(), settle })
          lookAfter()
          return Effect.sync(() => {
            thread.steps.delete(id)
            if (deadline.passed && !thread.ended) exceeded(thread)
          })
        })
    }
  }

  return {
    call: ({ actor, args, deadline, fn, kind, source }) =>
      Effect.contextWith((services: Context.Context<never>) => {
        const sessions = FunctionSessions.make()
        return Effect.callback<ThreadResult, FunctionError | EjsonError>((resume) => {
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
            settle: (outcome) =>
              resume(
                outcome._tag === "Done"
                  ? Effect.succeed(outcome)
                  : outcome._tag === "Streaming"
                    ? Effect.succeed(streamOf(job))
                    : failed(outcome)
              )
          }
          place(job)
          return Effect.sync(() => {
            queue.delete(job)
            cancel(job, deadline ?? { passed: false })
          })
        }).pipe(
          // a stream's transactions last as long as it does
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
      const ending = threads.splice(0).map((thread) => {
        left.push(...thread.calls.values(), ...thread.steps.values())
        return thread.end()
      })
      for (const waiting of left) waiting.settle({ _tag: "Stopped", why: gone })
      return Effect.promise(() => Promise.all(ending))
    })
  }
}

const setupOf = (app: App, timeLimitMillis: number): Omit<Setup, "shared"> => {
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
    deployment: values.write(app.deployment),
    services: app.services,
    timeLimitMillis,
    environment: values.write({
      tag: app.environment.tag,
      values: Object.fromEntries(app.environment.values)
    })
  }
}

/** Who may call a function without the server, which decides where a rule or a setting of it has to be read. */
const openTo = ({ closed, gate, runAs }: AppFunction): SourceFunction["openTo"] => {
  if (closed || (runAs._tag !== "System" && runAs._tag !== "Caller")) return "none"
  return gate === undefined ? "all" : "system"
}

const together: Outcome = {
  _tag: "Stopped",
  why: "the function was stopped together with another one of the application, which did not yield within its time limit"
}

const gone = "the thread of the function has ended"

const stopped = (message: string): FunctionError => new FunctionError({ code: "FunctionExecutionError", message })

const failed = (outcome: Outcome): Effect.Effect<never, FunctionError | EjsonError> => {
  switch (outcome._tag) {
    case "Unreadable":
      return Effect.fail(new EjsonError({ message: outcome.message }))
    case "Failed":
      return Effect.fail(stopped(outcome.message))
    case "Stopped":
      return Effect.fail(stopped(outcome.why))
    case "TimedOut":
      return Effect.fail(timedOut)
    default:
      return Effect.fail(stopped(gone))
  }
}

/** Why a thread ended by itself. */
const reasonOf = (problem: unknown): string => {
  if (problem === undefined) return "a function of the application ended its thread, as process.exit does"
  const code = typeof problem === "object" && problem !== null && "code" in problem ? problem.code : undefined
  return code === "ERR_WORKER_OUT_OF_MEMORY"
    ? "the functions of the application used more memory than they may"
    : `the thread of the function failed: ${describe(problem)}`
}
