/**
 * The SDK for a Node backend, over the HTTP client `undici` with its connection pool.
 *
 * | layer                | options                 | sessions              |
 * | -------------------- | ----------------------- | --------------------- |
 * | `layer`              | values                  | in memory             |
 * | `layerNoDeps`        | values                  | in a store of yours   |
 * | `layerConfig`        | values or `Config`s     | in memory             |
 * | `layerConfigNoDeps`  | values or `Config`s     | in a store of yours   |
 *
 * @since 0.1.0
 */
import type { Dispatcher } from "@effect/platform-node/NodeHttpClient"
import type * as Config from "effect/Config"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as AppServices from "../client/AppServices.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import type { TokenStore } from "../client/TokenStore.ts"
import * as UndiciClient from "./internal/undiciClient.ts"

/**
 * The `HttpClient` of these layers: `undici` with a pool of connections of its own, which close with the layer. Requests and
 * small answers go through no stream, which halves the cost of a call beside `NodeHttpClient.layerUndici`. It does not follow
 * redirects. In Bun, which has no `undici`, it is `fetch`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClient: Layer.Layer<HttpClient.HttpClient> = UndiciClient.layer

/**
 * Like {@link layerHttpClient}, over a dispatcher of your choice: a proxy, a client certificate, a Unix socket.
 *
 * @example
 * ```ts
 * import { NodeHttpClient } from "@effect/platform-node"
 * import { AppServices } from "effect-app-services"
 * import { NodeAppServices } from "effect-app-services/node"
 * import { Layer } from "effect"
 *
 * const Live = AppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }).pipe(
 *   Layer.provide(NodeAppServices.layerHttpClientNoDeps),
 *   Layer.provide(NodeHttpClient.layerDispatcherOptions({ connections: 64 }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttpClientNoDeps: Layer.Layer<HttpClient.HttpClient, never, Dispatcher> = UndiciClient.layerNoDeps

/**
 * The SDK with sessions in memory, over `undici`. Fails with `InvalidConfiguration` at an invalid option.
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
  AppServices.layer(options).pipe(Layer.provide(layerHttpClient))

/**
 * Like {@link layer}, with sessions in a store of your choice.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNoDeps = (
  options: AppServices.Options
): Layer.Layer<AppServices.Services, AppServicesError, TokenStore> =>
  AppServices.layerNoDeps(options).pipe(Layer.provide(layerHttpClient))

/**
 * Like {@link layer}, with options that may be `Config`s. Fails with a `ConfigError` if one cannot be read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: AppServices.ConfigOptions
): Layer.Layer<AppServices.Services | TokenStore, AppServicesError | Config.ConfigError> =>
  AppServices.layerConfig(options).pipe(Layer.provide(layerHttpClient))

/**
 * Like {@link layerNoDeps}, with options that may be `Config`s: the usual backend. Fails with a `ConfigError` if one cannot
 * be read.
 *
 * @example
 * ```ts
 * import { NodeAppServices, NodeTokenStore } from "effect-app-services/node"
 * import { Config, Layer } from "effect"
 *
 * const Live = NodeAppServices.layerConfigNoDeps({
 *   appId: Config.String("APP_ID"),
 *   baseUrl: Config.String("APP_BASE_URL")
 * }).pipe(Layer.provide(NodeTokenStore.layerFile(".sessions")))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfigNoDeps = (
  options: AppServices.ConfigOptions
): Layer.Layer<AppServices.Services, AppServicesError | Config.ConfigError, TokenStore> =>
  AppServices.layerConfigNoDeps(options).pipe(Layer.provide(layerHttpClient))
