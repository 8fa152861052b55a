/** One collection in memory: its documents by `_id` in the order of insertion, and its indexes. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import * as Language from "./mongoLanguage.ts"

/** Documents that are stored are never changed: an update puts another one in their place. */
export class MemoryCollection {
  readonly documents = new Map<string, Document>()
  /** Whether any document ever held a number that no JavaScript number is. */
  wide = false
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
    this.wide ||= Bson.hasWide(document)
  }

  delete(key: string): void {
    const old = this.documents.get(key)
    if (old === undefined) return
    for (const field of this.#indexes.keys()) this.#removeFrom(field, key, old)
    this.documents.delete(key)
  }

  /** The documents that may match a filter, by their keys, as few as the indexes tell. */
  candidates(filter: Document): Iterable<readonly [key: string, document: Document]> {
    let fewest: ReadonlyArray<string> | undefined
    for (const [field, condition] of conditionsOf(filter)) {
      const index = this.#indexes.get(field)
      if (field !== "_id" && index === undefined) continue
      const asked = keysAsked(condition)
      if (asked === undefined) continue
      const keys = [...asked]
      const found = field === "_id" ? keys : [...new Set(keys.flatMap((key) => Array.from(index?.get(key) ?? [])))]
      if (fewest === undefined || found.length < fewest.length) fewest = found
    }
    return fewest === undefined ? this.documents : this.#byKeys(fewest)
  }

  /** The fields that are indexed. */
  get indexes(): ReadonlyArray<string> {
    return ["_id", ...this.#indexes.keys()]
  }

  *#byKeys(keys: ReadonlyArray<string>): Iterable<readonly [string, Document]> {
    for (const key of keys) {
      const document = this.documents.get(key)
      if (document !== undefined) yield [key, document]
    }
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
