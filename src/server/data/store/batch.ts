/** Writes of one operation or transaction, before they are committed. */
import type { Document } from "../internal/bson.ts"
import { WriteConflict } from "../internal/failures.ts"
import * as Weights from "../internal/weights.ts"
import type { Change } from "./changeLog.ts"
import type { Collection } from "./documents.ts"

/** Documents by the key of their `_id`; `undefined` for one that is deleted. */
export type Documents = Map<string, Document | undefined>

export const entryOf = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let found = map.get(key)
  if (found === undefined) map.set(key, (found = make()))
  return found
}

/**
 * Writes that are not committed yet, as one reader sees them: over what is committed now or, for a transaction, over what
 * was committed when it began.
 */
export class Batch {
  /** What others have changed since, as it was before. */
  readonly past = new Map<Collection, Documents>()
  readonly writes = new Map<Collection, Documents>()
  readonly changes: Array<readonly [collection: Collection, change: Change]> = []
  /** Whether a document of it holds a number that no JavaScript number is. */
  wide = false
  /** The weight of what is written. */
  units = 0

  get(collection: Collection, key: string): Document | undefined {
    const written = this.writes.get(collection)
    if (written?.has(key) === true) return written.get(key)
    const past = this.past.get(collection)
    return past?.has(key) === true ? past.get(key) : collection.data.documents.get(key)
  }

  /** The documents that may match a filter, as few as the indexes tell. */
  *candidates(collection: Collection, filter: Document): Iterable<Document> {
    const { documents } = collection.data
    const candidates = collection.data.candidates(filter)
    const layered = candidates?.areIds === true ? new Set<string>() : this.#layered(collection)
    if (candidates === undefined && layered.size === 0) {
      for (const document of documents.values()) yield document
      return
    }
    for (const key of candidates?.keys ?? documents.keys()) {
      layered.delete(key)
      const document = this.get(collection, key)
      if (document !== undefined) yield document
    }
    for (const key of layered) {
      const document = this.get(collection, key)
      if (document !== undefined) yield document
    }
  }

  /** The weight of the documents that may match a filter. */
  reach(collection: Collection, filter: Document): number {
    const candidates = collection.data.candidates(filter)
    const of = (sum: number, key: string) => sum + Weights.ofValue(this.get(collection, key)).units
    if (candidates?.areIds === true) return candidates.keys.reduce(of, 0)
    const committed = candidates === undefined ? collection.data.units : candidates.keys.reduce(of, 0)
    return [...this.#layered(collection)].reduce(of, committed)
  }

  /** What is another document here than the one that is committed. */
  #layered(collection: Collection): Set<string> {
    return new Set([...(this.past.get(collection)?.keys() ?? []), ...(this.writes.get(collection)?.keys() ?? [])])
  }

  write(collection: Collection, key: string, document: Document | undefined, change: Change): void {
    if (this.past.get(collection)?.has(key) === true) throw conflict()
    entryOf(this.writes, collection, () => new Map()).set(key, document)
    this.changes.push([collection, change])
    const { units, wide } = Weights.ofValue(document)
    this.units += units
    this.wide ||= wide
  }

  conflicts(): boolean {
    for (const [collection, documents] of this.writes) {
      const past = this.past.get(collection)
      if (past !== undefined && Array.from(documents.keys()).some((key) => past.has(key))) return true
    }
    return false
  }
}

export const conflict = (): WriteConflict =>
  new WriteConflict({
    message: "WriteConflict error: this operation conflicted with another operation. Please retry your transaction."
  })
