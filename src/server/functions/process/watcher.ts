/**
 * A thread beside the functions in their process, which runs also when one of them never yields. It reports the call
 * begun last, and ends the process when it exceeds its memory limit or the server has exited.
 */
import { writeSync } from "node:fs"
import { Socket } from "node:net"
import { isMainThread, workerData } from "node:worker_threads"
import * as frames from "../shared/frames.ts"
import { begun, type FromWatcher, pipes, type ToWatcher, type Watched } from "../shared/messages.ts"

if (isMainThread) throw new Error("this module runs in a worker thread")
const { memoryLimit, shared }: Watched = workerData

/** The interval of checking the memory, in milliseconds. */
const lookEvery = 50

/** The process may be doing anything, so only a signal can end it. */
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
  // no further call begins; those that have not begun can run elsewhere
  tell({ _tag: "OutOfMemory", last: Atomics.add(shared, begun, 2 ** 30) })
  end()
}, lookEvery)
