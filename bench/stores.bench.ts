/**
 * Sessions shared by several processes, on real engines. `BENCH_SEED=n npm run bench -- stores` runs the
 * failures of an earlier run again; `BENCH_SESSIONS=n` stores other than 100,000 sessions, `BENCH_ENGINE=redis` looks at
 * one engine only. Whatever is waited for has a limit. A short run fails only where an answer is another user's: how
 * many of the rest hold, the machine's other work decides.
 */
import { accessToken } from "./host.ts"
import { median, short } from "./measure.ts"
import { type Host, startHost } from "./storesHost.ts"
import type { Order, Outcome, Start } from "./storesWorker.ts"
import { limited, makeWorkers, type Worker } from "./storesWorkers.ts"
import { Effect, Layer, ManagedRuntime, Option, Redacted, Schedule } from "effect"
import { TokenStore } from "effect-app-services"
import type { Engine } from "../test/support/engines.ts"
import { engines } from "../test/support/sharedRecords.ts"

type EngineName = keyof typeof engines

const seed = Number(process.env["BENCH_SEED"] ?? Date.now() % 1_000_000)

/** The size of a full run, and of a short one that only checks that it works. */
const scale = short
  ? { processes: 2, calls: 20, users: 20, kills: 1, lanes: 1, batch: 1, load: 900, pause: 100, sessions: 200, rate: 50 }
  : {
      processes: 8,
      calls: 500,
      users: 1_000,
      kills: 50,
      lanes: 2,
      batch: 5,
      load: 12_000,
      pause: 5_000,
      sessions: Number(process.env["BENCH_SESSIONS"] ?? 100_000),
      rate: 2_000
    }
const lease = short ? 500 : 1_000
const latency = short ? 100 : 300
/** The limit of waiting for what happens unless something is broken. */
const limit = 60_000
/** Short runs tolerate a busy machine. */
const patient = { timeout: limit / 2, lease }
/** The time for a request to the engine on a busy machine. */
const slack = 400

/** Random numbers between 0 and 1, reproducible by seed and name (mulberry32). */
const randomOf = (name: string) => {
  let state = Array.from(name).reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619), seed)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
const shuffled = <A>(all: ReadonlyArray<A>, random: () => number) =>
  all
    .map((it) => ({ it, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ it }) => it)
const times = <A>(n: number, make: (nth: number) => A) => Array.from({ length: n }, (_, nth) => make(nth))
const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))
const sum = (outcomes: ReadonlyArray<Outcome>, of: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)
const answersOf = (outcomes: ReadonlyArray<Outcome>) => sum(outcomes, ({ answers }) => answers)
/** The number of each kind of error, or "no errors". */
const errorsOf = (outcomes: ReadonlyArray<Outcome>): string => {
  const errors: Record<string, number> = {}
  for (const it of outcomes) for (const [tag, n] of Object.entries(it.errors)) errors[tag] = (errors[tag] ?? 0) + n
  const told = Object.entries(errors).map(([tag, n]) => `${n} ${tag}`)
  return told.length === 0 ? "no errors" : told.join(", ")
}
const seconds = (millis: number) => `${(millis / 1000).toFixed(2)} s`

