import { Effect, Layer, Schedule } from "effect"
import type { HttpClient } from "effect/http"
import { AppServices, AuthApi, Credentials } from "effect-app-services"

/** The SDK over a transport, without retries by default. */
export const sdk = (transport: Layer.Layer<HttpClient.HttpClient>, options: Partial<AppServices.Options> = {}) =>
  AppServices.layer({
    appId: "my-app",
    baseUrl: "http://base.test",
    retrySchedule: Schedule.recurs(0),
    ...options
  }).pipe(Layer.provide(transport))

export const logIn = AuthApi.use((auth) => auth.logIn(Credentials.anonymous()))

/** The failure of an effect, and its printed forms. */
export const failure = <A, E extends { readonly message: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flip(effect)
