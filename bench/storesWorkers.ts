/** The processes of `stores.bench.ts`; all waiting has a limit. */
import { fork } from "node:child_process"
import { join } from "node:path"
import type { Order, Outcome, Said, Start } from "./storesWorker.ts"

/** Rejects with a description of what was awaited if it takes longer than the limit. */
export const limited = async <A>(what: string, millis: number, promise: Promise<A>): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${millis} ms`)), millis)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface Worker {
  /** Rejects if the process ends, reports a failure, or takes longer than the limit. */
  readonly order: (order: Order, limit?: number) => Promise<Outcome>
  readonly kill: () => void
}

/** Starts processes, and ends all that it has started in any case. */
export const makeWorkers = () => {
  const running = new Set<() => void>()
  return {
    start: (options: Start) => startWorker(options, running),
    killAll: () => {
      for (const kill of running) kill()
    }
  }
}

const startWorker = async (options: Start, running: Set<() => void>): Promise<Worker> => {
  const child = fork(join(import.meta.dirname, "storesWorker.ts"), { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const waiting = new Map<number, { resolve: (outcome: Outcome) => void; reject: (error: Error) => void }>()
  let serial = 0
  let over: string | undefined
  const kill = () => void child.kill("SIGKILL")
  running.add(kill)
  const end = (why: string) => {
    over = why
    running.delete(kill)
    for (const { reject } of waiting.values()) reject(new Error(why))
    waiting.clear()
  }
  child.once("exit", (code, signal) => end(`a process ended: ${signal ?? `exit code ${code}`}`))
  child.once("error", ({ message }) => end(`a process could not be started: ${message}`))
  child.on("message", (said: Said) => {
    const asked = waiting.get(said.id)
    waiting.delete(said.id)
    if ("failed" in said) asked?.reject(new Error(`a process failed: ${said.failed}`))
    else asked?.resolve(said.outcome)
  })
  const ask = (what: string, limit: number, message: { readonly start: Start } | { readonly order: Order }) => {
    const id = ++serial
    const answer = new Promise<Outcome>((resolve, reject) => {
      if (over !== undefined) return reject(new Error(over))
      waiting.set(id, { resolve, reject })
      child.send({ id, ...message }, (error) => {
        if (error !== null) reject(error)
      })
    })
    const limitedAnswer = limited(what, limit, answer)
    // the caller may have failed for another reason meanwhile, which is then the one to report
    limitedAnswer.catch(() => {})
    return limitedAnswer
  }
  await ask("a process that starts", 60_000, { start: options })
  return {
    order: (order, limit = 120_000) => ask(`a process that is told to make ${order._tag}`, limit, { order }),
    kill
  }
}
