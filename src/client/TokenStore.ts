/**
 * Keeps sessions: for each application the users it knows, most recent first, with their tokens and profile.
 *
 * In memory unless told otherwise; anything that satisfies the interface can take its place below `AppServices`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ProviderType } from "../protocol/Provider.ts"
import { StoredProfile } from "./Profile.ts"

/**
 * What makes a user logged in.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Session = Schema.Struct({
  accessToken: Schema.RedactedFromValue(Schema.String),
  refreshToken: Schema.RedactedFromValue(Schema.String),
  /** When the access token arrived, in milliseconds since the epoch by the clock of this process. */
  receivedAt: Schema.Finite,
  /** When it expires by the same clock: arrival plus the lifetime that the token states, whatever the host's clock says. */
  expiresAt: Schema.Finite
})

/**
 * @category models
 * @since 0.1.0
 */
export type Session = typeof Session.Type

/**
 * One user of an application.
 *
 * @category schemas
 * @since 0.1.0
 */
export const StoredUser = Schema.Struct({
  id: Schema.String,
  /** How the user logged in first. */
  providerType: ProviderType,
  /** Absent while logged out. */
  session: Schema.optionalKey(Session),
  deviceId: Schema.optionalKey(Schema.String),
  /** As last fetched; absent until it is asked for. */
  profile: Schema.optionalKey(StoredProfile)
})

/**
 * @category models
 * @since 0.1.0
 */
export type StoredUser = typeof StoredUser.Type

/**
 * A store that could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>()("TokenStoreError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/**
 * The users of one application.
 *
 * @category models
 * @since 0.1.0
 */
export interface AppTokens {
  readonly get: (userId: string) => Effect.Effect<Option.Option<StoredUser>, TokenStoreError>
  /**
   * Replaces a user by what `change` makes of the present one, atomically: no other change of that user happens in
   * between. `none` removes the user; a user that was not there becomes the most recent one. `change` may be run more
   * than once.
   */
  readonly modify: <A>(
    userId: string,
    change: (current: Option.Option<StoredUser>) => readonly [result: A, next: Option.Option<StoredUser>]
  ) => Effect.Effect<A, TokenStoreError>
  /** Makes a user the most recent one. */
  readonly promote: (userId: string) => Effect.Effect<void, TokenStoreError>
  /** All users, most recent first. */
  readonly userIds: Effect.Effect<ReadonlyArray<string>, TokenStoreError>
  /** The id that the host gave this device. */
  readonly deviceId: Effect.Effect<Option.Option<string>, TokenStoreError>
  readonly setDeviceId: (deviceId: string) => Effect.Effect<void, TokenStoreError>
}

/**
 * @category services
 * @since 0.1.0
 */
export class TokenStore extends Context.Service<
  TokenStore,
  {
    /** The part of the store that belongs to one application. */
    readonly forApp: (appId: string) => AppTokens
  }
>()("effect-app-services/client/TokenStore") {
  /** Sessions that live as long as the layer. */
  static readonly layerMemory: Layer.Layer<TokenStore> = Layer.sync(this, () => {
    const apps = new Map<string, AppTokens>()
    return {
      forApp: (appId) => {
        let tokens = apps.get(appId)
        if (tokens === undefined) apps.set(appId, (tokens = memory()))
        return tokens
      }
    }
  })
}

const memory = (): AppTokens => {
  // insertion order is recency: the last one is the most recent
  const users = new Map<string, StoredUser>()
  let deviceId = Option.none<string>()
  return {
    get: (userId) => Effect.sync(() => Option.fromUndefinedOr(users.get(userId))),
    modify: (userId, change) =>
      Effect.sync(() => {
        const [result, next] = change(Option.fromUndefinedOr(users.get(userId)))
        if (Option.isSome(next)) users.set(userId, next.value)
        else users.delete(userId)
        return result
      }),
    promote: (userId) =>
      Effect.sync(() => {
        const user = users.get(userId)
        if (user !== undefined && users.delete(userId)) users.set(userId, user)
      }),
    userIds: Effect.sync(() => Array.from(users.keys()).toReversed()),
    deviceId: Effect.sync(() => deviceId),
    setDeviceId: (id) =>
      Effect.sync(() => {
        deviceId = Option.some(id)
      })
  }
}
