/**
 * Sessions under load and failures: counts, beside those of realm-web in the same run where it can do the same.
 */
import { accessToken, install } from "./host.ts"
import { short } from "./measure.ts"
import { Effect, Exit, Layer, Schedule } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { AppServices, AuthApi, Credentials } from "effect-app-services"
import * as Realm from "realm-web"

type SdkOptions = Partial<AppServices.Options>

const Live = (options: SdkOptions) =>
  AppServices.layer({
    appId: "bench",
    baseUrl: "http://host.test",
    retrySchedule: Schedule.recurs(0),
    ...options
  }).pipe(Layer.provide(FetchHttpClient.layer))
const logIn = AuthApi.use((auth) => auth.logIn(Credentials.anonymous()))

const run = <A, E>(effect: Effect.Effect<A, E, AppServices.Services>, options: SdkOptions = {}) =>
  Effect.runPromise(Effect.provide(effect, Live(options)))

/** Runs on a test clock, which the program advances. */
const onTestClock = <A, E>(effect: Effect.Effect<A, E, AppServices.Services>) =>
  Effect.runPromise(Effect.provide(effect, Live({}).pipe(Layer.provideMerge(TestClock.layer()))))

const realm = () => new Realm.App({ id: "bench", baseUrl: "http://host.test" })
const realmUser = (app = realm()) => app.logIn(Realm.Credentials.anonymous(false), false)

const times = (n: number) => Array.from({ length: n }, (_, i) => i)
const micros = (millis: number) => `${(millis * 1000).toFixed(0)} µs`

const latency = () => 5
const peerCalls = short ? 20 : 1_000

const storm = async () => {
  const calls = short ? 200 : 10_000
  const counts = install({ latency, firstLifetime: 0 })
  const answers = await run(
    Effect.flatMap(logIn, (user) =>
      Effect.forEach(times(calls), () => user.functions.sum(1, 2), { concurrency: "unbounded" })
    )
  )
  const peer = install({ latency, refuses: "logins" })
  const user = await realmUser()
  await Promise.all(times(peerCalls).map(() => user.functions["sum"](1, 2)))
  return {
    probe: "10,000 concurrent calls of one user, token expired",
    shown: `${counts.refresh} refresh, ${answers.length} answers`,
    "must show": "1 refresh, 10,000 answers",
    "realm-web": `${peerCalls} calls: ${peer.refresh} refreshes`
  }
}

const manyUsers = async () => {
  const wrong: Array<string> = []
  const counts = install({
    firstLifetime: 0,
    latency: () => 1 + Math.random() * 30,
    onCall: (user, body) => {
      if (!body.includes(`"${user}"`)) wrong.push(user)
    }
  })
  const calls = await run(
    Effect.gen(function* () {
      const users = yield* Effect.forEach(times(short ? 20 : 1_000), () => logIn, { concurrency: 100 })
      const shuffled = users.flatMap((user) => times(10).map(() => user)).toSorted(() => Math.random() - 0.5)
      return yield* Effect.forEach(shuffled, (user) => user.functions.whoAmI(user.id), { concurrency: "unbounded" })
    })
  )
  return {
    probe: "1,000 users × 10 concurrent calls, all expired, shuffled",
    shown: `${counts.refresh} refreshes, ${calls.length} answers, ${wrong.length} with another's token`,
    "must show": "1,000 refreshes, every call with its own user's token",
    "realm-web": ""
  }
}

const always401 = async () => {
  const counts = install({ refuses: "all" })
  const reason = await run(
    Effect.flatMap(logIn, (user) => Effect.flip(user.functions.sum(1, 2))).pipe(
      Effect.map((error) => error.reason._tag)
    )
  )
  const peer = install({ refuses: "all", giveUpAfter: short ? 20 : 2_000 })
  const user = await realmUser()
  await user.functions["sum"](1, 2).catch(() => undefined)
  return {
    probe: "a server that always answers 401",
    shown: `${counts.call} calls, ${counts.refresh} refresh, ${reason}`,
    "must show": "at most 2 calls, 1 refresh, SessionExpired",
    "realm-web": `${peer.call + peer.refresh} requests, stopped by the host`
  }
}

