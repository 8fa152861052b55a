/** One thread that runs functions: what it was told, and whether it answers. */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import { existsSync } from "node:fs"
import { Worker } from "node:worker_threads"
import type { AppFunction } from "../../App.ts"
import type { Caller } from "../FunctionAccess.ts"
import type { FunctionSessions } from "../FunctionSessions.ts"
import {
  type Answer,
  begun,
  type Call,
  type FromThread,
  isAfter,
  received,
  type Reply,
  type Setup,
  type ToThread
} from "./messages.ts"

/** So many messages go out at once, so that the thread need not wait for the end of a long turn. */
const mostTogether = 8

/** How long a thread may leave a message alone, in milliseconds, before others take over what it has not begun. */
const patience = 150

/** How much the values of a thread may take up. One that needs more is ended, and the server goes on. */
const heapMegabytes = 512

/** What calls leave behind is collected often, and is not what the server's memory consists of. */
const youngMegabytes = 16

/** The answer of a thread, or that it was ended, and whether that was because the time was up. */
export type Outcome = Answer | { readonly _tag: "Stopped"; readonly why: string } | { readonly _tag: "TimedOut" }

/** Who waits for a thread. */
export interface Waiting {
  /** When it was asked, on the clock that {@link FunctionThread.check} is told. */
  readonly since: number
  readonly settle: (outcome: Outcome) => void
}

/** A call of a function that waits for its answer, or whose stream is open. */
export interface Job extends Waiting {
  readonly call: Omit<Call, "_tag" | "id">
  readonly caller: Caller
  readonly fn: Pick<AppFunction, "name" | "runAs">
  /** The transactions of the call, of its stream included. */
  readonly sessions: FunctionSessions
  /** The services of the fiber that calls. */
  readonly services: Context.Context<never>
  /** When its time is up; `undefined` where whoever waits watches the time. */
  readonly until: { readonly clock: Clock.Clock; readonly millis: number } | undefined
  /** Where it runs, and under which id. */
  place: { readonly thread: FunctionThread; readonly id: number } | undefined
}

/** Whom a thread tells. */
interface Listener {
  readonly onMessage: (thread: FunctionThread, message: FromThread) => void
  readonly onExit: (thread: FunctionThread, problem: unknown) => void
}

/** The thread's module: beside this one, or, for the command, which is one bundle at the top of `dist/`, in its place. */
const entry = (): URL => {
  if (import.meta.url.endsWith(".ts")) return new URL("./worker.ts", import.meta.url)
  const beside = new URL("./worker.js", import.meta.url)
  return existsSync(beside) ? beside : new URL("./server/functions/internal/worker.js", import.meta.url)
}

export class FunctionThread {
  /** Calls that wait for their answer, by id. */
  readonly calls = new Map<number, Job>()
  /** Calls whose stream is open, by id. */
  readonly streams = new Map<number, Job>()
  /** Steps of streams that wait for their answer, by id. */
  readonly steps = new Map<number, Waiting>()
  /** What the server does for the thread's functions. */
  readonly hostCalls = new Set<Fiber.Fiber<unknown, unknown>>()
  answering = true
  /** A call in the thread is past its time limit. */
  overdue = false
  ended = false

  readonly #shared = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  readonly #worker: Worker
  #outbox: Array<ToThread> = []
  #lastId = 0
  #posted = 0
  #seen = 0
  #started = false
  /** Since when the thread leaves a message alone. */
  #silentSince = 0
  #problem: unknown

  constructor(setup: Omit<Setup, "shared">, listener: Listener) {
    this.#worker = new Worker(entry(), {
      name: `functions of ${setup.appId}`,
      workerData: { ...setup, shared: this.#shared } satisfies Setup,
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes, maxYoungGenerationSizeMb: youngMegabytes },
      // what this process was started with, such as a debugger's port, is not for the thread
      execArgv: []
    })
    // whoever waits for a call keeps the process alive by its time limit
    this.#worker.unref()
    this.#worker.on("message", (message: FromThread) => {
      if (!this.ended) listener.onMessage(this, message)
    })
    this.#worker.on("error", (cause) => {
      this.#problem = cause
    })
    this.#worker.on("exit", () => {
      if (!this.ended) listener.onExit(this, this.#problem)
    })
  }

  /** Whether anybody waits for the thread, or the thread leaves a message alone. */
  get isBusy(): boolean {
    return this.load > 0 || this.#isBehind
  }

  /** How many answers it owes. */
  get load(): number {
    return this.calls.size + this.steps.size
  }

  /** Whether it ever received anything. */
  get started(): boolean {
    return (this.#started ||= this.#received !== 0)
  }

  get #received(): number {
    return Atomics.load(this.#shared, received)
  }

  get #isBehind(): boolean {
    return this.#outbox.length > 0 || this.#received !== this.#posted
  }

  call(job: Job): void {
    const id = this.#nextId()
    job.place = { thread: this, id }
    this.calls.set(id, job)
    this.#tell({ _tag: "Call", id, ...job.call })
  }

  next(call: number, waiting: Waiting): number {
    const id = this.#nextId()
    this.steps.set(id, waiting)
    this.#tell({ _tag: "Next", id, call })
    return id
  }

  cancel(call: number): void {
    this.calls.delete(call)
    this.streams.delete(call)
    this.#tell({ _tag: "Cancel", call })
  }

  reply(id: number, reply: Reply): void {
    this.#tell({ _tag: "Reply", id, reply })
  }

  /** Looks whether the thread answers; answers with how long it has not, in milliseconds. */
  check(now: number): number {
    const seen = this.#received
    // a thread that starts takes as long as the machine takes
    if (!this.started || seen !== this.#seen || seen === this.#posted) this.#silentSince = now
    this.#seen = seen
    const silent = now - this.#silentSince
    this.answering = silent < patience
    if (!this.#isBehind) {
      this.overdue = false
      // so that the next look tells whether it still answers
      if (this.load > 0) this.#post([])
    }
    return silent
  }

  /** Takes back the calls that the thread has not begun, which it will then never begin. */
  takeBack(): ReadonlyArray<Job> {
    const last = Atomics.exchange(this.#shared, begun, this.#lastId)
    const jobs: Array<Job> = []
    for (const [id, job] of this.calls) {
      if (!isAfter(id, last)) continue
      this.calls.delete(id)
      job.place = undefined
      jobs.push(job)
    }
    return jobs
  }

  end(): Promise<unknown> {
    this.ended = true
    for (const fiber of this.hostCalls) fiber.interruptUnsafe()
    return this.#worker.terminate()
  }

  #nextId(): number {
    return (this.#lastId = (this.#lastId + 1) | 0)
  }

  /** Messages of one turn go out together: each delivery costs more than the message. */
  #tell(message: ToThread): void {
    const waiting = this.#outbox.push(message)
    if (waiting === 1) setImmediate(() => this.#flush())
    else if (waiting === mostTogether) this.#flush()
  }

  #flush(): void {
    if (this.#outbox.length === 0 || this.ended) return
    const batch = this.#outbox
    this.#outbox = []
    this.#post(batch)
  }

  #post(batch: ReadonlyArray<ToThread>): void {
    this.#posted = (this.#posted + 1) | 0
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    this.#worker.postMessage(batch)
  }
}
