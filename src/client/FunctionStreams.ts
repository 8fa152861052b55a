/**
 * Functions that answer with a stream of events, as one of an application's users.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { AppServicesError, FunctionFailed, UnexpectedValue } from "./AppServicesError.ts"
import { makeOpener, reconnecting } from "./internal/eventStream.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * How a stream is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface StreamOptions {
  /**
   * When to call the function again after the connection broke or the host ended the stream for its length; the access token
   * is renewed if need be. The function runs from its start again, and the schedule restarts with each event.
   *
   * @default never
   */
  readonly reconnect?: Schedule.Schedule<unknown, AppServicesError> | undefined
}

/**
 * The shape of {@link FunctionStreams}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /**
   * Calls a function when the stream runs, and emits what it answers, event by event, with back-pressure. The request ends
   * with the stream. `timeout` of the options of `AppServices.layer` limits the time until the answer begins; its length is
   * unlimited. Fails like `FunctionsApi.call`, and with `InvalidResponse` at a malformed event.
   */
  readonly stream: (
    userId: string,
    name: string,
    args: ReadonlyArray<unknown>,
    options?: StreamOptions
  ) => Stream.Stream<unknown, AppServicesError>
}

/**
 * Calls functions that answer with a stream of events. `user.callFunctionStreaming` is the same, bound to one user and
 * without reconnecting.
 *
 * @category services
 * @since 0.1.0
 */
export class FunctionStreams extends Context.Service<FunctionStreams, Service>()(
  "effect-app-services/client/FunctionStreams"
) {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient | Sessions> = Effect.gen(function* () {
    const open = makeOpener(yield* ProtocolClient, yield* Sessions)
    return {
      stream: (userId, name, args, options) => {
        const operation = { name: `FunctionStreams.stream(${name})`, kind: "function", subject: name } as const
        return reconnecting(
          () => open(operation, userId, { name, arguments: args }, (answer) => new FunctionFailed({ ...answer, name })),
          options?.reconnect
        )
      }
    }
  })

  /** The service over the wire client and the sessions. */
  static readonly layer: Layer.Layer<FunctionStreams, never, ProtocolClient | Sessions> = Layer.effect(this, this.make)

  /**
   * Decodes the events of a stream by a schema; an event that does not match fails with `UnexpectedValue`.
   *
   * @example
   * ```ts
   * import { AuthApi, FunctionStreams } from "effect-app-services"
   * import { Effect, Schema, Stream } from "effect"
   *
   * const Progress = Schema.Struct({ done: Schema.Finite, of: Schema.Finite })
   *
   * const importOrders = Effect.gen(function*() {
   *   const auth = yield* AuthApi
   *   const user = yield* auth.user("5f1d7f3e9c1b2a0012345678")
   *   yield* user.callFunctionStreaming("importOrders", "orders.csv").pipe(
   *     FunctionStreams.decoded(Progress),
   *     Stream.runForEach(({ done, of }) => Effect.log(`${done} of ${of}`))
   *   )
   * })
   * ```
   */
  static readonly decoded = <S extends Schema.Constraint>(schema: S) => {
    const decode = Schema.decodeUnknownEffect(schema)
    return (
      stream: Stream.Stream<unknown, AppServicesError>
    ): Stream.Stream<S["Type"], AppServicesError, S["DecodingServices"]> =>
      Stream.mapEffect(stream, (event) =>
        Effect.mapError(
          decode(event),
          ({ message }) =>
            new AppServicesError({
              operation: "FunctionStreams.decoded",
              reason: new UnexpectedValue({ problem: message })
            })
        )
      )
  }
}
