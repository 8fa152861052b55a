/**
 * The thread that runs the functions of an exported application: the loop of its messages. `FunctionThreads.ts` starts it
 * and tells what it does; both speak `messages.ts`. It loads little, so that it starts quickly.
 */
import { parentPort, workerData } from "node:worker_threads"
import * as Calls from "./calls.ts"
import { begun, type Call, isAfter, received, type Setup, type ToThread } from "./messages.ts"

if (parentPort === null) throw new Error("this module runs in a worker thread")
const port = parentPort
const setup: Setup = workerData

const calls = Calls.make(setup, (message) => port.postMessage(message))
process.on("uncaughtException", calls.thrown)
process.on("unhandledRejection", calls.stray)

/** Begins a call unless the server took it back. */
const begin = (call: Call): void => {
  const last = Atomics.load(setup.shared, begun)
  if (!isAfter(call.id, last) || Atomics.compareExchange(setup.shared, begun, last, call.id) !== last) return
  calls.begin(call)
}

const handle = (message: ToThread): void => {
  switch (message._tag) {
    case "Call":
      return begin(message)
    case "Next":
      return calls.next(message.id, message.call)
    case "Cancel":
      return calls.cancel(message.call)
    case "Reply":
      return calls.reply(message.id, message.reply)
  }
}

port.on("message", (batch: ReadonlyArray<ToThread>) => {
  Atomics.add(setup.shared, received, 1)
  for (const message of batch) handle(message)
})
