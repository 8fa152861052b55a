/** Who a user is: `profile`, `refreshProfile`, `identities`, `linkCredentials`. */
import { Effect } from "effect"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const accounts = yield* EmailPasswordApi
  const account = { email: "grace@example.com", password: "correct horse" }

  // somebody tries the shop without an account, and then gets one
  const user = yield* auth.logIn(Credentials.anonymous())
  yield* accounts.registerUser(account)
  yield* user.linkCredentials(Credentials.emailPassword(account))

  // from now on the account logs the same user in
  const again = yield* auth.logIn(Credentials.emailPassword(account))
  return {
    same: again.id === user.id,
    email: (yield* user.profile).email,
    identities: (yield* user.identities).map(({ providerType }) => providerType)
  }
})
