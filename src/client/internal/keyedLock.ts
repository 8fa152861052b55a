import * as Effect from "effect/Effect"
import * as RcMap from "effect/RcMap"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

/**
 * A lock for each key that is in use, and none for the others.
 *
 * @internal
 */
export const make: Effect.Effect<
  (key: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  never,
  Scope.Scope
> = Effect.map(
  RcMap.make({ lookup: (_: string) => Semaphore.make(1) }),
  (locks) => (key) => (effect) =>
    Effect.acquireUseRelease(
      Scope.make(),
      (scope) =>
        Effect.flatMap(Effect.provideService(RcMap.get(locks, key), Scope.Scope, scope), (lock) =>
          lock.withPermit(effect)
        ),
      Scope.close
    )
)
