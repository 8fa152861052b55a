/** Events and states of a user: `events`, `states`, `addListener`, `removeListener`, `removeAllListeners`. */
import { Effect, Stream } from "effect"
import { AuthApi, Credentials, type UserEvent } from "effect-app-services"

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.function({ card: "card-2" }))

  const heard: Array<string> = []
  const listener = (event: UserEvent) => heard.push(event._tag)
  user.addListener(listener)

  const states: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(user.states, ({ _tag }) => Effect.sync(() => states.push(_tag))),
    {
      startImmediately: true
    }
  )
  yield* Effect.yieldNow

  yield* user.refreshCustomData
  user.removeListener(listener) // or user.removeAllListeners()
  yield* user.logOut
  yield* Effect.yieldNow
  return { heard, lastState: states.at(-1) }
}).pipe(Effect.scoped)
