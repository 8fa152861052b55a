/**
 * Sessions that several processes share: real engines, real processes. `SEED=n npm run bench -- stores` runs the failures
 * of an earlier run again; `SESSIONS=n` stores fewer sessions than 100,000, `ENGINE=redis` looks at one engine only.
 */
import { accessToken } from "./host.ts"
import { type Host, startHost } from "./storesHost.ts"
import type { Order, Outcome, Start } from "./storesWorker.ts"
import { Effect, Layer, ManagedRuntime, Option, Redacted } from "effect"
import { TokenStore } from "effect-app-services"
import { fork } from "node:child_process"
import { join } from "node:path"
import type { Engine } from "../test/support/engines.ts"
import { engines } from "../test/support/sharedRecords.ts"

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000)
const many = Number(process.env["SESSIONS"] ?? 100_000)
let state = seed
/** Numbers between 0 and 1 that a seed repeats (mulberry32). */
const random = () => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const shuffled = <A>(all: ReadonlyArray<A>) =>
  all
    .map((it) => ({ it, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ it }) => it)
const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
const sum = (outcomes: ReadonlyArray<Outcome>, of: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)
/** How many of each kind; nothing where there were none. */
const errorsOf = (outcomes: ReadonlyArray<Outcome>): string => {
  const errors: Record<string, number> = {}
  for (const it of outcomes) for (const [tag, n] of Object.entries(it.errors)) errors[tag] = (errors[tag] ?? 0) + n
  return Object.keys(errors).length === 0 ? "" : `, errors ${JSON.stringify(errors)}`
}
const seconds = (millis: number) => `${(millis / 1000).toFixed(2)} s`

