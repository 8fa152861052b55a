/** The identity of a user: `profile`, `refreshProfile`, `identities`, `linkCredentials`. */
import { Effect } from "effect"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const accounts = yield* EmailPasswordApi
  const account = { email: "grace@example.com", password: "correct horse" }

  // an anonymous user gets an account
  const user = yield* auth.logIn(Credentials.anonymous())
  yield* accounts.registerUser(account)
  yield* user.linkCredentials(Credentials.emailPassword(account))

  // the account now logs in the same user
  const again = yield* auth.logIn(Credentials.emailPassword(account))
  return {
    same: again.id === user.id,
    email: (yield* user.profile).email,
    identities: (yield* user.identities).map(({ providerType }) => providerType)
  }
})
