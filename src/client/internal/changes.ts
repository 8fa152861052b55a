import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SharedChange } from "../AppTokens.ts"
import type { TokenStoreError } from "../TokenRecords.ts"
import { monotonicMillis } from "./deadlines.ts"

/** Between two attempts to listen, in milliseconds; touch that lasted for as long as the last one begins anew. */
const firstPause = 250
const lastPause = 10_000

/**
 * Hears what other processes change until the scope closes, and begins anew where touch was lost: not all at once, since
 * a store that comes back is met by every process that lost it. Succeeds as soon as it listens, or has found that the
 * store is away.
 *
 * @internal
 */
export const listen = Effect.fnUntraced(function* (
  changes: Effect.Effect<Stream.Stream<SharedChange, TokenStoreError>, TokenStoreError, Scope.Scope>,
  hear: (change: SharedChange) => Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const tried = yield* Deferred.make<void>()
  const touch = Effect.ensuring(changes, Deferred.succeed(tried, undefined)).pipe(
    Effect.flatMap(Stream.runForEach(hear)),
    Effect.scoped,
    Effect.result
  )
  yield* Effect.gen(function* () {
    for (let pause = firstPause; ; pause = Math.min(pause * 2, lastPause)) {
      const begun = yield* monotonicMillis
      const lost = yield* touch
      if ((yield* monotonicMillis) - begun >= lastPause) pause = firstPause
      if (pause === firstPause) {
        const why = Result.isFailure(lost) ? lost.failure.message : "the engine ended the subscription"
        yield* Effect.logWarning(`what other processes change is not heard for now: ${why}`)
      }
      yield* Effect.sleep(pause * (0.5 + (yield* Random.next) / 2))
    }
  }).pipe(Effect.forkScoped)
  yield* Deferred.await(tried)
})
