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
import * as Answers from "../protocol/internal/answers.ts"
import { routes } from "../protocol/internal/routes.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import * as Requests from "./internal/requests.ts"
import { fromStore, getUser } from "./internal/users.ts"
import { TokenStoreKey } from "./internal/tokenStoreKey.ts"
import { fromAnswer } from "./Profile.ts"
import type { StoredProfile } from "./Profile.ts"
import { decodeAnswer, ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"
import type { TokenStore } from "./TokenStore.ts"
import { UserEvents } from "./UserEvents.ts"

/**
 * The shape of {@link ProfileApi}. Both members need a logged-in user: they fail with `UnknownUser` or `NotLoggedIn`
 * without a session, and with `SessionExpired` or `UserDisabled` where the host has ended it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** The profile as the token store has it; fetched and stored if it has none. */
  readonly get: (userId: string) => Effect.Effect<StoredProfile, AppServicesError>
  /** Fetches the profile and stores it; publishes `ProfileChanged` if it differs. */
  readonly refresh: (userId: string) => Effect.Effect<StoredProfile, AppServicesError>
}

/**
 * Reads the profiles of users. `user.profile`, `user.identities` and `user.refreshProfile` are the same, bound to one user.
 *
 * @category services
 * @since 0.1.0
 */
export class ProfileApi extends Context.Service<ProfileApi, Service>()("effect-app-services/client/ProfileApi") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient | Sessions | TokenStore | UserEvents> = Effect.gen(
    function* () {
      const client = yield* ProtocolClient
      const sessions = yield* Sessions
      const events = yield* UserEvents
      const tokens = (yield* TokenStoreKey).forApp(client.appId)
      const { asUser } = Requests.make(client, sessions)

      const refresh = Effect.fn("ProfileApi.refresh")(function* (userId: string) {
        const operation = "ProfileApi.refresh"
        const answer = yield* asUser(userId, {
          operation: { name: operation, kind: "general" },
          method: "GET",
          route: routes.profile,
          parameters: {},
          idempotent: true,
          decode: decodeProfile
        })
        const profile = fromAnswer(answer)
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
    }
  )

  /** The service over the wire client, the sessions, the token store and the events. */
  static readonly layer: Layer.Layer<ProfileApi, never, ProtocolClient | Sessions | TokenStore | UserEvents> =
    Layer.effect(this, this.make)
}

const decodeProfile = decodeAnswer(Answers.ProfileAnswer)