const onEngine = async (name: EngineName, engine: Engine, host: Host) => {
  const rows: Array<Record<string, unknown>> = []
  const row = (probe: string, shown: string, mustShow: string, held: boolean) => {
    // printed at once and in full, since a table would cut it off
    const broken = short ? "not shown by this short run" : "BROKEN: it must show"
    console.log(`${name}: ${probe}\n    ${shown}${held ? "" : `\n    ${broken}: ${mustShow}`}`)
    rows.push({ engine: name, probe, shown, "must show": mustShow, held })
  }
  const stores = ManagedRuntime.make(
    TokenStore.layerRecords.pipe(Layer.provide(engines[name].records(engine.url, { timeout: 60_000 })))
  )
  const tokens = (await limited("a connection", limit, stores.runPromise(TokenStore))).forApp("bench")

  const processes = makeWorkers()
  let users = 0
  /** Logs users in; their tokens have expired by default. */
  const seedUsers = async (n: number, lifetime = -10) => {
    const ids = times(n, () => (++users).toString(16).padStart(24, "0"))
    const storing = Effect.forEach(
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
    // the connection of this process may just have been cut
    const stored = Effect.retry(storing, Schedule.spaced("100 millis"))
    await limited(`storing ${n} sessions`, limit + n * 5, stores.runPromise(stored))
    return ids
  }
  const latest = (id: string) =>
    limited("reading a session", limit, stores.runPromise(tokens.shared?.latest(id) ?? tokens.get(id)))
  /** Short runs use the same few processes for everything. */
  const few: Array<Worker> = []
  const start = async (n: number, times_: Start["times"]) => {
    if (few.length > 0) return few
    const options = { engine: name, url: engine.url, host: host.url, times: short ? patient : times_ }
    const workers = await Promise.all(times(short ? scale.processes : n, () => processes.start(options)))
    if (short) few.push(...workers)
    return workers
  }
  const dismiss = (workers: ReadonlyArray<Worker>) => {
    if (!short) for (const worker of workers) worker.kill()
  }
  const all = (workers: ReadonlyArray<Worker>, order: (nth: number) => Order) =>
    Promise.all(workers.map((worker, nth) => worker.order(order(nth))))

  /** The number of calls with another user's token, which has to be zero on any machine. */
  const wrongOf = (outcomes: ReadonlyArray<Outcome>) => {
    const wrong = host.wrong + sum(outcomes, (it) => it.wrong)
    if (wrong > 0) process.exitCode = 1
    return wrong
  }

  const together = async () => {
    const workers = await start(scale.processes, { maxAge: 600_000 })
    const [id = ""] = await seedUsers(1)
    const calls = (concurrency: number) => ({
      _tag: "calls" as const,
      users: times(scale.calls, () => id),
      concurrency
    })
    host.refreshes = 0
    const outcomes = await all(workers, () => calls(scale.calls))
    row(
      `${workers.length} processes × ${scale.calls} concurrent calls, one user, token expired`,
      `${host.refreshes} refresh, ${answersOf(outcomes)} answers, ${errorsOf(outcomes)}`,
      "1 refresh in all",
      host.refreshes === 1 && answersOf(outcomes) === workers.length * scale.calls
    )
    // a late notice makes a process read again: it cannot know that it has seen that change already
    const deadline = Date.now() + limit
    const heard = () => all(workers, () => ({ _tag: "calls", users: [], concurrency: 1 }))
    while ((await heard()).some((it) => it.heard < 2) && Date.now() < deadline) await sleep(20)
    const again = await all(workers, () => calls(10))
    row(
      `${workers.length} × ${scale.calls} calls more, token known`,
      `${sum(again, (it) => it.requests)} requests of the engine, ${answersOf(again)} answers, ${errorsOf(again)}`,
      "no round trip",
      sum(again, (it) => it.requests) === 0 && answersOf(again) === workers.length * scale.calls
    )
    const random = randomOf(`${name} order`)
    const ids = await seedUsers(scale.users)
    host.refreshes = 0
    const each = await all(workers, () => ({ _tag: "calls", users: shuffled(ids, random), concurrency: 100 }))
    const wrong = wrongOf(each)
    row(
      `${workers.length} processes × ${scale.users} users, all expired, in random order`,
      `${host.refreshes} refreshes, ${answersOf(each)} answers, ${wrong} with another's token, ${errorsOf(each)}`,
      `${scale.users} refreshes, none with another's token`,
      host.refreshes === scale.users && wrong === 0 && answersOf(each) === workers.length * scale.users
    )
    dismiss(workers)
  }

  const kills = async () => {
    const survivors = await start(3, { lease })
    const victimOf = () =>
      processes.start({ engine: name, url: engine.url, host: host.url, times: short ? patient : { lease } })
    let [unanswered, notNewest] = [0, 0]
    const slowest: Array<number> = []
    host.latency = latency
    const lane = async (nth: number, victims: Array<Worker>) => {
      const random = randomOf(`${name} kills ${nth}`)
      for (const victim of victims) {
        const [id = ""] = await seedUsers(1)
        const refreshing = new Promise<void>((resolve) => host.unanswered.set(id, resolve))
        const dying = victim.order({ _tag: "calls", users: [id], concurrency: 1 }).catch(() => {})
        await limited("the refresh of a process that is to be killed", limit, refreshing)
        const waiting = all(survivors, () => ({ _tag: "calls", users: [id, id, id], concurrency: 3 }))
        await sleep(random() * latency * 0.8)
        victim.kill()
        const outcomes = await waiting
        await dying
        slowest.push(Math.max(...outcomes.map((it) => it.slowest)))
        unanswered += survivors.length * 3 - answersOf(outcomes)
        const { session } = Option.getOrUndefined(await latest(id)) ?? {}
        if (session === undefined || Redacted.value(session.accessToken) !== host.issued.get(id)) notNewest++
      }
    }
    for (let killed = 0; killed < scale.kills; killed += scale.lanes * scale.batch) {
      // no process starts while others are measured
      const victims = await Promise.all(times(scale.lanes, () => Promise.all(times(scale.batch, victimOf))))
      await Promise.all(victims.map((some, nth) => lane(killed + nth, some)))
    }
    host.latency = 20
    dismiss(survivors)
    row(
      `kill -9 of the process that holds the lease of ${seconds(lease)}, amid a refresh of ${seconds(latency)}, ${scale.kills} times`,
      `slowest answer ${seconds(Math.max(...slowest))}, median of the slowest ${seconds(median(slowest))}, ${unanswered} unanswered, ${notNewest} not the newest session`,
      "within the lease and one refresh; one session, the newest",
      Math.max(...slowest) <= lease + latency + slack && unanswered + notNewest === 0
    )
  }

  const faults = async () => {
    const random = randomOf(`${name} faults`)
    const lifetime = Math.ceil(scale.load / 4_000)
    const workers = await start(4, { timeout: 1_000, lease: 2_000, maxAge: 500 })
    const happenings: Record<string, () => Promise<unknown>> = {
      "engine killed and started again": () => limited("the engine's restart", limit, engine.restart()),
      "connections cut, 5 times": async () => {
        for (let nth = 0; nth < 5; nth++) {
          await engine.cut()
          await sleep(random() * (scale.pause / 12))
        }
      },
      [`engine paused ${seconds(scale.pause)}`]: async () => {
        engine.signal("SIGSTOP")
        await sleep(scale.pause)
        engine.signal("SIGCONT")
      }
    }
    const inTurn = async () => {
      for (const happen of Object.values(happenings)) await happen()
    }
    for (const [fault, happen] of Object.entries(short ? { "all of it": inTurn } : happenings)) {
      const ids = await seedUsers(50)
      // each user's token is refreshed several times
      host.lifetime = lifetime
      host.wrong = 0
      const load = all(workers, () => ({ _tag: "load", users: shuffled(ids, random), millis: scale.load }))
      await sleep((scale.load / 12) * (1 + random()))
      const begun = Date.now()
      await happen()
      const over = Date.now()
      const outcomes = await load
      host.lifetime = 1800
      const recovery = Math.max(0, ...outcomes.map((it) => it.lastError - over))
      const wrong = wrongOf(outcomes)
      // a process that has not reconnected yet has lost nothing
      let after: ReadonlyArray<Outcome>
      const deadline = Date.now() + limit
      do {
        after = await all(workers, () => ({ _tag: "calls", users: ids, concurrency: 10 }))
      } while (answersOf(after) < 50 * workers.length && Date.now() < deadline)
      const lost = 50 * workers.length - answersOf(after)
      row(
        `load of ${workers.length} processes, 50 users, tokens of ${lifetime} s: ${fault}, ${seconds(over - begun)} in all`,
        `${answersOf(outcomes)} answers, ${errorsOf(outcomes)}, last error ${seconds(recovery)} after; ${wrong} wrong, ${lost} of 50 sessions lost in any process`,
        "no lost session, no wrong answer",
        wrong + lost === 0
      )
    }
    dismiss(workers)
  }

  const rates = async () => {
    const random = randomOf(`${name} rates`)
    const workers = await start(8, {})
    for (const target of short ? [scale.sessions] : [scale.sessions / 100, scale.sessions]) {
      const ids = await seedUsers(scale.sessions / 100, 3_600)
      await seedUsers(Math.max(0, target - users), 3_600)
      const told: Array<string> = []
      for (const n of [1, 2, 4, 8].filter((n) => n <= workers.length)) {
        const rate = async (_tag: "reads" | "refreshes") => {
          const order = () => ({ _tag, users: shuffled(ids, random), millis: scale.rate })
          const outcomes = await all(workers.slice(0, n), order)
          const failed = errorsOf(outcomes)
          return `${Math.round(sum(outcomes, (it) => (it.answers / it.millis) * 1000))}${failed === "no errors" ? "" : ` (${failed})`}`
        }
        told.push(`${n}: ${await rate("reads")} / ${await rate("refreshes")}`)
      }
      row(
        `${users} sessions stored: reads / refreshes a second, by processes`,
        told.join(", "),
        "grows until two cores are full, flat in the sessions",
        true
      )
    }
    dismiss(workers)
  }

  try {
    for (const probe of [together, kills, faults, rates]) await probe()
  } finally {
    processes.killAll()
    await limited("closing the connections", limit, stores.dispose())
  }
  return rows
}

export default async () => {
  console.log(`failures of BENCH_SEED=${seed}\n`)
  const chosen = (["redis", "postgres"] as const).filter((name) => (process.env["BENCH_ENGINE"] ?? name) === name)
  const probed = async (name: EngineName) => {
    if (engines[name].missing !== "") return [{ engine: name, probe: "none", shown: engines[name].missing }]
    const [engine, host] = await Promise.all([
      limited(`the start of ${name}`, limit, engines[name].start()),
      startHost()
    ])
    try {
      return await onEngine(name, engine, host)
    } finally {
      await limited("the end of the host", limit, host.close())
      await limited(`the end of ${name}`, limit, engine.stop())
    }
  }
  // measure one engine at a time
  const rows: Array<Record<string, unknown>> = []
  if (short) rows.push(...(await Promise.all(chosen.map(probed))).flat())
  else for (const name of chosen) rows.push(...(await probed(name)))
  if (!short && rows.some(({ held }) => held === false)) process.exitCode = 1
  return rows
}