const offline = async () => {
  const counts = install()
  const result = await onTestClock(
    Effect.gen(function* () {
      const user = yield* logIn
      yield* Effect.forkDetach(Effect.scoped(Effect.andThen(user.keepAlive, Effect.never)))
      yield* Effect.yieldNow
      install({ giveUpAfter: 0 })
      // a request takes a turn of the event loop, so the clock has to wait for it
      for (let hour = 0; hour < 7 * 24; hour++) {
        yield* TestClock.adjust("1 hour")
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 0)))
      }
      const during = (yield* user.state)._tag
      const back = install()
      for (let minute = 0; minute < 6; minute++) {
        yield* TestClock.adjust("1 minute")
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 0)))
      }
      return { during, after: (yield* user.state)._tag, refreshes: back.refresh }
    })
  )
  return {
    probe: "offline for a week of the test's clock",
    shown: `${result.during} all week, ${result.after} within 6 minutes, ${counts.refresh + result.refreshes} refresh`,
    "must show": "the session is kept and comes back",
    "realm-web": ""
  }
}

const idle = async () => {
  install()
  const gc = globalThis.gc
  if (gc === undefined) throw new Error("run with node --expose-gc")
  const heap = () => {
    gc()
    gc()
    return process.memoryUsage().heapUsed
  }
  return run(
    Effect.gen(function* () {
      const auth = yield* AuthApi
      const rows: Array<string> = []
      const lookups: Array<string> = []
      let users = 0
      let last = ""
      const before = heap()
      for (const target of short ? [10, 20, 30] : [1_000, 10_000, 100_000]) {
        yield* Effect.forEach(times(target - users), () => Effect.map(logIn, ({ id }) => (last = id)), {
          discard: true
        })
        users = target
        rows.push(((heap() - before - users * tokenBytes) / users / 1024).toFixed(2))
        const start = performance.now()
        yield* Effect.forEach(times(2_000), () => auth.user(last), { discard: true })
        const lookup = performance.now() - start
        lookups.push(micros(lookup / 2_000))
      }
      const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      return {
        probe: "1,000 / 10,000 / 100,000 idle sessions",
        shown: `${rows.join(" / ")} KB each beyond the tokens, ${timers} timers, lookup ${lookups.join(" / ")}`,
        "must show": "at most 2 KB each, 0 timers, flat lookups",
        "realm-web": ""
      }
    })
  )
}

/** The size of a session's two tokens in memory, one byte per character. */
const tokenBytes = 2 * accessToken("0".repeat(24)).length

const logins = async () => {
  install()
  const mine = await run(
    Effect.gen(function* () {
      const costs: Array<number> = []
      for (let thousand = 0; thousand < (short ? 1 : 10); thousand++) {
        const start = process.cpuUsage()
        yield* Effect.forEach(times(short ? 20 : 1_000), () => logIn, { discard: true })
        const { system, user } = process.cpuUsage(start)
        costs.push((user + system) / 1_000 / 1_000)
      }
      return costs
    })
  )
  const theirs: Array<string> = []
  const app = realm()
  for (const target of short ? [5] : [50, 500, 1_000]) {
    while (Object.keys(app.allUsers).length < target) await realmUser(app)
    const start = process.cpuUsage()
    await realmUser(app)
    const { system, user } = process.cpuUsage(start)
    theirs.push(`${((user + system) / 1_000).toFixed(1)} ms at ${target}`)
  }
  return {
    probe: "10,000 logins in one process",
    shown: `${mine.at(0)?.toFixed(2)} ms each in the first thousand, ${mine.at(-1)?.toFixed(2)} ms in the last`,
    "must show": "flat",
    "realm-web": theirs.join(", ")
  }
}

export default async () => {
  const rows: Array<Record<string, unknown>> = []
  for (const probe of [storm, manyUsers, always401, offline, idle, logins]) {
    const exit = await Effect.runPromiseExit(Effect.promise(probe))
    if (Exit.isFailure(exit)) throw new Error(`a probe failed: ${String(exit.cause)}`)
    rows.push(exit.value)
  }
  return rows
}
