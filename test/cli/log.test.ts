import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory } from "../server/support.ts"
import { anonymousApp, call, type Ready, type Running, running } from "./support.ts"

const app = anonymousApp("my-app", {
  broken: `exports = (what) => {
  console.log("called with", what)
  return missing.field
}`
})

const readyOf = Effect.fnUntraced(function* ({ output }: Running) {
  while (!output.stdout.includes("stop with Ctrl+C")) yield* Effect.sleep("5 millis")
  const baseUrl = /listening on (http:\S+?),/.exec(output.stdout)?.[1] ?? ""
  return { event: "ready", baseUrl, appIds: ["my-app"] } satisfies Ready
})

const logOf = (folder: string, lines: number, args: ReadonlyArray<string> = [], env: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const server = yield* running(["serve", folder, "--port", "0", ...args], env)
    assert.strictEqual((yield* call(yield* readyOf(server), "broken", ["\u001b[2J"])).status, 400)
    while (server.output.stderr.split("\n").length <= lines) yield* Effect.sleep("5 millis")
    return server.output.stderr
  }).pipe(Effect.scoped)

describe("the log of serve", () => {
  it.live("shows what a function printed and where it failed beside its request, with one id", () =>
    Effect.gen(function* () {
      const log = yield* logOf(yield* directory(app), 5)
      const [login, printed, failed, place, ...others] = log.trim().split("\n")
      const request = others.at(-1)
      const time = String.raw`\d\d:\d\d:\d\d\.\d{3}`
      assert.match(login ?? "", new RegExp(`^${time} 200 +\\d+ ms POST \\.\\.\\./auth/providers/anon-user/login `))
      const id = / co_id=(\w+)$/.exec(request ?? "")?.[1]
      assert.match(
        printed ?? "",
        new RegExp(`^${time} INFO  called with \\?\\[2J function=broken app=my-app co_id=${id}$`)
      )
      assert.match(failed ?? "", new RegExp(`^${time} ERROR the function "broken" failed .*'missing' is not defined`))
      assert.match(failed ?? "", new RegExp(` co_id=${id}$`))
      assert.match(place ?? "", /^ +at .*functions\/broken\.js:3:\d+\)$/)
      const facts = `code=FunctionExecutionError app=my-app user=\\w{24} from=127\\.0\\.0\\.1 co_id=${id}$`
      assert.match(request ?? "", new RegExp(`^${time} 400 +\\d+ ms POST \\.\\.\\./functions/call broken ${facts}`))
      assert.notInclude(log, "\u001b")
    }).pipe(Effect.scoped)
  )

  it.live("is JSON whose lines about a request have the same facts under the same names", () =>
    Effect.gen(function* () {
      const server = yield* running(["serve", yield* directory(app), "--port", "0", "--json"])
      while (!server.output.stdout.includes("\n")) yield* Effect.sleep("5 millis")
      const ready = JSON.parse(server.output.stdout.split("\n")[0] ?? "") as Ready
      yield* call(ready, "broken", [1])
      while (server.output.stderr.split("\n").length <= 4) yield* Effect.sleep("5 millis")
      const lines = server.output.stderr
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      const [login, printed, failed, request] = lines
      assert.deepStrictEqual(
        lines.map(({ event, level }) => [event, level]),
        [
          ["request", "INFO"],
          ["message", "INFO"],
          ["message", "ERROR"],
          ["request", "WARN"]
        ]
      )
      assert.include(String(printed?.["message"]), "called with 1")
      assert.strictEqual(failed?.["userId"], login?.["userId"])
      assert.strictEqual(request?.["call"], failed?.["function"])
      for (const line of [printed, failed]) {
        assert.isString(line?.["logId"])
        assert.strictEqual(line?.["logId"], request?.["logId"])
        assert.strictEqual(line?.["app"], request?.["app"])
      }
    }).pipe(Effect.scoped)
  )

  it.live("leaves out what is less important than --log-level", () =>
    Effect.gen(function* () {
      const log = yield* logOf(yield* directory(app), 3, ["--log-level", "warn"])
      assert.notInclude(log, "INFO")
      assert.notInclude(log, "/login")
      assert.include(log, 'ERROR the function "broken" failed')
      assert.include(log, " 400 ")
    }).pipe(Effect.scoped)
  )

  it.live("colours lines where colours are asked for", () =>
    Effect.gen(function* () {
      const log = yield* logOf(yield* directory(app), 5, [], { FORCE_COLOR: "1", NO_COLOR: "" })
      assert.include(log, "\u001b[32m200\u001b[39m")
      assert.include(log, "\u001b[33m400\u001b[39m")
      assert.include(log, "\u001b[31mERROR\u001b[39m")
      assert.notInclude(log, "\u001b[2J")
    }).pipe(Effect.scoped)
  )
})
