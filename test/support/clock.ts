import { Clock, Effect } from "effect"

/**
 * Runs an effect on a clock that can jump: the wall clock alone, as when it is set, or both clocks, as when a machine sleeps
 * and wakes up. Timers follow the test's clock, so a jump makes them late.
 */
export const withJumps = <A, E, R>(
  use: (jump: (by: { readonly wall: number; readonly monotonic: number }) => void) => Effect.Effect<A, E, R>
) =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const ahead = { wall: 0, monotonic: 0 }
    const millis = () => clock.currentTimeMillisUnsafe() + ahead.wall
    const nanos = () => clock.currentTimeNanosUnsafe() + BigInt(ahead.wall) * 1_000_000n
    const monotonic = () => clock.monotonicTimeNanosUnsafe() + BigInt(ahead.monotonic) * 1_000_000n
    // the test's clock is adjusted through this one, so it keeps all other members
    const jumping = Object.assign(Object.create(clock) as Clock.Clock, {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: monotonic,
      monotonicTimeNanos: Effect.sync(monotonic)
    })
    const jump = (by: { readonly wall: number; readonly monotonic: number }) => {
      ahead.wall += by.wall
      ahead.monotonic += by.monotonic
    }
    return Effect.provideService(use(jump), Clock.Clock, jumping)
  })
