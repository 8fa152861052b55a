/** One process that runs functions: its calls, and whether it responds. */
import { type ChildProcess, spawn } from "node:child_process"
import type * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"
import { existsSync } from "node:fs"
import { Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { Slots } from "../../../core/slots.ts"
import * as frames from "../shared/frames.ts"
import {
  type Answer,
  type Call,
  type FromProcess,
  type FromWatcher,
  isAfter,
  pipes,
  type Reply,
  type Setup,
  type Told,
  type ToProcess,
  type ToWatcher,
  writeSetup
} from "../shared/messages.ts"
import { Health, type Verdict } from "./health.ts"

/** The maximum number of messages in a batch, so that the process need not wait for the end of a long turn. */
const mostTogether = 8

/** The memory of a process before it runs a function, in bytes. */
const ownMemory = 128 * 1024 * 1024

/** How many bytes of its error output are kept for the report of its exit. */
const keptOutput = 2_000

/** The answer of a process, or that it was killed, or that the call timed out. */
export type Outcome = Answer | { readonly _tag: "Stopped"; readonly why: string } | { readonly _tag: "TimedOut" }

/** A caller that waits for a process. */
export interface Waiting {
  /** The time of the call, on the clock of {@link FunctionProcess.check}. */
  readonly since: number
  readonly settle: (outcome: Outcome) => void
}

/** A call of a function that waits for its answer, or whose stream is open. */
export interface Job<Owner> extends Waiting {
  readonly call: Omit<Call, "_tag" | "id">
  /** What the pool's user knows about the call. */
  readonly owner: Owner
  /** The deadline; `undefined` if the caller enforces it. */
  readonly until: { readonly clock: Clock.Clock; readonly millis: number } | undefined
  /** The process and id of the call. */
  place: { readonly process: FunctionProcess<Owner>; readonly id: number } | undefined
}

/** Why a process exited. */
export type End =
  | { readonly _tag: "OutOfMemory" }
  | { readonly _tag: "Exited"; readonly code: number }
  | { readonly _tag: "Killed"; readonly signal: string; readonly output: string }
  | { readonly _tag: "NotStarted"; readonly cause: unknown }

/** The callbacks of a process. */
interface Listener<Owner> {
  readonly onMessage: (process: FunctionProcess<Owner>, message: FromProcess) => void
  readonly onEnd: (process: FunctionProcess<Owner>, end: End) => void
}

/**
 * The program of the process: in the package or, for the command, which is one bundle at the top of `dist/`, below
 * it.
 */
const program = (): string => {
  if (import.meta.url.endsWith(".ts")) return fileURLToPath(new URL("../process/program.ts", import.meta.url))
  const beside = fileURLToPath(new URL("../process/program.js", import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL("./server/functions/process/program.js", import.meta.url))
}

const start = ({ memoryLimit }: Setup): ChildProcess => {
  const megabytes = Math.ceil(memoryLimit / 1024 / 1024)
  // options of this process, such as a debugger's port, must not apply to the child
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(
    process.execPath,
    [
      `--max-old-space-size=${megabytes}`,
      // a small young generation, so that garbage of calls is collected often
      "--max-semi-space-size=8",
      // memory that another call has used must not show in a new buffer
      "--zero-fill-buffers",
      program()
    ],
    { env, stdio: ["ignore", "ignore", "pipe", "pipe", "pipe", "pipe", "pipe"] }
  )
}

const socketOf = (child: ChildProcess, index: number): Socket | undefined => {
  const stream = child.stdio[index]
  return stream instanceof Socket ? stream : undefined
}

export class FunctionProcess<Owner> {
  /** Calls that wait for their answer, by id. */
  readonly calls = new Slots<Job<Owner>>()
  /** Calls whose stream is open, by id. */
  readonly streams = new Slots<Job<Owner>>()
  /** Steps of streams that wait for an answer, by id. */
  readonly steps = new Slots<Waiting>()
  /** The host calls in progress. */
  readonly hostCalls = new Set<Fiber.Fiber<unknown, unknown>>()
  ended = false

  readonly #child: ChildProcess
  readonly #input: Socket | undefined
  readonly #control: Socket | undefined
  readonly #replies: Socket | undefined
  readonly #closed: Promise<void>
  readonly #handles: ReadonlyArray<ChildProcess | Socket | undefined>
  readonly #takeBacks: Array<{ readonly upTo: number; readonly taken: (jobs: ReadonlyArray<Job<Owner>>) => void }> = []
  #outbox: Array<ToProcess> = []
  #lastId = 0
  readonly #health = new Health()
  /** The call begun last, if the process reported it when it exited. */
  #lastBegun: number | undefined
  #output = ""

  constructor(setup: Setup, listener: Listener<Owner>) {
    this.#child = start(setup)
    this.#input = socketOf(this.#child, pipes.input)
    this.#control = socketOf(this.#child, pipes.control)
    this.#replies = socketOf(this.#child, pipes.replies)
    const output = socketOf(this.#child, pipes.output)
    // a broken pipe is reported by the exit of the process
    const broken = () => {}
    for (const socket of [this.#input, this.#control, this.#replies, output, this.#child.stderr])
      socket?.on("error", broken)
    // a process without calls does not keep the server's process alive
    this.#handles = [this.#child, this.#input, this.#control, this.#replies, output, socketOf(this.#child, 2)]
    for (const handle of this.#handles) handle?.unref()

    this.#input?.write(frames.write(writeSetup({ ...setup, memoryLimit: setup.memoryLimit + ownMemory })))
    output?.on(
      "data",
      this.#reading((message) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the process writes it
        const { message: told, received } = message as Told
        this.#health.acknowledged(received)
        if (told !== undefined && !this.ended) listener.onMessage(this, told)
      })
    )
    this.#control?.on(
      "data",
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the watcher writes it
      this.#reading((message) => this.#onWatcher(message as FromWatcher))
    )
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-keptOutput)
    })
    this.#closed = new Promise((resolve) => {
      const close = (end: End) => {
        const ended = this.ended
        for (const { taken } of this.#takeBacks.splice(0)) taken([])
        if (!ended) listener.onEnd(this, end)
        resolve()
      }
      this.#child.on("error", (cause) => close({ _tag: "NotStarted", cause }))
      this.#child.on("close", (code, signal) =>
        close(
          this.#lastBegun !== undefined
            ? { _tag: "OutOfMemory" }
            : signal === null
              ? { _tag: "Exited", code: code ?? 0 }
              : { _tag: "Killed", signal, output: this.#output }
        )
      )
    })
  }

  /** The id of the process; `undefined` if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Whether a caller waits for the process, or a message is unread. */
  get isBusy(): boolean {
    return this.load > 0 || this.#isBehind
  }

  /** The number of pending answers. */
  get load(): number {
    return this.calls.size + this.steps.size
  }

  get isStarted(): boolean {
    return this.#health.isStarted
  }

  get isResponding(): boolean {
    return this.#health.isResponding
  }

  /** Whether a call exceeded its time limit and the process has not responded since. */
  get isOverdue(): boolean {
    return this.#health.isOverdue
  }

  /** Notes that a call exceeded its time limit and was cancelled. */
  exceed(): void {
    this.#health.exceeded()
    if (this.#outbox.length > 0) this.#flush()
    else this.#post([])
  }

  get #isBehind(): boolean {
    return this.#outbox.length > 0 || this.#health.isBehind
  }

  call(job: Job<Owner>): void {
    const id = this.#nextId()
    job.place = { process: this, id }
    this.calls.add(id, job)
    this.#tell({ _tag: "Call", id, ...job.call })
  }

  next(call: number, waiting: Waiting): number {
    const id = this.#nextId()
    this.steps.add(id, waiting)
    this.#tell({ _tag: "Next", id, call })
    return id
  }

  cancel(call: number): void {
    this.calls.take(call)
    this.streams.take(call)
    this.#tell({ _tag: "Cancel", call })
  }

  reply(id: number, reply: Reply): void {
    this.#tell({ _tag: "Reply", id, reply })
  }

  /** Replies to a host call that the process waits for. */
  replyNow(reply: Reply): void {
    this.#replies?.write(frames.write(reply))
  }

  /** Checks whether the process responds; `limit` is how long it may be silent, in milliseconds. */
  check(now: number, limit: number): Verdict {
    const verdict = this.#health.check(now, limit)
    // so that the next check shows whether it responds
    if (!this.#isBehind && this.load > 0) this.#post([])
    return verdict
  }

  /** Takes back the calls that the process has not begun, and will not begin afterwards. */
  takeBack(taken: (jobs: ReadonlyArray<Job<Owner>>) => void): void {
    const upTo = this.#lastId
    if (this.#lastBegun !== undefined) return taken(this.#unbegun(this.#lastBegun, upTo))
    this.#takeBacks.push({ upTo, taken })
    this.#control?.write(frames.write({ upTo } satisfies ToWatcher))
  }

  /** Kills the process; resolves when it has exited. */
  end(): Promise<void> {
    this.ended = true
    for (const fiber of this.hostCalls) fiber.interruptUnsafe()
    this.#child.kill("SIGKILL")
    for (const handle of this.#handles) handle?.ref()
    return this.#closed
  }

  #onWatcher({ _tag, last }: FromWatcher): void {
    if (_tag === "OutOfMemory") {
      this.#lastBegun = last
      return
    }
    const asked = this.#takeBacks.shift()
    asked?.taken(this.#unbegun(last, asked.upTo))
  }

  #unbegun(last: number, upTo: number): ReadonlyArray<Job<Owner>> {
    const jobs: Array<Job<Owner>> = []
    for (const [id, job] of this.calls.entries()) {
      if (!isAfter(id, last) || isAfter(id, upTo)) continue
      this.calls.take(id)
      job.place = undefined
      jobs.push(job)
    }
    return jobs
  }

  /** Reads frames; a process that sends anything else is killed. */
  #reading(onMessage: (message: unknown) => void): (chunk: Buffer) => void {
    const read = frames.reader(onMessage)
    return (chunk) => {
      try {
        read(chunk)
      } catch {
        this.#child.kill("SIGKILL")
      }
    }
  }

  #nextId(): number {
    return (this.#lastId = (this.#lastId + 1) | 0)
  }

  /** Messages of one turn are sent as a batch: a delivery costs more than a message. */
  #tell(message: ToProcess): void {
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

  #post(batch: ReadonlyArray<ToProcess>): void {
    this.#health.posted(performance.now())
    this.#input?.write(frames.write(batch))
  }
}
