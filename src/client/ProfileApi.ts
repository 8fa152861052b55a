/**
 * Reads a user's profile and identities.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Answers from "../protocol/Answers.ts"
import { routes } from "../protocol/Routes.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import { fromStore, getUser } from "./internal/users.ts"
import { fromAnswer } from "./Profile.ts"
import type { StoredProfile } from "./Profile.ts"
import { decodeAnswer, ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"
import { TokenStore } from "./TokenStore.ts"
import { UserEvents } from "./UserEvents.ts"

const decodeProfile = decodeAnswer(Answers.ProfileAnswer)

/**
 * @category services
 * @since 0.1.0
 */
export class ProfileApi extends Context.Service<
  ProfileApi,
  {
    /**
     * The profile of a logged-in user: as the token store has it, fetched when it has none. Like every other operation it
     * takes a session whose access token is good or can be refreshed, and fails with `NotLoggedIn`, `SessionExpired` or
     * `UserDisabled` where there is none.
     */
    get(userId: string): Effect.Effect<StoredProfile, AppServicesError>
    /** Fetches the profile and stores it. */
    refresh(userId: string): Effect.Effect<StoredProfile, AppServicesError>
  }
>()("effect-app-services/client/ProfileApi") {
  static readonly layer: Layer.Layer<ProfileApi, never, ProtocolClient | Sessions | TokenStore | UserEvents> =
    Layer.effect(
      this,
      Effect.gen(function* () {
        const client = yield* ProtocolClient
        const sessions = yield* Sessions
        const events = yield* UserEvents
        const tokens = (yield* TokenStore).forApp(client.appId)

        const refresh = Effect.fn("ProfileApi.refresh")(function* (userId: string) {
          const operation = "ProfileApi.refresh"
          const body = yield* sessions.authorized(operation, userId, (token) =>
            client.execute({
              operation: { name: operation, kind: "general" },
              method: "GET",
              path: routes.profile,
              token,
              idempotent: true
            })
          )
          const profile = fromAnswer(yield* decodeProfile(operation, body))
          const changed = yield* fromStore(operation)(
            tokens.modify(
              userId,
              (user) => [
                Option.isSome(user) && !Equal.equals(user.value.profile, profile),
                Option.map(user, (user) => ({ ...user, profile }))
              ],
              { announce: (changed) => (changed ? [{ _tag: "ProfileChanged", profile }] : []) }
            )
          )
          if (changed) yield* events.publish(userId, { _tag: "ProfileChanged", profile })
          return profile
        })

        return {
          refresh,
          get: Effect.fn("ProfileApi.get")(function* (userId) {
            yield* sessions.accessToken("ProfileApi.get", userId)
            const { profile } = yield* getUser(tokens, "ProfileApi.get", userId)
            return profile ?? (yield* refresh(userId))
          })
        }
      })
    )
}
