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
 * @category options
 * @since 0.1.0
 */
export interface StreamOptions {
  /**
   * When to call the function again after the connection broke or the host ended the stream for its length, with a token
   * that is good then; what the function answers starts anew. The schedule starts anew with each event. Default: never.
   */
  readonly reconnect?: Schedule.Schedule<unknown, AppServicesError> | undefined
}

/**
 * @category services
 * @since 0.1.0
 */
export class FunctionStreams extends Context.Service<
  FunctionStreams,
  {
    /**
     * Calls a function when the stream runs, and yields what it answers, event by event, as fast as they are taken. The
     * request ends with the stream. There is a time limit on the beginning of the answer, and none on its length.
     */
    stream(
      userId: string,
      name: string,
      args: ReadonlyArray<unknown>,
      options?: StreamOptions
    ): Stream.Stream<unknown, AppServicesError>
  }
>()("effect-app-services/client/FunctionStreams") {
  static readonly layer: Layer.Layer<FunctionStreams, never, ProtocolClient | Sessions> = Layer.effect(
    this,
    Effect.gen(function* () {
      const open = makeOpener(yield* ProtocolClient, yield* Sessions)
      return {
        stream: (userId, name, args, options) => {
          const operation = { name: `FunctionStreams.stream(${name})`, kind: "function", subject: name } as const
          return reconnecting(
            () =>
              open(operation, userId, { name, arguments: args }, (answer) => new FunctionFailed({ ...answer, name })),
            options?.reconnect
          )
        }
      }
    })
  )

  /**
   * Reads what a stream yields by a schema.
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
