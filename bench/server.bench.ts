/**
 * The embedded server: startup time, throughput beside a bare server in the same run, and cost with many users and
 * documents.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Effect } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { App, AppServicesServer } from "effect-app-services/server"

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5)
const seconds = Number(process.env["BENCH_SECONDS"] ?? 2)
/** Servers in process, one after the other. */
const starts = process.env["BENCH_SHORT"] === "1" ? 10 : 100
const connections = 32

/** Warm-up rounds: in its first seconds a server runs code that is not yet optimised. */
const warmUp = 3

const root = join(import.meta.dirname, "..")
const shop = join(root, "examples/shop")

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
const millis = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`

interface Running {
  readonly url: URL
  readonly readyMillis: number
  readonly residentMegabytes: () => number
  readonly stop: () => Promise<void>
}

/** Starts a server that prints a line of JSON with its `baseUrl` when it is ready. */
const start = async (args: ReadonlyArray<string>): Promise<Running> => {
  const from = performance.now()
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  if (child.stdout === null) throw new Error("no output")
  for await (const line of createInterface(child.stdout)) {
    const { baseUrl }: { readonly baseUrl: string } = JSON.parse(line)
    return {
      url: new URL(baseUrl),
      readyMillis: performance.now() - from,
      residentMegabytes: () =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024,
      stop: () => {
        child.kill()
        return ended
      }
    }
  }
  throw new Error(`${args.join(" ")} ended before it was ready`)
}

const serve = () => start([join(root, "dist/bin.js"), "serve", shop, "--port", "0", "--json", "--quiet"])

/** The same answer from `node:http` alone: parses the same JSON, adds the same numbers. */
const bareSource = `
  const server = require("node:http").createServer((request, response) => {
    const chunks = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      const { arguments: [a, b] } = JSON.parse(Buffer.concat(chunks).toString())
      const text = JSON.stringify({ $numberInt: String(Number(a.$numberInt) + Number(b.$numberInt)) })
      response.writeHead(200, { "content-type": "application/json", "content-length": text.length })
      response.end(text)
    })
  })
  server.listen(0, "127.0.0.1", () =>
    console.log(JSON.stringify({ baseUrl: "http://127.0.0.1:" + server.address().port })))
`

const logIn = async (url: URL): Promise<string> => {
  const response = await fetch(new URL("/api/client/v2.0/app/shop-abcde/auth/providers/anon-user/login", url), {
    method: "POST",
    body: "{}"
  })
  const { access_token }: { readonly access_token: string } = JSON.parse(await response.text())
  return access_token
}

/** Answered calls per second, with one call in flight per connection. The request is encoded once: the server is measured. */
const load = (url: URL, token: string): Promise<number> => {
  const body = JSON.stringify({ name: "sum", arguments: [{ $numberInt: "20" }, { $numberInt: "22" }] })
  const request = [
    "POST /api/client/v2.0/app/shop-abcde/functions/call HTTP/1.1",
    `host: ${url.host}`,
    `authorization: Bearer ${token}`,
    "accept: application/json",
    "content-type: application/json",
    `content-length: ${body.length}`,
    "",
    body
  ].join("\r\n")
  return new Promise((resolve, reject) => {
    let answered = 0
    const from = performance.now()
    const sockets = Array.from({ length: connections }, () => {
      const socket = connect(Number(url.port), url.hostname, () => socket.write(request))
      let text = ""
      socket.setNoDelay().on("error", reject)
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1")
        if (!text.endsWith('{"$numberInt":"42"}')) return
        if (!text.startsWith("HTTP/1.1 200")) return reject(new Error(text))
        text = ""
        answered++
        socket.write(request)
      })
      return socket
    })
    setTimeout(() => {
      for (const socket of sockets) socket.destroy()
      resolve(answered / ((performance.now() - from) / 1000))
    }, seconds * 1000)
  })
}

const throughput = async () => {
  const ours = await serve()
  const bare = await start(["-e", bareSource])
  const token = await logIn(ours.url)
  const ratios: Array<number> = []
  const rates: Array<number> = []
  for (let round = 0; round < rounds + warmUp; round++) {
    const here = await load(ours.url, token)
    const there = await load(bare.url, token)
    if (round < warmUp) continue
    rates.push(here)
    ratios.push(here / there)
  }
  const resident = ours.residentMegabytes()
  await ours.stop()
  await bare.stop()
  return [
    {
      probe: `calls of a function a second, ${connections} connections`,
      shown: `${median(rates).toFixed(0)}, ×${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) of a bare node:http server`,
      "must show": "×0.30"
    },
    { probe: "serve, resident after that", shown: `${resident.toFixed(0)} MB`, "must show": "–" }
  ]
}

const startUp = async () => {
  const times: Array<number> = []
  const resident: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const server = await serve()
    times.push(server.readyMillis)
    resident.push(server.residentMegabytes())
    await server.stop()
  }
  return [
    {
      probe: "serve, from the command to the line that says ready",
      shown: `${millis(median(times))} (${millis(Math.min(...times))}–${millis(Math.max(...times))})`,
      "must show": "under 1 s (the Firebase Auth emulator: 6.8 to 9.2 s)"
    },
    {
      probe: "serve, resident when ready",
      shown: `${median(resident).toFixed(0)} MB`,
      "must show": "under 200 MB (the Firebase Auth emulator: 390 MB)"
    }
  ]
}

const app = App.make({
  id: "bench",
  providers: { anonymous: true, emailPassword: true },
  functions: { sum: (a: number, b: number) => a + b },
  mongodb: { "mongodb-atlas": "open" }
})

const inProcess = <A, E>(program: Effect.Effect<A, E, HttpClient.HttpClient>) =>
  Effect.runPromise(
    Effect.provide(program, AppServicesServer.layerHttpClient(app, { passwordHashing: "testing", rateLimits: "off" }))
  )

const base = "http://in.process/api/client/v2.0"

const ok = (response: HttpClientResponse.HttpClientResponse) =>
  response.status < 300 ? response.json : Effect.flatMap(response.text, (text) => Effect.die(new Error(text)))

const post = (path: string, body: unknown, token?: string) =>
  HttpClient.post(`${base}${path}`, {
    body: HttpBody.jsonUnsafe(body),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` }
  }).pipe(Effect.flatMap(ok))

