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
export interface SingleFlight<A, E> {
  /** Joins the work of a key that is under way, or starts it. */
  readonly run: <R>(key: string, work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Starts the work of a key unless it is under way, and does not wait for it. */
  readonly start: <R>(key: string, work: Effect.Effect<A, E, R>) => Effect.Effect<void, never, R>
  /** Interrupts the work of a key and waits until it is over. */
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
    const board = <R>(key: string, work: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
      Effect.contextWith((context) => {
        if (closed) return Effect.interrupt
        const present = flights.get(key)
        if (present !== undefined) return Effect.succeed(present)
        // looking, starting and noting happen without a yield in between: two flights of a key cannot exist
        const flight = Effect.runForkWith(context)(work)
        flights.set(key, flight)
        flight.addObserver(() => flights.delete(key))
        return Effect.succeed(flight)
      })
    return {
      run: (key, work) => Effect.flatMap(board(key, work), Fiber.join),
      start: (key, work) => Effect.asVoid(board(key, work)),
      stop: (key) =>
        Effect.suspend(() => {
          const flight = flights.get(key)
          return flight === undefined ? Effect.void : Fiber.interrupt(flight)
        }),
      isRunning: (key) => flights.has(key)
    }
  })
