import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Fiber, Function, Logger, Queue, Stream } from "effect"
import { App, AppDirectory, Applications } from "effect-app-services/server"
import { TestClock } from "effect/testing"
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
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

/** Watches a directory; `change` writes files, and answers with what is printed until the version is replaced or refused. */
const watched = Effect.fnUntraced(function* (files: Parameters<typeof directory>[0]) {
  const folder = yield* directory(files)
  const load = AppDirectory.load(folder)
  const changes = yield* Queue.unbounded<void>()
  const lines = yield* Queue.unbounded<string>()
  const served: Array<App.App> = [yield* load]
  yield* Effect.provideService(
    watch({ app: served[0] ?? App.make({ id: "none" }), directory: folder, builtIn: false }, load, () =>
      Effect.succeed(Stream.fromQueue(changes))
    ),
    Applications.Applications,
    {
      replace: (next) => Effect.sync(() => void served.push(next)),
      logged: Effect.provide(
        Logger.layer([
          Logger.make(({ logLevel, message }) => Queue.offerUnsafe(lines, `${logLevel} ${String(message)}`))
        ])
      )
    }
  )
  const change = Effect.fnUntraced(function* (written: Record<string, string>) {
    for (const [file, text] of Object.entries(written)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), text)
    }
    yield* Queue.offer(changes, undefined)
    const printed: Array<string> = []
    while (!/is replaced|is served as it was/.test(printed.at(-1) ?? "")) printed.push(yield* Queue.take(lines))
    return printed.join("\n")
  })
  return { change, served }
})

const roles = "data_sources/m/db/c/rules.json"

describe("a mistake in a file that is watched", () => {
  const files = {
    "realm_config.json": { app_id: "my-app" },
    "auth/providers.json": '{\n  "anon-user": { "type": "anon-user" }\n}',
    "data_sources/m/config.json": { name: "m", type: "mongodb" },
    [roles]:
      '{\n  "database": "db",\n  "collection": "c",\n  "roles": [\n    { "name": "a", "apply_when": {}, "read": true }\n  ]\n}',
    "values/v.json": '{\n  "name": "v",\n  "value": 1\n}',
    "functions/config.json": '[\n  { "name": "f" }\n]',
    "functions/f.js": "exports = () => 1"
  }

  for (const [what, file, text, place, excerpt] of [
    [
      "the syntax of a function",
      "functions/f.js",
      "exports = () => {\n  oops oops\n}",
      "functions/f.js:2",
      "     2 |   oops oops"
    ],
    [
      "a key of a rule",
      roles,
      files[roles].replace("apply_when", "aply_when"),
      `${roles}:5:20`,
      "                            ^"
    ],
    [
      "an expansion of a rule",
      roles,
      files[roles].replace("{}", '{ "%%usr.id": 1 }'),
      `${roles}:5:36`,
      '     5 |     { "name": "a", "apply_when": { "%%usr.id": 1 }'
    ],
    ["a value", "values/v.json", '{\n  "nme": "v",\n  "value": 1\n}', "values/v.json", "is served as it was"],
    [
      "a setting of a provider",
      "auth/providers.json",
      '{\n  "anon-user": {\n    "disabled": "no" }\n}',
      "auth/providers.json:3:5",
      '     3 |     "disabled": "no" }'
    ],
    [
      "the name of a provider",
      "auth/providers.json",
      '{\n  "anon-usr": { "type": "anon-usr" }\n}',
      "auth/providers.json:2:3",
      '     2 |   "anon-usr"'
    ],
    [
      "the name of a setting",
      "auth/providers.json",
      '{\n  "local-userpass": { "config": {\n  "autoConfrim": true } }\n}',
      "auth/providers.json:3:3",
      "autoConfrim"
    ],
    [
      "a setting of a function",
      "functions/config.json",
      '[\n  { "name": "f",\n    "private": "yes" }\n]',
      "functions/config.json:3:5",
      "private"
    ],
    [
      "the function of an endpoint",
      "http_endpoints/config.json",
      '[\n  { "route": "/f",\n    "function_name": "g" }\n]',
      "http_endpoints/config.json:3:5",
      "function_name"
    ]
  ] as const) {
    it.live(`is shown with its line, and the version before is served: ${what}`, () =>
      Effect.gen(function* () {
        const { change, served } = yield* watched(files)
        const printed = yield* change({ [file]: text })
        assert.include(printed, `Error ${place}: `)
        assert.include(printed, excerpt)
        assert.include(printed, "Warn my-app is served as it was before: the mistake is in")
        assert.lengthOf(served, 1)
        const mended = yield* change({ [file]: file in files ? String(Reflect.get(files, file)) : "[]" })
        assert.match(mended, /^Info my-app is replaced, in \d+ ms$/)
        assert.lengthOf(served, 2)
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
    )
  }

  it.live("does not keep a version from being served if it was there at the start, on whatever line", () =>
    Effect.gen(function* () {
      const rule = files[roles].replace("apply_when", "aply_when")
      const { change, served } = yield* watched({ ...files, [roles]: rule })
      assert.match(yield* change({ [roles]: rule.replace("{", "{\n\n") }), /^Info my-app is replaced/)
      assert.lengthOf(served, 2)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("does not hide what is merely not supported, which is shown", () =>
    Effect.gen(function* () {
      const { change, served } = yield* watched(files)
      const printed = yield* change({ "log_forwarders/out.json": '{ "name": "out" }' })
      assert.match(printed, /Warn .*log forwarders are not supported[^]*my-app is replaced/)
      assert.lengthOf(served, 2)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
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
      yield* Effect.provideService(watch(loaded, Effect.succeed(version), polled(2)), Applications.Applications, {
        replace,
        logged: Function.identity
      })
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