/** The first server of a process, and further ones: a test suite starts a hundred. */
const ready = async () => {
  const times: Array<number> = []
  for (let round = 0; round < starts; round++) {
    const from = performance.now()
    await inProcess(Effect.flatMap(HttpClient.execute(HttpClientRequest.get(`${base}/app/bench/location`)), ok))
    times.push(performance.now() - from)
  }
  const [cold = NaN, ...warm] = times
  return [
    { probe: "in process, ready and answering: the first", shown: millis(cold), "must show": "50 ms" },
    {
      probe: "in process, ready and answering: each further one",
      shown: `${millis(median(warm))} (${millis(Math.min(...warm))}–${millis(Math.max(...warm))})`,
      "must show": "5 ms"
    }
  ]
}

const email = (i: number) => `user-${i}@example.org`
const repeat = 300

/** Time of a login and of look-ups, with a given number of users and documents. */
const costs = (users: number, documents: number) =>
  inProcess(
    Effect.gen(function* () {
      yield* Effect.forEach(
        Array.from({ length: users }, (_, i) => i),
        (i) => post("/app/bench/auth/providers/local-userpass/register", { email: email(i), password: "password" }),
        { discard: true }
      )
      const credentials = (i: number) => ({ username: email(i), password: "password" })
      const log = (i: number) => post("/app/bench/auth/providers/local-userpass/login", credentials(i))
      for (let i = 0; i < users; i++) yield* log(i)
      const session: unknown = yield* log(0)
      const token = (session as { readonly access_token: string }).access_token
      const call = (name: string, given: object) =>
        post(
          "/app/bench/functions/call",
          { service: "mongodb-atlas", name, arguments: [{ database: "bench", collection: "things", ...given }] },
          token
        )
      for (let i = 0; i < documents; i += 1_000) {
        const batch = Array.from({ length: Math.min(1_000, documents - i) }, (_, k) => ({ _id: i + k, n: i + k }))
        yield* call("insertMany", { documents: batch })
      }
      const timed = Effect.fnUntraced(function* <E>(
        operation: (i: number) => Effect.Effect<unknown, E, HttpClient.HttpClient>
      ) {
        const taken: Array<number> = []
        for (let i = 0; i < repeat; i++) {
          const from = performance.now()
          yield* operation(Math.floor((i * 7919) % Math.min(users, documents)))
          taken.push(performance.now() - from)
        }
        return median(taken)
      })
      return {
        login: yield* timed(log),
        "look-up by _id": yield* timed((i) => call("findOne", { query: { _id: i } })),
        "update by _id": yield* timed((i) =>
          call("updateOne", { query: { _id: i }, update: { $inc: { n: 1 } }, upsert: false })
        )
      }
    })
  )

const growth = async () => {
  await costs(100, 100)
  const few = await costs(100, 100)
  const many = await (process.env["BENCH_SHORT"] === "1" ? costs(100, 200) : costs(10_000, 50_000))
  return Object.entries(few).map(([name, time]) => {
    const later = Object.entries(many).find(([other]) => other === name)?.[1] ?? NaN
    return {
      probe: `${name}: 10,000 users and 50,000 documents beside 100 of each`,
      shown: `${millis(later)} beside ${millis(time)}, ×${(later / time).toFixed(2)}`,
      "must show": "no slower"
    }
  })
}

export default async () => [...(await ready()), ...(await startUp()), ...(await throughput()), ...(await growth())]
