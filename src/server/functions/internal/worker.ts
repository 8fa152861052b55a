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
import { aStream, describe, notFound, notSendable, tooMany } from "./failures.ts"
import { type AnyIterator, isIterable, isIterator, isThenable, iteratorOf, noIterator, stepOf } from "./iterators.ts"
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
import * as Realms from "./realms.ts"
import { read, readList, write } from "./values.ts"

if (parentPort === null) throw new Error("this module runs in a worker thread")
const port = parentPort
const setup: Setup = workerData

/** A call whose function is running, or whose stream is open. */
interface Running {
  readonly call: Call
  readonly realm: FunctionRealm.FunctionRealm
  iterator: AnyIterator | undefined
}

interface Waiting {
  readonly realm: FunctionRealm.FunctionRealm
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
  if (call === undefined || running.get(call)?.iterator !== undefined || abandon(call) === undefined) return
  tell({ _tag: "Answer", id: call, answer: { _tag: "Failed", message: describe(cause) } })
}

const realms = Realms.make(() => FunctionRealm.make(setup.root, thrown))
process.on("uncaughtException", thrown)
process.on("unhandledRejection", stray)

/** Answers a call that still waits, and whose function has come to its end. */
const answer = (id: number, result: Answer): void => {
  const found = take(id)
  if (found === undefined) return
  tell({ _tag: "Answer", id, answer: result })
  realms.release(found.realm)
}

const take = (id: number): Running | undefined => {
  const found = running.get(id)
  running.delete(id)
  return found
}

/** Forgets a call whose function may still run, in a realm that no other call gets therefore. */
const abandon = (id: number): Running | undefined => {
  const found = take(id)
  if (found !== undefined) realms.drop()
  return found
}

const ask =
  (realm: FunctionRealm.FunctionRealm, origin: Origin): SourceContext.Invocation["ask"] =>
  (method, args, transaction) =>
    realm.promise((resolve, reject) => {
      const id = ++asks
      tell({ _tag: "Ask", id, origin, method, args: argumentsOf(realm, args), transaction })
      asked.set(id, { realm, resolve, reject })
    })

const argumentsOf = (realm: FunctionRealm.FunctionRealm, args: ReadonlyArray<unknown>): string => {
  try {
    return write(args)
  } catch (cause) {
    throw mongoError(realm, ejson.describe(cause), undefined, [])
  }
}

const mongoError = (
  realm: FunctionRealm.FunctionRealm,
  message: string,
  code: number | undefined,
  labels: ReadonlyArray<string>
): Error =>
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
  const { realm, reject, resolve } = waiting
  if (reply._tag === "Success") return resolve(realm.copyIn(read(reply.value)))
  const { message } = reply
  reject(reply._tag === "DatabaseFailure" ? mongoError(realm, message, reply.code, reply.labels) : realm.error(message))
}

const invoke = (
  realm: FunctionRealm.FunctionRealm,
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
    ask: ask(realm, origin),
    execute: (name, ...args) => {
      const fn = setup.sources.get(name)
      return fn !== undefined && (fn.openTo === "all" || (fn.openTo === "system" && origin.bySystem))
        ? invoke(realm, { ...origin, name, isSystem: fn.asSystem || origin.bySystem }, args, fn)
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

const run = async ({ call, realm }: Running): Promise<void> => {
  const { id, kind } = call
  let args: ReadonlyArray<unknown>
  try {
    args = readArguments(call)
  } catch (cause) {
    return answer(id, { _tag: "Unreadable", message: ejson.describe(cause) })
  }
  const origin = originOf(call)
  try {
    const returned = current.run(origin, () => invoke(realm, origin, args.map(realm.copyIn), call.source))
    // a value is answered at once: a function that is begun after it may never yield
    const result = isThenable(returned) ? await returned : returned
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
  if (result._tag === "Failed") void cancel(callId)
  tell({ _tag: "Answer", id, answer: result })
  const ended = result._tag === "End" ? take(callId) : undefined
  if (ended !== undefined) realms.release(ended.realm)
}

/** Whoever stops listening stops the function. */
const cancel = async (id: number): Promise<void> => {
  await abandon(id)?.iterator?.return?.()
}

/** Begins a call unless the server took it back. */
const begin = (call: Call): void => {
  const last = Atomics.load(setup.shared, begun)
  if (!isAfter(call.id, last) || Atomics.compareExchange(setup.shared, begun, last, call.id) !== last) return
  const realm = realms.take()
  if (realm === undefined) {
    return tell({ _tag: "Answer", id: call.id, answer: { _tag: "Failed", message: tooMany(Realms.most) } })
  }
  const started: Running = { call, realm, iterator: undefined }
  running.set(call.id, started)
  void run(started)
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
