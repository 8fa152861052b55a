/**
 * What a token store knows of a user.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { ProviderType } from "../protocol/Provider.ts"
import { TokenText } from "../protocol/Token.ts"
import { StoredProfile } from "./Profile.ts"

/**
 * What makes a user logged in.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Session = Schema.Struct({
  accessToken: TokenText,
  refreshToken: TokenText,
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
  /** Whether other identities were added since: an anonymous user is anonymous no more then. */
  linked: Schema.optionalKey(Schema.Boolean),
  /** Absent while logged out. */
  session: Schema.optionalKey(Session),
  /** Why the last session ended; absent while logged in. */
  ended: Schema.optionalKey(Schema.Literals(["LoggedOut", "SessionExpired"])),
  deviceId: Schema.optionalKey(Schema.String),
  /** As last fetched; absent until it is asked for. */
  profile: Schema.optionalKey(StoredProfile)
})

/**
 * @category models
 * @since 0.1.0
 */
export type StoredUser = typeof StoredUser.Type
