/**
 * Layers that provide the whole SDK for one application.
 *
 * `HttpClient` is yours to choose: `FetchHttpClient.layer` of `effect/http` runs anywhere, `NodeAppServices` brings `undici`
 * for a backend, and tests use the embedded server without a socket.
 *
 * @example
 * ```ts
 * import { AppServices, AuthApi, Credentials } from "effect-app-services"
 * import { Effect, Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const Live = AppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   const user = yield* auth.logIn(Credentials.anonymous())
 *   return yield* user.functions.sum(20, 22)
 * }).pipe(Effect.provide(Live))
 * ```
 *
 * A program that is not Effect from end to end, such as a web page, builds the layer once, in a `ManagedRuntime`. Providing
 * it to each `Effect.runPromise` would build it each time, with an empty token store in memory and no logged-in user:
 *
 * @example
 * ```ts
 * import { AppServices, AuthApi, Credentials } from "effect-app-services"
 * import { Layer, ManagedRuntime } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const runtime = ManagedRuntime.make(
 *   AppServices.layer({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }).pipe(
 *     Layer.provide(FetchHttpClient.layer)
 *   )
 * )
 *
 * const logIn = async (): Promise<string> => {
 *   const user = await runtime.runPromise(AuthApi.use((auth) => auth.logIn(Credentials.anonymous())))
 *   return user.id
 * }
 * const sum = async (userId: string): Promise<unknown> => {
 *   const user = await runtime.runPromise(AuthApi.use((auth) => auth.user(userId)))
 *   return runtime.runPromise(user.functions.sum(20, 22))
 * }
 * ```
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as HttpClient from "effect/http/HttpClient"
import { ApiKeysApi } from "./ApiKeysApi.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import { AuthApi } from "./AuthApi.ts"
import { EmailPasswordApi } from "./EmailPasswordApi.ts"
import { FunctionsApi } from "./FunctionsApi.ts"
import { FunctionStreams } from "./FunctionStreams.ts"
import { MongoDb } from "./MongoDb.ts"
import { ProfileApi } from "./ProfileApi.ts"
import { PushApi } from "./PushApi.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import type * as Protocol from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"
import type * as SessionOptions from "./Sessions.ts"
import { memory } from "./internal/memoryTokens.ts"
import type { TokenStore } from "./TokenStore.ts"
import { UserEvents } from "./UserEvents.ts"

/**
 * How to reach an application, and how its sessions are kept.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Protocol.Options, SessionOptions.Options {}

/**
 * The services that the layers provide.
 *
 * @category models
 * @since 0.1.0
 */
export type Services =
  | AuthApi
  | EmailPasswordApi
  | FunctionsApi
  | FunctionStreams
  | MongoDb
  | ProfileApi
  | ApiKeysApi
  | PushApi
  | Sessions
  | UserEvents
  | ProtocolClient

/**
 * The operations of a user.
 *
 * @internal
 */
export const operations = Layer.mergeAll(
  FunctionsApi.layer,
  FunctionStreams.layer,
  MongoDb.layer,
  ProfileApi.layer,
  ApiKeysApi.layer,
  PushApi.layer
)

/**
 * The SDK over a token store and an `HttpClient` of your choice. Fails with `InvalidConfiguration` at an invalid option.
 *
 * @see `TokenStore` for the stores there are
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNoDeps = (
  options: Options
): Layer.Layer<Services, AppServicesError, TokenStore | HttpClient.HttpClient> =>
  Layer.mergeAll(AuthApi.layer, EmailPasswordApi.layer).pipe(
    Layer.provideMerge(operations),
    Layer.provideMerge(Sessions.layer(options)),
    Layer.provideMerge(UserEvents.layer),
    Layer.provideMerge(ProtocolClient.layer(options))
  )

/**
 * The SDK with sessions in memory, which end with the layer. Fails with `InvalidConfiguration` at an invalid option.
 *
 * @see {@link layerNoDeps} for sessions that outlive the process, {@link layerConfig} for options from the environment
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Services | TokenStore, AppServicesError, HttpClient.HttpClient> =>
  layerNoDeps(options).pipe(Layer.provideMerge(memory))

/**
 * {@link Options}, where each option may be a value or a `Config`.
 *
 * @category options
 * @since 0.1.0
 */
export type ConfigOptions = {
  readonly [Name in keyof Options]: Options[Name] | Config.Config<Options[Name]>
}

/**
 * Like {@link layer}, where each option may be a value or a `Config`. Fails with `ConfigError` if a `Config` does.
 *
 * @example
 * ```ts
 * import { AppServices } from "effect-app-services"
 * import { Config } from "effect"
 *
 * const FromEnv = AppServices.layerConfig({
 *   appId: Config.String("APP_ID"),
 *   baseUrl: Config.String("APP_BASE_URL")
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<Services | TokenStore, AppServicesError | Config.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrap(Effect.map(readOptions(options), layer))

/**
 * Like {@link layerNoDeps}, where each option may be a value or a `Config`. Fails with `ConfigError` if a `Config` does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfigNoDeps = (
  options: ConfigOptions
): Layer.Layer<Services, AppServicesError | Config.ConfigError, TokenStore | HttpClient.HttpClient> =>
  Layer.unwrap(Effect.map(readOptions(options), layerNoDeps))

const readOptions = Effect.fnUntraced(function* (options: ConfigOptions) {
  const read: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(options)) read[name] = Config.isConfig(option) ? yield* option : option
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each option is what its `Config` reads
  return read as unknown as Options
})
