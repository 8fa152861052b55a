import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../server/support.ts"
import { anonymousApp, ask, serveJson } from "./support.ts"

const app = anonymousApp("my-app", {
  version: "exports = () => 'one'",
  slow: `exports = async () => {
  await new Promise((resolve) => setTimeout(resolve, 1500))
  return "slow one"
}`
})

describe("serve --watch", () => {
  it.live("serves a changed function to the same user, after a mistake the last good version", () =>
    Effect.gen(function* () {
      const folder = yield* directory(app)
      const { output, ready } = yield* serveJson([folder, "--watch"])
      const url = `${ready.baseUrl}/api/client/v2.0/app/my-app`
      const { body: user } = yield* ask(`${url}/auth/providers/anon-user/login`, { method: "POST" })
      const called = (name: string) =>
        Effect.map(
          ask(`${url}/functions/call`, {
            method: "POST",
            headers: { authorization: `Bearer ${user["access_token"]}` },
            body: JSON.stringify({ name, arguments: [] })
          }),
          ({ body }): unknown => body
        )
      const write = (file: string, text: string) => Effect.sync(() => writeFileSync(join(folder, file), text))
      const said = Effect.fnUntraced(function* (text: string) {
        while (!output.stderr.includes(text)) yield* Effect.sleep("5 millis")
      })
      assert.strictEqual(yield* called("version"), "one")

      // a call under way ends in the version that it began in
      const slow = yield* Effect.forkChild(called("slow"), { startImmediately: true })
      yield* Effect.sleep("100 millis")
      yield* write("functions/slow.js", "exports = () => 'slow two'")
      yield* write("functions/version.js", "exports = () => 'two'")
      while ((yield* called("version")) !== "two") yield* Effect.sleep("5 millis")
      assert.strictEqual(yield* called("slow"), "slow two")
      assert.strictEqual(yield* Fiber.join(slow), "slow one")

      yield* write("functions/version.js", "exports = () => {\n  return 'three' oops\n}")
      yield* said("my-app is served as it was before")
      assert.include(output.stderr, "does not parse")
      assert.include(output.stderr, "     2 |   return 'three' oops")
      assert.strictEqual(yield* called("version"), "two")

      yield* write("functions/config.json", '[{ "name": "version" }, ')
      yield* said("functions/config.json:1")
      assert.strictEqual(yield* called("version"), "two")

      yield* write("functions/config.json", '[{ "name": "version" }, { "name": "added" }]')
      yield* write("functions/added.js", "exports = () => 'new'")
      yield* write("functions/version.js", "exports = () => 'four'")
      while ((yield* called("version")) !== "four") yield* Effect.sleep("5 millis")
      assert.strictEqual(yield* called("added"), "new")
    }).pipe(Effect.scoped)
  )
})
