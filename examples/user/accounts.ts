/** Many users at once: `allUsers`, `currentUser`, `switchUser`, `user`, `removeUser`, `deleteUser`. */
import { Effect, Option } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const first = yield* auth.logIn(Credentials.function({ card: "card-5" }))
  const second = yield* auth.logIn(Credentials.function({ card: "card-6" }))

  yield* auth.switchUser(first.id)
  const current = yield* auth.currentUser
  const found = yield* auth.user(second.id) // logged in by any process that shares the token store
  const answer = yield* found.functions.sum(20, 22)

  yield* auth.removeUser(first.id) // removed from the token store; the account stays
  yield* auth.deleteUser(second.id) // deletes its own account at the host
  return {
    current: Option.getOrThrow(current).id === first.id,
    answer,
    left: (yield* auth.allUsers).filter(({ id }) => id === first.id || id === second.id).length
  }
})
