/**
 * A pool of processes that run functions, outside of the server's process. It knows nothing of applications: a job is a
 * message with an owner, and what happens is reported to {@link Events}.
 *
 * A function that never yields blocks its thread, and one that exhausts memory ends its process, so neither may be the
 * server's. The first call starts one process. If it stops responding, calls that it has not begun are taken back and
 * run in another one, as do later calls; it gets no calls until it responds again, and is killed when a call in it
 * exceeds its time limit. A process above its memory limit, buffers included, is killed too; its calls fail, and the
 * next call starts another process. A process is not a sandbox: functions can do what the server's user can do.
 *
 * A job waits in the queue, is placed in a process, or is settled. `health.ts` has the states of a process.
 */
import { memoryOf, type Usage } from "../../model/Metrics.ts"
import type { FromProcess, Setup } from "../shared/messages.ts"
import { type End, FunctionProcess, type Job, type Outcome, type Waiting } from "./FunctionProcess.ts"
import { gone, reasonOf, together } from "./outcomes.ts"

/** The maximum number of processes of a pool. If none of them responds, calls wait. */
const most = 3

/** The interval of checking busy processes, in milliseconds. */
const lookEvery = 50

/** How long an unresponsive process lives beyond the time limit, in milliseconds, so that its calls time out first. */
const grace = 250

/** A message that is not an answer. */
export type Told = Exclude<FromProcess, { readonly _tag: "Answer" }>

/** What the user of a pool is told. */
export interface Events<Owner> {
  /** A message of a function; `job` is the call that it belongs to, if it has not ended. */
  readonly onTold: (process: FunctionProcess<Owner>, message: Told, job: Job<Owner> | undefined) => void
  /** The process of an open stream has ended. */
  readonly onStreamLost: (job: Job<Owner>) => void
  /** A process is stopped because its functions did not yield. */
  readonly onStop: () => void
  readonly onEnd: (end: End) => void
}

export interface Options<Owner> {
  /** Creates the configuration of the processes when the first one starts. */
  readonly setup: () => Setup
  /** The time limit of a call, and of running without yielding, in milliseconds. */
  readonly timeLimitMillis: number
  readonly events: Events<Owner>
}

export class Pool<Owner> {
  readonly #options: Options<Owner>
  readonly #processes: Array<FunctionProcess<Owner>> = []
  /** Processes to be killed once the calls that they have not begun are taken back. */
  readonly #stopping = new Set<FunctionProcess<Owner>>()
  readonly #queue = new Set<Job<Owner>>()
  #setup: Setup | undefined
  #watch: NodeJS.Timeout | undefined

  constructor(options: Options<Owner>) {
    this.#options = options
  }

