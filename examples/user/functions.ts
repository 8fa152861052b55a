/** The application's functions: `functions`, `callFunction`, `functionsOf`, `functionsWith`. */
import { Effect, Schema } from "effect"
import { AuthApi, Bson, Credentials, FunctionContract } from "effect-app-services"

/** The types of the functions of this application. */
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

  // three ways to make the same call
  const sums = [
    yield* user.functions.sum(1, 2),
    yield* user.functions["sum"](1, 2),
    yield* user.callFunction("sum", 1, 2)
  ]

  // typed by a contract: arguments are encoded, results decoded
  const shop = user.functionsOf(Shop)
  const order = yield* shop.order({ item: "tea", count: 2 })

  // with its own time limit
  const patient = yield* user.functionsWith({ timeout: "5 seconds" }).greeting()
  return { sums, total: order.total, typed: (yield* shop.sum(20, 22)).toFixed(1), patient }
})
