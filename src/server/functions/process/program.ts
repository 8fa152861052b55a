/**
 * The program of a process that runs the functions of an exported application: the loop of its messages, which
 * `messages.ts` defines. `FunctionProcess.ts` starts it. It imports little, so that it starts fast.
 */
import { readSync, writeSync } from "node:fs"
import { Socket } from "node:net"
import { Worker } from "node:worker_threads"
import * as Calls from "./calls.ts"
import * as frames from "../shared/frames.ts"
import { harden, hardenBuiltIns, hardenClassOf, hardenInstance, isShared } from "./harden.ts"
import {
  begun,
  type Call,
  type FromProcess,
  isAfter,
  pipes,
  readSetup,
  type Reply,
  type SetupMessage,
  type Told,
  type ToProcess,
  type Watched
} from "../shared/messages.ts"
import * as Outlet from "./outlet.ts"

const shared = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
let received = 0
/** The last batch that was acknowledged. */
let acknowledged = 0

/**
 * Writes synchronously, and blocks while the server is behind with reading: an answer must not wait for a function that
 * never yields, and such a function must not fill the memory with its output.
 */
const send = (message: FromProcess | undefined): void => {
  const frame = frames.write({ received, ...(message !== undefined && { message }) } satisfies Told)
  acknowledged = received
  try {
    for (let at = 0; at < frame.length;) at += writeSync(pipes.output, frame, at)
  } catch {
    // the server has exited
    process.exit()
  }
}

/** Makes a host call and does nothing else until it has the reply. */
const askNow = (message: FromProcess): Reply => {
  send(message)
  const replies: Array<Reply> = []
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server writes it
  const read = frames.reader((frame) => replies.push(frame as Reply))
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024)
    const size = readSync(pipes.replies, chunk)
    // the server has exited
    if (size === 0) process.exit()
    read(chunk.subarray(0, size))
    const [reply] = replies
    if (reply !== undefined) return reply
  }
}

const acknowledge = (): void => {
  if (acknowledged !== received) send(undefined)
}

/** Starts the functions of the application. */
const start = (message: SetupMessage): ((message: ToProcess) => void) => {
  const setup = readSetup(message)
  const watcher = import.meta.url.endsWith(".ts")
    ? new URL("./watcher.ts", import.meta.url)
    : new URL("./watcher.js", import.meta.url)
  new Worker(watcher, { workerData: { memoryLimit: setup.memoryLimit, shared } satisfies Watched }).unref()

  /** Takes a call, unless the server took it back. */
  const claim = ({ id }: Call): boolean => {
    const last = Atomics.load(shared, begun)
    return isAfter(id, last) && Atomics.compareExchange(shared, begun, last, id) === last
  }

  // small buffers would share their memory with those of other calls
  Buffer.poolSize = 0
  hardenBuiltIns()
  const sharing = { harden, hardenClassOf, hardenInstance, isShared }
  const outlet = Outlet.make(send, (id, reply) => calls.reply(id, reply))
  const calls = Calls.make({ setup, sharing, claim, tell: outlet.tell, askNow })
  process.on("uncaughtException", calls.thrown)
  process.on("unhandledRejection", calls.stray)
  // warnings about an application's packages do not belong to its log
  process.noDeprecation = true

  return (message) => {
    switch (message._tag) {
      case "Call":
        return calls.begin(message)
      case "Next":
        return calls.next(message.id, message.call)
      case "Cancel":
        return calls.cancel(message.call)
      case "Reply":
        outlet.replied(message.id)
        return calls.reply(message.id, message.reply)
    }
  }
}

let handle: ((message: ToProcess) => void) | undefined

const input = new Socket({ fd: pipes.input })
input.on(
  "data",
  frames.reader((frame) => {
    if (handle === undefined) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server sends it first
      handle = start(frame as SetupMessage)
      // from now on the process is expected to respond
      send(undefined)
      return
    }
    // acknowledge a batch before the next one, which may never yield
    acknowledge()
    received = (received + 1) | 0
    // not before the batch: an immediate answer acknowledges it too
    setImmediate(acknowledge)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server writes it
    for (const message of frame as ReadonlyArray<ToProcess>) handle(message)
  })
)
// the server exited or closed the pipe; the watcher notices it too if a function never yields
input.on("close", () => process.exit())
// a terminal sends SIGINT to this process as well, which has to serve until the server is done
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
