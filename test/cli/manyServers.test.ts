import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { MongoClient } from "mongodb"
import { directory } from "../server/support.ts"
import { client } from "./processes.ts"
import { randomOf } from "./random.ts"
import { roundRobin } from "./roundRobin.ts"
import { anonymousApp, ended, serveJson, uriOf } from "./support.ts"

const own = { owner: "%%user.id" }
const app = {
  ...anonymousApp("many"),
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "data_sources/m/d/notes/rules.json": {
    database: "d",
    collection: "notes",
    roles: [{ name: "own", apply_when: {}, document_filters: { read: own, write: own }, read: true, write: true }]
  }
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

type Api = ReturnType<typeof client>
type Answer = NonNullable<Awaited<ReturnType<Api["ask"]>>>

/** What all users together have seen. */
interface Counts {
  refreshed: number
  read: number
  repeated: number
  /** Writes that were made although their answer was lost. */
  found: number
  /** Milliseconds. */
  longestWait: number
}

/** Without this limit, which no outage of this test comes near, a client that is never answered would ask for an hour. */
const longest = 300_000

/** Repeats a request until a server answers it. */
const answered = async (counts: Counts, ask: () => ReturnType<Api["ask"]>): Promise<Answer> => {
  const begin = performance.now()
  for (let wait = 100; ; wait = Math.min(wait * 2, 2000)) {
    const answer = await ask()
    if (answer !== undefined && answer.status !== 502 && answer.status !== 503) {
      counts.longestWait = Math.max(counts.longestWait, performance.now() - begin)
      return answer
    }
    assert.isBelow(performance.now() - begin, longest, "a client was not answered again")
    counts.repeated++
    await pause(wait)
  }
}

/** A user of the application, who logs in once. */
const user = async (api: Api, counts: Counts) => {
  const login = await api.anonymous()
  if (login?.status !== 200) return assert.fail(JSON.stringify(login))
  const { access_token, refresh_token = "", user_id: id = "" } = login.body
  let token = access_token
  const acknowledged: Array<string> = []

  const call = (name: string, argument: object) =>
    answered(counts, () => {
      const args = [{ database: "d", collection: "notes", ...argument }]
      return api.ask("POST", "app/many/functions/call", { name, service: "m", arguments: args }, token)
    })
  const write = async () => {
    const _id = `${id}-${acknowledged.length}`
    const { body, status } = await call("insertOne", { document: { _id, owner: id } })
    const isFound = status === 400 && body["error"].includes("E11000")
    assert.isTrue(status === 200 || isFound, JSON.stringify({ status, body }))
    if (isFound) counts.found++
    acknowledged.push(_id)
  }
  const refresh = async () => {
    const { body, status } = await answered(counts, () => api.refresh(refresh_token))
    assert.strictEqual(status, 201, JSON.stringify(body))
    token = body["access_token"]
    counts.refreshed++
  }
  const read = async () => {
    const { body, status } = await call("count", { query: {} })
    assert.strictEqual(status, 200, JSON.stringify(body))
    assert.deepStrictEqual(body, { $numberLong: `${acknowledged.length}` })
    counts.read++
  }
  return { acknowledged, write, refresh, read }
}

it.live(
  "loses no acknowledged write and no session when one of three servers is killed again and again",
  () =>
    Effect.gen(function* () {
      const kills = Number(process.env["MANY_SERVERS_ROUNDS"] ?? 3)
      const userCount = Number(process.env["MANY_SERVERS_USERS"] ?? 30)
      const seed = Number(process.env["MANY_SERVERS_SEED"] ?? Math.floor(Math.random() * 2 ** 31))
      // to repeat a failure
      console.log(`MANY_SERVERS_SEED=${seed} MANY_SERVERS_ROUNDS=${kills} MANY_SERVERS_USERS=${userCount}`)
      const random = randomOf(seed)
      const folder = yield* directory(app)
      // in memory, since this one is not killed
      const mongo = yield* serveJson([folder, "--mongodb-port", "0", "--mongodb-show-password"])
      const uri = uriOf(mongo.ready)
      const start = (port: string) => serveJson([folder, "--quiet", "--port", port], { MONGODB_URI: uri })
      const servers = yield* Effect.all([start("0"), start("0"), start("0")], { concurrency: "unbounded" })
      const ports = servers.map(({ ready }) => new URL(ready.baseUrl).port)
      const api = client((yield* roundRobin(ports.map(Number))).url, "many")

      const counts: Counts = { refreshed: 0, read: 0, repeated: 0, found: 0, longestWait: 0 }
      // a few at a time: a login is not repeated
      const users = yield* Effect.forEach(
        Array.from({ length: userCount }),
        () => Effect.promise(() => user(api, counts)),
        { concurrency: 8 }
      )
      const until = { stopped: false }
      const work = async ({ read, refresh, write }: (typeof users)[number]) => {
        while (!until.stopped) {
          // as many requests per second, however many users there are
          await pause(random() * userCount * 6)
          const choice = random()
          await (choice < 0.7 ? write() : choice < 0.85 ? refresh() : read())
        }
      }
      const working = yield* Effect.forkChild(Effect.promise(() => Promise.all(users.map(work))))

      const begin = performance.now()
      /** The servers that can be killed: those that have started. */
      const up = new Set(servers.keys())
      const restarts: Array<Fiber.Fiber<void>> = []
      const restart = (index: number, server: (typeof servers)[number]) =>
        Effect.gen(function* () {
          yield* ended(server)
          servers[index] = yield* start(ports[index] ?? "")
          up.add(index)
        })
      for (let i = 0; i < kills; i++) {
        yield* Effect.sleep("1 second")
        // one is left to answer, however long a start takes
        const oldest = up.size === 1 ? restarts.at(1 - servers.length) : undefined
        if (oldest !== undefined) yield* Fiber.join(oldest)
        const index = [...up][Math.floor(random() * up.size)] ?? 0
        const server = servers[index]
        if (server === undefined) return assert.fail()
        up.delete(index)
        server.child.kill("SIGKILL")
        restarts.push(yield* Effect.forkChild(restart(index, server)))
      }
      yield* Fiber.joinAll(restarts)
      const seconds = (performance.now() - begin) / 1000
      until.stopped = true
      // each of them is answered: a server that never answers ends the test by its time limit
      yield* Fiber.join(working)
      yield* Effect.promise(() => Promise.all(users.map(({ refresh }) => refresh())))
      yield* Effect.promise(() => Promise.all(users.map(({ write }) => write())))
      yield* Effect.promise(() => Promise.all(users.map(({ read }) => read())))

      const database = yield* Effect.acquireRelease(
        Effect.promise(() => new MongoClient(uri).connect()),
        (database) => Effect.promise(() => database.close())
      )
      const notes = yield* Effect.promise(() => database.db("d").collection("notes").distinct("_id"))
      const acknowledged = users.flatMap(({ acknowledged }) => acknowledged)
      assert.deepStrictEqual(new Set(notes), new Set<unknown>(acknowledged))
      const shared = database.db("effect_app_services")
      // each user has logged in once
      for (const name of ["users", "sessions"]) {
        assert.strictEqual(yield* Effect.promise(() => shared.collection(name).countDocuments()), userCount, name)
      }
      console.log(
        `${kills} servers killed in ${seconds.toFixed(1)} s, ${acknowledged.length} acknowledged writes of ${userCount} users, ` +
          `${counts.refreshed} refreshed tokens, ${counts.read} reads, ${counts.repeated} requests repeated, ` +
          `${counts.found} writes made whose answer was lost, longest wait for an answer ${(counts.longestWait / 1000).toFixed(1)} s`
      )
      for (const { child } of servers) child.kill("SIGTERM")
      for (const server of servers) assert.strictEqual((yield* ended(server)).code, 0)
    }),
  // a hang would last without end
  3_600_000
)
