/** Credentials for programs that act for a user: `apiKeys`. */
import { Effect } from "effect"
import { AuthApi, Credentials } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.function({ card: "card-4" }))

  const { id, key } = yield* user.apiKeys.create("ci") // the key is only available here, redacted
  const program = yield* auth.logIn(Credentials.apiKey(key))
  // a session may not delete the key that it began with, so log in again
  yield* auth.logIn(Credentials.function({ card: "card-4" }))

  yield* user.apiKeys.disable(id)
  const disabled = yield* auth.logIn(Credentials.apiKey(key)).pipe(
    Effect.as("logged in"),
    Effect.catchReason("AppServicesError", "InvalidCredentials", () => Effect.succeed("refused"))
  )
  yield* user.apiKeys.enable(id)
  const listed = yield* user.apiKeys.fetchAll
  yield* user.apiKeys.delete(id)
  const gone = yield* user.apiKeys.fetch(id).pipe(
    Effect.as("found"),
    Effect.catchReason("AppServicesError", "ApiKeyNotFound", () => Effect.succeed("gone"))
  )
  return { same: program.id === user.id, disabled, names: listed.map(({ name }) => name), gone }
})
