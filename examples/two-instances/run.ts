/**
 * Sends one user's requests in turn to two instances of a backend:
 * `node examples/two-instances/run.ts redis://127.0.0.1:6379`, or the URL of a PostgreSQL database.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Redacted, Schedule, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { FetchHttpClient } from "effect/http"
import { AppServices, EmailPasswordApi } from "effect-app-services"
import { NodeAppServicesServer } from "effect-app-services/node"
import { AppDirectory } from "effect-app-services/server"
import { fileURLToPath } from "node:url"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Starts an instance in a process of its own; succeeds with its port. */
const instance = Effect.fnUntraced(function* (sessionsUrl: string, appUrl: string) {
  const child = yield* ChildProcess.make(process.execPath, [here("instance.ts")], {
    env: { SESSIONS_URL: sessionsUrl, APP_URL: appUrl },
    extendEnv: true,
    stderr: "inherit"
  })
  const lines = Stream.splitLines(Stream.decodeText(child.stdout))
  const [line = ""] = yield* Stream.runCollect(Stream.take(lines, 1))
  return line.slice("listening on ".length)
})

const program = Effect.gen(function* () {
  const sessionsUrl = process.argv[2]
  if (sessionsUrl === undefined)
    return yield* Console.error("missing argument: the URL of the sessions, redis://... or postgres://...")
  const appUrl = yield* NodeAppServicesServer.baseUrl
  const accounts = yield* EmailPasswordApi
  yield* accounts.registerUser({ email: "ada@example.com", password: Redacted.make("correct horse") })

  const ports = yield* Effect.all([instance(sessionsUrl, appUrl), instance(sessionsUrl, appUrl)], { concurrency: 2 })
  const send = (port: string | undefined, method: "GET" | "POST", path: string, user: string) =>
    Effect.promise(() => fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { "x-user": user } }))
  let turn = 0
  const ask = Effect.fnUntraced(function* (method: "GET" | "POST", path: string, user = "") {
    const at = turn++ % ports.length
    const answer = yield* send(ports[at], method, path, user)
    const text = yield* Effect.promise(() => answer.text())
    yield* Console.log(`instance ${at + 1}: ${method} ${path} => ${answer.status}`)
    return text
  })

  const { user }: { readonly user: string } = JSON.parse(yield* ask("POST", "/login"))
  for (let call = 0; call < 4; call++) yield* ask("GET", "/sum", user)
  yield* ask("POST", "/logout", user)
  // wait until the other instance has received the announcement of the logout
  const refused = Effect.map(send(ports[turn % ports.length], "GET", "/sum", user), ({ status }) => status === 401)
  yield* Effect.repeat(refused, { until: (is) => is, schedule: Schedule.spaced("10 millis") })
  for (let call = 0; call < 2; call++) yield* ask("GET", "/sum", user)
})

const Live = Layer.unwrap(
  Effect.map(AppDirectory.load(here("../shop")), (app) => {
    const Sdk = Layer.unwrap(
      Effect.map(NodeAppServicesServer.baseUrl, (baseUrl) => AppServices.layer({ appId: app.id, baseUrl }))
    )
    return Sdk.pipe(Layer.provideMerge(NodeAppServicesServer.layer(app)), Layer.provideMerge(FetchHttpClient.layer))
  })
).pipe(Layer.provideMerge(NodeServices.layer))

program.pipe(Effect.scoped, Effect.provide(Live), NodeRuntime.runMain)
