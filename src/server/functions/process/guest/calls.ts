/** The call of a realm: begins it, steps its stream, cancels it, and reports its result to the host. */
import * as ejson from "../../../../protocol/internal/ejson.ts"
import { isDocument } from "../../../data/internal/bson.ts"
import * as cursors from "../../context/cursors.ts"
import * as FunctionContexts from "../../context/Context.ts"
import { aStream, describe, notFound, notSendable, traceOf } from "../../shared/failures.ts"
import {
  type AnyIterator,
  isIterable,
  isIterator,
  isThenable,
  iteratorOf,
  noIterator,
  stepOf
} from "../../shared/iterators.ts"
import type { Call, Reply, ResponseSettings, Source } from "../../shared/messages.ts"
import { epilogue, parameters } from "../../shared/sources.ts"
import { read, readList, write } from "../../shared/values.ts"
import { beginCall, pending } from "./activity.ts"
import * as console from "./console.ts"
import { type AnswerTag, type Guest, host } from "./host.ts"
import * as modules from "./modules.ts"
import * as responses from "../../context/responses.ts"

/** The identity of a function: the one of the call, or one that it executes. */
interface Origin {
  readonly call: Call
  readonly name: string
  readonly isSystem: boolean
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly done: () => void
}

const { setup } = host
const asked: Map<number, Waiting> = new host.global.Map()
let asks = 0
/** The current call, and the iterator of its stream. */
let current: Call | undefined
let iterator: AnyIterator | undefined

const contexts = FunctionContexts.make({ setup, fetch: host.global.fetch, pending })

const ask =
  ({ isSystem, name }: Origin): FunctionContexts.Invocation["ask"] =>
  (method, args, transaction) =>
    new Promise((resolve, reject) => {
      const text = argumentsOf(args)
      const id = ++asks
      asked.set(id, { resolve, reject, done: pending() })
      host.port.ask(id, name, isSystem, method, text, transaction)
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
    new Error(message),
    {
      name: "MongoError",
      errorLabels: Array.from(labels),
      hasErrorLabel: (label: string) => labels.includes(label)
    },
    code !== undefined && { code }
  )

const errorOf = (given: Exclude<Reply, { readonly _tag: "Success" }>): Error =>
  given._tag === "DatabaseFailure" ? mongoError(given.message, given.code, given.labels) : new Error(given.message)

const reply = (id: number, given: Reply): void => {
  const waiting = asked.get(id)
  asked.delete(id)
  if (waiting === undefined) return
  const { done, reject, resolve } = waiting
  try {
    if (given._tag === "Success") resolve(read(given.value))
    else reject(errorOf(given))
  } finally {
    done()
  }
}

const askNow =
  ({ isSystem, name }: Origin): FunctionContexts.Invocation["askNow"] =>
  (method, args) => {
    const text = host.port.askNow(name, isSystem, method, argumentsOf(args))
    if (text === "") throw new Error("the call of the function has ended")
    const given: Reply = JSON.parse(text)
    if (given._tag === "Success") return read(given.value)
    throw errorOf(given)
  }

const requireFrom = modules.requireFunctions(setup.root)

const invoke = (
  origin: Origin,
  args: ReadonlyArray<unknown>,
  source: Source | undefined = setup.sources.get(origin.name)
): unknown => {
  if (source === undefined) throw new Error(notFound(origin.name))
  const { call, isSystem, name } = origin
  const invocation: FunctionContexts.Invocation = {
    isSystem,
    ask: ask(origin),
    askNow: askNow(origin),
    execute: (name, ...args) => {
      const fn = setup.sources.get(name)
      return fn !== undefined && (fn.openTo === "all" || (fn.openTo === "system" && call.bySystem))
        ? invoke({ call, name, isSystem: fn.asSystem || call.bySystem }, args, fn)
        : invocation.ask("execute", [name, ...args])
    }
  }
  return host.within(name, () => {
    const target = exported(source, contexts.make(invocation))
    if (typeof target !== "function") throw new Error("exports is not a function")
    const returned: unknown = Reflect.apply(target, undefined, args)
    return returned
  })
}

const compiled: WeakMap<Source, ReturnType<typeof host.compile>> = new host.global.WeakMap()

const compile = (source: Source): ReturnType<typeof host.compile> => {
  const found = compiled.get(source)
  if (found !== undefined) return found
  const run = host.compile(source.text + epilogue, source.file, parameters.join(", "))
  // a source can reach its own wrapper function
  Object.freeze(run)
  Object.freeze(run.prototype)
  compiled.set(source, run)
  return run
}

const exported = (source: Source, context: object): unknown => {
  const run = compile(source)
  const empty = {}
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the epilogue says so
  const result = run(empty, { exports: empty }, requireFrom, context) as {
    readonly exports: unknown
    readonly module: { readonly exports: unknown }
  }
  // sources may also set `module.exports`, for tests; the function is what they assign to `exports`
  return result.exports !== empty ? result.exports : result.module.exports
}

const readArguments = ({ args }: Call): ReadonlyArray<unknown> => {
  if ("values" in args) return readList(args.values)
  const document = ejson.parse(args.document)
  const given = isDocument(document) ? document["arguments"] : undefined
  return Array.isArray(given) ? given : []
}

type Answer = readonly [tag: AnswerTag, text: string]

const textOf = (result: unknown): Answer => {
  if (isIterable(result)) return ["Failed", aStream]
  try {
    return ["Done", ejson.stringify(result)]
  } catch (cause) {
    return ["Failed", notSendable(ejson.describe(cause))]
  }
}

/** The arguments of a function that answers an HTTP request. */
const responderOf = ([request, settings]: ReadonlyArray<unknown>) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server writes it
  const { respond, response } = responses.make(settings as ResponseSettings)
  return { args: [responses.requestOf(request), response], respond }
}

