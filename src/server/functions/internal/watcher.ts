/**
 * A thread beside the functions in their process, which goes on when one of them never yields. It tells the server which
 * call was begun last, ends the process when it takes up too much memory, and when the server is gone.
 */
import { writeSync } from "node:fs"
import { Socket } from "node:net"
import { isMainThread, workerData } from "node:worker_threads"
import * as frames from "./frames.ts"
import { begun, type FromWatcher, pipes, type ToWatcher, type Watched } from "./messages.ts"

if (isMainThread) throw new Error("this module runs in a worker thread")
const { memoryLimit, shared }: Watched = workerData

/** How often the memory is looked at, in milliseconds. */
const lookEvery = 50

/** The process may be in the middle of anything, so that only the system can end it. */
const end = (): void => void process.kill(process.pid, "SIGKILL")

const tell = (message: FromWatcher): void => {
  try {
    writeSync(pipes.control, frames.write(message))
  } catch {
    end()
  }
}

const control = new Socket({ fd: pipes.control })
control.on(
  "data",
  frames.reader((message) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server writes it
    const { upTo } = message as ToWatcher
    tell({ _tag: "Begun", last: Atomics.exchange(shared, begun, upTo) })
  })
)
control.on("error", end)
control.on("close", end)

// @effect-diagnostics-next-line globalTimers:off -- a thread without Effect
setInterval(() => {
  if (process.memoryUsage.rss() <= memoryLimit) return
  // no call is begun any more: those that are not can run elsewhere
  tell({ _tag: "OutOfMemory", last: Atomics.add(shared, begun, 2 ** 30) })
  end()
}, lookEvery)
