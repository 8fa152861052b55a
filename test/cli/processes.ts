import { Effect } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { inherited, program } from "./support.ts"

const spawned = (args: ReadonlyArray<string>, input = "") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, args, {
        env: { ...inherited, NO_COLOR: "1" },
        stdio: ["pipe", "pipe", "pipe"]
      })
      const output = { stdout: "", stderr: "" }
      child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()))
      child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()))
      // a command that reads no input may be gone before it is written
      child.stdin.on("error", () => {})
      child.stdin.end(input)
      return { child, output, closed: once(child, "close") }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

type Spawned = Effect.Success<ReturnType<typeof spawned>>

/** Runs the command until it ends. */
export const run = (args: ReadonlyArray<string>, input?: string) =>
  Effect.gen(function* () {
    const { child, closed, output } = yield* spawned([program, ...args], input)
    yield* Effect.promise(() => closed)
    return { code: child.exitCode, ...output }
  }).pipe(Effect.scoped)

const firstLine = (child: ChildProcess) =>
  Effect.promise(async () => {
    for await (const line of createInterface(child.stdout!)) return line
    throw new Error("the command printed nothing")
  })

/** A server that printed a line of JSON when it was ready. */
const ready = (server: Spawned) =>
  Effect.map(firstLine(server.child), (line) => ({
    baseUrl: (JSON.parse(line) as { readonly baseUrl: string }).baseUrl,
    pid: server.child.pid,
    output: server.output,
    /** Ends it with a signal, and waits until it is gone. */
    end: (signal: NodeJS.Signals) =>
      Effect.promise(() => {
        server.child.kill(signal)
        return server.closed
      })
  }))

/** `serve`, as people run it. */
export const serve = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(spawned([program, "serve", ...args, "--port", "0", "--json"]), ready)

/** A server with cheap password hashes, in a process of its own. */
export const serveApp = (app: object, dataDirectory: string) =>
  Effect.flatMap(
    spawned([
      "--input-type=module",
      "--eval",
      `import { Effect } from "effect"
       import * as App from "./src/server/model/App.ts"
       import * as NodeAppServicesServer from "./src/node/NodeAppServicesServer.ts"
       const program = Effect.gen(function* () {
         console.log(JSON.stringify({ baseUrl: yield* NodeAppServicesServer.baseUrl }))
         return yield* Effect.never
       })
       const server = NodeAppServicesServer.layer(App.make(${JSON.stringify(app)}), {
         dataDirectory: ${JSON.stringify(dataDirectory)},
         passwordHashing: "testing"
       })
       Effect.runFork(Effect.provide(program, server))`
    ]),
    ready
  )

/** A request of a client; one that gets no answer is nothing. */
export const client = (baseUrl: string, appId: string) => {
  const ask = async (method: string, path: string, body?: unknown, token?: string) => {
    try {
      const response = await fetch(`${baseUrl}/api/client/v2.0/${path}`, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? undefined : { body: JSON.stringify(body) })
      })
      const text = await response.text()
      return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, string> }
    } catch {
      return undefined
    }
  }
  const logIn = (provider: string, body: unknown = {}) =>
    ask("POST", `app/${appId}/auth/providers/${provider}/login`, body)
  return {
    ask,
    anonymous: () => logIn("anon-user"),
    emailPassword: (username: string, password: string) => logIn("local-userpass", { username, password }),
    apiKey: (key: string) => logIn("api-key", { key }),
    register: (email: string, password: string) =>
      ask("POST", `app/${appId}/auth/providers/local-userpass/register`, { email, password }),
    refresh: (refreshToken: string) => ask("POST", "auth/session", undefined, refreshToken),
    logOut: (refreshToken: string) => ask("DELETE", "auth/session", undefined, refreshToken),
    createKey: (refreshToken: string, name: string) => ask("POST", "auth/api_keys", { name }, refreshToken),
    deleteKey: (refreshToken: string, id: string) => ask("DELETE", `auth/api_keys/${id}`, undefined, refreshToken)
  }
}
