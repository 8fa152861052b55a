/**
 * Reads by key, several in one: a read that is asked for while others are under way waits for the next one, together with all
 * that come meanwhile. Each begins after it was asked for, so it sees what was acknowledged before.
 */
import type * as Effect from "effect/Effect"
import type { DatabaseError } from "../../../data/DatabaseError.ts"
import { attempt } from "../errors.ts"

/** How many reads may be under way at the same time. */
const atOnce = 4

/** The most keys of one read. */
const mostKeys = 500

interface Batch<K, V> {
  readonly keys: Map<string, K>
  readonly found: Promise<ReadonlyMap<string, V>>
}

/** Makes the reads of keys by one that reads several, and answers by their names. */
export const make = <K, V>(
  nameOf: (key: K) => string,
  load: (keys: ReadonlyArray<K>) => Promise<ReadonlyMap<string, V>>
): ((key: K) => Effect.Effect<V | undefined, DatabaseError>) => {
  let running = 0
  let next: Batch<K, V> | undefined
  const waiting: Array<() => void> = []

  const start = async (keys: ReadonlyMap<string, K>): Promise<ReadonlyMap<string, V>> => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    // those that come in the same turn are of this batch, too
    else await Promise.resolve()
    running++
    if (next?.keys === keys) next = undefined
    try {
      return await load([...keys.values()])
    } finally {
      running--
      waiting.shift()?.()
    }
  }

  return (key) =>
    attempt(async () => {
      if (next === undefined || next.keys.size >= mostKeys) {
        const keys = new Map<string, K>()
        next = { keys, found: start(keys) }
      }
      const name = nameOf(key)
      next.keys.set(name, key)
      return (await next.found).get(name)
    })
}
