import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, References } from "effect"
import { anonymous, callFunction } from "../support.ts"
import { exported } from "./support.ts"

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
  throwsText: "exports = () => { throw 'just a text' }",
  calls: "exports = () => context.functions.execute('fails', 'inside')",
  fine: "exports = () => 1"
}

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
      yield* call("throwsText")
      assert.match((yield* line("throwsText")).text, /failed after \d+ ms: just a text\ncalled with \(\)$/)
      yield* call("calls")
      assert.match((yield* line("calls")).text, /broken inside\n +at inner \(functions\/fails\.js:3:11\)/)
      yield* call("fine")
      assert.isFalse(lines.some(({ text }) => text.includes('"fine"')))
    }).pipe(Effect.provide(Layer.provideMerge(exported(functions), Logger.layer([logger]))))
  })
)
