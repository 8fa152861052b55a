/**
 * The calls of an application's functions, in the process that runs them. The loop around it receives the server's
 * messages and sends those to the server; see `messages.ts`.
 *
 * Answers are sent at once: they must not wait for a function that may never yield. Calls of one batch begin one after
 * the other, each when the microtasks of the one before have run, so that it can reuse its realm.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { Slots } from "../../../core/slots.ts"
import { describe, noText, tooMany } from "../shared/failures.ts"
import type { Port } from "./guest/host.ts"
import {
  type Answer,
  type Call,
  type FromProcess,
  hostCalls,
  levels,
  type Origin,
  type Reply,
  type Setup
} from "../shared/messages.ts"
import * as Realm from "./realm.ts"
import * as Realms from "./realms.ts"

/** The calls of one process. */
export interface Calls {
  readonly begin: (call: Call) => void
  /** Takes the next step of a call's stream, and answers with the id. */
  readonly next: (id: number, call: number) => void
  /** Cancels a call, or the rest of its stream. */
  readonly cancel: (call: number) => void
  /** Forwards the answer of a host call. */
  readonly reply: (id: number, reply: Reply) => void
  /** Reports an error outside of calls. */
  readonly stray: (cause: unknown) => void
  /** Reports an exception of a timer, and ends its call, which might wait for it in vain. */
  readonly thrown: (cause: unknown) => void
}

/** The dependencies of the calls. */
export interface Options {
  readonly setup: Setup
  readonly tell: (message: FromProcess) => void
  /** Makes a host call and waits for the reply, in which nothing else runs. */
  readonly askNow: (message: FromProcess) => Reply
  /** Whether a call may begin, and was not taken back meanwhile. */
  readonly claim: (call: Call) => boolean
  readonly sharing: Realm.Sharing
}

/** A realm with its current or last call. */
interface Place {
  readonly realm: Realm.Realm
  call: Call | undefined
  isStreaming: boolean
}

