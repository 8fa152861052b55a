/** Documents by the values of a field, as a filter of equality finds them: for `$lookup` and `$graphLookup`. */
import { make } from "../budget.ts"
import { visitor } from "../paths.ts"
import { isDocument, keyOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"

/** The documents of a collection with each value of a field; a missing one is found as null. */
export class Index {
  readonly #found = new Map<string, Array<Document>>()
  readonly #order = new Map<Document, number>()

  constructor(documents: Iterable<Document>, path: string) {
    const visit = visitor(path)
    let i = 0
    for (const document of documents) {
      make()
      this.#order.set(document, i++)
      visit(document, (value) => this.#add(keyOf(value === undefined ? null : value), document), -1)
    }
  }

  #add(key: string, document: Document): boolean {
    const list = this.#found.get(key)
    if (list === undefined) this.#found.set(key, [document])
    else if (list.at(-1) !== document) list.push(document)
    return false
  }

  /** The documents with one of several values, in their own order. */
  of(values: ReadonlyArray<Value>): ReadonlyArray<Document> {
    const [only] = values
    if (values.length === 1) return this.#found.get(keyOf(only)) ?? []
    const all = new Set<Document>()
    for (const value of values) for (const document of this.#found.get(keyOf(value)) ?? []) all.add(document)
    return [...all].toSorted((a, b) => (this.#order.get(a) ?? 0) - (this.#order.get(b) ?? 0))
  }
}

/** All values of a path; those of an array are its elements. */
export const valuesAt = (value: Value, path: ReadonlyArray<string>): ReadonlyArray<Value> => {
  const found: Array<Value> = []
  collect(value, path, 0, found)
  return found
}

const collect = (value: Value, path: ReadonlyArray<string>, from: number, found: Array<Value>): void => {
  const name = path[from]
  if (name === undefined) {
    if (Array.isArray(value)) found.push(...value)
    else if (value !== undefined) found.push(value)
  } else if (Array.isArray(value)) {
    for (const element of value) if (isDocument(element)) collect(element, path, from, found)
  } else if (isDocument(value)) collect(Object.hasOwn(value, name) ? value[name] : undefined, path, from + 1, found)
}
