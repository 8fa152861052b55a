/** Writes of one operation or transaction, before they are committed. */
import type { Condition } from "../../language/Filter.ts"
import { checkSize } from "../internal/evaluate.ts"
import { WriteConflict } from "../internal/failures.ts"
import type { Document } from "../Operation.ts"
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
 * Uncommitted writes as one reader sees them: on top of the committed state or, in a transaction, of the snapshot at
 * its beginning.
 */
export class Batch {
  /** Documents that others have changed since, in their earlier version. */
  readonly past = new Map<Collection, Documents>()
  readonly writes = new Map<Collection, Documents>()
  /** The changes, with the approximate bytes of their documents. */
  readonly changes: Array<readonly [collection: Collection, change: Change, size: number]> = []
  /** The bytes of the writes. */
  size = 0

  get(collection: Collection, key: string): Document | undefined {
    const written = this.writes.get(collection)
    if (written?.has(key) === true) return written.get(key)
    const past = this.past.get(collection)
    return past?.has(key) === true ? past.get(key) : collection.data.documents.get(key)
  }

  /** The candidate documents for all conditions, by the indexes. */
  *candidates(collection: Collection, conditions: ReadonlyArray<Condition>): Iterable<Document> {
    const { documents } = collection.data
    const candidates = collection.data.candidates(conditions)
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

  /** The approximate size of the candidate documents, in bytes. */
  reach(collection: Collection, conditions: ReadonlyArray<Condition>): number {
    const { data } = collection
    const candidates = data.candidates(conditions)
    const written = (this.writes.get(collection)?.size ?? 0) + (this.past.get(collection)?.size ?? 0)
    const count = candidates === undefined ? data.documents.size : candidates.keys.length
    return (count + written) * data.averageSize + this.size
  }

  /** The keys whose document differs from the committed one. */
  #layered(collection: Collection): Set<string> {
    return new Set([...(this.past.get(collection)?.keys() ?? []), ...(this.writes.get(collection)?.keys() ?? [])])
  }

  write(collection: Collection, key: string, document: Document | undefined, change: Change): void {
    if (this.past.get(collection)?.has(key) === true) throw conflict()
    // a rejected document is not written
    const size = document === undefined ? collection.data.averageSize : checkSize(document)
    if (document !== undefined) this.size += size
    entryOf(this.writes, collection, () => new Map()).set(key, document)
    this.changes.push([collection, change, "before" in change ? 2 * size : size])
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
