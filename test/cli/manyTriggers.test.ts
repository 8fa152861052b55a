import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { MongoClient } from "mongodb"
import { directory } from "../server/support.ts"
import { randomOf } from "./random.ts"
import { anonymousApp, ended, serveJson, uriOf } from "./support.ts"

const source = `context.services.get("m").db("d")`

/** A trigger's function says which server it runs in, and when it began. */
const seen = (by: string, id: string) =>
  `${source}.collection("seen").insertOne({ by: "${by}", id: ${id}, server: context.values.get("server"), at: Date.now() })`

const onOrders = (name: string, config: object) => ({
  name,
  type: "DATABASE",
  function_name: name,
  config: { service_name: "m", database: "d", collection: "orders", operation_types: ["INSERT"], ...config }
})

const dataSource = {
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } }
}

/** The application of one of the servers, which knows its name. */
const app = (server: number) => ({
  ...anonymousApp("many", {
    ordered: `exports = ({ documentKey }) => ${seen("ordered", "documentKey._id")}`,
    unordered: `exports = ({ documentKey }) => ${seen("unordered", "documentKey._id")}`,
    tick: `exports = () => ${seen("tick", "Math.round(Date.now() / 60000)")}`
  }),
  ...dataSource,
  "values/server.json": { name: "server", value: server },
  "triggers/ordered.json": onOrders("ordered", {}),
  "triggers/unordered.json": onOrders("unordered", { unordered: true }),
  "triggers/tick.json": { name: "tick", type: "SCHEDULED", function_name: "tick", config: { schedule: "* * * * *" } }
})

interface Seen {
  readonly by: string
  readonly id: number
  readonly server: number
  readonly at: number
}

it.live(
  "runs each trigger in one of three servers, in order, and in another one when that one is killed or hangs",
  () =>
    Effect.gen(function* () {
      const rounds = Number(process.env["MANY_TRIGGERS_ROUNDS"] ?? 2)
      const total = Number(process.env["MANY_TRIGGERS_EVENTS"] ?? 60)
      const seed = Number(process.env["MANY_TRIGGERS_SEED"] ?? Math.floor(Math.random() * 2 ** 31))
      // to repeat a failure
      console.log(`MANY_TRIGGERS_SEED=${seed} MANY_TRIGGERS_ROUNDS=${rounds} MANY_TRIGGERS_EVENTS=${total}`)
      const random = randomOf(seed)
      const data = yield* directory({})
      const mongo = yield* serveJson([
        yield* directory({ ...anonymousApp("mongo"), ...dataSource }),
        "--data",
        data,
        "--mongodb-port",
        "0",
        "--mongodb-show-password"
      ])
      const uri = uriOf(mongo.ready)
      const client = yield* Effect.acquireRelease(
        Effect.promise(() => new MongoClient(uri).connect()),
        (client) => Effect.promise(() => client.close())
      )
      const db = client.db("d")
      const all = Effect.promise(() => db.collection("seen").find().sort({ at: 1, id: 1 }).toArray()).pipe(
        Effect.map((all) => all as unknown as ReadonlyArray<Seen>)
      )
      const folders = yield* Effect.forEach([0, 1, 2], (i) => directory(app(i)))
      const start = (i: number) => serveJson([folders[i] ?? "", "--quiet"], { MONGODB_URI: uri })
      const servers = [yield* start(0), yield* start(1), yield* start(2)]

      let written = 0
      const write = (count: number) =>
        Effect.promise(async () => {
          for (let i = 0; i < count; i++) await db.collection<{ _id: number }>("orders").insertOne({ _id: written++ })
        })
      /** The server that runs the trigger, by the last event. */
      const holder = Effect.map(all, (all) => all.findLast(({ by }) => by === "ordered")?.server ?? 0)
      const isCaughtUp = Effect.gen(function* () {
        for (;;) {
          const events = yield* all
          const done = ["ordered", "unordered"].every(
            (name) => new Set(events.flatMap(({ by, id }) => (by === name ? [id] : []))).size === written
          )
          if (done) return
          yield* Effect.sleep("100 millis")
        }
      })

      const share = Math.floor(total / (rounds + 1))
      yield* write(share)
      yield* isCaughtUp
      for (let round = 0; round < rounds; round++) {
        const victim = yield* holder
        const server = servers[victim]
        if (server === undefined) return assert.fail()
        const writing = yield* Effect.forkChild(write(share))
        yield* Effect.sleep(`${Math.floor(random() * 300)} millis`)
        if (round % 2 === 0) {
          server.child.kill("SIGKILL")
          yield* ended(server)
          yield* Fiber.join(writing)
          yield* isCaughtUp
          servers[victim] = yield* start(victim)
        } else {
          server.child.kill("SIGSTOP")
          yield* Fiber.join(writing)
          // others take over while it hangs
          yield* isCaughtUp
          server.child.kill("SIGCONT")
        }
      }
      yield* write(total - written)
      yield* isCaughtUp

      const events = yield* all
      const ordered = events.filter(({ by }) => by === "ordered")
      let steps = 0
      ordered.forEach(({ id }, i) => {
        const before = ordered[i - 1]?.id ?? -1
        if (id === before + 1) return
        assert.isAtMost(id, before, `${id} was delivered before those between it and ${before}`)
        steps++
      })
      // the last events are delivered again after each of them at most
      assert.isAtMost(steps, rounds)
      // a server that has lost the lease begins nothing more
      for (const name of ["ordered", "unordered"]) {
        const places = events.filter(({ by }) => by === name).map(({ server }) => server)
        const changes = places.filter((server, i) => i > 0 && server !== places[i - 1]).length
        assert.isAtMost(changes, rounds, `${name}: ${places.join(" ")}`)
      }
      const ticks = events.flatMap(({ by, id }) => (by === "tick" ? [id] : []))
      for (const minute of new Set(ticks)) {
        assert.isAtMost(ticks.filter((it) => it === minute).length, 1 + rounds, `${minute}`)
      }
      console.log(
        `${written} events, ${rounds} servers killed or stopped, ${ordered.length - written} delivered again in order, ` +
          `${events.filter(({ by }) => by === "unordered").length - written} without, ${ticks.length} runs of a schedule`
      )
      for (const { child } of servers) child.kill("SIGTERM")
      for (const server of servers) assert.strictEqual((yield* ended(server)).code, 0)
    }),
  // a hang would last without end
  3_600_000
)
