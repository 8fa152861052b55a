import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

/**
 * Mutual exclusion by key: effects of the same key run one after the other, those of different keys concurrently. A lock
 * exists only while its key is in use, so that keys cost no memory afterwards.
 *
 * @internal
 */
export const make = (): ((key: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  const locks = new Map<string, { readonly semaphore: Semaphore.Semaphore; users: number }>()
  return (key) => (effect) =>
    Effect.uninterruptibleMask((restore) => {
      const lock = locks.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      locks.set(key, lock)
      lock.users++
      return Effect.onExit(restore(lock.semaphore.withPermit(effect)), () => {
        if (--lock.users === 0) locks.delete(key)
        return Effect.void
      })
    })
}
