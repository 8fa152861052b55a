import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ProviderType } from "../../protocol/Provider.ts"
import type { AccessTokenClaims } from "../../protocol/internal/token.ts"
import type { AppServicesError } from "../AppServicesError.ts"
import type { Session, StoredUser } from "../TokenStore.ts"
import type { UserEventPayload } from "../UserEvents.ts"

/**
 * A transition of a stored user: the next value in the store, the result for the caller, and the events to publish.
 *
 * @internal
 */
export interface Change<A> {
  readonly next: Option.Option<StoredUser>
  readonly result: A
  readonly announce: ReadonlyArray<UserEventPayload>
}

type Stored = Option.Option<StoredUser>

const nothing = <A>(current: Stored, result: A): Change<A> => ({ next: current, result, announce: [] })

/**
 * Whether two tokens are equal.
 *
 * @internal
 */
export const same = (a: Redacted.Redacted, b: Redacted.Redacted): boolean => Redacted.value(a) === Redacted.value(b)

/**
 * The event of a change of custom user data, if the claims of two access tokens differ in it.
 *
 * @internal
 */
export const customDataChange = (
  before: AccessTokenClaims | undefined,
  after: AccessTokenClaims
): ReadonlyArray<UserEventPayload> =>
  before === undefined || Equal.equals(before.user_data ?? {}, after.user_data ?? {})
    ? []
    : [{ _tag: "CustomDataChanged" }]

/**
 * Whether the stored session is still `old`, apart from its access token.
 *
 * @internal
 */
export const isOf = (old: Session, current: Stored): boolean => {
  const session = Option.isSome(current) ? current.value.session : undefined
  return session !== undefined && same(session.refreshToken, old.refreshToken)
}

/**
 * Changes a user whose session is still `old`; a logout or login in between wins. Returns the session that is stored then.
 */
const ifStill = (
  current: Stored,
  old: Session,
  change: (user: StoredUser) => { readonly user: StoredUser; readonly announce: ReadonlyArray<UserEventPayload> }
): Change<Session | undefined> => {
  if (Option.isNone(current) || !isOf(old, current)) {
    return nothing(current, Option.isSome(current) ? current.value.session : undefined)
  }
  const { announce, user } = change(current.value)
  return { next: Option.some(user), result: user.session, announce }
}

/**
 * A login: a new session over any earlier one. Returns whether the user was logged in already.
 *
 * @internal
 */
export const loggedIn =
  (
    user: { readonly id: string; readonly providerType: ProviderType; readonly deviceId: string | undefined },
    session: Session,
    changes: ReadonlyArray<UserEventPayload>
  ) =>
  (current: Stored): Change<boolean> => {
    const { id, providerType, deviceId } = user
    const { ended: _, ...known } = Option.getOrElse(current, (): StoredUser => ({ id, providerType }))
    return {
      next: Option.some({ ...known, session, ...(deviceId !== undefined && { deviceId }) }),
      result: known.session !== undefined,
      announce: [{ _tag: "LoggedIn", providerType }, ...changes]
    }
  }

/**
 * A new access token. One that was stored in between, by a link or another process, is newer and stays.
 *
 * @internal
 */
export const refreshed =
  (old: Session, session: Session, changes: ReadonlyArray<UserEventPayload>) =>
  (current: Stored): Change<Session | undefined> => {
    const present = Option.isSome(current) ? current.value.session : undefined
    return present !== undefined && !same(present.accessToken, old.accessToken)
      ? nothing(current, present)
      : ifStill(current, old, (user) => ({
          user: { ...user, session },
          announce: [{ _tag: "TokenRefreshed" }, ...changes]
        }))
  }

/**
 * A new identity, with the access token that the host issued for it. The stored profile is outdated and dropped.
 *
 * @internal
 */
export const linked =
  (old: Session, session: Session, providerType: ProviderType, changes: ReadonlyArray<UserEventPayload>) =>
  (current: Stored) =>
    ifStill(current, old, ({ profile: _, ...user }) => ({
      user: { ...user, session, linked: true },
      announce: [{ _tag: "IdentityLinked", providerType }, ...changes]
    }))

/**
 * The host has refused the refresh token of `old`. A refusal of a refresh does not concern an access token that was stored
 * after the refresh began. Returns whether the session ended, and the later session if it did not.
 *
 * @internal
 */
export const sessionExpired =
  (old: Session, error: AppServicesError, by: "refresh" | "call") =>
  (current: Stored): Change<{ readonly ended: boolean; readonly later: Session | undefined }> => {
    const present = Option.isSome(current) ? current.value.session : undefined
    if (by === "refresh" && present !== undefined && !same(present.accessToken, old.accessToken)) {
      return nothing(current, { ended: false, later: present })
    }
    const change = ifStill(current, old, ({ profile: _, session: __, ...user }) => ({
      user: { ...user, ended: "SessionExpired" },
      announce: [{ _tag: "SessionExpired", error }]
    }))
    return { ...change, result: { ended: change.next !== current, later: change.result } }
  }

/** @internal */
export const isAnonymous = (user: StoredUser): boolean => user.providerType === "anon-user" && user.linked !== true

/**
 * A logout. It removes an anonymous user, which could never log in again, and with `remove` any user; a user that stays loses
 * its profile. Returns the refresh token of the session that ended.
 *
 * @internal
 */
export const loggedOut =
  (remove: boolean) =>
  (current: Stored): Change<Redacted.Redacted | undefined> => {
    if (Option.isNone(current)) return nothing(current, undefined)
    const { profile: _, session, ...user } = current.value
    const events: ReadonlyArray<UserEventPayload> = session === undefined ? [] : [{ _tag: "LoggedOut" }]
    const result = session?.refreshToken
    if (remove || (session !== undefined && isAnonymous(user))) {
      return { next: Option.none(), result, announce: [...events, { _tag: "Removed" }] }
    }
    return session === undefined
      ? nothing(current, undefined)
      : { next: Option.some({ ...user, ended: "LoggedOut" }), result, announce: events }
  }
