import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/**
 * Deduplicates concurrent work by key.
 *
 * The work runs in its own fiber: interrupting a caller ends only its wait. Closing the scope interrupts the work in flight,
 * and nothing starts afterwards. `FiberMap.run` with `onlyIfMissing` does not do this: it hands later callers an interrupted
 * fiber instead of the running one.
 *
 * @internal
 */
export interface SingleFlight<A, E> {
  /** Joins the work of the key in flight, or starts it. */
  readonly run: <R>(key: string, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Starts the work of the key unless it is in flight, and does not wait for it. */
  readonly start: <R>(key: string, work: Effect.Effect<A, E, R>) => Effect.Effect<void, never, R>
  /** Interrupts the work of the key and waits until it has ended. */
  readonly stop: (key: string) => Effect.Effect<void>
  readonly isRunning: (key: string) => boolean
}

/** @internal */
export const make = <A, E>(): Effect.Effect<SingleFlight<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const flights = new Map<string, Fiber.Fiber<A, E>>()
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return Fiber.interruptAll(flights.values())
      })
    )
    const join = <R>(key: string, work: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
      Effect.contextWith((context) => {
        if (closed) return Effect.interrupt
        const present = flights.get(key)
        if (present !== undefined) return Effect.succeed(present)
        // no yield between the look-up and the entry: a key never has two flights
        const flight = Effect.runForkWith(context)(work)
        flights.set(key, flight)
        flight.addObserver(() => flights.delete(key))
        return Effect.succeed(flight)
      })
    return {
      run: (key, work) => Effect.flatMap(join(key, work), Fiber.join),
      start: (key, work) => Effect.asVoid(join(key, work)),
      stop: (key) =>
        Effect.suspend(() => {
          const flight = flights.get(key)
          return flight === undefined ? Effect.void : Fiber.interrupt(flight)
        }),
      isRunning: (key) => flights.has(key)
    }
  })
