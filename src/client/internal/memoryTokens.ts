import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { AppTokens, StoredUser, TokenStore } from "../TokenStore.ts"
import { TokenStoreKey } from "./tokenStoreKey.ts"

/**
 * The users of each application, made once.
 *
 * @internal
 */
export const perApp = (make: (appId: string) => AppTokens) => {
  const apps = new Map<string, AppTokens>()
  return (appId: string): AppTokens => {
    const present = apps.get(appId)
    if (present !== undefined) return present
    const tokens = make(appId)
    apps.set(appId, tokens)
    return tokens
  }
}

const users = (): AppTokens => {
  // insertion order is recency: the last one is the most recent
  const users = new Map<string, StoredUser>()
  let deviceId = Option.none<string>()
  return {
    get: (userId) => Effect.sync(() => Option.fromUndefinedOr(users.get(userId))),
    modify: (userId, change, options) =>
      Effect.sync(() => {
        const [result, next] = change(Option.fromUndefinedOr(users.get(userId)))
        if (options?.promote === true || Option.isNone(next)) users.delete(userId)
        if (Option.isSome(next)) users.set(userId, next.value)
        return result
      }),
    userIds: Effect.sync(() => Array.from(users.keys()).toReversed()),
    deviceId: Effect.sync(() => deviceId),
    setDeviceId: (id) =>
      Effect.sync(() => {
        deviceId = Option.some(id)
      })
  }
}

/**
 * `TokenStore.layerMemory`.
 *
 * @internal
 */
export const memory: Layer.Layer<TokenStore> = Layer.sync(TokenStoreKey, () => ({ forApp: perApp(users) }))
