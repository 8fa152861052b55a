import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { App } from "effect-app-services/server"
import { anonymous, ask, callFunction, inProcess, path } from "../support.ts"

const hostile = {
  get: () => {
    throw new Error("trap")
  },
  has: () => {
    throw new Error("trap")
  },
  getPrototypeOf: () => {
    throw new Error("trap")
  }
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const cycle: Record<string, unknown> = {}
cycle["self"] = cycle

const results = {
  cycle,
  getter: {
    get x() {
      throw new Error("looked at")
    }
  },
  proxy: new Proxy({}, hostile),
  revoked: revoked(),
  iterator: {
    [Symbol.asyncIterator]: () => {
      throw new Error("no iterator")
    }
  },
  "a getter of an iterator": {
    at: new Date(NaN),
    get [Symbol.asyncIterator]() {
      throw new Error("looked at")
    }
  },
  "no iterator": { [Symbol.asyncIterator]: () => 5 },
  symbol: Symbol("x"),
  function: () => 1,
  bigint: 2n ** 64n,
  map: new Map([[1, 2]]),
  "a made-up BSON class": { _bsontype: "ObjectId" },
  "an invalid date": new Date(NaN),
  "a failed Effect": Effect.fail({
    get message() {
      throw new Error("looked at")
    }
  }),
  "an interrupted Effect": Effect.interrupt
}

const problems = {
  undefined,
  null: null,
  revoked: revoked(),
  proxy: new Proxy({}, hostile),
  code: {
    get code() {
      throw new Error("looked at")
    }
  },
  text: {
    toString: () => {
      throw new Error("looked at")
    }
  },
  "half a character": "\ud800"
}

const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  functions: {
    answer: (name: keyof typeof results): unknown => results[name],
    fail: (name: keyof typeof problems): unknown => {
      throw problems[name]
    },
    pair: () => ["\ud800", { "\udc00": 1 }]
  }
})

layer(inProcess(app))("a function", (it) => {
  const stream = (token: string | undefined, name: string, args: ReadonlyArray<unknown>) => {
    const request = Buffer.from(JSON.stringify({ name, arguments: args })).toString("base64url")
    return ask("GET", `${path("my-app", "functions/call")}?baas_request=${request}`, { token })
  }

  it.effect("fails like one that throws if its result cannot be sent", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const name of Object.keys(results)) {
        const { body, status } = yield* callFunction(access_token, "answer", [name])
        assert.strictEqual(status, 400, name)
        assert.strictEqual(body["error_code"], "FunctionExecutionError", name)
        const streamed = yield* stream(access_token, "answer", [name])
        assert.include(streamed.text, `"error_code":"FunctionExecutionError"`, name)
      }
    })
  )

  it.effect("throws values of any type", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      for (const name of Object.keys(problems)) {
        for (const call of [callFunction, stream]) {
          const { body, status } = yield* call(access_token, "fail", [name])
          assert.strictEqual(status, 400, name)
          assert.strictEqual(body["error_code"], "FunctionExecutionError", name)
        }
      }
    })
  )

  it.effect("returns lone surrogates", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      const { text } = yield* callFunction(access_token, "pair")
      assert.strictEqual(text, `["\\ud800",{"\\udc00":{"$numberInt":"1"}}]`)
    })
  )
})
