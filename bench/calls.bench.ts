/**
 * CPU per operation over a stubbed transport: ours and the peer in turn, in the same run, medians with spread.
 */
import { accessToken, install } from "./host.ts"
import { EJSON } from "bson"
import { Effect, Layer, Schedule } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { AppServices, AuthApi, Credentials } from "effect-app-services"
import * as Realm from "realm-web"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 15)
const calls = Number(process.env["BENCH_CALLS"] ?? 2_000)

/** CPU of one operation in microseconds, with many of them one after the other. */
const cpu = async (operation: () => Promise<unknown>): Promise<number> => {
  const start = process.cpuUsage()
  await operation()
  const { system, user } = process.cpuUsage(start)
  return (user + system) / calls
}

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

/** Runs the variants in turn, so that a noisy moment meets all of them, and compares medians round by round. */
const compare = async (probe: string, variants: Record<string, () => Promise<unknown>>) => {
  const entries = Object.entries(variants)
  const costs = new Map(entries.map(([name]): [string, Array<number>] => [name, []]))
  for (let round = 0; round < rounds + 2; round++) {
    for (const [name, operation] of entries) {
      const cost = await cpu(operation)
      if (round >= 2) costs.get(name)?.push(cost)
    }
  }
  const [ours = [], ...others] = [...costs.values()]
  const shown = (values: ReadonlyArray<number>) =>
    `${median(values).toFixed(0)} µs (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`
  return {
    probe,
    here: shown(ours),
    ...Object.fromEntries(
      others.map((values, i) => [
        entries[i + 1]?.[0] ?? "",
        `${shown(values)}, ×${median(ours.map((cost, round) => cost / (values[round] ?? NaN))).toFixed(2)}`
      ])
    )
  }
}

const sequentially = async (operation: () => Promise<unknown>) => {
  for (let i = 0; i < calls; i++) await operation()
}

export default async () => {
  install()
  const Live = AppServices.layer({
    appId: "bench",
    baseUrl: "http://host.test",
    retrySchedule: Schedule.recurs(0)
  }).pipe(Layer.provideMerge(FetchHttpClient.layer))
  const program = Effect.gen(function* () {
    const auth = yield* AuthApi
    const client = yield* HttpClient.HttpClient
    const user = yield* auth.logIn(Credentials.anonymous())
    const realm = yield* Effect.promise(() =>
      new Realm.App({ id: "bench", baseUrl: "http://host.test" }).logIn(Realm.Credentials.anonymous(false), false)
    )
    const token = accessToken("bare")
    const bare = Effect.gen(function* () {
      const body = EJSON.stringify({ name: "sum", arguments: [20, 22] }, { relaxed: false })
      const request = HttpClientRequest.post("http://host.test/api/client/v2.0/app/bench/functions/call", {
        headers: { accept: "application/json", authorization: `Bearer ${token}` }
      }).pipe(HttpClientRequest.bodyText(body, "application/json"))
      const response = yield* client.execute(request)
      const answer: unknown = EJSON.parse(yield* response.text)
      return answer
    })
    const context = yield* Effect.context<never>()
    const repeat =
      <A, E>(effect: Effect.Effect<A, E>) =>
      () =>
        Effect.runPromiseWith(context)(Effect.forEach(Array.from({ length: calls }), () => effect, { discard: true }))
    const call = repeat(user.functions.sum(20, 22))
    const plain = repeat(bare)
    return yield* Effect.promise(async () => [
      await compare("function call", {
        here: call,
        "a bare HttpClient call": plain,
        "realm-web": () => sequentially(() => realm.functions["sum"](20, 22))
      })
    ])
  })
  return Effect.runPromise(Effect.provide(program, Live))
}
