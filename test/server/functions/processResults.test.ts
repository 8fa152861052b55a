import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, ask, callFunction, path } from "../support.ts"
import { exported } from "./support.ts"

const hostile = `
  const trap = () => { throw new Error("trap") }
  const proxy = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap })
  const { proxy: revoked, revoke } = Proxy.revocable({}, {})
  revoke()
  const cycle = {}
  cycle.self = cycle
  const text = { toString: trap, toJSON: trap }
`

const app = exported({
  answer: `exports = (name) => { ${hostile}
    const results = {
      cycle, proxy, revoked,
      getter: { get x() { trap() } },
      iterator: { [Symbol.asyncIterator]: trap },
      iteratorGetter: { at: new Date(NaN), get [Symbol.asyncIterator]() { trap() } },
      noIterator: { [Symbol.asyncIterator]: () => 5 },
      noStep: { [Symbol.iterator]: () => ({ get next() { trap() } }), next: trap },
      symbol: Symbol("x"), function: () => 1, bigint: 2n ** 64n, date: new Date(NaN)
    }
    return name === undefined ? Object.keys(results) : results[name]
  }`,
  fail: `exports = (name) => { ${hostile}
    const problems = { undefined, null: null, proxy, revoked, text, code: { get code() { trap() } }, half: "\\ud800" }
    if (name === undefined) return Object.keys(problems)
    throw problems[name]
  }`
})

const stream = (token: string | undefined, name: string, args: ReadonlyArray<unknown>) => {
  const request = Buffer.from(JSON.stringify({ name, arguments: args })).toString("base64url")
  return ask("GET", `${path("my-app", "functions/call")}?baas_request=${request}`, { token })
}

describe("a function of an exported application", () => {
  it.effect.each(["answer", "fail"])("that may do anything as it %ss fails like any other", (name) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const names: ReadonlyArray<string> = JSON.parse((yield* callFunction(access_token, name)).text)
      assert.isAbove(names.length, 6)
      for (const given of names) {
        const { body, status } = yield* callFunction(access_token, name, [given])
        assert.strictEqual(status, 400, given)
        assert.strictEqual(body["error_code"], "FunctionExecutionError", given)
        const streamed = yield* stream(access_token, name, [given])
        assert.include(streamed.text, `"error_code":"FunctionExecutionError"`, given)
      }
    }).pipe(Effect.provide(app))
  )
})
