/**
 * Whether a user can act, and if not quite, why.
 *
 * @since 0.1.0
 */
import type { AppServicesError } from "./AppServicesError.ts"

/**
 * The state of a user, as this process sees it. The host is not asked, so it may have ended the session already.
 *
 * - `Active`: logged in.
 * - `Refreshing`: logged in, and a new access token is being fetched.
 * - `Stale`: logged in, but no access token could be fetched since `since` (milliseconds since the epoch), because of
 *   `error`. Calls go on as long as the present token is valid, and the state becomes `Active` with the next refresh.
 * - `LoggedOut`: in the token store, without tokens. `cause` is `SessionExpired` if the host ended the session.
 * - `Removed`: not in the token store.
 *
 * @see `User.state` and `User.states`; {@link isLoggedIn}
 *
 * @category models
 * @since 0.1.0
 */
export type UserState =
  | { readonly _tag: "Active" }
  | { readonly _tag: "Refreshing" }
  | {
      readonly _tag: "Stale"
      /** When the first refresh failed, in milliseconds since the epoch. */
      readonly since: number
      /** Why the last one failed. */
      readonly error: AppServicesError
    }
  | { readonly _tag: "LoggedOut"; readonly cause: "LoggedOut" | "SessionExpired" }
  | { readonly _tag: "Removed" }

/**
 * Whether a state is one of a logged-in user: `Active`, `Refreshing` or `Stale`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isLoggedIn = (state: UserState): boolean => state._tag !== "LoggedOut" && state._tag !== "Removed"
