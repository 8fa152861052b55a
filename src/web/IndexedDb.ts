/**
 * Sessions in IndexedDB, for a page whose workers need them too: a worker has no `localStorage`.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import type * as AppServices from "../client/AppServices.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import type { TokenStore } from "../client/TokenStore.ts"
import * as BrowserAppServices from "./BrowserAppServices.ts"
import * as IndexedDbTokens from "./internal/indexedDbTokens.ts"

/**
 * Sessions in a database of IndexedDB, which the tabs and workers of the origin share. Sessions that `BrowserAppServices.layer`
 * or `realm-web` left in `localStorage` move there. In a browser that blocks IndexedDB, or where it is full, sessions end with
 * the page.
 *
 * @see `layer` for the whole SDK over it
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTokenStore = (
  options: {
    /**
     * The name of the database.
     *
     * @default "effect-app-services"
     */
    readonly database?: string | undefined
  } = {}
): Layer.Layer<TokenStore> => IndexedDbTokens.layer(options.database ?? "effect-app-services")

/**
 * `BrowserAppServices.layer` with sessions in IndexedDB.
 *
 * @example
 * ```ts
 * import { IndexedDb } from "effect-app-services/browser"
 * import { ManagedRuntime } from "effect"
 *
 * export const runtime = ManagedRuntime.make(
 *   IndexedDb.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" })
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: AppServices.Options): Layer.Layer<AppServices.Services | TokenStore, AppServicesError> =>
  BrowserAppServices.layerNoDeps(options).pipe(Layer.provideMerge(layerTokenStore()))

/**
 * Like {@link layer}, with options that may be `Config`s. Fails with a `ConfigError` if one cannot be read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: AppServices.ConfigOptions
): Layer.Layer<AppServices.Services | TokenStore, AppServicesError | Config.ConfigError> =>
  BrowserAppServices.layerConfigNoDeps(options).pipe(Layer.provideMerge(layerTokenStore()))
