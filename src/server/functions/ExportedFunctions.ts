/**
 * The functions of one exported application, which run in a pool of processes: what the pool's messages mean for the
 * application, its log, its database and its transactions.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { EjsonError } from "../../protocol/Ejson.ts"
import { unavailable } from "../data/DatabaseError.ts"
import type { App, AppFunction } from "../model/App.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import { FunctionError } from "../model/FunctionContext.ts"
import type { Usage } from "../model/Metrics.ts"
import { type Actor, type Caller, isSystem } from "./FunctionAccess.ts"
import type { FunctionHost } from "./FunctionHost.ts"
import { calledWith, secretsOf } from "./calledWith.ts"
import { type Limits, setupOf } from "./functionSetup.ts"
import type { End, FunctionProcess, Job, Outcome } from "./pool/FunctionProcess.ts"
import { failed, failureOf, gone, reasonOf, stopped } from "./pool/outcomes.ts"
import { Pool, type Told } from "./pool/Pool.ts"
import { readCaller, writeCaller } from "./shared/caller.ts"
import type { AnswerKind, Arguments, Origin, Reply, Source } from "./shared/messages.ts"
import * as Transactions from "./Transactions.ts"

/** Whether a call exceeded its time limit: set before the call is interrupted. */
export interface Deadline {
  passed: boolean
}

/** A call of a function of the application. */
export interface FunctionCall {
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
export type FunctionResult = { readonly _tag: "Done"; readonly text: string } | OpenStream

/** A stream that is read step by step; the caller must close it. */
export interface OpenStream {
  readonly _tag: "Streaming"
  /** The next text, or `undefined` at the end. */
  readonly next: (deadline: Deadline) => Effect.Effect<string | undefined, FunctionError | EjsonError>
  readonly close: Effect.Effect<void>
}

/** The functions of an application. */
export interface ExportedFunctions {
  readonly call: (call: FunctionCall) => Effect.Effect<FunctionResult, FunctionError | EjsonError>
  readonly usage: () => Usage
  readonly close: Effect.Effect<void>
}

/** What the server knows of a call in the pool. */
interface Owner {
  readonly caller: Caller
  readonly fn: Pick<AppFunction, "name" | "runAs"> & Partial<Pick<AppFunction, "body">>
  /** The transactions of the call, including those of its stream. */
  readonly transactions: Transactions.Transactions
  /** The services of the calling fiber. */
  readonly services: Context.Context<never>
  /** Whether one of its operations did not reach the database. */
  missed: boolean
}

/** Whether the database could not be reached. */
const isMissed = (reply: Reply): boolean => reply._tag !== "Success" && reply.message.includes(unavailable().message)

/** The failure of a call, which tells one that failed because the database could not be reached. */
const failureFor = ({ missed }: Pick<Owner, "missed">, outcome: Outcome) =>
  missed && outcome._tag === "Failed" && outcome.message.includes(unavailable().message)
    ? Effect.fail(new FunctionError({ code: "FunctionExecutionError", message: outcome.message, unavailable: true }))
    : failed(outcome)

/** Creates the pool of an application; the first call starts a process. */
export const make = (app: App, host: FunctionHost, limits: Limits): ExportedFunctions => {
  const { timeLimitMillis } = limits
  /** The services of the latest caller, used to log what does not belong to a call. */
  let latest: Context.Context<never> = Context.empty()
  let closed = false
  const secrets = secretsOf(app)

  const log = (services: Context.Context<never>, line: Effect.Effect<void>, name?: string): void => {
    const annotations = { app: app.id, ...(name !== undefined && { function: name }) }
    Effect.runForkWith(services)(Effect.annotateLogs(line, annotations))
  }

  /** Logs the failure of a call: the error that the client gets has the id of the request in the log. */
  const report = (job: Job<Owner>, outcome: Outcome): void => {
    const { call, owner, since } = job
    const { caller, fn, services } = owner
    const why = failureOf(outcome)
    if (why === undefined || closed) return
    const took = Math.round(performance.now() - since)
    const line = Effect.logError(
      `the function "${fn.name}" failed after ${took} ms: ${why}\ncalled with ${calledWith(app, fn, call.args, secrets)}`
    )
    const user = caller.user.id === "" ? {} : { user: caller.user.id }
    log(services, CurrentRequest.annotated(Effect.annotateLogs(line, user)), fn.name)
  }

  /** The owner of a message, whose call may have ended. */
  const ownerOf = (origin: Origin, job: Job<Owner> | undefined): Omit<Owner, "missed"> => {
    const fn = job?.owner.fn.name === origin.name ? job.owner.fn : app.functions.get(origin.name)
    return {
      caller: job?.owner.caller ?? { app, ...readCaller(origin.caller) },
      fn: fn ?? { name: origin.name, runAs: { _tag: "Caller" } },
      services: job?.owner.services ?? latest,
      transactions: job?.owner.transactions ?? Transactions.ended
    }
  }

  const answer = (
    process: FunctionProcess<Owner>,
    { args, id, isWaiting, method, origin, transaction }: Extract<Told, { readonly _tag: "Ask" }>,
    job: Job<Owner> | undefined
  ): void => {
    const { caller, fn, services, transactions } = ownerOf(origin, job)
    const question = { actor: { caller, isSystem: origin.isSystem }, fn, method, args, transaction, transactions }
    const fiber = Effect.runForkWith(services)(host(question))
    process.hostCalls.add(fiber)
    fiber.addObserver((exit) => {
      process.hostCalls.delete(fiber)
      if (job !== undefined && Exit.isSuccess(exit) && isMissed(exit.value)) job.owner.missed = true
      if (process.ended) return
      // a process that waits must not wait forever
      if (isWaiting === true) process.replyNow(Exit.isSuccess(exit) ? exit.value : { _tag: "Failure", message: gone })
      else if (Exit.isSuccess(exit)) process.reply(id, exit.value)
    })
  }

  const onTold = (process: FunctionProcess<Owner>, message: Told, job: Job<Owner> | undefined): void => {
    switch (message._tag) {
      case "Ask":
        return answer(process, message, job)
      case "Log":
        return log(
          job?.owner.services ?? latest,
          // the id of its request, whose line in the log has it too
          CurrentRequest.annotated(Effect.logWithLevel(message.level)(message.text)),
          message.origin.name
        )
      case "LeftOut":
        return log(latest, Effect.logWarning(message.text))
      case "Stray":
        return log(
          latest,
          Effect.logWarning("an error of a function that no call waits for", message.text),
          message.name
        )
    }
  }

  const onEnd = (end: End): void => {
    log(latest, Effect.logError("the process of the functions ended", reasonOf(end)))
    if (end._tag === "Killed") log(latest, Effect.logDebug("its last output", end.output))
  }

  const pool = new Pool<Owner>({
    setup: () => setupOf(app, limits),
    timeLimitMillis,
    events: {
      onTold,
      onStreamLost: ({ owner }) => {
        const end = owner.transactions.end()
        if (end !== undefined) Effect.runForkWith(owner.services)(end)
      },
      onStop: () => log(latest, Effect.logWarning("functions that did not yield were stopped at their time limit")),
      onEnd
    }
  })

  const streamOf = (job: Job<Owner>): OpenStream => {
    const { services, transactions } = job.owner
    const touch = () => clearTimeout(untouched)
    const close = Effect.suspend(() => {
      touch()
      pool.closeStream(job)
      return transactions.end() ?? Effect.void
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
          const cancel = pool.next(job, (outcome) => {
            report(job, outcome)
            if (outcome._tag === "Done") return resume(Effect.succeed(outcome.text))
            resume(outcome._tag === "End" ? Effect.undefined : failureFor(job.owner, outcome))
          })
          if (cancel === undefined) return resume(Effect.fail(stopped(gone)))
          return Effect.sync(() => cancel(deadline.passed))
        })
    }
  }

