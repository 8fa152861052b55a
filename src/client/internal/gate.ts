import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * Tracks running effects: on scope close, waits for them and interrupts new ones.
 *
 * @internal
 */
export const make: Effect.Effect<
  <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const empty = yield* Deferred.make<void>()
  let closed = false
  let inside = 0
  yield* Effect.addFinalizer(() => {
    closed = true
    return inside === 0 ? Effect.void : Deferred.await(empty)
  })
  return (effect) =>
    Effect.suspend(() => {
      if (closed) return Effect.interrupt
      inside++
      return Effect.onExit(effect, () => {
        inside--
        return closed && inside === 0 ? Deferred.succeed(empty, undefined) : Effect.void
      })
    }).pipe(Effect.uninterruptible)
})
