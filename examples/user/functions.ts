/** The application's functions: `functions`, `callFunction`, `functionsOf`, `functionsWith`. */
import { Effect, Schema } from "effect"
import { AuthApi, Bson, Credentials, FunctionContract } from "effect-app-services"

/** What the functions of this application take and answer. */
const Shop = FunctionContract.make({
  sum: { args: [Schema.Finite, Schema.Finite], returns: Schema.Finite },
  order: {
    args: [Schema.Struct({ item: Schema.String, count: Schema.Int })],
    returns: Schema.Struct({ _id: Bson.ObjectId, total: Schema.Int, at: Schema.Date })
  }
})

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.anonymous())

  // three ways that are the same
  const sums = [
    yield* user.functions.sum(1, 2),
    yield* user.functions["sum"](1, 2),
    yield* user.callFunction("sum", 1, 2)
  ]

  // the same functions with types: arguments are checked, results decoded
  const shop = user.functionsOf(Shop)
  const order = yield* shop.order({ item: "tea", count: 2 })

  // repeated only where that is asked for, and given up after its own time
  const patient = yield* user.functionsWith({ timeout: "5 seconds" }).greeting()
  return { sums, total: order.total, typed: (yield* shop.sum(20, 22)).toFixed(1), patient }
})
