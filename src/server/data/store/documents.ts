/** One collection in memory: its documents by `_id` in the order of insertion, and its indexes. */
import type { Condition } from "../../language/Filter.ts"
import { visitor } from "../../language/paths.ts"
import { keyOf, sizeOf } from "../../language/Value.ts"
import type { Document, Namespace } from "../Operation.ts"
import type { ChangeLog } from "./changeLog.ts"

/** A collection of a namespace: its documents, and the change log of its data source. */
export interface Collection {
  readonly name: string
  readonly namespace: Namespace
  readonly table: string
  readonly data: MemoryCollection
  readonly log: ChangeLog
}

/** The candidates of a filter: documents by id, or by an index. */
export interface Candidates {
  readonly keys: ReadonlyArray<string>
  readonly areIds: boolean
}

/** Stored documents are immutable: an update replaces them. */
export class MemoryCollection {
  readonly documents = new Map<string, Document>()
  #size = 0
  readonly #indexes = new Map<string, Map<string, Set<string>>>()

  /** Creates an index of a field. */
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

  /** The average size of a document, in bytes. */
  get averageSize(): number {
    return this.documents.size === 0 ? 0 : this.#size / this.documents.size
  }

  /** The candidate documents for all conditions, by the indexes; `undefined` if no index applies. */
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

  /** The indexed fields. */
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

/** The index keys of a field: of its value and its elements, and null if it is missing. */
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
