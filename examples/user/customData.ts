/** A document about the user that comes with the access token: `customData`, `customDataAs`, `refreshCustomData`. */
import { Effect, Schema } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

const Customer = Schema.Struct({ theme: Schema.Literals(["light", "dark"]), since: Schema.Date })

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.function({ card: "card-3" }))

  const before = yield* user.customDataAs(Customer) // decoded and typed by the schema
  yield* user.functions.setTheme("dark")
  yield* user.refreshCustomData // a new access token with the current data
  const after = yield* user.customDataAs(Customer)
  return { before: before.theme, after: after.theme, plain: Object.keys(yield* user.customData).includes("points") }
})
