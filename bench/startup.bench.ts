/** CPU from an empty process to the first answered function call, in a fresh process each time, over a stubbed transport. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inTurn, rounds, row } from "./measure.ts"

const programs = {
  here: `
    const { AppServices, AuthApi, Credentials } = await import("effect-app-services")
    const { Effect, Layer } = await import("effect")
    const { FetchHttpClient } = await import("effect/http")
    const Live = AppServices.layer({ appId: "bench", baseUrl: "http://host.test" }).pipe(Layer.provide(FetchHttpClient.layer))
    const answer = await Effect.runPromise(AuthApi.use((auth) => auth.logIn(Credentials.anonymous())).pipe(
      Effect.flatMap((user) => user.functions.sum(20, 22)), Effect.provide(Live)))`,
  "here, imported by module": `
    const AppServices = await import("effect-app-services/client/AppServices")
    const { AuthApi } = await import("effect-app-services/client/AuthApi")
    const Credentials = await import("effect-app-services/client/Credentials")
    const Effect = await import("effect/Effect")
    const Layer = await import("effect/Layer")
    const FetchHttpClient = await import("effect/http/FetchHttpClient")
    const Live = AppServices.layer({ appId: "bench", baseUrl: "http://host.test" }).pipe(Layer.provide(FetchHttpClient.layer))
    const answer = await Effect.runPromise(AuthApi.use((auth) => auth.logIn(Credentials.anonymous())).pipe(
      Effect.flatMap((user) => user.functions.sum(20, 22)), Effect.provide(Live)))`,
  "effect's HttpClient and bson alone": `
    const Effect = await import("effect/Effect")
    const HttpClient = await import("effect/http/HttpClient")
    const FetchHttpClient = await import("effect/http/FetchHttpClient")
    const { EJSON } = await import("bson")
    const answer = await Effect.runPromise(HttpClient.post("http://host.test/functions/call", { headers: { authorization: "Bearer a.eyJzdWIiOiIifQ.c" } }).pipe(
      Effect.flatMap((response) => response.text), Effect.map((text) => EJSON.parse(text)), Effect.provide(FetchHttpClient.layer)))`,
  "realm-web": `
    const Realm = await import("realm-web")
    const user = await new Realm.App({ id: "bench", baseUrl: "http://host.test" }).logIn(Realm.Credentials.anonymous(false), false)
    const answer = await user.functions.sum(20, 22)`
}

/** The folder of the compile cache; the first round fills it and is not measured. */
const cache = mkdtempSync(join(tmpdir(), "compile-cache-"))

/** What a program's first file does before it imports the others. */
const withCache = `
  const { enableCompileCache } = await import("node:module")
  enableCompileCache(${JSON.stringify(cache)})`

/** Runs a program in a fresh process; the stub that answers it is imported before measuring. */
const first =
  (program: string, before = "") =>
  async () => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `const { install } = await import("./host.ts")
      install()
      ${before}
      const from = process.cpuUsage()
      ${program}
      const spent = process.cpuUsage(from)
      if (answer !== 42) throw new Error("the call was not answered")
      console.log((spent.system + spent.user) / 1_000)
      process.exit()`
      ],
      { cwd: import.meta.dirname, encoding: "utf8" }
    )
    if (status !== 0) throw new Error(stderr)
    return Number(stdout)
  }

export default async () => {
  const variants = Object.entries(programs).flatMap(([name, program]) => [
    { name, run: first(program) },
    { name: `${name}, compile cache`, run: first(program, withCache) }
  ])
  try {
    const costs = await inTurn(
      variants.map(({ run }) => run),
      { rounds: rounds(9), warmUp: 1 }
    )
    const measured = variants.map(({ name }, i) => [name, costs[i] ?? []])
    return [row("CPU from import to the first answer", "ms", Object.fromEntries(measured))]
  } finally {
    rmSync(cache, { recursive: true })
  }
}
