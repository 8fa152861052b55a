import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

export interface Ready {
  readonly event: string
  readonly baseUrl: string
  readonly appIds: ReadonlyArray<string>
  readonly metricsUrl?: string
  /** The connection strings of the MongoDB port. */
  readonly mongodbUris?: ReadonlyArray<string>
}

/** The first connection string of the MongoDB port. */
export const uriOf = ({ mongodbUris = [] }: Ready): string => mongodbUris[0] ?? ""

/** The home directory of the commands, where they share files. */
export const home = mkdtempSync(join(tmpdir(), "home-"))
process.once("exit", () => rmSync(home, { recursive: true, force: true }))

/** The command, built from the sources by `scripts/command.ts`. */
export const program = "node_modules/.cache/effect-app-services/command.js"

/** What a command has of the environment of the tests. */
export const inherited = { PATH: process.env["PATH"], NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] }

const start = (args: ReadonlyArray<string>, env: Record<string, string> = {}, input = "") => {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...inherited, HOME: home, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"]
  })
  // a command that reads no input may be gone before it is written
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()))
  return {
    child,
    output,
    exit: once(child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null
    }))
  }
}

export type Running = ReturnType<typeof start>

export const running = (args: ReadonlyArray<string>, env?: Record<string, string>, input?: string) =>
  Effect.acquireRelease(
    Effect.sync(() => start(args, env, input)),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

export const firstLine = (child: ChildProcess) =>
  Effect.promise(async () => {
    for await (const line of createInterface(child.stdout!)) return line
    throw new Error("the command printed nothing")
  })

/** What has ended before its first line says why on standard error. */
const readyOf = ({ child, exit, output }: Running) =>
  Effect.promise(async () => {
    for await (const line of createInterface(child.stdout)) return JSON.parse(line) as Ready
    throw new Error(`the command printed nothing (${JSON.stringify(await exit)}): ${output.stderr}`)
  })

export const ended = ({ exit }: Running) => Effect.promise(() => exit)

/** Runs the command until it ends by itself. */
export const run = (args: ReadonlyArray<string>, env?: Record<string, string>, input?: string) =>
  Effect.gen(function* () {
    const started = yield* running(args, env, input)
    const { code } = yield* ended(started)
    return { code, ...started.output }
  })

export const serveJson = (args: ReadonlyArray<string>, env?: Record<string, string>) =>
  Effect.gen(function* () {
    const port = args.includes("--port") ? [] : ["--port", "0"]
    const started = yield* running(["serve", ...args, ...port, "--json"], env)
    const ready = yield* readyOf(started)
    return { ...started, ready }
  })

export const ask = (url: string, init?: RequestInit) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  })

export const call = (ready: Ready, name: string, args: ReadonlyArray<unknown> = []) =>
  Effect.gen(function* () {
    const app = `${ready.baseUrl}/api/client/v2.0/app/${ready.appIds[0]}`
    const { body } = yield* ask(`${app}/auth/providers/anon-user/login`, { method: "POST" })
    return yield* ask(`${app}/functions/call`, {
      method: "POST",
      headers: { authorization: `Bearer ${body["access_token"]}` },
      body: JSON.stringify({ name, arguments: args })
    })
  })

export const anonymousApp = (id: string, functions: Record<string, string> = {}) => ({
  "realm_config.json": { app_id: id },
  "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
  "functions/config.json": Object.keys(functions).map((name) => ({ name })),
  ...Object.fromEntries(Object.entries(functions).map(([name, source]) => [`functions/${name}.js`, source]))
})
