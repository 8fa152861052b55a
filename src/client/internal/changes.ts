import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SharedChange, SharedUsers } from "../AppTokens.ts"

/** Not all at once: a store that comes back is met by every process that lost it. */
const again = Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("10 seconds")]).pipe(Schedule.jittered)

/**
 * Hears what other processes change until the scope closes, and begins anew where touch was lost. Succeeds as soon as it
 * listens, or has found that the store is away.
 *
 * @internal
 */
export const listen = Effect.fnUntraced(function* (
  changes: SharedUsers["changes"],
  hear: (change: SharedChange) => Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const tried = yield* Deferred.make<void>()
  const subscribed = Effect.ensuring(changes, Deferred.succeed(tried, undefined)).pipe(
    Effect.tapError(({ message }) => Effect.logWarning(`what other processes change is not heard for now: ${message}`)),
    Effect.retry(again)
  )
  yield* Effect.flatMap(subscribed, Stream.runForEach(hear)).pipe(
    Effect.scoped,
    Effect.ignore,
    Effect.andThen(Effect.flatMap(Random.next, (random) => Effect.sleep(500 * random))),
    Effect.forever,
    Effect.forkScoped
  )
  yield* Deferred.await(tried)
})
