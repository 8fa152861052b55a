/** Documents of the application's own that come with the access token: `customData`, `customDataAs`, `refreshCustomData`. */
import { Effect, Schema } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

const Customer = Schema.Struct({ theme: Schema.Literals(["light", "dark"]), since: Schema.Date })

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.function({ card: "card-3" }))

  const before = yield* user.customDataAs(Customer) // typed, nothing to annotate
  yield* user.functions.setTheme("dark")
  yield* user.refreshCustomData // a new token, with the data as it is now
  const after = yield* user.customDataAs(Customer)
  return { before: before.theme, after: after.theme, plain: Object.keys(yield* user.customData).includes("points") }
})
