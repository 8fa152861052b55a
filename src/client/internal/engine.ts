import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { TokenStoreError } from "./tokenStoreError.ts"
import type { SharingTimes } from "../TokenRecords.ts"

/**
 * The times of the options in milliseconds, checked.
 *
 * @internal
 */
export const millisOf = Effect.fnUntraced(function* ({ lease, maxAge, timeout }: SharingTimes) {
  const times = { timeout: timeout ?? "5 seconds", lease: lease ?? "10 seconds", maxAge: maxAge ?? "10 seconds" }
  const millis = (name: keyof typeof times) => {
    const value = Option.match(Duration.fromInput(times[name]), { onNone: () => 0, onSome: Duration.toMillis })
    return Number.isFinite(value) && value > 0
      ? Effect.succeed(Math.ceil(value))
      : Effect.fail(new TokenStoreError({ message: `invalid ${name}: expected a finite duration above zero` }))
  }
  return { timeout: yield* millis("timeout"), lease: yield* millis("lease"), maxAge: yield* millis("maxAge") }
})

/**
 * Limits the time of an operation of an engine. The caller gets its answer at the limit even if the operation cannot be
 * interrupted, such as that of a client which waits for the engine to confirm the cancellation.
 *
 * @internal
 */
export const within =
  (engine: string, millis: number) =>
  <A, R>(operation: Effect.Effect<A, TokenStoreError, R>): Effect.Effect<A, TokenStoreError, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(Effect.interruptible(operation), { startImmediately: true }), (fiber) =>
        restore(
          Effect.timeoutOrElse(Fiber.join(fiber), {
            duration: millis,
            orElse: () => Effect.fail(new TokenStoreError({ message: `${engine} did not answer within ${millis} ms` }))
          })
        ).pipe(Effect.ensuring(Effect.sync(() => fiber.interruptUnsafe())))
      )
    )
