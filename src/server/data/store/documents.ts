/** One collection in memory: its documents by `_id` in the order of insertion, and its indexes. */
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Language from "../internal/mongoLanguage.ts"
import * as Weights from "../internal/weights.ts"
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
  /** Whether any document ever held a number that no JavaScript number is. */
  wide = false
  /** The weight of all documents. */
  units = 0
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
    const { units, wide } = Weights.ofValue(document)
    this.units += units - (old === undefined ? 0 : Weights.ofValue(old).units)
    this.wide ||= wide
  }

  delete(key: string): void {
    const old = this.documents.get(key)
    if (old === undefined) return
    for (const field of this.#indexes.keys()) this.#removeFrom(field, key, old)
    this.documents.delete(key)
    this.units -= Weights.ofValue(old).units
  }

  /** The documents that may match a filter, as few as the indexes tell; nothing where they tell nothing. */
  candidates(filter: Document): Candidates | undefined {
    let fewest: ReadonlyArray<ReadonlySet<string>> | undefined
    let size = Infinity
    let areIds = false
    for (const [field, condition] of conditionsOf(filter)) {
      const index = this.#indexes.get(field)
      if (field !== "_id" && index === undefined) continue
      const asked = keysAsked(condition)
      if (asked === undefined) continue
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

/** What a search for a value compares it with. */
const indexed = (document: Document, field: string): ReadonlySet<string> =>
  new Set(Language.candidates(document, field).map(Bson.key))

/** The conditions that all have to hold, by field. */
const conditionsOf = (filter: Document): ReadonlyArray<readonly [field: string, condition: unknown]> =>
  Object.entries(filter).flatMap(([name, value]) =>
    name === "$and" && Array.isArray(value) ? value.filter(Bson.isDocument).flatMap(conditionsOf) : [[name, value]]
  )

/** The keys of the values that a condition asks a field to equal; nothing where it asks for anything else. */
const keysAsked = (condition: unknown): ReadonlySet<string> | undefined => {
  if (condition === undefined || condition instanceof RegExp) return undefined
  if (!Bson.isDocument(condition)) return new Set([Bson.key(condition)])
  if (!Object.keys(condition).some((name) => name.startsWith("$"))) return new Set([Bson.key(condition)])
  if ("$eq" in condition) return new Set([Bson.key(condition["$eq"])])
  const wanted = condition["$in"]
  if (!Array.isArray(wanted) || wanted.some((it) => it instanceof RegExp)) return undefined
  return new Set(wanted.map(Bson.key))
}
