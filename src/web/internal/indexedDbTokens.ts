import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { perApp } from "../../client/internal/memoryTokens.ts"
import { TokenRecords } from "../../client/TokenRecords.ts"
import { TokenStore } from "../../client/TokenStore.ts"
import type { AppTokens } from "../../client/TokenStore.ts"
import { defaultStorage } from "../WebStorage.ts"
import * as IndexedDbRecords from "./indexedDbRecords.ts"
import * as RealmTokens from "./realmTokens.ts"
import * as Tabs from "./tabs.ts"

/**
 * Sessions in a database of IndexedDB, which the tabs of the origin share.
 *
 * @internal
 */
export const layer = (database: string): Layer.Layer<TokenStore> =>
  Layer.effect(
    TokenStore,
    Effect.gen(function* () {
      const tabs = yield* Tabs.make(false)
      const { opens, records } = yield* IndexedDbRecords.make(database)
      const store = yield* TokenStore.pipe(
        Effect.provide(TokenStore.layerRecords.pipe(Layer.provide(Layer.succeed(TokenRecords, records))))
      )
      return {
        forApp: perApp((appId) =>
          shared(yet(store.forApp(appId), moving(appId, store.forApp(appId), opens)), appId, tabs)
        )
      }
    })
  )

/** Announces every change to the other tabs. */
const shared = (tokens: AppTokens, appId: string, tabs: Tabs.Tabs | undefined): AppTokens =>
  tabs === undefined
    ? tokens
    : {
        ...tokens,
        modify: (userId, change, options) =>
          // a change that was made is announced
          Effect.uninterruptible(
            Effect.tap(tokens.modify(userId, change, options), (result) =>
              Effect.sync(() => tabs.announce(appId, userId, options?.announce?.(result) ?? []))
            )
          ),
        shared: tabs.sharing(appId, tokens.get)
      }

/** Does something once, before the first operation. */
const yet = (tokens: AppTokens, first: Effect.Effect<void>): AppTokens => {
  const done = Effect.runSync(Effect.cached(first))
  return {
    get: (userId) => Effect.andThen(done, tokens.get(userId)),
    modify: (userId, change, options) => Effect.andThen(done, tokens.modify(userId, change, options)),
    userIds: Effect.andThen(done, tokens.userIds),
    deviceId: Effect.andThen(done, tokens.deviceId),
    setDeviceId: (id) => Effect.andThen(done, tokens.setDeviceId(id))
  }
}

/** Moves the sessions that this package or `realm-web` left in `localStorage`, so that users stay logged in. */
const moving = (appId: string, tokens: AppTokens, opens: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const before = RealmTokens.make(defaultStorage(), appId)
    const ids = before.userIds()
    if (ids.length === 0 || !(yield* opens)) return
    const deviceId = yield* before.tokens.deviceId
    if (Option.isSome(deviceId)) yield* tokens.setDeviceId(deviceId.value)
    for (const id of ids.toReversed()) {
      const user = before.read(id)
      if (user === undefined) continue
      // another tab may have moved it already
      yield* tokens.modify(id, (present) => [undefined, Option.orElse(present, () => Option.some(user))])
      yield* before.tokens.modify(id, () => [undefined, Option.none()])
    }
  }).pipe(Effect.ignore)
