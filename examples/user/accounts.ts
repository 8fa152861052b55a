/** Many users at once: `allUsers`, `currentUser`, `switchUser`, `user`, `removeUser`, `deleteUser`. */
import { Effect, Option } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const first = yield* auth.logIn(Credentials.function({ card: "card-5" }))
  const second = yield* auth.logIn(Credentials.function({ card: "card-6" }))

  yield* auth.switchUser(first.id)
  const current = yield* auth.currentUser
  const found = yield* auth.user(second.id) // whoever logged it in, as long as the token store is shared
  const answer = yield* found.functions.sum(20, 22)

  yield* auth.removeUser(first.id) // forgotten here, the account stays
  yield* auth.deleteUser(second.id) // deleted at the host, by its own right
  return {
    current: Option.getOrThrow(current).id === first.id,
    answer,
    left: (yield* auth.allUsers).filter(({ id }) => id === first.id || id === second.id).length
  }
})
