import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Fiber } from "effect"
import { App, Applications } from "effect-app-services/server"
import { TestClock } from "effect/testing"
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { polled, watch } from "../../src/cli/watch.ts"
import { directory } from "../server/support.ts"
import { anonymousApp, ask, call, serveJson } from "./support.ts"

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

describe("serve --watch-poll", () => {
  it.effect("replaces the application once per change of a time, a size or a name, and at nothing else", () =>
    Effect.gen(function* () {
      const folder = yield* directory({ "functions/a.js": "one", "node_modules/x/index.js": "x", ".git/HEAD": "x" })
      const file = (name: string) => join(folder, name)
      const served = { replaced: 0 }
      const replace = () => Effect.sync(() => void served.replaced++)
      const version = App.make({ id: "my-app" })
      const loaded = { app: version, directory: folder, builtIn: false }
      yield* Effect.provideService(
        watch(loaded, Effect.succeed(version), () => Effect.void, polled(2)),
        Applications.Applications,
        { replace }
      )
      const next = Effect.andThen(TestClock.adjust("2 seconds"), TestClock.withLive(Effect.sleep("2 millis")))
      const { atime, mtime } = statSync(file("functions/a.js"))
      const changes = [
        // the same time
        () => (writeFileSync(file("functions/a.js"), "three"), utimesSync(file("functions/a.js"), atime, mtime)),
        // the same size
        () => utimesSync(file("functions/a.js"), atime, new Date(mtime.getTime() + 1000)),
        () => (mkdirSync(file("values")), writeFileSync(file("values/b.json"), "{}")),
        () => rmSync(file("functions/a.js"))
      ]
      for (const [index, change] of changes.entries()) {
        change()
        while (served.replaced === index) yield* next
        yield* Effect.replicateEffect(next, 5, { discard: true })
        assert.strictEqual(served.replaced, index + 1)
      }
      writeFileSync(file("node_modules/x/index.js"), "changed")
      writeFileSync(file(".git/HEAD"), "changed")
      yield* Effect.replicateEffect(next, 20, { discard: true })
      assert.strictEqual(served.replaced, changes.length)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("serves a changed function where the server looks at its files", () =>
    Effect.gen(function* () {
      const folder = yield* directory(app)
      const { ready } = yield* serveJson([folder, "--watch-poll", "1"])
      const version = Effect.map(call(ready, "version"), ({ body }): unknown => body)
      assert.strictEqual(yield* version, "one")
      writeFileSync(join(folder, "functions/version.js"), "exports = () => 'two'")
      while ((yield* version) !== "two") yield* Effect.sleep("5 millis")
    }).pipe(Effect.scoped)
  )
})
