import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, References } from "effect"
import { anonymous, callFunction } from "../support.ts"
import { exported, listening } from "./support.ts"

interface Line {
  readonly text: string
  readonly annotations: Readonly<Record<string, unknown>>
}

const functions = {
  fails: `exports = (which) => {
  const inner = () => {
    throw new TypeError("broken " + which)
  }
  return [1].map(inner)
}`,
  later: `exports = async () => {
  await null
  null.x
}`,
  topLevel: "throw new Error('no start')",
  together: `exports = async () => {
  const run = async () => {
    await null
    throw new Error("one of them")
  }
  await Promise.all([run()])
}`,
  evaluated: `exports = () => eval("null.x")`,
  packaged: "exports = () => require('pack')()",
  prints: `exports = () => {
  const error = Object.assign(new Error("printed"), { code: 7 })
  console.error("printed", error, [error])
  console.trace("traced")
  console.log("done")
}`,
  throwsText: "exports = () => { throw 'just a text' }",
  calls: "exports = () => context.functions.execute('fails', 'inside')",
  fine: "exports = () => 1"
}

const files = { "functions/node_modules/pack/index.js": "module.exports = () => {\n  throw new Error('packed')\n}" }

it.live("a function that fails is logged with its place, its user, its time and the id of the request", () =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, message }) => {
      const text = [message].flat().map(String).join(" ")
      lines.push({ text, annotations: { ...fiber.getRef(References.CurrentLogAnnotations) } })
    })
    const line = (name: string) =>
      Effect.gen(function* () {
        for (;;) {
          const found = lines.find(({ text }) => text.startsWith(`the function "${name}" failed`))
          if (found !== undefined) return found
          yield* Effect.sleep("5 millis")
        }
      })
    yield* Effect.gen(function* () {
      const { access_token, user_id } = yield* anonymous()
      const call = (name: string, args: ReadonlyArray<unknown> = []) => callFunction(access_token, name, args)

      const answer = yield* call("fails", ["here"])
      assert.strictEqual(answer.body["error"], "TypeError: broken here")
      const fails = yield* line("fails")
      assert.match(
        fails.text,
        /^the function "fails" failed after \d+ ms: TypeError: broken here\n +at inner \(functions\/fails\.js:3:11\)\n/
      )
      assert.notMatch(fails.text, /guest\.js|node:/)
      assert.match(fails.text, /\ncalled with \("here"\)$/)
      const { logId, ...annotations } = fails.annotations
      assert.deepStrictEqual(annotations, { app: "my-app", function: "fails", user: user_id })
      assert.strictEqual(answer.link?.endsWith(`co_id=${String(logId)}`), true)

      yield* call("later")
      assert.match((yield* line("later")).text, /TypeError: .*\n +at .*functions\/later\.js:3:8/)
      // lines of the server or of Node would name its folders
      const places = (name: string) =>
        Effect.gen(function* () {
          yield* call(name)
          const { text } = yield* line(name)
          return text.split("\n").flatMap((it) => /^ +at (?:.*\()?(.*?)\)?$/.exec(it)?.[1] ?? [])
        })
      assert.deepStrictEqual(yield* places("topLevel"), ["functions/topLevel.js:1:7"])
      assert.deepStrictEqual(yield* places("together"), ["functions/together.js:4:11", "functions/together.js:6:3"])
      assert.match((yield* places("evaluated")).join(), /functions\/evaluated\.js:1:17/)
      assert.deepStrictEqual(yield* places("packaged"), [
        "functions/node_modules/pack/index.js:2:9",
        "functions/packaged.js:1:32"
      ])
      yield* call("throwsText")
      assert.match((yield* line("throwsText")).text, /failed after \d+ ms: just a text\ncalled with \(\)$/)
      yield* call("calls")
      assert.match((yield* line("calls")).text, /broken inside\n +at inner \(functions\/fails\.js:3:11\)/)
      yield* call("fine")
      assert.isFalse(lines.some(({ text }) => text.includes('"fine"')))
    }).pipe(Effect.provide(Layer.provideMerge(exported(functions, files), Logger.layer([logger]))))
  })
)

it.live("stacks that a function prints have only lines of the application", () =>
  Effect.gen(function* () {
    const { expect, layer, lines } = yield* listening
    yield* Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      yield* callFunction(access_token, "prints")
      yield* expect("done")
    }).pipe(Effect.provide(Layer.provideMerge(exported(functions), layer)))
    const at = "at exports (functions/prints.js:2:31)"
    assert.deepStrictEqual(lines.slice(0, lines.indexOf("done")), [
      `printed Error: printed\n    ${at} {\n  code: 7\n} [\n  Error: printed\n      ${at} {\n    code: 7\n  }\n]`,
      "Trace: traced\n    at exports (functions/prints.js:4:11)"
    ])
  })
)
