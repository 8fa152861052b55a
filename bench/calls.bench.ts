/** CPU per operation over a stubbed transport, beside realm-web and beside a bare `HttpClient` that does as much. */
import { accessToken, install } from "./host.ts"
import { compare, cpu, inTurn, row, rounds, short } from "./measure.ts"
import { EJSON } from "bson"
import { Effect, Layer, Schedule, Tracer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { AppServices, AuthApi, Credentials, Sessions } from "effect-app-services"
import * as Realm from "realm-web"

const calls = short ? 20 : 1_000
const settings = { rounds: rounds(21), warmUp: 6 }

const baseUrl = "http://host.test"
const Live = AppServices.layer({ appId: "bench", baseUrl, retrySchedule: Schedule.recurs(0) }).pipe(
  Layer.provideMerge(FetchHttpClient.layer)
)

/** CPU of one operation, of many in sequence. */
const each = async (operation: () => Promise<unknown>): Promise<number> =>
  (await cpu(async () => {
    for (let i = 0; i < calls; i++) await operation()
  })) / calls

/** The same for an effect, all in one fiber, as in an application. */
const eachIn =
  (run: (effect: Effect.Effect<void, unknown>) => Promise<void>) => async (effect: Effect.Effect<unknown, unknown>) =>
    (await cpu(() => run(Effect.forEach(Array.from({ length: calls }), () => effect, { discard: true })))) / calls

const quiet = Effect.withTracerEnabled(false)

/** An installed tracer that creates and ends spans, and exports none. */
const traced = Effect.withTracer(Tracer.make({ span: (options) => new Tracer.NativeSpan(options) }))

/** CPU of a call with `inFlight` concurrent calls. */
const atOnce = async (call: Effect.Effect<unknown, unknown>, peer: () => Promise<unknown>) => {
  const rows: Array<Record<string, string>> = []
  for (const inFlight of short ? [10] : [10, 100, 1_000, 10_000]) {
    const total = Math.max(inFlight, calls)
    const ours = Effect.forEach(Array.from({ length: total }), () => call, { concurrency: inFlight, discard: true })
    const theirs = async () => {
      let left = total
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          while (left-- > 0) await peer()
        })
      )
    }
    rows.push(
      await compare(
        `a function call of ${inFlight} at once, tracing off`,
        "µs",
        {
          here: async () => (await cpu(() => Effect.runPromise(ours))) / total,
          "realm-web": async () => (await cpu(theirs)) / total
        },
        { rounds: rounds(9) }
      )
    )
  }
  return rows
}

const functionCalls = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  const user = yield* AuthApi.use((auth) => auth.logIn(Credentials.anonymous()))
  const realm = yield* Effect.promise(() =>
    new Realm.App({ id: "bench", baseUrl }).logIn(Realm.Credentials.anonymous(false), false)
  )
  const token = accessToken("bare")
  const bare = Effect.gen(function* () {
    const body = EJSON.stringify({ name: "sum", arguments: [20, 22] }, { relaxed: false })
    const request = HttpClientRequest.post(`${baseUrl}/api/client/v2.0/app/bench/functions/call`, {
      headers: { accept: "application/json", authorization: `Bearer ${token}` }
    }).pipe(HttpClientRequest.bodyText(body, "application/json"))
    const response = yield* client.execute(request)
    const answer: unknown = EJSON.parse(yield* response.text)
    return answer
  })
  const call = user.functions.sum(20, 22)
  const measured = eachIn(Effect.runPromiseWith(yield* Effect.context<never>()))
  const peer = () => each(() => realm.functions["sum"](20, 22))
  const table = (probe: string, change: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) =>
    compare(
      probe,
      "µs",
      {
        here: () => measured(change(call)),
        "a bare HttpClient call": () => measured(change(bare)),
        "realm-web": peer
      },
      settings
    )
  return yield* Effect.promise(async () => [
    await table("a function call, tracing off", quiet),
    await table("a function call, with a tracer", traced),
    await table("a function call, with none installed", (effect) => effect),
    await compare(
      "a bare HttpClient call, tracing off",
      "µs",
      { here: () => measured(quiet(bare)), "realm-web": peer },
      settings
    ),
    ...(await atOnce(quiet(call), () => realm.functions["sum"](20, 22)))
  ])
})

/** CPU of a login, a refresh and a logout in a process with one user: realm-web writes all users at each login. */
interface Session {
  readonly logIn: () => Promise<{ readonly refresh: () => Promise<unknown>; readonly logOut: () => Promise<unknown> }>
  /** Runs between two logins, unmeasured. */
  readonly clear: () => Promise<unknown>
}

const cycle =
  ({ clear, logIn }: Session) =>
  async () => {
    const sum = { login: 0, refresh: 0, logout: 0 }
    const times = Math.ceil(calls / 4)
    for (let i = 0; i < times; i++) {
      let user: Awaited<ReturnType<Session["logIn"]>> | undefined
      sum.login += await cpu(async () => (user = await logIn()))
      sum.refresh += await cpu(async () => user?.refresh())
      sum.logout += await cpu(async () => user?.logOut())
      await clear()
    }
    return { login: sum.login / times, refresh: sum.refresh / times, logout: sum.logout / times }
  }

const authentication = Effect.gen(function* () {
  const auth = yield* AuthApi
  const sessions = yield* Sessions
  const app = new Realm.App({ id: "bench", baseUrl })
  const context = yield* Effect.context<never>()
  const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromiseWith(context)(quiet(effect))
  return yield* Effect.promise(async () => {
    const [ours = [], theirs = []] = await inTurn(
      [
        cycle({
          logIn: async () => {
            const user = await run(auth.logIn(Credentials.anonymous()))
            return { refresh: () => run(sessions.refresh("bench", user.id)), logOut: () => run(user.logOut) }
          },
          clear: () => Promise.resolve()
        }),
        cycle({
          logIn: async () => {
            const user = await app.logIn(Realm.Credentials.anonymous(false), false)
            return { refresh: () => user.refreshAccessToken(), logOut: () => user.logOut() }
          },
          clear: () => Promise.all(Object.values(app.allUsers).map((user) => app.removeUser(user)))
        })
      ],
      settings
    )
    return (["login", "refresh", "logout"] as const).map((name) =>
      row(`a ${name}, tracing off`, "µs", {
        here: ours.map((costs) => costs[name]),
        "realm-web": theirs.map((costs) => costs[name])
      })
    )
  })
})

export default () => {
  install()
  return Effect.runPromise(
    Effect.all([functionCalls, authentication]).pipe(
      Effect.map((tables) => tables.flat()),
      Effect.provide(Live)
    )
  )
}