const run = async (call: Call): Promise<void> => {
  const { id, isSystem, kind, name, source } = call
  const answer = (...[tag, text]: Answer) => host.port.answer(id, tag, text)
  let args: ReadonlyArray<unknown>
  try {
    args = readArguments(call)
  } catch (cause) {
    return answer("Unreadable", ejson.describe(cause))
  }
  try {
    const responder = kind === "Response" ? responderOf(args) : undefined
    const returned = invoke({ call, name, isSystem }, responder?.args ?? args, source)
    // answer a value at once: the next function may never yield
    const value = isThenable(returned) ? await returned : returned
    const documents = cursors.fetched(value)
    const result = isThenable(documents) ? await documents : documents
    if (responder !== undefined) answer("Done", responder.respond(result))
    else if (kind === "Value") answer("Done", write(result))
    else if (kind === "Text") answer(...textOf(result))
    else answer(...open(call, result))
  } catch (cause) {
    host.port.answer(id, "Failed", describe(cause), traceOf(cause, host.root))
  }
}

/** Keeps the iterator of a result until its end; any other value is a stream of one value. */
const open = (call: Call, result: unknown): Answer => {
  const iterate = iteratorOf(result)
  if (iterate === undefined) return textOf(result)
  const found = iterate()
  if (!isIterator(found)) return ["Failed", noIterator]
  if (current !== call) {
    found.return?.()
    return ["End", ""]
  }
  iterator = found
  return ["Streaming", ""]
}

const step = async (call: Call, id: number): Promise<void> => {
  const taken = async (): Promise<Answer> => {
    const { done, value } = stepOf(await iterator?.next())
    return done ? ["End", ""] : textOf(value)
  }
  let trace: string | undefined
  const failed = (cause: unknown): Answer => {
    trace = traceOf(cause, host.root)
    return ["Failed", describe(cause)]
  }
  const [tag, text] = await taken().catch(failed)
  if (tag === "Failed") cancel()
  host.port.step(call.id, id, tag, text, trace)
}

const cancel = (): void => {
  const found = iterator
  current = undefined
  iterator = undefined
  found?.return?.()
}

export const guest: Pick<Guest, "begin" | "next" | "cancel" | "reply"> = {
  begin: (call) => {
    beginCall()
    console.beginCall()
    contexts.begin(call.caller)
    current = call
    iterator = undefined
    if (asked.size > 0) asked.clear()
    void run(call)
  },
  next: (id) => {
    if (current !== undefined) void step(current, id)
  },
  cancel,
  reply
}
