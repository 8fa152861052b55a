/**
 * Function calls over loopback, 32 concurrent, against a bare server in a process of its own: the SDK on Node beside
 * realm-web on Node's `fetch`, and beside bare `undici` requests with the same bodies.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { accessToken } from "./host.ts"
import { inTurn, rounds, row, short } from "./measure.ts"
import { Agent } from "@effect/platform-node/Undici"
import { EJSON } from "bson"
import { Effect, Layer } from "effect"
import { AuthApi, Credentials } from "effect-app-services"
import { NodeAppServices } from "effect-app-services/node"
import * as Realm from "realm-web"

const inFlight = 32
const calls = short ? 64 : 4_000

/** Answers logins, and every function call with 42, as fast as `node:http` can. */
const source = `
  const answers = {
    login: ${JSON.stringify(
      JSON.stringify({
        access_token: accessToken("0".repeat(24)),
        refresh_token: accessToken("0".repeat(24)),
        user_id: "0".repeat(24),
        device_id: "0".repeat(24)
      })
    )},
    call: '{"$numberInt":"42"}'
  }
  const server = require("node:http").createServer((request, response) => {
    request.resume()
    request.on("end", () => {
      const base = "http://127.0.0.1:" + server.address().port
      const text = request.url.endsWith("/functions/call") ? answers.call
        : request.url.endsWith("/login") ? answers.login
        : request.url.endsWith("/location") ? JSON.stringify({ hostname: base, ws_hostname: base, location: "US-VA", deployment_model: "GLOBAL" })
        : "{}"
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
      response.end(text)
    })
  })
  server.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + server.address().port))
`

const serve = async () => {
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] })
  for await (const baseUrl of createInterface(child.stdout)) return { baseUrl, stop: () => child.kill() }
  throw new Error("the server ended before it was ready")
}

/** Runs a call repeatedly with a given concurrency. */
const flood = async (call: () => Promise<unknown>) => {
  let left = calls
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await call()
    })
  )
}

/** Calls per second, and the CPU time of one in microseconds. */
const measured = (run: () => Promise<unknown>) => async () => {
  const start = process.cpuUsage()
  const from = performance.now()
  await run()
  const seconds = (performance.now() - from) / 1_000
  const { system, user } = process.cpuUsage(start)
  return { rate: calls / seconds, cpu: (user + system) / calls }
}

/** The same request as ours, with nothing around it. */
const bareCall = (baseUrl: string) => {
  const token = accessToken("0".repeat(24))
  const dispatcher = new Agent()
  return async () => {
    const { body } = await dispatcher.request({
      origin: baseUrl,
      path: "/api/client/v2.0/app/bench/functions/call",
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json", authorization: `Bearer ${token}` },
      body: EJSON.stringify({ name: "sum", arguments: [20, 22] }, { relaxed: false })
    })
    const answer: unknown = EJSON.parse(await body.text())
    return answer
  }
}

export default async () => {
  const { baseUrl, stop } = await serve()
  const program = Effect.gen(function* () {
    const auth = yield* AuthApi
    const user = yield* auth.logIn(Credentials.anonymous())
    const call = user.functions.sum(20, 22)
    const context = yield* Effect.context<never>()
    const realm = yield* Effect.promise(() =>
      new Realm.App({ id: "bench", baseUrl }).logIn(Realm.Credentials.anonymous(false), false)
    )
    const ours = Effect.forEach(Array.from({ length: calls }), () => call, { concurrency: inFlight, discard: true })
    return yield* Effect.promise(async () => {
      const bare = bareCall(baseUrl)
      const [here = [], peer = [], undici = []] = await inTurn(
        [
          measured(() => Effect.runPromiseWith(context)(ours)),
          measured(() => flood(() => realm.functions["sum"](20, 22))),
          measured(() => flood(bare))
        ],
        { rounds: rounds(15), warmUp: 4 }
      )
      return [
        row("calls a second, 32 in flight: more is better", "/s", {
          here: here.map(({ rate }) => rate),
          "realm-web": peer.map(({ rate }) => rate),
          "bare undici": undici.map(({ rate }) => rate)
        }),
        row("CPU of one call: less is better", "µs", {
          here: here.map(({ cpu }) => cpu),
          "realm-web": peer.map(({ cpu }) => cpu),
          "bare undici": undici.map(({ cpu }) => cpu)
        })
      ]
    })
  })
  try {
    return await Effect.runPromise(
      Effect.provide(program, NodeAppServices.layer({ appId: "bench", baseUrl }).pipe(Layer.orDie))
    )
  } finally {
    stop()
  }
}
