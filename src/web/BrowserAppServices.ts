/**
 * The SDK in a page of a browser: over `fetch`, with sessions that the tabs of an origin share.
 *
 * | layer             | sessions                         |
 * | ----------------- | -------------------------------- |
 * | `layer`           | in `localStorage`                |
 * | `layerNoDeps`     | in a store of yours: `IndexedDb` |
 *
 * Tabs refresh a session once for all of them, and a login, a logout, a switch or the end of a session in one tab is an event
 * in the others. Sessions that `realm-web` left in `localStorage` are found: its keys and its format are used.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as AppServices from "../client/AppServices.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import { perApp } from "../client/internal/memoryTokens.ts"
import { TokenStoreKey } from "../client/internal/tokenStoreKey.ts"
import type { TokenStore } from "../client/TokenStore.ts"
import * as RealmTokens from "./internal/realmTokens.ts"
import * as Tabs from "./internal/tabs.ts"
import { defaultStorage } from "./WebStorage.ts"
import type { Storage } from "./WebStorage.ts"

/**
 * Sessions in a synchronous storage, which the tabs of the origin share. In a browser that blocks storage, or where it is
 * full, sessions end with the page.
 *
 * @see `layer` for the whole SDK over it
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTokenStore = (
  options: {
    /** @default the part of `localStorage` that `realm-web` uses */
    readonly storage?: Storage | undefined
  } = {}
): Layer.Layer<TokenStore> =>
  Layer.effect(
    TokenStoreKey,
    Effect.map(Tabs.make(true), (tabs) => {
      const storage = options.storage ?? defaultStorage()
      return { forApp: perApp((appId) => RealmTokens.make(storage, appId, tabs).tokens) }
    })
  )

/**
 * The SDK over `fetch`, with sessions in `localStorage`. Fails with `InvalidConfiguration` at an invalid option.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials } from "effect-app-services"
 * import { BrowserAppServices } from "effect-app-services/browser"
 * import { ManagedRuntime } from "effect"
 *
 * export const runtime = ManagedRuntime.make(
 *   BrowserAppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" })
 * )
 * export const logIn = () => runtime.runPromise(AuthApi.use((auth) => auth.logIn(Credentials.anonymous({ reuse: true }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: AppServices.Options): Layer.Layer<AppServices.Services | TokenStore, AppServicesError> =>
  layerNoDeps(options).pipe(Layer.provideMerge(layerTokenStore()))

/**
 * Like {@link layer}, with sessions in a store of your choice.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNoDeps = (
  options: AppServices.Options
): Layer.Layer<AppServices.Services, AppServicesError, TokenStore> =>
  AppServices.layerNoDeps(options).pipe(Layer.provide(FetchHttpClient.layer))

/**
 * Like {@link layer}, with options that may be `Config`s. Fails with a `ConfigError` if one cannot be read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: AppServices.ConfigOptions
): Layer.Layer<AppServices.Services | TokenStore, AppServicesError | Config.ConfigError> =>
  layerConfigNoDeps(options).pipe(Layer.provideMerge(layerTokenStore()))

/**
 * Like {@link layerNoDeps}, with options that may be `Config`s. Fails with a `ConfigError` if one cannot be read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfigNoDeps = (
  options: AppServices.ConfigOptions
): Layer.Layer<AppServices.Services, AppServicesError | Config.ConfigError, TokenStore> =>
  AppServices.layerConfigNoDeps(options).pipe(Layer.provide(FetchHttpClient.layer))