  /** Runs a job in the process with the fewest calls of those that respond; its outcome is settled later. */
  readonly place = (job: Job<Owner>): void => {
    let best: FunctionProcess<Owner> | undefined
    for (const process of this.#processes) {
      if (process.isResponding && (best === undefined || process.load < best.load)) best = process
    }
    if (best === undefined && this.#processes.length < most) best = this.#start()
    if (best === undefined) this.#queue.add(job)
    else best.call(job)
    this.#lookAfter()
  }

  /** Asks for the next step of an open stream; `undefined` if its process has ended. Returns the cancellation. */
  next(job: Job<Owner>, settle: Waiting["settle"]): ((isOverdue: boolean) => void) | undefined {
    const { place } = job
    if (place === undefined || place.process.ended) return undefined
    const { id: call, process } = place
    const id = process.next(call, {
      since: performance.now(),
      settle: (outcome) => {
        if (outcome._tag !== "Done") process.streams.take(call)
        settle(outcome)
      }
    })
    this.#lookAfter()
    return (isOverdue) => {
      process.steps.take(id)
      if (isOverdue && !process.ended) this.#exceeded(process)
    }
  }

  /** Closes the stream of a job, if it is open. */
  closeStream({ place }: Job<Owner>): void {
    if (place !== undefined && !place.process.ended && place.process.streams.has(place.id)) {
      place.process.cancel(place.id)
    }
  }

  /** Cancels a job; if it exceeded its time limit, its process has to prove that it responds. */
  cancel(job: Job<Owner>, isOverdue: boolean): void {
    this.#queue.delete(job)
    const { place } = job
    if (place === undefined || place.process.ended) return
    place.process.cancel(place.id)
    if (isOverdue) this.#exceeded(place.process)
  }

  /** What the processes use at the moment. */
  usage(): Usage {
    const processes = [...this.#processes, ...this.#stopping]
    return {
      processes: processes.length,
      running: processes.reduce((sum, { load, streams }) => sum + load + streams.size, 0),
      waiting: this.#queue.size,
      memory: processes.reduce((sum, { pid }) => sum + memoryOf(pid), 0)
    }
  }

  /** Kills the processes and settles what is in progress; no job may follow. */
  close(): Promise<unknown> {
    clearInterval(this.#watch)
    const left: Array<Waiting> = [...this.#queue]
    this.#queue.clear()
    const ending = [...this.#processes.splice(0), ...this.#stopping].map((process) => {
      left.push(...process.calls.values(), ...process.steps.values())
      return process.end()
    })
    for (const waiting of left) waiting.settle({ _tag: "Stopped", why: gone })
    return Promise.all(ending)
  }

  #start(): FunctionProcess<Owner> {
    this.#setup ??= this.#options.setup()
    const process = new FunctionProcess<Owner>(this.#setup, { onMessage: this.#onMessage, onEnd: this.#onEnd })
    this.#processes.push(process)
    return process
  }

  /** Runs while a call waits, and keeps the server's process alive. */
  #lookAfter(): void {
    // @effect-diagnostics-next-line globalTimers:off -- a test's clock does not move a process that does not respond
    this.#watch ??= setInterval(this.#look, lookEvery)
  }

  readonly #look = (): void => {
    const now = performance.now()
    for (const process of this.#processes.slice()) {
      const verdict = process.check(now, this.#options.timeLimitMillis + grace)
      if (verdict === "Stop") this.#stop(process, now)
      if (verdict === "TakeBack") process.takeBack(this.#placeAll)
    }
    // after the processes, so that one has until the next check to respond to the cancellation
    for (const job of [...this.#queue, ...this.#processes.flatMap(({ calls }) => calls.values())]) this.#expire(job)
    this.#placeQueued()
    if (this.#queue.size === 0 && !this.#processes.some((process) => process.isBusy)) {
      clearInterval(this.#watch)
      this.#watch = undefined
    }
  }

  readonly #placeAll = (jobs: ReadonlyArray<Job<Owner>>): void => {
    for (const job of jobs) this.place(job)
  }

  #placeQueued(): void {
    const jobs = [...this.#queue]
    this.#queue.clear()
    this.#placeAll(jobs)
  }

  /** Settles a job at its time limit, by the clock of its caller. */
  #expire(job: Job<Owner>): void {
    if (job.until === undefined || job.until.clock.currentTimeMillisUnsafe() < job.until.millis) return
    this.cancel(job, true)
    job.settle({ _tag: "TimedOut" })
  }

  #exceeded(process: FunctionProcess<Owner>): void {
    process.exceed()
    if (!process.isResponding) this.#stop(process, performance.now())
  }

  /** Kills a process whose functions do not yield; calls that it has not begun run elsewhere. */
  #stop(process: FunctionProcess<Owner>, now: number): void {
    this.#processes.splice(this.#processes.indexOf(process), 1)
    this.#options.events.onStop()
    this.#stopping.add(process)
    process.takeBack((jobs) => {
      this.#stopping.delete(process)
      if (process.ended) return
      void process.end()
      const { timeLimitMillis } = this.#options
      this.#settle(process, ({ since }) => (now - since >= timeLimitMillis ? { _tag: "TimedOut" } : together))
      this.#placeAll(jobs)
    })
  }

  readonly #onEnd = (process: FunctionProcess<Owner>, end: End): void => {
    this.#options.events.onEnd(end)
    const at = this.#processes.indexOf(process)
    if (at !== -1) this.#processes.splice(at, 1)
    this.#stopping.delete(process)
    void process.end()
    if (end._tag === "OutOfMemory") process.takeBack(this.#placeAll)
    const why = reasonOf(end)
    this.#settle(process, () => ({ _tag: "Stopped", why }))
    this.#placeQueued()
  }

  /** Settles the calls of a process that has ended. */
  #settle(process: FunctionProcess<Owner>, outcome: (waiting: Waiting) => Outcome): void {
    for (const waiting of [...process.calls.values(), ...process.steps.values()]) waiting.settle(outcome(waiting))
    for (const job of process.streams.values()) this.#options.events.onStreamLost(job)
  }

  readonly #onMessage = (process: FunctionProcess<Owner>, message: FromProcess): void => {
    if (message._tag !== "Answer") {
      const call = "origin" in message ? message.origin.call : undefined
      const job = call === undefined ? undefined : (process.calls.get(call) ?? process.streams.get(call))
      return this.#options.events.onTold(process, message, job)
    }
    const { answer, id } = message
    const job = process.calls.take(id)
    if (job === undefined) return process.steps.take(id)?.settle(answer)
    if (answer._tag === "Streaming") process.streams.add(id, job)
    job.settle(answer)
  }
}
