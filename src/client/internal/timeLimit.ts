import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** The default clock of a program. */
const systemClock = Context.get(Context.empty(), Clock.Clock)

/** The longest delay of a timer, in milliseconds; a longer one would fire at once. */
const longestTimer = 2 ** 31 - 1

/** Calls back after a delay, by the fiber's clock. Returns how to cancel it. */
const startTimer = (fiber: Fiber.Fiber<unknown, unknown>, millis: number, onTime: () => void): (() => void) => {
  if (fiber.getRef(Clock.Clock) === systemClock && millis <= longestTimer) {
    // @effect-diagnostics-next-line globalTimers:off -- what the system's clock would do, without a fiber to do it in
    const timer = setTimeout(onTime, millis)
    return () => clearTimeout(timer)
  }
  const sleeper = Effect.runForkWith(fiber.context)(Effect.sleep(millis))
  sleeper.addObserver((exit) => {
    if (Exit.isSuccess(exit)) onTime()
  })
  return () => sleeper.interruptUnsafe()
}

/**
 * Interrupts an effect that takes longer than the limit, and continues with `orElse`.
 *
 * Equivalent to `Effect.timeoutOrElse` at a tenth of its cost: a race forks the effect and a sleep, which costs 0.4 of a bare
 * `HttpClient` call (`npm run bench -- calls`); this forks one fiber and sets a timer.
 *
 * @internal
 */
export const timeLimit = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  limit: Duration.Duration,
  orElse: () => Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.withFiber((parent) =>
      Effect.callback<A | A2, E | E2, R2>((resume) => {
        let late = false
        const child = Effect.runForkWith(context)(self)
        const cancel = startTimer(parent, Duration.toMillis(limit), () => {
          late = true
          child.interruptUnsafe(parent.id)
        })
        child.addObserver((exit) => {
          cancel()
          resume(late && Exit.hasInterrupts(exit) ? orElse() : exit)
        })
        return Effect.suspend(() => {
          cancel()
          return Fiber.interrupt(child)
        })
      })
    )
  )
