/**
 * Limits the output of the process, which the server reads in the thread that serves all clients. Host calls above the
 * concurrency limit wait here, in the memory of the process; results and arguments have a maximum size; lines of the
 * console and errors outside of calls have a rate limit.
 */
import { notSendable, tooLarge } from "../shared/failures.ts"
import type { Answer, FromProcess, Reply } from "../shared/messages.ts"
import * as TokenBucket from "./tokenBucket.ts"

/** The maximum size of a result, or of the arguments of a host call: as much as a client may send. */
const largestText = 18 * 1024 * 1024

/** The maximum number of concurrent host calls, and the maximum total size of their arguments. */
const most = 64
const mostCharacters = 2 * largestText

/** The maximum number of waiting host calls. */
const mostWaiting = 100_000

/** The maximum length of a line of the console. */
const longestLine = 32_768

type Ask = Extract<FromProcess, { readonly _tag: "Ask" }>

interface Outlet {
  readonly tell: (message: FromProcess) => void
  /** Notes that a host call was answered, and sends the next one. */
  readonly replied: (id: number) => void
}

/** Sends with `send`; calls `refuse` for host calls that cannot be sent. */
export const make = (send: (message: FromProcess) => void, refuse: (id: number, reply: Reply) => void): Outlet => {
  const waiting: Array<Ask> = []
  /** The index of the first waiting call: removing from the front of a long array is expensive. */
  let first = 0
  const underWay = new Map<number, number>()
  let characters = 0
  const lines = TokenBucket.make({ limit: 2_000, perSecond: 1_000 }, (missed) =>
    send({ _tag: "LeftOut", text: `more than 1,000 a second: ${missed} lines of the console were left out` })
  )
  const errors = TokenBucket.make({ limit: 100, perSecond: 10 }, (missed) =>
    send({ _tag: "LeftOut", text: `more than 10 a second: ${missed} errors that no call waits for were left out` })
  )

  const mayGo = ({ args }: Ask): boolean =>
    underWay.size === 0 || (underWay.size < most && characters + args.length <= mostCharacters)

  const go = (ask: Ask): void => {
    underWay.set(ask.id, ask.args.length)
    characters += ask.args.length
    send(ask)
  }

  const ask = (message: Ask): void => {
    const count = waiting.length - first
    if (message.args.length > largestText) {
      return later(message.id, `the arguments are larger than ${largestText / 1024 / 1024} MiB: send less at once`)
    }
    if (count === 0 && mayGo(message)) return go(message)
    if (count === mostWaiting) {
      return later(message.id, `${mostWaiting} operations wait for their turn: await some before beginning others`)
    }
    waiting.push(message)
  }

  /** Rejects after this turn, when the caller has its promise. */
  const later = (id: number, message: string): void =>
    queueMicrotask(() => refuse(id, { _tag: "DatabaseFailure", message, code: undefined, labels: [] }))

  const next = (): void => {
    for (let message = waiting[first]; message !== undefined && mayGo(message); message = waiting[first]) {
      first++
      go(message)
    }
    if (first > 1_000 || first === waiting.length) {
      waiting.splice(0, first)
      first = 0
    }
  }

  return {
    tell: (message) => {
      switch (message._tag) {
        case "Ask":
          return ask(message)
        case "Answer":
          return send({ ...message, answer: limited(message.answer) })
        case "Log":
          return lines.take() ? send({ ...message, text: cut(message.text) }) : undefined
        case "LeftOut":
          return send(message)
        case "Stray":
          return errors.take() ? send({ ...message, text: cut(message.text) }) : undefined
      }
    },
    replied: (id) => {
      characters -= underWay.get(id) ?? 0
      underWay.delete(id)
      next()
    }
  }
}

const limited = (answer: Answer): Answer => {
  switch (answer._tag) {
    case "Done":
      return answer.text.length > largestText ? { _tag: "Failed", message: notSendable(tooLarge(largestText)) } : answer
    case "Failed":
      return { ...answer, message: cut(answer.message), trace: answer.trace && cut(answer.trace) }
    case "Unreadable":
      return { ...answer, message: cut(answer.message) }
    default:
      return answer
  }
}

const cut = (text: string): string =>
  text.length <= longestLine ? text : `${text.slice(0, longestLine)}… (${text.length - longestLine} more characters)`