export const make = ({ askNow, claim, setup, sharing, tell }: Options): Calls => {
  /** Calls whose function runs, or whose stream is open. */
  const running = new Slots<Place>()
  /** Host calls in progress, by the ids of the server, with the ids of their realms. */
  const asked = new Slots<{ readonly place: Place; readonly id: number }>()
  const waiting: Array<Call> = []
  /** Modules that calls have loaded; later realms load them in advance. */
  const modules = new Set<string>()
  const scopes = new AsyncLocalStorage<Realm.Scope>()
  const makeRealm = Realm.make(setup, sharing, scopes)
  let asks = 0
  let isPumping = false

  const originOf = ({ bySystem, caller, id, isSystem, name }: Call): Origin => ({
    call: id,
    caller,
    name: scopes.getStore()?.name ?? name,
    isSystem,
    bySystem
  })

  const runningOf = (call: unknown): Place | undefined => (typeof call === "number" ? running.get(call) : undefined)

  /** The messages of a realm. */
  const portOf = (placeOf: () => Place | undefined): Port => ({
    answer: (id, tag, text, trace) => {
      const place = runningOf(id)
      if (place?.call === undefined || place !== placeOf()) return
      const result = answerOf(tag, text, trace)
      tell({ _tag: "Answer", id: place.call.id, answer: result })
      if (result._tag === "Streaming") place.isStreaming = true
      else finish(place.call.id)
    },
    step: (call, id, tag, text, trace) => {
      if (typeof id !== "number") return
      const result = answerOf(tag, text, trace)
      tell({ _tag: "Answer", id, answer: result })
      const place = runningOf(call)
      if (place?.call === undefined || place !== placeOf()) return
      if (result._tag === "End") finish(place.call.id)
      if (result._tag === "Failed") abandon(place.call.id)
    },
    ask: (id, name, isSystem, method, args, transaction) => {
      const place = placeOf()
      const known = hostCalls.find((it) => it === method)
      if (place?.call === undefined || known === undefined) return
      if (typeof id !== "number" || typeof name !== "string" || typeof args !== "string") return
      const origin = { ...originOf(place.call), name, isSystem: isSystem === true }
      asks = (asks + 1) | 0
      asked.add(asks, { place, id })
      const of = typeof transaction === "string" ? transaction : undefined
      tell({ _tag: "Ask", id: asks, origin, method: known, args, transaction: of })
    },
    askNow: (name, isSystem, method, args) => {
      const call = placeOf()?.call
      const known = hostCalls.find((it) => it === method)
      if (call === undefined || known === undefined || typeof name !== "string" || typeof args !== "string") return ""
      const origin = { ...originOf(call), name, isSystem: isSystem === true }
      return JSON.stringify(
        askNow({ _tag: "Ask", id: 0, origin, method: known, args, transaction: undefined, isWaiting: true })
      )
    },
    log: (level, text) => {
      const call = placeOf()?.call
      const known = levels.find((it) => it === level)
      if (call === undefined || known === undefined || typeof text !== "string") return
      tell({ _tag: "Log", origin: originOf(call), level: known, text })
    },
    thrown: (text) => failed(typeof text === "string" ? text : noText),
    settled: () => {
      const place = placeOf()
      if (place !== undefined) realms.settled(place)
    },
    loaded: (name) => {
      if (typeof name === "string") modules.add(name)
    }
  })

  const realms = Realms.make((): Place => {
    const made: { place?: Place } = {}
    const realm = makeRealm(
      portOf(() => made.place),
      modules
    )
    return (made.place = { realm, call: undefined, isStreaming: false })
  })

  /** Ends a call whose function has finished. */
  const finish = (id: number): void => {
    const place = running.take(id)
    if (place !== undefined) realms.release(place)
  }

  /** Abandons a call whose function may still run; its realm is not reused. */
  const abandon = (id: number): Place | undefined => {
    const place = running.take(id)
    if (place !== undefined) realms.drop()
    return place
  }

  const stray = (text: string): void => tell({ _tag: "Stray", name: scopes.getStore()?.name, text })

  const failed = (text: string): void => {
    stray(text)
    const call = scopes.getStore()?.call
    if (call === undefined || running.get(call)?.isStreaming !== false) return
    abandon(call)
    tell({ _tag: "Answer", id: call, answer: { _tag: "Failed", message: text } })
  }

  /** Runs code of a realm, whose exceptions must not get here. */
  const enter = ({ call, name }: Realm.Scope, run: () => void): void => {
    try {
      scopes.run({ call, name }, run)
    } catch (cause) {
      failed(describe(cause))
    }
  }

  let isPreparing = false
  /** Creates realms in advance while the process is idle, one per turn. */
  const prepare = (): void => {
    if (isPreparing || !realms.isShort()) return
    isPreparing = true
    setImmediate(() => {
      isPreparing = false
      if (waiting.length > 0) return
      realms.prepare()
      prepare()
    })
  }

  const start = (call: Call): void => {
    if (!claim(call)) return
    const place = realms.take()
    if (place === undefined) {
      return tell({ _tag: "Answer", id: call.id, answer: { _tag: "Failed", message: tooMany(Realms.most) } })
    }
    prepare()
    place.call = call
    place.isStreaming = false
    running.add(call.id, place)
    enter({ call: call.id, name: call.name }, () => place.realm.begin(call))
  }

  /** Begins the next call. */
  const pump = (): void => {
    const call = waiting.shift()
    isPumping = call !== undefined
    if (call === undefined) return
    // a tick queued by a microtask runs after all microtasks
    queueMicrotask(() => process.nextTick(pump))
    start(call)
  }

  // the first realm is the template of the others, which takes longer
  realms.prepare()
  return {
    begin: (call) => {
      waiting.push(call)
      if (!isPumping) pump()
    },
    next: (id, call) => {
      const place = running.get(call)
      if (place?.call === undefined) return tell({ _tag: "Answer", id, answer: { _tag: "End" } })
      const { name } = place.call
      enter({ call, name }, () => place.realm.next(id))
    },
    cancel: (id) => {
      const at = waiting.findIndex((call) => call.id === id)
      if (at !== -1) waiting.splice(at, 1)
      const place = abandon(id)
      if (place?.call !== undefined) enter({ call: id, name: place.call.name }, place.realm.cancel)
    },
    reply: (id, given) => {
      const found = asked.take(id)
      if (found?.place.call === undefined) return
      const { call, realm } = { ...found.place, call: found.place.call }
      enter({ call: call.id, name: call.name }, () => realm.reply(found.id, given))
    },
    stray: (cause) => stray(describe(cause)),
    thrown: (cause) => failed(describe(cause))
  }
}

const answerOf = (tag: unknown, text: unknown, trace: unknown): Answer => {
  if (typeof text !== "string") return { _tag: "Failed", message: noText }
  switch (tag) {
    case "Done":
      return { _tag: "Done", text }
    case "Streaming":
    case "End":
      return { _tag: tag }
    case "Unreadable":
      return { _tag: "Unreadable", message: text }
    default:
      return { _tag: "Failed", message: text, trace: typeof trace === "string" ? trace : undefined }
  }
}
