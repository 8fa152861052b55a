/** How many of the latest keys have a slot of their own. */
const width = 1024

/**
 * A map whose keys are consecutive 32-bit numbers, such as ids of calls, and whose entries are mostly removed soon.
 *
 * It does what a `Map` does, at less cost for the garbage collector: a `Map` that lives long rebuilds its table in the
 * engine's old generation as keys come and go, and the tables that it leaves behind keep all they held, such as whole
 * calls, alive until the next major collection. Here an entry is in a slot that its removal clears. An entry that is still
 * there when a later key needs its slot moves to a `Map`.
 *
 * @internal
 */
export class Slots<A> {
  readonly #keys = new Int32Array(width)
  readonly #entries: Array<A | undefined> = Array.from({ length: width }, () => undefined)
  /** Entries that lived longer than `width` further keys, in the order in which they moved. */
  readonly #old = new Map<number, A>()
  #filled = 0

  get size(): number {
    return this.#filled + this.#old.size
  }

  get(key: number): A | undefined {
    const at = key & (width - 1)
    const entry = this.#entries[at]
    if (entry !== undefined && this.#keys[at] === key) return entry
    return this.#old.size === 0 ? undefined : this.#old.get(key)
  }

  has(key: number): boolean {
    return this.get(key) !== undefined
  }

  /** Adds an entry; the key must be a new one. */
  add(key: number, entry: A & ({} | null)): void {
    const at = key & (width - 1)
    const before = this.#entries[at]
    if (before !== undefined) this.#old.set(this.#keys[at] ?? 0, before)
    else this.#filled++
    this.#keys[at] = key
    this.#entries[at] = entry
  }

  /** Removes an entry and returns it. */
  take(key: number): A | undefined {
    const at = key & (width - 1)
    const entry = this.#entries[at]
    if (entry !== undefined && this.#keys[at] === key) {
      this.#entries[at] = undefined
      this.#filled--
      return entry
    }
    if (this.#old.size === 0) return undefined
    const old = this.#old.get(key)
    this.#old.delete(key)
    return old
  }

  /** All entries by the order of their keys. */
  entries(): ReadonlyArray<readonly [key: number, entry: A]> {
    const all: Array<readonly [number, A]> = [...this.#old]
    for (let at = 0; this.#filled > 0 && at < width; at++) {
      const entry = this.#entries[at]
      if (entry !== undefined) all.push([this.#keys[at] ?? 0, entry])
    }
    // keys wrap around at 32 bits
    return all.toSorted(([a], [b]) => (a - b) | 0)
  }

  values(): ReadonlyArray<A> {
    return this.entries().map(([, entry]) => entry)
  }
}
