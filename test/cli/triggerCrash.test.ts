import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory } from "../server/support.ts"
import { client, serve } from "./processes.ts"
import { randomOf } from "./random.ts"

const source = `context.services.get("m").db("d")`

const trigger = (name: string, config: object, type = "DATABASE") => ({
  name,
  type,
  function_name: name,
  config: type === "DATABASE" ? { service_name: "m", database: "d", collection: "orders", ...config } : config
})

/** Functions of triggers that keep what they are called with, in the order of their calls. */
const functions = {
  ordered: `exports = ({ documentKey }) => ${source}.collection("seen").insertOne({ by: "ordered", id: documentKey._id })`,
  unordered: `exports = ({ documentKey }) => ${source}.collection("seen").insertOne({ by: "unordered", id: documentKey._id })`,
  created: `exports = ({ user }) => ${source}.collection("seen").insertOne({ by: "created", id: user.id })`,
  add: `exports = (id) => ${source}.collection("orders").insertOne({ _id: id })`,
  /** What was written in the order of the commits, and what the triggers saw in that of their calls. */
  report: `exports = async () => {
    const seen = await ${source}.collection("seen").find().toArray()
    const of = (name) => seen.filter(({ by }) => by === name).map(({ id }) => id)
    const written = await ${source}.collection("orders").find().toArray()
    return {
      written: written.map(({ _id }) => _id),
      ordered: of("ordered"), unordered: of("unordered"), created: of("created")
    }
  }`
}

const app = {
  "realm_config.json": { app_id: "crash" },
  "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
  "functions/config.json": Object.keys(functions).map((name) => ({ name, run_as_system: true })),
  ...Object.fromEntries(Object.entries(functions).map(([name, text]) => [`functions/${name}.js`, text])),
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "data_sources/m/d/orders/rules.json": {
    database: "d",
    collection: "orders",
    roles: [{ name: "all", apply_when: {}, read: true, write: true, insert: true, delete: true, search: true }]
  },
  "triggers/ordered.json": trigger("ordered", { operation_types: ["INSERT"] }),
  "triggers/unordered.json": trigger("unordered", { operation_types: ["INSERT"], unordered: true }),
  "triggers/created.json": trigger("created", { operation_type: "CREATE", providers: ["anon-user"] }, "AUTHENTICATION")
}

type Report = Record<"written" | "ordered" | "unordered" | "created", ReadonlyArray<string>>

/** How many clients there are, each with one request under way. */
const clientCount = 4

const repeats = (ids: ReadonlyArray<string>) => ids.length - new Set(ids).size

