import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { accessTokenClaims, isTokenText } from "../../protocol/internal/token.ts"
import { StoredProfile } from "../../client/Profile.ts"
import { TokenStoreError } from "../../client/internal/tokenStoreError.ts"
import type { AppTokens, StoredUser } from "../../client/TokenStore.ts"
import { ProviderType } from "../../protocol/Provider.ts"
import type { Storage } from "../WebStorage.ts"
import type { Tabs } from "./tabs.ts"

/**
 * What `realm-web` does not store of a user. `of` is the end of the access token that the times are of: `realm-web` may have
 * stored another one since.
 */
const Rest = Schema.fromJsonString(
  Schema.Struct({
    of: Schema.optionalKey(Schema.String),
    receivedAt: Schema.optionalKey(Schema.Finite),
    expiresAt: Schema.optionalKey(Schema.Finite),
    linked: Schema.optionalKey(Schema.Boolean),
    ended: Schema.optionalKey(Schema.Literals(["LoggedOut", "SessionExpired"])),
    deviceId: Schema.optionalKey(Schema.String)
  })
)
const decodeRest = Schema.decodeUnknownOption(Rest)
const encodeRest = Schema.encodeSync(Rest)
const decodeProfile = Schema.decodeUnknownOption(Schema.fromJsonString(StoredProfile))
const decodeIds = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Schema.String)))
const isProviderType = Schema.is(ProviderType)

/** Enough of a token's signature to tell it from another. */
const endOf = (token: string): string => token.slice(-12)

/**
 * The users of an application in a synchronous storage, under the keys of `realm-web` 2 and in its format, so that its
 * sessions are found, and it finds ours. One key more for each user holds what `realm-web` does not know.
 *
 * @internal
 */
