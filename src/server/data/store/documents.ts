/** One collection in memory: its documents by `_id` in the order of insertion, and its indexes. */
import type { Condition } from "../../language/Filter.ts"
import { visitor } from "../../language/paths.ts"
import { keyOf, sizeOf } from "../../language/Value.ts"
import type { Document } from "../Operation.ts"
import type { ChangeLog } from "./changeLog.ts"

/** A collection of a namespace: its documents and its change log. */
export interface Collection {
  readonly name: string
  readonly table: string
  readonly data: MemoryCollection
  readonly log: ChangeLog
}

/** Which documents may match a filter: those of some ids, or those that an index names, and no others. */
export interface Candidates {
  readonly keys: ReadonlyArray<string>
  readonly areIds: boolean
}

/** Documents that are stored are never changed: an update puts another one in their place. */
export class MemoryCollection {
  readonly documents = new Map<string, Document>()
  #size = 0
  readonly #indexes = new Map<string, Map<string, Set<string>>>()

  /** Keeps an index of a field, so that a search for a value of it looks at the documents that have it, and no others. */
  index(field: string): void {
    if (field === "_id" || this.#indexes.has(field)) return
    this.#indexes.set(field, new Map())
    for (const [key, document] of this.documents) this.#addTo(field, key, document)
  }

  put(key: string, document: Document): void {
    const old = this.documents.get(key)
    for (const field of this.#indexes.keys()) {
      if (old !== undefined) this.#removeFrom(field, key, old)
      this.#addTo(field, key, document)
    }
    this.documents.set(key, document)
    this.#size += sizeOf(document) - (old === undefined ? 0 : sizeOf(old))
  }

  delete(key: string): void {
    const old = this.documents.get(key)
    if (old === undefined) return
    for (const field of this.#indexes.keys()) this.#removeFrom(field, key, old)
    this.documents.delete(key)
    this.#size -= sizeOf(old)
  }

  /** The bytes of a document, on average. */
  get averageSize(): number {
    return this.documents.size === 0 ? 0 : this.#size / this.documents.size
  }

  /** The documents that may fulfil all conditions, as few as the indexes tell; nothing where they tell nothing. */
  candidates(conditions: ReadonlyArray<Condition>): Candidates | undefined {
    let fewest: ReadonlyArray<ReadonlySet<string>> | undefined
    let size = Infinity
    let areIds = false
    for (const condition of conditions) {
      if (condition.kind !== "in") continue
      const index = this.#indexes.get(condition.path)
      if (condition.path !== "_id" && index === undefined) continue
      const asked = new Set(condition.values.map(keyOf))
      const found = index === undefined ? [asked] : Array.from(asked, (key) => index.get(key) ?? none)
      const count = found.reduce((sum, keys) => sum + keys.size, 0)
      if (count >= size) continue
      fewest = found
      size = count
      areIds = index === undefined
    }
    return fewest && { keys: [...new Set(fewest.flatMap((keys) => Array.from(keys)))], areIds }
  }

  /** The fields that are indexed. */
  get indexes(): ReadonlyArray<string> {
    return ["_id", ...this.#indexes.keys()]
  }

  #addTo(field: string, key: string, document: Document): void {
    const index = this.#indexes.get(field)
    for (const value of indexed(document, field)) {
      const keys = index?.get(value)
      if (keys === undefined) index?.set(value, new Set([key]))
      else keys.add(key)
    }
  }

  #removeFrom(field: string, key: string, document: Document): void {
    const index = this.#indexes.get(field)
    for (const value of indexed(document, field)) {
      const keys = index?.get(value)
      keys?.delete(key)
      if (keys?.size === 0) index?.delete(value)
    }
  }
}

const none: ReadonlySet<string> = new Set()

/** The keys of the values that a condition of a field compares: those of its elements too, and null for a missing one. */
const indexed = (document: Document, field: string): ReadonlySet<string> => {
  const keys = new Set<string>()
  visitor(field)(
    document,
    (value) => {
      keys.add(keyOf(value ?? null))
      return false
    },
    -1
  )
  return keys
}
