import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory } from "../server/support.ts"
import { ended, serveJson } from "./support.ts"

const app = directory({
  "realm_config.json": { app_id: "my-app" },
  "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
  "functions/config.json": ["pid", "loop", "slow"].map((name) => ({ name, run_as_system: true })),
  "functions/pid.js": "exports = () => require('process').pid",
  "functions/loop.js": "exports = () => { console.log('loops'); for (;;); }",
  "functions/slow.js":
    "exports = () => { console.log('waits'); return new Promise((resolve) => setTimeout(resolve, 500, 'done')) }"
})

const post = async (url: string, body: unknown, token = "") => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(body)
  })
  return JSON.parse(await response.text()) as Record<string, string>
}

const started = Effect.gen(function* () {
  const server = yield* serveJson([yield* app])
  const url = `${server.ready.baseUrl}/api/client/v2.0/app/my-app`
  const { access_token } = yield* Effect.promise(() => post(`${url}/auth/providers/anon-user/login`, {}))
  const call = (name: string) => post(`${url}/functions/call`, { name, arguments: [] }, access_token)
  const pid = Number((yield* Effect.promise(() => call("pid")))["$numberInt"])
  return { server, call, pid }
})

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const gone = (pid: number) =>
  Effect.gen(function* () {
    while (isAlive(pid)) yield* Effect.sleep("20 millis")
  })

it.live("the process of the functions ends with a server that is killed, even while one of them never yields", () =>
  Effect.gen(function* () {
    const { call, pid, server } = yield* started
    assert.notStrictEqual(pid, server.child.pid)
    const loops = call("loop").catch(() => "cut")
    while (!server.output.stderr.includes("loops")) yield* Effect.sleep("5 millis")
    assert.isTrue(isAlive(pid))
    server.child.kill("SIGKILL")
    assert.strictEqual(yield* Effect.promise(() => loops), "cut")
    yield* gone(pid)
  })
)

it.live("a signal of the terminal, which goes to all processes, lets a call under way finish", () =>
  Effect.gen(function* () {
    const { call, pid, server } = yield* started
    const slow = call("slow")
    while (!server.output.stderr.includes("waits")) yield* Effect.sleep("5 millis")
    process.kill(pid, "SIGINT")
    server.child.kill("SIGINT")
    assert.deepStrictEqual(yield* Effect.promise<unknown>(() => slow), "done")
    yield* ended(server)
    yield* gone(pid)
  })
)