const startWorker = async (options: Start) => {
  const child = fork(join(import.meta.dirname, "storesWorker.ts"), { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const answer = <A>() =>
    new Promise<A>((resolve, reject) => {
      const ended = () => reject(new Error("a process ended"))
      child.once("exit", ended)
      child.once("message", (message) => {
        child.off("exit", ended)
        resolve(message as A)
      })
    })
  child.send({ start: options })
  await answer()
  return {
    order: (order: Order) => {
      child.send({ order })
      return answer<Outcome>()
    },
    kill: () => void child.kill("SIGKILL")
  }
}
type Worker = Awaited<ReturnType<typeof startWorker>>

const onEngine = async (name: keyof typeof engines, engine: Engine, host: Host) => {
  const rows: Array<Record<string, unknown>> = []
  const row = (probe: string, shown: string, mustShow: string) => {
    // the whole of it, which a table would not fit, as soon as it is known
    console.log(`${name}: ${probe}\n    ${shown}`)
    rows.push({ engine: name, probe, shown, "must show": mustShow })
  }
  const stores = ManagedRuntime.make(
    TokenStore.layerRecords.pipe(Layer.provide(engines[name].records(engine.url, { timeout: 60_000 })))
  )
  const tokens = (await stores.runPromise(TokenStore)).forApp("bench")

  let users = 0
  /** Users that are logged in, their tokens expired unless told otherwise. */
  const seedUsers = async (n: number, lifetime = -10) => {
    const ids = Array.from({ length: n }, () => (++users).toString(16).padStart(24, "0"))
    await stores.runPromise(
      Effect.forEach(
        ids,
        (id) => {
          const session = {
            accessToken: Redacted.make(accessToken(id)),
            refreshToken: Redacted.make(accessToken(id)),
            receivedAt: Date.now() - 1_800_000,
            expiresAt: Date.now() + lifetime * 1000
          }
          return tokens.modify(id, () => [undefined, Option.some({ id, providerType: "api-key", session } as const)])
        },
        { concurrency: 64, discard: true }
      )
    )
    return ids
  }
  const start = (n: number, times: Start["times"] = {}) =>
    Promise.all(Array.from({ length: n }, () => startWorker({ engine: name, url: engine.url, host: host.url, times })))
  const all = (workers: ReadonlyArray<Worker>, order: () => Order) =>
    Promise.all(workers.map((worker) => worker.order(order())))

  const eight = await start(8, { maxAge: 600_000 })
  {
    const [id = ""] = await seedUsers(1)
    host.refreshes = 0
    const outcomes = await all(eight, () => ({
      _tag: "calls",
      users: Array.from({ length: 500 }, () => id),
      concurrency: 500
    }))
    row(
      "8 processes × 500 concurrent calls, one user, token expired",
      `${host.refreshes} refresh, ${sum(outcomes, (it) => it.answers)} answers${errorsOf(outcomes)}`,
      "1 refresh in all"
    )
    const again = await all(eight, () => ({
      _tag: "calls",
      users: Array.from({ length: 500 }, () => id),
      concurrency: 10
    }))
    row(
      "4,000 calls whose token is known",
      `${sum(again, (it) => it.reads)} requests of the engine, ${sum(again, (it) => it.answers)} answers${errorsOf(again)}`,
      "no round trip"
    )
  }
  {
    const ids = await seedUsers(1_000)
    host.refreshes = 0
    const outcomes = await all(eight, () => ({ _tag: "calls", users: shuffled(ids), concurrency: 100 }))
    row(
      "8 processes × 1,000 users, all expired, shuffled",
      `${host.refreshes} refreshes, ${sum(outcomes, (it) => it.answers)} answers, ${host.wrong + sum(outcomes, (it) => it.wrong)} with another's token${errorsOf(outcomes)}`,
      "1,000 refreshes, none with another's token"
    )
  }
  for (const worker of eight) worker.kill()

  {
    const lease = 1_000
    const survivors = await start(3, { lease })
    let [slowest, unanswered, notNewest] = [0, 0, 0]
    host.latency = 300
    let next = startWorker({ engine: name, url: engine.url, host: host.url, times: { lease } })
    for (let nth = 0; nth < 50; nth++) {
      const [id = ""] = await seedUsers(1)
      const victim = await next
      next = startWorker({ engine: name, url: engine.url, host: host.url, times: { lease } })
      const refreshing = new Promise<void>((resolve) => (host.onRefresh = (user) => void (user === id && resolve())))
      const dying = victim.order({ _tag: "calls", users: [id], concurrency: 1 }).catch(() => undefined)
      await refreshing
      const waiting = all(survivors, () => ({ _tag: "calls", users: [id, id, id], concurrency: 3 }))
      await sleep(random() * 250)
      victim.kill()
      const outcomes = await waiting
      await dying
      slowest = Math.max(slowest, ...outcomes.map((it) => it.slowest))
      unanswered += 9 - sum(outcomes, (it) => it.answers)
      const user = Option.getOrUndefined(await stores.runPromise(tokens.shared?.latest(id) ?? tokens.get(id)))
      if (user?.session === undefined || Redacted.value(user.session.accessToken) !== host.issued.get(id)) notNewest++
    }
    host.onRefresh = () => {}
    host.latency = 20
    for (const worker of [...survivors, await next]) worker.kill()
    row(
      "kill -9 of the process that holds the lease of 1 s, amid a refresh of 300 ms, 50 times",
      `slowest answer ${seconds(slowest)}, ${unanswered} unanswered, ${notNewest} not the newest session`,
      "within the lease and one refresh; one session, the newest"
    )
  }

  const faults: Record<string, () => Promise<unknown>> = {
    "engine killed and started again": () => engine.restart(),
    "connections cut, 5 times": async () => {
      for (let nth = 0; nth < 5; nth++) {
        await engine.cut()
        await sleep(random() * 400)
      }
    },
    "engine paused 5 s": async () => {
      engine.signal("SIGSTOP")
      await sleep(5_000)
      engine.signal("SIGCONT")
    }
  }
  for (const [fault, happen] of Object.entries(faults)) {
    const ids = await seedUsers(50)
    const workers = await start(4, { timeout: 1_000, lease: 2_000, maxAge: 500 })
    host.lifetime = 3
    const load = all(workers, () => ({ _tag: "load", users: shuffled(ids), millis: 14_000 }))
    await sleep(2_000 + random() * 1_000)
    await happen()
    const over = Date.now()
    const outcomes = await load
    host.lifetime = 1800
    const recovery = Math.max(0, ...outcomes.map((it) => it.lastError - over))
    const after = await all(workers.slice(0, 1), () => ({ _tag: "calls", users: ids, concurrency: 10 }))
    for (const worker of workers) worker.kill()
    row(
      `load of 4 processes, 50 users, tokens of 3 s: ${fault}`,
      `${sum(outcomes, (it) => it.answers)} answers${errorsOf(outcomes)}, last error ${seconds(recovery)} after; ${sum(outcomes, (it) => it.wrong)} wrong, ${50 - sum(after, (it) => it.answers)} of 50 sessions lost`,
      "no lost session, no wrong answer"
    )
  }

  for (const target of [1_000, many]) {
    const ids = await seedUsers(1_000, 3_600)
    await seedUsers(Math.max(0, target - users), 3_600)
    const rates: Array<string> = []
    for (const n of [1, 2, 4, 8]) {
      const workers = await start(n)
      const rate = async (tag: "reads" | "refreshes") => {
        const outcomes = await all(workers, () => ({ _tag: tag, users: shuffled(ids), millis: 3_000 }))
        return Math.round(sum(outcomes, (it) => (it.answers / it.millis) * 1000))
      }
      rates.push(`${n}: ${await rate("reads")} / ${await rate("refreshes")}`)
      for (const worker of workers) worker.kill()
    }
    row(
      `${users} sessions stored: reads / refreshes a second by processes`,
      rates.join(", "),
      "grows until two cores are full, flat in the sessions"
    )
  }
  await stores.dispose()
  return rows
}

export default async () => {
  console.log(`failures of seed ${seed}\n`)
  const rows: Array<Record<string, unknown>> = []
  for (const name of ["redis", "postgres"] as const) {
    if ((process.env["ENGINE"] ?? name) !== name) continue
    if (engines[name].missing !== "") {
      rows.push({ engine: name, probe: "none", shown: engines[name].missing })
      continue
    }
    const [engine, host] = [await engines[name].start(), await startHost()]
    try {
      rows.push(...(await onEngine(name, engine, host)))
    } finally {
      await host.close()
      await engine.stop()
    }
  }
  return rows
}