export interface RealmTokens {
  readonly tokens: AppTokens
  readonly userIds: () => ReadonlyArray<string>
  readonly read: (userId: string) => StoredUser | undefined
  /** A token as it is stored, whatever it is. */
  readonly token: (userId: string, name: TokenName) => string | null
  /** Replaces a token, as programs do that assign to `user.accessToken` or `user.refreshToken`. */
  readonly setToken: (userId: string, name: TokenName, token: string | null) => void
  /** Runs a logout that keeps the user, also an anonymous one. */
  readonly keeping: <A, E, R>(userId: string, logOut: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

type TokenName = "accessToken" | "refreshToken"

/**
 * The profile of a user ends with the session, unless it is kept, as by `realm-web`.
 *
 * @internal
 */
export const make = (storage: Storage, appId: string, tabs?: Tabs, keepsProfiles = false): RealmTokens => {
  const app = storage.prefix(`app(${appId})`)
  const kept = new Set<string>()
  const userIds = (): ReadonlyArray<string> =>
    Array.from(new Set(Option.getOrElse(decodeIds(app.get("userIds")), () => [])))
  const userOf = (userId: string) => app.prefix(`user(${userId})`)

  const read = (userId: string): StoredUser | undefined => {
    if (!userIds().includes(userId)) return undefined
    const user = userOf(userId)
    const providerType = user.get("providerType")
    if (!isProviderType(providerType)) return undefined
    const [access, refresh] = [user.get("accessToken") ?? "", user.get("refreshToken") ?? ""]
    const { ended, expiresAt, of, receivedAt, ...rest } = Option.getOrElse(
      decodeRest(user.get("rest")),
      (): typeof Rest.Type => ({})
    )
    const profile = decodeProfile(user.get("profile"))
    const known = of === endOf(access) && receivedAt !== undefined && expiresAt !== undefined
    return {
      id: userId,
      providerType,
      ...rest,
      ...(isTokenText(refresh)
        ? {
            session: {
              // one that cannot be sent is as good as expired
              accessToken: Redacted.make(isTokenText(access) ? access : "none"),
              refreshToken: Redacted.make(refresh),
              ...(known ? { receivedAt, expiresAt } : timesOf(access))
            }
          }
        : { ended: ended ?? "LoggedOut" }),
      ...(Option.isSome(profile) && { profile: profile.value })
    }
  }

  const write = (userId: string, { deviceId, ended, linked, profile, providerType, session }: StoredUser) => {
    const user = userOf(userId)
    const put = (key: string, value: string | undefined) =>
      value === undefined ? user.remove(key) : user.get(key) === value ? undefined : user.set(key, value)
    const access = session && Redacted.value(session.accessToken)
    put("providerType", providerType)
    put("accessToken", access)
    put("refreshToken", session && Redacted.value(session.refreshToken))
    put("profile", profile && JSON.stringify(profile))
    put(
      "rest",
      encodeRest({
        ...(session && { receivedAt: session.receivedAt, expiresAt: session.expiresAt, of: endOf(access ?? "") }),
        ...(linked !== undefined && { linked }),
        ...(ended !== undefined && { ended }),
        ...(deviceId !== undefined && { deviceId })
      })
    )
  }

  const forget = (userId: string) => {
    const user = userOf(userId)
    for (const key of ["providerType", "accessToken", "refreshToken", "profile", "rest"]) user.remove(key)
  }

  const get: AppTokens["get"] = (userId) => attempt(() => Option.fromUndefinedOr(read(userId)))

  const tokens: AppTokens = {
    get,
    modify: (userId, change, options) =>
      attempt(() => {
        const current = read(userId)
        const [result, next] = change(Option.fromUndefinedOr(current))
        const changed =
          Option.isNone(next) && current !== undefined && kept.has(userId)
            ? loggedOut(current)
            : Option.getOrUndefined(next)
        const profile = keepsProfiles && changed?.session === undefined ? current?.profile : undefined
        const user = changed && profile ? { ...changed, profile } : changed
        const ids = userIds()
        const others = ids.filter((id) => id !== userId)
        if (user === undefined) forget(userId)
        else write(userId, user)
        if (user === undefined ? others.length < ids.length : current === undefined || options?.promote === true) {
          app.set("userIds", JSON.stringify(user === undefined ? others : [userId, ...others]))
        }
        tabs?.announce(appId, userId, options?.announce?.(result) ?? [])
        return result
      }),
    userIds: attempt(() => userIds().filter((id) => read(id) !== undefined)),
    deviceId: Effect.sync(() => Option.fromNullOr(app.get("deviceId"))),
    setDeviceId: (id) => Effect.sync(() => app.set("deviceId", id)),
    shared: tabs?.sharing(appId, get)
  }

  return {
    tokens,
    userIds: () => userIds().filter((id) => read(id) !== undefined),
    read,
    token: (userId, name) => userOf(userId).get(name),
    setToken: (userId, name, token) => (token === null ? userOf(userId).remove(name) : userOf(userId).set(name, token)),
    keeping: (userId, logOut) =>
      Effect.suspend(() => {
        kept.add(userId)
        return Effect.ensuring(
          logOut,
          Effect.sync(() => kept.delete(userId))
        )
      })
  }
}

const loggedOut = ({ profile: _, session: __, ...user }: StoredUser): StoredUser => ({ ...user, ended: "LoggedOut" })

/** The times of a token that `realm-web` stored, by the host's clock; one that cannot be read has expired. */
const timesOf = (access: string) => {
  const claims = Effect.runSync(Effect.option(accessTokenClaims(Redacted.make(access))))
  return Option.isSome(claims)
    ? { receivedAt: claims.value.iat * 1000, expiresAt: claims.value.exp * 1000 }
    : { receivedAt: 0, expiresAt: 0 }
}

const attempt = <A>(use: () => A): Effect.Effect<A, TokenStoreError> =>
  Effect.try({
    try: use,
    catch: () => new TokenStoreError({ message: "the storage could not be read or written" })
  })
