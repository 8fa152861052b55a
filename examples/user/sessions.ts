/** Tokens, device, state and end of a session: `id`, `accessToken`, `refreshToken`, `deviceId`, `isLoggedIn`, `state`, `keepAlive`, `logOut`. */
import { Effect, Option } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.function({ card: "card-1" }))

  yield* user.keepAlive // refreshed before expiry until the scope closes
  const token = yield* user.accessToken // valid now, refreshed if necessary
  const secret = yield* user.refreshToken
  const device = yield* user.deviceId
  const before = yield* user.state

  yield* user.logOut
  return {
    loggedIn: before._tag,
    tokens: Option.isSome(token) && Option.isSome(secret),
    device: Option.isSome(device),
    afterwards: [(yield* user.state)._tag, yield* user.isLoggedIn, Option.isNone(yield* user.accessToken)]
  }
}).pipe(Effect.scoped)