it.live(
  "delivers every acknowledged write to every trigger after kills at random moments, in order and repeating only the last",
  () =>
    Effect.gen(function* () {
      const rounds = Number(process.env["TRIGGER_CRASH_ROUNDS"] ?? 3)
      const seed = Number(process.env["TRIGGER_CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31))
      // to repeat a failure
      console.log(`TRIGGER_CRASH_SEED=${seed} TRIGGER_CRASH_ROUNDS=${rounds}`)
      const random = randomOf(seed)
      const [folder, data] = [yield* directory(app), yield* directory({})]
      const orders = new Set<string>()
      const users = new Set<string>()
      let serial = 0

      /** What one client does until the server is gone. */
      const act = async (api: ReturnType<typeof client>) => {
        let token = ""
        for (;;) {
          if (token === "" || random() < 0.1) {
            const answer = await api.anonymous()
            if (answer === undefined) return
            assert.strictEqual(answer.status, 200)
            users.add(answer.body["user_id"])
            token = answer.body["access_token"]
          }
          const id = `order-${serial++}`
          const byFunction = random() < 0.5
          const call = byFunction
            ? { name: "add", arguments: [id] }
            : {
                name: "insertOne",
                service: "m",
                arguments: [{ database: "d", collection: "orders", document: { _id: id } }]
              }
          const answer = await api.ask("POST", "app/crash/functions/call", call, token)
          if (answer === undefined) return
          // functions fail while their server ends
          if (answer.status === 200) orders.add(id)
          else assert.isTrue(byFunction, JSON.stringify(answer))
        }
      }

      const report = (api: ReturnType<typeof client>) =>
        Effect.promise(async () => {
          const login = await api.anonymous()
          users.add(login?.body["user_id"] ?? "")
          const token = login?.body["access_token"]
          const answer = await api.ask("POST", "app/crash/functions/call", { name: "report", arguments: [] }, token)
          assert.strictEqual(answer?.status, 200)
          return answer?.body as unknown as Report
        })

      for (let round = 0; round < rounds; round++) {
        const server = yield* serve(folder, "--data", data)
        const api = client(server.baseUrl, "crash")
        const enough = orders.size + 3 + Math.floor(random() * 60)
        const working = Promise.all(Array.from({ length: clientCount }, () => act(api)))
        const reached = Effect.gen(function* () {
          while (orders.size < enough) yield* Effect.sleep("1 millis")
          yield* Effect.sleep(`${Math.floor(random() * 30)} millis`)
        })
        yield* Effect.raceFirst(
          reached,
          Effect.promise(() => working)
        )
        yield* server.end("SIGKILL")
        yield* Effect.promise(() => working)
      }

      const server = yield* serve(folder, "--data", data)
      const api = client(server.baseUrl, "crash")
      let seen = yield* report(api)
      const isWhole = ({ created, ordered, unordered, written }: Report) =>
        new Set(ordered).size === written.length &&
        new Set(unordered).size === written.length &&
        new Set(created).size >= users.size
      while (!isWhole(seen)) {
        yield* Effect.sleep("100 millis")
        seen = yield* report(api)
      }
      yield* server.end("SIGTERM")

      const places = new Map(seen.written.map((id, place) => [id, place]))
      for (const id of orders) assert.isTrue(places.has(id), id)
      for (const id of users) assert.include(seen.created, id)
      let steps = 0
      seen.ordered.forEach((id, i) => {
        const place = places.get(id) ?? NaN
        const before = i === 0 ? -1 : (places.get(seen.ordered[i - 1] ?? "") ?? NaN)
        if (place === before + 1) return
        assert.isAtMost(place, before, `${id} was delivered before those between it and ${seen.ordered[i - 1]}`)
        steps++
      })
      // once after each kill at most
      assert.isAtMost(steps, rounds)
      for (const ids of [seen.unordered, seen.created]) {
        for (const id of new Set(ids)) assert.isAtMost(ids.filter((it) => it === id).length, 1 + rounds, id)
      }
      console.log(
        `${rounds} kills, ${orders.size} acknowledged of ${seen.written.length} writes, ${users.size} users; ` +
          `delivered again: ${repeats(seen.ordered)} ordered, ${repeats(seen.unordered)} unordered, ${repeats(seen.created)} users`
      )
    }),
  // a hang would last without end
  3_600_000
)

it.live(
  "a server that is stopped delivers nothing again",
  () =>
    Effect.gen(function* () {
      const [folder, data] = [yield* directory(app), yield* directory({})]
      let last: Report | undefined
      for (const stop of [true, true, false]) {
        const server = yield* serve(folder, "--data", data)
        const api = client(server.baseUrl, "crash")
        const login = yield* Effect.promise(() => api.anonymous())
        const token = login?.body["access_token"]
        const ask = (name: string, ...args: ReadonlyArray<string>) =>
          Effect.promise(() => api.ask("POST", "app/crash/functions/call", { name, arguments: args }, token))
        if (stop) {
          for (let i = 0; i < 20; i++) assert.strictEqual((yield* ask("add", `${server.pid} ${i}`))?.status, 200)
        } else {
          do last = (yield* ask("report"))?.body as unknown as Report
          while (new Set(last.ordered).size < 40 || new Set(last.unordered).size < 40 || last.created.length < 3)
        }
        yield* server.end("SIGTERM")
      }
      assert.deepStrictEqual(last?.ordered, last?.written)
      assert.lengthOf(last?.unordered ?? [], 40)
      assert.lengthOf(last?.created ?? [], 3)
    }),
  180_000
)
