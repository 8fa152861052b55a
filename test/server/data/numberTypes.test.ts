import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { App } from "effect-app-services/server"
import { anonymous, ask, path, withApps } from "../support.ts"

const app = App.make({ id: "my-app", providers: { anonymous: true }, mongodb: { m: "open" } })

const c = { database: "d", collection: "c" }

it.effect("the MongoDB service keeps the type of each number, and computes with it", () =>
  Effect.gen(function* () {
    const { access_token: token } = yield* anonymous()
    const call = (name: string, argument: object) =>
      Effect.map(
        ask("POST", path("my-app", "functions/call"), {
          token,
          body: { name, arguments: [{ ...c, ...argument }], service: "m" }
        }),
        ({ text }) => text
      )
    const document = {
      _id: 1,
      int: { $numberInt: "5" },
      long: { $numberLong: "5" },
      double: { $numberDouble: "5.0" },
      half: { $numberDouble: "0.5" },
      decimal: { $numberDecimal: "5" },
      date: { $date: { $numberLong: "5" } },
      plain: 5
    }
    yield* call("insertOne", { document })
    const stored = JSON.parse(yield* call("findOne", { query: {} })) as Record<string, unknown>
    assert.deepStrictEqual(stored, { ...document, _id: { $numberInt: "1" }, plain: { $numberInt: "5" } })
    // they are equal in filters, whatever their types
    for (const value of [5, { $numberLong: "5" }, { $numberDouble: "5.0" }, { $numberDecimal: "5.0" }]) {
      const query = { int: value, long: value, double: value, decimal: value }
      assert.strictEqual(yield* call("count", { query }), '{"$numberLong":"1"}')
    }
    assert.strictEqual(yield* call("count", { query: { double: { $type: "int" } } }), '{"$numberLong":"0"}')
    const update = { $inc: { int: { $numberLong: "1" }, long: 1, double: 1, decimal: 1 } }
    yield* call("updateOne", { query: {}, update })
    const changed = JSON.parse(
      yield* call("findOne", { query: {}, project: { _id: 0, date: 0, half: 0, plain: 0 } })
    ) as Record<string, unknown>
    assert.deepStrictEqual(changed, {
      int: { $numberLong: "6" },
      long: { $numberLong: "6" },
      double: { $numberDouble: "6.0" },
      decimal: { $numberDecimal: "6" }
    })
  }).pipe(withApps(app))
)
