/**
 * Triggers of an exported application: from an acknowledged write to its trigger's function, and a burst of events, beside
 * calls of the same function by a client.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Fiber, Layer, Logger, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { type App, AppDirectory, AppServicesServer } from "effect-app-services/server"
import { Database } from "effect-app-services/server/data/Database"
import { median, rounds, short } from "./measure.ts"

const burst = short ? 100 : 10_000
const called = short ? 100 : 2_000
const singles = short ? 5 : 100

const place = (collection: string) => ({ appId: "bench", service: "m", database: "d", collection })

/** A function that writes once, as those of most triggers. */
const write = `exports = ({ documentKey }) =>
  context.services.get("m").db("d").collection("seen").insertOne({ id: documentKey._id })`

const trigger = (name: string, config: object) => ({
  name,
  type: "DATABASE",
  function_name: "write",
  config: { service_name: "m", database: "d", collection: name, operation_types: ["INSERT"], ...config }
})

const files = {
  "realm_config.json": { app_id: "bench" },
  "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
  "functions/config.json": [{ name: "write", run_as_system: true }],
  "functions/write.js": write,
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "triggers/ordered.json": trigger("ordered", {}),
  "triggers/unordered.json": trigger("unordered", { unordered: true }),
  "triggers/most.json": trigger("most", { unordered: true, maximum_throughput: true })
}

const directory = (content: Record<string, unknown>) => {
  const folder = mkdtempSync(join(tmpdir(), "bench-"))
  for (const [file, value] of Object.entries(content)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), typeof value === "string" ? value : JSON.stringify(value))
  }
  return folder
}

/** How long it takes from something until functions have written so many documents. */
const written = <R>(database: Database["Service"], count: number, cause: Effect.Effect<unknown, unknown, R>) =>
  Effect.gen(function* () {
    const changes = yield* database.watch(place("seen"), {})
    const whole = yield* Effect.forkChild(Stream.runDrain(Stream.take(changes, count)), { startImmediately: true })
    return yield* timed(Effect.andThen(cause, Fiber.join(whole)))
  })

const timed = <R>(run: Effect.Effect<unknown, unknown, R>) =>
  Effect.gen(function* () {
    const from = performance.now()
    yield* run
    return performance.now() - from
  })

/** Calls of the same function by a client, so many at once. */
const calls = (count: number, concurrency: number) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const root = "http://127.0.0.1/api/client/v2.0/app/bench"
    const login = yield* client.execute(
      HttpClientRequest.post(`${root}/auth/providers/anon-user/login`).pipe(
        HttpClientRequest.setBody(HttpBody.text("{}", "application/json"))
      )
    )
    const { access_token } = JSON.parse(yield* login.text) as { readonly access_token: string }
    yield* Effect.forEach(
      Array.from({ length: count }, (_, i) => i),
      (i) =>
        Effect.flatMap(
          client.execute(
            HttpClientRequest.post(`${root}/functions/call`).pipe(
              HttpClientRequest.bearerToken(access_token),
              HttpClientRequest.setBody(
                HttpBody.text(
                  JSON.stringify({ name: "write", arguments: [{ documentKey: { _id: i } }] }),
                  "application/json"
                )
              )
            )
          ),
          (response) => response.text
        ),
      { concurrency, discard: true }
    )
  })

/** The measurements of one server. */
const measure = (app: App.App, dataDirectory: string | undefined) =>
  Effect.gen(function* () {
    const database = yield* Database
    let serial = 0
    const insert = (collection: string, count: number) => {
      const documents = Array.from({ length: count }, () => ({ _id: serial++ }))
      return written(database, count, database.insert(place(collection), documents))
    }
    // the first calls start the process
    yield* written(database, 20, calls(20, 4))
    const latencies: Array<number> = []
    for (let i = 0; i < singles; i++) latencies.push(yield* insert("ordered", 1))
    const results: Record<string, Array<number>> = {
      ordered: [],
      unordered: [],
      most: [],
      "calls, 1": [],
      "calls, 64": []
    }
    for (let round = 0; round < rounds(1); round++) {
      for (const collection of ["ordered", "unordered", "most"]) {
        results[collection]?.push(yield* insert(collection, burst))
      }
      for (const concurrency of [1, 64]) {
        const took = yield* written(database, called, calls(called, concurrency))
        results[`calls, ${concurrency}`]?.push(took * (burst / called))
      }
    }
    const peak = process.memoryUsage().rss / 2 ** 20
    return { latencies, results, peak }
  }).pipe(
    Effect.provide(
      Layer.provide(
        AppServicesServer.layerHttpClient(app, { passwordHashing: "testing", dataDirectory }),
        // each run is a line in the log
        Logger.layer([])
      )
    )
  )

const shownRate = (times: ReadonlyArray<number>) => `${Math.round((burst / median(times)) * 1000)}/s`

export default async () => {
  const folder = directory(files)
  const data = directory({})
  try {
    const app = await Effect.runPromise(Effect.provide(AppDirectory.load(folder), NodeServices.layer))
    const rows: Array<Record<string, string>> = []
    for (const [where, path] of [
      ["in memory", undefined],
      ["with a data directory", data]
    ] as const) {
      const { latencies, peak, results } = await Effect.runPromise(measure(app, path))
      const rate = (name: string) => shownRate(results[name] ?? [])
      const beside = (name: string, other: string) =>
        `×${(median(results[other] ?? []) / median(results[name] ?? [])).toFixed(2)}`
      rows.push(
        { probe: `from a write to the end of its function, ${where}`, result: `${median(latencies).toFixed(1)} ms` },
        {
          probe: `${burst} events, ordered, ${where}`,
          result: rate("ordered"),
          "beside calls": beside("ordered", "calls, 1")
        },
        { probe: "the same, unordered", result: rate("unordered"), "beside calls": beside("unordered", "calls, 64") },
        { probe: "the same, maximum throughput", result: rate("most"), "beside calls": beside("most", "calls, 64") },
        { probe: "calls of the function, one after the other", result: rate("calls, 1") },
        { probe: "the same, 64 at once", result: rate("calls, 64") },
        { probe: "resident memory of the server", result: `${peak.toFixed(0)} MB` }
      )
    }
    return rows
  } finally {
    for (const path of [folder, data]) rmSync(path, { recursive: true, force: true })
  }
}
