import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppServices, AuthApi, Credentials } from "effect-app-services"
import { FetchHttpClient } from "effect/http"
import { directory } from "../server/support.ts"
import { anonymousApp, ended, run, serveJson, uriOf } from "./support.ts"

const insert = `await context.services.get("m").db("d").collection("items").insertOne({})`

const app = {
  ...anonymousApp("away", {
    add: `exports = async () => { ${insert}; return "added" }`,
    careful: `exports = async () => { try { ${insert} } catch (error) { return error.name + " " + error.code } }`
  }),
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "data_sources/m/d/items/rules.json": {
    database: "d",
    collection: "items",
    roles: [{ name: "all", apply_when: {}, read: true, write: true, insert: true, delete: true, search: true }]
  }
}

const limits = "&serverSelectionTimeoutMS=1000&connectTimeoutMS=500&heartbeatFrequencyMS=500"

const get = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(url)
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  })

const post = (url: string, body?: object, token?: string) =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) })
    })
    const text = await response.text()
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      body: JSON.parse(text) as Record<string, string>
    }
  })

/** A process that plays MongoDB. It can be started again on its port, with its data. */
const mongo = (folder: string, data: string, port: number) =>
  serveJson([folder, "--data", data, "--mongodb-port", String(port), "--mongodb-show-password"])

const until = <A>(ask: Effect.Effect<A>, is: (answer: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(ask, (answer) =>
    is(answer) ? Effect.succeed(answer) : Effect.andThen(Effect.sleep("50 millis"), until(ask, is))
  )

// each test starts processes; an operation that is not limited would wait forever
describe("a server whose MongoDB goes away", { timeout: 180_000 }, () => {
  it.live("answers 503 until MongoDB is back, and says so to load balancers, SDKs and functions", () =>
    Effect.gen(function* () {
      const [folder, data] = [yield* directory(app), yield* directory({})]
      const first = yield* mongo(folder, data, 0)
      const uri = uriOf(first.ready)
      const port = Number(new URL(uri).port)
      // one has its users on its own disk, the other in MongoDB
      const server = yield* serveJson([folder, "--data", yield* directory({})], { MONGODB_URI: uri + limits })
      const other = yield* serveJson([folder], { MONGODB_URI: uri + limits })
      const login = post(`${other.ready.baseUrl}/api/client/v2.0/app/away/auth/providers/anon-user/login`)
      const { baseUrl } = server.ready
      const api = `${baseUrl}/api/client/v2.0/app/away`
      const { body } = yield* post(`${api}/auth/providers/anon-user/login`)
      const call = (name: string, service?: object) =>
        post(`${api}/functions/call`, { name, arguments: [], ...service }, body["access_token"])
      const args = [{ database: "d", collection: "items", document: {} }]
      const operation = call("insertOne", { service: "m", arguments: args })

      const isAway = Effect.gen(function* () {
        for (const answer of [yield* operation, yield* call("add"), yield* login]) {
          assert.strictEqual(answer.status, 503, JSON.stringify(answer))
          assert.strictEqual(answer.retryAfter, "2")
          assert.strictEqual(answer.body["error_code"], "InternalServerError")
          assert.strictEqual(answer.body["error"], "the database cannot be reached at the moment: try again later")
        }
        assert.strictEqual((yield* call("careful")).body, "MongoError 6" as never)
        const reason = "the database cannot be reached: see the server's log"
        assert.deepStrictEqual(yield* get(`${baseUrl}/readyz`), {
          status: 503,
          body: { status: "unavailable", reason }
        })
        assert.strictEqual((yield* get(`${baseUrl}/healthz`)).status, 200)
        const error = yield* AuthApi.use((auth) => auth.logIn(Credentials.anonymous())).pipe(
          Effect.flatMap((user) => user.mongoClient("m").db("d").collection("items").count({})),
          Effect.flip,
          Effect.provide(AppServices.layer({ appId: "away", baseUrl }).pipe(Layer.provide(FetchHttpClient.layer)))
        )
        assert.strictEqual(error.reason._tag, "ServerUnavailable")
        assert.isTrue(error.retryable)
      })
      const isBack = Effect.gen(function* () {
        yield* until(operation, ({ status }) => status === 200)
        yield* until(login, ({ status }) => status === 200)
        assert.strictEqual((yield* call("add")).body, "added" as never)
        yield* until(get(`${baseUrl}/readyz`), ({ status }) => status === 200)
      })

      yield* isBack
      first.child.kill("SIGKILL")
      yield* ended(first)
      yield* isAway
      const second = yield* mongo(folder, data, port)
      yield* isBack
      second.child.kill("SIGSTOP")
      yield* isAway
      second.child.kill("SIGCONT")
      yield* isBack
      const log = server.output.stderr.split("\n")
      assert.lengthOf(
        log.filter((line) => line.includes(`MongoDB at 127.0.0.1:${port} cannot be reached`)),
        2
      )
      assert.lengthOf(
        log.filter((line) => line.includes(`MongoDB at 127.0.0.1:${port} can be reached again`)),
        2
      )
      assert.notInclude(server.output.stderr, decodeURIComponent(new URL(uri).password))
      for (const stopping of [server, other]) {
        stopping.child.kill("SIGTERM")
        assert.deepStrictEqual(yield* ended(stopping), { code: 0, signal: null })
      }
    })
  )

  it.live("does not start, and names the host without the password", () =>
    Effect.gen(function* () {
      const [folder, data] = [yield* directory(app), yield* directory({})]
      const first = yield* mongo(folder, data, 0)
      const uri = uriOf(first.ready)
      first.child.kill("SIGSTOP")
      const { code, stderr } = yield* run(["serve", folder, "--port", "0"], { MONGODB_URI: uri + limits })
      assert.strictEqual(code, 1)
      assert.include(stderr, `cannot connect to MongoDB at 127.0.0.1:${new URL(uri).port}: `)
      assert.notInclude(stderr, new URL(uri).password)
    })
  )
})
