/** Push messages: `push(serviceName)`. */
import { Effect } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.anonymous())

  yield* user.push("gcm").register("the token that the messaging service gave this device")
  yield* user.push("gcm").deregister

  // an unknown service is an error
  return yield* Effect.flip(user.push("nothing").register("token")).pipe(Effect.map((error) => error.code))
})
