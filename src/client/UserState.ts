/**
 * Whether a user can act, and if not quite, why.
 *
 * @since 0.1.0
 */
import type { AppServicesError } from "./AppServicesError.ts"

/**
 * - `Active`: logged in.
 * - `Refreshing`: logged in, and a new access token is being fetched.
 * - `Stale`: logged in, but no new access token could be had since then, for that reason; calls go on as long as the
 *   present one is good, and the session comes back by itself.
 * - `LoggedOut`: known, without tokens; `SessionExpired` when the host ended the session.
 * - `Removed`: not known to the token store.
 *
 * @category models
 * @since 0.1.0
 */
export type UserState =
  | { readonly _tag: "Active" }
  | { readonly _tag: "Refreshing" }
  | { readonly _tag: "Stale"; readonly since: number; readonly error: AppServicesError }
  | { readonly _tag: "LoggedOut"; readonly cause: "LoggedOut" | "SessionExpired" }
  | { readonly _tag: "Removed" }

/**
 * Whether a state is one of a logged-in user.
 *
 * @category guards
 * @since 0.1.0
 */
export const isLoggedIn = (state: UserState): boolean => state._tag !== "LoggedOut" && state._tag !== "Removed"