  const resultOf = (job: Job<Owner>, outcome: Outcome): Effect.Effect<FunctionResult, FunctionError | EjsonError> => {
    if (outcome._tag === "Done") return Effect.succeed(outcome)
    return outcome._tag === "Streaming" ? Effect.succeed(streamOf(job)) : failureFor(job.owner, outcome)
  }

  const messageOf = ({ actor: { caller, isSystem: asSystem }, args, fn, kind, source }: FunctionCall) => ({
    name: fn.name,
    source: app.functions.get(fn.name) === fn ? undefined : { text: source.text, file: source.file },
    caller: writeCaller(caller),
    args,
    kind,
    isSystem: asSystem,
    bySystem: isSystem(caller)
  })

  const untilOf = (services: Context.Context<never>) => {
    const clock = Context.get(services, Clock.Clock)
    return { clock, millis: clock.currentTimeMillisUnsafe() + timeLimitMillis }
  }

  const run = (given: FunctionCall, owner: Owner): Effect.Effect<FunctionResult, FunctionError | EjsonError> =>
    Effect.callback((resume) => {
      if (closed) return resume(Effect.fail(stopped(gone)))
      latest = owner.services
      const job: Job<Owner> = {
        call: messageOf(given),
        owner,
        since: performance.now(),
        until: given.deadline === undefined ? untilOf(owner.services) : undefined,
        place: undefined,
        settle: (outcome) => {
          report(job, outcome)
          resume(resultOf(job, outcome))
        }
      }
      pool.place(job)
      return Effect.sync(() => pool.cancel(job, given.deadline?.passed ?? false))
    })

  return {
    call: (given) =>
      Effect.contextWith((services: Context.Context<never>) => {
        const transactions = Transactions.make()
        const { actor, fn } = given
        // the transactions of a stream live as long as the stream
        return Effect.onExitPrimitive(
          run(given, { caller: actor.caller, fn, transactions, services, missed: false }),
          (exit) => (Exit.isSuccess(exit) && exit.value._tag === "Streaming" ? undefined : transactions.end())
        )
      }),
    usage: () => pool.usage(),
    close: Effect.suspend(() => {
      closed = true
      return Effect.promise(() => pool.close())
    })
  }
}
