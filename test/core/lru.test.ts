import { assert, describe, it } from "@effect/vitest"
import * as Lru from "../../src/core/lru.ts"

describe("an LRU cache", () => {
  const filled = () => {
    const cache = new Map<string, number>()
    for (const [n, key] of ["a", "b", "c"].entries()) Lru.put(cache, key, n, 3)
    return cache
  }

  it("keeps as many entries as its capacity", () => {
    assert.deepStrictEqual([...filled().keys()], ["a", "b", "c"])
  })

  it("evicts the entry that was put least recently when a new one exceeds the capacity", () => {
    const cache = filled()
    Lru.put(cache, "d", 3, 3)
    assert.deepStrictEqual([...cache.keys()], ["b", "c", "d"])
  })

  it("makes an entry that is put again the most recently used one", () => {
    const cache = filled()
    Lru.put(cache, "a", 4, 3)
    Lru.put(cache, "d", 3, 3)
    assert.deepStrictEqual(
      [...cache],
      [
        ["c", 2],
        ["a", 4],
        ["d", 3]
      ]
    )
  })
})
