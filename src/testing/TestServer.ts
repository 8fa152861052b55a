/**
 * The SDK over the embedded server, without a socket: a whole application in a test, on the test's clock.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials } from "effect-app-services"
 * import { App } from "effect-app-services/server"
 * import { TestServer } from "effect-app-services/testing"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const app = App.make({
 *   id: "my-app",
 *   providers: { anonymous: true },
 *   functions: { sum: (a: number, b: number) => a + b }
 * })
 *
 * const test = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   const user = yield* auth.logIn(Credentials.anonymous())
 *   yield* TestClock.adjust("31 minutes") // the access token expires on both sides
 *   return yield* user.functions.sum(20, 22) // and is refreshed
 * }).pipe(Effect.provide(TestServer.layer(app)))
 * ```
 *
 * @since 0.1.0
 */
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as AppServices from "../client/AppServices.ts"
import type { AppServicesError } from "../client/AppServicesError.ts"
import type { TokenStore } from "../client/TokenStore.ts"
import type { App } from "../server/App.ts"
import * as AppServicesServer from "../server/AppServicesServer.ts"
import * as Faults from "./Faults.ts"

/**
 * How the SDK is used, and what goes wrong between it and the server.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<AppServices.Options, "appId" | "baseUrl"> {
  /** What happens to the SDK's requests. Those of the test's own `HttpClient` are left alone. */
  readonly faults?: ReadonlyArray<Faults.Rule> | undefined
}

/**
 * Serves an application in process and connects the SDK to it. The `HttpClient` is provided too, for requests of a
 * test's own, and so are the server's `Inbox`, where e-mails end up, and `Admin`. Passwords are hashed cheaply.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  app: App,
  { faults, ...options }: Options = {}
): Layer.Layer<
  AppServices.Services | AppServicesServer.Services | TokenStore | HttpClient.HttpClient,
  AppServicesError
> =>
  AppServices.layer({ ...options, appId: app.id, baseUrl: "http://in-process.test" }).pipe(
    Layer.provide(Faults.layer(faults ?? [])),
    Layer.provideMerge(AppServicesServer.layerHttpClient(app, { passwordHashing: "testing" }))
  )
