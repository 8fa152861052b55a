/**
 * The SDK for a Node backend, over the HTTP client `undici` with its connection pool.
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import * as AppServices from "../client/AppServices.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import type { TokenStore } from "../client/TokenStore.ts"

/**
 * The SDK with sessions in memory, over `undici`.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials } from "effect-app-services"
 * import { NodeAppServices } from "effect-app-services/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   return (yield* auth.logIn(Credentials.anonymous())).id
 * }).pipe(Effect.provide(NodeAppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" })))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: AppServices.Options): Layer.Layer<AppServices.Services | TokenStore, AppServicesError> =>
  AppServices.layer(options).pipe(Layer.provide(NodeHttpClient.layerUndici))

/**
 * Like {@link layer}, with options that may be `Config`s. Fails with a `ConfigError` if one cannot be read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Parameters<typeof AppServices.layerConfig>[0]
): Layer.Layer<AppServices.Services | TokenStore, AppServicesError | Config.ConfigError> =>
  AppServices.layerConfig(options).pipe(Layer.provide(NodeHttpClient.layerUndici))
