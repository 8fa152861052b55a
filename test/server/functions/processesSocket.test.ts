import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as NodeAppServicesServer from "../../../src/node/NodeAppServicesServer.ts"
import { listening, load } from "./support.ts"

const ask = (url: string, path: string, body: unknown, token = "") =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/api/client/v2.0/app/my-app/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(body)
    })
    const { link: _, ...json } = (await response.json()) as Record<string, string>
    return { status: response.status, json }
  })

it.effect("serves other clients over a socket while a function does not end", () =>
  Effect.gen(function* () {
    const { expect, layer } = yield* listening
    const app = yield* load({
      f: "exports = async (n) => { await null; console.log('begun ' + n); while (true) {} }",
      g: "exports = (n) => n"
    })
    yield* Effect.gen(function* () {
      const url = yield* NodeAppServicesServer.baseUrl
      const logIn = Effect.map(ask(url, "auth/providers/anon-user/login", {}), ({ json }) => json["access_token"])
      const call = (token: string, name: string, args: ReadonlyArray<unknown> = []) =>
        ask(url, "functions/call", { name, arguments: args }, token)

      const first = yield* logIn
      const begun = yield* Effect.forkChild(expect("begun 1"), { startImmediately: true })
      const hangs = yield* Effect.forkChild(call(first, "f", [1]), { startImmediately: true })
      yield* Fiber.join(begun)
      const answers = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => n),
        (n) => Effect.flatMap(logIn, (token) => call(token, "g", [n])),
        { concurrency: 10 }
      )
      assert.deepStrictEqual(
        answers,
        answers.map((_, n) => ({ status: 200, json: { $numberInt: `${n}` } }))
      )
      assert.isUndefined(hangs.pollUnsafe())
      yield* TestClock.adjust("90 seconds")
      assert.deepStrictEqual(yield* Fiber.join(hangs), {
        status: 400,
        json: { error: "execution time limit exceeded", error_code: "ExecutionTimeLimitExceeded" }
      })
      // a client that disconnects does not affect others either
      const begunAgain = yield* Effect.forkChild(expect("begun 2"), { startImmediately: true })
      const leaves = yield* Effect.forkChild(
        Effect.promise((signal) =>
          fetch(`${url}/api/client/v2.0/app/my-app/functions/call`, {
            method: "POST",
            headers: { authorization: `Bearer ${first}` },
            body: JSON.stringify({ name: "f", arguments: [2] }),
            signal
          })
        ),
        { startImmediately: true }
      )
      yield* Fiber.join(begunAgain)
      yield* Fiber.interrupt(leaves)
      assert.deepStrictEqual((yield* call(first, "g", [1])).json, { $numberInt: "1" })
    }).pipe(
      Effect.provide(
        NodeAppServicesServer.layer(app, { passwordHashing: "testing", rateLimits: "off" }).pipe(
          Layer.provideMerge(layer)
        )
      )
    )
  })
)
