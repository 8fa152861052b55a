import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { App, FunctionContext } from "effect-app-services/server"
import { anonymous, callFunction, directory, withApps } from "./support.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true },
  functions: {
    add: (n: number) =>
      Effect.flatMap(FunctionContext, ({ collection }) => collection("d", "c").insert([{ _id: n, n }])),
    all: () => Effect.flatMap(FunctionContext, ({ collection }) => collection("d", "c").find({ filter: {} }))
  }
})

it.effect("a server with a data directory has its documents after a restart", () =>
  Effect.gen(function* () {
    const dataDirectory = yield* directory({})
    const life = (name: string, args: ReadonlyArray<unknown>) =>
      Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        const { status, text } = yield* callFunction(access_token, name, args)
        assert.strictEqual(status, 200, text)
        return text
      }).pipe(withApps(app, { dataDirectory }))
    yield* life("add", [2])
    yield* life("add", [1])
    assert.deepStrictEqual(
      JSON.parse(yield* life("all", [])),
      [2, 1].map((n) => ({ _id: { $numberInt: `${n}` }, n: { $numberInt: `${n}` } }))
    )
  })
)
