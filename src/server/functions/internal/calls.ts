/**
 * The calls of an application's functions, in the process where the functions run: begun, asked for more, given up. The
 * loop around it brings what the server tells and takes what is told to the server; both speak `messages.ts`.
 *
 * An answer is told at once: it must not wait for a function that may never yield.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import * as ejson from "../../../protocol/internal/ejson.ts"
import { isDocument } from "../../data/internal/bson.ts"
import * as FunctionRealm from "../FunctionRealm.ts"
import * as SourceContext from "../SourceContext.ts"
import { aStream, describe, notFound, notSendable, tooMany } from "./failures.ts"
import { type AnyIterator, isIterable, isIterator, isThenable, iteratorOf, noIterator, stepOf } from "./iterators.ts"
import type { Answer, Call, FromProcess, Origin, Reply, Setup, Source } from "./messages.ts"
import * as Realms from "./realms.ts"
import { read, readList, write } from "./values.ts"

/** The calls of one process. */
export interface Calls {
  readonly begin: (call: Call) => void
  /** Takes the next step of a call's stream, and answers under the id. */
  readonly next: (id: number, call: number) => void
  /** Gives up a call, or the rest of its stream, that no client waits for. */
  readonly cancel: (call: number) => void
  /** Hands on what came of a host call. */
  readonly reply: (id: number, reply: Reply) => void
  /** Reports an error that no call waits for. */
  readonly stray: (cause: unknown) => void
  /** Reports what a timer threw, and ends the call it was set in, which might wait for it in vain. */
  readonly thrown: (cause: unknown) => void
}

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

export const make = (setup: Setup, tell: (message: FromProcess) => void): Calls => {
  const running = new Map<number, Running>()
  const asked = new Map<number, Waiting>()
  const current = new AsyncLocalStorage<Origin>()
  let asks = 0

  const stray = (cause: unknown): void => tell({ _tag: "Stray", name: current.getStore()?.name, text: describe(cause) })

  const thrown = (cause: unknown): void => {
    stray(cause)
    const call = current.getStore()?.call
    if (call === undefined || running.get(call)?.iterator !== undefined || abandon(call) === undefined) return
    tell({ _tag: "Answer", id: call, answer: { _tag: "Failed", message: describe(cause) } })
  }

  const realms = Realms.make(() => FunctionRealm.make(setup.root, thrown))

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

  const reply = (id: number, given: Reply): void => {
    const waiting = asked.get(id)
    asked.delete(id)
    if (waiting === undefined) return
    const { realm, reject, resolve } = waiting
    if (given._tag === "Success") return resolve(realm.copyIn(read(given.value)))
    const { message } = given
    reject(
      given._tag === "DatabaseFailure" ? mongoError(realm, message, given.code, given.labels) : realm.error(message)
    )
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

  const step = async (id: number, { call, iterator }: Running): Promise<void> => {
    const callId = call.id
    const taken = async (): Promise<Answer> => {
      const { done, value } = stepOf(await iterator?.next())
      return done ? { _tag: "End" } : textOf(value)
    }
    const result = await current
      .run(originOf(call), taken)
      .catch((cause: unknown): Answer => ({ _tag: "Failed", message: describe(cause) }))
    if (result._tag === "Failed") void cancel(callId)
    tell({ _tag: "Answer", id, answer: result })
    const ended = result._tag === "End" ? take(callId) : undefined
    if (ended !== undefined) realms.release(ended.realm)
  }

  const cancel = async (id: number): Promise<void> => {
    await abandon(id)?.iterator?.return?.()
  }

  return {
    begin: (call) => {
      const realm = realms.take()
      if (realm === undefined) {
        return tell({ _tag: "Answer", id: call.id, answer: { _tag: "Failed", message: tooMany(Realms.most) } })
      }
      const started: Running = { call, realm, iterator: undefined }
      running.set(call.id, started)
      void run(started)
    },
    next: (id, call) => {
      const found = running.get(call)
      if (found === undefined) return tell({ _tag: "Answer", id, answer: { _tag: "End" } })
      void step(id, found)
    },
    cancel: (call) => void cancel(call),
    reply,
    stray,
    thrown
  }
}

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

const textOf = (result: unknown): Answer => {
  if (isIterable(result)) return { _tag: "Failed", message: aStream }
  try {
    return { _tag: "Done", text: ejson.stringify(result) }
  } catch (cause) {
    return { _tag: "Failed", message: notSendable(ejson.describe(cause)) }
  }
}
