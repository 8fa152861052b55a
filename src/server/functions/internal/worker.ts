/**
 * The thread that runs the functions of an exported application. `FunctionThreads.ts` starts it and tells what it does;
 * both speak `messages.ts`.
 *
 * It loads little, so that it starts quickly. An answer goes out at once: it must not wait in the thread for a function
 * that may never yield.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { parentPort, workerData } from "node:worker_threads"
import * as ejson from "../../../protocol/internal/ejson.ts"
import { isDocument } from "../../data/internal/bson.ts"
import * as FunctionRealm from "../FunctionRealm.ts"
import * as SourceContext from "../SourceContext.ts"
import { aStream, describe, notFound, notSendable } from "./failures.ts"
import { type AnyIterator, isIterable, isIterator, iteratorOf, noIterator, stepOf } from "./iterators.ts"
import {
  type Answer,
  begun,
  type Call,
  type FromThread,
  isAfter,
  type Origin,
  received,
  type Reply,
  type Setup,
  type Source,
  type ToThread
} from "./messages.ts"
import { read, readList, write } from "./values.ts"

if (parentPort === null) throw new Error("this module runs in a worker thread")
const port = parentPort
const setup: Setup = workerData

/** A call whose function is running, or whose stream is open. */
interface Running {
  readonly call: Call
  iterator: AnyIterator | undefined
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

const running = new Map<number, Running>()
const asked = new Map<number, Waiting>()
const current = new AsyncLocalStorage<Origin>()
let asks = 0

const tell = (message: FromThread): void => port.postMessage(message)

const stray = (cause: unknown): void => tell({ _tag: "Stray", name: current.getStore()?.name, text: describe(cause) })

/** What a timer throws ends the call it was set in, which might wait for it in vain. */
const thrown = (cause: unknown): void => {
  stray(cause)
  const call = current.getStore()?.call
  if (call !== undefined && running.get(call)?.iterator === undefined) {
    answer(call, { _tag: "Failed", message: describe(cause) })
  }
}

const realm = FunctionRealm.make(setup.root, thrown)
process.on("uncaughtException", thrown)
process.on("unhandledRejection", stray)

/** Answers a call that still waits, and forgets it. */
const answer = (id: number, result: Answer): void => {
  if (running.delete(id)) tell({ _tag: "Answer", id, answer: result })
}

const ask =
  (origin: Origin): SourceContext.Invocation["ask"] =>
  (method, args, transaction) =>
    realm.promise((resolve, reject) => {
      const id = ++asks
      tell({ _tag: "Ask", id, origin, method, args: argumentsOf(args), transaction })
      asked.set(id, { resolve, reject })
    })

const argumentsOf = (args: ReadonlyArray<unknown>): string => {
  try {
    return write(args)
  } catch (cause) {
    throw mongoError(ejson.describe(cause), undefined, [])
  }
}

const mongoError = (message: string, code: number | undefined, labels: ReadonlyArray<string>): Error =>
  Object.assign(
    realm.error(message),
    {
      name: "MongoError",
      errorLabels: realm.copyIn(labels),
      hasErrorLabel: (label: string) => labels.includes(label)
    },
    code !== undefined && { code }
  )

const replied = (id: number, reply: Reply): void => {
  const waiting = asked.get(id)
  asked.delete(id)
  if (waiting === undefined) return
  if (reply._tag === "Success") return waiting.resolve(realm.copyIn(read(reply.value)))
  const { message } = reply
  waiting.reject(
    reply._tag === "DatabaseFailure" ? mongoError(message, reply.code, reply.labels) : realm.error(message)
  )
}

const invoke = (
  origin: Origin,
  args: ReadonlyArray<unknown>,
  source: Source | undefined = setup.sources.get(origin.name)
): unknown => {
  if (source === undefined) throw realm.error(notFound(origin.name))
  const invocation: SourceContext.Invocation = {
    setup,
    realm,
    caller: origin.caller,
    isSystem: origin.isSystem,
    ask: ask(origin),
    execute: (name, ...args) => {
      const fn = setup.sources.get(name)
      return fn !== undefined && (fn.openTo === "all" || (fn.openTo === "system" && origin.bySystem))
        ? invoke({ ...origin, name, isSystem: fn.asSystem || origin.bySystem }, args, fn)
        : invocation.ask("execute", [name, ...args])
    },
    log: (level, text) => tell({ _tag: "Log", origin, level, text })
  }
  return realm.invoke(source, args, {
    context: SourceContext.make(invocation),
    console: SourceContext.makeConsole(invocation)
  })
}

const readArguments = ({ args }: Call): ReadonlyArray<unknown> => {
  if ("values" in args) return readList(args.values)
  const document = ejson.parse(args.document)
  const given = isDocument(document) ? document["arguments"] : undefined
  return Array.isArray(given) ? given : []
}

const originOf = ({ bySystem, caller, id, isSystem, name }: Call): Origin => ({
  call: id,
  caller,
  name,
  isSystem,
  bySystem
})

const run = async (call: Call): Promise<void> => {
  const { id, kind } = call
  let args: ReadonlyArray<unknown>
  try {
    args = readArguments(call)
  } catch (cause) {
    return answer(id, { _tag: "Unreadable", message: ejson.describe(cause) })
  }
  const origin = originOf(call)
  try {
    const result = await current.run(origin, () => invoke(origin, args.map(realm.copyIn), call.source))
    if (kind === "Stream") open(id, result)
    else answer(id, kind === "Text" ? textOf(result) : { _tag: "Done", text: write(result) })
  } catch (cause) {
    answer(id, { _tag: "Failed", message: describe(cause) })
  }
}

const textOf = (result: unknown): Answer => {
  if (isIterable(result)) return { _tag: "Failed", message: aStream }
  try {
    return { _tag: "Done", text: ejson.stringify(result) }
  } catch (cause) {
    return { _tag: "Failed", message: notSendable(ejson.describe(cause)) }
  }
}

/** Keeps the iterator of a result until its end; anything else is a stream of one value. */
const open = (id: number, result: unknown): void => {
  const iterate = iteratorOf(result)
  if (iterate === undefined) return answer(id, textOf(result))
  const iterator = iterate()
  const found = running.get(id)
  if (!isIterator(iterator)) return answer(id, { _tag: "Failed", message: noIterator })
  if (found === undefined) return void iterator.return?.()
  found.iterator = iterator
  tell({ _tag: "Answer", id, answer: { _tag: "Streaming" } })
}

/** Takes the next step of a stream. */
const next = async (id: number, { call, iterator }: Running): Promise<void> => {
  const callId = call.id
  const step = async (): Promise<Answer> => {
    const { done, value } = stepOf(await iterator?.next())
    return done ? { _tag: "End" } : textOf(value)
  }
  const result = await current
    .run(originOf(call), step)
    .catch((cause: unknown): Answer => ({ _tag: "Failed", message: describe(cause) }))
  if (result._tag === "End") running.delete(callId)
  if (result._tag === "Failed") void cancel(callId)
  tell({ _tag: "Answer", id, answer: result })
}

/** Whoever stops listening stops the function. */
const cancel = async (id: number): Promise<void> => {
  const found = running.get(id)
  running.delete(id)
  await found?.iterator?.return?.()
}

/** Begins a call unless the server took it back. */
const begin = (call: Call): void => {
  const last = Atomics.load(setup.shared, begun)
  if (!isAfter(call.id, last) || Atomics.compareExchange(setup.shared, begun, last, call.id) !== last) return
  running.set(call.id, { call, iterator: undefined })
  void run(call)
}

const handle = (message: ToThread): void => {
  switch (message._tag) {
    case "Call":
      return begin(message)
    case "Next": {
      const found = running.get(message.call)
      if (found === undefined) return tell({ _tag: "Answer", id: message.id, answer: { _tag: "End" } })
      return void next(message.id, found)
    }
    case "Cancel":
      return void cancel(message.call)
    case "Reply":
      return replied(message.id, message.reply)
  }
}

port.on("message", (batch: ReadonlyArray<ToThread>) => {
  Atomics.add(setup.shared, received, 1)
  for (const message of batch) handle(message)
})
