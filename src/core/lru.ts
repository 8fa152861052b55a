/**
 * Puts an entry into an LRU cache: a `Map` whose insertion order is the order of use. The entry becomes the most recently
 * used one; beyond `capacity` entries the least recently used one is evicted.
 *
 * @internal
 */
export const put = <K, V>(cache: Map<K, V>, key: K, value: V, capacity: number): void => {
  cache.delete(key)
  cache.set(key, value)
  if (cache.size <= capacity) return
  const oldest = cache.keys().next()
  if (oldest.done !== true) cache.delete(oldest.value)
}
