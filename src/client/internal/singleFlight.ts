import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/**
 * Work that is shared by whoever asks for it while it is under way.
 *
 * The work runs in a fiber of its own: a caller that is interrupted stops waiting and disturbs nobody else. Closing the
 * scope interrupts what is under way, and nothing starts afterwards.
 *
 * @internal
 */
export const make = <A, E>(): Effect.Effect<
  <R>(key: string, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const flights = new Map<string, Fiber.Fiber<A, E>>()
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return Fiber.interruptAll(flights.values())
      })
    )
    return <R>(key: string, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.contextWith((context) => {
        if (closed) return Effect.interrupt
        let flight = flights.get(key)
        if (flight === undefined) {
          // looking, starting and noting happen without a yield in between: two flights of a key cannot exist
          flight = Effect.runForkWith(context)(work)
          flights.set(key, flight)
          flight.addObserver(() => flights.delete(key))
        }
        return Fiber.join(flight)
      })
  })
